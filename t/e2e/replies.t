#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What becomes of each recipient after every kind of reply to every command, for
# one and for five recipients, with and without PIPELINING, in the first and in
# the second transaction of a connection.  Each row is a domain with a server of
# its own that goes wrong in its first connection only:
#
#   D   delivered at the first attempt, exactly once
#   T   deferred by the first attempt, delivered by the next, exactly once
#   ?   deferred; the answer to the message was lost after the server had taken
#       it, so the next attempt delivers it twice
#   P   bounced at once and never delivered; one DSN for the message

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::EvilSink;
use Winnow::Instance;

my $DEADLINE = 10; # of winnow for a reply: long enough for a busy machine
my $IN_FLIGHT = 30;

# Kind of reply: what it is, and what it means: it is taken by its CODE, or as
# GOOD as the usual reply, or it is no reply and the connection is LOST.
my @KINDS = (
    [ '2xx', '250 2.0.0 fine', '2' ],
    [ '3xx', '350 strange', '3' ],
    [ '4xx', '451 4.3.0 later', '4' ],
    [ '421', '421 4.3.2 closing; drop', '421' ],
    [ '5xx', '550 5.7.1 no', '5' ],
    [ '571', '571 5.7.1 no', '5' ],
    [ '1xx', 'raw 150 wait\r\n; hang', 'lost' ],
    [ 'garbage', 'raw what do you want\r\n; hang', 'lost' ],
    [ 'too-long', 'flood GOOD xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'lost' ],
    [ 'endless', 'flood GOOD-more\r\n', 'lost' ],
    [ 'slow-endless', 'drip 300; flood GOOD-more\r\n', 'lost' ],
    [ 'silence', 'hang', 'lost' ],
    [ 'too-slow', 'drip 2000; GOOD takes its time; hang', 'lost' ],
    [ 'fin', 'drop', 'lost' ],
    [ 'rst', 'reset', 'lost' ],
    [ 'half', 'raw 2; drop', 'lost' ],
    [ 'bare-lf', 'raw GOOD fine\n; hang', 'lost' ],
    [ 'mixed', 'raw 250-a\r\n550 b\r\n; hang', 'lost' ],
    [ 'multi', 'GOOD one|two|three', 'good' ],
    [ '8bit', 'raw GOOD caf\xe9 \xff\x80\r\n', 'good' ],
    [ 'in-bytes', 'drip 5; GOOD x', 'good' ],
);

my %GOOD = (banner => 220, ehlo => 250, helo => 250, mail => 250, rcpt => 250, data => 354, dot => 250,
    rset => 250, quit => 221, starttls => 220, body => 250);

# What a reply of a kind to a command means for the recipient it is for ("own")
# and for the others; the RFC 5321 section that says so.
my %MEANS = (
    banner => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'T', lost => 'T', good => 'D', rfc => '3.1' },
    ehlo => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'D', lost => 'T', good => 'D', rfc => '3.2, 4.1.1.1' },
    helo => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'T', lost => 'T', good => 'D', rfc => '3.2' },
    # With "may", a server whose TLS breaks gets it in the clear, at once.
    starttls => { 2 => 'D', 3 => 'D', 4 => 'D', 421 => 'D', 5 => 'D', lost => 'D', rfc => '3207 4.1' },
    mail => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'P', lost => 'T', good => 'D', rfc => '4.2.1' },
    rcpt => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'P', lost => 'T', good => 'D', rfc => '3.3, 3.8' },
    data => { 2 => 'T', 3 => 'D', 4 => 'T', 421 => 'T', 5 => 'P', lost => 'T', good => 'D', rfc => '3.3' },
    body => { 2 => 'T', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'P', lost => 'T', rfc => '4.1.1.4' },
    dot => { 2 => 'D', 3 => 'T', 4 => 'T', 421 => 'T', 5 => 'P', lost => 'T', good => 'D', rfc => '4.2.5' },
    rset => { map({ $_ => 'T' } qw(2 3 4 421 5 lost good)), rfc => '4.1.1.5' },
    quit => { map({ $_ => 'D' } qw(2 3 4 421 5 lost good)), rfc => '4.1.1.10' },
);

