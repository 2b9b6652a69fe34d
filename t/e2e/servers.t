#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Several servers of one domain: equal shares, order, one that dies, comes
# back and drips; the backlog of a server that was away; a domain whose servers
# refuse everybody for a while.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::EvilSink;
use Winnow::FaultProxy;
use Winnow::Instance;
use Winnow::Load;

# What waits for a server is released at RATE messages a second, or faster if
# that would take longer than half a minute (core/queue/backlog.h).
my $RATE = 200;
my ($BACKLOG, $CLIENTS) = (2000, 5);

my $free = \&Winnow::Instance::free_port;
my ($dead, $new_port) = ($free->(), $free->());
my $w = Winnow::Instance->new(
    retry => '30m',
    conf => "connect_timeout = 5s\nreply_timeout = 10s\n",
);
my %via = map { $_ => Winnow::FaultProxy->new(to => $w->sink_address($_)) } qw(one other first second);
$w->domain('shares.example', { servers => '127.0.0.1:' . $via{one}->port . '; 127.0.0.1:' . $via{other}->port });
$w->domain('weights.example', { servers => 'SINK:light; SINK:heavy weight 4 tls none' });
$w->domain('order.example', { delivery => 'ordered',
    servers => '127.0.0.1:' . $via{first}->port . '; 127.0.0.1:' . $via{second}->port });
$w->domain('away.example', { servers => "127.0.0.1:$dead" });
$w->domain('new.example', { servers => "127.0.0.1:$new_port" });
$w->domain('nowhere.example', { servers => 'mail.nowhere.example' });
$w->domain('held.example', { status => 'suspended', servers => 'SINK:held' });

sub mail { my ($to, $n) = @_; my $smtp = $w->smtp; my $id;
    for (1 .. $n // 1) {
        ($id) = $smtp->mail(from => 'a@sender.test', to => $to, message => "Subject: x\n\nx\n") =~ /queued as (\w+)/;
    }
    return $id;
}
sub n { return join ' ', map { $w->n_received($_) } @_ }
sub both { my ($one, $other) = @_; return $w->n_received($one) + $w->n_received($other) }
sub within { my ($what, $seconds) = @_; return Winnow::Instance::wait_for($what, $seconds) }

# The next when the one before is delivered: whose turn it is depends on nothing
# else.
sub one_by_one {
    my ($to, $n) = @_;
    for (1 .. $n) {
        my $id = mail($to);
        $w->wait_event('delivered', sub { $_[0]{id} eq $id }) or return 0;
    }
    return 1;
}

# Nobody here has a connection to the port any more, not even one that is
# being closed.
sub unconnected {
    my ($port) = @_;
    my $there = sprintf '\b[0-9A-F]{8}:%04X', $port;
    return within(sub { Winnow::Instance::slurp('/proc/net/tcp') !~ /^ *\d+: \S+ $there 01 /m }, 15);
}

# Sends one message after the other until the server has got one of them.
sub until_used {
    my ($to, $server) = @_;
    my $before = $w->n_received($server);
    return within(sub { one_by_one($to, 1); sleep 0.2; $w->n_received($server) > $before }, 30);
}

$w->start;

# The backlog comes together meanwhile.
my $load = Winnow::Load->start(port => $w->{port}, clients => $CLIENTS, messages => $BACKLOG / $CLIENTS,
    per_connection => $BACKLOG, size => 1, ledger => "$w->{dir}/ledger", to => 'u@away.example');

my $id = mail('u@nowhere.example');

# Shares.
ok(one_by_one('u@shares.example', 20), 'to two servers, one by one');
is(n('one', 'other'), '10 10', 'each gets half');
ok(one_by_one('u@weights.example', 20), 'to servers with weights, one by one');
is(n('light', 'heavy'), '4 16', 'four of five go to the heavy one');
like(($w->ctl('domain', 'show', 'weights.example'))[1],
    qr/^servers +\S+; \S+:\d+ weight 4 tls none /m, 'domain show says it in the same words');

