#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnowctl trace: an id that a sender was told, or one of a message that was
# delivered, leads to everything that happened to it, from the history alone and
# from log files.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

my $WICKED = "Subject: x\n\nthe most wicked words there are\n";
my $folder = File::Temp->newdir('winnow-trace-XXXXXX', TMPDIR => 1);
my %sink = map { ($_->[0] => Winnow::EvilSink->new(dir => "$folder/$_->[0]", script => $_->[1])) } (
    [ good => "rcpt to=/^no/: 550 5.1.1 no such user\n" ],
    [ later => "rcpt conn=1 msg=1: 450 4.2.1 try later\n" ],
    [ never => "rcpt: 450 4.2.1 try later\n" ],
    [ sender => '' ],
);
my %domain = map { ("$_.example" => { servers => $sink{$_}->address }) } keys %sink;
$domain{'deletes.example'} = { servers => $sink{good}->address, filter => { phrase => { action => 'delete' } } };
$domain{'rejects.example'} = { servers => $sink{good}->address, filter => { phrase => { action => 'reject' } } };

my $w = Winnow::Instance->new(domains => \%domain,
    filters => { '30-phrase' => "[filter phrase]\naction = none\nphrases = ../phrases.txt\n" });
my $dir = $w->{dir};
Winnow::Instance::spew("$dir/phrases.txt", "the most wicked words there are\n");
$w->start;

sub id_of {
    my ($reply) = @_;
    return $reply =~ /\b([0-9A-Z]{26})\b/ ? $1 : undef;
}

sub mail {
    my ($to, %more) = @_;
    my $reply = $w->smtp(helo => 'mail.customer.example')
        ->mail(from => 'a@sender.example', to => $to, message => "Subject: x\n\nbody\n", %more);
    my $id = id_of($reply);

    ok($id, "$to: an id in the reply") or diag($reply);
    return wantarray ? ($id, $reply) : $id;
}

sub delivered {
    my ($id) = @_;
    return $w->wait_event('delivered', sub { $_[0]{id} eq $id });
}

# The story of what must be known.
sub story {
    my ($name, $words, @wanted) = @_;
    my ($exit, $text) = $w->ctl('trace', @$words);

    is($exit, 0, "$name: found");
    like($text, $_, "$name: $_") for @wanted;
    my @times = $text =~ /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z)  /mg;
    cmp_ok(scalar @times, '>=', 2, "$name: each with its time");
    diag($text) if $ENV{WN_SHOW_TRACE};
    return $text;
}

# Refused by a filter.
my ($refused, $reply) = mail('u@rejects.example', message => $WICKED);
my $text = story('refused', [$refused], qr/^message $refused$/m,
    qr/ connected\n    client +127\.0\.0\.1\n    helo +mail\.customer\.example\n    tls +none\n/,
    qr/ message refused: 550 5\.7\.1 .*\[$refused\]\n/,
    qr/ the filters have decided\n(?:    .*\n)*    filter +phrase: match, rule \S+, evidence .*most wicked words.*, action reject, \d+ us\n/,
    qr/^    sender +a\@sender\.example$/m, qr/^    recipient +u\@rejects\.example$/m,
    qr/^    generation +\d+$/m);
unlike($text, qr/in the queue now|no daemon/, 'refused: is not in the queue');
my ($connected, @after) = $text =~ /^(\S+ \S+Z)  /mg;
is_deeply([ sort $connected, @after ], [ $connected, @after ], 'refused: the connection comes first, all in order');

# However the id was pasted.
for my $case ([ 'small letters' => lc $refused ], [ brackets => "[$refused]" ], [ 'the whole reply' => $reply ]) {
    my ($exit, $again) = $w->ctl('trace', $case->[1]);
    is($again, $text, "the same for $case->[0]");
}

# Deleted, refused at RCPT, refused for its form.
story('deleted', [ scalar mail('u@deletes.example', message => $WICKED) ], qr/ deleted: u\@deletes\.example\n/,
    qr/filter +phrase: match, .*, action delete/);
my $smtp = $w->smtp;
$smtp->cmd('MAIL FROM:<a@sender.example>');
my $relay = id_of($smtp->cmd('RCPT TO:<u@elsewhere.example>'));
story('refused at RCPT', [$relay], qr/ recipient refused: u\@elsewhere\.example: 550 5\.7\.1 Relaying denied \[$relay\]\n/);
$smtp->cmd('RCPT TO:<u@good.example>');
$smtp->cmd('DATA');
$smtp->send_raw("Subject: x\r\n\r\na bare\nnewline\r\n.\r\n");
my $bare = id_of($smtp->reply);
story('refused for its form', [$bare], qr/ message refused: 550 5\.6\.11 bare CR or LF\n/,
    qr/^    recipient +u\@good\.example$/m, qr/ recipient refused: u\@elsewhere/);
