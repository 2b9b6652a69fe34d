#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Egress pools: the customer's firewall admits only the addresses of the pool.
# The relay and the customer each live in a network namespace of their own, with
# a cable between them; the firewall is a routing rule on the customer's side,
# which drops what comes from anywhere else.  Delivery, retry, forward, DSN and
# the probe after an outage, over IPv4 and IPv6.

use strict;
use warnings;
use v5.32;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Winnow::EvilSink;
use Winnow::Instance;

if (!$ENV{WN_EGRESS_INSIDE}) {
    plan skip_all => 'network namespaces are not permitted here'
        if system('unshare -n true >/dev/null 2>&1') != 0;
    $ENV{WN_EGRESS_INSIDE} = 1;
    exec 'unshare', '-n', $^X, (map {"-I$_"} @INC), $0;
}

sub run { return system("$_[0] >/dev/null 2>&1") == 0 }

# The customer's namespace lives as long as this process.
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
sleep 0.5;

sub at_customer { return run("nsenter -t $customer -n $_[0]") }

my $ok = run('ip link set lo up')
    && run('ip link add wire0 type veth peer name wire1')
    && run("ip link set wire1 netns $customer")
    && run('ip link set wire0 up')
    && at_customer('ip link set lo up') && at_customer('ip link set wire1 up');
for my $n (1, 11, 12) {
    $ok &&= run("ip addr add 10.9.0.$n/24 dev wire0") && run("ip addr add fd09::$n/64 dev wire0 nodad");
}
for my $n (100, 101, 102, 103) {
    $ok &&= at_customer("ip addr add 10.9.0.$n/24 dev wire1")
        && at_customer("ip addr add fd09::$n/64 dev wire1 nodad");
}
plan skip_all => 'cannot make a pair of network interfaces here' if !$ok;

# Whoever is not in the pool gets no answer from the servers behind it.
sub firewall {
    my ($verb) = @_;
    for my $server ('10.9.0.100', '10.9.0.103') {
        at_customer("ip rule $verb from $server to 10.9.0.$_/32 lookup main pref 10") for 11, 12;
        at_customer("ip rule $verb from $server to 10.9.0.0/24 blackhole pref 20");
    }
    at_customer("ip -6 rule $verb from fd09::100 to fd09::$_/128 lookup main pref 10") for 11, 12;
    at_customer("ip -6 rule $verb from fd09::100 to fd09::/64 blackhole pref 20");
}

