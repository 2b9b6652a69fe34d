# SPDX-License-Identifier: MIT
package Winnow::EvilSink;

# A receiving server that does wrong what it is told to do wrong.  Where the
# script says nothing it is a good server and keeps every message.
#
#   my $sink = Winnow::EvilSink->new(dir => $dir, script => <<'END');
#   banner conn=1-2: 421 4.3.2 too busy; drop
#   ehlo: offer PIPELINING, SIZE 1000
#   rcpt to=/^bad/: 550 5.1.1 no such user
#   dot msg=1: keep; drop
#   END
#   $sink->port; $sink->messages; $sink->transcript;
#
# Many of them in one process: Winnow::EvilSink->many(dir => $dir, scripts =>
# { name => $script, ... }) gives { name => $sink, ... }, each with a port and
# the folder $dir/name.  They end when the last of them is forgotten.
#
# A line is WHERE [SELECTOR ...]: ACTION [; ACTION ...], the first that fits
# counts.  A message is kept if its last reply is 2xx; the transcript shows
# with "#" each line of the script that was followed.
#
#   WHERE      banner ehlo helo starttls mail rcpt data body dot rset quit
#              noop other; any
#   SELECTOR   conn=N[-M]   the Nth connection, from 1
#              nth=N[-M]    the Nth time in its connection (rcpt: in its
#                           transaction)
#              msg=N[-M]    the Nth transaction of the connection
#              to=/RE/      rcpt only: the address; from=/RE/ after MAIL
#              bytes=N      body only: when so many have come, once
#              chance=N     so many times of 100
#   ACTION     NNN TEXT     reply; "|" begins the next line of the reply
#              raw TEXT     these bytes, with \r \n \t \0 \xHH
#              offer LIST   ehlo only: these extensions and no others
#              flood TEXT   these bytes again and again until the client goes
#              drip MS      every byte of a reply after so long
#              pause MS     waits
#              keep         keeps the message, whatever the reply is
#              lose         does not keep it
#              tls          starttls only: does it
#              ignore       no reply
#              drop         closes;  reset: with a RST
#              hang         answers nothing more and reads nothing more

use strict;
use warnings;
use v5.32;

use IO::Select;
use IO::Socket::IP;
use JSON::PP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

my $WHERE = qr/banner|ehlo|helo|starttls|mail|rcpt|data|body|dot|rset|quit|noop|other|any/;
my @OFFERED = ('PIPELINING', '8BITMIME', 'SIZE 52428800', 'ENHANCEDSTATUSCODES', 'DSN', 'SMTPUTF8');
my %GOOD = (
    banner => '220 evil.example ESMTP', helo => '250 evil.example', mail => '250 2.1.0 ok',
    rcpt => '250 2.1.5 ok', data => '354 go on', dot => '250 2.0.0 taken',
    rset => '250 2.0.0 ok', quit => '221 2.0.0 bye', noop => '250 2.0.0 ok',
    starttls => '220 2.0.0 go', other => '502 5.5.1 unknown',
);

