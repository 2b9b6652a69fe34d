#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# When hooks run, and how often: what winnow/plugin.h promises under "When hooks
# run", seen by plugins that are made with the header alone.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $build = Winnow::Instance::build();
my $w = Winnow::Instance->new(
    plugins => 'plugins',
    workers => 1,
    filters => {
        '50-when' => "[filter when]\naction = none\n",
        '51-each' => "[filter each]\naction = none\n",
        '52-once' => "[filter once]\naction = none\n",
        '53-door' => "[filter door]\naction = none\n",
    },
    domains => {
        'good.example' => { filters => 'when' },
        'counted.example' => { filters => 'each; once' },
        'plain.example' => { filters => 'door' },
    },
);
my $dir = $w->{dir};
mkdir "$dir/plugins", 0755;
system('cp', glob("$build/plugins/modules/*.so"), "$dir/plugins") == 0 or die;

# Each hook says its name, at a level that is seen.
sub plugin {
    my ($name, $flags, @hooks) = @_;
    my %is_end = map { $_ => 1 } qw(transaction_end connection_end);
    my $functions = join '', map {
        my ($type, $result) = $is_end{$_} ? ('void', '') : ('WnVerdict', ' return WN_PASS;');
        "static $type on_$_(void *self, WnCall *call) "
            . "{ wn_log(self, WN_LOG_WARNING, call, \"$name $_\");$result }\n"
    } @hooks;
    my $members = join '', map {", .$_ = on_$_"} @hooks;

    Winnow::Instance::spew("$dir/$name.c", <<"END");
#include <winnow/plugin.h>
$functions
static int32_t make(const WnHost *host, const WnSettings *settings, void **self, WnError *err)
{ (void)settings; (void)err; *self = (void *)host; return WN_OK; }
static const WnFilter filter = { .struct_size = sizeof(WnFilter), .flags = $flags$members };
static const WnPlugin plugin = { WN_PLUGIN_HEAD, .name = "$name", .version = "1", .summary = "Tells.",
    .author = "a test", .license = "MIT", .instance_new = make, .filter = &filter };
WN_PLUGIN($name, &plugin)
END
    system($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', Winnow::Instance::source() . '/sdk', '-o',
        "$dir/plugins/$name.so", "$dir/$name.c") == 0 or die;
}

plugin('when', 0, qw(connect helo mail message transaction_end connection_end));
plugin('each', 0, qw(rcpt));
plugin('once', 'WN_FILTER_RCPT_SHARED', qw(rcpt));
plugin('door', 0, qw(message));

sub said {
    my ($name) = @_;
    return join ' ', map { ($_->{message} // '') =~ /^\Q$name\E (\w+)/ ? $1 : () } $w->events('plugin');
}

sub says {
    my ($name, $expected, $what) = @_;
    Winnow::Instance::wait_for(sub { said($name) eq $expected }, 10);
    is(said($name), $expected, $what);
}

$w->start;

# A client that leaves before it has named a recipient is not seen.
my $s = $w->smtp;
$s->cmd($_) for 'EHLO early.test', 'MAIL FROM:<a@b.test>', 'QUIT';
undef $s;

$s = $w->smtp;
$s->cmd($_) for 'EHLO a.test', 'MAIL FROM:<a@b.test>';
is(said('when'), '', 'nothing before a recipient is known');
is($s->cmd('RCPT TO:<u@good.example>') =~ /^250/, 1, 'a recipient');
says('when', 'connect helo mail', 'then all that is known of the client and the sender, before DATA');
$s->cmd($_) for 'RCPT TO:<v@good.example>', 'DATA';
$s->send_raw("Subject: x\r\n\r\nx\r\n.\r\n");
like($s->reply, qr/^250/, 'a message');
says('when', 'connect helo mail message transaction_end', 'and none of it again');
$s->cmd($_) for 'MAIL FROM:<c@d.test>', 'RCPT TO:<u@good.example>';
says('when', 'connect helo mail message transaction_end mail', 'another transaction is another sender');
$s->cmd('RSET');
says('when', 'connect helo mail message transaction_end mail transaction_end', 'that ends with RSET');
$s->cmd($_) for 'EHLO b.test', 'MAIL FROM:<a@b.test>', 'RCPT TO:<u@good.example>';
says('when', 'connect helo mail message transaction_end mail transaction_end helo mail', 'another HELO is another name');
$s->cmd('QUIT');
undef $s;
says('when', 'connect helo mail message transaction_end mail transaction_end helo mail '
        . 'transaction_end connection_end', 'the client has gone');

# A counter counts what there is to count.
$s = $w->smtp;
$s->cmd($_) for 'EHLO a.test', 'MAIL FROM:<a@b.test>', map {"RCPT TO:<u$_\@counted.example>"} 1 .. 5, 5;
$s->cmd('DATA');
$s->send_raw("Subject: x\r\n\r\nx\r\n.\r\n");
like($s->reply, qr/^250/, 'a message to five');
says('each', join(' ', ('rcpt') x 5), 'rcpt runs once for each recipient');
says('once', 'rcpt', 'or once for all where the filter says that this will do');

# Who has nothing to do before the message is not asked before it.
$s->cmd($_) for 'MAIL FROM:<a@b.test>', 'RCPT TO:<u@plain.example>', 'RSET';
is(said('door'), '', 'a filter of messages saw none');
$s->cmd('QUIT');
done_testing;
