#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Data sets, from list files to hooks: a plugin made with the header alone has
# its list compiled once, sees a changed list with the next message after
# `winnowctl sync`, and keeps the last good one when something is wrong.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;
use Winnow::Load;

my $modules = Winnow::Instance::build() . '/plugins/modules';
my $w = Winnow::Instance->new(
    plugins => 'plugins',
    domains => { map { ("$_.example" => {}) } qw(one two) },
);
my $dir = "$w->{dir}/plugins";
mkdir $dir, 0755;
system('cp', glob("$modules/*.so"), $dir) == 0 or die;

Winnow::Instance::spew("$w->{dir}/wordy.c", <<'END');
#include <winnow/plugin.h>

/* The blob: "WORDS", then each entry with a line feed behind it. */
static const WnHost *the_host;

static int32_t
row(const WnStr *fields, WnError *err)
{
    if (fields[0].len >= 3)
        return WN_OK;
    wn_error_set(err, "\"%s\" is shorter than three letters", fields[0].ptr);
    return WN_E_INVALID;
}

static int32_t
compile(WnRows *rows, WnSink *sink, WnError *err)
{
    const WnStr *row;

    if (sink->write(sink, "words", 5) != WN_OK)
        return WN_E_FAILED;
    while ((row = rows->next(rows)) != NULL) {
        if (wn_str_eq(row[0], "explode")) {
            wn_error_set(err, "an explosive entry");
            return WN_E_FAILED;
        }
        if (sink->write(sink, row[0].ptr, row[0].len) != WN_OK
            || sink->write(sink, "\n", 1) != WN_OK)
            return WN_E_FAILED;
    }
    return sink->write_at(sink, 0, "WORDS", 5);
}

static int32_t
check(const void *blob, size_t size, WnError *err)
{
    if (size < 5 || memcmp(blob, "WORDS", 5) != 0) {
        wn_error_set(err, "not a list of words");
        return WN_E_FAILED;
    }
    if (memmem(blob, size, "unsound\n", 8) != NULL) {
        wn_error_set(err, "an unsound entry");
        return WN_E_FAILED;
    }
    return WN_OK;
}

static int32_t
wordy_new(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)host;
    return WN_OK;
}

static WnVerdict
message(void *self, WnCall *call)
{
    const WnHost *host = self;
    const WnHeader *subject = host->message->header_named(call, "Subject", 0);
    const WnBlob *blob = host->data->blob(call, "words");
    char line[256];
    char evidence[300];

    if (subject == NULL || subject->value.len > 200)
        return WN_PASS;
    if (blob == NULL)
        return wn_str_eq(subject->value, "nothing?") ? wn_match(host, call, "none", "no blob") : WN_PASS;
    if (((uintptr_t)blob->data & 63) != 0 || blob->format != 3)
        return WN_FAIL;
    snprintf(line, sizeof line, "%s\n", subject->value.ptr);
    if (memmem(blob->data, blob->size, line, strlen(line)) == NULL)
        return WN_PASS;
    snprintf(evidence, sizeof evidence, "%s rows=%d", subject->value.ptr, (int)blob->rows);
    return wn_match(host, call, "word", evidence);
}

static const WnOption options[] = {
    { .name = "words", .help = "Lists of words.", .type = WN_OPT_STRING_LIST,
      .flags = WN_OPT_PER_DOMAIN | WN_OPT_FILE, .fallback = "" },
};
static const WnDataset datasets[] = {
    { .name = "words", .columns = "value", .format = 3, .check_row = row, .compile = compile,
      .check = check },
};
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .message = message };
static const WnPlugin plugin = {
    WN_PLUGIN_HEAD, .name = "wordy", .version = "1", .summary = "Finds words.",
    .author = "somebody", .license = "MIT", WN_OPTIONS(options), WN_DATASETS(datasets),
    .instance_new = wordy_new, .filter = &filter
};
WN_PLUGIN(wordy, &plugin)
END
is(system($ENV{CC} // 'cc', '-D_GNU_SOURCE', '-shared', '-fPIC', '-I',
    Winnow::Instance::source() . '/sdk', '-o', "$dir/wordy.so", "$w->{dir}/wordy.c"), 0,
    'a plugin with a data set, made with the header alone');

my $list = "$w->{dir}/words.txt";

# By rename, as an editor does.  What has changed just before is compiled once
# more later on, so that a second change in the same moment cannot be missed.
sub list {
    my ($path, $text) = @_;
    Winnow::Instance::spew("$path.new", $text);
    rename "$path.new", $path or die;
    sleep 0.1;
}

