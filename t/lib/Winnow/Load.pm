# SPDX-License-Identifier: MIT
package Winnow::Load;

# Clients that send mail for as long as a test wants, each in its own process,
# and keep a ledger: one line for each attempt, written before the next one.
#
#    ACK id    answered 250              must arrive
#    NAK id    answered 4xx or 5xx       must not arrive unless tried again
#    DOUBT id  no answer after the dot   may arrive
#    REFUSED   no connection
#    BROKEN    connection lost before the dot
#
# With spam => TEXT every fifth message holds that text, and is to be refused:
#
#    STOPPED id  it was
#    MISSED id   it was taken

use strict;
use warnings;
use v5.32;

use IO::Handle;
use POSIX ();
use Time::HiRes qw(sleep time);
use Winnow::Smtp;

sub start {
    my ($class, %option) = @_;
    my $self = bless { %option, pids => [] }, $class;

    $self->{clients} //= 4;
    for my $n (1 .. $self->{clients}) {
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            $self->client($n);
            POSIX::_exit(0);
        }
        push @{ $self->{pids} }, $pid;
    }
    return $self;
}

sub client {
    my ($self, $n) = @_;
    my $serial = 0;
    my $smtp;

    $SIG{TERM} = sub { POSIX::_exit(0) };
    open my $ledger, '>>', "$self->{ledger}.$n" or POSIX::_exit(1);
    $ledger->autoflush(1);
    until (-e "$self->{ledger}.stop") {
        my $id = "$$-" . ++$serial;
        if (!$smtp || $serial % ($self->{per_connection} // 5) == 0) {
            $smtp->quit if $smtp;
            $smtp = Winnow::Smtp->new(port => $self->{port}, timeout => 30);
            if (!$smtp) {
                print $ledger "REFUSED $id\n";
                sleep 0.05;
                next;
            }
            if (($smtp->{banner} // '') !~ /^220/) {
                print $ledger ($smtp->{banner} // '') eq '' ? "BROKEN $id\n" : "NAK $id $smtp->{banner}\n";
                undef $smtp;
                sleep 0.05;
                next;
            }
        }
        my $outcome = $self->one($smtp, $id);
        print $ledger "$outcome\n";
        undef $smtp if $outcome !~ /^(?:ACK|STOPPED)/;
        sleep $self->{pause} if $self->{pause};
        last if $self->{messages} && $serial >= $self->{messages};
    }
    $smtp->quit if $smtp;
}

sub one {
    my ($self, $smtp, $id) = @_;
    my $to = ref $self->{to} ? $self->{to}[ rand @{ $self->{to} } ] : $self->{to};
    my $size = int(200 + rand($self->{size} // 4000));
    my $body = "X-Test-Id: $id\nSubject: test $id\n\n" . ("$id line\n" x ($size / (length($id) + 6)));
    my $spam = $self->{spam} && $id =~ /[05]$/;
    $body .= "$self->{spam}\n" if $spam;

    for my $line ("MAIL FROM:<load\@sender.test>", "RCPT TO:<$to>", 'DATA') {
        my $reply = $smtp->cmd($line);
        return "BROKEN $id" if !defined $reply || $reply eq '';
        return "NAK $id $reply" if $reply !~ /^[23]/;
    }
    return "DOUBT $id" unless $smtp->send_raw(Winnow::Smtp::wire($body));
    my $reply = $smtp->reply;
    return "DOUBT $id" if !defined $reply || $reply eq '';
    return ($reply =~ /^5/ ? 'STOPPED' : $reply =~ /^250/ ? 'MISSED' : 'NAK') . " $id $reply" if $spam;
    return $reply =~ /^250/ ? "ACK $id" : "NAK $id $reply";
}

sub stop {
    my ($self) = @_;
    open my $out, '>', "$self->{ledger}.stop";
    close $out;
    waitpid $_, 0 for @{ $self->{pids} };
    $self->{pids} = [];
    return $self->read_ledger;
}

sub wait {
    my ($self) = @_;
    waitpid $_, 0 for @{ $self->{pids} };
    $self->{pids} = [];
    return $self->read_ledger;
}

sub read_ledger {
    my ($self) = @_;
    my %ledger;

    for my $path (glob "$self->{ledger}.*") {
        open my $in, '<', $path or next;
        while (<$in>) {
            my ($outcome, $id, $rest) = /^(\w+) (\S+) ?(.*)/ or next;
            push @{ $ledger{$outcome} }, $id;
            push @{ $ledger{reply} }, $rest if $outcome eq 'NAK';
        }
    }
    return \%ledger;
}

# How often each id reached the sinks.
sub arrived {
    my $times = arrival_times(@_);

    return { map { $_ => scalar @{ $times->{$_} } } keys %$times };
}

# When each copy of each id was written by its sink (Unix seconds).
sub arrival_times {
    my ($w, @sinks) = @_;
    my %times;

    for my $sink (@sinks ? @sinks : 'default') {
        my $dir = $w->{sinks}{$sink}{dir};
        for my $path (glob "$dir/*.eml") {
            open my $in, '<:raw', $path or next;
            my $at = (Time::HiRes::stat($in))[9];
            while (<$in>) {
                if (/^X-Test-Id: (\S+)\r$/) { push @{ $times{$1} }, $at; last }
                last if /^\r$/;
            }
        }
    }
    return \%times;
}

sub DESTROY {
    my ($self) = @_;
    local $?;
    for my $pid (@{ $self->{pids} }) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }
}

1;
