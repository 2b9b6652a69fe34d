#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "rspamd" with real mail and a real rspamd without a network.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Examples;

my $rspamd = Winnow::Examples::program('rspamd');
plan skip_all => 'rspamd is not installed' unless $rspamd;

my $port = Winnow::Instance::free_port();
my $dns = Winnow::Instance::free_port();
my $w = Winnow::Examples::instance(
    plugins => ['rspamd'],
    workers => 1,
    filters => { '25-rspamd' => "[filter rspamd]\nserver = 127.0.0.1:$port\naction = reject\n"
        . "action.text = rspamd: %e\non_error = tempfail\nmatch = reject\n" },
    domains => {
        'good.example' => {},
        'mark.example' => { filter => { rspamd => { match => 'reject; add header',
            action => 'modify_subject', 'action.tag' => '[Spam]' } } },
        'quiet.example' => { filter => { rspamd => { add_result => 'false' } } },
    },
);
my $dir = "$w->{dir}/rspamd";
mkdir $dir or die;
Winnow::Instance::spew("$dir/own.lua", <<'END');
local function symbol(name, score, fn)
  rspamd_config:register_symbol{ name = name, score = score, type = 'normal', callback = fn }
end
local function body(task, text)
  return tostring(task:get_content()):find(text, 1, true) ~= nil
end
symbol('OWN_HEAVY', 8.5, function(task) return body(task, 'heavy') end)
symbol('OWN_GREY', 4.25, function(task) return body(task, 'greyish') end)
symbol('OWN_IP', 0.5, function(task) return tostring(task:get_from_ip()) == '127.0.0.77' end)
symbol('OWN_HELO', 0.25, function(task) return task:get_helo() == 'odd.test' end)
symbol('OWN_RCPT', -0.75, function(task)
  local list = task:get_recipients('smtp')
  return list ~= nil and #list == 2 and list[1].addr == 'u@good.example'
end)
symbol('OWN_FROM', 0.125, function(task)
  local from = task:get_from('smtp')
  return from ~= nil and from[1].addr == 'odd@b.test'
end)
END
Winnow::Instance::spew("$dir/rspamd.conf", <<"END");
options {
    filters = "";
    pidfile = "$dir/pid";
    tempdir = "$dir";
    dns { nameserver = ["127.0.0.1:$dns"]; timeout = 0.1s; retransmits = 1; }
    control_socket = "$dir/control mode=0600";
    explicit_modules = [];
    gtube_patterns = "all";
}
logging { type = "console"; level = "info"; }
lua = "$dir/own.lua";
worker "normal" { bind_socket = "127.0.0.1:$port"; count = 1; enabled = true; }
actions { reject = 15; add_header = 6; greylist = 4; }
END

sub start_rspamd {
    my $pid = $w->spawn("$dir/log", $rspamd, '-f', '-i', '-c', "$dir/rspamd.conf");
    return Winnow::Instance::wait_for(sub { Winnow::Instance::port_answers($port) }, 90) && $pid;
}
my $server = start_rspamd()
    or plan skip_all => 'rspamd does not start: ' . (Winnow::Instance::slurp("$dir/log") // '');
# Its children end with the parent, if that ends by itself.
END { kill TERM => $server if $server }
$w->start;

sub mail {
    my ($subject, $body, %more) = @_;
    my $smtp = $w->smtp(%{ delete $more{client} // {} });
    return $smtp->mail(from => 'a@b.test', to => 'u@good.example', %more,
        message => "From: a\@b.test\r\nSubject: $subject\r\n\r\n$body\r\n");
}

my $gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X';
# The port answers before the worker does.
Winnow::Instance::wait_for(sub { mail('first', 'hello') =~ /^250/ }, 60);

like(mail('clean', 'hello'), qr/^250/, 'a clean message');
my $copy = Winnow::Examples::copy_of($w, 'clean');
like($copy, qr{^X-Spamd-Result: default: False \[-?\d+\.\d\d / 15\.00\];}m, 'its copy tells the score');
unlike($copy, qr/^X-Winnow-Match/m, 'and no finding');
like(mail('spam', $gtube), qr/^550 5\.7\.1 rspamd: 15\.00 of 15\.00: GTUBE/, 'the test message for spam');
like(mail('heavy here', 'heavy'), qr/^250/, 'a proposal that does not count');
like($copy = Winnow::Examples::copy_of($w, 'heavy here'), qr/^X-Spamd-Result: default: True .*OWN_HEAVY\(8\.50\)/ms, 'is in the field');
like(mail('heavy there', 'heavy', to => 'u@mark.example'), qr/^250/, 'a domain marks it');
like($copy = Winnow::Examples::copy_of($w, '[Spam] heavy there'), qr/^X-Winnow-Match: filter=rspamd; rule=add-header;\s+evidence="8\.50 of 15\.00: OWN_HEAVY\(8\.50\)/m,
    'with the finding');
like(mail('grey', 'greyish'), qr/^450/, 'greylist is a 450');
like(mail('facts', 'hello', from => 'odd@b.test', to => [ 'u@good.example', 'v@good.example' ],
    client => { from => '127.0.0.77', helo => 'odd.test' }), qr/^250/, 'facts');
$copy = Winnow::Examples::copy_of($w, 'facts');
for my $symbol ('OWN_IP(0.50)', 'OWN_HELO(0.25)', 'OWN_RCPT(-0.75)', 'OWN_FROM(0.12)') {
    like($copy, qr/\Q$symbol\E/, "rspamd knows: $symbol");
}
like(mail('quiet', 'hello', to => 'u@quiet.example'), qr/^250/, 'without a field');
unlike(Winnow::Examples::copy_of($w, 'quiet'), qr/X-Spamd/, 'there is none');
kill TERM => $server;
waitpid $server, 0;
$server = 0;
Winnow::Instance::wait_for(sub { !Winnow::Instance::port_answers($port) }, 10);
like(mail('gone', 'hello'), qr/^451/, 'without rspamd nobody can tell');
$server = start_rspamd();
ok($server, 'rspamd comes back');
ok(Winnow::Instance::wait_for(sub { mail('back', $gtube) =~ /^550/ }, 60), 'and is asked again');
done_testing;
