#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "milter" with real mail: OpenDKIM, OpenDMARC and
# clamav-milter as Debian has them, and a milter of this test's for what they do
# not do.

use strict;
use warnings;
use v5.32;

use IO::Socket::UNIX;
use Test::More;
use Winnow::Examples;
use Winnow::Milter;

my %program = map { $_ => Winnow::Examples::program($_) }
    qw(opendkim opendkim-testmsg opendmarc clamd clamav-milter openssl);
my $w = Winnow::Examples::instance(
    plugins => ['milter'],
    workers => 1,
    domains => {
        'good.example' => { filter => { own => { enabled => 'true' } } },
        'report.example' => { filter => { own => { enabled => 'true', action => 'none' } } },
        'dkim.example' => { filter => { dkim => { enabled => 'true' } } },
        'virus.example' => { filter => { virus => { enabled => 'true' } } },
        'picky.example' => { filter => { picky => { enabled => 'true' } } },
    },
);
my $dir = $w->{dir};
$w->snippet('25-milter', <<"END");
[filter own]
plugin = milter
enabled = false
servers = unix:$dir/own.sock; local:$dir/second.sock
action = reject
action.text = milter: %e
on_error = tempfail

[filter picky]
plugin = milter
enabled = false
servers = $dir/picky.sock
action = reject
on_error = tempfail

[filter dkim]
plugin = milter
enabled = false
servers = $dir/dkim.sock; $dir/dmarc.sock
action = reject
action.text = %e
on_error = tempfail

[filter virus]
plugin = milter
enabled = false
servers = $dir/virus.sock
action = reject
action.text = %e
on_error = tempfail
END

my $own = Winnow::Milter->start($w, "$dir/own.sock");
my $second = Winnow::Milter->start($w, "$dir/second.sock", quiet => 1);
my $picky = Winnow::Milter->start($w, "$dir/picky.sock", actions => 0x02);
$w->start;