# Together they go to whoever has a connection that is free: no shares are
# promised of so few, only that nobody stands aside.
mail('u@shares.example', 200);
ok(within(sub { both('one', 'other') == 220 }, 60), 'many at once');
my ($fewer) = sort { $a <=> $b } map { $w->n_received($_) } qw(one other);
cmp_ok($fewer, '>', 30, "both work ($fewer of 220 at the one that has fewer)");

# Ordered: all to the first.
mail('u@order.example', 10);
ok(within(sub { n('first', 'second') eq '10 0' }, 20), 'ordered: all to the first') or diag(n('first', 'second'));

# One of each dies: the other takes all, at once.
$via{$_}->set('refuse') for qw(one first);
ok(unconnected($via{$_}->port), "connections to server $_ end when nobody needs them") for qw(one first);
my $one = $w->n_received('one');
mail('u@shares.example', 40);
mail('u@order.example', 10);
ok(within(sub { both('one', 'other') == 260 }, 15), 'one server dies: mail flows, nothing is lost');
is($w->n_received('one'), $one, 'all of it to the other');
ok(within(sub { n('first', 'second') eq '10 10' }, 15), 'ordered: to the second while the first is away')
    or diag(n('first', 'second'));

# The backlog: given to the server within a minute of its return, at a bounded
# rate, and the probes before have cost the messages no attempts.
my @acked = @{ $load->wait->{ACK} // [] };
is(scalar @acked, $BACKLOG, 'a server is away, and there is much mail for it');
my $rows = sub { return Winnow::Instance::json_lines(($w->ctl('queue', 'list', '--json', '--domain', 'away.example'))[1]) };
ok(within(sub { $BACKLOG == grep { $_->{recipients}[0]{attempts} > 0 } $rows->() }, 20), 'all of it has been tried');
my @rows = $rows->();
is(scalar(grep { $_->{recipients}[0]{attempts} != 1 } @rows), 0, 'once: probes are no attempts');
like($rows[0]{recipients}[0]{waits_for}, qr/server that can be reached|turn/, 'queue list says what it waits for');
like(($w->ctl('queue', 'show', $rows[0]{id}))[1], qr/released by: .*queue retry|nothing/, 'and what would release it');
$w->{sinks}{away} = { port => $dead, dir => "$w->{dir}/sink-away" };
$w->start_sink('away');
my $back = time;

# They come back: equal shares from then on, and the first again.
$via{$_}->set('') for qw(one first);
ok(until_used('u@shares.example', 'one'), 'it comes back and is used again');
my @before = map { $w->n_received($_) } qw(one other);
ok(one_by_one('u@shares.example', 10), 'more mail');
is(join(' ', $w->n_received('one') - $before[0], $w->n_received('other') - $before[1]), '5 5',
    'each gets half again, and nobody what he has missed');
ok(until_used('u@order.example', 'first'), 'ordered: the first is back');
my $second = $w->n_received('second');
mail('u@order.example', 10);
ok(within(sub { both('first', 'second') - $second >= 21 }, 15), 'and all');
is($w->n_received('second'), $second, 'goes to it again');

# It drips: slow, not dead; the other goes on.
ok(unconnected($via{one}->port), 'connections end');
$via{one}->set('rate=2000');
my $sum = both('one', 'other');
mail('u@shares.example', 60);
ok(within(sub { both('one', 'other') == $sum + 60 }, 60), 'it drips: mail flows');
ok(until_used('u@shares.example', 'one'), 'it gets some');
$via{one}->set('');

# What became of the backlog.
ok(within(sub { $w->n_received('away') >= $BACKLOG }, 60), 'the server that was away has its backlog');
my $times = Winnow::Load::arrival_times($w, 'away');
is(scalar(grep { @{ $times->{$_} // [] } != 1 } @acked), 0, 'each once');
my @times = sort { $a <=> $b } map { @$_ } values %$times;
cmp_ok($times[-1] - $back, '<', 60, sprintf 'after %.1f s', $times[-1] - $back);
my ($from, $most) = (0, 0);
for my $to (0 .. $#times) {
    $from++ while $times[$from] <= $times[$to] - 1;
    $most = $to - $from + 1 if $most < $to - $from + 1;
}
# What has been released may come late on a busy machine, and then with more.
cmp_ok($most, '<=', 2 * $RATE, "at most $most in any second, where $RATE are released");
cmp_ok($times[-1] - $times[0], '>=', 0.8 * $BACKLOG / $RATE, 'all in all in no less time than that takes');

# A name that does not resolve is trouble, not the end.
my $event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
ok($event, 'a server name without an address defers');
like($event->{reply} // '', qr/^DNS: /, 'and says so');

# A server that was installed anew.
my $new = Winnow::EvilSink->new(port => $new_port, dir => "$w->{dir}/new",
    script => "rcpt conn=1-2: 550 5.1.1 who is that");
is(($w->ctl('queue', 'lenient', 'new.example', 'soon'))[0], 2, 'lenient wants a duration');
is(($w->ctl('queue', 'lenient', 'unknown.example', '1h'))[0], 1, 'and a domain');
is(($w->ctl('queue', 'lenient', 'new.example', '12h'))[0], 0, 'lenient');
like(($w->ctl('queue', 'lenient'))[1], qr/^new\.example  until \d{4}-/m, 'is listed');
ok($w->wait_event('lenient', sub { $_[0]{domain} eq 'new.example' && $_[0]{until} }), 'and logged');
like(($w->ctl('domain', 'show', 'new.example'))[1],
    qr/^treat_5xx_as_temporary +until \d{4}-\S+ +winnowctl queue lenient$/m, 'domain show tells');
unlike(($w->ctl('domain', 'show', 'away.example'))[1], qr/treat_5xx/, 'of that domain alone');
like(($w->ctl('status'))[1], qr/^lenient +new\.example: 5xx .* until \d{4}-/m, 'and the status');
like(($w->ctl('status', '--json'))[1], qr/"lenient":\[\{"domain":"new\.example","until":"\d{4}-/,
    'in JSON, too');
$id = mail('u@new.example');
$event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
like($event->{reply} // '', qr/^550 5\.1\.1/, 'a 5xx is a deferral');
ok($event->{lenient}, 'whose event says why');
like(($w->ctl('queue', 'show', $id))[1], qr/5xx counts as temporary until/, 'queue show tells');
is($w->stop, 0, 'a restart');
$w->{read_to} = 0; $w->{events} = []; unlink $w->{log};
$w->start;
like(($w->ctl('queue', 'lenient'))[1], qr/^new\.example /m, 'it holds over a restart');
$w->ctl('queue', 'retry', $id);
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }, 40), 'and works');
ok(unconnected($new_port), 'the connection that was refused ends');
$w->ctl('queue', 'retry', $id);
ok(within(sub { $new->messages == 1 }, 40), 'delivered when the server knows its mailbox');
is(($w->ctl('queue', 'lenient', 'new.example', 'off'))[0], 0, 'off');
is(($w->ctl('queue', 'lenient'))[1], '', 'none is left');
unlike(($w->ctl('status'))[1], qr/^lenient/m, 'nor in the status');
unlike(($w->ctl('domain', 'show', 'new.example'))[1], qr/treat_5xx/, 'nor in domain show');

# Suspended: accepted and held; then resumed.
$id = mail('u@held.example');
my ($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'show', $id, '--json'))[1]);
is($row->{recipients}[0]{state}, 'held', 'mail of a suspended domain is held');
like($row->{recipients}[0]{waits_for}, qr/suspended/, 'because of that');
is($w->n_received('held'), 0, 'not delivered');
$w->domain('held.example', { servers => 'SINK:held' });
$w->ctl('sync');
ok(within(sub { $w->n_received('held') == 1 }, 30), 'and delivered when it is resumed');
is($w->stop, 0, 'stops');
done_testing;
