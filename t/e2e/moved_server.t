#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# A domain whose server is dead gets another one: what waits goes there at
# once, not when its next attempt is due.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $dead = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    retry => '30m',
    domains => {
        'away.example' => { servers => "127.0.0.1:$dead" },
        'other.example' => { servers => 'SINK:new' },
    },
);
$w->start;
my $smtp = $w->smtp;
my $id;
for (1 .. 200) {
    ($id) = $smtp->mail(from => 'a@s.test', to => 'u@away.example', message => "Subject: x\n\nx\n")
        =~ /queued as (\w+)/;
}
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }), 'the server is dead');
$w->domain('away.example', { servers => 'SINK:new' });
$w->ctl('sync');
ok(Winnow::Instance::wait_for(sub { $w->n_received('new') == 200 }, 45), 'all go to the new server');
is($w->stop, 0, 'stops');
done_testing;
