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

my $free = \&Winnow::Instance::free_port;
my ($dead, $new_port) = ($free->(), $free->());
my $w = Winnow::Instance->new(
    retry => '10s; 30s; 30m',
    conf => "connect_timeout = 5s\nreply_timeout = 10s\n",
);
my %via = map { $_ => Winnow::FaultProxy->new(to => $w->sink_address($_)) } qw(one other first second);
$w->domain('shares.example', { servers => '127.0.0.1:' . $via{one}->port . '; 127.0.0.1:' . $via{other}->port });
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
sub both { my ($one, $other) = @_; return $w->n_received($one) + $w->n_received($other) }
sub within { my ($what, $seconds) = @_; return Winnow::Instance::wait_for($what, $seconds) }

$w->start;

# Shares.
mail('u@shares.example', 200);
ok(within(sub { both('one', 'other') == 200 }, 60), 'all are delivered');
my $one = $w->n_received('one');
ok($one > 80 && $one < 120, "each gets about half ($one of 200)");

# One dies: the other takes all, at once.
$via{one}->set('refuse');
sleep 6;    # connections that are still open end
my $began = time;
mail('u@shares.example', 40);
ok(within(sub { both('one', 'other') == 240 }, 15), 'one server dies: mail flows, nothing is lost');
is($w->n_received('one'), $one, 'all of it to the other');

# It comes back, dripping: slow, not dead; the other goes on.
$via{one}->set('rate=2000');
sleep 21;
mail('u@shares.example', 60);
ok(within(sub { both('one', 'other') == 300 }, 90), 'it comes back and drips: mail flows');
cmp_ok($w->n_received('one'), '>', $one, 'it gets some again');
$via{one}->set('');

# Ordered: the second while the first is away, then the first again.
mail('u@order.example', 10);
ok(within(sub { $w->n_received('first') == 10 }, 20), 'ordered: all to the first');
$via{first}->set('refuse');
sleep 6;
mail('u@order.example', 10);
ok(within(sub { $w->n_received('second') == 10 }, 20), 'to the second while it is away');
$via{first}->set('');
sleep 21;
mail('u@order.example', 10);
ok(within(sub { $w->n_received('first') == 20 }, 30), 'and to the first when it is back');

# A backlog: given to the server within a minute of its return, and the probes
# before have cost the messages no attempts.
mail('u@away.example', 300);
ok($w->wait_event('deferred', sub { $_[0]{domain} eq 'away.example' }), 'a server is away');
sleep 12;
my ($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'list', '--json', '--domain', 'away.example'))[1]);
cmp_ok($row->{recipients}[0]{attempts}, '<=', 3, 'probes are no attempts');
like($row->{recipients}[0]{waits_for}, qr/server that can be reached|turn/, 'queue list says what it waits for');
like(($w->ctl('queue', 'show', $row->{id}))[1], qr/released by: .*queue retry|nothing/, 'and what would release it');
$w->{sinks}{away} = { port => $dead, dir => "$w->{dir}/sink-away" };
$w->start_sink('away');
$began = time;
ok(within(sub { $w->n_received('away') == 300 }, 60), 'within a minute it has all of it');
note sprintf 'after %.1f s', time - $began;

# A name that does not resolve is trouble, not the end.
my $id = mail('u@nowhere.example');
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
$id = mail('u@new.example');
$event = $w->wait_event('deferred', sub { $_[0]{id} eq $id });
like($event->{reply} // '', qr/^550 5\.1\.1/, 'a 5xx is a deferral');
like(($w->ctl('queue', 'show', $id))[1], qr/5xx counts as temporary until/, 'queue show tells');
is($w->stop, 0, 'a restart');
$w->{read_to} = 0; $w->{events} = []; unlink $w->{log};
$w->start;
like(($w->ctl('queue', 'lenient'))[1], qr/^new\.example /m, 'it holds over a restart');
$w->ctl('queue', 'retry', $id);
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }, 40), 'and works');
sleep 6;    # the connection that was refused ends
$w->ctl('queue', 'retry', $id);
ok(within(sub { $new->messages == 1 }, 40), 'delivered when the server knows its mailbox');
is(($w->ctl('queue', 'lenient', 'new.example', 'off'))[0], 0, 'off');
is(($w->ctl('queue', 'lenient'))[1], '', 'none is left');

# Suspended: accepted and held; then resumed.
$id = mail('u@held.example');
($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'show', $id, '--json'))[1]);
is($row->{recipients}[0]{state}, 'held', 'mail of a suspended domain is held');
like($row->{recipients}[0]{waits_for}, qr/suspended/, 'because of that');
is($w->n_received('held'), 0, 'not delivered');
$w->domain('held.example', { servers => 'SINK:held' });
$w->ctl('sync');
ok(within(sub { $w->n_received('held') == 1 }, 30), 'and delivered when it is resumed');
is($w->stop, 0, 'stops');
done_testing;
