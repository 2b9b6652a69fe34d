#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnow-plugin-test and data sets: other bytes for the same rows are found
# although one process sees no difference, and so is a filter that passes mail
# when its list is not there, a check that refuses nothing or reads past the end,
# and a look-up that does not bear what the check takes.  Nothing of a winnow on the same machine is read.

use strict;
use warnings;
use v5.32;

use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{WN_BUILD} // '.';
my $source = $ENV{WN_SOURCE} // '.';
my $tool = "$build/winnow-plugin-test";
my $dir = tempdir(CLEANUP => 1);
my @cc = split / /, $ENV{CC} // 'cc';

sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return $path;
}

sub run_tool {
    my @command = @_;
    open my $out, '-|', $tool, @command or die "$tool: $!";
    my $text = join '', <$out>;
    close $out;
    return ($? >> 8, $text);
}

spew("$dir/listed.c", <<'END');
#include <winnow/plugin.h>
#include <stdlib.h>

enum { NAME_SIZE = 64, OPT_NAMES = 0 };
enum { GOOD, STACK, UNWRITTEN, PASSES, CHECKS_NOTHING, CHECK_READS_ON, LOOKS_TOO_FAR };

static int32_t
check_row(const WnStr *fields, WnError *err)
{
    if (fields[0].len < NAME_SIZE)
        return WN_OK;
    wn_error_set(err, "too long");
    return WN_E_INVALID;
}

static int32_t
compile(WnRows *rows, WnSink *sink, WnError *err)
{
    const WnStr *fields;
    int32_t result = WN_OK;

    while (result == WN_OK && (fields = rows->next(rows)) != NULL) {
        char *record = malloc(NAME_SIZE);
        void *here = &result;

        if (record == NULL) {
            wn_error_set(err, "out of memory");
            return WN_E_FAILED;
        }
        if (RULE != UNWRITTEN)
            memset(record, 0, NAME_SIZE);
        memcpy(record, fields[0].ptr, fields[0].len + 1);
        if (RULE == STACK)
            memcpy(record + NAME_SIZE - 8, &here, sizeof here);
        result = sink->write(sink, record, NAME_SIZE);
        free(record);
    }
    return result;
}

static int32_t
check(const void *blob, size_t size, WnError *err)
{
    const char *names = blob;

    if (RULE == CHECKS_NOTHING)
        return WN_OK;
    if (size % NAME_SIZE == 0 || RULE == CHECK_READS_ON || (RULE == LOOKS_TOO_FAR && size > 70)) {
        for (size_t at = 0; at < size; at += NAME_SIZE)
            if ((RULE == GOOD || RULE == PASSES || RULE == CHECK_READS_ON) && names[at + NAME_SIZE - 1] != 0)
                return WN_E_INVALID;
        return WN_OK;
    }
    wn_error_set(err, "half a record");
    return WN_E_INVALID;
}

static int32_t
listed_new(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)host;
    return WN_OK;
}

static WnVerdict
listed_rcpt(void *self, WnCall *call)
{
    const WnHost *host = self;
    const WnBlob *blob = host->data->blob(call, "names");

    if (host->settings->count(host->call->settings(call), OPT_NAMES) == 0)
        return WN_PASS;
    if (blob == NULL)
        return RULE == PASSES ? WN_PASS : WN_FAIL;
    for (size_t at = 0; at + (RULE == LOOKS_TOO_FAR ? 1 : NAME_SIZE) <= blob->size; at += NAME_SIZE)
        if (memcmp((const char *)blob->data + at, "sender@b.example", 17) == 0)
            return wn_match(host, call, "listed", "sender@b.example");
    return WN_PASS;
}

static const WnOption options[] = {
    { .name = "names", .help = "Files of names.", .type = WN_OPT_STRING_LIST,
      .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE, .fallback = "" },
};
static const WnDataset datasets[] = {
    { .name = "names", .columns = "value", .format = 1, .check_row = check_row,
      .compile = compile, .check = check },
};
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .rcpt = listed_rcpt };
static const WnPlugin plugin = {
    WN_PLUGIN_HEAD, .name = NAME, .version = "1", .summary = "Finds senders.", .author = "somebody",
    .license = "MIT", WN_OPTIONS(options), WN_DATASETS(datasets), .instance_new = listed_new,
    .filter = &filter
};
#define ENTRY(name) WN_PLUGIN(name, &plugin)
ENTRY(SYMBOL)
END

spew("$dir/test.c", <<'END');
#include <winnow/plugin.h>
#include "wn-harness.h"

static void
is_found(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "names = ${dir}/names.txt\n");

    wn_harness_file(h, "names.txt", "a@b.example\nsender@b.example\nz@b.example\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "match");
    wn_harness_free(h);
}

static void
no_list(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, NULL);

    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "pass");
    wn_harness_free(h);
}

