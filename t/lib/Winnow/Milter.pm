# SPDX-License-Identifier: MIT
package Winnow::Milter;

# A milter for tests: writes down what it is told and does what the subject
# says.  Written from the protocol's description, not from the code it tests.
#
#   my $milter = Winnow::Milter->start($w, $path, actions => 0x11);
#   for my $packet ($milter->said) { my ($letter, $data) = @$packet }

use strict;
use warnings;
use v5.32;

use IO::Socket::UNIX;
use Winnow::Instance;

sub start {
    my ($class, $w, $path, %option) = @_;
    my $self = bless { log => "$path.log", %option }, $class;
    my $listen = IO::Socket::UNIX->new(Local => $path, Listen => 10) or die "$path: $!";
    my $pid = fork // die "fork: $!";

    chmod 0666, $path;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT CHLD);
        $self->serve($listen);
        POSIX::_exit(0);
    }
    $w->{pids}{$pid} = 1;
    return $self;
}

# What the last conversation consisted of.
sub said {
    my ($self) = @_;
    my $text = Winnow::Instance::slurp($self->{log}) // '';
    return map { my ($kind, $hex) = split / /; [ $kind, pack 'H*', $hex // '' ] } split /\n/, $text;
}

sub serve {
    my ($self, $listen) = @_;
    while (my $client = $listen->accept) {
        $self->{client} = $client;
        open $self->{out}, '>', $self->{log} or die;
        $self->{out}->autoflush;
        $self->{subject} = '';
        while (defined(my $head = $self->take(4))) {
            my $packet = $self->take(unpack 'N', $head) // last;
            my ($kind, $data) = unpack 'a a*', $packet;
            print { $self->{out} } "$kind ", unpack('H*', $data), "\n";
            last if $kind eq 'Q';
            next if $kind eq 'D';
            last unless $self->answer($kind, $data);
        }
        close $client;
    }
}

sub take {
    my ($self, $n) = @_;
    my $text = '';
    while (length $text < $n) {
        sysread($self->{client}, $text, $n - length $text, length $text) or return undef;
    }
    return $text;
}

sub give {
    my ($self, $kind, $data) = @_;
    $data //= '';
    return syswrite $self->{client}, pack('N a a*', 1 + length $data, $kind, $data);
}

sub answer {
    my ($self, $kind, $data) = @_;
    my $subject = $self->{subject};

    if ($kind eq 'O') {
        # A quiet one wants fields and the end only, and answers the end only.
        my $steps = $self->{quiet} ? 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x200 | 0x80 : 0x100000;
        return $self->give('O', pack 'N3', 6, $self->{actions} // 0x31, $steps);
    }
    return 1 if $self->{quiet} && $kind ne 'E';
    return $self->give('c') if $self->{quiet};
    if ($kind eq 'L' && $data =~ /^Subject\0 ?(.*)\0\z/s) {
        $self->{subject} = $subject = $1;
        return $self->give('a') if $subject eq 'accept-header';
    }
    if ($kind eq 'R' && $data =~ /^<no@/) {
        return $self->give('y', "550 5.1.1 no such one\0");
    }
    if ($kind eq 'B' && $subject eq 'skip') {
        return $self->give('s');
    }
    return $self->give('c') if $kind ne 'E';
    return $self->give('r') if $subject =~ /^reject/;
    return $self->give('y', "$1\0") if $subject =~ /^reply (.*)/;
    return $self->give('t') if $subject eq 'tempfail';
    return $self->give('d') if $subject eq 'discard';
    return $self->give('4') if $subject eq 'shutdown';
    return 0 if $subject eq 'hangup';
    return syswrite $self->{client}, "\xff" x 64 if $subject eq 'garbage';
    $self->give('q', "held\0") if $subject eq 'quarantine';
    $self->give('p') for $subject eq 'progress' ? 1 .. 3 : ();
    $self->change if $subject eq 'fields';
    return $self->give('c');
}

sub change {
    my ($self) = @_;
    $self->give('h', "X-Added\0at the end\0");
    $self->give('i', pack('N', 0) . "X-Inserted\0on top,\n\twhich is folded\0");
    $self->give('h', "X-Smuggled\0one\r\nX-Evil: two\0");
    $self->give('h', "From\0evil\@b.test\0");
    $self->give('m', pack('N', 2) . "X-Sender\0\0");
    $self->give('m', pack('N', 1) . "X-Sender\0changed\0");
}

1;
