#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What plugins cannot reach: a filter tries it and tells how that went.

use strict;
use warnings;
use v5.32;

use IO::Socket::UNIX;
use Test::More;
use Winnow::Instance;

my $metrics_port = Winnow::Instance::free_port();
my $w = Winnow::Instance->new(
    plugins => 'plugins',
    workers => 1,
    server  => "sandbox = require\nmetrics = 127.0.0.1:$metrics_port\ntls_certificate = tls/cert.pem\ntls_key = tls/key.pem\n",
    conf    => "\n[mariadb]\npassword_file = certs/other.key\n",
    filters => { '50-probe' => "[filter probe]\nplugin = misbehave\nhow = probe\naction = reject\naction.text = %e\n" },
    domains => { 'good.example' => {} },
);
my $dir = $w->{dir};
my $build = Winnow::Instance::build();
mkdir "$dir/$_", 0755 for qw(plugins tls);
system('cp', glob("$build/plugins/modules/*.so"), "$build/t/misbehaving/.libs/misbehave.so",
    "$dir/plugins") == 0 or BAIL_OUT('no plugins');
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    . "-subj /CN=relay.test -keyout $dir/tls/key.pem -out $dir/tls/cert.pem 2>/dev/null") == 0
    or BAIL_OUT('no certificate');
Winnow::Instance::spew("$dir/password", "secret\n");
mkdir "$dir/certs", 0755;
Winnow::Instance::spew("$dir/certs/$_", "secret\n") for qw(other.key ca.pem);
$ENV{SSL_CERT_DIR} = "$dir/certs";
Winnow::Instance::spew("$dir/listed", "x\n");

my ($exit, $text) = $w->ctl('check');
if ($exit != 0 && $text =~ /sandbox = require cannot be/) {
    like($text, qr/winnow\.conf:\d+: .*kernel/, 'a kernel that cannot do it is named');
    plan skip_all => 'this kernel has no Landlock';
}
$w->start;
my ($pid) = @{ $w->children->{'winnow-filter'} };
my ($smtp) = @{ $w->children->{'winnow-smtp'} };

sub probe {
    my ($what) = @_;
    return $w->smtp->mail(from => 'a@b.test', to => 'u@good.example',
        message => "Subject: misbehave $what\n\nx\n");
}

sub metrics {
    my $http = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $metrics_port, Timeout => 5) or return '';
    print $http "GET /metrics HTTP/1.0\r\n\r\n";
    local $/;
    return scalar(<$http>) =~ s/\r//gr;
}

