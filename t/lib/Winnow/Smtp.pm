# SPDX-License-Identifier: MIT
package Winnow::Smtp;

# A plain SMTP client for tests: says what it is told, byte for byte, and reads
# whole replies.

use strict;
use warnings;
use v5.32;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

sub new {
    my ($class, %option) = @_;
    my $self = bless { buffer => '', timeout => $option{timeout} // 20 }, $class;

    $self->{socket} = IO::Socket::INET->new(
        PeerAddr => $option{host} // '127.0.0.1',
        PeerPort => $option{port},
        ($option{from} ? (LocalAddr => $option{from}) : ()),
        Timeout => 10,
    ) or return undef;
    setsockopt($self->{socket}, IPPROTO_TCP, TCP_NODELAY, 1);
    $self->{socket}->blocking(1);
    return $self if $option{silent};
    $self->{banner} = $self->reply;
    $self->{ehlo} = $self->cmd('EHLO ' . ($option{helo} // 'client.test'))
        unless $option{no_ehlo};
    return $self;
}

sub send_raw {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;

    while ($at < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $at, $at;
        return 0 unless defined $n;
        $at += $n;
    }
    return 1;
}

sub fill {
    my ($self, $end) = @_;
    my $left = $end - time;

    return 0 if $left <= 0;
    return 0 unless IO::Select->new($self->{socket})->can_read($left);
    my $n = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    return $n ? 1 : 0;
}

# One whole reply as text with LF line ends, without the last; "" when the
# connection is closed, undef when nothing came in time.
sub reply {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // $self->{timeout});

    until ($self->{buffer} =~ /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r\n/) {
        next if $self->fill($end);
        return time >= $end ? undef : '';
    }
    $self->{buffer} =~ s/^((?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?)\r\n//;
    my $reply = $1;
    $reply =~ s/\r\n/\n/g;
    return $reply;
}

sub cmd {
    my ($self, $line, $seconds) = @_;
    $self->send_raw("$line\r\n");
    return $self->reply($seconds);
}

# True once the peer has closed.
sub is_closed {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // 10);

    while (time < $end) {
        next if $self->fill($end);
        return time < $end;
    }
    return 0;
}

# LF text to wire form with the final dot.
sub wire {
    my ($text) = @_;
    $text =~ s/\r?\n/\r\n/g;
    return stuff($text);
}

# Exact bytes (CRLF lines) to wire form with the final dot.
sub stuff {
    my ($text) = @_;
    $text =~ s/^\./../mg;
    $text .= "\r\n" unless $text eq '' || $text =~ /\r\n\z/;
    return "$text.\r\n";
}

# A whole transaction; the reply that ended it.  message has LF line ends.
sub mail {
    my ($self, %mail) = @_;
    my @to = ref $mail{to} ? @{ $mail{to} } : $mail{to};
    my $reply = $self->cmd("MAIL FROM:<$mail{from}>" . ($mail{options} // ''));
    my $accepted = 0;

    $self->{rcpt} = [];
    return $reply unless ($reply // '') =~ /^2/;
    for my $to (@to) {
        $reply = $self->cmd("RCPT TO:<$to>");
        push @{ $self->{rcpt} }, $reply;
        $accepted++ if ($reply // '') =~ /^2/;
    }
    if (!$accepted) {
        $self->cmd('RSET');
        return $reply;
    }
    $reply = $self->cmd('DATA');
    return $reply unless ($reply // '') =~ /^3/;
    $self->send_raw(defined $mail{wire} ? $mail{wire} : wire($mail{message}));
    return $self->reply;
}

sub quit {
    my ($self) = @_;
    my $reply = $self->cmd('QUIT');
    close $self->{socket};
    return $reply;
}

1;