sub answer {
    my ($subject, $domain) = @_;
    return $w->smtp->mail(from => 'a@b.test', to => 'u@' . ($domain // 'one.example'),
        message => "Subject: $subject\n\nx\n");
}

sub current { return readlink "$w->{dir}/state/snapshots/current" }

sub blobs {
    my @found = glob "$w->{dir}/state/snapshots/" . current() . '/data/*';
    return @found;
}

# Without its list.
$w->snippet('25-wordy', "[filter wordy]\naction = reject\naction.text = %e\nwords = ../words.txt\n");
my ($exit, $text) = $w->ctl('check');
is($exit, 1, 'a missing list is an error');
like($text, qr{^\S*conf\.d/25-wordy\.conf:4: \[filter wordy\] words: \S*/words\.txt: .*No such file}m,
    'at the place of its key');

list($list, "\xef\xbb\xbf# a comment\r\nalpha\r\n  beta  # another\nga#mma\n\nal\npair\nalpha\nbad\xffbytes\nnul\0byte\nmu\n");
($exit, $text) = $w->ctl('check');
is($exit, 0, 'refused rows are no errors');
like($text, qr{words\.txt:6: warning: \[filter wordy\] words: row left out: "al" is shorter than three letters},
    'each is told with file, line and reason');
like($text, qr{words\.txt:9: warning:.*UTF-8}, 'what is not UTF-8 too');
like($text, qr{words\.txt:10: warning:.*NUL}, 'and what holds a NUL');
like($text, qr{words\.txt:11: warning:.*"mu"}, 'whatever comes after');

$w->start;
like(answer('alpha'), qr/^550 5\.7\.1 alpha rows=4 /, 'an entry is found');
like(answer('beta'), qr/^550/, 'white space and comments are no part of it');
like(answer('ga#mma'), qr/^550/, 'a # inside a word is');
like(answer('al'), qr/^250/, 'a refused one is not found');
like(answer('delta'), qr/^250/, 'nor is what is not listed');
is(scalar(blobs()), 1, 'one blob is published');

# A changed list, under load, without a restart.
my @inodes = map { (stat)[1] } blobs();
my $children = join ' ', sort map { @$_ } @{ $w->children }{qw(winnow-filter winnow-smtp)};
my $load = fork // die;
if ($load == 0) {
    while (1) { my $reply = answer('load'); POSIX::_exit(1) if $reply !~ /^250/ }
}
my $before = current();
is(($w->ctl('sync'))[0], 0, 'sync');
is(current(), $before, 'nothing has changed: nothing is published');
list($list, "alpha\ndelta\n");
is(($w->ctl('sync'))[0], 0, 'sync with a changed list');
isnt(current(), $before, 'publishes it, with the same settings');
like(answer('delta'), qr/^550 5\.7\.1 delta rows=2 /, 'and the next message shows it');
like(answer('beta'), qr/^250/, 'what has left the list is not found any more');
isnt((stat((blobs())[0]))[1], $inodes[0], 'in a blob of its own');
is(waitpid($load, POSIX::WNOHANG()), 0, 'mail has flowed meanwhile');
kill KILL => $load;
waitpid $load, 0;
is((join ' ', sort map { @$_ } @{ $w->children }{qw(winnow-filter winnow-smtp)}), $children,
    'through the same processes');

# A changed domain, an unchanged list.
@inodes = map { (stat)[1] } blobs();
my $previous = current();
$w->domain('three.example', {});
is(($w->ctl('sync'))[0], 0, 'sync with another domain');
isnt(current(), $previous, 'publishes');
is((stat((blobs())[0]))[1], $inodes[0], 'the unchanged blob is a hard link');

# A domain with a list of its own.
list("$w->{dir}/own.txt", "omega\n");
$w->domain('two.example', { filter => { wordy => { words => '../own.txt; ../words.txt' } } });
is(($w->ctl('sync'))[0], 0, 'sync with a list of one domain');
is(scalar(blobs()), 2, 'gives it a blob');
like(answer('omega', 'two.example'), qr/^550/, 'it finds what is in its list');
like(answer('delta', 'two.example'), qr/^550/, 'and in the other that it names');
like(answer('omega'), qr/^250/, 'others do not');

# A list that is not there is not written into a domain's file.
my $domain_text = Winnow::Instance::slurp("$w->{dir}/domains.d/two.example.conf");
($exit, $text) = $w->ctl('filter', 'set', 'two.example', 'wordy', 'words', '../nowhere.txt');
is($exit, 1, 'filter set with a missing file');
like($text, qr{\[filter wordy\] words: .*nowhere\.txt: .*No such file}, '... says which');
is(Winnow::Instance::slurp("$w->{dir}/domains.d/two.example.conf"), $domain_text, '... and changes nothing');

# What goes wrong keeps what was.
for my $case ([ explode => 'cannot be compiled: an explosive entry' ],
    [ unsound => 'the plugin refuses what it has compiled: an unsound entry' ],
    [ al => 'words.txt: has no row that can be used' ], [ undef, 'No such file' ], [ '/', 'is not a regular file' ], [ '|', 'is not a regular file' ]) {
    my ($entry, $reason) = @$case;
    my $name = $entry // 'a missing list';

    unlink $list or rmdir $list;
    $name eq '/' ? mkdir $list
        : $name eq '|' ? POSIX::mkfifo($list, 0644)
        : defined $entry && list($list, "$entry\n" . ($name eq 'al' ? "xy\n" : "epsilon\n"));
    ($exit, $text) = $w->ctl('sync');
    is($exit, 1, "sync with $name fails");
    like($text, qr{conf\.d/25-wordy\.conf:4: .*\Q$reason\E.*; what was made of it before stays}, 'and says what stays');
    like(($w->ctl('sync', '--status'))[1], qr/files, in trouble\n.*\Q$reason\E/s, 'as its status does');
    like(($w->ctl('status'))[1], qr/ 2 problems: winnowctl sync --status/, 'which status names');
    like(answer('delta'), qr/^550/, 'keeps the last good data set');
    next if $name eq '|'; # the log has it from the folder
    my $event = $w->wait_event('log', sub { $_[0]{message} =~ /\Q$reason\E/ }, 5);
    ok($event, 'with an error in the log');
    is($event->{level}, 'error', 'of that level');
    ($exit, $text) = $w->ctl('check');
    is($exit, 1, 'check says so');
    like($text, qr{conf\.d/25-wordy\.conf:4: \[filter wordy\] words: .*\Q$reason\E}, 'with place and reason');
    is(($w->ctl('reload'))[0], 1, 'and reload refuses it');
}
unlink $list;
list($list, "alpha\nzeta\n");
is(($w->ctl('sync'))[0], 0, 'sync with a good one');
like(($w->ctl('sync', '--status'))[1], qr/files, in order\n.*no problems/s, 'ends the trouble');
like(answer('zeta'), qr/^550/, 'it is used again');

# A file that rots is not used.
$previous = current();
list($list, "alpha\neta\n");
is(($w->ctl('sync'))[0], 0, 'another generation');
$w->stop;
for my $path (blobs()) {
    open my $out, '+<:raw', $path or die;
    seek $out, -3, 2;
    print $out 'X';
    close $out;
}
$previous = current();
$w->start;
Winnow::Instance::wait_for(sub { current() ne $previous && $w->smtp });
like(answer('eta'), qr/^550/, 'at a start a rotten blob is compiled anew');
for my $path (blobs()) {
    chmod 0600, $path;
    open my $out, '+<:raw', $path or die;
    seek $out, -3, 2;
    print $out 'X';
    close $out;
}
kill KILL => @{ $w->children->{'winnow-filter'} };
ok(Winnow::Instance::wait_for(sub { answer('zeta') =~ /^550/ }, 20),
    'in a new process an earlier blob serves in place of a rotten one');

# explain uses what is published.
Winnow::Instance::spew("$w->{dir}/m.eml", "Subject: theta\n\nx\n");
is(($w->ctl('sync'))[0], 0, 'sync');
list($list, "alpha\ntheta\n");
($exit, $text) = $w->ctl('explain', "$w->{dir}/m.eml", '--to', 'u@one.example', '--json');
like($text, qr/"evidence":"theta rows=2"/, 'explain sees the list as it is now');
like(answer('theta'), qr/^250/, 'the relay after the next sync');
$w->snippet('25-wordy', "[filter wordy]\naction = reject\naction.text = %e\n");
is(($w->ctl('reload'))[0], 0, 'reload without a list');
like(answer('nothing?'), qr/^550 5\.7\.1 no blob/, 'the filter is told that there is no data');
done_testing;
