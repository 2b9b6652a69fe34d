#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Egress pools: the customers' firewall admits only the addresses of the pool.
# The relay and the customers each live in a network namespace of their own,
# with a cable between them; the firewall is a routing rule on the customers'
# side, which drops what comes from anywhere else.  A witness there notes every
# connection that is begun, admitted or not.  Delivery, retry, forward, DSN and
# the probe after an outage, over IPv4 and IPv6.

use strict;
use warnings;
use v5.32;

use POSIX ();
use Socket qw(AF_INET AF_INET6 SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(sleep);
use Winnow::EvilSink;
use Winnow::Instance;

# Every SYN that comes over the cable, a line each: source, its port, and
# destination.
sub witness {
    my ($path) = @_;
    my ($packets, $all) = (17, 3);    # AF_PACKET, ETH_P_ALL

    socket my $wire, $packets, SOCK_DGRAM, unpack('S', pack 'n', $all) or die "socket: $!";
    open my $out, '>', $path or die "$path: $!";
    while (defined recv $wire, my $packet, 200, 0) {
        my $six = ord($packet) >> 4 == 6;
        next if length $packet < ($six ? 60 : 40) || ord(substr $packet, $six ? 6 : 9, 1) != 6;
        my @ends = map { Socket::inet_ntop($six ? AF_INET6 : AF_INET, $_) }
            unpack $six ? 'x8 a16 a16' : 'x12 a4 a4', $packet;
        my ($port, $flags) = unpack 'n x11 C', substr $packet, $six ? 40 : 4 * (ord($packet) & 15);
        syswrite $out, "$ends[0] $port $ends[1]\n" if ($flags & 0x12) == 0x02;
    }
}
if (@ARGV == 2 && $ARGV[0] eq 'witness') { witness($ARGV[1]); exit }

if (!$ENV{WN_EGRESS_INSIDE}) {
    plan skip_all => 'network namespaces are not permitted here'
        if system('unshare -n true >/dev/null 2>&1') != 0;
    $ENV{WN_EGRESS_INSIDE} = 1;
    exec 'unshare', '-n', $^X, (map {"-I$_"} @INC), $0;
}

sub run { return system("$_[0] >/dev/null 2>&1") == 0 }

# The customers' namespace lives as long as this process.
$^F = 20;    # the pipe is to outlive exec
pipe my $end, my $alive or die;
my $customer = fork // die;
if ($customer == 0) {
    close $alive;
    exec 'unshare', '-n', $^X, '-e', 'open my $in, "<&=", shift; <$in>', fileno $end
        or POSIX::_exit(127);
}
close $end;
$^F = 2;
my $own = readlink '/proc/self/ns/net';
Winnow::Instance::wait_for(sub { (readlink "/proc/$customer/ns/net" // $own) ne $own }) or die;

sub at_customer { return run("nsenter -t $customer -n $_[0]") }

# The pool's addresses are deprecated: the host uses them where a program asks
# for them and never by itself.
my $ok = run('ip link set lo up')
    && run('ip link add wire0 type veth peer name wire1')
    && run("ip link set wire1 netns $customer")
    && run('ip link set wire0 up')
    && at_customer('ip link set lo up') && at_customer('ip link set wire1 up')
    && run('ip addr add 10.9.0.1/24 dev wire0') && run('ip addr add fd09::1/64 dev wire0 nodad');
for my $n (11, 12) {
    $ok &&= run("ip addr add 10.9.0.$n/24 dev wire0 preferred_lft 0")
        && run("ip addr add fd09::$n/64 dev wire0 nodad preferred_lft 0");
}

# Every way that mail takes has servers of its own, so none uses a connection
# of another.  Those from 10.9.0.128 and fd09::1:0 on are behind the firewall.
my @WAYS = qw(delivery retry forward report probe);
my %address = (
    open => [ '10.9.0.150', 'fd09::1:150' ], odd => [ '10.9.0.151', 'fd09::1:151' ],
    plain => [ '10.9.0.100', 'fd09::100' ], refused => [ '10.9.0.101', 'fd09::101' ],
    map { $WAYS[$_] => [ '10.9.0.' . (130 + $_), 'fd09::1:' . (130 + $_) ] } 0 .. $#WAYS,
);
for my $pair (values %address) {
    $ok &&= at_customer("ip addr add $pair->[0]/24 dev wire1")
        && at_customer("ip addr add $pair->[1]/64 dev wire1 nodad");
}
plan skip_all => 'cannot make a pair of network interfaces here' if !$ok;

# Whoever is not in the pool gets no answer from the servers behind it.
sub firewall {
    my ($verb) = @_;
    for (11, 12) {
        at_customer("ip rule $verb from 10.9.0.128/25 to 10.9.0.$_/32 lookup main pref 10");
        at_customer("ip -6 rule $verb from fd09::1:0/112 to fd09::$_/128 lookup main pref 10");
    }
    at_customer("ip rule $verb from 10.9.0.128/25 to 10.9.0.0/24 blackhole pref 20");
    at_customer("ip -6 rule $verb from fd09::1:0/112 to fd09::/64 blackhole pref 20");
}

my $dir = File::Temp->newdir('winnow-egress-XXXXXX', TMPDIR => 1);
my %children;
my $owner = $$;
END { local $?; kill -9 => values %children if $$ == ($owner // 0) }

sub start_child {
    my ($name, @command) = @_;
    my $pid = fork // die;
    if ($pid == 0) {
        setpgrp 0, 0;
        open STDOUT, '>', '/dev/null';
        exec 'nsenter', '-t', $customer, '-n', $^X, (map {"-I$_"} @INC), @command or POSIX::_exit(127);
    }
    $children{$name} = $pid;
}

sub stop_child {
    my $pid = delete $children{ $_[0] } or return;
    kill -9 => $pid;    # it and its connections
    waitpid $pid, 0;
}

# host:port of the server of a way.
sub server {
    my ($way, $family) = @_;
    return $family == 4 ? "$address{$way}[0]:25" : "[$address{$way}[1]]:25";
}

# It closes after each message: as many connections as messages.
sub sink {
    my ($way, $family, @script) = @_;
    my $to = "$dir/$way$family";

    $to .= '-again' if !mkdir $to;
    mkdir $to;
    start_child("$way$family", Winnow::Instance::source() . '/t/tools/evil-sink', '--dir', $to,
        '--listen', server($way, $family), map { ('-e', $_) } @script, 'dot: 250 2.0.0 taken; drop');
}

sub messages {
    my ($name) = @_;
    return map { JSON::PP::decode_json(Winnow::Instance::slurp($_)) } sort glob "$dir/${name}{,-again}/*.json";
}
sub wait_messages { my ($name, $n) = @_; return Winnow::Instance::wait_for(sub { messages($name) >= $n }, 30) }

# Where the connections to a server that were begun came from, in their order;
# a SYN that is repeated is the same.
sub begun {
    my ($way, $family) = @_;
    my %seen;
    return map { my ($from, $port, $to) = split ' ';
        $to eq $address{$way}[ $family == 6 ] && !$seen{"$from $port"}++ ? $from : () }
        split /\n/, Winnow::Instance::slurp("$dir/syns") // '';
}

start_child('witness', $0, 'witness', "$dir/syns");
for my $family (4, 6) {
    sink($_, $family) for qw(delivery forward report probe odd);
    sink(retry => $family, 'rcpt conn=1: 450 4.2.1 later; drop');
}
sink(open => 4);
sink(plain => 4);
sink(refused => 4, 'rcpt: 550 5.1.1 nobody');

my %guarded = (firewall => 'true', egress_pool => 'pool');
my $w = Winnow::Instance->new(
    conf => "connect_timeout = 2s\n[egress pool]\naddresses = 10.9.0.11; 10.9.0.12; fd09::11; fd09::12\n"
        . "[egress four]\naddresses = 10.9.0.11\n"
        . "[egress torn]\naddresses = 10.9.0.99; 10.9.0.12\n"
        . "[egress lame]\naddresses = 10.9.0.11; fd09::99\n"
        . "[egress gone]\naddresses = 10.9.0.99\n",
    filters => { '30-phrase' => "[filter phrase]\naction = none\nphrases = ../phrases.txt\n" },
    domains => {
        map({ my $family = $_;
            map({ ("$_$family.example" => { servers => server($_, $family), %guarded } ) } @WAYS),
            "source$family.example" => { servers => server(delivery => $family), %guarded,
                filter => { phrase => { action => 'forward', 'action.to' => "box\@forward$family.example" } } },
        } 4, 6),
        'both.example' => { servers => server(odd => 6) . '; ' . server(odd => 4), %guarded },
        'unfit.example' => { servers => server(odd => 6), firewall => 'true', egress_pool => 'four' },
        'half.example' => { servers => server(odd => 6) . '; ' . server(odd => 4), delivery => 'ordered',
            firewall => 'true', egress_pool => 'four' },
        'torn.example' => { servers => server(odd => 4), firewall => 'true', egress_pool => 'torn' },
        'lame.example' => { servers => server(odd => 6) . '; ' . server(odd => 4), delivery => 'ordered',
            firewall => 'true', egress_pool => 'lame' },
        'gone.example' => { servers => server(odd => 4), firewall => 'true', egress_pool => 'gone' },
        'plain.example' => { servers => server(plain => 4) },
        'open.example' => { servers => server(open => 4) },
        'refused.example' => { servers => server(refused => 4) },
    },
);
my $words = "this is the very sentence that nobody else ever writes\n";
Winnow::Instance::spew("$w->{dir}/phrases.txt", $words);
Winnow::Instance::wait_for(sub { -e "$dir/syns" }) or die "no witness";
firewall('add');
$w->start;

sub mail {
    my ($to, %more) = @_;
    my $reply = $w->smtp->mail(from => $more{from} // 'a@sender.test', to => $to,
        message => $more{message} // "Subject: x\n\nx\n");
    my ($id) = $reply =~ /queued as (\w+)/;
    return $id;
}

# One message each way.
my %send = (
    forward => sub { mail("u\@source$_[0].example", message => "Subject: f\n\n$words") },
    report => sub { mail('nobody@refused.example', from => "author\@report$_[0].example") },
    map({ my $way = $_; $way => sub { mail("u\@$way$_[0].example") } } qw(delivery retry probe)),
);

# That the firewall is one, and that the witness sees what it drops.
my $blocked = mail('u@open.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $blocked }), 'the firewall lets nobody else in');
is((begun(open => 4))[0], '10.9.0.1', 'and the witness has seen him try');

# Each way, both families.
my $EACH = 4;
my %n;
for my $family (4, 6) {
    for my $way (@WAYS) { $send{$way}->($family) for 1 .. $EACH }
}
for my $family (4, 6) {
    for my $way (@WAYS) {
        ok(wait_messages("$way$family", $n{"$way$family"} = $EACH), "$way over IPv$family");
    }
    is(scalar(grep { $_->{to}[0]{address} eq "box\@forward$family.example" } messages("forward$family")),
        $EACH, 'what is forwarded comes to its mailbox');
    is(scalar(grep { $_->{from} eq '' } messages("report$family")), $EACH, 'reports are reports');
}

# A pool that does not fit, or only in part.
mail('u@torn.example') for 1 .. 3;
ok(wait_messages(odd4 => 3), 'a pool with an address that this host does not have uses the other');
mail('u@half.example');
ok(wait_messages(odd4 => 4), 'the server of the pool\'s family is used, the other not');
is(scalar begun(odd => 6), 0, 'nor is the other tried');
mail('u@both.example') for 1 .. 4;
ok(Winnow::Instance::wait_for(sub { messages('odd4') + messages('odd6') == 8 }), 'servers of both families');
my $over6 = () = messages('odd6');
mail('u@lame.example') for 1 .. 3;
ok(Winnow::Instance::wait_for(sub { messages('odd4') + messages('odd6') == 11 }),
    'a pool whose IPv6 address this host does not have uses the IPv4 one');
is(scalar(() = messages('odd6')), $over6, 'and nothing else');
my $check = ($w->ctl('check'))[1];
like($check, qr/\[egress $_\] addresses: .*10\.9\.0\.99 is no address of this host/, "check warns of pool $_")
    for qw(torn gone);
like($check, qr/\[egress lame\] addresses: .*fd09::99 is no address of this host/, 'check warns of pool lame');
unlike($check, qr/\[egress pool\]/, 'and of no other');
my %reason = (
    'unfit.example' => qr/IPv6 addresses only, the egress pool IPv4/,
    'gone.example' => qr/no IPv4 address of egress pool gone is on this host/,
);
for my $domain (sort keys %reason) {
    my $id = mail("u\@$domain");
    my $event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
    like($event->{reply}, $reason{$domain}, "$domain is deferred, and told why");
}

# An outage: nobody is there, and the relay looks now and then.
stop_child("probe$_") for 4, 6;
for my $family (4, 6) {
    my $id = $send{probe}->($family);
    ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }), "an outage over IPv$family");
}
my %before = map { $_ => scalar begun(probe => $_) } 4, 6;
for my $family (4, 6) {
    ok(Winnow::Instance::wait_for(sub { begun(probe => $family) > $before{$family} }, 30),
        "the IPv$family server is probed");
    sink(probe => $family);
}
ok(wait_messages("probe$_", ++$n{"probe$_"}), "after it all is delivered over IPv$_") for 4, 6;

# Without the firewall whoever connects gets through.
firewall('del');
$w->ctl('queue', 'retry', $blocked);
ok(wait_messages(open4 => 1), 'what was blocked comes when nothing blocks it')
    or diag(($w->ctl('queue', 'show', $blocked))[1]);
for my $family (4, 6) {
    for my $way (@WAYS) { $send{$way}->($family) for 1 .. $EACH }
}
for my $family (4, 6) {
    for my $way (@WAYS) {
        ok(wait_messages("$way$family", $n{"$way$family"} += $EACH), "$way without a firewall, IPv$family");
    }
}
mail('u@plain.example');
ok(wait_messages(plain4 => 1), 'a domain without a firewall');
is($w->stop, 0, 'stops');

# What the witness says.
my $POOL = qr/^(?:10\.9\.0\.|fd09::)1[12]$/;
for my $way (@WAYS, 'odd') {
    for my $family (4, 6) {
        my @from = begun($way, $family);
        my %count;
        $count{$_}++ for @from;
        my @strangers = grep { !/$POOL/ } sort keys %count;
        cmp_ok(scalar @from, '>=', $n{"$way$family"} // 1, "$way$family: " . @from . ' connections were begun');
        is("@strangers", '', "$way$family: all of them from the pool");
        next if $way eq 'odd';
        my ($few, $many) = sort { $a <=> $b } map { $count{ ($family == 4 ? '10.9.0.' : 'fd09::') . $_ } // 0 } 11, 12;
        cmp_ok($many - $few, '<=', 1, "$way$family: each address in its turn ($few, $many)");
    }
}
is(join(' ', grep { !/^10\.9\.0\.1$/ } begun(plain => 4)), '', 'the other domain goes out as the host likes');
stop_child($_) for keys %children;
close $alive;
waitpid $customer, 0;
done_testing;
