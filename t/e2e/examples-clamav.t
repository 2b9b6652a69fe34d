#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "clamav" with real mail and a real clamd, which knows only
# what this test tells it.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Examples;

my $clamd = Winnow::Examples::program('clamd');
plan skip_all => 'clamd is not installed' unless $clamd;

my $tcp = Winnow::Instance::free_port();
my $w = Winnow::Examples::instance(
    plugins => ['clamav'],
    workers => 1,
    limits => 'max_message_size = 8M',
    domains => { 'good.example' => {}, 'tcp.example' => {
        filter => { 'clamav-tcp' => { enabled => 'true' }, clamav => { enabled => 'false' } } } },
);
$w->snippet('25-clamav', <<"END");
[filter clamav]
server = $w->{dir}/clamd/socket
action = reject
action.text = infected: %e
on_error = tempfail

[filter clamav-tcp]
plugin = clamav
enabled = false
server = tcp:127.0.0.1:$tcp
action = reject
END
my $dir = "$w->{dir}/clamd";
mkdir $dir or die;
# Type and target "any", offset "*", then the bytes of a text.
Winnow::Instance::spew("$dir/own.ndb", 'Winnow.Test.Sample:0:*:' . unpack('H*', 'this-is-a-test-virus-of-winnow') . "\n");
Winnow::Instance::spew("$dir/clamd.conf", <<"END");
Foreground yes
LocalSocket $dir/socket
LocalSocketMode 666
TCPSocket $tcp
TCPAddr 127.0.0.1
DatabaseDirectory $dir
TemporaryDirectory $dir
StreamMaxLength 2M
MaxThreads 2
OfficialDatabaseOnly no
SelfCheck 0
END

my $server;
sub start_clamd {
    $server = $w->spawn("$dir/log", $clamd, '-c', "$dir/clamd.conf");
    return Winnow::Instance::wait_for(
        sub { Winnow::Examples::socket_answers("$dir/socket") && Winnow::Instance::port_answers($tcp) }, 60);
}
start_clamd() or plan skip_all => 'clamd does not start: ' . (Winnow::Instance::slurp("$dir/log") // '');
$w->start;

sub mail {
    my ($subject, $body, $to) = @_;
    return $w->smtp->mail(from => 'a@b.test', to => $to // 'u@good.example',
        message => "Subject: $subject\r\nMIME-Version: 1.0\r\n$body");
}
my $virus = 'this-is-a-test-virus-of-winnow';
my $encoded = pack 'u', '';

like(mail('clean', "\r\nnothing\r\n"), qr/^250/, 'a clean message');
like(mail('plain', "\r\n$virus\r\n"), qr/^550 5\.7\.1 infected: Winnow\.Test\.Sample/, 'an infected one, with its name');
require MIME::Base64;
like(mail('attached', "Content-Type: application/octet-stream; name=a.bin\r\n"
    . "Content-Transfer-Encoding: base64\r\n\r\n" . MIME::Base64::encode("xx $virus yy", "\r\n")),
    qr/^550 .*Winnow\.Test\.Sample/, 'in an attachment: clamd sees the whole message');
like(mail('empty', "\r\n"), qr/^250/, 'a message without a body');
like(mail("big $_", "\r\n" . ("0123456789abcdef" x 4 . "\r\n") x 24000), qr/^250/, "a large message, $_")
    for 1 .. 3;
like(mail('bigger', "\r\n" . ("0123456789abcdef" x 4 . "\r\n") x 24000 . "$virus\r\n"), qr/^550/,
    'at the end of a large one');
like(mail('huge', "\r\n" . ("0123456789abcdef" x 4 . "\r\n") x 40000), qr/^451/,
    'more than clamd takes: on_error decides');
ok($w->wait_event('plugin', sub { $_[0]{message} =~ /size limit exceeded/i }, 5), 'with its own words in the log');
like(mail('clean 2', "\r\nnothing\r\n"), qr/^250/, 'afterwards it goes on');
like(mail('tcp', "\r\nnothing\r\n", 'u@tcp.example'), qr/^250/, 'over TCP: a clean message');
like(mail('tcp', "\r\n$virus\r\n", 'u@tcp.example'), qr/^550/, 'an infected one');
# Many at once.
my @smtp = map { $w->smtp } 1 .. 20;
$_->cmd('MAIL FROM:<a@b.test>') for @smtp;
$_->cmd('RCPT TO:<u@good.example>') for @smtp;
$_->cmd('DATA') for @smtp;
$smtp[$_]->send_raw("Subject: many\r\n\r\n" . ($_ % 2 ? $virus : 'clean') . "\r\n.\r\n") for 0 .. $#smtp;
my @reply = map { $_->reply } @smtp;
is(scalar(grep { $reply[$_] =~ ($_ % 2 ? qr/^550/ : qr/^250/) } 0 .. $#reply), 20, 'twenty at once');

kill TERM => $server;
waitpid $server, 0;
like(mail('gone', "\r\nnothing\r\n"), qr/^451/, 'without clamd nobody can tell');
unlink "$dir/socket";
ok(start_clamd(), 'clamd comes back');
like(mail('back', "\r\n$virus\r\n"), qr/^550/, 'and is asked again');
done_testing;
