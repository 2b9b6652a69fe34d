#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Hostile and odd input against the whole program: BATTERY §4.1 to §4.3.  Each
# row: name, what is said, the codes of the replies in order, closed or not.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    workers => 1,
    domains => { 'good.example' => {} },
    limits => "max_message_size = 1M\nmax_recipients = 20\n",
);
$w->start;

my $mail = "MAIL FROM:<a\@b.example>\r\n";
my $rcpt = "RCPT TO:<u\@good.example>\r\n";
my @rows = (
    [ 'foreign protocol GET', "GET / HTTP/1.1\r\n", ['421 4.7.0'], 1 ],
    [ 'TLS hello on the plain port', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n", ['421 4.7.0'], 1 ],
    [ 'empty line', "\r\n", ['500 5.5.2'], 0 ],
    [ 'unknown verb', "FOO\r\n", ['500 5.5.2'], 0 ],
    [ 'line of 2,049 bytes', 'NOOP ' . 'x' x 2044 . "\r\nNOOP\r\n", [ '500 5.5.2', '250' ], 0 ],
    [ 'endless line', 'x' x 9000, ['500 5.5.2'], 1 ],
    [ 'NUL in MAIL', "EHLO x\r\nMAIL FROM:<a\0b\@x.example>\r\n", [ '250', '501 5.5.2' ], 1 ],
    [ 'bare LF', "NOOP\n", ['500 5.5.2'], 1 ],
    [ 'bytes above ASCII', "\xff\xfe\r\n", ['500 5.5.2'], 0 ],
    [ 'HELO without name', "HELO\r\nEHLO\r\n", [ '501 5.5.4', '501 5.5.4' ], 0 ],
    [ 'EHLO with two names', "EHLO a b\r\n", ['501 5.5.4'], 0 ],
    [ 'EHLO with literals', "EHLO [127.0.0.1]\r\n", ['250'], 0 ],
    [ 'MAIL before EHLO', $mail, ['503 5.5.1'], 0 ],
    [ 'order of commands', "EHLO x\r\n${rcpt}DATA\r\n", [ '250', '503 5.5.1', '503 5.5.1' ], 0 ],
    [ 'MAIL twice', "EHLO x\r\n$mail$mail", [ '250', '250', '503 5.5.1' ], 0 ],
    [ 'EHLO resets', "EHLO x\r\n${mail}EHLO x\r\n$rcpt", [ '250', '250', '250', '503 5.5.1' ], 0 ],
    [ 'all recipients refused', "EHLO x\r\n${mail}RCPT TO:<u\@bad.example>\r\nDATA\r\n",
        [ '250', '250', '550 5.7.1', '554 5.5.1' ], 0 ],
    [ 'arguments that are none', "RSET foo\r\nQUIT foo\r\n", [ '501 5.5.4', '501 5.5.4' ], 0 ],
    [ 'VRFY and EXPN', "VRFY u\r\nEXPN u\r\nHELP\r\nETRN x\r\n", [ '252', '502 5.5.1', '214', '502 5.5.1' ], 0 ],
    [ 'AUTH is not offered', "EHLO x\r\nAUTH PLAIN AHUAcA==\r\n", [ '250', '503 5.5.1' ], 0 ],
    [ 'STARTTLS without key', "EHLO x\r\nSTARTTLS\r\n", [ '250', '502 5.5.1' ], 0 ],
    [ 'BDAT', "EHLO x\r\nBDAT 5 LAST\r\nhello", [ '250', '502 5.5.1' ], 1 ],
    [ 'PROXY from an unlisted host', "PROXY TCP4 1.2.3.4 1.2.3.4 1 25\r\n", ['5'], -1 ],
    [ 'body before 354', "EHLO x\r\n$mail${rcpt}DATA\r\nSubject: x\r\n\r\n.\r\n",
        [ '250', '250', '250', '554 5.5.0' ], 1 ],
    [ 'QUIT ends', "QUIT\r\nNOOP\r\n", ['221'], 1 ],
    [ 'no angle brackets', "EHLO x\r\nMAIL FROM:a\@b.example\r\n", [ '250', '501 5.1.7' ], 0 ],
    [ 'two at signs', "EHLO x\r\nMAIL FROM:<a\@b\@c.example>\r\n", [ '250', '501 5.1.7' ], 0 ],
    [ 'source route', "EHLO x\r\nMAIL FROM:<\@r1,\@r2:a\@b.example>\r\n", [ '250', '250' ], 0 ],
    [ 'shell in the address', "EHLO x\r\nMAIL FROM:<;sleep 5;>\r\n", [ '250', '501 5.1.7' ], 0 ],
    [ 'long local part', "EHLO x\r\nMAIL FROM:<" . 'a' x 65 . "\@b.example>\r\n", [ '250', '501 5.1.7' ], 0 ],
    [ 'UTF-8 without SMTPUTF8', "EHLO x\r\nMAIL FROM:<\xc3\xbc\@x.example>\r\n", [ '250', '553 5.6.7' ], 0 ],
    [ 'unknown parameter', "EHLO x\r\nMAIL FROM:<a\@b.example> FOO=1\r\n", [ '250', '555 5.5.4' ], 0 ],
    [ 'SIZE not a number', "EHLO x\r\nMAIL FROM:<a\@b.example> SIZE=abc\r\n", [ '250', '501 5.5.4' ], 0 ],
    [ 'SIZE above the limit', "EHLO x\r\nMAIL FROM:<a\@b.example> SIZE=1048577\r\n", [ '250', '552 5.3.4' ], 0 ],
    [ 'RET twice', "EHLO x\r\nMAIL FROM:<a\@b.example> RET=HDRS RET=FULL\r\n", [ '250', '501 5.5.4' ], 0 ],
    [ 'empty recipient', "EHLO x\r\n${mail}RCPT TO:<>\r\n", [ '250', '250', '501 5.1.3' ], 0 ],
    [ '21st recipient', "EHLO x\r\n$mail" . $rcpt x 21, [ '250', '250', ('250') x 20, '452 4.5.3' ], 0 ],
    (map { [ "relay probe $_->[0]", "EHLO x\r\n${mail}RCPT TO:$_->[0]\r\n", [ '250', '250', $_->[1] ], 0 ] }
        [ '<u@bad.example>', '550 5.7.1' ], [ '<bad.example!u>', '501 5.1.3' ],
        [ '<@good.example:u@bad.example>', '550 5.7.1' ], [ '<"u@bad.example">', '501 5.1.3' ],
        [ '<u@bad.example@good.example>', '501 5.1.3' ], [ '<u@[127.0.0.1]>', '550 5.7.1' ],
        [ '<u@localhost>', '550 5.7.1' ], [ '<u>', '501 5.1.3' ],
        [ '<u%bad.example@good.example>', '250' ], [ '<bad.example!u@good.example>', '250' ],
        [ '<"u@bad.example"@good.example>', '250' ], [ '<u@GOOD.Example>', '250' ]),
);

for my $row (@rows) {
    my ($name, $said, $codes, $closes) = @$row;
    my $smtp = $w->smtp(no_ehlo => 1) or do { fail("$name: no connection"); next };
    my @got;

    $smtp->send_raw($said);
    for my $code (@$codes) {
        my $reply = $smtp->reply(10) // last;
        push @got, $reply eq '' ? 'closed' : $reply;
        last if $reply eq '';
    }
    my $right = @got == @$codes;
    for my $i (0 .. $#$codes) {
        $right &&= index($got[$i] // '', $codes->[$i]) == 0;
    }
    ok($right, "$name: replies") or diag("wanted @$codes, got " . join(' | ', @got));
    ok($smtp->is_closed, "$name: closed") if $closes == 1;
    like($smtp->cmd('NOOP') // '', qr/^250/, "$name: goes on") if $closes == 0;
}

# The twelve wrong ends of DATA: none is an end, and what holds one is refused
# after the true end, with exactly one reply.
my @wrong = ("\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n.\0\r\n",
    "\r.\r", "\n.\r", "\r.\n", "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n");
for my $i (0 .. $#wrong) {
    my $smtp = $w->smtp;
    my $name = join ' ', map { sprintf '%02x', ord } split //, $wrong[$i];

    $smtp->cmd($_) for 'MAIL FROM:<a@b.example>', 'RCPT TO:<u@good.example>', 'DATA';
    $smtp->send_raw("Subject: smuggle\r\n\r\nbody$wrong[$i]MAIL FROM:<evil\@b.example>\r\n"
        . "RCPT TO:<u\@good.example>\r\nDATA\r\nx\r\n.\r\n");
    my $want = $wrong[$i] =~ /\0/ && $wrong[$i] !~ /(?<!\r)\n|\r(?!\n)/ ? qr/^(?:250|550 5\.6)/ : qr/^550 5\.6\.11/;
    like($smtp->reply, $want, "wrong end $name: one reply");
    like($smtp->cmd('NOOP'), qr/^250/, "wrong end $name: nothing else was executed");
}

# State after a refusal at the end of DATA.
{
    my $smtp = $w->smtp;
    like($smtp->mail(from => 'a@b.example', to => 'u@good.example',
        wire => "Subject: x\r\n\r\nbare\nlf\r\n.\r\n"), qr/^550 5\.6\.11/, 'bare LF refused');
    like($smtp->cmd('RCPT TO:<u@good.example>'), qr/^503/, 'no transaction is left');
    like($smtp->cmd('DATA'), qr/^503/, 'nor any recipient');
    like($smtp->mail(from => 'a@b.example', to => 'u@good.example',
        message => "Subject: large\n\n" . "x" x 70 . "\n" . ("y" x 70 . "\n") x 20000),
        qr/^552 5\.3\.4/, 'larger than the limit, without SIZE');
    like($smtp->mail(from => 'a@b.example', to => 'u@good.example',
        message => "Subject: h\n" . "To: x\n" x 100000 . "\nx\n"), qr/^552 5\.3\.4/,
        '100,000 header fields');
    like($smtp->mail(from => 'a@b.example', to => 'u@good.example',
        wire => "Subject: n\0ul\r\n\r\nx\r\n.\r\n"), qr/^550 5\.6\.0/, 'NUL in the header');
}

# Errors slow down, then end; a legal pipeline is answered in order.
{
    my $smtp = $w->smtp;
    $smtp->send_raw($mail . $rcpt x 10 . "DATA\r\n");
    my @got = map { substr($smtp->reply, 0, 3) } 1 .. 12;
    is_deeply(\@got, [ ('250') x 11, '354' ], 'a pipeline');
    $smtp->send_raw("Subject: p\r\n\r\nx\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n");
    like($smtp->reply, qr/^250 2\.0\.0 queued/, 'its message');
    like($smtp->reply, qr/^250/, 'and what came behind the dot');
}
ok($w->wait_drained, 'drained');
is($w->n_received, 1 + grep({ /queued/ } ()), 'only the legal message arrived')
    or diag(join "\n", map { $_->{message} } $w->received);
is(scalar(grep { $_->{level} eq 'error' } $w->events), 0, 'no error was logged');
done_testing;
