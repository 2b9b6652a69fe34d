#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A plugin made with nothing but the compiler and the header is picked up by a
# snippet and runs; bad ones are refused with their own reason.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $modules = Winnow::Instance::build() . '/plugins/modules';
my $w = Winnow::Instance->new(
    plugins => 'plugins',
    domains => { 'good.example' => {} },
);
my $dir = "$w->{dir}/plugins";
mkdir $dir, 0755;
system('cp', glob("$modules/*.so"), $dir) == 0 or die;

sub compile {
    my ($name, $text) = @_;
    Winnow::Instance::spew("$w->{dir}/$name.c", $text);
    return system($ENV{CC} // 'cc', '-shared', '-fPIC', '-I',
        Winnow::Instance::source() . '/sdk', '-o', "$dir/$name.so", "$w->{dir}/$name.c") == 0;
}

ok(compile('shout', <<'END'), 'compiles with cc -shared -fPIC and the header alone');
#include <winnow/plugin.h>

static const WnHost *the_host;

static int32_t
shout_new(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)host;
    return WN_OK;
}

static WnVerdict
shout_message(void *self, WnCall *call)
{
    const WnHost *host = self;
    const WnHeader *subject = host->message->header_named(call, "Subject", 0);
    int64_t limit = host->settings->integer(host->call->settings(call), 0);
    size_t i, capitals = 0;

    if (subject == NULL)
        return WN_PASS;
    for (i = 0; i < subject->value.len; i++)
        capitals += subject->value.ptr[i] >= 'A' && subject->value.ptr[i] <= 'Z';
    if ((int64_t)capitals < limit)
        return WN_PASS;
    return wn_match(host, call, "capitals", subject->value.ptr);
}

static const WnOption options[] = {
    { .name = "capitals", .help = "How many capital letters are too many.",
      .type = WN_OPT_INT, .flags = WN_OPT_PER_DOMAIN, .fallback = "10",
      .min = 1, .max = 1000 },
};
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .message = shout_message };
static const WnPlugin plugin = {
    WN_PLUGIN_HEAD, .name = "shout", .version = "1", .summary = "Finds shouting.",
    .author = "somebody", .license = "MIT", WN_OPTIONS(options),
    .instance_new = shout_new, .filter = &filter
};
WN_PLUGIN(shout, &plugin)
END

$w->snippet('25-shout', "[filter shout]\naction = reject\naction.text = Do not shout: %e\ncapitals = 8\n");
$w->start;
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example',
    message => "Subject: BUY EVERYTHING NOW\n\nx\n"),
    qr/^550 5\.7\.1 Do not shout: BUY EVERYTHING NOW \[/, 'it runs and its match is acted upon');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: Buy\n\nx\n"),
    qr/^250/, 'others pass');
$w->domain('good.example', { filter => { shout => { capitals => 100 } } });
is(($w->ctl('reload'))[0], 0, 'reload');
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example',
    message => "Subject: BUY EVERYTHING NOW\n\nx\n"), qr/^250/, 'the domain has its own limit');
my ($exit, $text) = $w->ctl('plugin', 'docs', 'shout');
like($text, qr/capitals.*How many capital letters.*default: 10/s, 'its options are documented');
($exit, $text) = $w->ctl('plugin', 'list');
like($text, qr/^shout .*used by: shout/m, 'and it is listed');
like($text, qr{^ +/.*/plugins/shout\.so\n +shout +[1-9]\d* calls, [\d.]+ s, [\d.]+ ms each, 0 crashes$}m,
    'with what the daemon has counted');
like($text, qr/^reject .*used by: shout in 1 domain$/m, 'an action too, with the domains that come to it');
like($text, qr{^ +/.*/plugins/reject\.so\n +reject +[1-9]\d* calls, .* 0 crashes$}m, '... and what it did');
like($text, qr/^delete .*used by: -$/m, 'one that nobody uses is');
$w->domain('good.example', { filter => { shout => { capitals => 100, action => 'delete' } } });
($exit, $text) = $w->ctl('plugin', 'list');
like($text, qr/^delete .*used by: 1 domain$/m, 'one that only a domain uses');
like($text, qr/^reject .*used by: shout$/m, '... in place of the other');
($exit, $text) = $w->ctl('plugin', 'list', '--json');
like($text, qr/"plugin":"delete".*"used_by":"","domains":1,"instances":\[\],"calls":\d+/, '... as JSON');
$w->domain('good.example', { filter => { shout => { capitals => 100 } } });

# Refusals, each with its true reason.
ok(compile('undef', <<'END'), 'a plugin with an undefined symbol');
#include <winnow/plugin.h>
extern int nobody_has_this(void);
static WnVerdict m(void *s, WnCall *c) { (void)s; (void)c; return nobody_has_this(); }
static int32_t n(const WnHost *h, const WnSettings *s, void **o, WnError *e) { (void)h; (void)s; (void)e; *o = 0; return 0; }
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .message = m };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "undef", .version = "1", .summary = "s",
    .author = "a", .license = "MIT", .instance_new = n, .filter = &filter };
WN_PLUGIN(undef, &plugin)
END
Winnow::Instance::spew("$dir/textfile.so", "not an object\n");
for my $case ([ undef => qr/nobody_has_this/ ], [ textfile => qr/ELF|file too short|invalid/i ],
    [ absent => qr/there is no filter plugin "absent"/ ]) {
    my ($name, $reason) = @$case;
    $w->snippet('26-bad', "[filter $name]\naction = reject\n");
    ($exit, $text) = $w->ctl('check');
    is($exit, 1, "$name is refused");
    like($text, $reason, 'with its reason');
    like($text, qr{conf\.d/26-bad\.conf:1}, 'and its place');
}
done_testing;
