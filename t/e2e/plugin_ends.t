#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A plugin that ends the process that loads it, even with exit status 0, is
# named by every command that loads plugins, and none of them says that all is
# well; nor is anything changed.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(plugins => 'plugins',
    domains => { 'good.example' => { servers => '127.0.0.1:1' } });
my $dir = $w->{dir};
mkdir "$dir/plugins", 0755;
system('cp', glob(Winnow::Instance::build() . '/plugins/modules/*.so'), "$dir/plugins") == 0 or die;
Winnow::Instance::spew("$dir/mail", "Subject: x\r\n\r\nx\r\n");

Winnow::Instance::spew("$dir/boo.c", <<'END');
#include <winnow/plugin.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef AT_LOAD
__attribute__((constructor)) static void
boo(void)
{
    END_IT;
}
#endif

static int32_t
boo_new(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)settings;
    (void)err;
    *self = (void *)host;
#ifdef AT_NEW
    END_IT;
#endif
    return WN_OK;
}

static WnVerdict
boo_rcpt(void *self, WnCall *call)
{
    (void)self;
    (void)call;
#ifdef AT_HOOK
    END_IT;
#endif
    return WN_PASS;
}

static const WnFilter filter = { .struct_size = sizeof(WnFilter), .rcpt = boo_rcpt };
static const WnPlugin plugin = {
    WN_PLUGIN_HEAD, .name = "boo", .version = "1", .summary = "Ends things.", .author = "somebody",
    .license = "MIT", .instance_new = boo_new, .filter = &filter
};
WN_PLUGIN(boo, &plugin)
END

sub compile {
    my (@flags) = @_;
    return system($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', Winnow::Instance::source() . '/sdk', @flags,
        '-o', "$dir/plugins/boo.so", "$dir/boo.c") == 0;
}

my @commands = (['plugin', 'list'], ['plugin', 'show', 'boo'], ['plugin', 'docs', 'boo'], ['check'],
    ['domain', 'list'], ['domain', 'show', 'good.example'],
    ['filter', 'disable', 'good.example', 'boo'], ['explain', "$dir/mail", '--to', 'u@good.example']);
$w->snippet('10-boo', "[filter boo]\naction = reject\n");

for my $case (['_exit(0)', 'ended the process with exit status 0'],
    ['exit(3)', 'ended the process with exit status 3'], ['abort()', 'killed the process: Aborted']) {
    my ($statement, $words) = @$case;
    ok(compile('-DAT_LOAD', "-DEND_IT=$statement"), "a plugin that calls $statement when it is loaded");
    for my $command (@commands) {
        my ($exit, $text) = $w->ctl(@$command);
        is($exit, 1, "@$command: exit 1");
        like($text, qr/plugin boo: \Q$words\E when it was loaded/, '... and what happened');
    }
    my ($exit, $text) = $w->ctl('--json', 'check');
    like($text, qr/"text":"plugin boo: \Q$words\E|plugin boo: \Q$words\E/, 'as JSON too');
}
ok(!-e "$dir/domains.d/good.example.conf.new"
        && Winnow::Instance::slurp("$dir/domains.d/good.example.conf") !~ /boo/, 'no domain was changed');

ok(compile('-DAT_NEW', '-DEND_IT=_exit(0)'), 'a plugin that ends in instance_new');
for my $command (['check'], ['explain', "$dir/mail", '--to', 'u@good.example']) {
    my ($exit, $text) = $w->ctl(@$command);
    is($exit, 1, "@$command: exit 1");
    like($text, qr/\[filter boo\]: its plugin ended the process with exit status 0 in instance_new/, '... names the filter');
}
is(($w->ctl('plugin', 'list'))[0], 0, 'plugin list makes no instance');

ok(compile('-DAT_HOOK', '-DEND_IT=_exit(0)'), 'a plugin that ends in a hook');
is(($w->ctl('check'))[0], 0, 'check runs no hook');
my ($exit, $text) = $w->ctl('explain', "$dir/mail", '--to', 'u@good.example');
is($exit, 1, 'explain does: exit 1');
like($text, qr/\[filter boo\]: its plugin ended the process with exit status 0 in rcpt/, '... and names it');

done_testing;
