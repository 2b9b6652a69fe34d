#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The spool's disk gives errors (injected with strace): reading, noting and
# deleting fail for one segment.  It is named in the log, other mail flows,
# nothing is lost or set aside as damaged, and all comes right when the disk
# does.

use strict;
use warnings;
use v5.32;

use Test::More;
use Time::HiRes qw(sleep);
use Winnow::Instance;

my $strace = (grep { -x } map {"$_/strace"} split /:/, $ENV{PATH})[0];
plan skip_all => 'no strace here' unless $strace;

my $w = Winnow::Instance->new(workers => 1, retry => '2s; 2s', domains => {
    'good.example' => {},
    'away.example' => { servers => 'SINK:away' },
});
my $spool = "$w->{dir}/spool";
my $tracer;
END { local $?; kill TERM => $tracer if $tracer; $w->stop if $w }

sub mail {
    my ($to) = @_;
    my $reply = $w->smtp->mail(from => 'a@b.test', to => $to, message => "Subject: x\n\nx\n");
    return $reply =~ /^250 .*queued as (\w+)/ ? $1 : die $reply;
}
sub within { my ($what, $seconds) = @_; return Winnow::Instance::wait_for($what, $seconds // 30) }
sub log_says { my ($pattern) = @_; return within(sub { Winnow::Instance::slurp($w->{log}) =~ $pattern }) }

# Faults of these calls on these files, in what winnowd starts from now on and
# in the queue that runs.
sub inject {
    my ($calls, $error, @files) = @_;
    my @pids = (@{ $w->children->{'winnow-queue'} }, $w->{winnowd});
    my $log = "$w->{dir}/strace";
    unlink $log;
    $tracer = fork // die;
    if ($tracer == 0) {
        open STDERR, '>', "$w->{dir}/strace-errors";
        exec $strace, '-f', '-q', '-o', $log, (map { ('-P', $_) } @files), '-e', "trace=$calls",
            '-e', "inject=$calls:error=$error", map { ('-p', $_) } @pids;
    }
    return within(sub {
        my $n = grep { (Winnow::Instance::slurp("/proc/$_/status") // '') =~ /^TracerPid:\s+$tracer$/m } @pids;
        return $n == @pids || waitpid($tracer, 1) > 0;
    }, 10) && kill 0 => $tracer;
}
sub mend { kill TERM => $tracer; waitpid $tracer, 0; undef $tracer; return 1 }
sub restart_queue {
    my ($old) = @{ $w->children->{'winnow-queue'} };
    kill KILL => $old;
    within(sub { my ($new) = @{ $w->children->{'winnow-queue'} // [] }; $new && $new != $old });
}
sub segment { my ($name) = grep { !/queue-/ } glob "$spool/*.seg"; return $name }

$w->stop_sink('away');
$w->start;
my $id = mail('u@away.example');
ok($w->wait_event('deferred', sub { $_[0]{id} eq $id }), 'a message waits');
my $segment = segment();
my $name = $segment =~ s{.*/}{}r;
my $outcomes = $segment =~ s/seg$/out/r;
if (!inject('pread64', 'EIO', $segment)) {
    $w->stop;
    plan skip_all => 'strace may not look at programs here';
}
mend();

# A new worker, hence a new segment: the old one is complete.
my $worker = $w->children->{'winnow-smtp'}[0];
kill KILL => $worker;
within(sub { my $now = $w->children->{'winnow-smtp'}[0]; $now && $now != $worker });
within(sub { defined eval { mail('u@good.example') } });

for my $case (
    [ 'the segment cannot be read', 'pread64', 'EIO', $segment ],
    [ 'it may not be opened', 'openat', 'EACCES', $segment ],
    [ 'its outcomes cannot be read', 'pread64', 'EIO', $outcomes ],
    [ 'they may not be opened', 'openat', 'EACCES', $outcomes ],
) {
    my ($what, $calls, $error, $file) = @$case;
    my $before = $w->n_received('default');
    my $short = $file =~ s{.*/}{}r;
    ok(inject($calls, $error, $file), $what);
    unlink "$w->{dir}/mark";
    my $from = -s $w->{log};
    restart_queue();
    ok(within(sub { substr(Winnow::Instance::slurp($w->{log}), $from) =~ /"level":"error".*\Q$short\E: cannot (?:read|open)/ }),
        'the log names it') or diag(substr(Winnow::Instance::slurp($w->{log}), $from));
    mail('u@good.example');
    ok(within(sub { $w->n_received('default') > $before }), 'other mail flows');
    ok(-e $segment && !-e "$spool/damaged/$name", 'it is where it was');
    mend();
    ok(within(sub { ($w->ctl('queue', 'list', '--domain', 'away.example'))[1] =~ /\Q$id\E/ }),
        'it is in the queue again by itself');
}

# What was delivered cannot be noted, then its segment cannot be deleted.
ok(inject('pwrite64,pwritev,unlink', 'EIO', $segment, $outcomes), 'writing and deleting fail');
$w->start_sink('away');
$w->ctl('queue', 'retry', $id);
ok(within(sub { $w->n_received('away') == 1 }), 'the message is delivered');
ok(log_says(qr/cannot write outcomes: \S*\Q$outcomes\E: cannot write/), 'the log says that this cannot be noted');
mend();
ok(inject('unlink', 'EACCES', $segment, $outcomes), 'only deleting fails');
ok(log_says(qr/cannot remove a segment: \S*\Q$segment\E/), 'the log says that it cannot be deleted');
my $before = $w->n_received('default');
mail('u@good.example');
ok(within(sub { $w->n_received('default') > $before }), 'other mail flows');
mend();
ok(within(sub { !-e $segment && !-e $outcomes }), 'both files go when they can');
restart_queue();
mail('u@good.example');
ok(within(sub { $w->n_received('default') > $before + 1 }), 'a new queue works');
is($w->n_received('away'), 1, 'nothing was delivered twice');
ok(!-e "$spool/damaged/$name", 'nothing was set aside');
is($w->stop, 0, 'stops');
done_testing;
