#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Plugins that do what none may: each is named, its message goes on without it,
# but not without the other filters, and ordinary mail beside it is unharmed.
# WN_MESSAGES sets how much of that there is at least beside each: the long form
# is 1000.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;
use Winnow::Load;

my $least = $ENV{WN_MESSAGES} // 60;
my $spam = 'nobody ever writes such a thing';

# With a sanitizer's build, crashes shall look like those of the plain one.
$ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'handle_segv=0', 'abort_on_error=1';

# What a call may take, two seconds, whatever the filter's time-out is: the
# watch's step, the new process, and a machine that does other things.
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
    board      => qr/killed by signal 9/,
    kill       => qr/killed by signal 9/,
    all_fds    => qr/took too many descriptors/,
    close_log  => qr/closed descriptors that are not its own/,
    close_channel   => qr/closed descriptors that are not its own/,
    replace_channel => qr/replaced descriptors that are not its own/,
);
my %answers = (
    verdict => qr/returned 4711, which is no verdict/,
    nothing => qr/waits for nothing/,
);
my @quiet = qw(nap pending evidence crlf dlopen signals stderr leak leak_fds share thread);

my $phrase = "action = reject\nphrases = ../phrases.txt\n";
my %filters = (
    '30-phrase'  => "[filter phrase]\n$phrase",
    '90-last'    => "[filter last]\nplugin = phrase\nenabled = false\n$phrase",
    '30-striker' => "[filter striker]\nplugin = phrase\nenabled = false\n" . ($phrase =~ s/reject/strike/r),
);
my %domains = ('good.example' => { filters => 'phrase' });
for my $way (keys %ways, keys %answers, @quiet) {
    my $name = $way =~ s/_/-/r;
    $filters{"50-$name"} = "[filter $name]\nplugin = misbehave\nenabled = false\nhow = $way\n"
        . "timeout = 1s\non_error = skip\naction = none\n";
    $domains{"$name.example"} = { filters => "$name; last" };
}
$filters{'50-loop'} =~ s/timeout = 1s/timeout = 300s/;
$filters{"50-settings-$_"} = "[filter settings-$_]\nplugin = misbehave\nenabled = false\non_error = skip\naction = none\n"
    for qw(new free);
$domains{"settings-$_.example"} = { filters => "settings-$_; last", filter => { "settings-$_" => { deadly => $_ } } }
    for qw(new free);
$domains{'strike.example'} = { filters => 'striker; last', filter => { striker => { 'action.deadly' => 'yes' } } };
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
Winnow::Instance::spew("$w->{dir}/phrases.txt", "$spam\n");
my $build = Winnow::Instance::build();
mkdir "$w->{dir}/plugins", 0755;
system('cp', glob("$build/plugins/modules/*.so"), glob("$build/t/misbehaving/.libs/*.so"),
    "$w->{dir}/plugins") == 0 or BAIL_OUT('no plugins');
$w->start;

my $load = Winnow::Load->start(port => $w->{port}, clients => 4, pause => $least > 100 ? 0 : 0.01, size => 1000,
    per_connection => 20, ledger => "$w->{dir}/ledger", to => 'u@good.example', spam => $spam);

# How the ordinary has fared: an outcome's number.
sub fared {
    my %n;
    for my $path (glob "$w->{dir}/ledger.[0-9]*") {
        my $text = Winnow::Instance::slurp($path) // '';
        $n{$1}++ while $text =~ /^([A-Z]+)/mg;
    }
    return \%n;
}