my $OFFERED = '8BITMIME, SIZE 52428800, ENHANCEDSTATUSCODES, DSN';
my @rows;

sub add_row {
    my ($name, %row) = @_;

    $row{n} = length $row{expect};
    $row{use} //= 1;
    $row{name} = $name;
    $row{domain} = 'r' . @rows . '.example';
    $row{setting} //= {};
    push @rows, \%row;
}

sub add_product {
    my ($where, $kind, $n, $pipelining, $use) = @_;
    my ($name, $action, $class) = @$kind;
    my $means = $MEANS{$where};
    my $result = $means->{$class} // return;
    my $selector = $where =~ /^(?:mail|rcpt|data|dot|body)$/ ? "conn=1 msg=$use" : 'conn=1';
    my @expect = ($result) x $n;
    my @script;

    $action =~ s/GOOD/$GOOD{$where}/g;
    # A reused connection that turns out to be closed says nothing.
    @expect = ('D') x $n if $where eq 'mail' && $use == 2 && $class =~ /lost|421/;
    if ($where eq 'rcpt') {
        $selector .= $n == 1 ? ' to=/^u1@/' : ' to=/^u3@/';
        @expect = map { $n == 1 || $_ == 3 ? $result : 'D' } 1 .. $n if $class !~ /lost|421/;
    }
    if ($where eq 'body') {
        $selector .= ' bytes=1000';
        $action .= '; hang' if $class =~ /^[2-5]$/;
    }
    push @script, "$where $selector: $action";
    push @script, 'ehlo: 502 5.5.1 unknown' if $where eq 'helo';
    push @script, 'rcpt conn=1: 450 4.2.1 later' if $where eq 'rset';
    push @script, "ehlo: offer STARTTLS, $OFFERED" if $where eq 'starttls';
    push @script, "ehlo: offer $OFFERED" if !$pipelining && $where ne 'ehlo';
    add_row(join('/', $where, $name, $n, $pipelining ? 'pipelined' : 'stepwise', $use == 1 ? 'first' : 'reused'),
        script => join("\n", @script), expect => join('', @expect), use => $use, rfc => $means->{rfc},
        big => ($where eq 'body' ? 1 : 0), ends => ($where eq 'quit' ? 1 : 0),
        strikes => ($where ne 'quit' ? 1 : 0), in_doubt => ($where eq 'dot' && $class =~ /lost|3/ ? 1 : 0),
        setting => $where eq 'starttls' ? { tls => 'may' } : {});
    return if $where ne 'dot' || $class ne 'lost';
    s/^(dot [^:]*): /$1: keep; / for @script;
    add_row(join('/', $where, "$name-taken", $n, $pipelining ? 'pipelined' : 'stepwise', $use == 1 ? 'first' : 'reused'),
        script => join("\n", @script), expect => '?' x $n, use => $use, rfc => '4.2.5, RFC 1047', strikes => 1,
        in_doubt => 1);
}

for my $kind (@KINDS) {
    for my $n (1, 5) {
        add_product($_, $kind, $n, 1, 1) for qw(banner ehlo helo quit);
        add_product($_, $kind, $n, $n == 5, 2) for qw(mail rcpt data dot);
        for my $pipelining (0 .. $n == 5) {
            add_product($_, $kind, $n, $pipelining, 1) for qw(rset);
            add_product($_, $kind, $n, $pipelining, 1) for qw(mail rcpt data dot);
        }
        add_product('starttls', $kind, $n, 1, 1);
        add_product('body', $kind, $n, $_, 1) for $n == 1 ? (0, 1) : 1;
    }
}

