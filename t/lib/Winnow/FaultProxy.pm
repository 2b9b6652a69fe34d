# SPDX-License-Identifier: MIT
package Winnow::FaultProxy;

# A TCP proxy that breaks connections on purpose.
#
#   my $proxy = Winnow::FaultProxy->new(to => '127.0.0.1:2525');
#   $proxy->set('after=1000 reset');          # of what connects from now on
#   $proxy->set("conn=1-3 refuse\ndelay=50 rate=2000");
#
# A line is [conn=N[-M]] FAULT ..., the first that fits a connection counts;
# connections are numbered from 1.
#
#   FAULT   refuse        closes at once
#           delay=MS      every piece so much later
#           rate=BYTES    at most so many bytes a second, each way
#           piece=BYTES   in pieces of at most so many bytes
#           up=BYTES      counts what the client sends; down=BYTES the server;
#           after=BYTES   both.  There what follows happens, else at once:
#           drop          both ends are closed
#           reset         with a RST
#           stall         nothing passes any more, nothing is closed
#           deaf          what the server sends is lost, the rest passes

use strict;
use warnings;
use v5.32;

use IO::Select;
use IO::Socket::IP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

sub parse {
    my ($text) = @_;
    my @rules;

    for my $line (grep { /\S/ && !/^\s*#/ } split /\n/, $text // '') {
        my %rule;
        for my $word (split ' ', $line) {
            if    ($word =~ /^conn=(\d+)(?:-(\d+))?$/) { @rule{qw(first last)} = ($1, $2 // $1) }
            elsif ($word =~ /^(delay|rate|piece|up|down|after)=(\d+)$/) { $rule{$1} = $2 }
            elsif ($word =~ /^(?:refuse|drop|reset|stall|deaf)$/) { $rule{fault} = $word }
            else { die "fault \"$word\" is unknown\n" }
        }
        push @rules, \%rule;
    }
    return \@rules;
}

sub new {
    my ($class, %args) = @_;
    my $self = bless {%args}, $class;

    parse($args{faults});
    $self->{listen} = IO::Socket::IP->new(Listen => 200, ReuseAddr => 1,
        LocalHost => $args{address} // '127.0.0.1', LocalPort => $args{port} // 0)
        or die "cannot listen: $@\n";
    $self->{port} = $self->{listen}->sockport;
    pipe($self->{order}, $self->{tell}) or die "pipe: $!";
    return $self if $args{foreground};
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        close $self->{tell};
        $self->serve;
        POSIX::_exit(0);
    }
    close $self->{listen};
    close $self->{order};
    return $self;
}

sub port { return $_[0]{port} }

# Holds when it returns for every connection made afterwards: the proxy takes
# orders before connections.
sub set {
    my ($self, $faults) = @_;

    parse($faults);
    syswrite $self->{tell}, pack('N/a*', $faults);
}

sub rule_for {
    my ($rules, $number) = @_;

    for my $rule (@$rules) {
        return $rule if !defined $rule->{first} || ($number >= $rule->{first} && $number <= $rule->{last});
    }
    return {};
}

sub close_pair {
    my ($self, $pair, $reset) = @_;

    for my $end (qw(client server)) {
        my $io = delete $pair->{$end} or next;
        setsockopt($io, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $reset;
        $self->{readers}->remove($io);
        delete $self->{pair_of}{ fileno $io };
        close $io;
    }
    $pair->{gone} = 1;
}

sub accept_one {
    my ($self) = @_;
    my $client = $self->{listen}->accept or return;
    my $rule = rule_for($self->{rules}, ++$self->{count});
    my ($host, $port) = $self->{to} =~ /^\[?(.*?)\]?:(\d+)$/;
    my $server = ($rule->{fault} // '') eq 'refuse' ? undef
        : IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);

    if (!$server) { close $client; return }
    my $pair = { client => $client, server => $server, rule => $rule, up => 0, down => 0, queue => [],
        free => { up => 0, down => 0 } };
    for my $io ($client, $server) {
        $io->blocking(0);
        $self->{pair_of}{ fileno $io } = $pair;
        $self->{readers}->add($io);
    }
}

sub struck {
    my ($pair) = @_;
    my $rule = $pair->{rule};

    return 0 if !$rule->{fault} || $rule->{fault} eq 'refuse';
    return 0 if defined $rule->{up} && $pair->{up} < $rule->{up};
    return 0 if defined $rule->{down} && $pair->{down} < $rule->{down};
    return 0 if defined $rule->{after} && $pair->{up} + $pair->{down} < $rule->{after};
    return 1;
}

# Cuts what came into pieces, each with the time it is due.
sub enqueue {
    my ($self, $pair, $way, $bytes) = @_;
    my $rule = $pair->{rule};
    my $size = $rule->{piece} // ($rule->{rate} ? int($rule->{rate} / 20) || 1 : 65536);

    while (length $bytes) {
        my $piece = substr $bytes, 0, $size, '';
        my $due = time + ($rule->{delay} // 0) / 1000;
        $due = $pair->{free}{$way} if $due < $pair->{free}{$way};
        $pair->{free}{$way} = $due + ($rule->{rate} ? length($piece) / $rule->{rate} : 0);
        push @{ $self->{due} }, [ $due, $pair, $way, $piece ];
    }
}

sub take {
    my ($self, $io) = @_;
    my $pair = $self->{pair_of}{ fileno $io } or return;
    my $way = $io == $pair->{client} ? 'up' : 'down';
    my $n = sysread $io, my $bytes, 65536;

    return if !defined $n;
    if ($n == 0) {
        $self->{readers}->remove($io);
        push @{ $self->{due} }, [ time + ($pair->{rule}{delay} // 0) / 1000, $pair, $way, undef ];
        return;
    }
    $self->enqueue($pair, $way, $bytes);
}

sub pass {
    my ($self, $pair, $way, $bytes) = @_;
    my $to = $way eq 'up' ? $pair->{server} : $pair->{client};

    return if $pair->{gone} || $pair->{stalled};
    if (!defined $bytes) { $self->close_pair($pair); return }
    my $fault = struck($pair) ? $pair->{rule}{fault} : '';
    if ($fault eq 'drop' || $fault eq 'reset') { $self->close_pair($pair, $fault eq 'reset'); return }
    if ($fault eq 'stall') { $pair->{stalled} = 1; return }
    $pair->{$way} += length $bytes;
    return if $fault eq 'deaf' && $way eq 'down';
    $to->blocking(1);
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = syswrite $to, $bytes;
        if (!$n) { $self->close_pair($pair); return }
        substr $bytes, 0, $n, '';
    }
    $to->blocking(0);
}

sub take_order {
    my ($self) = @_;

    sysread($self->{order}, my $head, 4) or POSIX::_exit(0);
    my $length = unpack 'N', $head;
    my $text = '';
    sysread $self->{order}, $text, $length if $length;
    $self->{rules} = parse($text);
}

sub serve {
    my ($self) = @_;
    my $orders = IO::Select->new($self->{order});

    $self->{rules} = parse($self->{faults});
    $self->{due} = [];
    $self->{readers} = IO::Select->new($self->{listen}, $self->{order});
    while (1) {
        my @later = sort { $a->[0] <=> $b->[0] } @{ $self->{due} };
        my $wait = @later ? $later[0][0] - time : 60;
        for my $io ($self->{readers}->can_read($wait > 0 ? $wait : 0)) {
            next if !defined fileno $io;
            $self->take_order while $orders->can_read(0);
            if    ($io == $self->{listen}) { $self->accept_one }
            elsif ($io != $self->{order})  { $self->take($io) }
        }
        my $now = time;
        @later = sort { $a->[0] <=> $b->[0] } splice @{ $self->{due} };
        while (@later && $later[0][0] <= $now) {
            my (undef, @what) = @{ shift @later };
            $self->pass(@what);
        }
        push @{ $self->{due} }, @later;
    }
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop;
}

1;