sub enough { my ($n, $before) = @_; return ($n->{ACK} // 0) + ($n->{STOPPED} // 0) >= $before + $least }

# Messages that pass without the ordinary filter, as a thread of another has ended
# the process while that ran.
sub unlucky { return scalar grep { ($_->{filter} // '') eq 'phrase' } $w->events('plugin_fault') }

# Runs the code, and tells how ordinary mail fared from then on.
sub beside {
    my ($name, $code) = @_;
    my $before = fared();
    my $answered = ($before->{ACK} // 0) + ($before->{STOPPED} // 0);
    $code->();
    Winnow::Instance::wait_for(sub { enough(fared(), $answered) }, 60);
    my $after = fared();
    $after->{MISSED} -= unlucky() if $name eq 'thread' && $after->{MISSED};
    ok(enough($after, $answered), "$name: $least ordinary messages beside it");
    my @bad = grep { ($after->{$_} // 0) > ($before->{$_} // 0) } qw(NAK DOUBT REFUSED BROKEN MISSED);
    is("@bad", '', '... all answered, and all spam among them refused');
}

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

sub crash {
    my ($way) = @_;
    my $filter = $way =~ s/_/-/r;
    my ($reply, $took) = misbehave($filter);
    like($reply, qr/^250/, "$way: the message goes on without it");
    cmp_ok($took, '<', $longest, sprintf '... within %.1f s', $took);
    my ($fault) = faults($filter);
    like($fault->{reason} // '', $ways{$way}, '... and it is named, with what it did');
    is($fault->{hook}, 'message', '... where');
    ok($fault->{id}, '... and over which message');
    like(misbehave($filter, body => "$spam $filter"), qr/^550/, '... the others are not left out');
}
beside($_, sub { crash($_) }) for sort keys %ways;
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

# What grows bit by bit, over several processes.
my %leaks = (
    leak     => ['a leak of 1 MB each', qr/took too much memory/],
    share    => ['shared memory of 20 MB each', qr/took too much memory/],
    leak_fds => ['1,000 descriptors each', qr/took too many descriptors/],
);
for my $way (sort keys %leaks) {
    my $filter = $way =~ s/_/-/r;
    beside($way, sub {
        my $suffered = 0;
        for my $n (1 .. 1500) {
            $suffered++ if misbehave($filter) !~ /^250/;
            last if $n % 20 == 0 && grep { $_->{filter} eq $filter } $w->events('plugin_fault');
        }
        is($suffered, 0, "no message suffers from $leaks{$way}[0]");
        my ($fault) = faults($filter, 5);
        like($fault->{reason} // '', $leaks{$way}[1], '... whose owner is named when the process is replaced');
    });
}

# A domain's own settings kill, those of a filter or of an action.
sub settings_kill {
    my ($filter, $domain) = @_;
    like(misbehave($domain, subject => "ordinary\n", body => "$spam $_"), qr/^550/,
        "$domain, time $_: the others are not left out") for 1 .. 6;
    my @faults = grep { defined $_->{switched_off} } faults($filter);
    is($faults[0]{hook}, 'policy_new', '... it is named with where it happened');
    ok($faults[0]{id}, '... and over which message');
    ok($faults[-1]{switched_off} && @faults == 5, '... and switched off at the fifth time');
}
beside('settings of a filter', sub { settings_kill('settings-new', 'settings-new') });
beside('settings of an action', sub { settings_kill('strike', 'strike') });

# A thread dies when its filter does not run: the filter that has left it pays.
beside('thread', sub {
    my $end = time + 40;
    my $suffered = 0;
    until (time > $end || grep { $_->{filter} eq 'thread' && $_->{switched_off} } $w->events('plugin_fault')) {
        $suffered++ if misbehave('thread') !~ /^250/;
        sleep 0.3;
    }
    is($suffered, 0, 'no message suffers from a thread');
    my ($fault) = grep { $_->{switched_off} } faults('thread');
    like($fault->{reason} // '', qr/killed by signal 11 between calls: it has left a thread/, '... it is switched off');
});

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

# One that hangs is switched off like one that crashes: the fifth hang is the
# last that anybody waits for.
misbehave('loop') for 1 .. 3;
ok($w->wait_event('plugin_fault', sub { $_[0]{filter} eq 'loop' && $_[0]{switched_off} }, 10),
    'the fifth hang within a minute switches a filter off');
my $ended = () = $w->events('process_ended');
like(misbehave('loop'), qr/^250/, 'mail passes without it');
is(scalar(my @ends = $w->events('process_ended')), $ended, '... and nothing is killed any more');

# kill -9 by somebody else, when nothing runs, is nobody's fault.
my @named = $w->events('plugin_fault');
my $ledger = $load->stop;
$ended = () = $w->events('process_ended');
kill KILL => @{ $w->children->{'winnow-filter'} };
ok(Winnow::Instance::wait_for(sub { (() = $w->events('process_ended')) > $ended }, 10), 'kill -9 from outside');
like(misbehave('nap', subject => "ordinary\n"), qr/^250/, '... is not noticed');
is(scalar(my @now = $w->events('plugin_fault')), scalar @named, '... nor counted');

my @acked = @{ $ledger->{ACK} // [] };
note(scalar(@acked) . ' ordinary messages');
is(scalar @{ $ledger->{$_} // [] }, 0, "none of them $_") for qw(NAK DOUBT REFUSED BROKEN);
cmp_ok(scalar @{ $ledger->{MISSED} // [] }, '<=', unlucky(), 'none of them MISSED but for a thread');
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

# What is freed when a process ends is a call like others.
like(misbehave('settings-free', subject => "ordinary\n"), qr/^250/, 'settings that are deadly when they go');
is(($w->ctl('reload'))[0], 0, 'reload');
my ($freed) = faults('settings-free', 20);
is($freed->{hook}, 'policy_free', '... are named');

# Dead at birth: winnow-check has seen them alive, winnow-filter does not.
my $die = "$w->{dir}/die";
$w->snippet('70-born', join '', map {"[filter $_->[0]]\nplugin = misbehave\nenabled = false\nhow = born $die\n"
    . "on_error = $_->[1]\naction = none\n"} ['born', 'skip'], ['unborn', 'tempfail']);
$w->domain('born.example', { filters => 'born' });
$w->domain('unborn.example', { filters => 'unborn' });
Winnow::Instance::spew($die, "now\n");
($exit, $text) = $w->ctl('reload');
is($exit, 1, 'a reload with a filter that dies at its start is refused');
like($text, qr/winnow-filter killed by signal 11 before all was ready: filter born, instance_new/, '... and says which');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: x\n\nx\n"), qr/^250/,
    '... mail goes on as before');
unlink $die;
is(($w->ctl('reload'))[0], 0, 'while they live');
like(misbehave($_), qr/^250/, "... $_ works") for qw(born unborn);

sub they_are_off {
    my ($when) = @_;
    my $waiting = qr/winnow-filter .* waiting .* next start in \d+\.\d s, last filter (?:un)?born$/m;
    ok(Winnow::Instance::wait_for(sub { ($w->ctl('status'))[1] =~ $waiting }, 20),
        "$when: status tells what winnow-filter waits for")
        if $when =~ /again/; # before the first start is over it cannot be asked in time
    for my $filter (qw(born unborn)) {
        ok($w->wait_event('plugin_fault', sub { $_[0]{filter} eq $filter && $_[0]{switched_off} }, 60),
            "$when: $filter is switched off");
        my ($fault) = grep { $_->{switched_off} } faults($filter, 0);
        is($fault->{hook}, 'instance_new', '... it is named with where it happened');
        is($fault->{plugin}, 'misbehave', '... and with its plugin');
    }
    like(misbehave('born'), qr/^250/, '... mail passes without it');
    like(misbehave('unborn'), qr/^451/, '... or waits, as on_error says');
    like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: x\n\nx\n"), qr/^250/,
        '... mail of others passes');
    my (undef, $list) = $w->ctl('plugin', 'list');
    like($list, qr/\b$_\b.*switched off/i, "... and plugin list tells of $_") for qw(born unborn);
}
Winnow::Instance::spew($die, "now\n");
kill KILL => @{ $w->children->{'winnow-filter'} };
they_are_off('when its program starts again');
is($w->stop, 0, 'stops cleanly');
$w->{events} = [];
$w->start;
they_are_off('at the start of everything');
is($w->stop, 0, 'stops cleanly');
done_testing;
