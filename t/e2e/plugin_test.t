#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnow-plugin-test: the plugins that come with winnow and the SDK's examples
# pass their cases in all modes; plugins that break a rule fail, in the mode that is there for it and
# with their own words; tests in C.

use strict;
use warnings;
use v5.32;

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{WN_BUILD} // '.';
my $source = $ENV{WN_SOURCE} // '.';
my $tool = "$build/winnow-plugin-test";
my $dir = tempdir(CLEANUP => 1);
my @cc = split / /, $ENV{CC} // 'cc';

sub run_tool {
    my @command = @_;
    open my $out, '-|', $tool, @command or die "$tool: $!";
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return $path;
}

for my $folder (glob "$source/t/plugins/*/") {
    my $plugin = basename($folder);
    my @cases = glob "$folder*.case";
    next if !@cases;
    my ($module) = grep {-f} "$build/plugins/modules/$plugin.so", "$build/sdk/examples/.libs/$plugin.so";
    my ($status, $text) = run_tool($module, @cases);
    is($status, 0, "$plugin passes " . @cases . ' cases') or diag($text);
}

# Name of the rule, mode that catches it, words for it.
my @broken = (
    ['GOOD'],
    ['READS_PAST_END', 'guarded', qr/used past its end: client->helo/],
    ['KEEPS_MEMORY', 'guarded', qr/used after its life: memory of WN_LIFE_CALL/],
    ['KEEPS_CALL', 'plain', qr/facts->n_recipients: called with a call that has ended/],
    ['KEEPS_URL', 'guarded', qr/used after its life: a WnUrl/],
    ['KEEPS_ANSWER', 'plain', qr/used after its life: a WnAnswer/],
    ['WRITES_PAST_END', 'guarded', qr/memory of WN_LIFE_CALL: written past its end/],
    ['MATCHES_NOTHING', 'plain', qr/matched without a finding/],
    ['WAITS_FOR_NOTHING', 'plain', qr/waits for nothing/],
    ['NO_VERDICT', 'plain', qr/returned 77, which is no verdict/],
    ['LEAKS', 'repeated', qr/keeps \d+ bytes of memory/],
    ['LEAKS_DESCRIPTOR', 'repeated', qr/keeps descriptors open/],
    ['SLEEPS', 'plain', qr/rcpt: blocked for \d+ ms/],
    ['EXITS', 'plain', qr/ended the process|failed/],
    ['UMASK', 'plain', qr/rcpt: changed the umask/],
    ['ORDER', 'reverse', qr/verdict is "pass", not "match"/],
    ['ALWAYS_FINDS', 'fail', qr/matched without a finding/],
    ['COMPARES_MINOR', 'newer', qr/another host/],
    ['SHARES_INSTANCES', 'twins', qr/verdict is "fail", not "pass"/],
    ['COPIES_HOST', 'plain', qr/called with a host whose instance is no more/],
    ['SILENT_REFUSAL', 'plain', qr/failed and does not say why/],
    ['COUNTS_ON_CALLBACK', 'repeated|gone|late', qr/keeps \d+ bytes/, 'some'],
    ['BAD_LEVEL', 'plain', qr/9 is no level/],
    ['IGNORES_MEMORY', 'memory', qr/made to go wrong: calloc/],
    ['ONE_READ', 'pieces', qr/verdict is "fail", not "pass"/],
    ['BLOCKING_SOCKET', 'plain', qr/connect: the socket is not non-blocking/],
);

sub compile {
    my ($rule) = @_;
    my $name = lc $rule;
    return system(@cc, '-shared', '-fPIC', '-O1', '-g', '-fvisibility=hidden', '-I', "$source/sdk",
        "-DRULE=$rule", "-DNAME=$name", "-DPLUGIN_NAME=\"$name\"", '-o', "$dir/$name.so",
        "$source/t/plugins/broken/broken.c") == 0;
}

my $case = spew("$dir/a.case", <<'END');
[dns]
a.example A 127.0.0.2

[peer /run/peer]
send "yes\n"
rest

[message]
Subject: hello