$smtp->cmd('MAIL FROM:<a@sender.example>');
$smtp->cmd("RCPT TO:<$_\@good.example>") for 'one', 'two';
$smtp->cmd('DATA');
$smtp->send_raw("Subject: a\r\n\r\nb\r\n.\r\n");
my $two = id_of($smtp->reply);
ok(delivered($two), 'delivered to two');
story('two recipients', [$two], qr/ accepted: 250 2\.0\.0 queued as $two\n(?:    .*\n)*    recipient +one\@good\.example\n    recipient +two\@good/,
    qr/filter +phrase: pass, \d+ us/, qr/ delivered: one\@good\.example: 250/, qr/ delivered: two\@good\.example: 250/);

# Put off once, then delivered.
my $later = mail('u@later.example');
ok(delivered($later), 'delivered at last');
my $address = $sink{later}->address;
$text = story('put off, then delivered', [$later], qr/ not delivered yet: u\@later\.example: 450 4\.2\.1 try later\n/,
    qr/^    server +.*\Q$address\E/m, qr/^    attempts +2$/m, qr/^    next attempt +\d{4}-/m);
like($text, qr/ accepted.* not delivered yet.* delivered: u\@later\.example: 250 2\.0\.0 taken\n/s, 'in this order');
is(() = $text =~ / delivered: /g, 1, 'each event once');

# The report about a message, and back.
my $failed = mail('no@good.example');
my $dsn = $w->wait_event('dsn', sub { $_[0]{original_id} eq $failed });
ok($dsn && delivered($dsn->{id}), 'a report is delivered');
my @both = (qr/ the last attempt has failed: no\@good\.example: 550 5\.1\.1 no such user\n(?:    .*\n)*    server +127\.0\.0\.1:/,
    qr/ failed for good: no\@good\.example: 550 5\.1\.1 no such user\n/,
    qr/ report made for the sender: a\@sender\.example\n/, qr/ delivered: a\@sender\.example: 250/);
story('with its report', [$failed], @both, qr/Z  $dsn->{id}: delivered/);
story('the report', [ $dsn->{id} ], @both, qr/^message $dsn->{id}$/m, qr/Z  $failed: accepted/);

