#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What senders are told, taken apart field by field by a parser that is not
# ours: a table of causes and wishes (RFC 3461, 3464, 6533), and for each the
# report that must come, or that none does.  WN_SHOW_DSN=1 prints them all.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Dsn;
use Winnow::EvilSink;
use Winnow::Instance;

plan skip_all => 'no MIME::Parser (Debian: libmime-tools-perl)' unless Winnow::Dsn::available();

my $DATE = qr/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? \w{3} \d{4} \d\d:\d\d:\d\d \+0000/;
my $PLAIN = "From: a\@sender.example\nSubject: hello\n\nbody of it\n";
my $UTF8 = "From: a\@sender.example\nSubject: gr\xc3\xbc\xc3\x9fe\n\nbody of it\n";

sub message_of { return join '', "From: a\@sender.example\nSubject: big\n\n", ('x' x 70 . "\n") x $_[0] }

# Each recipient: what it is to be in the report.
sub failed {
    my ($address, $status, $diagnostic, %more) = @_;
    return { final => $address, action => 'failed', status => $status, diagnostic => $diagnostic, %more };
}
my $NO_SUCH = qr/^smtp; 550 5\.1\.1 no such user$/;
my $LATER = qr/^smtp; 450 4\.2\.1 try later$/;

my @cases = (
    { name => 'one recipient refused', to => ['no@five.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ],
            text => [ qr/could NOT be delivered/, qr/There is no such address/ ] } },
    { name => 'NOTIFY=NEVER', to => ['no@five.example NOTIFY=NEVER'] },
    { name => 'NOTIFY=DELAY and a failure', to => ['no@five.example NOTIFY=DELAY'] },
    { name => 'NOTIFY=SUCCESS and a failure', to => ['no@five.example NOTIFY=SUCCESS'] },
    { name => 'NOTIFY=FAILURE', to => ['no@five.example NOTIFY=FAILURE'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'NOTIFY=SUCCESS,FAILURE,DELAY', to => ['no@five.example NOTIFY=SUCCESS,FAILURE,DELAY'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'RET=HDRS', mail => ' RET=HDRS', to => ['no@five.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'RET=FULL', mail => ' RET=FULL', to => ['no@five.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ], full => 1 } },
    { name => 'RET=FULL of more than comes back', mail => ' RET=FULL', to => ['no@five.example'],
        message => message_of(16_000),
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'ENVID in xtext', mail => ' ENVID=QQ+2B1+3D2', to => ['no@five.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ], envid => 'QQ+1=2' } },
    { name => 'ORCPT in xtext', to => ['no@five.example ORCPT=rfc822;first+2Btag@else.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH,
            original => 'rfc822;first+tag@else.example') ] } },
    { name => 'mailbox full', to => ['full@five.example'],
        dsn => { recipients => [ failed('full@five.example', '5.2.2', qr/^smtp; 552 5\.2\.2 over quota$/) ],
            text => [qr/mailbox is full/] } },
    { name => 'a refusal without an enhanced code', to => ['bare@five.example'],
        dsn => { recipients => [ failed('bare@five.example', '5.0.0', qr/^smtp; 550 go away$/) ] } },
    { name => 'a refusal of two lines', to => ['lines@five.example'],
        dsn => { recipients => [ failed('lines@five.example', '5.7.1', qr/^smtp; 550 5\.7\.1 one.*two$/) ] } },
    { name => 'refused after the message', to => ['dot@dot.example'],
        dsn => { recipients => [ failed('dot@dot.example', '5.7.1', qr/^smtp; 554 5\.7\.1 no spam here$/) ],
            text => [qr/does not want this message/] } },
    { name => 'two domains and a good one', to => ['no@five.example', 'good@five.example', 'full@other.example'],
        dsn => { recipients => [ failed('full@other.example', '5.2.2', qr/^smtp; 552/),
            failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'only one of two wants to know', to => ['no@five.example NOTIFY=NEVER', 'full@five.example'],
        dsn => { recipients => [ failed('full@five.example', '5.2.2', qr/^smtp; 552/) ] } },
    { name => 'relayed to a server without DSN', to => ['u@plain.example NOTIFY=SUCCESS ORCPT=rfc822;o@x.example'],
        dsn => { recipients => [ { final => 'u@plain.example', action => 'relayed', status => '2.0.0',
            original => 'rfc822;o@x.example' } ], text => [qr/does\s+not\s+confirm deliveries/] } },
    { name => 'one relayed, one refused', mail => ' RET=FULL',
        to => ['u@plain.example NOTIFY=SUCCESS,FAILURE', 'no@plain.example NOTIFY=SUCCESS,FAILURE'],
        dsn => { recipients => [ failed('no@plain.example', '5.1.1', $NO_SUCH),
            { final => 'u@plain.example', action => 'relayed', status => '2.0.0' } ], full => 1 } },
    { name => 'passed on to a server with DSN', mail => ' RET=HDRS ENVID=abc',
        to => ['good@five.example NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@x.example'] },
    { name => 'delayed', to => ['later@slow.example'], held => 1,
        dsn => { recipients => [ { final => 'later@slow.example', action => 'delayed', status => '4.2.1',
            diagnostic => $LATER, until => 1 } ], text => [ qr/has not been delivered YET/,
            qr/no need to\s+send it again/ ] } },
    { name => 'NOTIFY=FAILURE and a delay', to => ['later@slow.example NOTIFY=FAILURE'], held => 1 },
    { name => 'expired, and nobody wants to know of the delay', to => ['later@short.example NOTIFY=FAILURE'],
        dsn => { recipients => [ failed('later@short.example', '4.4.7', $LATER) ], text => [qr/After\s+a\s+minute\s+or\s+two\s+it\s+will\s+not/] } },
    { name => 'delayed, then expired', to => ['later@short.example'], n => 2,
        dsn => { recipients => [ { final => 'later@short.example', action => 'delayed', status => '4.2.1',
            diagnostic => $LATER, until => 1 } ] } },
    { name => 'expired without a server', to => ['u@dead.example NOTIFY=FAILURE'],
        dsn => { recipients => [ failed('u@dead.example', '4.4.7', qr/^x-winnow; the recipient's mail server could not be reached$/) ] } },
    { name => 'null sender', from => '', to => ['no@five.example NOTIFY=FAILURE'] },
    { name => 'a report that is refused itself', from => 'a@refuses.example', to => ['no@five.example'], lost => 1 },
    { name => 'deleted by a filter', to => ['good@deletes.example'], message => "Subject: x\n\nthe most wicked words there are\n" },
    { name => 'refused by a filter', to => ['good@rejects.example'], message => "Subject: x\n\nthe most wicked words there are\n",
        refused => 1 },
    { name => 'returned by the operator', to => ['later@slow.example NOTIFY=FAILURE'], held => 1, bounce => 1,
        dsn => { recipients => [ failed('later@slow.example', '5.0.0', qr/^x-winnow; returned by the operator .*450 4\.2\.1/) ] } },
    { name => 'UTF-8 recipient refused', mail => ' SMTPUTF8', to => ["no-j\xc3\xb6rg\@five.example"],
        dsn => { global => 1, recipients => [ failed("no-j\xc3\xb6rg\@five.example", '5.1.1', $NO_SUCH, utf8 => 1) ] } },
    { name => 'ORCPT of type utf-8', mail => ' SMTPUTF8',
        to => ["no-j\xc3\xb6rg\@five.example ORCPT=utf-8;j\\x{F6}rg\@x.example"],
        dsn => { global => 1, recipients => [ failed("no-j\xc3\xb6rg\@five.example", '5.1.1', $NO_SUCH, utf8 => 1,
            original => "utf-8;j\xc3\xb6rg\@x.example") ] } },
    { name => 'ORCPT of type utf-8, ASCII else', to => ['no@five.example ORCPT=utf-8;j\x{F6}rg@x.example'],
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH,
            original => 'utf-8;j\x{F6}rg@x.example') ] } },
    { name => 'UTF-8 sender', from => "j\xc3\xb6rg\@sender.example", mail => ' SMTPUTF8', to => ['no@five.example'],
        dsn => { global => 1, recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ] } },
    { name => 'UTF-8 address, server without SMTPUTF8', mail => ' SMTPUTF8', to => ["j\xc3\xb6rg\@fresh.example"],
        dsn => { global => 1, recipients => [ failed("j\xc3\xb6rg\@fresh.example", '5.6.7', qr/^x-winnow; .*SMTPUTF8/,
            utf8 => 1) ], text => [qr/plain letters/] } },
    { name => 'UTF-8 header, server without SMTPUTF8', mail => ' SMTPUTF8 RET=FULL', to => ['u@plain.example'],
        message => $UTF8,
        dsn => { recipients => [ failed('u@plain.example', '5.6.7', qr/^x-winnow; .*SMTPUTF8/) ],
            original_type => 'message/global', full => 1 } },
    { name => 'UTF-8 header refused', mail => ' SMTPUTF8', to => ['no@five.example'], message => $UTF8,
        dsn => { recipients => [ failed('no@five.example', '5.1.1', $NO_SUCH) ],
            original_type => 'message/global-headers' } },
);

my $script = <<'END';
rcpt to=/^no/: 550 5.1.1 no such user
rcpt to=/^full/: 552 5.2.2 over quota
rcpt to=/^bare/: 550 go away
rcpt to=/^lines/: 550 5.7.1 one|5.7.1 two
rcpt to=/^later/: 450 4.2.1 try later
dot from=/never-matches/: 250 2.0.0 taken
END
my $folder = File::Temp->newdir('winnow-dsn-XXXXXX', TMPDIR => 1);
my %sink = map { ($_->[0] => Winnow::EvilSink->new(dir => "$folder/$_->[0]", script => $_->[1])) } (
    [ five => $script ],
    [ other => $script ],
    [ plain => "ehlo: offer PIPELINING, 8BITMIME, SIZE 50000000\n$script" ],
    # Nothing is known of it when mail comes that it cannot take.
    [ fresh => "ehlo: offer PIPELINING, 8BITMIME, SIZE 50000000\n$script" ],
    [ dot => 'dot: 554 5.7.1 no spam here' ],
    [ sender => '' ],
    [ refuses => 'rcpt: 550 5.1.1 no such user' ],
);
my $dead = Winnow::Instance::free_port();
my %domain = map { ("$_.example" => { servers => $sink{$_}->address }) } keys %sink;
$domain{'slow.example'} = { servers => $sink{five}->address, delay_notice => '1s' };
$domain{'short.example'} = { servers => $sink{five}->address, queue_lifetime => '3s', delay_notice => '1s' };
$domain{'dead.example'} = { servers => "127.0.0.1:$dead", queue_lifetime => '2s' };
$domain{'xn--bcher-kva.example'} = { servers => $sink{plain}->address };
$domain{'deletes.example'} = { servers => $sink{five}->address, filter => { phrase => { action => 'delete' } } };
$domain{'rejects.example'} = { servers => $sink{five}->address, filter => { phrase => { action => 'reject' } } };

my $w = Winnow::Instance->new(domains => \%domain, filters => {
    '30-phrase' => "[filter phrase]\naction = none\nphrases = ../phrases.txt\n" });
Winnow::Instance::spew("$w->{dir}/phrases.txt", "the most wicked words there are\n");
$w->start;

# Addresses of the table are "address parameters".
sub submit {
    my ($case) = @_;
    my $smtp = $w->smtp;
    my $from = $case->{from} // 'a@sender.example';
    my $reply = $smtp->cmd("MAIL FROM:<$from>" . ($case->{mail} // ''));

    like($reply, qr/^250/, "$case->{name}: MAIL");
    for my $to (@{ $case->{to} }) {
        my ($address, $parameters) = split / /, $to, 2;
        $reply = $smtp->cmd("RCPT TO:<$address>" . ($parameters ? " $parameters" : ''));
        like($reply, qr/^250/, "$case->{name}: RCPT") or diag($reply);
    }
    $smtp->cmd('DATA');
    $smtp->send_raw(Winnow::Smtp::wire($case->{message} // $PLAIN));
    $reply = $smtp->reply(60);
    ($case->{id}) = $reply =~ /queued as (\w+)/;
    if ($case->{refused}) { like($reply, qr/^5/, "$case->{name}: refused") }
    else { ok($case->{id}, "$case->{name}: accepted") or diag($reply) }
}

# Reports by the id of the message that they are about.
my %read;
my %reports;
sub look {
    for my $message ($sink{sender}->messages) {
        next if $read{"$message->{conn}-$message->{msg}"}++;
        my $dsn = eval { Winnow::Dsn->parse($message->{data}) };
        ok($dsn, 'a report of three parts') or diag($@, $message->{data});
        next unless $dsn;
        is($message->{from}, '', 'from the null sender');
        $dsn->{envelope} = $message;
        push @{ $reports{ $dsn->{message}{'x-winnow-id'} } }, $dsn;
    }
    return \%reports;
}

sub check_recipient {
    my ($name, $got, $want, $id) = @_;
    my $type = $want->{utf8} ? 'utf-8' : 'rfc822';

    is($got->{'final-recipient'}, "$type; $want->{final}", "$name: Final-Recipient");
    is($got->{'original-recipient'}, $want->{original}, "$name: Original-Recipient");
    is($got->{action}, $want->{action}, "$name: Action");
    is($got->{status}, $want->{status}, "$name: Status");
    is($got->{'final-log-id'}, $id, "$name: Final-Log-ID");
    is($got->{'remote-mta'}, undef, "$name: where the customer's server is, is private");
    like($got->{'last-attempt-date'}, qr/^$DATE$/, "$name: Last-Attempt-Date");
    like($got->{'diagnostic-code'} // '', $want->{diagnostic} // qr/^$/, "$name: Diagnostic-Code");
    like($got->{'will-retry-until'} // '', $want->{until} ? qr/^$DATE$/ : qr/^$/, "$name: Will-Retry-Until");
}

sub check_report {
    my ($case, $dsn) = @_;
    my ($name, $want, $header) = ($case->{name}, $case->{dsn}, $dsn->{header});
    my $prefix = $want->{global} ? 'global-' : '';
    my $from = $case->{from} // 'a@sender.example';
    my @got = sort { $a->{'final-recipient'} cmp $b->{'final-recipient'} } @{ $dsn->{recipients} };
    my %said = map { $_->{action} => 1 } @got;

    is($dsn->{envelope}{to}[0]{address}, $from, "$name: goes to the sender");
    is($dsn->{type}, "${prefix}delivery-status", "$name: report-type");
    is($dsn->{status_type}, "message/${prefix}delivery-status", "$name: type of the second part");
    is(lc $dsn->{charset}, $want->{global} ? 'utf-8' : 'us-ascii', "$name: charset");
    like($header->get('Auto-Submitted'), qr/^auto-replied$/, "$name: RFC 3834");
    like($header->get('From'), qr/<postmaster\@relay\.test>/, "$name: From");
    like($header->get('To'), qr/^<\Q$from\E>$/, "$name: To");
    like($header->get('Date'), qr/^$DATE$/, "$name: Date");
    like($header->get('Message-ID'), qr/^<\w{26}\@relay\.test>$/, "$name: Message-ID");
    like($header->get('Subject'), $said{failed} ? qr/Undelivered/ : $said{delayed} ? qr/Delayed/ : qr/relayed/,
        "$name: Subject");
    is($dsn->{message}{'reporting-mta'}, 'dns; relay.test', "$name: Reporting-MTA");
    like($dsn->{message}{'arrival-date'}, qr/^$DATE$/, "$name: Arrival-Date");
    is($dsn->{message}{'original-envelope-id'}, $want->{envid}, "$name: Original-Envelope-Id");
    is(scalar @got, scalar @{ $want->{recipients} }, "$name: a block for each recipient, and no more");
    check_recipient($name, $got[$_], $want->{recipients}[$_], $case->{id}) for 0 .. $#{ $want->{recipients} };
    is($dsn->{original_type}, $want->{original_type} // ($want->{full} ? 'message/rfc822' : 'text/rfc822-headers'),
        "$name: type of the third part");
    like($dsn->{original}, qr/^Subject: /m, "$name: the original header");
    if ($want->{full}) { like($dsn->{original}, qr/^body of it$/m, "$name: the original body") }
    else { unlike($dsn->{original}, qr/^(?:body of it|x{70})$/m, "$name: no body") }
    like($dsn->{text}, $_, "$name: said for people") for @{ $want->{text} // [] };
    like($dsn->{text}, qr/\Q$case->{id}\E/, "$name: with the id");
    note("$name\n", $dsn->{text}) if $ENV{WN_SHOW_DSN};
}

submit($_) for @cases;
for my $case (grep { $_->{bounce} } @cases) {
    ok($w->wait_event('deferred', sub { $_[0]{id} eq $case->{id} }), "$case->{name}: waits");
    is(($w->ctl('queue', 'bounce', $case->{id}))[0], 0, "$case->{name}: winnowctl queue bounce");
}
for my $case (grep { $_->{dsn} } @cases) {
    ok(Winnow::Instance::wait_for(sub { look()->{ $case->{id} } }, 30), "$case->{name}: a report comes");
    check_report($case, $reports{ $case->{id} }[0]) if $reports{ $case->{id} };
}
for my $case (grep { $_->{lost} } @cases) {
    ok($w->wait_event('bounced', sub { $_[0]{recipient} eq $case->{from} && $_[0]{dsn} eq 'none' }),
        "$case->{name}: ends there");
}

# What else is still tried is deleted; then nothing may be left, and no report
# have come twice or for what asked for none.
Winnow::Instance::wait_for(sub { $w->events('deferred') > 20 }, 5);
$w->ctl('queue', 'delete', $_->{id}) for grep { $_->{held} && !$_->{bounce} } @cases;
ok($w->wait_drained, 'the queue is empty');
look();
for my $case (@cases) {
    my $n = $case->{n} // ($case->{dsn} ? 1 : 0);
    is(scalar @{ $reports{ $case->{id} // '' } // [] }, $n, "$case->{name}: $n reports in all");
}
my ($twice) = grep { $_->{n} } @cases;
my $last = $reports{ $twice->{id} }[1] // { recipients => [] };
check_recipient("$twice->{name}, the last", $last->{recipients}[0], failed('later@short.example', '4.4.7', $LATER),
    $twice->{id});

# What was passed on is as it was given.
my ($passed) = grep { $_->{parameters} =~ /ENVID=abc/ } $sink{five}->messages;
like($passed->{parameters}, qr/RET=HDRS/, 'RET is passed on');
is($passed->{to}[0]{parameters}, 'NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@x.example', 'NOTIFY and ORCPT are passed on');
my ($plain) = grep { $_->{to}[0]{address} eq 'u@plain.example' } $sink{plain}->messages;
unlike("$plain->{parameters} $plain->{to}[0]{parameters}", qr/NOTIFY|ORCPT|RET|ENVID|SMTPUTF8/,
    'nothing is passed on that was not offered');

# SMTPUTF8: needed only if something is not ASCII; A-labels for a server without
# it where the domain alone is not.
my ($utf8) = grep { $_->{from} eq '' && $_->{to}[0]{address} eq "j\xc3\xb6rg\@sender.example" } $sink{sender}->messages;
like($utf8->{parameters}, qr/\bSMTPUTF8\b/, 'a report to a UTF-8 address is sent with SMTPUTF8');
submit({ name => 'said but not needed', mail => ' SMTPUTF8', to => ['ascii@plain.example'] });
submit({ name => 'needed', mail => ' SMTPUTF8', to => ["gr\xc3\xbc\xc3\x9f\@five.example"] });
submit({ name => 'domain alone', mail => ' SMTPUTF8', to => ["u\@b\xc3\xbccher.example"] });
my @want = (
    [ plain => 'ascii@plain.example', qr/^(?!.*SMTPUTF8)/ ],
    [ five => "gr\xc3\xbc\xc3\x9f\@five.example", qr/SMTPUTF8/ ],
    [ plain => 'u@xn--bcher-kva.example', qr/^(?!.*SMTPUTF8)/ ],
);
for my $want (@want) {
    my ($name, $address, $parameters) = @$want;
    my $found;
    Winnow::Instance::wait_for(sub { ($found) = grep { $_->{to}[0]{address} eq $address } $sink{$name}->messages });
    ok($found, "$address is delivered");
    like($found->{parameters}, $parameters, 'with the right parameters');
    like($found->{data}, qr/with UTF8SMTP /, 'and says how it came');
}
my $smtp = $w->smtp;
like($smtp->{ehlo}, qr/^250-SMTPUTF8$/m, 'EHLO offers SMTPUTF8');
like($smtp->cmd("MAIL FROM:<j\xc3\xb6rg\@x.example>"), qr/^553 5\.6\.7/, 'a UTF-8 sender needs it');
$smtp->cmd('MAIL FROM:<a@x.example>');
like($smtp->cmd("RCPT TO:<j\xc3\xb6rg\@five.example>"), qr/^553 5\.6\.7/, 'so does a UTF-8 recipient');
is($w->stop, 0, 'stops');
done_testing;
