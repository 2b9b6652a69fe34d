#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A plugin's file is replaced under load: the reload takes the new code without
# refusing anybody, sessions from before end with the old one, and code that is
# no good changes nothing.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;
use Winnow::Load;

my $w = Winnow::Instance->new(
    plugins => 'plugins',
    filters => { '50-teller' => "[filter teller]\naction = reject\naction.text = %e\n" },
    domains => { 'good.example' => {} },
);
my $folder = "$w->{dir}/plugins";
mkdir $folder, 0755;
system('cp', glob(Winnow::Instance::build() . '/plugins/modules/*.so'), $folder) == 0 or die;

# As install(1) and packages do: a new file under the old name.
sub install {
    my ($version, $making) = @_;
    my $flags = $making // '';
    Winnow::Instance::spew("$w->{dir}/teller.c", <<"END");
#include <winnow/plugin.h>
#include <stdlib.h>
static WnVerdict teller_message(void *self, WnCall *call)
{
    const WnHost *host = self;
    const WnHeader *subject = host->message->header_named(call, "Subject", 0);
    if (subject == NULL || strcmp(subject->value.ptr, "tell") != 0)
        return WN_PASS;
    return wn_match(host, call, "version", "version $version");
}
static int32_t teller_new(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{
    (void)settings; (void)err; *self = (void *)(uintptr_t)host;
    $flags
    return WN_OK;
}
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .message = teller_message };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "teller", .version = "$version", .summary = "s",
    .author = "a", .license = "MIT", .instance_new = teller_new, .filter = &filter };
WN_PLUGIN(teller, &plugin)
END
    system($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', Winnow::Instance::source() . '/sdk',
        '-o', "$folder/teller.so.new", "$w->{dir}/teller.c") == 0 or die;
    chmod 0755, "$folder/teller.so.new";
    rename "$folder/teller.so.new", "$folder/teller.so" or die;
}

sub told {
    my ($smtp) = @_;
    my $reply = $smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: tell\n\nx\n");
    return $reply =~ /version (\w+)/ ? $1 : $reply;
}

install('one');
$w->start;
is(told($w->smtp), 'one', 'the first version runs');
my $load = Winnow::Load->start(port => $w->{port}, clients => 3, pause => 0.005,
    ledger => "$w->{dir}/ledger", to => 'u@good.example');
my $old = $w->smtp;
is(told($old), 'one', 'a session begins');

install('two');
is(told($w->smtp), 'one', 'a new file alone changes nothing');
is(($w->ctl('reload'))[0], 0, 'reload');
is(told($w->smtp), 'two', 'the new version runs');
cmp_ok(scalar @{ $w->children->{'winnow-filter'} }, '>', 2, 'two generations side by side');
is(told($old), 'one', 'the session from before keeps the old one');
$old->quit;

# Code that is no good is found in the process that is thrown away.
for my $case ([ three => '*(volatile int *)8 = 1;', qr/\[filter teller\]: its plugin killed the process: Segmentation fault in instance_new/ ],
    [ four => 'exit(0);', qr/\[filter teller\]: its plugin ended the process with exit status 0 in instance_new/ ],
    [ five => 'snprintf(err->text, sizeof err->text, "cannot be made"); return WN_E_INVALID;', qr/cannot be made/ ]) {
    my ($version, $making, $reason) = @$case;
    install($version, $making);
    my ($exit, $text) = $w->ctl('reload');
    is($exit, 1, "version $version is refused");
    like($text, $reason, '... with what it did');
    is(told($w->smtp), 'two', '... and the one before runs on');
}
install('six');
is(($w->ctl('reload'))[0], 0, 'reload');
is(told($w->smtp), 'six', 'the next good version runs');

my $ledger = $load->stop;
is(scalar @{ $ledger->{$_} // [] }, 0, "none was $_") for qw(REFUSED BROKEN DOUBT);
is_deeply([ grep { !/^421/ } @{ $ledger->{reply} // [] } ], [], 'nothing but a 421 between messages');
my @acked = @{ $ledger->{ACK} // [] };
cmp_ok(scalar @acked, '>', 20, scalar(@acked) . ' messages meanwhile');
ok($w->wait_drained(120), 'drained');
my $arrived = Winnow::Load::arrived($w);
is(scalar(grep { !$arrived->{$_} } @acked), 0, 'each arrived');
ok(Winnow::Instance::wait_for(sub { @{ $w->children->{'winnow-filter'} // [] } == 2 }, 100),
    'in the end one generation is left');
is($w->stop, 0, 'stops cleanly');
done_testing;