my @refused = (
    [ 'read',     "$dir/tls/key.pem", 'the TLS key' ],
    [ 'read',     "$dir/password", 'the password of the database' ],
    [ 'read',     "$dir/winnow.conf", 'the configuration' ],
    [ 'read',     "$dir/domains.d/good.example.conf", 'the domains' ],
    [ 'read',     "$dir/conf.d/50-probe.conf", 'the settings of other filters' ],
    [ 'read',     '/etc/shadow', 'the passwords of the machine' ],
    [ 'read',     "/proc/$smtp/environ", 'another process' ],
    [ 'list',     "$dir/spool", 'the spool' ],
    [ 'list',     "$dir/run", 'the sockets' ],
    [ 'list',     '/home', 'homes' ],
    [ 'write',    "$dir/spool/x", 'writing to the spool' ],
    [ 'write',    "$dir/plugins/x.so", 'making a plugin' ],
    [ 'write',    "$dir/state/snapshots/x", 'writing to the snapshots' ],
    [ 'write',    '/tmp/winnow-probe', 'writing to /tmp' ],
    [ 'remove',   "$dir/plugins/misbehave.so", 'removing itself' ],
    [ 'truncate', "$dir/plugins/misbehave.so", 'cutting itself off' ],
    [ 'chmod',    "$dir/plugins/misbehave.so", 'changing modes' ],
    [ 'link',     "$dir/plugins/link", 'making a link' ],
    [ 'exec',     '/bin/true', 'starting a program' ],
    [ 'kill',     $smtp, 'a signal to its winnow-smtp' ],
    [ 'kill',     $w->{winnowd}, 'a signal to winnowd' ],
    [ 'ptrace',   $smtp, 'looking into its winnow-smtp' ],
    [ 'mount',    "$dir/spool", 'mounting' ],
    [ 'ask', "$dir/run/control", 'asking winnowd' ],
    [ 'ask', "$dir/run/queue-control", 'asking winnow-queue' ],
    [ 'dial_packets', "$dir/run/queue", 'telling winnow-queue what is durable' ],
    [ 'read', "$dir/certs/other.key", 'the password, though it lies in a folder that is allowed' ],
    [ 'list', '/etc/ssl', 'a folder where keys lie beside certificates' ],
    [ 'setown', $smtp, 'a signal that the kernel sends to its winnow-smtp' ],
    [ 'fiosetown', $smtp, '... by another name' ],
    [ 'setsig', '', 'a choice of the signal' ],
    [ 'region', 'winnow-counts', 'the table of connections' ],
    map { [ $_, '', $_ ] } qw(fork setuid unshare bpf keyctl perf userfault uring limit dumpable
        listen packet),
);
for my $case (@refused) {
    my ($verb, $argument, $name) = @$case;
    like(probe("$verb $argument"), qr/^550 \S+ \Q$verb\E: (?:Permission denied|Operation not permitted|Connection reset by peer|Broken pipe|Address family not supported)/,
        "not allowed: $name");
}
like(probe("read $dir/certs/ca.pem"), qr/^550 \S+ read: done/, 'allowed: what else lies there');
like(probe('list /etc/ssl/certs'), qr/^550 \S+ list: (?:done|No such file)/, 'allowed: certificates');
like(probe('read /usr/share/zoneinfo/UTC'), qr/^550 \S+ read: (?:done|No such file)/, 'allowed: what libraries read');
like(probe("kill $pid"), qr/^550 \S+ kill: done/, 'allowed: a signal to itself');
like(probe("list $dir/plugins"), qr/^550 \S+ list: done/, 'allowed: its own folder');
my $service = IO::Socket::UNIX->new(Local => "$dir/service", Listen => 5) or die $!;
like(probe("dial_stream $dir/service"), qr/^550 \S+ dial_stream: done/, 'allowed: a service of this machine');
is(($w->ctl('queue', 'list'))[0], 0, 'winnowctl is no plugin: the queue answers');
is_deeply($w->children->{'winnow-filter'}, [$pid], 'and it still is the same process');
ok(!-e '/tmp/winnow-probe', 'nothing was written');

($exit, $text) = $w->ctl('status');
like($text, qr/^sandbox +require: no new privileges, no dumps, Landlock \d+, system calls of plugins filtered/m,
    'status tells what is in force');
for my $program (qw(winnow-smtp winnow-filter winnow-queue winnow-sync)) {
    my ($one) = @{ $w->children->{$program} };
    my $status = Winnow::Instance::slurp("/proc/$one/status");
    like($status, qr/^NoNewPrivs:\s*1/m, "$program: no new privileges");
    like($status, qr/^Seccomp:\s*2/m, "$program: system calls are filtered") if $program eq 'winnow-filter';
    like(Winnow::Instance::slurp("/proc/$one/limits"), qr/^Max core file size\s+0\s+0/m, "$program: no core dumps");
}

# What a plugin does to the metrics of its program stays there.
my ($before) = metrics() =~ /^winnow_messages_total\{result="rejected"\} (\d+)$/m;
like(probe('wipe winnow-metrics'), qr/^550 \S+ wipe: done/, 'a plugin wipes out the metrics it can write');
$text = metrics();
like($text, qr/^winnow_messages_total\{result="rejected"\} @{[ $before + 1 ]}$/m, 'what others have counted is whole');
unlike($text, qr/[^\x0a\x20-\x7e]/, 'what it wrote there is not shown');
kill KILL => $pid;
Winnow::Instance::wait_for(sub { my ($now) = @{ $w->children->{'winnow-filter'} // [] }; $now && $now != $pid },
    20) or fail('winnow-filter is there again');
like(probe('read /etc/shadow'), qr/^550 /, 'the next winnow-filter starts and works');
like(metrics(), qr/^winnow_filter_seconds_count\{[^}]*filter="probe"[^}]*\} [1-9]/m,
    '... and counts');
