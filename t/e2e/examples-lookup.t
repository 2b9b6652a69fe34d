#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "lookup" with real mail and a service of this test's.

use strict;
use warnings;
use v5.32;

use IO::Select;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Examples;

my $w = Winnow::Examples::instance(
    plugins => ['lookup'],
    workers => 1,
    filters => { '25-lookup' => "[filter lookup]\nserver = DIR/service\nanswer_timeout = 700ms\n"
        . "on_error = tempfail\naction = reject\naction.text = %e\n" },
    domains => { 'good.example' => {},
        'skip.example' => { filter => { lookup => { on_error => 'skip' } } } },
);
$w->snippet('25-lookup', $w->{option}{filters}{'25-lookup'} =~ s/DIR/$w->{dir}/r);

# Writes each connection and question into a file; a connection may be closed
# when it is idle, as services do.
sub serve {
    my $log = "$w->{dir}/service.log";
    unlink "$w->{dir}/service";
    my $listen = IO::Socket::UNIX->new(Local => "$w->{dir}/service", Listen => 10) or die $!;
    my $pid = fork // die;
    if ($pid) {
        $w->{pids}{$pid} = 1;
        close $listen;
        return $pid;
    }
    $SIG{TERM} = 'DEFAULT';
    my $select = IO::Select->new($listen);
    my %buffer;
    open my $out, '>>', $log or die;
    $out->autoflush;
    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listen) {
                my $client = $listen->accept or next;
                $select->add($client);
                print $out "connection\n";
                next;
            }
            my $n = sysread $socket, $buffer{$socket}, 4096, length($buffer{$socket} // '');
            if (!$n) { print $out "closed\n"; $select->remove($socket); delete $buffer{$socket}; close $socket; next }
            while ($buffer{$socket} =~ s/^([^\n]*)\n//) {
                my $line = $1;
                print $out "$line\n";
                next if $line =~ /silent/;
                my $answer = $line =~ /known|quit/ ? 'ok' : $line =~ /full/ ? 'later mailbox is full'
                    : $line =~ /odd/ ? 'perhaps' : $line =~ /long/ ? 'x' x 5000 : 'no there is no such mailbox';
                # In two pieces.
                syswrite $socket, substr($answer, 0, 1);
                sleep 0.02;
                syswrite $socket, substr($answer, 1) . "\n";
                if ($line =~ /quit/) { $select->remove($socket); close $socket; last }
            }
        }
    }
}

my $service = serve();
$w->start;
my $smtp = $w->smtp;
sub rcpt { $smtp->cmd("RCPT TO:<$_[0]>") }

like($smtp->cmd('MAIL FROM:<a@b.test>'), qr/^250/, 'MAIL');
like(rcpt('known@good.example'), qr/^250/, 'a known recipient');
like(rcpt('other@good.example'), qr/^550 5\.7\.1 there is no such mailbox/, 'an unknown one, with the text');
like(rcpt('full@good.example'), qr/^450 /, 'one that is deferred');
like(rcpt('known2@good.example'), qr/^250/, 'another known one');
my $log = Winnow::Instance::slurp("$w->{dir}/service.log");
is(() = $log =~ /^connection$/mg, 1, 'over one connection');
like($log, qr/^get known\@good\.example$/m, 'as the protocol says');
like(rcpt('"a b"@good.example'), qr/^550/, 'a quoted address');
like(Winnow::Instance::slurp("$w->{dir}/service.log"), qr/^get \S*a%20b\S*\@good\.example$/m, 'is one word');
like(rcpt('odd@good.example'), qr/^451/, 'an odd answer is none');
like(rcpt('long@good.example'), qr/^451/, 'nor is an endless one');
my $begun = time;
like(rcpt('silent@good.example'), qr/^451/, 'nor is silence');
cmp_ok(time - $begun, '<', 5, 'for which nobody waits long');
like(rcpt('silent@skip.example'), qr/^250/, 'on_error may be to go on');
like(rcpt('known3@good.example'), qr/^250/, 'afterwards it works again');
like(rcpt('quit@good.example'), qr/^250/, 'the service closes');
sleep 0.2;
like(rcpt('known4@good.example'), qr/^250/, 'and is asked over a new connection');
kill KILL => $service;
waitpid $service, 0;
like(rcpt('known5@good.example'), qr/^451/, 'without the service nothing is known');
unlink "$w->{dir}/service.log";
$service = serve();
like(rcpt('known6@good.example'), qr/^250/, 'it comes back');
like(rcpt("silent$_\@good.example"), qr/^451/, "silence $_") for 1 .. 3;
# Nobody tells the plugin that it waited too long but call->at_end.
ok(Winnow::Instance::wait_for(sub {
    my $text = Winnow::Instance::slurp("$w->{dir}/service.log");
    my $open = (() = $text =~ /^connection$/mg) - (() = $text =~ /^closed$/mg);
    return $text =~ /silent3/ && $open <= 1;
}, 10), 'connections that failed are closed');
done_testing;