my $dir = File::Temp->newdir('winnow-egress-XXXXXX', TMPDIR => 1);
my %sinks;
my $owner = $$;
END { local $?; kill -9 => values %sinks if $$ == ($owner // 0) }

sub sink {
    my ($name, $address, @script) = @_;
    my $pid = fork // die;
    if ($pid == 0) {
        setpgrp 0, 0;
        open STDOUT, '>', '/dev/null';
        exec 'nsenter', '-t', $customer, '-n', $^X, (map {"-I$_"} @INC),
            Winnow::Instance::source() . '/t/tools/evil-sink', '--listen', "$address:25",
            '--dir', "$dir/$name", (map { ('-e', $_) } @script)
            or POSIX::_exit(127);
    }
    $sinks{$name} = $pid;
}

sub stop_sink {
    my $pid = delete $sinks{ $_[0] } or return;
    kill -9 => $pid;    # it and its connections
    waitpid $pid, 0;
}

sub messages { return map { JSON::PP::decode_json(Winnow::Instance::slurp($_)) } sort glob "$dir/$_[0]/*.json" }
sub wait_messages { my ($name, $n) = @_; return Winnow::Instance::wait_for(sub { messages($name) >= $n }, 30) }

# Everybody who ever connected, refused or not.
sub clients {
    my ($name) = @_;
    my %seen;
    for my $path (glob "$dir/$name/*") {
        my $text = Winnow::Instance::slurp($path) // '';
        $seen{$1}++ while $text =~ /from (?:::ffff:)?([0-9a-f.:]+)$/mg;
    }
    return \%seen;
}

mkdir "$dir/$_" for qw(four six plain retry later later6);
sink(four => '10.9.0.100');
sink(retry => '10.9.0.103', 'rcpt conn=1: 450 4.2.1 later; drop');
sink(six => '[fd09::100]');
sink(plain => '10.9.0.101');
my %pool = map { $_ => 1 } qw(10.9.0.11 10.9.0.12 fd09::11 fd09::12);

my $w = Winnow::Instance->new(
    conf => "connect_timeout = 2s\n[egress pool]\naddresses = 10.9.0.11; 10.9.0.12; fd09::11; fd09::12\n"
        . "[egress four]\naddresses = 10.9.0.11\n"
        . "[egress torn]\naddresses = 10.9.0.99; 10.9.0.12\n"
        . "[egress gone]\naddresses = 10.9.0.99\n",
    filters => { '30-phrase' => "[filter phrase]\naction = none\nphrases = ../phrases.txt\n" },
    domains => {
        'four.example' => { servers => '10.9.0.100:25', firewall => 'true', egress_pool => 'pool',
            filter => { phrase => { action => 'forward', 'action.to' => 'quarantine@four.example' } } },
        'retry.example' => { servers => '10.9.0.103:25', firewall => 'true', egress_pool => 'pool' },
        'six.example' => { servers => '[fd09::100]:25', firewall => 'true', egress_pool => 'pool' },
        'both.example' => { servers => '[fd09::100]:25; 10.9.0.100:25', firewall => 'true', egress_pool => 'pool' },
        'unfit.example' => { servers => '[fd09::100]:25', firewall => 'true', egress_pool => 'four' },
        'half.example' => { servers => '[fd09::100]:25; 10.9.0.100:25', delivery => 'ordered',
            firewall => 'true', egress_pool => 'four' },
        'torn.example' => { servers => '10.9.0.100:25', firewall => 'true', egress_pool => 'torn' },
        'gone.example' => { servers => '10.9.0.100:25', firewall => 'true', egress_pool => 'gone' },
        'plain.example' => { servers => '10.9.0.101:25' },
        'open.example' => { servers => '10.9.0.100:25' },
        'refused.example' => { servers => '10.9.0.102:25' },
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "this is the very sentence that nobody else ever writes\n");
sink(refused => '10.9.0.102', 'rcpt: 550 5.1.1 nobody');
firewall('add');
$w->start;

sub mail {
    my ($to, %more) = @_;
    my $reply = $w->smtp->mail(from => $more{from} // 'a@sender.test', to => $to,
        message => $more{message} // "Subject: x\n\nx\n");
    my ($id) = $reply =~ /queued as (\w+)/;
    return $id;
}

my $n = 0;
# That the firewall is one: a domain that promises nothing does not get through.
my $blocked = mail('u@open.example');
mail('u' . $_ . '@four.example') for 1 .. 6;
ok(wait_messages(four => $n += 6), 'delivery through the firewall');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $blocked }), 'which lets nobody else in');
mail('u@retry.example');
ok(wait_messages(retry => 1), 'a retry');
mail('u@four.example', message => "Subject: f\n\nthis is the very sentence that nobody else ever writes\n");
ok(wait_messages(four => $n += 1), 'a forward');
is(scalar(grep { $_->{to}[0]{address} =~ /^quarantine/ } messages('four')), 1, 'to its mailbox');
mail('nobody@refused.example', from => 'author@four.example');
ok(wait_messages(four => $n += 1), 'a DSN to the domain');
mail('u@six.example') for 1 .. 4;
ok(wait_messages(six => 4), 'IPv6');
mail('nobody@refused.example', from => 'author@six.example');
ok(wait_messages(six => 5), 'a DSN over IPv6');
mail('u@torn.example') for 1 .. 3;
ok(wait_messages(four => $n += 3), 'a pool with an address that this host does not have uses the other');
mail('u@half.example');
ok(wait_messages(four => $n += 1), 'the server of the pool\'s family is used, the other not');

# No address that would do: deferred, and the reason says so.
my %reason = (
    'unfit.example' => qr/IPv6 addresses only, the egress pool IPv4/,
    'gone.example' => qr/no address of the egress pool can be used/,
);
for my $domain (sort keys %reason) {
    my $id = mail("u\@$domain");
    my $event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
    like($event->{reply}, $reason{$domain}, "$domain is deferred, and told why");
}

# An outage: the probe and what follows it.
stop_sink($_) for qw(four six);
my $down = mail('u@four.example');
mail('v@four.example') for 1 .. 5;
mail('u@six.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $down }), 'an outage');
sink(later => '10.9.0.100');
sink(later6 => '[fd09::100]');
ok(wait_messages(later => $n = 6), 'after it all is delivered');
ok(wait_messages(later6 => 1), 'over IPv6 too');

# Without the firewall whoever connects is seen.
firewall('del');
$w->ctl('queue', 'retry', $blocked);
ok(wait_messages(later => $n += 1), 'what was blocked comes when nothing blocks it')
    or diag(($w->ctl('queue', 'show', $blocked))[1]);
mail("w$_\@four.example") for 1 .. 4;
ok(wait_messages(later => $n += 4), 'more mail');
mail('u@plain.example');
ok(wait_messages(plain => 1), 'a domain without a firewall');
my %four = map { %{ clients($_) } } qw(four retry later);
my %six = (%{ clients('six') }, %{ clients('later6') });
delete $four{'10.9.0.1'};    # open.example, which promises nothing
is(join(' ', grep { !$pool{$_} } sort keys %four, keys %six), '', 'nobody else ever connected');
ok($four{"10.9.0.$_"}, "10.9.0.$_ had its turn") for 11, 12;
ok($six{"fd09::$_"}, "fd09::$_ had its turn") for 11, 12;
ok(clients('plain')->{'10.9.0.1'}, 'the other domain goes out as the host likes');
stop_sink($_) for keys %sinks;
$w->stop;
close $alive;
waitpid $customer, 0;
done_testing;
