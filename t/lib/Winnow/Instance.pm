# SPDX-License-Identifier: MIT
package Winnow::Instance;

# A winnow of a test's own: a temporary folder with configuration, spool and
# state, the real programs from the build tree on free loopback ports, and sinks
# behind it.  Everything ends with the object.
#
#   my $w = Winnow::Instance->new(
#       domains => { 'good.example' => { servers => 'SINK' } },
#       filters => { '30-phrase' => "[filter phrase]\n..." },
#   );
#   $w->start;
#   my $smtp = $w->smtp;

use strict;
use warnings;
use v5.32;

use Cwd qw(abs_path);
use File::Path qw(make_path);
use File::Temp;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Winnow::Smtp;

sub build  { $ENV{WN_BUILD}  // abs_path('build') }
sub source { $ENV{WN_SOURCE} // abs_path('.') }

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return undef;
    local $/;
    return scalar <$in>;
}

sub spew {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
}

# A port nobody uses now.  Below those that the kernel gives to clients, and each
# test process looks in a stretch of its own, so that two tests which run side
# by side do not pick the same one before either listens there.
sub free_port {
    state $next = $$ * 97;

    for (1 .. 1000) {
        my $port = 10000 + $next++ % 22000;
        my $socket = IO::Socket::INET->new(
            Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1);
        return $port if $socket;
    }
    die "no free port: $!";
}

# Polls until the condition holds; its value, or undef after the time.
sub wait_for {
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds // 20);

    while (1) {
        my $value = $condition->();
        return $value if $value;
        return undef if time > $end;
        sleep 0.02;
    }
}

sub new {
    my ($class, %option) = @_;
    my $self = bless {
        port    => free_port(),
        sinks   => {},
        pids    => {},
        option  => \%option,
        read_to => 0,
        events  => [],
        owner   => $$,
    }, $class;

    $self->{folder} = File::Temp->newdir('winnow-test-XXXXXX', TMPDIR => 1);
    $self->{dir} = "$self->{folder}";
    chmod 0755, $self->{dir};
    $self->{log} = "$self->{dir}/log";
    make_path(map {"$self->{dir}/$_"} qw(conf.d domains.d spool state run));
    $self->write_config;
    return $self;
}

sub write_config {
    my ($self) = @_;
    my $option = $self->{option};
    my $dir = $self->{dir};
    my $modules = $option->{plugins} // build() . '/plugins/modules';
    my $server = $option->{server} // '';
    my $more = $option->{conf} // '';

    # Small, since many of them exist at once.
    $server .= "\n" if length $server && $server !~ /\n\z/;
    $server .= "history = 1M\n" unless $server =~ /^history =/m;

    spew("$dir/winnow.conf", <<"END");
[server]
hostname = relay.test
listen = 127.0.0.1:$self->{port}
workers = @{[$option->{workers} // 2]}
spool = spool
state = state
run = run
plugins = $modules
$server
log = json
[limits]
max_connections_per_client = 1000
min_free_space = 1M
@{[$option->{limits} // '']}
[dns]
servers = 127.0.0.1:@{[$option->{dns_port} // free_port()]}

[delivery]
retry = @{[$option->{retry} // '1s']}
$more
END
    $self->snippet($_, $option->{filters}{$_}) for keys %{ $option->{filters} // {} };
    $self->domain($_, $option->{domains}{$_}) for keys %{ $option->{domains} // {} };
}

sub snippet {
    my ($self, $name, $text) = @_;
    spew("$self->{dir}/conf.d/$name.conf", $text);
}

sub remove_snippet {
    my ($self, $name) = @_;
    unlink "$self->{dir}/conf.d/$name.conf";
}

# A domain file.  servers => 'SINK' or 'SINK:name' is the address of a sink that
# is started on demand; other keys are written as they are; filters of the
# domain stand in {filter}{NAME}.
sub domain {
    my ($self, $name, $setting) = @_;
    my %key = %$setting;
    my $filters = delete $key{filter} // {};
    my $mailboxes = delete $key{mailbox_list};
    my $text = "[domain $name]\n";

    $key{servers} //= 'SINK';
    $key{servers} =~ s/SINK(?::(\w+))?/$self->sink_address($1 \/\/ 'default')/ge;
    $text .= "$_ = $key{$_}\n" for sort keys %key;
    for my $filter (sort keys %$filters) {
        $text .= "\n[filter $filter]\n";
        $text .= "$_ = $filters->{$filter}{$_}\n"
            for sort keys %{ $filters->{$filter} };
    }
    spew("$self->{dir}/domains.d/$name.conf", $text);
    spew("$self->{dir}/domains.d/$name.mailboxes", join '', map {"$_\n"} @$mailboxes)
        if $mailboxes;
}

# winnowctl sink behind the relay.
sub sink_address {
    my ($self, $name) = @_;
    $self->start_sink($name) unless $self->{sinks}{$name};
    return "127.0.0.1:$self->{sinks}{$name}{port}";
}

sub start_sink {
    my ($self, $name) = @_;
    my $sink = $self->{sinks}{$name} //= { port => free_port(),
        dir => "$self->{dir}/sink-$name" };

    $sink->{pid} = $self->spawn("$self->{dir}/sink-$name.log",
        build() . '/winnowctl', 'sink', '--listen', "127.0.0.1:$sink->{port}",
        '--dir', $sink->{dir});
    wait_for(sub { port_answers($sink->{port}) }, 20)
        or die "sink $name does not start";
}

sub stop_sink {
    my ($self, $name) = @_;
    my $pid = delete $self->{sinks}{$name}{pid} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
    delete $self->{pids}{$pid};
}

sub port_answers {
    my ($port) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 1);
    return defined $socket;
}

sub spawn {
    my ($self, $log, @command) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $log or die;
        open STDERR, '>>', $log or die;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    $self->{pids}{$pid} = 1;
    return $pid;
}

# Starts winnowd and waits until it serves.
sub start {
    my ($self, %option) = @_;

    $self->{n_ready} = () = $self->events('ready');
    $self->{wrapped} = defined $option{wrap};
    $self->{winnowd} = $self->spawn($self->{log},
        @{ $option{wrap} // [] },
        build() . '/winnowd', '-c', "$self->{dir}/winnow.conf");
    return $self if $option{no_wait};
    $self->wait_ready or die "winnowd does not start:\n" . slurp($self->{log});
    return $self;
}

# Ready for this start: an earlier one has its event in the same log.
sub wait_ready {
    my ($self) = @_;
    return wait_for(sub { (() = $self->events('ready')) > ($self->{n_ready} // 0) }, 60);
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{winnowd} or return 0;

    # A tracer around winnowd would end and leave it behind.
    if ($self->{wrapped}) { $self->ctl('stop') } else { kill TERM => $pid }
    wait_for(sub { waitpid($pid, WNOHANG) != 0 }, 70)
        or do { kill KILL => $pid; waitpid $pid, 0; return -1 };
    delete $self->{pids}{$pid};
    return $? >> 8;
}

sub kill_hard {
    my ($self) = @_;
    my $pid = delete $self->{winnowd} or return;
    kill KILL => $pid;
    waitpid $pid, 0;
    delete $self->{pids}{$pid};
}

sub smtp {
    my ($self, %option) = @_;
    return Winnow::Smtp->new(port => $self->{port}, %option);
}

# winnowctl: exit status and output.
sub ctl {
    my ($self, @words) = @_;
    my $pid = open my $out, '-|';

    defined $pid or die "fork: $!";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec build() . '/winnowctl', '-c', "$self->{dir}/winnow.conf", @words
            or POSIX::_exit(127);
    }
    local $/;
    my $text = <$out> // '';
    close $out;
    return ($? >> 8, $text);
}

sub json_lines {
    my ($text) = @_;
    return map { decode_json($_) } grep { /^\{/ } split /\n/, $text;
}

# Events of the log so far.
sub events {
    my ($self, $name) = @_;

    if (open my $in, '<:raw', $self->{log}) {
        seek $in, $self->{read_to}, 0;
        while (my $line = <$in>) {
            last unless $line =~ /\n\z/;
            $self->{read_to} += length $line;
            next unless $line =~ /^\{/;
            my $event = eval { decode_json($line) };
            push @{ $self->{events} }, $event if $event;
        }
    }
    return grep { !defined $name || $_->{event} eq $name } @{ $self->{events} };
}

sub wait_event {
    my ($self, $name, $filter, $seconds) = @_;
    return wait_for(
        sub {
            my ($found) = grep { $filter->($_) } $self->events($name);
            return $found;
        },
        $seconds);
}

# Messages in a sink: list of { id, envelope, message }.
sub received {
    my ($self, $name) = @_;
    my $dir = $self->{sinks}{ $name // 'default' }{dir};
    my @found;

    for my $path (sort glob "$dir/*.eml") {
        my $message = slurp($path);
        my $json = slurp($path =~ s/eml$/json/r);
        push @found, { path => $path, message => $message,
            envelope => decode_json($json) };
    }
    return @found;
}

sub n_received {
    my ($self, $name) = @_;
    my $dir = $self->{sinks}{ $name // 'default' }{dir};
    my @files = glob "$dir/*.eml";
    return scalar @files;
}

sub wait_received {
    my ($self, $n, $name, $seconds) = @_;
    wait_for(sub { $self->n_received($name) >= $n }, $seconds // 20);
    return $self->received($name);
}

# Nothing is left to be delivered.  The queue must say so for longer than it
# takes a queue that was started again to look for what nobody told it of.
sub wait_drained {
    my ($self, $seconds) = @_;
    my $since;
    return wait_for(
        sub {
            my ($exit, $text) = $self->ctl('queue', 'list', '--json');
            return $since = undef if $exit != 0 || $text =~ /\S/;
            $since //= time;
            return time - $since > 1.2;
        },
        $seconds // 30);
}

# Process ids of winnowd's children by program name.
sub children {
    my ($self) = @_;
    my %found;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = slurp($stat) // next;
        my ($pid, $name, $parent) = $text =~ /^(\d+) \((.*)\) \S (\d+)/ or next;
        next unless $parent == ($self->{winnowd} // -1);
        my $command = slurp("/proc/$pid/cmdline") // next;
        my ($program) = $command =~ m{([^/\0]+)\0};
        push @{ $found{ $program // $name } }, $pid;
    }
    return \%found;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $!, $@);
    $self->stop;
    for my $pid (keys %{ $self->{pids} }) {
        kill KILL => $pid;
        waitpid $pid, 0;
    }
}

1;
