#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnow-plugin-test and its runs: whatever becomes of a plugin, nothing is left
# behind; one that computes for too long, or depends on when its hooks run, is
# found.

use strict;
use warnings;
use v5.32;

use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(time sleep);

my $build = $ENV{WN_BUILD} // '.';
my $source = $ENV{WN_SOURCE} // '.';
my $tool = "$build/winnow-plugin-test";
my $dir = tempdir(CLEANUP => 1);
my $tmp = "$dir/tmp";
my @cc = split / /, $ENV{CC} // 'cc';
my $sanitized = qx(nm -D $tool 2>/dev/null) =~ /__[at]san_init/;

mkdir $tmp or die "$tmp: $!";

sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return $path;
}

sub run_tool {
    my @command = @_;
    local $ENV{TMPDIR} = $tmp;
    open my $out, '-|', $tool, @command or die "$tool: $!";
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

sub compile {
    my ($rule) = @_;
    my $name = lc $rule;
    my $object = "$dir/$name.so";
    is(system(@cc, '-shared', '-fPIC', '-O1', '-g', '-fvisibility=hidden', '-I', "$source/sdk", "-DRULE=$rule",
            "-DNAME=$name", "-DPLUGIN_NAME=\"$name\"", '-o', $object, "$source/t/plugins/broken/broken.c"),
        0, "$rule compiles");
    return $object;
}

sub left_behind {
    opendir my $handle, $tmp or die "$tmp: $!";
    return grep {!/^\.\.?$/} readdir $handle;
}

my $case = spew("$dir/a.case", "[expect]\nverdict = pass\n");
my $fails = spew("$dir/fails.case", "[expect]\nverdict = match\n");

# How a run ends, and what of it is left.
for my $one (['GOOD', $case, 0, qr/^ok 1 /m],
    ['GOOD', $fails, 1, qr/verdict is "pass", not "match"/],
    ['ABORTS', $case, 1, qr/was killed by Aborted/],
    ['EXITS', $case, 1, qr/ended the process/],
    ['HANGS', $case, 1, qr/did not end/]) {
    my ($rule, $tests, $expected, $words) = @$one;
    my ($status, $text) = run_tool('--time', $rule eq 'HANGS' ? 1 : 30, compile($rule), $tests);
    is($status, $expected, "$rule ends as it should");
    like($text, $words, '... with its words');
    is(join(' ', left_behind()), '', '... and leaves nothing behind');
}

# The program itself is told to end.
for my $signal (qw(TERM INT)) {
    local $ENV{TMPDIR} = $tmp;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec $tool, "$dir/hangs.so", $case;
        die "$tool: $!";
    }
    my $until = time + 20;
    sleep 0.02 while !left_behind() && time < $until;
    is(scalar(left_behind()), 1, 'a run has a folder');
    kill $signal, $pid;
    waitpid $pid, 0;
    isnt($? & 127, 0, "SIG$signal ends the program");
    is(join(' ', left_behind()), '', '... which leaves nothing behind');
}

# Computing in one go.
SKIP: {
    skip 'a sanitizer makes it patient', 4 if $sanitized;
    my ($status, $text) = run_tool(compile('BURNS'), $case);
    is($status, 1, 'a hook that computes for 250 ms fails');
    like($text, qr/^# in mode plain /m, '... in mode plain');
    like($text, qr/rcpt: computed for \d+ ms in one call/, '... with its words');
}

# Hooks that run before the message comes must come to the same: found without
# any expectation, too.
for my $tests ($case, spew("$dir/empty.case", "[expect]\n")) {
    my ($status, $text) = run_tool(compile('MEASURES_MAIL'), $tests);
    is($status, 1, 'a filter that depends on when its hook runs fails');
    like($text, qr/^# in mode ahead /m, '... in mode ahead');
    like($text, qr/ran ahead, and it comes to fail, \w+; else it comes to pass, deliver/, '... with its words');
}

done_testing;