# Still waiting, and what an operator does to it.
my $waits = mail('u@never.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $waits }), 'put off');
story('waiting', [$waits], qr/^in the queue now: $waits\n    $waits .*\n.*u\@never\.example\n/m, qr/waits for: /);
my ($exit, $json) = $w->ctl('trace', $waits, '--json');
my ($queue) = grep { $_->{event} eq 'queue' } Winnow::Instance::json_lines($json);
is($queue->{recipients}[0]{address}, 'u@never.example', 'waiting: in JSON, too');
is(($w->ctl('queue', 'hold', $waits))[0], 0, 'held');
is(($w->ctl('queue', 'delete', $waits))[0], 0, 'deleted');
story('deleted by the operator', [$waits], qr/ held: u\@never\.example\n/, qr/ deleted: u\@never\.example\n    (?:.*\n    )*by +operator\n/);

# JSON: the events as they were logged.
($exit, $json) = $w->ctl('trace', $refused, '--json');
my @events = map { decode_json($_) } split /\n/, $json;
is_deeply([ map { $_->{event} } @events ], [ 'verdict', 'rejected' ], 'JSON: one event a line');
my ($logged) = grep { $_->{id} && $_->{id} eq $refused } $w->events('verdict');
is_deeply($events[0], $logged, 'JSON: as in the log');

# An id that nobody knows, and words that are none.
my $unknown = '01' . 'Z' x 24;
($exit, $text) = $w->ctl('trace', $unknown);
is($exit, 1, 'unknown: exit 1');
like($text, qr/nothing is known of $unknown\n.*reaches back to \d{4}-\d\d-\d\dT.*\n.*log files.*trace ID -/, 'unknown: how far back, and what else there is');
is(($w->ctl('trace', @$_))[0], 2, "usage: @$_") for [], ['hello'], [ '--all', $refused ];
is(($w->ctl('trace', $refused, "$dir/nothing"))[0], 1, 'a log file that is not there');

# Programs that are killed take nothing with them.
$w->ctl('queue', 'retry', '--domain', 'never.example');
my %before = %{ $w->children };
kill KILL => @{ $before{'winnow-smtp'} };
ok(Winnow::Instance::wait_for(sub {
    my $now = $w->children->{'winnow-smtp'} // [];
    my %old = map { $_ => 1 } @{ $before{'winnow-smtp'} };
    return @$now == @{ $before{'winnow-smtp'} } && !grep { $old{$_} } @$now;
}), 'winnow-smtp is there again');
story('after kill -9', [$refused], qr/ message refused: 550/);
my $next = mail('u@good.example');
ok(delivered($next), 'and goes on');
$w->kill_hard;
story('without a daemon', [$refused], qr/ message refused: 550/, qr/no daemon runs/);
$w->start;
story('after a restart', [$refused], qr/ message refused: 550/);
story('before and after', [$next], qr/ delivered: u\@good\.example/);
my $last = mail('u@good.example');
ok(delivered($last), 'delivered after the restart');
story('after a restart, new mail', [$last], qr/ delivered: u\@good\.example/);

# Another size: what was known stays so, and a reload is enough.
sub set_history {
    my ($size) = @_;
    my $config = Winnow::Instance::slurp("$dir/winnow.conf");
    $config =~ s/^history = .*\n//m;
    $config =~ s/^log = /history = $size\nlog = /m;
    Winnow::Instance::spew("$dir/winnow.conf", $config);
}
set_history('3M');
is(($w->ctl('reload'))[0], 0, 'reloaded with another size');
is(-s "$dir/state/history", 3 << 20, 'the file has it');
story('from before the change', [$refused], qr/ message refused: 550/);
my $changed = mail('u@good.example');
ok(delivered($changed), 'delivered with another size');
story('from after the change', [$changed], qr/ delivered: u\@good\.example/);

# Another file, of the same size: all programs go over to it.
unlink "$dir/state/history" or die;
is(($w->ctl('reload'))[0], 0, 'reloaded without the file');
my $anew = mail('u@good.example');
ok(delivered($anew), 'delivered with another file');
story('from after the file was lost', [$anew], qr/ delivered: u\@good\.example/);
set_history('1k');
($exit, $text) = $w->ctl('check');
isnt($exit, 0, 'too small');
like($text, qr/history.*"1k" is too small: 0 for none, or at least 1M/, 'and why');

# Cut short while it is written: mail goes on.
truncate "$dir/state/history", 0 or die;
my $cut = mail('u@good.example');
ok(delivered($cut), 'delivered though the history was cut short');
is(($w->ctl('trace', $cut))[0], 1, 'which is not known then');
set_history('0');
is($w->stop, 0, 'stopped');
$w->start;
my $none = mail('u@good.example');
ok(delivered($none), 'delivered without a history');
($exit, $text) = $w->ctl('trace', '01' . 'Z' x 24);
is($exit, 1, 'unknown without a history');

# A damaged file is no reason not to start.
set_history('1M');
is($w->stop, 0, 'stopped again');
Winnow::Instance::spew("$dir/state/history", 'rubbish' x 1000);
$w->start;
ok($w->wait_event('log', sub { $_[0]{message} =~ /history: was damaged and begins anew/ }), 'damaged: said');
my $fresh = mail('u@good.example');
ok(delivered($fresh), 'damaged: works');
story('after the damage', [$fresh], qr/ delivered: u\@good\.example/);

# Log files: what the history does not know any more.
unlink glob "$dir/state/history*";
story('a log file', [ $refused, $w->{log} ], qr/ message refused: 550/, qr/filter +phrase: match/);
my $piped = do {
    open my $run, '-|', "cat '$w->{log}' | " . Winnow::Instance::build()
        . "/winnowctl -c '$dir/winnow.conf' trace $failed -" or die;
    local $/;
    <$run>;
};
like($piped, $_, "standard input: $_") for @both[ 1 .. $#both ];
unlike($piped, $both[0], 'the last attempt is for the history alone');
my $log = Winnow::Instance::slurp($w->{log});
my $text_form = join "\n", 'Nov 22 10:00:00 relay winnowd[7]: nothing of ours',
    "Nov 22 10:00:00 relay winnowd[7]: time=2026-11-22T10:00:00.000Z level=info event=rejected program=winnow-smtp pid=7"
    . " id=$refused client=192.0.2.1 sender=a\@b.example recipient=\"x \\x1b[31m\" code=550 reply=\"no \\\"way\\\"\""
    . ' filters.0.filter=rbl filters.0.verdict=match filters.0.rule=zen.example filters.0.usec=12 filters.1.filter=phrase',
    "event=broken id=$refused", '';
Winnow::Instance::spew("$dir/text.log", $text_form);
story('text form', [ $refused, "$dir/text.log", "$dir/text.log", $w->{log} ], qr/^2026-11-22 10:00:00\.000Z  message refused: 550 no "way"$/m,
    qr/^    recipient +x \\x1b\[31m$/m, qr/filter +rbl: match, rule zen\.example, 12 us/);
($exit, $json) = $w->ctl('trace', '--json', $refused, "$dir/text.log");
@events = map { decode_json($_) } split /\n/, $json;
is_deeply(\@events, [ { time => '2026-11-22T10:00:00.000Z', level => 'info', event => 'rejected', program => 'winnow-smtp',
    pid => 7, id => $refused, client => '192.0.2.1', sender => 'a@b.example', recipient => "x \x1b[31m", code => 550,
    reply => 'no "way"', filters => [ { filter => 'rbl', verdict => 'match', rule => 'zen.example', usec => 12 },
        { filter => 'phrase' } ] } ], 'text form as JSON');

done_testing;
