#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Settings from a real MariaDB server: a change made with plain SQL is live
# within interval + 2 s, and whatever the database does, mail flows on.
# WN_DOMAINS=10000 (or 100000) measures with as many domains instead.

use strict;
use warnings;
use v5.32;

use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Winnow::Instance;
use Winnow::Mariadb;

plan skip_all => 'no MariaDB server is installed' unless Winnow::Mariadb->available;

my $LIVE = 3;    # interval + 2 s
my $many = $ENV{WN_DOMAINS};
my $db = Winnow::Mariadb->new(tcp => 1, pool => $many ? '1G' : '64M',
    redo => $many ? '1G' : '64M');

sub settings {
    my (%option) = @_;
    my $hosts = $option{hosts} // $db->host;
    return "[settings]\nsource = mariadb\ninterval = 500ms\n"
        . "[mariadb]\nhosts = $hosts\ndatabase = winnow\nuser = root\ntls = off\n";
}

my %filters = (
    '10-firewall' => "[filter firewall]\naction = reject\n",
    '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases\n",
    '50-mild' => "[filter phrase-mild]\nplugin = phrase\naction = none\nphrases = ../mild\n",
);

sub relay {
    my (%option) = @_;
    my $w = Winnow::Instance->new(conf => settings(%option), filters => \%filters,
        server => 'metrics = 127.0.0.1:' . ($option{metrics} // Winnow::Instance::free_port()));
    Winnow::Instance::spew("$w->{dir}/phrases", "we buy used teapots in any condition\n");
    Winnow::Instance::spew("$w->{dir}/mild", "a green submarine comes for every reader\n");
    return $w;
}

my $metrics = Winnow::Instance::free_port();
my $w = relay(metrics => $metrics);
my (undef, $sink_port) = split /:/, $w->sink_address('default');
my $bad = "Subject: offer\n\nWe buy used teapots in any condition.\n";
my $mild = "Subject: news\n\nA green submarine comes for every reader.\n";
my $good = "Subject: hello\n\nNothing but good words.\n";

sub rcpt {
    my ($to, $relay) = @_;
    my $smtp = ($relay // $w)->smtp or return 'no connection';
    $smtp->cmd('MAIL FROM:<a@sender.test>');
    return $smtp->cmd("RCPT TO:<$to>") // 'no answer';
}

sub mail {
    my ($message, %option) = @_;
    return $w->smtp->mail(from => 'a@sender.test', to => 'u@good.example',
        message => $message, %option) // 'no answer';
}

# The time until the condition holds.
sub within {
    my ($what, $seconds, $condition) = @_;
    my $begin = time;
    my $ok = Winnow::Instance::wait_for($condition, $seconds + 5);
    my $took = time - $begin;
    ok($ok && $took <= $seconds, sprintf '%s (%.1f s)', $what, $took)
        or diag(($w->ctl('sync', '--status'))[1]);
}

sub status { return ($w->ctl('status'))[1] }

sub metric {
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$metrics", Timeout => 2) or return -1;
    print $socket "GET /metrics HTTP/1.0\r\n\r\n";
    local $/;
    my ($value) = (<$socket> // '') =~ /^winnow_settings_source_up (\d+)/m;
    return $value // -1;
}

# In trouble, said, and mail flows as before; then in order again by itself.
sub trouble {
    my ($what, $break, $mend, $seconds) = @_;
    subtest $what => sub {
        $break->();
        within('the status shows it', $seconds // 4, sub { status() =~ /in trouble/ });
        is(metric(), 0, 'so does the metric');
        like(mail($good), qr/^250/, 'mail is accepted');
        like(mail($bad), qr/^550/, 'and filtered');
        like(rcpt('u@other.example'), qr/^550 5\.7\.1/, 'others are refused');
        $mend->();
        within('recovered', 12, sub { status() =~ /in order/ });
        is(metric(), 1, 'and the metric');
    };
}

sub insert_domain {
    my ($name) = @_;
    return "INSERT INTO domain (name) VALUES ('$name');"
        . "INSERT INTO domain_server (domain, position, host, port)"
        . " VALUES ('$name', 1, '127.0.0.1', $sink_port);";
}

# Of winnow-sync, its reader and their ended children, in seconds.
sub cpu {
    my ($sum, @pids) = (0, @{ $w->children->{'winnow-sync'} // [] });
    for my $stat (glob '/proc/[0-9]*/stat') {
        my @field = split / /, (Winnow::Instance::slurp($stat) // '') =~ s/\(.*\)/x/r;
        next unless @field > 16 && grep { $_ == $field[0] || $_ == $field[3] } @pids;
        $sum += $_ / 100 for @field[ 13 .. 16 ];
    }
    return $sum;
}

# Domains with five filters each, and phrases, as many as are asked for.
sub measure {
    my $phrases = $ENV{WN_PHRASES} // 0;
    is(($w->ctl('db', 'init'))[0], 0, 'winnowctl db init');
    $db->run(<<"END");
SET \@winnow_bulk = 1;
INSERT INTO domain (name) SELECT CONCAT('d', seq, '.example') FROM seq_1_to_$many;
INSERT INTO domain_server (domain, position, host, port)
SELECT CONCAT('d', seq, '.example'), 1, '127.0.0.1', $sink_port FROM seq_1_to_$many;
@{[ map { "INSERT INTO domain_filter (domain, filter, position, action) SELECT"
    . " CONCAT('d', seq, '.example'), '$_', 10 + seq % 7, 'reject' FROM seq_1_to_$many;" }
    qw(firewall phrase phrase-mild phrase-3 phrase-4) ]}
INSERT INTO phrase_entry (value) SELECT CONCAT('this phrase has the number ', seq, ' of many')
FROM seq_1_to_@{[$phrases || 1]};
CALL winnow_table_changed('domain', NULL);
CALL winnow_table_changed('phrase_entry', NULL);
SET \@winnow_bulk = NULL;
END
    my $begin = time;
    $w->start;
    within("the first snapshot of $many domains", $many * 0.0005 + $phrases * 0.00002,
        sub { rcpt("u\@d$many.example") =~ /^250/ });
    diag(sprintf 'from the start: %.1f s', time - $begin);
    sleep 3;
    my $before = cpu();
    sleep 10;
    diag(sprintf 'CPU of winnow-sync between changes: %.2f s in 10 s', cpu() - $before);
    for my $n (1 .. 3) {
        $db->run("UPDATE domain SET mailboxes = 'listed' WHERE name = 'd$n.example'");
        within("change $n", $LIVE + ($many > 20000 ? 5 : 0),
            sub { rcpt("u\@d$n.example") =~ /^550/ });
    }
    $before = cpu();
    $db->run('INSERT INTO phrase_entry (value) VALUES ("the early bird catches every single worm")');
    within('a phrase', 6, sub {
        $w->smtp->mail(from => 'a@sender.test', to => 'u@d9.example',
            message => "Subject: b\n\nThe early bird catches every single worm.\n") =~ /^550/;
    });
    diag(sprintf 'CPU of winnow-sync for it: %.2f s', cpu() - $before);
    diag(status());
    $w->stop;
    done_testing;
    exit;
}

if ($many) {
    # All of the same file: one data set.
    for my $name (qw(phrase-mild phrase-3 phrase-4)) {
        $w->snippet($name eq 'phrase-mild' ? '50-mild' : "60-$name",
            "[filter $name]\nplugin = phrase\naction = none\nphrases = ../phrases\n");
    }
    measure();
}

# Nothing is there yet.
$w->start(no_wait => 1);
Winnow::Instance::wait_for(sub { Winnow::Instance::port_answers($w->{port}) }, 20);
within('without any settings RCPT is told to come back', 10,
    sub { rcpt('u@good.example') =~ /^451 4\.3\.5/ });
within('the status says why', 5, sub { status() =~ /Unknown database|db init/ });
is(($w->ctl('db', 'init'))[0], 0, 'winnowctl db init');
within('an empty database: nobody is served', 8, sub { rcpt('u@good.example') =~ /^550 5\.7\.1/ });
ok($w->wait_ready, 'ready');

# Plain SQL.
$db->run(insert_domain('good.example'));
within('INSERT of a domain and its server', $LIVE, sub { rcpt('u@good.example') =~ /^250/ });
like(mail($good), qr/^250/, 'accepted');
is(scalar(my @got = $w->wait_received(1)), 1, 'and delivered');
like(mail($bad), qr/^550/, 'with the default chain');
within('relay_status', $LIVE, sub {
    $db->value('SELECT COUNT(*) FROM relay_status WHERE relay = "relay.test"'
        . ' AND generation > 0 AND revision > 1') == 1;
});

$db->run('INSERT INTO domain_filter_option VALUES ("good.example", "phrase", "action.text", "no pots")');
within('UPDATE of a text', $LIVE, sub { mail($bad) =~ /no pots/ });
$db->run('INSERT INTO domain_filter (domain, filter, action) VALUES ("good.example", "phrase-mild", "reject")');
within('and of an action', $LIVE, sub { mail($mild) =~ /^550/ });
$db->run('UPDATE domain_filter SET position = 5 WHERE filter = "phrase-mild"');
within('and of a position', $LIVE, sub {
    my ($exit, $text) = $w->ctl('domain', 'show', 'good.example');
    return $text =~ /phrase-mild.*\bphrase\b/s;
});
$db->run('UPDATE domain_filter SET enabled = 0; UPDATE domain SET reject_text = "Call us." '
    . 'WHERE name = "good.example"');
within('a filter is switched off', $LIVE, sub { mail($mild) =~ /^250/ });
$db->run('UPDATE domain SET mailboxes = "listed" WHERE name = "good.example";'
    . 'INSERT INTO mailbox (domain, local_part) VALUES ("good.example", "u")');
within('only listed mailboxes', $LIVE, sub { rcpt('x@good.example') =~ /^550/ });
like(rcpt('u@good.example'), qr/^250/, 'that one is listed');
$db->run('UPDATE mailbox SET filtering = "off"');
within('a mailbox without filters', $LIVE, sub { mail($bad) =~ /^250/ });
$db->run('DELETE FROM mailbox; UPDATE domain SET mailboxes = "any"');
within('any mailbox again', $LIVE, sub { mail($bad) =~ /^550/ });
$db->run('INSERT INTO access_entry (domain, verdict, kind, value, note) VALUES '
    . '("good.example", "block", "sender", "a@sender.test", "")');
within('a blocked sender', $LIVE, sub { mail($good) =~ /^550/ });
$db->run('DELETE FROM access_entry');
within('not any more', $LIVE, sub { mail($good) =~ /^250/ });
$db->run('INSERT INTO phrase_entry (value) VALUES ("the early bird catches every single worm")');
my $bird = "Subject: b\n\nThe early bird catches every single worm.\n";
within('a phrase of the list', $LIVE, sub { mail($bird) =~ /^550/ });
$db->run('UPDATE phrase_entry SET expires_at = NOW() + INTERVAL 3 SECOND');
within('until it expires', 3 + $LIVE, sub { mail($bird) =~ /^250/ });
$db->run(insert_domain('gone.example'));
within('another domain', $LIVE, sub { rcpt('u@gone.example') =~ /^250/ });
$db->run('DELETE FROM domain WHERE name = "gone.example"');
within('DELETE of it', $LIVE, sub { rcpt('u@gone.example') =~ /^550 5\.7\.1/ });

# A server's own TLS policy holds for it, whatever the domain's is.
$db->run(insert_domain('strict.example') . 'UPDATE domain_server SET tls = "require" '
    . 'WHERE domain = "strict.example";');
within('a server with a policy of its own', $LIVE, sub {
    (($w->ctl('domain', 'show', 'strict.example'))[1]) =~ /^servers .* tls require /m
});
my ($strict) = mail($good, to => 'u@strict.example') =~ /queued as (\w+)/;
ok($w->wait_event('deferred', sub { $_[0]{id} eq $strict && $_[0]{reply} =~ /TLS/ }),
    'no mail goes to it in clear');
$db->run('UPDATE domain_server SET tls = NULL');
within("the domain's policy again", $LIVE, sub {
    (($w->ctl('domain', 'show', 'strict.example'))[1]) !~ / tls require /
});
$w->ctl('queue', 'retry', $strict);
ok($w->wait_event('delivered', sub { $_[0]{id} eq $strict }), 'and it is delivered');
$db->run('DELETE FROM domain WHERE name = "strict.example"');

# One domain that is wrong keeps what it had, and holds up nobody.
$db->run(insert_domain('second.example'));
$db->run('INSERT INTO domain_filter_option VALUES ("good.example", "phrase", "colour", "blue")');
within('sync_problem names row and reason', $LIVE + 1, sub {
    $db->value('SELECT COUNT(*) FROM sync_problem WHERE relay = "relay.test" AND '
        . 'object LIKE "domain_filter_option/good.example/phrase/colour%"');
}) or diag($db->run('SELECT * FROM sync_problem'));
like(($w->ctl('sync', '--status'))[1], qr/colour.*unknown option/, 'so does sync --status');
like(mail($bad), qr/no pots/, 'the domain keeps its settings');
like(rcpt('u@second.example'), qr/^250/, 'the other domain is new');
# The server is killed soon: what it has committed shall be there afterwards.
$db->run('SET GLOBAL innodb_flush_log_at_trx_commit = 1;'
    . 'DELETE FROM domain_filter_option WHERE name = "colour"');
within('nothing is wrong any more', $LIVE + 1,
    sub { $db->value('SELECT COUNT(*) FROM sync_problem') == 0 });

# A row that no list can hold is a problem too, for as long as it is there.
$db->run('INSERT INTO phrase_entry (value) VALUES ("too few")');
my $refused = 'object LIKE "phrase_entry%" AND detail LIKE "%too few%at least 5 words%"';
within('sync_problem quotes a row of a list', $LIVE + 1,
    sub { $db->value("SELECT COUNT(*) FROM sync_problem WHERE $refused") > 0 })
    or diag($db->run('SELECT * FROM sync_problem'));
like(($w->ctl('sync', '--status'))[1], qr/phrase_entry: .*"too few"/, 'so does sync --status');
$db->run('DELETE FROM phrase_entry WHERE value = "too few"');
within('it is gone', $LIVE + 1,
    sub { $db->value('SELECT COUNT(*) FROM sync_problem') == 0 });

# The database in trouble.
trouble('kill -9', sub { $db->kill_hard }, sub { $db->start });
trouble('SIGSTOP', sub { $db->pause }, sub { $db->resume }, 14);
trouble('a dropped column',
    sub { $db->run('ALTER TABLE domain_server DROP COLUMN weight') },
    sub { $db->run('ALTER TABLE domain_server ADD COLUMN weight INT NOT NULL DEFAULT 1') });
trouble('a dropped table', sub { $db->run('RENAME TABLE mailbox TO mailbox_away') },
    sub { $db->run('RENAME TABLE mailbox_away TO mailbox') });

subtest 'NULLs and bytes of another charset' => sub {
    $db->run('SET SESSION check_constraint_checks = 0;'
        . 'ALTER TABLE domain_server MODIFY host VARBINARY(255) NULL, MODIFY port INT NULL;'
        . 'ALTER TABLE domain MODIFY status VARCHAR(9) NULL, MODIFY enabled TINYINT NULL;'
        . 'UPDATE domain_server SET host = NULL, port = NULL WHERE domain = "second.example";'
        . 'UPDATE domain SET status = NULL, enabled = NULL WHERE name = "second.example"');
    within('they are told', $LIVE + 1,
        sub { ($w->ctl('sync', '--status'))[1] =~ m{domain_server/second.example/1.* is NULL} });
    like(rcpt('u@second.example'), qr/^250/, 'the domain stays as it was');
    $db->run('SET SESSION check_constraint_checks = 0;'
        . 'UPDATE domain SET status = "ready", enabled = 1;'
        . 'SET @winnow_bulk = 1; UPDATE domain_server SET port = 25, host = X\'E4F6\''
        . ' WHERE domain = "second.example"; CALL winnow_table_changed("domain_server", NULL)');
    within('not UTF-8', $LIVE + 1, sub { ($w->ctl('sync', '--status'))[1] =~ /not UTF-8/ });
    like(mail($good), qr/^250/, 'mail flows');
    $db->run("SET \@winnow_bulk = 1; UPDATE domain_server SET host = '127.0.0.1',"
        . " port = $sink_port; CALL winnow_table_changed('domain_server', NULL);"
        . "ALTER TABLE domain_server MODIFY host VARCHAR(255) NOT NULL,"
        . " MODIFY port INT NOT NULL DEFAULT 25;"
        . "ALTER TABLE domain MODIFY enabled TINYINT(1) NOT NULL DEFAULT 1,"
        . " MODIFY status ENUM('initializing', 'ready', 'suspended') NOT NULL DEFAULT 'ready'");
    within('repaired', $LIVE + 1, sub { ($w->ctl('sync', '--status'))[1] =~ /no problems/ });
};

subtest 'the shrink guard' => sub {
    $db->run(join '', map { insert_domain("many$_.example") } 1 .. 30);
    within('30 domains more', $LIVE, sub { rcpt('u@many30.example') =~ /^250/ });
    $db->run('DELETE FROM domain WHERE name LIKE "many%"');
    within('their loss is not believed', $LIVE, sub { status() =~ /has lost 30 of 32 domains/ });
    like(rcpt('u@many30.example'), qr/^250/, 'they are served');
    my ($exit, $text) = $w->ctl('sync');
    is($exit, 1, 'sync says no');
    like($text, qr/--force/, 'and what would do it');
    ($exit, $text) = $w->ctl('sync', '--force');
    is($exit, 0, 'sync --force') or diag($text);
    like(rcpt('u@many30.example'), qr/^550 5\.7\.1/, 'they are gone');
    like(status(), qr/in order/, 'in order');
    $db->run('SET @winnow_bulk = 1; SET FOREIGN_KEY_CHECKS = 0; DELETE FROM domain;'
        . 'CALL winnow_table_changed("domain", NULL)');
    within('an empty answer is not believed', $LIVE, sub { status() =~ /has lost 2 of 2/ });
    like(mail($good), qr/^250/, 'mail flows');
    $db->run('SET FOREIGN_KEY_CHECKS = 0; INSERT INTO domain (name) VALUES ("good.example"),'
        . '("second.example")');
    within('back', $LIVE, sub { status() =~ /in order/ });
};

# Mail makes no SQL.
subtest 'no SQL for mail' => sub {
    $db->record;
    for my $n (1 .. 50) {
        $w->smtp->cmd("MAIL FROM:<\"x'/**/UNION/**/SELECT/**/$n--\"\@sender.test>");
        rcpt("\"' OR $n=$n; DROP TABLE domain; --\"\@good.example");
    }
    Winnow::Instance::wait_for(sub { $db->recorded =~ /settings_revision/ }, 5);
    my @seen = grep { /UNION|DROP TABLE| OR \d|sender\.test/ } split /\n/, $db->recorded;
    is_deeply(\@seen, [], 'the general log shows none of it');
    like($db->recorded, qr/settings_revision/, 'only what sync asks');
    $db->run('SET GLOBAL general_log = 0');
};

# A server that greets well, and then asks for a file instead of a login.
sub rogue {
    my ($listener) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $SIG{PIPE} = 'IGNORE';
    while (my $client = $listener->accept) {
        my $greeting = "\x0a5.5.5-10.11.6-MariaDB\0" . pack('V', 7) . 'abcdefgh' . "\0"
            . pack('v', 0xf7fe) . "\x21" . pack('v', 2) . pack('v', 0x81bf) . "\x15"
            . ("\0" x 10) . "ijklmnopqrst\0mysql_native_password\0";
        syswrite $client, substr(pack('V', length $greeting), 0, 3) . "\0" . $greeting;
        sysread $client, my $login, 4096;
        my $file = "\xfb/etc/passwd";
        syswrite $client, substr(pack('V', length $file), 0, 3) . "\x02" . $file;
        sysread $client, my $content, 4096;
    }
    POSIX::_exit(0);
}

# Without the database, from the last snapshot; hosts that do not do.
subtest 'started with hosts that do not answer' => sub {
    my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
    my $rogue = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
    my $rogue_pid = rogue($rogue);
    is($w->stop, 0, 'stopped');
    $db->stop;
    my $hosts = join '; ', (map { '127.0.0.1:' . $_->sockport } $silent, $rogue), '127.0.0.1:1',
        $db->host;
    Winnow::Instance::spew("$w->{dir}/winnow.conf",
        Winnow::Instance::slurp("$w->{dir}/winnow.conf") =~ s/^hosts = .*$/hosts = $hosts/mr);
    my $begin = time;
    $w->start;
    ok(time - $begin < 5, 'it serves at once');
    like(mail($good), qr/^250/, 'from the last snapshot');
    like(mail($bad), qr/no pots/, 'with the last settings');
    within('the status shows it', 14, sub { status() =~ /in trouble/ });
    $db->start;
    within('the last host is found', 20, sub { status() =~ /in order/ });
    like(status(), qr/\Q@{[$db->host]}/, 'and named');
    kill KILL => $rogue_pid;
    waitpid $rogue_pid, 0;
};

# The same settings give the same snapshot, whatever they come from.
subtest 'files and database' => sub {
    my $files = Winnow::Instance->new(filters => \%filters);
    my $port = $sink_port;
    Winnow::Instance::spew("$files->{dir}/$_", Winnow::Instance::slurp("$w->{dir}/$_"))
        for 'phrases', 'mild';
    Winnow::Instance::spew("$files->{dir}/domains.d/a.conf", <<"END");
[domain good.example]
servers = 127.0.0.1:$port tls none; mx.good.example:26 weight 7 tls verify
delivery = ordered
mailboxes = listed
reject_text = Call us.
max_message_size = 10000
queue_lifetime = 1d
delay_notice = 1h
technical_contact = admin\@good.example
filter_default = off

[filter phrase]
action.text = no pots
position = 70
on_match = continue

[filter firewall]
block_senders = a\@x.test; b\@x.test
END
    Winnow::Instance::spew("$files->{dir}/domains.d/good.example.mailboxes",
        "u filtering=on\nv\n");
    Winnow::Instance::spew("$files->{dir}/domains.d/b.conf",
        "[domain second.example]\nservers = 127.0.0.1:$port\nstatus = suspended\n");
    $db->run(<<"END");
DELETE FROM domain;
INSERT INTO domain (name, delivery, mailboxes, reject_text, max_message_size, queue_lifetime,
    delay_notice, technical_contact, filter_default)
VALUES ('good.example', 'ordered', 'listed', 'Call us.', 10000, 86400, 3600,
    'admin\@good.example', 'off');
INSERT INTO domain (name, status) VALUES ('second.example', 'suspended');
INSERT INTO domain_server (domain, position, host, port) VALUES
    ('good.example', 2, 'mx.good.example', 26), ('good.example', 1, '127.0.0.1', $port),
    ('second.example', 1, '127.0.0.1', $port);
UPDATE domain_server SET weight = 7, tls = 'verify' WHERE port = 26;
UPDATE domain_server SET tls = 'none' WHERE domain = 'good.example' AND port = $port;
INSERT INTO domain_server (domain, position, host, enabled) VALUES
    ('good.example', 3, 'away.example', 0);
INSERT INTO domain_filter (domain, filter, position, on_match)
VALUES ('good.example', 'phrase', 70, 'continue');
INSERT INTO domain_filter_option VALUES ('good.example', 'phrase', 'action.text', 'no pots');
INSERT INTO mailbox (domain, local_part, filtering) VALUES ('good.example', 'v', 'default'),
    ('good.example', 'u', 'on');
INSERT INTO access_entry (domain, verdict, kind, value) VALUES
    ('good.example', 'block', 'sender', 'a\@x.test'),
    ('good.example', 'block', 'sender', 'b\@x.test');
END
    my ($exit, $text) = $w->ctl('sync', '--force');
    is($exit, 0, 'synced') or diag($text);
    my %bytes;
    for my $relay ($w, $files) {
        my $dir = "$relay->{dir}/build";
        mkdir $dir;
        my $said = qx(@{[Winnow::Instance::build()]}/winnow-check -c $relay->{dir}/winnow.conf \\
            --build $dir --generation 1 2>&1);
        is($?, 0, 'built') or diag($said);
        is($said, '', 'without a problem');
        $bytes{ $relay == $w } = Winnow::Instance::slurp("$dir/settings");
        $bytes{ $relay == $w } =~ s/\Q$relay->{dir}\E/DIR/g;
    }
    # Built at another second: the header and its checksum differ.
    is(substr($bytes{1}, 128), substr($bytes{''}, 128), 'the same bytes');
};

is($w->stop, 0, 'stopped');
done_testing;
