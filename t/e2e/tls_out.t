#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# TLS to the customers' servers: none, may, require, verify, dane, against good
# and bad servers; never in the clear where that is not allowed, and the reason
# in the log and in the queue.  DNS is a server of the test's own, which says of
# names under "signed." that it has verified them.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use POSIX ();
use Socket qw(inet_aton);
use Test::More;
use Winnow::EvilSink;
use Winnow::Instance;

plan skip_all => 'the openssl command is not installed' if system('openssl version >/dev/null 2>&1') != 0;
plan skip_all => 'IO::Socket::SSL is not installed' if !eval { require IO::Socket::SSL; 1 };

my $dir = File::Temp->newdir('winnow-tls-XXXXXX', TMPDIR => 1);
my %key_digest;

# A certificate for these names by the test's authority, with its key: NAME.pem
sub certify {
    my ($name, $days, @names) = @_;
    my $alternatives = join ',', map {"DNS:$_"} @names;
    Winnow::Instance::spew("$dir/$name.ext", "subjectAltName=$alternatives\n");
    system(qq{cd "$dir" && exec 2>/dev/null
        openssl req -newkey rsa:2048 -nodes -keyout $name.key -subj /CN=$names[0] -out $name.csr &&
        openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days $days -extfile $name.ext -out $name.crt &&
        cat $name.crt $name.key >$name.pem}) == 0 or die "openssl: $?";
    $key_digest{$name} = `cd "$dir" && openssl x509 -in $name.crt -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary`;
}
system(qq{cd "$dir" && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=Test -days 9 -out ca.crt 2>/dev/null}) == 0 or die;
certify(good => 9, 'mail.signed.test', 'mail.plain.test');
certify(other => 9, 'other.test');

# Names to addresses, and TLSA by name; others do not exist.
my %address = map { $_ => '127.0.0.1' } qw(mail.signed.test mail.plain.test none.signed.test wrong.signed.test
    bogus.signed.test odd.signed.test);
my %tlsa;
my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 0) or die;

