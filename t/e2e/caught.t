#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What a sender is not told: where the customer's servers are, and what becomes
# of mail that a filter has caught, whose sender may be forged.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

my $dir = File::Temp->newdir('winnow-caught-XXXXXX', TMPDIR => 1);
my $sinks = Winnow::EvilSink->many(dir => "$dir", scripts => {
    sender => '',
    full => "rcpt msg=1-2: 552 5.2.2 mailbox full\n",
    never => "rcpt: 552 5.2.2 mailbox full\n",
    no => "rcpt: 550 5.7.1 we want no spam\n",
});
my $w = Winnow::Instance->new(
    retry => '1s',
    filters => { '30-phrase' => "[filter phrase]\naction = none\nphrases = ../phrases.txt\n" },
    domains => {
        'sender.example' => { servers => $sinks->{sender}->address },
        'gone.example' => {
            servers => 'exchange01.secret-backend.test:25',
            queue_lifetime => '12s',
            delay_notice => '1s',
        },
        'forward.example' => {
            servers => $sinks->{full}->address,
            filter => { phrase => { action => 'forward', 'action.to' => 'spam@forward.example' } },
        },
        'over.example' => {
            servers => $sinks->{never}->address,
            queue_lifetime => '4s',
            filter => { phrase => { action => 'forward', 'action.to' => 'spam@over.example' } },
        },
        'tag.example' => {
            servers => $sinks->{no}->address,
            queue_lifetime => '4s',
            filter => { phrase => { action => 'modify_subject', 'action.tag' => '[SPAM]' } },
        },
        'note.example' => { servers => $sinks->{no}->address },
    });
Winnow::Instance::spew("$w->{dir}/phrases.txt", "the most wicked words there are\n");
$w->start;

my %id;
for my $name (qw(gone forward over tag note)) {
    my $reply = $w->smtp->mail(
        from => 'victim@sender.example',
        to => "u\@$name.example",
        message => "Subject: x\n\nthe most wicked words there are\n",
    );
    ($id{$name}) = $reply =~ /queued as (\w+)/;
    ok($id{$name}, "a message for $name");
}

sub story { my ($name, $event) = @_; return grep { $_->{id} eq $id{$name} } $w->events($event) }
sub happens {
    my ($name, $event) = @_;
    ok(Winnow::Instance::wait_for(sub { story($name, $event) }), "$name: $event");
}

# A copy that is refused is kept for the operator, then it expires.
happens('tag', 'bounced');
my ($held) = story('tag', 'bounced');
is($held->{dsn}, 'none', 'nobody is told');
ok($held->{held} && $held->{caught}, 'the event says that it is held, and why');
like(($w->ctl('queue', 'show', $id{tag}))[1], qr/it is held until 20.*a filter had caught it/, 'so does the queue');
happens('tag', 'expired');

# A match whose action is "none" has caught nothing.
happens('note', 'bounced');
unlike((story('note', 'bounced'))[0]{dsn}, qr/none/, 'the sender of what was only noted is told');

# A mailbox that is full is tried again until the message's time is over; then
# the copy stays, whatever is asked for but "delete".
happens('forward', 'delivered');
happens('over', 'expired');
my ($exit, $said) = $w->ctl('queue', 'bounce', $id{over});
isnt($exit, 0, 'a forwarded copy is not given back');
like($said, qr/forwarded by a filter/, '... and that is why');
like(($w->ctl('queue', 'show', $id{over}))[1], qr/held/, 'it is still there');
is(($w->ctl('queue', 'delete', $id{over}))[0], 0, 'it can be deleted');

happens('gone', 'expired');
ok($w->wait_drained, 'drained');
my @reports = map { $_->{data} } $sinks->{sender}->messages;
is(scalar(@reports), 3, 'a delay, an expiry and one refusal are told');
is(scalar(grep { /secret-backend/ } @reports), 0, 'no report tells where the server is');
is(scalar(grep { /^Remote-MTA/mi } @reports), 0, 'nor its name');
is(scalar(grep { /^Status: 4\.4\.3\r?$/m } @reports), 1, 'the delay has a status of its own');
ok((grep { ($_->{reply} // '') =~ /secret-backend/ } $w->events('deferred')), 'the log does tell');
is($w->stop, 0, 'stops cleanly');
done_testing;
