#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The promise itself, at the system call border: no 250 to DATA is sent before an
# fdatasync of the segment that holds its message has returned 0.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

plan skip_all => 'strace is not installed' unless grep { -x "$_/strace" } split /:/, $ENV{PATH};
{
    my $probe = qx(strace -o /dev/null true 2>&1);
    plan skip_all => 'strace may not trace here' if $?;
}

# The leak sanitizer traces too, and only one can.
$ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'detect_leaks=0';

my $w = Winnow::Instance->new(workers => 1, domains => { 'good.example' => {} });
my $trace = $ENV{WN_TRACE} // "$w->{dir}/trace";
$w->start(wrap => [ 'strace', '-f', '-y', '-s', '4096', '-o', $trace, '-e',
    'trace=pwritev,pwritev2,pwrite64,write,writev,fdatasync,fsync,sendto,sendmsg' ]);

my $sent = 0;
for my $batch (1 .. 10) {
    my @smtp = map { $w->smtp } 1 .. 4;
    for my $smtp (@smtp) {
        $smtp->cmd('MAIL FROM:<a@b.test>');
        $smtp->cmd('RCPT TO:<u@good.example>');
        $smtp->cmd('DATA');
        $smtp->send_raw("Subject: $batch\r\n\r\nMARK\r\n.\r\n");
    }
    for my $smtp (@smtp) {
        $sent++ if $smtp->reply =~ /^250 2\.0\.0 queued as/;
        $smtp->quit;
    }
}
is($sent, 40, '40 messages were accepted');
ok($w->wait_drained, 'drained');
$w->stop;

# Each record is written before the sync that covers it begins: count, per
# segment, what was written, what a finished sync covers, what was answered.
my (%written, %syncing, %unfinished);
my ($durable, $answered, @early, %order) = (0, 0);
my $n_written = 0;
my %sync_covers;
open my $in, '<', $trace or die;
while (my $line = <$in>) {
    my ($pid, $call) = $line =~ /^(\d+)\s+(.*)$/ or next;
    if ($call =~ /^<\.\.\. (\w+) resumed>(.*)$/) {
        $call = delete($unfinished{$pid}) . $2;
        if ($call =~ /^fdatasync\(\d+<[^>]*\.seg/ && $call =~ /= 0$/) {
            my $covers = delete $sync_covers{$pid};
            $durable = $covers if defined $covers && $covers > $durable;
            next;
        }
    } elsif ($call =~ s/ <unfinished \.\.\.>$//) {
        $unfinished{$pid} = $call;
        $sync_covers{$pid} = $n_written if $call =~ /^fdatasync\(/;
        next;
    }
    if ($call =~ /^(?:pwritev2?|pwrite64|writev?)\(\d+<[^>]*\.seg[^>]*>/ && $call =~ /MARK/) {
        $n_written++;
    } elsif ($call =~ /^fdatasync\(\d+<[^>]*\.seg[^)]*(?:\(deleted\))?\) += 0$/) {
        $durable = $n_written;
    } elsif ($call =~ /^(?:sendto|sendmsg|write|writev)\(/) {
        my $replies = () = $call =~ /250 2\.0\.0 queued as/g;
        $answered += $replies if $call !~ /"event"/;
        push @early, $line if $call !~ /"event"/ && $answered > $durable;
    }
}
is($n_written, 40, 'every message was written to a segment once');
is($answered, 40, 'every 250 was seen');
is(scalar @early, 0, 'none left before its fdatasync had returned') or diag(@early[0 .. 2]);
done_testing;