http://www.shop.example.com/
[end]

[expect]
END
for my $one (@broken) {
    my ($rule, $mode, $words, $weak) = @$one;
    next if $weak;
    ok(compile($rule), "$rule compiles");
    my $expected = spew("$dir/" . lc($rule) . '.case', do {
        local (@ARGV, $/) = $case;
        <>;
    } . 'verdict = ' . ($rule =~ /^(?:ORDER|ALWAYS_FINDS)$/ ? 'match' : 'pass') . "\n");
    $expected = $case if $rule =~ /MATCHES|WAITS|NO_VERDICT/;
    my ($status, $text) = run_tool("$dir/" . lc($rule) . '.so', $expected);
    if (!$mode) {
        is($status, 0, "$rule passes") or diag($text);
        next;
    }
    is($status, 1, "$rule fails");
    like($text, qr/^# in mode (?:$mode) /m, "... in mode $mode");
    like($text, $words, '... with its words');
}

# Tests in C.
spew("$dir/in_c.c", <<'END');
#include <winnow/plugin.h>
#include "wn-harness.h"

static void
asks_in_steps(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, NULL);

    wn_harness_dns(h, "a.example SILENT\nb.example A 127.0.0.2");
    wn_harness_start(h);
    WN_CHECK_INT(wn_harness_done(h), 0);
    WN_CHECK_INT(wn_harness_n_queries(h), wn_harness_mode()[0] == 't' ? 4 : 2);
    wn_harness_step(h, 4000);
    WN_CHECK_INT(wn_harness_done(h), 0);
    wn_harness_step(h, 2000);
    WN_CHECK(wn_harness_done(h));
    WN_CHECK_STR(wn_harness_verdict(h), "pass");
    wn_harness_free(h);
}

static void
is_wrong(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, NULL);

    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "trust");
    wn_harness_free(h);
}

WN_HARNESS_TESTS = { { "steps", asks_in_steps }, { "wrong", is_wrong }, { NULL, NULL } };
END
for my $language ('c', 'c++') {
  SKIP: {
    skip 'no g++', 6 if $language eq 'c++' && system('g++ --version >/dev/null 2>&1') != 0;
    my $object = "$dir/in_$language.so";
    is(system(@cc, '-shared', '-fPIC', '-x', $language, '-Wall', '-Werror', '-I', "$source/sdk", '-I',
            "$source/sdk/harness", '-o', $object, "$dir/in_c.c"), 0, "a test in $language compiles");
    ok(compile('COUNTS_ON_CALLBACK'), 'a plugin that asks twice');
    my ($status, $text) = run_tool('--plain', "$dir/counts_on_callback.so", $object);
    is($status, 1, 'one of two tests fails');
    like($text, qr/^ok 1 - in_\Q$language\E\.so: steps$/m, '... the good one does not');
    like($text, qr/in_c\.c:\d+: wn_harness_verdict\(h\) is "pass", not "trust"/, '... with place and values');
    like($text, qr/^not ok 2 /m, '... the bad one does');
  }
}

# Cases that cannot be understood.
for my $bad (["[nonsense]\n", qr/:1: "\[nonsense\]" is not understood/],
    ["[expect]\nverdikt = pass\n", qr/has no key verdikt/], ["[dns]\na.example X\n", qr/is not NAME TYPE DATA/],
    ["[options]\nno_such = 1\n", qr/refused: .*no_such/], ["verdict = pass\n", qr/:1: /],
    ["[peer /x]\nsay \"x\"\n", qr/does not understand: say "x"/], ["[peer /x]\nsend x\n", qr/does not understand/],
    ["[peer]\nclose\n", qr/"\[peer\]" is not understood/]) {
    my ($status, $text) = run_tool("$dir/good.so", spew("$dir/bad.case", $bad->[0]));
    is($status, 1, 'a bad case fails');
    like($text, $bad->[1], '... with the reason');
}

my ($status, $text) = run_tool('--list-modes');
is($status, 0, 'modes are listed');
like($text, qr/^guarded\s+views end/m, '... with what they are for');

done_testing;
