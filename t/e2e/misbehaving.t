#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Plugins that do what none may: each is named, its message goes on without it,
# and ordinary mail beside it is unharmed.  WN_MESSAGES sets how much of that
# there is at least.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;
use Winnow::Load;

my $least = $ENV{WN_MESSAGES} // 1000;

# What a filter with its time-out of one second may take: the watch's margin
# and step, the new process, and a machine that does other things.
my $longest = 6 + ($ENV{WN_MARGIN} // 0);

# Two whose process is ended by what they do take longer than the others.
my %ways = (
    segv       => qr/killed by signal 11/,
    abort      => qr/killed by signal 6/,
    exit       => qr/exited with status 0/,
    quick_exit => qr/exited with status 0/,
    smash      => qr/killed by signal (?:6|11)/,
    late       => qr/killed by signal 11/,
    close      => qr/closed descriptors that are not its own/,
    loop       => qr/killed by signal 9/,
    sleep      => qr/killed by signal 9/,
);
my %answers = (
    verdict => qr/returned 4711, which is no verdict/,
    nothing => qr/waits for nothing/,
);
my @quiet = qw(nap pending evidence crlf dlopen signals stderr leak);

my %filters = ('30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n");
my %domains = ('good.example' => { filters => 'phrase' });
for my $way (keys %ways, keys %answers, @quiet) {
    my $name = $way =~ s/_/-/r;
    $filters{"50-$name"} = "[filter $name]\nplugin = misbehave\nenabled = false\nhow = $way\n"
        . "timeout = 1s\non_error = skip\naction = none\n";
    $domains{"$name.example"} = { filters => $name };
}
$filters{'50-crlf'} =~ s/action = none/action = reject\naction.text = %e/;
$filters{'50-evidence'} =~ s/action = none/action = reject\naction.text = Seen: %e/;
$filters{'60-strict'} = "[filter strict]\nplugin = misbehave\nenabled = false\nhow = segv\n"
    . "timeout = 1s\non_error = tempfail\naction = none\n";
$domains{'strict.example'} = { filters => 'strict' };

my $w = Winnow::Instance->new(
    plugins => 'plugins',
    limits  => 'filter_memory = 128M',
    filters => \%filters,
    domains => \%domains,
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "nobody ever writes such a thing\n");
my $build = Winnow::Instance::build();
mkdir "$w->{dir}/plugins", 0755;
system('cp', glob("$build/plugins/modules/*.so"), "$build/t/misbehaving/.libs/misbehave.so",
    "$w->{dir}/plugins") == 0 or BAIL_OUT('no plugins');
$w->start;

my $load = Winnow::Load->start(port => $w->{port}, clients => 3, pause => 0.001,
    ledger => "$w->{dir}/ledger", to => 'u@good.example');

my $serial = 0;

sub misbehave {
    my ($filter, %option) = @_;
    my $began = time;
    my $reply = $w->smtp(timeout => 60)->mail(from => 'a@b.test', to => "u\@$filter.example",
        message => 'Subject: ' . ($option{subject} // "misbehave\n") . "\nx " . ($option{body} // ++$serial) . "\n");
    return wantarray ? ($reply, time - $began) : $reply;
}

sub faults {
    my ($filter, $seconds) = @_;
    $w->wait_event('plugin_fault', sub { ($_[0]{filter} // '') eq $filter }, $seconds // 5);
    return grep { $_->{filter} eq $filter } $w->events('plugin_fault');
}

for my $way (sort keys %ways) {
    my $filter = $way =~ s/_/-/r;
    my ($reply, $took) = misbehave($filter);
    like($reply, qr/^250/, "$way: the message goes on without it");
    cmp_ok($took, '<', $longest, sprintf '... within %.1f s', $took);
    my ($fault) = faults($filter);
    like($fault->{reason} // '', $ways{$way}, '... and it is named, with what it did');
    is($fault->{hook}, 'message', '... where');
    ok($fault->{id}, '... and over which message');
}
like(misbehave('strict'), qr/^451/, 'on_error = tempfail holds for a filter that crashes');

for my $way (sort keys %answers) {
    like(misbehave($way), qr/^250/, "$way: the message goes on without it");
    my ($fault) = faults($way);
    like($fault->{reason} // '', $answers{$way}, '... and it is named');
}

my ($reply, $took) = misbehave('pending');
like($reply, qr/^250/, 'pending for ever: the message goes on without it');
cmp_ok($took, '<', $longest, sprintf '... when its second is over (%.1f s)', $took);
($reply, $took) = misbehave('evidence');
like($reply, qr/^550 5\.7\.1 Seen: e{20,}/, 'evidence of 1 GB is shown');
cmp_ok(length $reply, '<', 600, '... cut to what may be');
cmp_ok($took, '<', $longest, sprintf '... within %.1f s', $took);
$reply = misbehave('crlf');
like($reply, qr/^550 [^\n]*one ?Injected|^550 [^\n]*one.{1,4}Injected/, 'line ends are not taken');
unlike($reply, qr/^Injected/m, '... nor passed on in a reply');
unlike($reply, qr/taken/, '... by any function');
like(misbehave('nap'), qr/^250/, 'a short sleep passes');
ok($w->wait_event('plugin_slow', sub { $_[0]{filter} eq 'nap' && $_[0]{ms} >= 100 }, 5),
    '... and is logged as slow');
like(misbehave('nap', subject => "ordinary\n"), qr/^250/, 'and so do others');
for my $way (qw(dlopen signals stderr)) {
    like(misbehave($way), qr/^250/, "$way: does no harm");
}

# A leak of 1 MB per message, over several processes.
my $leaks = 0;
for my $n (1 .. 400) {
    $leaks++ if misbehave('leak') !~ /^250/;
    last if grep { $_->{filter} eq 'leak' } $w->events('plugin_fault');
}
is($leaks, 0, 'no message suffers from a leak of 1 MB each');
my ($leak) = faults('leak', 5);
like($leak->{reason} // '', qr/took too much memory/, '... whose owner is named when the process is replaced');

# The same content again.
my $same = 'the very same';
my $before = () = faults('segv', 0);
like(misbehave('segv', body => $same), qr/^250/, "content that crashes, time $_") for 1 .. 2;
my $twice = () = faults('segv', 0);
is($twice, $before + 2, 'it is tried twice');
like(misbehave('segv', body => $same), qr/^250/, '... and a third time it passes');
is(scalar(my @again = faults('segv', 0)), $twice, '... without the filter, which does not crash over it again');
ok(!grep({ $_->{switched_off} } faults('segv', 0)), 'the filter is still on');

# Five within a minute.
misbehave('abort') for 1 .. 4;
ok($w->wait_event('plugin_fault', sub { $_[0]{filter} eq 'abort' && $_[0]{switched_off} }, 10),
    'the fifth crash within a minute switches a filter off');
my $crashes = () = faults('abort', 0);
like(misbehave('abort'), qr/^250/, 'mail passes without it');
is(scalar(my @none = faults('abort', 0)), $crashes, '... and nothing crashes any more');
my ($exit, $text) = $w->ctl('status');
like($text, qr/abort: ended its program \d+ times .*switched off until winnowctl reload/, 'status tells');

# kill -9 by somebody else is nobody's fault.
{
    my $pid = fork // die;
    if ($pid == 0) {
        misbehave('nap') for 1 .. 30;
        POSIX::_exit(0);
    }
    my $end = time + 10;
    while (time < $end && !grep { $_->{filter} eq 'nap' } $w->events('plugin_disturbed')) {
        kill KILL => @{ $w->children->{'winnow-filter'} // [] };
        sleep 0.31;
    }
    kill KILL => $pid;
    waitpid $pid, 0;
}
ok(scalar(grep { $_->{filter} eq 'nap' } $w->events('plugin_disturbed')),
    'kill -9 from outside is told apart');
is(scalar(grep { $_->{filter} eq 'nap' } $w->events('plugin_fault')), 0, '... and not counted');

# Enough of the ordinary.
sub acked { my $n = 0; $n += () = (Winnow::Instance::slurp($_) // '') =~ /^ACK/mg for glob "$w->{dir}/ledger.[0-9]*"; $n }
Winnow::Instance::wait_for(sub { acked() >= $least }, 60);
my $ledger = $load->stop;
my @acked = @{ $ledger->{ACK} // [] };
cmp_ok(scalar @acked, '>=', $least, scalar(@acked) . ' ordinary messages meanwhile');
is(scalar @{ $ledger->{$_} // [] }, 0, "none of them $_") for qw(NAK DOUBT REFUSED BROKEN);
ok($w->wait_drained(120), 'drained');
my $arrived = Winnow::Load::arrived($w);
is(scalar(grep { !$arrived->{$_} } @acked), 0, 'each arrived');
is(scalar(grep { ($arrived->{$_} // 0) > 1 } @acked), 0, '... once');

($exit, $text) = $w->ctl('reload');
is($exit, 0, 'reload') or diag($text);
$crashes = () = faults('abort', 0);
like(misbehave('abort'), qr/^250/, 'after a reload');
Winnow::Instance::wait_for(sub { (() = faults('abort', 0)) > $crashes }, 5);
is(scalar(my @new = faults('abort', 0)), $crashes + 1, '... the filter is on again, and crashes');
is($w->stop, 0, 'stops cleanly');
done_testing;