sub answer {
    my ($query) = @_;
    my ($id, $flags) = unpack 'nn', $query;
    my ($at, @labels) = (12);
    while ((my $len = ord substr $query, $at, 1) > 0) {
        push @labels, substr $query, $at + 1, $len;
        $at += $len + 1;
    }
    my $name = lc join '.', @labels;
    my $type = unpack 'n', substr $query, $at + 1, 2;
    my ($tail) = $name =~ /^_\d+\._tcp\.(.*)$/;
    my $known = exists $address{ $tail // $name };
    my $data = $type == 1 && !defined $tail && $known ? inet_aton($address{$name})
        : $type == 52 && defined $tail ? $tlsa{$tail} : undef;
    my $code = $type == 52 && $name =~ /bogus/ ? 2 : $known ? 0 : 3;
    my $secure = $name =~ /signed\.test$/ && $flags & 0x20 ? 0x20 : 0;
    my $reply = pack('n6', $id, 0x8180 | $secure | $code, 1, defined $data ? 1 : 0, 0, 0) . substr $query, 12, $at + 5 - 12;
    $reply .= pack('n n n N n/a*', 0xc00c, $type, 1, 60, $data) if defined $data;
    return $reply;
}
my $dns_pid = fork // die;
if ($dns_pid == 0) {
    # Set before the first question comes.
    while (my $peer = $dns->recv(my $query, 1500)) {
        %tlsa = (%tlsa, map { /^(\S+) (\S+)$/ ? ($1, pack 'H*', $2) : () } split /\n/, Winnow::Instance::slurp("$dir/tlsa") // '');
        $dns->send(answer($query), 0, $peer);
    }
    POSIX::_exit(0);
}
END { local $?; kill KILL => $dns_pid if $dns_pid }
Winnow::Instance::spew("$dir/tlsa", join '', map { "$_->[0] $_->[1]" . unpack('H*', $key_digest{ $_->[2] }) . "\n" }
    [ 'mail.signed.test', '030101', 'good' ], [ 'wrong.signed.test', '030101', 'good' ],
    [ 'odd.signed.test', '010101', 'good' ], [ 'bogus.signed.test', '030101', 'good' ],
    [ 'mail.plain.test', '030101', 'other' ]);

my %script = (good => '', plain => '', other => '', broken => 'starttls: 220 go; drop');
my %sink = map {
    $_ => Winnow::EvilSink->new(dir => "$dir/$_", script => $script{$_},
        ($_ eq 'plain' ? () : (certificate => "$dir/" . ($_ eq 'other' ? 'other' : 'good') . '.pem')))
} keys %script;

# domain => [ tls, host, sink, delivered as, or why it is not ]
my %case = (
    'none' => [ 'none', '127.0.0.1', 'good', 'none' ],
    'may-good' => [ 'may', 'mail.plain.test', 'good', 'encrypted' ],
    'may-plain' => [ 'may', '127.0.0.1', 'plain', 'none' ],
    'may-broken' => [ 'may', '127.0.0.1', 'broken', 'none' ],
    'require-good' => [ 'require', '127.0.0.1', 'other', 'encrypted' ],
    'require-plain' => [ 'require', '127.0.0.1', 'plain', qr/TLS is required and not offered/ ],
    'require-broken' => [ 'require', '127.0.0.1', 'broken', qr/TLS handshake/ ],
    'verify-good' => [ 'verify', 'mail.plain.test', 'good', 'verified' ],
    'verify-other' => [ 'verify', 'mail.plain.test', 'other', qr/certificate is for other\.test/ ],
    'dane-good' => [ 'dane', 'mail.signed.test', 'good', 'dane' ],
    'dane-wrong' => [ 'dane', 'wrong.signed.test', 'other', qr/certificate fits no TLSA record/ ],
    'dane-stripped' => [ 'dane', 'mail.signed.test', 'plain', qr/TLS is required and not offered/ ],
    'dane-bogus' => [ 'dane', 'bogus.signed.test', 'good', qr/TLSA records failed/ ],
    'dane-unusable' => [ 'dane', 'odd.signed.test', 'other', 'encrypted' ],
    'dane-none' => [ 'dane', 'none.signed.test', 'plain', 'none' ],
    'dane-insecure' => [ 'dane', 'mail.plain.test', 'good', 'encrypted' ],
);
$ENV{SSL_CERT_FILE} = "$dir/ca.crt";
my $w = Winnow::Instance->new(
    dns_port => $dns->sockport,
    domains => { map { ("$_.example" => { tls => $case{$_}[0], servers => "$case{$_}[1]:" . $sink{ $case{$_}[2] }->port }) } keys %case },
);
# TLSA records stand at the port of the server.
$w->start;
my %id;
for my $name (sort keys %case) {
    ($id{$name}) = $w->smtp->mail(from => 'a@sender.test', to => "u\@$name.example",
        message => "Subject: $name\n\nx\n") =~ /queued as (\w+)/;
}
for my $name (sort keys %case) {
    my $expected = $case{$name}[3];
    my $event = $w->wait_event(ref $expected ? 'deferred' : 'delivered', sub { $_[0]{id} eq $id{$name} });
    if (!ref $expected) {
        is($event->{tls}, $expected, "$name: delivered, $expected");
        like($event->{cipher}, qr/^TLSv1\.[23] with \S+$/, "$name: and the event names the cipher") if $expected ne 'none';
        next;
    }
    like($event->{reply}, $expected, "$name: deferred, and told why");
    like(($w->ctl('queue', 'show', $id{$name}))[1], $expected, "$name: in the queue too");
}
my @clear = grep { !$_->{tls} } map { $_->messages } values %sink;
is(join(' ', sort map { $_->{data} =~ /^Subject: (\S+)/m } @clear), 'dane-none may-broken may-plain none',
    'nothing else went in the clear');
is($w->stop, 0, 'stops');
done_testing;
