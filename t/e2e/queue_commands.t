#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnowctl queue: wrong words change nothing, what was not done is told with
# its reason, and long lists are whole.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('queue-XXXXXX', TMPDIR => 1);
my $slow = Winnow::EvilSink->new(dir => "$dir/slow", script => 'dot conn=1: keep; pause 30000; 250 ok');
my $w = Winnow::Instance->new(workers => 1, retry => '1h', domains => {
    'dead.example' => { servers => '127.0.0.1:9' },
    'slow.example' => { servers => $slow->address },
    'off.example' => { status => 'suspended' },
});
my @id;

sub queue { return $w->ctl('queue', @_) }
sub mail {
    my ($to) = @_;
    my $reply = $w->smtp->mail(from => 's@a.example', to => $to, message => "Subject: x\n\nx\n");
    return $reply =~ /queued as (\w+)/ ? $1 : die $reply;
}

$w->start;
push @id, mail("u$_\@dead.example") for 1 .. 3;
my $off = mail('u@off.example');
my $sent = mail('u@slow.example');
ok(Winnow::Instance::wait_for(sub { $slow->messages == 1 }), 'one is being sent');
for my $id (@id) { $w->wait_event('deferred', sub { $_[0]{id} eq $id }) or die }

for my $case (
    [ [ 'list', '--domain' ], 2, qr/--domain: a value is missing/ ],
    [ [ 'list', '--state', 'bogus' ], 2, qr/"bogus" is no state: waiting, ready/ ],
    [ [ 'list', '--state' ], 2, qr/--state: a value is missing/ ],
    [ [ 'list', '--frob' ], 2, qr/unknown option "--frob"/ ],
    [ [ 'retry', $id[0], '--domain', '' ], 2, qr/--domain: a value is missing/ ],
    [ [ 'delete', '--domain', '' ], 2, qr/--domain: a value is missing/ ],
    [ [ 'hold', $id[0], 'nonsense', $id[1] ], 1, qr/"nonsense" is not an id; nothing was done/ ],
    [ [ 'delete', $id[0], 'nonsense' ], 1, qr/nothing was done/ ],
    [ [ 'list', '--state', 'held', '--domain', 'dead.example' ], 0, qr/^\z/ ],
    [ [ 'retry', $off ], 1, qr/not done for 1 recipient: the domain is suspended/ ],
    [ [ 'retry', '--domain', 'off.example' ], 1, qr/suspended/ ],
    [ [ 'delete', $sent ], 1, qr/not done for 1 recipient: being sent at this moment/ ],
    [ [ 'release', $id[0] ], 1, qr/not held/ ],
    [ [ 'delete', $id[0], $id[1] ], 0, qr/^delete: 2 recipients$/m ],
    [ [ 'delete', $id[0] ], 1, qr/\Q$id[0]\E: nothing in the queue fits/ ],
    [ [ 'hold', '--domain', 'dead.example' ], 0, qr/^hold: 1 recipient$/m ],
    [ [ 'bounce', '--domain', 'dead.example' ], 0, qr/^bounce: 1 recipient$/m ],
    [ [ 'bounce', '--domain', 'nowhere.example' ], 1, qr/nothing in the queue fits/ ],
) {
    my ($words, $wanted, $pattern) = @$case;
    my ($exit, $text) = queue(@$words);
    is($exit, $wanted, "queue @$words");
    like($text, $pattern, '... says why');
}
like((queue('show', $sent))[1], qr/sending/, 'what was not deleted is there');

# More than one piece of an answer.
mail([ map {"recipient-with-a-long-name-$_\@dead.example"} 1 .. 50 ]) for 1 .. 40;
ok(Winnow::Instance::wait_for(sub {
    my ($exit, $text) = queue('list', '--json', '--domain', 'dead.example');
    return grep({ @{ $_->{recipients} } == 50 } Winnow::Instance::json_lines($text)) == 40;
}), 'a long list is whole');
is((queue('delete', '--domain', 'dead.example'))[1], "delete: 2000 recipients\n", 'and all of it can go');
is($w->stop, 0, 'stops');
done_testing;
