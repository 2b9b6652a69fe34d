#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# STARTTLS on the way in and on the way out.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

plan skip_all => 'IO::Socket::SSL is not installed' unless eval { require IO::Socket::SSL; 1 };

my $w = Winnow::Instance->new(
    server => "tls_certificate = cert.pem\ntls_key = key.pem\n",
    domains => { 'good.example' => {} },
);
system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $w->{dir}/key.pem -out $w->{dir}/cert.pem"
    . " -days 2 -subj /CN=relay.test >/dev/null 2>&1") == 0 or plan skip_all => 'no openssl command';
$w->start;

my $smtp = $w->smtp;
like($smtp->{ehlo}, qr/^250[ -]STARTTLS$/m, 'STARTTLS is offered');
like($smtp->cmd('MAIL FROM:<plain@x.test>'), qr/^250/, 'a transaction before it');
like($smtp->cmd('STARTTLS'), qr/^(?:220|503)/, 'STARTTLS');
$smtp = $w->smtp;
like($smtp->cmd('STARTTLS'), qr/^220/, 'STARTTLS');
my $socket = IO::Socket::SSL->start_SSL($smtp->{socket}, SSL_verify_mode => 0, SSL_hostname => 'relay.test');
ok($socket, 'handshake') or diag(IO::Socket::SSL::errstr());
like($socket->get_sslversion, qr/TLSv1_[23]/, 'TLS 1.2 or newer');

sub say_tls { print $socket "$_[0]\r\n"; my $all = ''; while (my $l = <$socket>) { $all .= $l; last if $l =~ /^\d{3} / } $all }
like(say_tls('RCPT TO:<u@good.example>'), qr/^503/, 'everything before is forgotten');
my $ehlo = say_tls('EHLO tls.test');
unlike($ehlo, qr/STARTTLS/, 'not offered again');
like(say_tls('MAIL FROM:<a@x.test>'), qr/^250/, 'MAIL');
like(say_tls('RCPT TO:<u@good.example>'), qr/^250/, 'RCPT');
like(say_tls('DATA'), qr/^354/, 'DATA');
print $socket "Subject: s\r\n\r\n" . "a line of the body\r\n" x 5000;
like(say_tls('.'), qr/^250/, 'accepted over TLS');
my ($found) = $w->wait_received(1);
like($found->{message}, qr/\(using TLSv1\.[23] with \S+\)/, 'Received tells of TLS');
like($found->{message}, qr/with ESMTPS id/, 'and so does the protocol');
like(say_tls('QUIT'), qr/^221/, 'QUIT');

# What stands behind STARTTLS in the same segment is never run.
$smtp = $w->smtp;
$smtp->send_raw("STARTTLS\r\nMAIL FROM:<evil\@x.test>\r\n");
like($smtp->reply, qr/^554 5\.5\.0/, 'injection refused');
ok($smtp->is_closed, 'closed without a handshake');

my $before = 0;
is($w->stop, 0, 'stops');
done_testing;