sub mail {
    my ($subject, $body, %more) = @_;
    return $w->smtp(%{ delete $more{client} // {} })->mail(from => 'a@b.test', to => 'u@good.example', %more,
        message => "From: a\@b.test\r\n" . ($more{head} // '') . "Subject: $subject\r\n\r\n$body\r\n");
}

# The milter of this test does what the subject says.
like(mail('continue', "one\r\ntwo"), qr/^250/, 'a milter that finds nothing');
my @said = $own->said;
is_deeply([ map { $_->[0] } grep { $_->[0] ne 'D' } @said ],
    [ qw(O C H M R T L L N B E Q) ], 'it was told everything, in order');
my %said = map { $_->[0] => $_->[1] } @said;
is($said{C} =~ s/..(?=127)/PP/sr, "[127.0.0.1]\x{0}4PP127.0.0.1\0", 'the client');
is($said{H}, "client.test\0", 'its greeting');
is($said{M}, "<a\@b.test>\0", 'the sender');
is($said{R}, "<u\@good.example>\0", 'the recipient');
is($said{L}, "Subject\0 continue\0", 'the fields, with their space');
is($said{B}, "one\r\ntwo\r\n", 'the body as it came');
my %macro = map { my ($of, $rest) = /^(.)(.*)/s; map {$_} split /\0/, $rest, -1 if 0; ($of => $rest) }
    map { $_->[1] } grep { $_->[0] eq 'D' } @said;
like($macro{C}, qr/^j\0relay\.test\0/, 'macros: the host');
like($macro{M}, qr/(?:^|\0)i\0\w+\0\{mail_addr\}\0a\@b\.test\0/, 'macros: id and sender');

like(mail('folded', 'x', head => "X-Long: one\r\n two\r\n\tthree\r\n"), qr/^250/, 'a folded field');
like((grep { $_->[1] =~ /^X-Long/ } $own->said)[0][1], qr/^X-Long\0 one\n two\n\tthree\0$/, 'has line feeds');
like(mail('two', 'x', to => [ 'u@good.example', 'v@good.example' ]), qr/^250/, 'two recipients');
is(scalar(grep { $_->[0] eq 'R' } $own->said), 2, 'are told in one conversation');
my $long = ('x' x 70 . "\r\n") x 3000;
like(mail('long', $long), qr/^250/, 'a long body');
@said = grep { $_->[0] eq 'B' } $own->said;
is(length join('', map { $_->[1] } @said), length("$long\r\n"), 'comes whole');
is(scalar(@said), 4, 'in chunks of 65535');
like(mail('skip', $long), qr/^250/, 'a milter that has seen enough');
is(scalar(grep { $_->[0] eq 'B' } $own->said), 1, 'gets no more');
like(mail('accept-header', 'x'), qr/^250/, 'one that accepts early');
is(scalar(grep { $_->[0] eq 'E' } $own->said), 0, 'is not bothered further');

like(mail('reject', 'x'), qr/^550 5\.7\.1 milter: /, 'reject');
like(mail('reply 554 5.7.0 go away', 'x'), qr/^550 5\.7\.1 milter: 554 5\.7\.0 go away/, 'a reply is the evidence');
like(mail('reply 451 4.7.0 not now', 'x'), qr/^450/, 'a temporary one is a 450');
like(mail('tempfail', 'x'), qr/^450/, 'tempfail');
like(mail('discard', 'x'), qr/^550/, 'discard is a finding: the domain decides');
like(mail('quarantine', 'x'), qr/^550 .*milter: held/, 'so is quarantine');
like(mail('progress', 'x'), qr/^250/, 'progress is no answer');
like(mail('garbage', 'x'), qr/^451/, 'garbage: nobody can tell');
like(mail('shutdown', 'x'), qr/^451/, 'nor when it does not want');
like(mail('hangup', 'x'), qr/^451/, 'nor when it goes');
like(mail('rcpt', 'x', to => [ 'no@good.example', 'u@good.example' ]), qr/^250/,
    'one of two recipients refused is not heard');
like(mail('rcpt', 'x', to => 'no@good.example'), qr/^550/, 'a single one is');
like(mail('reject reported', 'x', to => 'u@report.example'), qr/^250/, 'without an action');
like(Winnow::Examples::copy_of($w, 'reject reported'), qr/^X-Winnow-Match: filter=own; rule=reject/m, 'it is reported');

like(mail('fields', 'x', head => "X-Sender: 1\r\nX-Sender: 2\r\n"), qr/^250/, 'a milter adds fields');
my $copy = Winnow::Examples::copy_of($w, 'fields');
like($copy, qr/^X-Added: at the end\r$/m, 'an added one is in the copy');
like($copy, qr/^X-Inserted: on top, which is folded\r$/m, 'and an inserted one');
like($copy, qr/^X-Sender: 1\r\nX-Sender: 2\r$/m, 'what the sender wrote stays');
unlike($copy, qr/^X-Evil|^From: evil/m, 'and no line is smuggled in');
@said = map { $_->[1] } grep { $_->[0] eq 'L' } $second->said;
ok((grep {/^X-Inserted\0/} @said), 'the next milter sees what was added');
ok((grep {/^X-Sender\0 ?changed\0/} @said), 'and what was changed');
is(scalar(grep {/^X-Sender\0/} @said), 1, 'and not what was removed');
@said = $second->said;
is(scalar(grep { $_->[0] =~ /[CHMRTNB]/ } @said), 0, 'which gets only the steps it wants');

like(mail('x', 'x', to => 'u@picky.example'), qr/^451/, 'a milter that insists on changing the body');
ok($w->wait_event('plugin', sub { $_[0]{message} =~ /cannot/ }, 5), 'ends with the reason');

SKIP: {
    skip 'opendkim, opendmarc or openssl is not installed', 9
        if grep { !$program{$_} } qw(opendkim opendkim-testmsg opendmarc openssl);
    dkim_and_dmarc();
}
SKIP: {
    skip 'clamd or clamav-milter is not installed', 4
        if grep { !$program{$_} } qw(clamd clamav-milter);
    clamav();
}
done_testing;

sub wait_socket {
    my ($path, $log) = @_;
    return 1 if Winnow::Instance::wait_for(sub { Winnow::Examples::socket_answers($path) }, 60);
    diag(Winnow::Instance::slurp($log) // '');
    return 0;
}

sub dkim_and_dmarc {
    my $key = "$dir/dkim.key";
    system("$program{openssl} genrsa -traditional -out $key 2048 2>/dev/null || $program{openssl} genrsa -out $key 2048 2>/dev/null");
    chmod 0600, $key;
    my $public = join '', grep { !/-----/ } split /\n/, qx($program{openssl} rsa -in $key -pubout 2>/dev/null);
    Winnow::Instance::spew("$dir/keys", "sel._domainkey.signed.test v=DKIM1; k=rsa; p=$public\n");
    Winnow::Instance::spew("$dir/dkim.conf", "Mode v\nSyslog no\nAuthservID relay.test\nSocket local:$dir/dkim.sock\n"
        . "TestPublicKeys $dir/keys\nUMask 000\nAlwaysAddARHeader yes\nPidFile $dir/dkim.pid\n");
    $w->spawn("$dir/dkim.log", $program{opendkim}, '-f', '-x', "$dir/dkim.conf");
    Winnow::Instance::spew("$dir/dmarc.conf", "AuthservID relay.test\nTrustedAuthservIDs relay.test\nSyslog no\n"
        . "Socket local:$dir/dmarc.sock\nRequiredHeaders yes\nRejectFailures yes\nUMask 000\n"
        . "IgnoreHosts $dir/no-hosts\nSPFIgnoreResults yes\nDNSTimeout 1\nPidFile $dir/dmarc.pid\n");
    Winnow::Instance::spew("$dir/no-hosts", "192.0.2.254\n");
    $w->spawn("$dir/dmarc.log", $program{opendmarc}, '-f', '-c', "$dir/dmarc.conf");
    ok(wait_socket("$dir/dkim.sock", "$dir/dkim.log") && wait_socket("$dir/dmarc.sock", "$dir/dmarc.log"),
        'OpenDKIM and OpenDMARC run');

    my $plain = "From: a\@signed.test\r\nTo: u\@dkim.example\r\nSubject: SUBJECT\r\n"
        . "Date: Mon, 5 Oct 2026 10:00:00 +0000\r\nMessage-ID: <1\@signed.test>\r\n"
        . "X-Long: some  words\r\n\tand  a second line\r\n\r\nA body with  spaces \r\n\r\nand lines.\r\n\r\n";
    my $send = sub {
        my ($subject, $change) = @_;
        my $text = sign($plain =~ s/SUBJECT/$subject/r, $key);
        $change->($text) if $change;
        return $w->smtp->mail(from => 'a@signed.test', to => 'u@dkim.example', message => $text);
    };
    like($send->('signed'), qr/^250/, 'a signed message');
    my $copy = Winnow::Examples::copy_of($w, 'signed');
    like($copy, qr/^Authentication-Results: relay\.test;(?:[^\r]|\r\n\s)*dkim=pass/m,
        'verifies behind winnow, and its copy says so');
    like($copy, qr/^Authentication-Results: relay\.test;(?:[^\r]|\r\n\s)*dmarc=/m, 'OpenDMARC adds its result');
    like($send->('changed', sub { $_[0] =~ s/A body/The body/ }), qr/^250/, 'a changed message');
    like(Winnow::Examples::copy_of($w, 'changed'), qr/dkim=fail/, 'does not verify');
    like($send->('forged', sub { $_[0] = "Authentication-Results: relay.test; dkim=pass header.d=bank.test\r\n$_[0]" }),
        qr/^250/, 'a message with a forged result');
    unlike(Winnow::Examples::copy_of($w, 'forged'), qr/bank\.test/, 'loses it');
    like($w->smtp->mail(from => 'a@b.test', to => 'u@dkim.example',
        message => "From: a\@b.test\r\nFrom: c\@d.test\r\nSubject: two\r\n\r\nx\r\n"), qr/^550/,
        'OpenDMARC refuses a message without what is required');
}

sub sign {
    my ($text, $key) = @_;
    Winnow::Instance::spew("$dir/unsigned", $text);
    my $signed = qx($program{'opendkim-testmsg'} -C -d signed.test -s sel -k $key < $dir/unsigned);
    $signed =~ s/\r?\n/\r\n/g;
    return $signed;
}

sub clamav {
    my $clam = "$dir/clam";
    mkdir $clam;
    Winnow::Instance::spew("$clam/own.ndb", 'Winnow.Test.Sample:0:*:' . unpack('H*', 'this-is-a-test-virus-of-winnow') . "\n");
    Winnow::Instance::spew("$clam/clamd.conf", "Foreground yes\nLocalSocket $clam/clamd\nLocalSocketMode 666\n"
        . "DatabaseDirectory $clam\nTemporaryDirectory $clam\nOfficialDatabaseOnly no\nSelfCheck 0\n");
    Winnow::Instance::spew("$clam/milter.conf", "Foreground yes\nMilterSocket unix:$dir/virus.sock\nMilterSocketMode 666\n"
        . "ClamdSocket unix:$clam/clamd\nOnInfected Reject\nOnFail Defer\nAddHeader Add\nTemporaryDirectory $clam\n"
        . "RejectMsg virus %v\n");
    $w->spawn("$clam/clamd.log", $program{clamd}, '-c', "$clam/clamd.conf");
    return unless wait_socket("$clam/clamd", "$clam/clamd.log");
    $w->spawn("$clam/milter.log", $program{'clamav-milter'}, '-c', "$clam/milter.conf");
    ok(wait_socket("$dir/virus.sock", "$clam/milter.log"), 'clamav-milter runs');
    like(mail('clean for clamav', 'x', to => 'u@virus.example'), qr/^250/, 'a clean message');
    like(Winnow::Examples::copy_of($w, 'clean for clamav'), qr/^X-Virus-Status: Clean/m, 'its copy says so');
    like(mail('virus', "x this-is-a-test-virus-of-winnow y", to => 'u@virus.example'),
        qr/^550 .*virus Winnow\.Test\.Sample/, 'an infected one is refused, with the milter\'s words');
}
