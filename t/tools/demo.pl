#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The demonstration of ./quickstart: a relay on 127.0.0.1:2525 for a few domains,
# a sink behind it, sample messages through it, and a table of what became of
# each.  Exits 1 if a row is not what the settings say.

use strict;
use warnings;
use v5.32;

use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

use Winnow::Smtp;

my $keep = grep { $_ eq '--keep' } @ARGV;
my $top = abs_path('.');
my $build = "$top/build";
my $dir = "$build/quickstart";
my ($relay_port, $sink_port) = (2525, 2526);
my %pid;

sub slurp { open my $in, '<:raw', $_[0] or return ''; local $/; <$in> // '' }

sub spew {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

sub start {
    my ($name, @command) = @_;
    my $child = fork // die "fork: $!\n";
    if ($child == 0) {
        POSIX::setsid();
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/$name.log" or die;
        open STDERR, '>>', "$dir/$name.log" or die;
        exec @command or POSIX::_exit(127);
    }
    $pid{$name} = $child;
}

sub stop {
    for my $name (qw(winnowd sink)) {
        my $child = delete $pid{$name} or next;
        kill TERM => $child;
        waitpid $child, 0;
    }
}
END { local $?; stop() unless $keep }
$SIG{INT} = $SIG{TERM} = sub { $keep = 0; exit 1 };

sub wait_for {
    my ($seconds, $what, $condition) = @_;
    my $end = time + $seconds;
    while (!$condition->()) {
        die "$what\n" . slurp("$dir/winnowd.log") if time > $end;
        sleep 0.05;
    }
}

sub write_settings {
    remove_tree($dir);
    make_path(map {"$dir/$_"} qw(conf.d domains.d spool state run inbox));
    spew("$dir/winnow.conf", <<"END");
[server]
hostname = relay1a.example.net
listen = 127.0.0.1:$relay_port
spool = spool
state = state
run = run
plugins = $build/plugins/modules
log = json

[limits]
min_free_space = 1M

[delivery]
retry = 1m; 5m; 15m; 30m
END
    spew("$dir/phrases.txt", <<'END');
# One phrase a line; case and white space do not matter.
genuine swiss replica watches delivered to your door
END
    spew("$dir/conf.d/10-firewall.conf", <<'END');
[filter firewall]
action = reject
action.text = Not from your network [%c]
block = 127.0.0.66/32
END
    spew("$dir/conf.d/30-phrase.conf", <<'END');
[filter phrase]
action = reject
action.text = Message refused: it holds a listed phrase [%e]
phrases = ../phrases.txt
END
    my $servers = "servers = 127.0.0.1:$sink_port\n";
    spew("$dir/domains.d/good.example.conf", "[domain good.example]\n$servers");
    spew("$dir/domains.d/tag.example.conf",
        "[domain tag.example]\n$servers\n[filter phrase]\n"
            . "action = modify_subject\naction.tag = [Listed]\n");
    spew("$dir/domains.d/forward.example.conf",
        "[domain forward.example]\n$servers\n[filter phrase]\n"
            . "action = forward\naction.to = spamdesk\@forward.example\n");
    spew("$dir/domains.d/delete.example.conf",
        "[domain delete.example]\n$servers\n[filter phrase]\naction = delete\n");
    spew("$dir/domains.d/listed.example.conf",
        "[domain listed.example]\n$servers" . "mailboxes = listed\n");
    spew("$dir/domains.d/listed.example.mailboxes", "anna\njonas\n");
}

# message, recipients, source address, expected reply, expected fate
my @rows = (
    ['ordinary', ['jonas@good.example'], '127.0.0.1', qr/^250/, 'delivered'],
    ['invoice', ['buying@good.example'], '127.0.0.1', qr/^250/, 'delivered'],
    ['sales', ['jonas@good.example'], '127.0.0.1', qr/^550 .*listed phrase/, 'refused'],
    ['sales', ['info@tag.example'], '127.0.0.1', qr/^250/, 'delivered, tagged'],
    ['sales', ['info@forward.example'], '127.0.0.1', qr/^250/, 'forwarded'],
    ['sales', ['info@delete.example'], '127.0.0.1', qr/^250/, 'deleted'],
    ['ordinary', ['anna@listed.example'], '127.0.0.1', qr/^250/, 'delivered'],
    ['ordinary', ['bob@listed.example'], '127.0.0.1', qr/^550 5\.1\.1/, 'refused'],
    ['ordinary', ['jonas@elsewhere.example'], '127.0.0.1', qr/^550 5\.7\.1/, 'refused'],
    ['ordinary', ['jonas@good.example'], '127.0.0.66', qr/^550 .*your network/, 'refused'],
    ['sales', ['jonas@good.example', 'info@tag.example'], '127.0.0.1',
        qr/^550 .*listed phrase/, 'refused'],
);

sub send_row {
    my ($row) = @_;
    my ($message, $to, $from) = @$row;
    my $smtp = Winnow::Smtp->new(port => $relay_port, from => $from,
        helo => 'sender.example') or die "no connection to the relay\n";
    my $reply = $smtp->mail(from => 'someone@sender.example', to => $to,
        message => slurp("$top/t/data/samples/$message.eml"));
    my @split = grep {/^452/} @{ $smtp->{rcpt} };

    $smtp->quit;
    return ($reply, scalar @split);
}

# What reached the sink for an id.
sub find_delivered {
    my ($id) = @_;
    for my $path (glob "$dir/inbox/*.eml") {
        my $text = slurp($path);
        next unless $text =~ /^X-Winnow-Id: \Q$id\E\r$/m;
        return ($text, decode_json(slurp($path =~ s/eml$/json/r)));
    }
    return;
}

sub fate {
    my ($row, $reply) = @_;
    my ($id) = $reply =~ /queued as (\w+)/ or return 'refused';
    my $log = slurp("$dir/winnowd.log");

    return 'deleted' if $log =~ /"event":"deleted"[^\n]*"id":"$id"/;
    my ($text, $envelope);
    my $end = time + 10;
    while (time < $end && !defined $text) {
        ($text, $envelope) = find_delivered($id);
        sleep 0.05 unless defined $text;
    }
    return 'lost' unless defined $text;
    return 'forwarded' if $envelope->{recipients}[0] ne $row->[1][0];
    return 'delivered, tagged' if $text =~ /^Subject: \[Listed\]/m;
    return 'delivered';
}

write_settings();
start('sink', "$build/winnowctl", 'sink', '--listen', "127.0.0.1:$sink_port",
    '--dir', "$dir/inbox");
start('winnowd', "$build/winnowd", '-c', "$dir/winnow.conf");
wait_for(30, 'the relay does not start; its log:',
    sub { slurp("$dir/winnowd.log") =~ /"event":"ready"/ });

print "\nA relay for 5 domains listens on 127.0.0.1:$relay_port; behind it a "
    . "sink on 127.0.0.1:$sink_port.\n\n";
printf "%-9s %-42s %-18s %s\n", 'message', 'to', 'what became of it', 'the reply, and why';
my $wrong = 0;
for my $row (@rows) {
    my ($reply, $split) = send_row($row);
    my $fate = fate($row, $reply);
    my $right = $reply =~ $row->[3] && $fate eq $row->[4];

    $reply .= ' (the other recipient: 452, its own transaction)' if $split;
    $wrong++ unless $right;
    printf "%-9s %-42s %-18s %s%s\n", $row->[0],
        join(', ', @{ $row->[1] }) . ($row->[2] ne '127.0.0.1' ? " from $row->[2]" : ''),
        $fate, $reply, $right ? '' : "   <-- WRONG, expected $row->[4]";
}
print $wrong ? "\n$wrong rows are wrong.\n" : "\nEvery row is as the settings say.\n";

if ($keep) {
    print <<"END";

The relay keeps running. Try:
  build/winnowctl -c build/quickstart/winnow.conf status
  build/winnowctl -c build/quickstart/winnow.conf domain show tag.example
  build/winnowctl -c build/quickstart/winnow.conf explain t/data/samples/sales.eml --to info\@tag.example
  edit build/quickstart/conf.d/30-phrase.conf, then
  build/winnowctl -c build/quickstart/winnow.conf reload
  build/winnowctl -c build/quickstart/winnow.conf stop     ends it
Messages that were delivered lie in build/quickstart/inbox, the log in
build/quickstart/winnowd.log. The sink ends with: kill $pid{sink}
END
    %pid = () unless $wrong;
}
exit($wrong ? 1 : 0);
