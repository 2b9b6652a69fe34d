#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The four actions do what PRODUCT statements 28 to 41 say.

use strict;
use warnings;
use v5.32;
use utf8;

use Encode qw(encode decode);
use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    filters => {
        '30-phrase' => "[filter phrase]\naction = reject\n"
            . "action.text = Refused for %d by %f: %e, sender %s, host %h, 100%%\n"
            . "phrases = ../phrases.txt\n",
    },
    domains => {
        'reject.example' => {},
        'own.example' => { filter => { phrase => { 'action.text' => 'Not wanted at %d' } } },
        'tag.example' => { filter => { phrase => {
            action => 'modify_subject', 'action.tag' => '[Spam?]' } } },
        'utf8.example' => { filter => { phrase => {
            action => 'modify_subject', 'action.tag' => encode('UTF-8', '[Verdächtig]') } } },
        'forward.example' => { filter => { phrase => {
            action => 'forward', 'action.to' => 'admin@forward.example' } } },
        'delete.example' => { filter => { phrase => { action => 'delete' } } },
        'off.example' => { filter => { phrase => { enabled => 'false' } } },
        'report.example' => { filter => { phrase => { action => 'none' } } },
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "buy one get seven of them free today\n");
$w->start;

my $spam = "From: s\@x.test\nSubject: Offer\n\nPlease BUY one\n get   seven of them free TODAY!\n";

sub deliver {
    my ($to, $message) = @_;
    my $before = $w->n_received;
    my $reply = $w->smtp->mail(from => 'forged@victim.test', to => $to,
        message => $message // $spam);
    return ($reply, $before);
}

sub arrived {
    my ($before) = @_;
    my @found = $w->wait_received($before + 1);
    return $found[-1];
}

{
    my ($reply) = deliver('u@reject.example');
    like($reply, qr/^550 5\.7\.1 Refused for reject\.example by phrase: .*buy one get seven of them free today.*, sender forged\@victim\.test, host relay\.test, 100% \[[0-9A-Z]{16,26}\]$/i,
        'REJECT in the dialogue, with text, substitutions and id');
    ($reply) = deliver('u@own.example');
    like($reply, qr/^550 5\.7\.1 Not wanted at own\.example \[/, "the domain's own text");
}
{
    my ($reply, $before) = deliver('u@tag.example');
    like($reply, qr/^250/, 'MODIFY SUBJECT is accepted');
    my $found = arrived($before);
    like($found->{message}, qr/^Subject: \[Spam\?\] Offer\r$/m, 'tag at the beginning of the subject');
    like($found->{message}, qr/^X-Winnow-Match: filter=phrase; rule=\S+;\s+evidence="[^"]*"; action=modify_subject\r$/m,
        'the reason is in the header');
    is($found->{envelope}{recipients}[0], 'u@tag.example', 'to the original recipient');

    ($reply, $before) = deliver('u@tag.example', $spam =~ s/Subject: Offer/Subject: [Spam?] Offer/r);
    like(arrived($before)->{message}, qr/^Subject: \[Spam\?\] Offer\r$/m, 'never tagged twice');
    ($reply, $before) = deliver('u@tag.example', $spam =~ s/Subject: Offer\n//r);
    like(arrived($before)->{message}, qr/^Subject: \[Spam\?\]\s*\r$/m, 'a missing subject is made');
    ($reply, $before) = deliver('u@utf8.example');
    my ($subject) = arrived($before)->{message} =~ /^Subject: (.*?)\r$/m;
    is(decode('MIME-Header', $subject), '[Verdächtig] Offer', 'a tag that is not ASCII is encoded');
}
{
    my ($reply, $before) = deliver('u@forward.example');
    like($reply, qr/^250/, 'FORWARD is accepted');
    my $found = arrived($before);
    is_deeply($found->{envelope}{recipients}, ['admin@forward.example'], 'goes to the account instead');
    like($found->{message}, qr/\r\n\r\nPlease BUY one\r\n get   seven/, 'and is complete');
}
{
    my ($reply, $before) = deliver('u@delete.example');
    like($reply, qr/^250 2\.0\.0 queued as/, 'DELETE looks like success');
    my ($id) = $reply =~ /queued as (\w+)/;
    my $event = $w->wait_event('deleted', sub { $_[0]{id} eq $id });
    ok($event, 'and is an event of its own');
    ($reply, $before) = deliver('u@off.example');
    like($reply, qr/^250/, 'a filter that the domain switched off does not run');
    like(arrived($before)->{message}, qr/^Subject: Offer\r$/m, 'no tag there');
    is($w->n_received, $before + 1, 'the deleted message never came');
    ($reply, $before) = deliver('u@report.example');
    like($reply, qr/^250/, 'action = none');
    like(arrived($before)->{message}, qr/^X-Winnow-Match: .*action=none\r$/ms, 'only reports');
}
ok($w->wait_drained, 'drained');
my @to = map { @{ $_->{envelope}{recipients} } } $w->received;
ok(!grep({ /victim|reject\.example|own\.example/ } @to),
    'nothing was sent to the forged sender or the rejected recipient');
is(scalar(grep { $_->{envelope}{sender} eq '' } $w->received), 0, 'no bounce was made');
is(scalar(() = $w->events('rejected')), 2, 'REJECT is logged as rejected');

# A forward target outside the customer's domains is refused when it is set.
$w->domain('wrong.example', { filter => { phrase => {
    action => 'forward', 'action.to' => 'x@elsewhere.test' } } });
my ($exit, $text) = $w->ctl('check');
is($exit, 1, 'check refuses a foreign forward target');
like($text, qr{domains\.d/wrong\.example\.conf:\d+: .*action\.to}, 'and names the place');
done_testing;