($pid) = @{ $w->children->{'winnow-filter'} };

# winnow-check tries plugins out before anybody trusts them.
for my $case (
    [ 'read',         "$dir/tls/key.pem", 'the TLS key' ],
    [ 'read',         '/etc/shadow', 'the passwords of the machine' ],
    [ 'list',         "$dir/spool", 'the spool' ],
    [ 'list',         "$dir/run", 'the sockets' ],
    [ 'write',        "$dir/state/x", 'writing to the state' ],
    [ 'write',        "$dir/plugins/x.so", 'making a plugin' ],
    [ 'fork',         '', 'a process' ],
    [ 'exec',         '/bin/true', 'starting a program' ],
    [ 'ask',          "$dir/run/control", 'asking winnowd' ],
    [ 'ask',          "$dir/run/queue-control", 'asking winnow-queue' ],
    [ 'dial_stream',  "$dir/service", 'a service of this machine' ],
    [ 'dial_packets', "$dir/run/queue", 'telling winnow-queue what is durable' ],
) {
    my ($verb, $argument, $name) = @$case;
    $w->snippet('60-tried', "[filter tried]\nplugin = misbehave\nenabled = false\nhow = check $verb $argument\n");
    like(($w->ctl('check'))[1], qr/does not start: \Q$verb\E: (?:Permission denied|Operation not permitted)/,
        "not allowed in winnow-check: $name");
}
$w->snippet('60-tried', "[filter tried]\nplugin = misbehave\nenabled = false\nhow = check read $dir/listed\n");
like(($w->ctl('check'))[1], qr/does not start: read: done/, 'allowed in winnow-check: a list');
Winnow::Instance::spew("$dir/tls/words", "x\n");
for my $case (
    [ "$dir/tls/key.pem", qr/60-tried\.conf:4: .*cannot read \S+key\.pem: it belongs to tls_key; put it elsewhere/, 'a key' ],
    [ "$dir/tls", qr/60-tried\.conf:4: .*cannot read the folder \S+tls: it holds tls_key; move one of them/, 'a folder with a key' ],
    [ "$dir/tls/words", qr/\Aok\n\z/, 'a file beside it is no matter' ],
) {
    my ($path, $said, $name) = @$case;
    $w->snippet('60-tried', "[filter tried]\nplugin = misbehave\nenabled = false\nhow = nap $path\n");
    like(($w->ctl('check'))[1], $said, "check tells of an option that names $name");
}
Winnow::Instance::spew("$dir/winnow.conf",
    Winnow::Instance::slurp("$dir/winnow.conf") =~ s{certs/other\.key}{plugins/other.key}r);
Winnow::Instance::spew("$dir/plugins/other.key", "secret\n");
($exit, $text) = $w->ctl('check');
is($exit, 1, 'a secret in the folder of the plugins is refused');
like($text, qr/password_file lies in \S+plugins, which plugins read; move it/, '... and the cure told');
Winnow::Instance::spew("$dir/winnow.conf",
    Winnow::Instance::slurp("$dir/winnow.conf") =~ s{plugins/other\.key}{certs/other.key}r);
$w->remove_snippet('60-tried');
is(($w->ctl('check'))[0], 0, 'without it all is well');

# What is allowed still works under load of all kinds.
like($w->smtp->mail(from => 'a@b.test', to => 'u@good.example', message => "Subject: x\n\nx\n"),
    qr/^250/, 'mail passes');
is(scalar $w->wait_received(1), 1, '... and arrives');
is(($w->ctl('reload'))[0], 0, 'reload');
is(($w->ctl('sync', '--force'))[0], 0, 'sync');
Winnow::Instance::spew("$dir/winnow.conf",
    Winnow::Instance::slurp("$dir/winnow.conf") =~ s/sandbox = require/sandbox = off/r);
is(($w->ctl('reload'))[0], 0, 'sandbox = off');
like(($w->ctl('status'))[1], qr/^sandbox +off: .*no Landlock.*not filtered/m, '... and status says so');
is($w->stop, 0, 'stops cleanly');
done_testing;