# What does not fit into the product.
my @special = (
    [ 'crowded-452', 'DDDDD', '4.5.3.1.10', 'rcpt nth=3-5: 452 4.5.3 too many' ],
    [ 'crowded-552', 'DDDDD', '4.5.3.1.10', 'rcpt nth=3-5: 552 too many' ],
    [ 'full-552', 'DDPDD', '4.2.3', 'rcpt to=/^u3/: 552 5.2.2 mailbox full' ],
    [ 'full-452-first', 'TDDDD', '4.2.3', 'rcpt conn=1 to=/^u1/: 452 4.2.2 mailbox full' ],
    [ 'refused-then-421', 'TPTTT', '3.8', "rcpt conn=1 to=/^u2/: 550 5.1.1 no\nrcpt conn=1 to=/^u4/: 421 4.3.2 bye; drop" ],
    [ 'refused-then-fin', 'TPTTT', '3.8', "rcpt conn=1 to=/^u2/: 550 5.1.1 no\nrcpt conn=1 to=/^u4/: drop" ],
    [ 'deferred-then-rst', 'TTPTT', '3.8', "rcpt conn=1 to=/^u2/: 450 4.2.1 later\n"
        . "rcpt conn=1 to=/^u3/: 550 5.1.1 no\ndata conn=1: reset" ],
    [ 'refused-and-451', 'TPTTT', '4.2.5', "rcpt conn=1 to=/^u2/: 550 5.1.1 no\ndot conn=1: 451 4.3.0 later" ],
    [ 'refused-and-554', 'PPPTP', '4.2.5', "rcpt conn=1 to=/^u2/: 550 5.1.1 no\n"
        . "rcpt conn=1 to=/^u4/: 450 4.2.1 later\ndot conn=1: 554 5.6.0 no" ],
    [ 'refused-and-421', 'TPTTT', '3.8', "rcpt conn=1 to=/^u2/: 550 5.1.1 no\ndot conn=1: 421 4.3.2 bye; drop" ],
    [ 'all-refused-data-354', 'PPPPP', '2920 3.1', "rcpt: 550 5.1.1 no\ndata: 354 go on\ndot: 554 5.5.1 nobody" ],
    [ 'all-refused-data-354-drop', 'PPPPP', '2920 3.1', "rcpt: 550 5.1.1 no\ndata: 354 go on\ndot: drop" ],
    [ 'mail-refused-rest-accepted', 'PPPPP', '2920 3.1', "mail: 550 5.7.1 no\nother: 250 ok" ],
    [ 'data-355', 'D', '4.2.1', 'data conn=1: 355 go on' ],
    [ 'dot-then-fin', 'DDDDD', '4.2.5', 'dot: 250 2.0.0 taken; drop' ],
    [ 'dot-then-rst', 'DDDDD', '4.2.5', 'dot: 250 2.0.0 taken; reset' ],
    [ 'dot-then-421', 'DDDDD', '3.8', 'dot: keep; 250 2.0.0 taken; pause 100; raw 421 4.4.2 idle\r\n; drop' ],
    [ 'dot-twice', 'D', '4.2', 'dot: keep; raw 250 taken\r\n250 taken\r\n' ],
    [ 'mail-552', 'PP', '1870 6.1', 'mail: 552 5.3.4 too large' ],
    [ 'size-zero', 'D', '1870 4', 'ehlo: offer PIPELINING, SIZE 0' ],
    [ 'size-negative', 'D', '1870 4', 'ehlo: offer PIPELINING, SIZE -1' ],
    [ 'size-huge', 'D', '1870 4', 'ehlo: offer PIPELINING, SIZE 999999999999999999999999999' ],
    [ 'size-small', 'PPPPP', '1870 6.1', 'ehlo: offer PIPELINING, SIZE 100', unsent => 1,
        reply => qr/^EHLO: 5\.3\.4 message of \d+ bytes, and the server takes 100$/, status => '5.3.4' ],
    [ 'offers-nonsense', 'DD', '4.1.1.1', 'ehlo: offer SMTPUTF8, CHUNKING, X, , AUTH=LOGIN, SIZE, DSN 1 2 3, PIPELINING' ],
    [ 'refused-ehlo-offers', 'DD', '4.1.1.1', 'ehlo: 502 no|PIPELINING|8BITMIME|SIZE 10' ],
    [ 'eight-bit', 'DD', '6152 3', 'ehlo: offer PIPELINING', eight_bit => 1 ],
    [ 'tls-required-454', 'T', '3207 4.1', "starttls: 454 4.7.0 later\nehlo: offer STARTTLS", unsent => 1, stays => 1,
        setting => { tls => 'require' } ],
    [ 'tls-required-554', 'T', '3207 4.1', "starttls: 554 5.7.0 never\nehlo: offer STARTTLS", unsent => 1, stays => 1,
        setting => { tls => 'require' } ],
    [ 'tls-required-not-offered', 'T', '3207 4.1', 'ehlo: offer PIPELINING', unsent => 1, stays => 1,
        setting => { tls => 'require' } ],
    [ 'tls-required-helo', 'T', '3207 4.1', 'ehlo: 502 5.5.1 what', unsent => 1, stays => 1,
        setting => { tls => 'require' } ],
    [ 'plain-text-behind-starttls', 'T', '3207 4.2',
        "starttls: raw 220 go\\r\\n250 mine\\r\\n\nehlo: offer STARTTLS", unsent => 1, stays => 1,
        setting => { tls => 'require' } ],
);
# The server that goes on after QUIT, whatever it has said.
push @special, map { [ "quit-$_->[0]-stays/$_->[1]", 'D' x $_->[1], '4.1.1.10', "quit conn=1: $_->[2]; hang",
    strikes => 0, ends => 1 ] }
    map { my $n = $_; map { [ $_->[0], $n, $_->[1] ] } [ '221', '221 2.0.0 bye' ], [ '4xx', '451 4.3.0 not now' ],
        [ '5xx', '550 5.7.1 you stay' ], [ 'ignored', 'ignore' ] } 1, 5;
