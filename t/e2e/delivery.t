#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The queue: retry, bounces, hold and release, several servers, what winnowctl
# shows of it, and a restart in between.

use strict;
use warnings;
use v5.32;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Winnow::Instance;

# A server that answers RCPT as the local part says: "550-..." and "450-...".
sub scripted_server {
    my $listen = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1',
        LocalPort => 0, ReuseAddr => 1) or die;
    my $port = $listen->sockport;
    my $pid = fork // die;
    return ($port, $pid) if $pid;
    $SIG{CHLD} = 'IGNORE';
    while (my $client = $listen->accept) {
        next if fork;
        $client->autoflush(1);
        print $client "220 scripted\r\n";
        while (my $line = <$client>) {
            if ($line =~ /^EHLO/i) { print $client "250-scripted\r\n250-PIPELINING\r\n250 8BITMIME\r\n" }
            elsif ($line =~ /^RCPT TO:<(\d{3})-/i) { print $client "$1 5.1.1 as you wish\r\n" }
            elsif ($line =~ /^DATA/i) {
                print $client "354 go\r\n";
                while (my $data = <$client>) { last if $data eq ".\r\n" }
                print $client "250 2.0.0 taken\r\n";
            }
            elsif ($line =~ /^QUIT/i) { print $client "221 bye\r\n"; last }
            else { print $client "250 ok\r\n" }
        }
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

my ($port, $pid) = scripted_server();
my $w = Winnow::Instance->new(
    domains => {
        'scripted.example' => { servers => "127.0.0.1:$port" },
        'sender.example' => {},
        'down.example' => { servers => '127.0.0.1:' . Winnow::Instance::free_port() },
        'fallback.example' => { delivery => 'ordered',
            servers => '127.0.0.1:' . Winnow::Instance::free_port() . '; SINK' },
    },
);
$w->start;
my $message = "Subject: important\nMessage-ID: <m1\@x>\n\nbody\n";

# 5xx: one DSN to the sender.
my $reply = $w->smtp->mail(from => 'author@sender.example',
    to => [ 'good@scripted.example', '550-no@scripted.example' ], message => $message);
my ($id) = $reply =~ /queued as (\w+)/;
ok($w->wait_event('delivered', sub { $_[0]{id} eq $id && $_[0]{generation} == 1 }),
    'the good recipient is delivered, and the event tells the generation');
ok($w->wait_event('bounced', sub { $_[0]{id} eq $id }), 'the bad one bounced');
my ($dsn) = $w->wait_received(1);
is($dsn->{envelope}{sender}, '', 'the DSN has the null sender');
is($dsn->{envelope}{recipients}[0], 'author@sender.example', 'and goes to the author');
like($dsn->{message}, qr/^Content-Type: multipart\/report; *(?:\r\n\s+)?report-type="?delivery-status/mi, 'a report');
like($dsn->{message}, qr/^Final-Recipient: rfc822; ?550-no\@scripted\.example\r$/mi, 'final recipient');
like($dsn->{message}, qr/^Action: failed\r$/mi, 'action');
like($dsn->{message}, qr/^Status: 5\.1\.1\r$/mi, 'status');
like($dsn->{message}, qr/^Diagnostic-Code: smtp; ?550 5\.1\.1 as you wish/mi, 'what the server said');
like($dsn->{message}, qr/^Auto-Submitted: auto-replied\r$/mi, 'RFC 3834');
like($dsn->{message}, qr/Message-ID: <m1\@x>/, 'the original header');

# Null sender: no DSN.
$reply = $w->smtp->mail(from => '', to => '550-no@scripted.example', message => $message);
($id) = $reply =~ /queued as (\w+)/;
ok($w->wait_event('bounced', sub { $_[0]{id} eq $id }), 'a bounce that bounces');
is($w->n_received, 1, 'makes no other');

# Down: waits, is shown, is tried again; winnowctl has it in hand.
$reply = $w->smtp->mail(from => 'a@sender.example', to => 'u@down.example', message => $message);
($id) = $reply =~ /queued as (\w+)/;
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }), 'deferred');
my ($exit, $text) = $w->ctl('queue', 'list', '--json', '--domain', 'down.example');
my ($row) = Winnow::Instance::json_lines($text);
is($row->{id}, $id, 'queue list shows it');
is($row->{sender}, 'a@sender.example', 'its sender');
is($row->{recipients}[0]{address}, 'u@down.example', 'its recipient');
ok($row->{recipients}[0]{attempts} >= 1, 'its attempts');
like($row->{recipients}[0]{last_reply}, qr/^connect: Connection refused$/, 'why');
is(($w->ctl('queue', 'hold', $id))[0], 0, 'hold');
($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'show', $id, '--json'))[1]);
is($row->{recipients}[0]{state}, 'held', 'is held');
like(($w->ctl('queue', 'show', $id, '--message'))[1], qr/Subject: important/, 'queue show --message');

# Over a restart, and with a server that came up.
is($w->stop, 0, 'stops with mail in the queue');
$w->domain('down.example', { servers => 'SINK:late' });
$w->{read_to} = 0; $w->{events} = []; unlink $w->{log};
$w->start;
($row) = Winnow::Instance::json_lines(($w->ctl('queue', 'list', '--json'))[1]);
is($row->{id}, $id, 'is still there after a restart');
is($row->{recipients}[0]{state}, 'held', 'still held');
is($w->n_received('late'), 0, 'and not delivered');
is(($w->ctl('queue', 'release', $id))[0], 0, 'release');
my ($late) = $w->wait_received(1, 'late');
like($late->{message}, qr/X-Winnow-Id: \Q$id\E/, 'goes to where its domain is now');

# Ordered servers: the second when the first does not answer.
$w->smtp->mail(from => 'a@sender.example', to => 'u@fallback.example', message => $message);
ok(Winnow::Instance::wait_for(sub { $w->n_received == 2 }), 'the second server takes over');

# 4xx: again and again until it is deleted.
$reply = $w->smtp->mail(from => 'a@sender.example', to => '450-later@scripted.example', message => $message);
($id) = $reply =~ /queued as (\w+)/;
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id && $_[0]{attempts} >= 2 }), '4xx is tried again');
is(($w->ctl('queue', 'delete', $id))[0], 0, 'delete');
ok($w->wait_drained, 'the queue is empty');
is(($w->ctl('queue', 'show', $id))[0], 1, 'no such message any more');
is($w->stop, 0, 'stops');
is(scalar(my @left = glob "$w->{dir}/spool/*.seg"), 0, 'no segment is left');
kill KILL => $pid;
waitpid $pid, 0;
done_testing;
