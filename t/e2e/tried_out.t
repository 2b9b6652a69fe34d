#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Plugin files that break the process that tries them out: who did it is named,
# and the next good file works.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(time);
use Winnow::Instance;

my $cc = $ENV{CC} // 'cc';
plan skip_all => 'no compiler' if system("$cc --version >/dev/null 2>&1") != 0;

my $w = Winnow::Instance->new(
    plugins => 'plugins',
    workers => 1,
    filters => { '50-tried' => "[filter tried]\naction = none\n" },
    domains => { 'good.example' => {} },
);
my $dir = $w->{dir};
mkdir "$dir/plugins", 0755;
system('cp', glob(Winnow::Instance::build() . '/plugins/modules/*.so'), "$dir/plugins") == 0
    or BAIL_OUT('no plugins');

my $head = <<'END';
#include <winnow/plugin.h>
#include <stdlib.h>
static int32_t start(const WnHost *h, const WnSettings *s, void **o, WnError *e) { return 0; }
static WnVerdict look(void *s, WnCall *c) { return WN_PASS; }
static const WnFilter filter = { sizeof(WnFilter), .message = look };
END

# The entry function's body stands for what the file does.
sub put {
    my ($body, $more) = @_;
    $more //= '';
    Winnow::Instance::spew("$dir/tried.c", <<"END");
$head
$more
#ifndef MORE
#define MORE
#endif
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "tried", .version = "1", .summary = "s",
    .author = "a", .license = "MIT", .instance_new = start, .filter = &filter, MORE };
const WnPlugin *tried_LTX_winnow_plugin_v1(void) { $body; return &plugin; }
END
    unlink "$dir/plugins/tried.so";
    system("$cc -w -shared -fPIC -I@{[Winnow::Instance::source()]}/sdk -o $dir/plugins/tried.so $dir/tried.c") == 0
        or BAIL_OUT('does not compile');
    chmod 0755, "$dir/plugins/tried.so";
}

sub sets {
    my ($compile, $check) = @_;
    return <<"END";
#include <unistd.h>
static int32_t compile(WnRows *r, WnSink *k, WnError *e) { while (r->next(r)); $compile; return k->write(k, "x", 1); }
static int32_t check(const void *b, size_t n, WnError *e) { $check; return 0; }
static const WnDataset sets[] = { { "words", 0, "value", 1, 0, 0, compile, check } };
static const WnOption options[] = { { "words", "h", WN_OPT_STRING_LIST, WN_OPT_FILE, "" } };
#define MORE WN_OPTIONS(options), WN_DATASETS(sets)
END
}

put('');
$w->start;
my $segv = '*(volatile int *)8 = 1';
my $loop = 'for (volatile long i = 0;; i++)';

for my $case (
    [ 'a loop', "$loop;", qr/plugin tried: does not return: ended when it was loaded/ ],
    [ 'a crash', $segv, qr/plugin tried: killed the process: Segmentation fault when it was loaded/ ],
    [ 'an end', '_Exit(0)', qr/plugin tried: ended the process with exit status 0 when it was loaded/ ],
    [ 'nowhere', 'return (const void *)8', qr/tried\.so: declares a plugin where there is none/ ],
) {
    my ($name, $body, $said) = @$case;
    my $began = time;
    put($body);
    if ($name eq 'a loop') {
        my $pid = fork // die;
        if ($pid == 0) {
            $w->ctl('reload');
            POSIX::_exit(0);
        }
        ok($w->wait_event('log', sub { ($_[0]{message} // '') =~ /^winnow-check has been at it for \d+ seconds and waits for tried, load$/ }),
            'winnowd says what it waits for');
        my ($exit, $text) = $w->ctl('reload');
        is($exit, 1, 'another reload is told at once');
        like($text, qr/^a reload is under way: winnow-check has been at it for \d+ seconds and waits for tried, load$/,
            '... why');
        waitpid $pid, 0;
    }
    my ($exit, $text) = $name eq 'a loop' ? $w->ctl('check') : $w->ctl('reload');
    is($exit, 1, "$name: refused");
    like($text, $said, '... and who it was');
    cmp_ok(time - $began, '<', 60, '... soon');
    unlike($text, qr/there is no filter plugin|is not installed/, '... and nothing untrue is added');
    put('');
    is(($w->ctl('reload'))[0], 0, '... and the mended file is taken');
}

$w->snippet('50-tried', "[filter tried]\naction = none\nwords = words.txt\n");
Winnow::Instance::spew("$dir/conf.d/words.txt", "a\nb\n");
for my $case (
    [ 'a crash in compile', sets($segv, ''), qr/plugin tried: killed the process: Segmentation fault in compile/ ],
    [ 'an end in compile', sets('_exit(0)', ''), qr/plugin tried: ended the process with exit status 0 in compile/ ],
    [ 'a crash in check', sets('', $segv), qr/plugin tried: killed the process: Segmentation fault in check/ ],
    [ 'a loop in compile', sets("$loop;", ''), qr/plugin tried: does not return: ended in compile/ ],
) {
    my ($name, $more, $said) = @$case;
    put('', $more);
    like(($w->ctl('check'))[1], $said, $name);
}
put('', sets('', ''));
is(($w->ctl('reload'))[0], 0, 'a good one is taken');
is($w->stop, 0, 'stops cleanly');
done_testing;
