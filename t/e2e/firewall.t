#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The firewall in a real winnowd: entries of domains, what is forged, and rates
# that all workers count together, over reloads and restarts.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    workers => 3,
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\naction.text = blocked: %e\n"
            . "allow = 127.0.9.0/24\nblock = 127.0.8.0/24; 127.0.9.9\n"
            . "rate = 6/1h; messages 4/1h burst 5\n",
        '20-nobody' => "[filter nobody]\nplugin = firewall\nenabled = false\n"
            . "block = 127.0.0.0/8\naction = reject\naction.text = nobody\n",
    },
    domains => {
        'plain.example' => {},
        'strict.example' => { filter => { firewall => {
            block_clients => '127.0.1.1', block_sender_domains => '.bad.test',
            block_senders => 'eve@good.test' } } },
        'trusts.example' => { filter => { nobody => { enabled => 'true' }, firewall => {
            allow_clients => '127.0.8.8; 127.0.2.0/24', allow_senders => 'boss@good.test',
            allow_sender_domains => 'bank.test' } } },
    },
);
my $ham = "Subject: h\n\nhello\n";

my $check = $w->ctl('check');
like($check, qr/trusts\.example.*warning: .*allow_sender_domains: .*easily forged/,
    'check warns of a bare sender domain');
like($check, qr/^ok$/m, 'and goes on');
$w->start;

my $host = 10;
sub fresh { return $w->smtp(from => '127.0.7.' . $host++) }

{
    my $smtp = $w->smtp(from => '127.0.1.1');
    my $reply = $smtp->mail(from => 'a@b.test', to => [ 'u@plain.example', 'u@strict.example' ],
        message => $ham);
    like($smtp->{rcpt}[0], qr/^250/, 'a client is blocked for one domain');
    like($smtp->{rcpt}[1], qr/^550 5\.7\.1 blocked: 127\.0\.1\.1/, 'and not for the other');
    like($reply, qr/^250/, 'which gets its mail');
    is(($w->wait_received(1))[0]{envelope}{recipients}[0], 'u@plain.example', 'alone');
}
like(fresh()->mail(from => 'eve@good.test', to => 'u@strict.example', message => $ham),
    qr/^550 5\.7\.1 blocked: eve\@good\.test/, 'a blocked sender');
like(fresh()->mail(from => 'x@sub.bad.test', to => 'u@strict.example', message => $ham),
    qr/^550 5\.7\.1 blocked: \.bad\.test/, 'a blocked sender domain');
like($w->smtp(from => '127.0.8.7')->mail(from => 'x@y.test', to => 'u@plain.example', message => $ham),
    qr{^550 5\.7\.1 blocked: 127\.0\.8\.0/24}, 'a blocked network');
like($w->smtp(from => '127.0.9.9')->mail(from => 'x@y.test', to => 'u@plain.example', message => $ham),
    qr{^550 5\.7\.1 blocked: 127\.0\.9\.9}, 'a blocked address in an allowed network');

like(fresh()->mail(from => 'x@y.test', to => 'u@trusts.example', message => $ham), qr/^550 .*nobody/,
    'others are filtered');
like($w->smtp(from => '127.0.2.7')->mail(from => 'x@y.test', to => 'u@trusts.example',
    message => $ham), qr/^250/, 'trust ends the chain');
like($w->smtp(from => '127.0.8.8')->mail(from => 'x@y.test', to => 'u@trusts.example',
    message => $ham), qr/^250/, "a domain's entry beats the server's network");
like(fresh()->mail(from => 'boss@good.test', to => 'u@trusts.example', message => $ham), qr/^250/,
    'a trusted sender');
like(fresh()->mail(from => 'x@bank.test', to => 'u@trusts.example', message => $ham), qr/^550 .*nobody/,
    'a sender domain that anybody can claim is not');

# Each by a connection of its own, so by any of the workers.
sub try_rcpt {
    my ($from) = @_;
    my $smtp = $w->smtp(from => $from);
    $smtp->cmd('MAIL FROM:<a@b.test>');
    my $reply = $smtp->cmd('RCPT TO:<u@plain.example>');
    $smtp->quit;
    return $reply;
}

my @replies = map { try_rcpt('127.0.5.5') } 1 .. 9;
is(scalar(grep {/^250/} @replies), 5, 'as many messages as the bucket holds, over three workers');
is(scalar(grep {/^450 4\.7\.1 /} @replies), 4, 'all others are deferred, none is refused');
like(try_rcpt('127.0.5.6'), qr/^250/, 'other addresses are not');
like(try_rcpt('127.0.9.1'), qr/^250/, 'nor an allowed one') for 1 .. 7;

$w->ctl('reload');
like(try_rcpt('127.0.5.5'), qr/^450/, 'a reload forgets nothing');
kill KILL => @{ $w->children->{'winnow-filter'} };
Winnow::Instance::wait_for(sub { (try_rcpt('127.0.5.7') // '') =~ /^250/ }, 10);
like(try_rcpt('127.0.5.5'), qr/^450/, 'nor does the death of the workers');
is($w->stop, 0, 'stops');
$w->start;
like(try_rcpt('127.0.5.5'), qr/^450/, 'nor a restart');
ok($w->wait_drained, 'drained');
done_testing;