sub parse_selector {
    my ($rule, $word, $line) = @_;

    if ($word =~ /^(conn|nth|msg)=(\d+)(?:-(\d+))?$/) {
        $rule->{$1} = [ $2, $3 // $2 ];
    } elsif ($word =~ m{^(to|from)=/(.*)/$}) {
        $rule->{$1} = qr/$2/i;
    } elsif ($word =~ /^(bytes|chance)=(\d+)$/) {
        $rule->{$1} = $2;
    } else {
        die "script line $line: \"$word\" is no selector\n";
    }
}

sub parse_action {
    my ($text, $line) = @_;

    return [ 'reply', $text ] if $text =~ /^\d{3}\b/;
    return [ $1, $2 ] if $text =~ /^(raw|offer|flood)\s(.*)$/s;
    return [ $1, $2 ] if $text =~ /^(drip|pause)\s+(\d+)$/;
    return [$text] if $text =~ /^(?:keep|lose|tls|ignore|drop|reset|hang)$/;
    die "script line $line: \"$text\" is no action\n";
}

sub parse_script {
    my ($script) = @_;
    my (@rules, $line);

    for my $text (split /\n/, $script // '') {
        $line++;
        next if $text =~ /^\s*(?:#|$)/;
        my ($where, $selectors, $actions) = $text =~ /^\s*($WHERE)((?:\s+\S+)*?)\s*:\s+(.*?)\s*$/
            or die "script line $line: expected \"WHERE [SELECTOR ...]: ACTION\"\n";
        my $rule = { where => $where, line => $line };
        parse_selector($rule, $_, $line) for split ' ', $selectors;
        $rule->{actions} = [ map { parse_action($_, $line) } split /\s*;\s+|;$/, $actions ];
        push @rules, $rule;
    }
    return \@rules;
}

sub begin_listening {
    my ($class, %args) = @_;
    my $self = bless { %args, rules => parse_script($args{script}) }, $class;

    $self->{listen} = IO::Socket::IP->new(Listen => 200,
        LocalHost => $args{address} // '127.0.0.1', LocalPort => $args{port} // 0, ReuseAddr => 1)
        or die "cannot listen: $@\n";
    setsockopt($self->{listen}, SOL_SOCKET, SO_RCVBUF, pack('i', $args{receive_buffer}))
        if $args{receive_buffer};
    $self->{port} = $self->{listen}->sockport;
    $self->{count} = 0;
    mkdir $args{dir};
    return $self;
}

# Serves in a child, which with its children is a process group, so that none
# that hangs is left behind.
sub spawn {
    my (@sinks) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp 0, 0;
        $_->{parent} = $parent for @sinks;
        serve(@sinks);
        POSIX::_exit(0);
    }
    eval { setpgrp $pid, $pid };
    close $_->{listen} for @sinks;
    return bless { pid => $pid, owner => $$ }, 'Winnow::EvilSink::Server';
}

# Listens at once; serves in a child of its own, and each connection in one more.
sub new {
    my ($class, %args) = @_;
    my $self = $class->begin_listening(%args);

    $self->{server} = spawn($self) if !$args{foreground};
    return $self;
}

sub many {
    my ($class, %args) = @_;
    my $scripts = delete $args{scripts};
    my %sinks;

    mkdir $args{dir};
    $sinks{$_} = $class->begin_listening(%args, dir => "$args{dir}/$_", script => $scripts->{$_})
        for sort keys %$scripts;
    my $server = spawn(values %sinks);
    $_->{server} = $server for values %sinks;
    return \%sinks;
}

sub port { return $_[0]{port} }
sub address { return ($_[0]{address} // '127.0.0.1') . ":$_[0]{port}" }

sub serve {
    my (@sinks) = @_;
    my %sink_of = map { fileno $_->{listen} => $_ } @sinks;
    my $listening = IO::Select->new(map { $_->{listen} } @sinks);

    local $SIG{CHLD} = 'IGNORE';
    local $SIG{TERM} = 'DEFAULT';
    while (1) {
        # A test that was killed could not say good-bye.
        kill TERM => -$$ if $sinks[0]{parent} && getppid != $sinks[0]{parent};
        for my $listen ($listening->can_read(1)) {
            my $self = $sink_of{ fileno $listen };
            my $client = $listen->accept or next;
            $self->{count}++;
            my $pid = fork // die "fork: $!";
            if ($pid) { close $client; next }
            close $_->{listen} for @sinks;
            $SIG{PIPE} = 'IGNORE';
            srand;
            eval { $self->session($client, $self->{count}); 1 } or $self->note($self->{count}, '!', $@);
            POSIX::_exit(0);
        }
    }
}

sub note {
    my ($self, $conn, $mark, $text) = @_;

    open my $out, '>>:raw', "$self->{dir}/transcript" or return;
    $text =~ s/[\r\n]+$//;
    $out->autoflush(1);
    syswrite $out, sprintf("%.3f %d %s %s\n", time, $conn, $mark, $text);
}

sub fits {
    my ($rule, $s, $where, $address) = @_;

    return 0 if $rule->{where} ne $where && $rule->{where} ne 'any';
    for my $key ('conn', 'nth', 'msg') {
        my $range = $rule->{$key} or next;
        my $n = $key eq 'nth' ? $s->{nth}{$where} // 0 : $s->{$key};
        return 0 if $n < $range->[0] || $n > $range->[1];
    }
    return 0 if $rule->{to} && ($address // '') !~ $rule->{to};
    return 0 if $rule->{from} && $s->{mail}{from} !~ $rule->{from};
    return 0 if defined $rule->{chance} && rand 100 >= $rule->{chance};
    return 1;
}

sub find_rule {
    my ($self, $s, $where, $address) = @_;

    for my $rule (@{ $self->{rules} }) {
        return $rule if !$rule->{bytes} && fits($rule, $s, $where, $address);
    }
    return undef;
}

sub put {
    my ($self, $s, $bytes) = @_;

    $self->note($s->{conn}, '>', $bytes);
    if ($s->{drip}) {
        for my $byte (split //, $bytes) {
            sleep $s->{drip} / 1000;
            defined syswrite $s->{io}, $byte or return;
        }
        return;
    }
    while (length $bytes) {
        my $n = syswrite $s->{io}, $bytes;
        return if !$n;
        substr $bytes, 0, $n, '';
    }
}

sub put_reply {
    my ($self, $s, $text) = @_;
    my ($code, $rest) = $text =~ /^(\d{3}) ?(.*)$/s;
    my @lines = split /\|/, $rest, -1;

    @lines = ('') if !@lines;
    $self->put($s, join '', map { $code . ($_ < $#lines ? '-' : ' ') . "$lines[$_]\r\n" } 0 .. $#lines);
    return $s->{said} = $code;
}

# The code if it is one whole reply, else 0.
sub put_raw {
    my ($self, $s, $bytes) = @_;

    $self->put($s, $bytes);
    return $s->{said} = $bytes =~ /^(?:\d{3}-[^\n]*\r\n)*(\d{3})(?: [^\n]*)?\r\n\z/ ? $1 : 0;
}

sub flood {
    my ($self, $s, $bytes) = @_;

    $self->note($s->{conn}, '>', 'a flood');
    while (1) {
        my $n = syswrite $s->{io}, $bytes;
        die "flood ended by client\n" if !$n;
        sleep(($s->{drip} // 0) / 1000) if $s->{drip};
    }
}

sub unescape {
    my ($text) = @_;
    my %of = (r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\');

    $text =~ s/\\(?:x([0-9a-fA-F]{2})|([rnt0\\]))/defined $1 ? chr hex $1 : $of{$2}/ge;
    return $text;
}

sub start_tls {
    my ($self, $s) = @_;

    require IO::Socket::SSL;
    $s->{io} = IO::Socket::SSL->start_SSL($s->{io}, SSL_server => 1,
        SSL_cert_file => $self->{certificate}, SSL_key_file => $self->{key} // $self->{certificate})
        or die "TLS: " . IO::Socket::SSL::errstr() . "\n";
    $s->{tls} = $s->{io}->get_sslversion;
    $s->{buffer} = '';
    $self->note($s->{conn}, '=', $s->{tls});
}

# Does what the rule says; gives the reply's code, or dies to end the session.
sub act {
    my ($self, $s, $where, $rule) = @_;
    my $code;

    $self->note($s->{conn}, '#', "line $rule->{line} at $where");
    for my $action (@{ $rule->{actions} }) {
        my ($what, $value) = @$action;
        if    ($what eq 'reply')  { $code = $self->put_reply($s, $value) }
        elsif ($what eq 'raw')    { $code = $self->put_raw($s, unescape($value)) }
        elsif ($what eq 'flood')  { $self->flood($s, unescape($value)) }
        elsif ($what eq 'offer')  { $code = $self->greet($s, split /\s*,\s*/, $value) }
        elsif ($what eq 'drip')   { $s->{drip} = $value }
        elsif ($what eq 'pause')  { sleep $value / 1000 }
        elsif ($what eq 'keep')   { $self->keep($s) }
        elsif ($what eq 'lose')   { $s->{lose} = 1 }
        elsif ($what eq 'ignore') { $code //= 0 }
        elsif ($what eq 'tls')    { $self->put_reply($s, $GOOD{starttls}); $self->start_tls($s); $code = 0 }
        elsif ($what eq 'hang')   { sleep 3600 }
        else {
            setsockopt($s->{raw}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $what eq 'reset';
            die "$what at $where\n";
        }
    }
    return $code;
}

sub greet {
    my ($self, $s, @offered) = @_;

    return $self->put_reply($s, join '|', '250 evil.example', @offered);
}

sub answer {
    my ($self, $s, $where, $address) = @_;

    $s->{nth}{$where}++;
    my $rule = $self->find_rule($s, $where, $address);
    my $code = $rule ? $self->act($s, $where, $rule) : undef;
    return $code if defined $code;
    return $self->greet($s, @OFFERED, $self->{certificate} && !$s->{tls} ? 'STARTTLS' : ()) if $where eq 'ehlo';
    if ($where eq 'starttls' && $self->{certificate}) {
        $self->put_reply($s, $GOOD{starttls});
        $self->start_tls($s);
        return 0;
    }
    return $self->put_reply($s, $where eq 'starttls' ? $GOOD{other} : $GOOD{$where});
}

sub spew {
    my ($path, $bytes) = @_;

    open my $out, '>:raw', $path or die "$path: $!";
    print $out $bytes;
    close $out or die "$path: $!";
}

# NAME.eml and, when both are complete, NAME.json with everything else.
sub keep {
    my ($self, $s) = @_;
    my $mail = $s->{mail};

    return if $mail->{kept}++;
    my $name = sprintf '%s/%06d-%04d', $self->{dir}, $s->{conn}, $s->{msg};
    spew("$name.eml", $mail->{data});
    spew("$name.part", JSON::PP->new->canonical->latin1->encode({
        from => $mail->{from}, parameters => $mail->{parameters}, to => $mail->{to},
        conn => 0 + $s->{conn}, msg => 0 + $s->{msg}, helo => $s->{helo}, tls => $s->{tls},
        client => $s->{client}, time => time }));
    rename "$name.part", "$name.json";
}

sub fill {
    my ($s) = @_;

    my $n = sysread $s->{io}, $s->{buffer}, 65536, length $s->{buffer};
    die "closed by client\n" if !$n;
}

sub read_line {
    my ($s) = @_;

    while (1) {
        return $1 if $s->{buffer} =~ s/^(.*?\r\n)//s;
        fill($s);
    }
}

# Where the final dot stands from an offset on, -1: not yet.
sub find_dot {
    my ($buffer, $from) = @_;

    return 0 if substr($$buffer, 0, 3) eq ".\r\n";
    my $at = index $$buffer, "\r\n.\r\n", $from > 4 ? $from - 4 : 0;
    return $at < 0 ? -1 : $at + 2;
}

# A rule of the body strikes when so many bytes have come, once.
sub read_body {
    my ($self, $s) = @_;
    my ($early) = grep { $_->{bytes} && fits($_, $s, 'body') } @{ $self->{rules} };
    my ($seen, $dot) = (0);

    while (1) {
        if ($early && length $s->{buffer} >= $early->{bytes}) {
            $self->act($s, 'body', $early);
            $early = undef;
        }
        $dot = find_dot(\$s->{buffer}, $seen);
        last if $dot >= 0;
        $seen = length $s->{buffer};
        fill($s);
    }
    my $body = substr $s->{buffer}, 0, $dot;
    substr $s->{buffer}, 0, $dot + 3, '';
    $body =~ s/^\.//mg;
    return $body;
}

sub take_data {
    my ($self, $s) = @_;

    return if $self->answer($s, 'data') !~ /^3/;
    $s->{mail}{data} = $self->read_body($s);
    $self->note($s->{conn}, '<', '(' . length($s->{mail}{data}) . ' bytes)');
    $s->{lose} = 0;
    $s->{said} = 0;
    eval { $self->answer($s, 'dot') };
    my $end = $@;
    $self->keep($s) if $s->{said} =~ /^2/ && !$s->{lose};
    die $end if $end;
    $s->{mail} = undef;
}

sub begin_mail {
    my ($self, $s, $line) = @_;

    $s->{msg}++;
    $s->{nth}{rcpt} = 0;
    my ($from, $parameters) = $line =~ /^MAIL FROM:\s*<(.*?)>\s*(.*?)\s*$/i;
    $s->{mail} = { from => $from // '', parameters => $parameters // '', to => [] };
    $s->{mail} = undef if $self->answer($s, 'mail') !~ /^2/;
}

sub add_rcpt {
    my ($self, $s, $line) = @_;
    my ($to, $parameters) = $line =~ /^RCPT TO:\s*<(.*?)>\s*(.*?)\s*$/i;

    return $self->put_reply($s, '503 5.5.1 MAIL first') if !$s->{mail};
    push @{ $s->{mail}{to} }, { address => $to, parameters => $parameters }
        if $self->answer($s, 'rcpt', $to) =~ /^2/;
}

sub session {
    my ($self, $client, $conn) = @_;
    my $s = { io => $client, raw => $client, conn => $conn, msg => 0, buffer => '', nth => {},
        client => $client->peerhost };

    setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
    $self->note($conn, '=', "from $s->{client}");
    $self->answer($s, 'banner');
    while (1) {
        my $line = read_line($s);
        $self->note($conn, '<', $line);
        my ($verb) = $line =~ /^(\w+)/;
        $verb = lc($verb // '');
        if ($verb =~ /^(?:ehlo|helo)$/) {
            ($s->{helo}) = $line =~ /^\w+\s+(\S+)/;
            $s->{mail} = undef;
            $self->answer($s, $verb);
        }
        elsif ($verb eq 'mail') { $self->begin_mail($s, $line) }
        elsif ($verb eq 'rcpt') { $self->add_rcpt($s, $line) }
        elsif ($verb eq 'data' && !($s->{mail} && (@{ $s->{mail}{to} } || $self->find_rule($s, 'data')))) {
            $self->put_reply($s, '503 5.5.1 RCPT first');
        }
        elsif ($verb eq 'data') { $self->take_data($s) }
        elsif ($verb eq 'rset') { $s->{mail} = undef; $self->answer($s, 'rset') }
        elsif ($verb eq 'quit') { $self->answer($s, 'quit'); return }
        else { $self->answer($s, $verb =~ /^(?:noop|starttls)$/ ? $verb : 'other') }
    }
}

sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar(<$in>) // '';
}

# The messages that were kept, in the order of their connections.
sub messages {
    my ($self) = @_;
    my @all;

    for my $path (sort glob "$self->{dir}/*.json") {
        my $message = JSON::PP->new->latin1->decode(slurp($path));
        $message->{data} = slurp($path =~ s/json$/eml/r);
        push @all, $message;
    }
    return @all;
}

sub transcript {
    my ($self) = @_;

    open my $in, '<:raw', "$self->{dir}/transcript" or return '';
    local $/;
    return scalar(<$in>) // '';
}

sub stop {
    my ($self) = @_;
    my $server = delete $self->{server} or return;

    $server->stop;
}

package Winnow::EvilSink::Server;

sub stop {
    my ($self) = @_;
    my $pid = $self->{owner} == $$ && delete $self->{pid} or return;

    kill TERM => -$pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my ($self) = @_;

    local ($?, $!, $@);
    $self->stop;
}

1;