WN_HARNESS_TESTS = { { "found", is_found }, { "no list", no_list }, { NULL, NULL } };
END
# The same rows, given as those of a table.
spew("$dir/rows.c", <<'END');
#include <winnow/plugin.h>
#include "wn-harness.h"

static void
is_found(const char *plugin)
{
    WnHarness *h = wn_harness_new(plugin, "names = ${dir}/names.txt\n");

    wn_harness_file(h, "names.txt", "");
    wn_harness_rows(h, "names", "a@b.example\nsender@b.example\nz@b.example\n");
    wn_harness_run(h);
    WN_CHECK_STR(wn_harness_verdict(h), "match");
    wn_harness_free(h);
}

WN_HARNESS_TESTS = { { "found", is_found }, { NULL, NULL } };
END
is(system(@cc, '-shared', '-fPIC', '-I', "$source/sdk", '-I', "$source/sdk/harness", '-o', "$dir/rows.so",
        "$dir/rows.c"), 0, 'the tests with rows compile');
is(system(@cc, '-shared', '-fPIC', '-I', "$source/sdk", '-I', "$source/sdk/harness", '-o', "$dir/test.so",
        "$dir/test.c"), 0, 'the tests compile');

for my $one (['GOOD'],
    ['STACK', 'plain', qr/another process makes other bytes of the same rows: stack\.names\./],
    ['UNWRITTEN', 'plain', qr/other bytes/],
    ['PASSES', 'fail', qr/gave no "names", and mail that matched passes/],
    ['CHECKS_NOTHING', 'damaged', qr/check: takes each of \d+ blobs of "names"/],
    ['CHECK_READS_ON', 'damaged', qr/used past its end: a blob of "names" cut to \d+ of 192 bytes/],
    ['LOOKS_TOO_FAR', 'damaged', qr/used past its end: a blob of "names" cut to \d+ of 192 .*, lent for the call/]) {
    my ($rule, $mode, $words) = @$one;
    my $name = lc $rule;
    is(system(@cc, '-shared', '-fPIC', '-O1', '-fvisibility=hidden', '-I', "$source/sdk", "-DRULE=$rule",
            "-DSYMBOL=$name", "-DNAME=\"$name\"", '-o', "$dir/$name.so", "$dir/listed.c"), 0, "$rule compiles");
    my ($status, $text) = run_tool("$dir/$name.so", "$dir/test.so");
    if (!$mode) {
        is($status, 0, "$rule passes") or diag($text);
        ($status, $text) = run_tool("$dir/$name.so", "$dir/rows.so");
        is($status, 0, "$rule passes with rows of a table") or diag($text);
        next;
    }
    is($status, 1, "$rule fails");
    like($text, qr/^# in mode $mode /m, "... in mode $mode");
    like($text, $words, '... with its words');
    like($text, qr/^not ok 1 .*\nok 2 /m, '... and only where there is a list');
    next if $rule eq 'PASSES';
    ($status, $text) = run_tool("$dir/$name.so", "$dir/rows.so");
    is($status, 1, "$rule fails with rows of a table");
    like($text, $rule eq 'STACK' ? qr/another process makes other bytes of the same rows: names$/m : $words,
        '... with the same words');
}

# What is opened and read, by path.
spew("$dir/spy.c", <<'END');
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
note(const char *path)
{
    FILE *out = fopen(getenv("SPY"), "a");

    fprintf(out, "%s\n", path);
    fclose(out);
}

DIR *
opendir(const char *path)
{
    DIR *(*next)(const char *) = (DIR *(*)(const char *))dlsym(RTLD_NEXT, "opendir");

    note(path);
    return next(path);
}

ssize_t
readlink(const char *path, char *buffer, size_t size)
{
    ssize_t (*next)(const char *, char *, size_t)
        = (ssize_t (*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "readlink");

    note(path);
    return next(path, buffer, size);
}
END
SKIP: {
    skip 'a sanitizer wants to be loaded first', 3
        if qx(nm -D $tool 2>/dev/null) =~ /__asan_init/;
    is(system(@cc, '-shared', '-fPIC', '-o', "$dir/spy.so", "$dir/spy.c"), 0, 'the spy compiles');
    {
        local $ENV{LD_PRELOAD} = "$dir/spy.so";
        local $ENV{SPY} = "$dir/seen";
        local $ENV{TMPDIR} = $dir;
        run_tool('--plain', "$dir/good.so", "$dir/test.so");
    }
    my @seen = do { local @ARGV = "$dir/seen"; <> };
    ok((grep {m{/snapshots}} @seen) > 0, 'published snapshots are looked for');
    is(join('', grep {m{/snapshots} && !m{^\Q$dir\E/}} @seen), '', '... in the folder of the test only');
}

done_testing;