for my $special (@special) {
    my ($name, $expect, $rfc, $script, %more) = @$special;

    add_row($name, expect => $expect, rfc => $rfc, script => $script, strikes => 1, %more);
}
if (my $only = $ENV{WN_REPLIES}) {
    @rows = grep { $_->{name} =~ /$only/ } @rows;
}

my $began = time;
my $folder = File::Temp->newdir('winnow-replies-XXXXXX', TMPDIR => 1);
my $sinks = Winnow::EvilSink->many(dir => "$folder", receive_buffer => 4096,
    scripts => { map { $_->{domain} => $_->{script} } @rows });
my $w = Winnow::Instance->new(
    retry => '1h',
    conf => "connect_timeout = ${DEADLINE}s\nreply_timeout = ${DEADLINE}s\nmessage_timeout = ${DEADLINE}s\n",
    domains => {
        'sender.example' => {},
        map({ $_->{domain} => { tls => 'none', servers => '127.0.0.1:' . $sinks->{ $_->{domain} }->port,
            %{ $_->{setting} } } } @rows),
    },
);
$w->start;
note sprintf '%d rows, ready after %.1f s', scalar @rows, time - $began;

my %first;     # address => the event of its first attempt
my %delivered; # address => so often
my %row_of = map { $_->{domain} => $_ } @rows;
my $small = "Subject: s\n\nbody\n";
my $big = "Subject: s\n\n" . ('x' x 70 . "\n") x 40000; # more than kernels take
my $eight = "Subject: s\n\ncaf\xc3\xa9\n";
my $client = $w->smtp;

