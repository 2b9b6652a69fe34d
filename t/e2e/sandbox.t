#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What plugins cannot reach: a filter tries it and tells how that went.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    plugins => 'plugins',
    workers => 1,
    server  => "sandbox = require\ntls_certificate = tls/cert.pem\ntls_key = tls/key.pem\n",
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
    map { [ $_, '', $_ ] } qw(fork setuid unshare bpf keyctl perf userfault uring limit dumpable
        listen packet),
);
for my $case (@refused) {
    my ($verb, $argument, $name) = @$case;
    like(probe("$verb $argument"), qr/^550 \S+ \Q$verb\E: (?:Permission denied|Operation not permitted|Address family not supported)/,
        "not allowed: $name");
}
like(probe('read /usr/share/zoneinfo/UTC'), qr/^550 \S+ read: (?:done|No such file)/, 'allowed: what libraries read');
like(probe("kill $pid"), qr/^550 \S+ kill: done/, 'allowed: a signal to itself');
like(probe("list $dir/plugins"), qr/^550 \S+ list: done/, 'allowed: its own folder');
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
