#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnowctl plugin new makes a folder in which "make check" passes, against the
# installed SDK, with every compiler, and as C++; and never writes over anything.

use strict;
use warnings;
use v5.32;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use Winnow::Instance;

my $build = Winnow::Instance::build();
my $top = Winnow::Instance::source();
my $dir = tempdir('winnow-template-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $harness = "$build/winnow-plugin-test";

sub ctl {
    my $said = qx($build/winnowctl @_ 2>&1);
    return ($? >> 8, $said);
}

sub new_plugin { return ctl('plugin', 'new', @_, '--template', "$top/sdk/template") }

sub is_there {
    my ($program) = @_;
    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
my $said = qx(make -C $build install-sdkincludeHEADERS install-pkgconfigDATA DESTDIR=$dir/root 2>&1);
is($?, 0, 'the SDK installs') or diag($said);
my ($pc) = split /\n/, qx(find $dir/root -name winnow-sdk.pc);
ok($pc, 'with its pkg-config file') or BAIL_OUT('no SDK');
$ENV{PKG_CONFIG_PATH} = $pc =~ s{/[^/]*$}{}r;
$ENV{PKG_CONFIG_SYSROOT_DIR} = "$dir/root";

my @compilers = (['gcc', '-std=c11'], ['clang', '-std=c11'], ['gcc', '-std=c99'],
    ['g++', '-x c++ -std=c++20'], ['clang++', '-x c++ -std=c++20']);
my $strict = '-Wall -Wextra -Wpedantic -Werror -Wno-missing-field-initializers';

for my $kind ([], ['--action']) {
    my $what = @$kind ? 'action' : 'filter';
    my $copy = "$dir/$what";
    my ($exit, $text) = new_plugin("my_$what", @$kind, $copy);
    is($exit, 0, "a new $what") or diag($text);
    ok(-e "$copy/$_", "$what: $_") for "my_$what.c", "my_$what.conf", 'test.c', 'Makefile',
        'README.md', '.github/workflows/check.yml';
    my $left = qx(grep -ri newplugin $copy);
    is($left, '', "$what: nothing is left of the template's name");
    for my $compiler (@compilers) {
        my ($cc, $std) = @$compiler;
        next unless is_there($cc);
        my $goal = -x $harness ? 'check' : 'all';
        $said = qx(make -C $copy clean $goal CC=$cc STD='$std' WARNINGS='$strict' PLUGIN_TEST='$harness' 2>&1);
        is($?, 0, "$what: make $goal with $cc $std") or diag($said);
        if ($goal eq 'check') {
            like($said, qr/^ok /m, "$what: its tests ran");
            unlike($said, qr/^not ok/m, "$what: none failed");
        }
    }
    my @symbols = map { (split)[-1] } grep { / T / } split /\n/, qx(nm -D --defined-only $copy/my_$what.so);
    is("@symbols", "my_${what}_LTX_winnow_plugin_v1", "$what: it exports its entry and nothing else");

    # What is made depends on compiler, flags and headers.
    my $make = "make -C $copy all PLUGIN_TEST='$harness'";
    qx($make CC=gcc 2>&1);
    unlike(qx($make CC=gcc 2>&1), qr/gcc/, "$what: made once");
    Winnow::Instance::spew("$copy/table.h", "");
    like(qx($make CC=gcc 2>&1), qr/gcc .*my_$what\.c/, "$what: made anew for a header");
    like(qx($make CC=gcc CFLAGS=-O1 2>&1), qr/gcc .*-O1 .*my_$what\.c/, "$what: for other flags");
    unlink "$copy/table.h";

    ($exit, $text) = new_plugin("other", @$kind, $copy);
    is($exit, 1, "$what: a folder with files in it");
    like($text, qr/is not empty/, 'is left alone');
}

# The plugins that it made are loaded, and documented.
my $w = Winnow::Instance->new(plugins => 'plugins', domains => { 'good.example' => { servers => '127.0.0.1:1' } });
mkdir "$w->{dir}/plugins", 0755;
system('cp', "$dir/filter/my_filter.so", "$dir/action/my_action.so", "$w->{dir}/plugins") == 0 or die;
$w->snippet('10-mine', Winnow::Instance::slurp("$dir/filter/my_filter.conf") =~ s/^action = .*/action = my_action/mr);
my ($exit, $text) = $w->ctl('check');
is($exit, 0, 'a configuration with them is taken') or diag($text);
Winnow::Instance::spew("$w->{dir}/mail", "Subject: casino\r\n\r\nx\r\n");
($exit, $text) = $w->ctl('explain', "$w->{dir}/mail", '--to', 'u@good.example');
like($text, qr/\| X-Found: my_filter word\n/, 'both run');
($exit, $text) = $w->ctl('plugin', 'list');
is($exit, 0, 'list');
like($text, qr{^my_filter +filter +0\.1 +ABI 1\.0  used by: my_filter in 1 domain\n +/.*/my_filter\.so$}m, 'with version, ABI and path');
like($text, qr/^my_action +action .*used by: my_filter in 1 domain$/m, 'and who uses an action');
($exit, $text) = $w->ctl('plugin', 'docs', 'my_filter', '--markdown');
like($text, qr/^## my_filter\n.*\| `words` \| .*0 to 100 \|  ?\| yes \| Words that/ms, 'options as a table');
($exit, $text) = $w->ctl('--json', 'plugin', 'docs', 'my_action');
like($text, qr/"name":"field".*"min":1,"max":60/, 'and as JSON');

# Sanitizers: what only they see is found.
for my $cc (grep { -x $harness && is_there($_) } qw(gcc clang)) {
    my $runtime = $cc eq 'gcc' ? 'libasan.so' : 'libclang_rt.asan-' . qx(uname -m) =~ s/\n//r . '.so';
  SKIP: {
        skip "no runtime of $cc", 3 if qx($cc -print-file-name=$runtime) !~ m{/};
        skip 'winnow-plugin-test has a sanitizer already', 3 if qx(nm -D $harness) =~ /__asan_init/;
        my $make = "make -C $dir/filter sanitize CC=$cc PLUGIN_TEST='$harness' 2>&1";
        $said = qx($make);
        is($?, 0, "make sanitize with $cc") or diag($said);
        my $code = Winnow::Instance::slurp("$dir/filter/my_filter.c");
        Winnow::Instance::spew("$dir/filter/my_filter.c",
            $code =~ s/(    instance->host = host;)/    { char *end = (char *)malloc(9); volatile char c = end[9]; (void)c; free(end); }\n$1/r);
        $said = qx($make);
        isnt($?, 0, "... finds a byte too many");
        like($said, qr/heap-buffer-overflow|runtime error: load of address/, '... and says so');
        Winnow::Instance::spew("$dir/filter/my_filter.c", $code);
    }
}

# Mistakes.
for my $bad ([ '9lives', "$dir/x" ], [ 'A', "$dir/x" ], [ '../evil', "$dir/x" ], [ 'with-dash', "$dir/x" ],
    [ 'test', "$dir/x" ]) {
    ($exit, $text) = new_plugin(@$bad);
    is($exit, 1, "\"$bad->[0]\" is no name");
    ok(!-e "$dir/x", 'and nothing is made');
}
is((ctl('plugin', 'new', 'x'))[0], 2, 'usage');
is((ctl('plugin', 'new', 'x', '--template', "$dir/nowhere", "$dir/y"))[0], 1, 'no template');
($exit, $text) = new_plugin('x', "$dir/filter/Makefile");
is($exit, 1, 'a file is no folder');
done_testing;