sub look {
    state $seen = 0;
    my @events = $w->events;

    for my $event (@events[ $seen .. $#events ]) {
        $first{ $event->{recipient} } //= $event
            if $event->{event} =~ /^(?:delivered|deferred|bounced)$/ && $event->{recipient};
    }
    $delivered{ $_->{recipient} }++ for grep { $_->{event} eq 'delivered' } @events[ $seen .. $#events ];
    $seen = @events;
}

sub addresses { my ($row) = @_; return map { "u$_\@$row->{domain}" } 1 .. $row->{n} }

sub wait_first {
    my ($seconds, @addresses) = @_;
    my $end = time + $seconds;

    while (time < $end) {
        look();
        return 1 if !grep { !$first{$_} } @addresses;
        sleep 0.02;
    }
    diag 'nothing heard of: ', join ' ', map { /@(.*)/; "$_ ($row_of{$1}{name})" } grep { !$first{$_} } @addresses;
    return 0;
}

sub submit {
    my ($row, @to) = @_;
    my $reply = $client->mail(from => "author\@sender.example", to => \@to,
        options => $row->{eight_bit} ? ' BODY=8BITMIME' : '',
        message => $row->{big} ? $big : $row->{eight_bit} ? $eight : $small);

    $reply =~ /^250/ or die "$row->{name}: not taken: $reply";
    ($row->{id}) = $reply =~ /queued as (\w+)/;
}

# First those that take until the deadline, then the others a few at a time, or
# the servers would be too slow by themselves.
my @first = grep { $_->{use} == 1 } @rows;
my @slow = grep { $_->{name} =~ m{/(?:silence|slow-|too-slow)} } @first;
submit($_, addresses($_)) for @slow;

# A connection that has carried one message stays open for some seconds.
my @reused = grep { $_->{use} == 2 } @rows;
while (my @batch = splice @reused, 0, $IN_FLIGHT) {
    submit($_, "warm\@$_->{domain}") for @batch;
    wait_first(20, map {"warm\@$_->{domain}"} @batch) or last;
    submit($_, addresses($_)) for @batch;
}

my @pending;
for my $row (grep { $_->{name} !~ m{/(?:silence|slow-|too-slow)} } @first) {
    submit($row, addresses($row));
    push @pending, $row;
    while (@pending >= $IN_FLIGHT) {
        look();
        @pending = grep { !$first{"u1\@$_->{domain}"} } @pending;
        sleep 0.01 if @pending >= $IN_FLIGHT;
    }
}
note sprintf 'all sent after %.1f s', time - $began;
ok(wait_first(60, map { addresses($_) } @rows), 'every recipient has been tried');
note sprintf 'all tried after %.1f s', time - $began;

# What the queue itself says of those that wait.
my %waiting;
my ($exit, $list) = $w->ctl('queue', 'list', '--json');
is($exit, 0, 'queue list');
for my $message (Winnow::Instance::json_lines($list)) {
    $waiting{ $_->{address} } = $_ for @{ $message->{recipients} };
}

my %LETTER = (delivered => 'D', deferred => 'T', bounced => 'P');

sub first_results {
    my ($row) = @_;
    return join '', map { $LETTER{ ($first{$_} // {})->{event} // '' } // '-' } addresses($row);
}

for my $row (@rows) {
    (my $expect = $row->{expect}) =~ tr/?/T/;
    my $got = first_results($row);
    my @problems;

    push @problems, "first attempt: $got, not $expect" if $got ne $expect;
    for my $address (addresses($row)) {
        my $event = $first{$address} // {};
        my $doubt = $row->{in_doubt} && ($event->{event} // '') eq 'deferred' ? 1 : 0;

        push @problems, "$address: in_doubt should be $doubt" if ($event->{in_doubt} ? 1 : 0) != $doubt;
        push @problems, "$address: reply \"$event->{reply}\""
            if $row->{reply} && ($event->{reply} // '') !~ $row->{reply};
        # A server that could not be reached may have been tried again already.
        push @problems, "$address: waits, but the queue says \"$waiting{$address}{last_reply}\""
            if $waiting{$address} && $waiting{$address}{state} eq 'waiting' && $waiting{$address}{attempts} == 1
            && $waiting{$address}{last_reply} ne $event->{reply};
        push @problems, "$address: still in the queue"
            if $waiting{$address} && ($event->{event} // '') eq 'delivered';
        push @problems, "$address: not in the queue"
            if !$waiting{$address} && ($event->{event} // '') eq 'deferred' && $row->{name} !~ m{^(?:banner|ehlo|helo|starttls)/};
    }
    my $transcript = $sinks->{ $row->{domain} }->transcript;
    push @problems, 'the script was not followed' if $row->{strikes} && $transcript !~ /^\S+ \d+ # line 1 /m;
    push @problems, 'a transaction was begun' if $row->{unsent} && $transcript =~ /< MAIL/;
    ok(!@problems, "$row->{name}: $row->{expect} (" . ($row->{rfc} =~ /^\d{4} / ? 'RFC' : 'RFC 5321') . " $row->{rfc})")
        or diag join "\n", @problems, map {"  $_: $first{$_}{event} $first{$_}{reply}"} grep { $first{$_} } addresses($row);
}

# The next attempt: whatever was deferred arrives, and nothing arrives twice.
for my $row (grep { $_->{stays} } @rows) {
    is(($w->ctl('queue', 'delete', '--domain', $row->{domain}))[0], 0, "$row->{name} is deleted");
}
my @deferred = grep { first_results($_) =~ /T/ && !$_->{stays} } @rows;
while (my @batch = splice @deferred, 0, $IN_FLIGHT) {
    $w->ctl('queue', 'retry', map { $_->{id} } @batch);
    Winnow::Instance::wait_for(sub {
        look();
        !grep { $first{$_}{event} eq 'deferred' && !$delivered{$_} } map { addresses($_) } @batch;
    }, 10);
}
ok($w->wait_drained(40), 'the queue is empty in the end')
    or diag +($w->ctl('queue', 'list'))[1];
note sprintf 'all delivered after %.1f s', time - $began;

my %COPIES = (D => 1, T => 1, P => 0, '?' => 2);
for my $row (@rows) {
    my %copies;
    my @kept = $sinks->{ $row->{domain} }->messages;

    $copies{ $_->{address} }++ for map { @{ $_->{to} } } @kept;
    my @addresses = addresses($row);
    my @wrong = grep { ($copies{ $addresses[$_] } // 0) != ($row->{stays} ? 0 : $COPIES{ substr $row->{expect}, $_, 1 }) }
        0 .. $#addresses;
    ok(!@wrong, "$row->{name}: no copy too many or too few")
        or diag join ' ', map { "$_: " . ($copies{$_} // 0) } @addresses;
    next if !$row->{eight_bit};
    is($kept[0]{parameters}, '', 'no BODY for a server without 8BITMIME');
    like($kept[0]{data}, qr/^caf\xc3\xa9\r$/m, 'and the message as it is');
}

# Whatever a server says to QUIT, it is said, the connection ends, and the next
# message goes to the server as ever.
sub connected {
    my ($port) = @_;
    my $there = sprintf '[0-9A-F]{8}:%04X', $port;
    return Winnow::Instance::slurp('/proc/net/tcp')
        =~ /^ *\d+: \S+ $there [0-9A-F]{2} \S+ \S+ \S+ +\d+ +\d+ [1-9]/m;
}
my @ending = grep { $_->{ends} } @rows;
my $quitting = sub {
    my ($row) = @_;
    return $sinks->{ $row->{domain} }->transcript =~ /^\S+ 1 # line 1 at quit$/m
        && !connected($sinks->{ $row->{domain} }->port);
};
Winnow::Instance::wait_for(sub { !grep { !$quitting->($_) } @ending }, 15);
for my $row (@ending) {
    my $sink = $sinks->{ $row->{domain} };
    my @said = $sink->transcript =~ /^\S+ 1 < (\w+|\()/mg;

    is(join(' ', @said[ -2, -1 ]), '( QUIT', "$row->{name}: QUIT is what is said after the message");
    ok(!connected($sink->port), "$row->{name}: the connection has ended");
    submit($row, "after\@$row->{domain}");
}
wait_first(20, map {"after\@$_->{domain}"} @ending) if @ending;
is(($first{"after\@$_->{domain}"} // {})->{event}, 'delivered', "$_->{name}: the next message goes as ever") for @ending;

# One DSN for each message with a recipient that bounced.
my $n_failed = grep { $_->{expect} =~ /P/ } @rows;
ok(Winnow::Instance::wait_for(sub { $w->n_received >= $n_failed }, 10), 'the DSNs have come');
my @dsns = $w->received;
is(scalar @dsns, $n_failed, 'and none too many');
for my $row (grep { $_->{expect} =~ /P/ } @rows) {
    my $n = grep { $_->{message} =~ /^Final-Recipient: rfc822; ?u\d\@\Q$row->{domain}\E\r$/m } @dsns;
    my ($dsn) = grep { index($_->{message}, "\@$row->{domain}\r") >= 0 } @dsns;
    my $blocks = () = ($dsn // { message => '' })->{message} =~ /^Final-Recipient:/mg;

    is("$n/$blocks", '1/' . ($row->{expect} =~ tr/P//), "$row->{name}: one DSN with a block for each that bounced");
    like($dsn->{message}, qr/^Status: \Q$row->{status}\E\r$/m, "and status $row->{status}") if $row->{status};
}
is($w->stop, 0, 'stops');
done_testing;
