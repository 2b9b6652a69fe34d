#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# winnowctl as an operator uses it: exit statuses, texts, JSON.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Winnow::Instance;

my $metrics_port = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    server => "metrics = 127.0.0.1:$metrics_port\n",
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    conf => "[egress main]\naddresses = 192.0.2.10; 192.0.2.11; 2001:db8::1\n",
    domains => {
        'good.example' => {},
        'walled.example' => { firewall => 'true', egress_pool => 'main',
            filter => { phrase => { 'action.text' => 'no' } } },
    },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "seven words that nobody wants to read\n");
Winnow::Instance::spew("$w->{dir}/spam.eml", "Subject: s\n\nSeven words that nobody\nwants to read.\n");
Winnow::Instance::spew("$w->{dir}/ham.eml",
    "Subject: h\n\nhello, see http://Shop.Example.CO.UK/x?y=1 or call +44 20 7946 0018\n");

my ($exit, $text) = $w->ctl('check');
is($exit, 0, 'check') or diag($text);
is(($w->ctl('status'))[0], 3, 'status without a daemon: 3');
is(($w->ctl('nonsense'))[0], 2, 'unknown command: 2');
is(($w->ctl('explain'))[0], 2, 'explain without anything: 2');

# explain needs no daemon.
($exit, $text) = $w->ctl('explain', '--json', "$w->{dir}/spam.eml",
    '--from', 's@x.test', '--to', 'u@good.example', '--to', 'v@walled.example', '--to', 'x@nowhere.test');
is($exit, 0, 'explain') or diag($text);
my ($doc) = Winnow::Instance::json_lines($text);
is($doc->{recipients}[0]{action}, 'reject', 'what would happen');
like($doc->{recipients}[0]{reply}, qr/^550 5\.7\.1/, 'the reply');
my ($phrase) = grep { $_->{filter} eq 'phrase' } @{ $doc->{recipients}[0]{filters} };
is($phrase->{verdict}, 'match', 'the verdict');
like($phrase->{evidence}, qr/seven words/i, 'the evidence');
ok(defined $phrase->{usec}, 'the time');
like($text, qr/"score":-?[0-9.]+[,}]/, 'the score is a number');
is($doc->{generation}, 0, 'nothing is published that says this');
like($doc->{recipients}[1]{reply}, qr/^550 5\.7\.1 no \[/, "the domain's text");
is($doc->{recipients}[2]{action}, 'reject', 'a foreign recipient');
ok(scalar(grep {/^X-Winnow-Id: /} @{ $doc->{headers} }), 'the final header');
($exit, $text) = $w->ctl('explain', '--json', '--view', "$w->{dir}/ham.eml", '--to', 'u@good.example');
($doc) = Winnow::Instance::json_lines($text);
is($doc->{recipients}[0]{action}, 'deliver', 'ham passes');
like($doc->{view}{text}, qr/hello/, 'the view');
is($doc->{view}{urls}[0]{host}, 'shop.example.co.uk', 'its URLs');
is($doc->{view}{urls}[0]{registered}, 'example.co.uk', 'with the registered domain');
is($doc->{view}{phones}[0]{digits}, '442079460018', 'and phone numbers');
Winnow::Instance::spew("$w->{dir}/esc.eml", "Subject: \e[2Jx\n\nhello\n");
($exit, $text) = $w->ctl('explain', '--view', "$w->{dir}/esc.eml", '--to', 'u@good.example');
like($text, qr/header that u\@good\.example gets:.*\| Subject: /s, 'the final header as text');
unlike($text, qr/\e/, 'no byte that a terminal would obey');
is(($w->ctl('explain', "$w->{dir}/ham.eml", '--to', 'nobody'))[0], 2, 'no address: 2');
is(($w->ctl('explain', "$w->{dir}/ham.eml", '--to', 'u@good.example', '--frob'))[0], 2, 'no option: 2');

$w->start;
($exit, $text) = $w->ctl('status', '--json');
is($exit, 0, 'status');
my $status = eval { decode_json($text) };
ok($status, 'is one JSON document') or diag($text);
($exit, $text) = $w->ctl('explain', '--json', "$w->{dir}/ham.eml", '--to', 'u@good.example');
is((Winnow::Instance::json_lines($text))[0]{generation}, $status->{snapshot}{generation},
    'explain names the generation that is published');
like((($w->ctl('status'))[1]), qr/winnow-smtp.*winnow-queue/s, 'names the programs');

($exit, $text) = $w->ctl('domain', 'list');
like($text, qr/^good\.example .*^walled\.example/ms, 'domain list');
($exit, $text) = $w->ctl('domain', 'show', 'walled.example');
is($exit, 0, 'domain show');
like($text, qr{^servers\s+127\.0\.0\.1:\d+\s+.*domains\.d/walled\.example\.conf:\d+}m, 'where a value comes from');
like($text, qr{1\. firewall .*conf\.d/10-firewall\.conf:1}, 'of the chain too');
like($text, qr{action\.text = no\s+.*domains\.d/walled\.example\.conf:\d+}, 'and of an option');
like($text, qr{phrases = \.\./phrases\.txt\s+conf\.d/30-phrase\.conf:3}, "and of conf.d's");
like($text, qr/IN MX 5 .*IN MX 6 .*IN MX 10 YOUR-OWN-SERVER\..*IN MX 20 /s, 'MX records, sandwich');
like($text, qr/ip saddr \{ 192\.0\.2\.10, 192\.0\.2\.11 \} tcp dport 25 accept/, 'nftables lines');
is(($w->ctl('domain', 'show', 'none.example'))[0], 1, 'no such domain: 1');
($exit, $text) = $w->ctl('domain', 'show', 'walled.example', '--json');
ok(eval { decode_json($text) }, 'as JSON') or diag($text);
for my $line (split /\n/, ($w->ctl('plugin', 'list', '--json'))[1]) {
    ok(eval { decode_json($line) }, 'plugin list as JSON lines') or diag($line);
}

my $http = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $metrics_port);
print $http "GET /metrics HTTP/1.0\r\n\r\n";
$text = join '', <$http>;
like($text, qr/^HTTP\/1\.[01] 200/, 'metrics over HTTP');
like($text, qr/^winnow_snapshot_generation [1-9]/m, 'with the generation');
like($text, qr/^# TYPE winnow_messages_total counter/m, 'and types');
$http = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $metrics_port);
print $http "GET /readyz HTTP/1.0\r\n\r\n";
like(join('', <$http>), qr/^HTTP\/1\.[01] 200/, 'ready');

# Every line of the log is one event, whatever a client says.
$w->smtp(helo => "x\\\"}\x{e9}")->mail(from => "\"a\\\"b{}\"\@x.test", to => 'u@good.example',
    message => "Subject: x\n\nx\n");
ok($w->wait_drained, 'drained');
is(($w->ctl('stop'))[0], 0, 'stop');
ok(Winnow::Instance::wait_for(sub { waitpid($w->{winnowd}, 1) != 0 }), 'it stops');
my @bad = grep { !eval { decode_json($_); 1 } } split /\n/, Winnow::Instance::slurp($w->{log});
is(scalar @bad, 0, 'every line of the log is a JSON object') or diag(@bad);
done_testing;
