# SPDX-License-Identifier: MIT
package Winnow::Mariadb;

# A MariaDB server of a test's own: the real one, in a temporary folder, on a
# socket of its own and, where asked for, on a free port of 127.0.0.1.  Everything
# ends with the object.  Several may run side by side.
#
#   my $db = Winnow::Mariadb->new(tcp => 1, tls => { cert => ..., key => ... });
#   my $rows = $db->rows('SELECT name, enabled FROM winnow.domain');

use strict;
use warnings;
use v5.32;

use File::Path qw(make_path);
use File::Temp;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Winnow::Instance;

sub find {
    my ($name) = @_;
    for my $folder (split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/usr/local/sbin') {
        return "$folder/$name" if -x "$folder/$name";
    }
    return undef;
}

# Whether a server is installed; a test without one is skipped.
sub available { return find('mariadbd') && find('mariadb-install-db') && find('mariadb') }

# root => password of root@127.0.0.1 for connections by TCP.
sub new {
    my ($class, %option) = @_;
    my $self = bless { option => \%option, owner => $$ }, $class;

    $self->{folder} = File::Temp->newdir('winnow-db-XXXXXX', TMPDIR => 1);
    $self->{dir} = "$self->{folder}";
    $self->{socket} = "$self->{dir}/sock";
    $self->{log} = "$self->{dir}/error.log";
    $self->{general} = "$self->{dir}/general.log";
    $self->{port} = Winnow::Instance::free_port() if $option{tcp};
    make_path("$self->{dir}/tmp");
    $self->install;
    $self->start;
    return $self;
}

# The server refuses to run as root unless told to.
sub user { return $> == 0 ? ('--user=root') : () }

sub install {
    my ($self) = @_;
    my $said = qx(@{[find('mariadb-install-db')]} --no-defaults @{[user()]} \\
        --datadir=$self->{dir}/data --auth-root-authentication-method=normal \\
        --skip-test-db --innodb-log-file-size=16M --innodb-buffer-pool-size=16M 2>&1);
    die "mariadb-install-db: $said" if $?;
}

sub start {
    my ($self, @more) = @_;
    my $option = $self->{option};
    my @command = (find('mariadbd'), '--no-defaults', user(),
        "--datadir=$self->{dir}/data", "--socket=$self->{socket}",
        "--pid-file=$self->{dir}/pid", "--log-error=$self->{log}",
        "--tmpdir=$self->{dir}/tmp",
        '--innodb-buffer-pool-size=' . ($option->{pool} // '64M'),
        '--innodb-log-file-size=' . ($option->{redo} // '64M'),
        '--innodb-flush-log-at-trx-commit=0', '--innodb-flush-method=nosync',
        '--innodb-fast-shutdown=2', '--key-buffer-size=1M', '--aria-pagecache-buffer-size=1M',
        '--performance-schema=OFF', '--skip-log-bin', '--skip-name-resolve',
        '--character-set-server=latin1', '--max-allowed-packet=64M',
        @{ $option->{server} // [] }, @more);

    push @command, $self->{port}
        ? ("--port=$self->{port}", '--bind-address=127.0.0.1') : ('--skip-networking');
    push @command, "--ssl-cert=$option->{tls}{cert}", "--ssl-key=$option->{tls}{key}",
        "--ssl-ca=$option->{tls}{ca}"
        if $option->{tls};
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log};
        open STDERR, '>>', $self->{log};
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    Winnow::Instance::wait_for(sub { $self->answers || $self->dead }, 60);
    die "mariadbd does not start:\n" . (Winnow::Instance::slurp($self->{log}) // '')
        if !$self->{pid} || !$self->answers;
    return $self;
}

sub answers {
    my ($self) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $self->{socket}) or return 0;
    my $greeting;
    return defined sysread($socket, $greeting, 5) && length $greeting;
}

sub dead {
    my ($self) = @_;
    return 1 unless $self->{pid};
    return 0 if waitpid($self->{pid}, WNOHANG) == 0;
    delete $self->{pid};
    return 1;
}

sub end {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;

    kill CONT => $pid;
    kill $signal => $pid;
    waitpid $pid, 0;
    unlink $self->{socket};
}

sub stop      { $_[0]->end('TERM') }
sub kill_hard { $_[0]->end('KILL') }
sub pause     { kill STOP => $_[0]{pid} }
sub resume    { kill CONT => $_[0]{pid} }

# For [mariadb] hosts.
sub host     { return "unix:$_[0]{socket}" }
sub tcp_host { return "127.0.0.1:$_[0]{port}" }

# The mariadb client: exit status and what it printed, tab-separated and without
# the names of the columns.  The SQL goes through standard input.
sub sql {
    my ($self, $sql, %option) = @_;
    my $in = File::Temp->new;
    my @who = ('-u', $option{user} // 'root');

    print $in $sql;
    close $in;
    push @who, "--password=$option{password}" if defined $option{password};
    my $pid = open(my $out, '-|') // die "fork: $!";
    if ($pid == 0) {
        open STDIN, '<', "$in";
        open STDERR, '>&', \*STDOUT;
        exec find('mariadb'), '--no-defaults', "--socket=$self->{socket}", @who,
            '--default-character-set=utf8mb4', '--batch', '--skip-column-names',
            $option{database} // () or POSIX::_exit(127);
    }
    local $/;
    my $text = <$out> // '';
    close $out;
    return ($? >> 8, $text);
}

# As sql(), dies of an error.
sub run {
    my ($self, $sql, %option) = @_;
    my ($status, $text) = $self->sql($sql, database => 'winnow', %option);
    die "$sql: $text" if $status != 0;
    return $text;
}

# [ [column, ...], ... ]
sub rows {
    my ($self, $sql) = @_;
    return [ map { [ split /\t/, $_, -1 ] } split /\n/, $self->run($sql) ];
}

sub value {
    my ($self, $sql) = @_;
    my $text = $self->run($sql);
    chomp $text;
    return $text;
}

# Every statement from now on, as the server saw it.
sub record {
    my ($self) = @_;
    $self->run("SET GLOBAL general_log_file = '$self->{general}';"
            . " SET GLOBAL log_output = 'FILE'; SET GLOBAL general_log = 1", database => 'mysql');
}

sub recorded { return Winnow::Instance::slurp($_[0]{general}) // '' }

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    $self->end('KILL') if $self->{owner} == $$;
}

1;
