#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The settings database with the real MariaDB: winnowctl db, the triggers, and
# servers that are not what they should be.

use strict;
use warnings;

use File::Path qw(make_path);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Winnow::Instance;
use Winnow::Mariadb;

plan skip_all => 'mariadb-server is not installed' unless Winnow::Mariadb::available();

my $folder = File::Temp->newdir('winnow-ctl-XXXXXX', TMPDIR => 1);
my $ctl = Winnow::Instance::build() . '/winnowctl';

# winnow.conf with that [mariadb]; its path.
sub config {
    my (%key) = @_;
    my $text = "[server]\nhostname = relay.test\nplugins = "
        . Winnow::Instance::build() . "/plugins/modules\n[mariadb]\n";

    %key = (database => 'winnow', user => 'root', %key);
    $text .= "$_ = $key{$_}\n" for grep { defined $key{$_} } sort keys %key;
    make_path("$folder/conf.d");
    Winnow::Instance::spew("$folder/winnow.conf", $text);
    return "$folder/winnow.conf";
}

# Exit status and what it said.
sub ctl {
    my ($config, @words) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec $ctl, '-c', $config, @words or POSIX::_exit(127);
    }
    local $/;
    my $text = <$out> // '';
    close $out;
    return ($? >> 8, $text);
}

sub file {
    my ($name, $text) = @_;
    Winnow::Instance::spew("$folder/$name", $text);
    return "$folder/$name";
}

my $db = Winnow::Mariadb->new(tcp => 1);
my $config = config(hosts => $db->host);
my ($status, $text);

subtest 'no database, or one without tables' => sub {
    ($status, $text) = ctl(config(hosts => undef), 'db', 'init');
    is($status, 1, 'none is configured');
    like($text, qr/no settings database: .*has no \[mariadb\] hosts/, 'said so');
    $config = config(hosts => $db->host);
    ($status, $text) = ctl($config, 'db', 'export', 'urls');
    is($status, 1, 'no database of that name');
    like($text, qr/winnowctl db init/, 'the cure');
    ($status, $text) = ctl($config, 'db', 'lookup', 'cars', 'x');
    is($status, 2, 'an unknown list is a usage error');
};

subtest 'db init, twice' => sub {
    ($status, $text) = ctl($config, 'db', 'init');
    is($status, 0, 'done') or diag $text;
    like($text, qr/created database winnow/, 'made the database');
    like($text, qr/applied schema\.sql: version 1\n.*: version 2\n/, 'each step is told');
    like($text, qr/GRANT SELECT ON `winnow`\.\*/, 'the rights to grant');
    is($db->value('SELECT GROUP_CONCAT(version) FROM schema_version'), '1,2', 'versions');
    ($status, $text) = ctl($config, 'db', 'init');
    is($status, 0, 'again');
    like($text, qr/version 2 of the schema: nothing to do/, 'nothing was done');
};

subtest 'from version 1, and from a half-done step' => sub {
    $db->run('DROP DATABASE winnow; CREATE DATABASE winnow', database => 'mysql');
    $db->run(Winnow::Instance::slurp(Winnow::Instance::source() . '/core/sync/schema.sql'));
    $db->run("INSERT INTO schema_version VALUES (1, NOW(), 'test');"
            . " INSERT INTO domain (name) VALUES ('kept.example');"
            . ' CREATE TABLE settings_revision (id TINYINT UNSIGNED PRIMARY KEY,'
            . ' revision BIGINT UNSIGNED NOT NULL)');
    ($status, $text) = ctl($config, 'db', 'export', 'urls');
    is($status, 1, 'an old schema is not used');
    like($text, qr/has version 1 of the schema, this program needs 2: run "winnowctl db init"/,
        'both numbers and the cure');
    ($status, $text) = ctl($config, '--json', 'db', 'init');
    is($status, 0, 'brought up to date') or diag $text;
    like($text, qr/"version":2,"applied":\[2\]/, 'the second step alone');
    is($db->value('SELECT name FROM domain'), 'kept.example', 'what was there stays');
    $db->run('INSERT INTO schema_version (version, applied_by) VALUES (9, 0)');
    ($status, $text) = ctl($config, 'db', 'init');
    is($status, 1, 'a newer schema is refused');
    like($text, qr/version 9 of the schema, this program knows 2/, 'both numbers');
    ($status, $text) = ctl($config, 'db', 'export', 'urls');
    is($status, 1, 'by all commands');
    $db->run('DELETE FROM schema_version WHERE version = 9; DELETE FROM domain');
};

sub revision { $db->value('SELECT revision FROM settings_revision') }

sub changes_since {
    my ($revision) = @_;
    return $db->rows('SELECT table_name, domain, row_key, actor, COALESCE(`old`, "-"),'
            . " COALESCE(`new`, '-') FROM setting_change WHERE revision > $revision ORDER BY id");
}

subtest 'any change raises the revision and is recorded' => sub {
    my $before = revision();

    $db->run("INSERT INTO domain (name) VALUES ('a.example')");
    is(revision(), $before + 1, 'INSERT');
    my $change = changes_since($before)->[0];
    is_deeply([ @$change[ 0 .. 3 ] ], [ 'domain', 'a.example', 'a.example', 'root@localhost' ],
        'which row, and who');
    is($change->[4], '-', 'nothing before');
    like($change->[5], qr/"name": "a.example", "enabled": 1, "status": "ready"/, 'the new row');

    $before = revision();
    $db->run("SET \@winnow_actor = 'alice'; UPDATE domain SET firewall = 1");
    ($change) = @{ changes_since($before) };
    is(revision(), $before + 1, 'UPDATE');
    is($change->[3], 'alice via root@localhost', 'whom the panel acts for');
    like("$change->[4] $change->[5]", qr/"firewall": 0,.*"firewall": 1,/, 'old and new');

    $before = revision();
    $db->run('UPDATE domain SET firewall = 1');
    is(revision(), $before, 'an UPDATE that changes nothing is none');

    $db->run("INSERT INTO domain_server (domain, position, host) VALUES ('a.example', 1, '::1');"
            . " INSERT INTO domain_filter (domain, filter) VALUES ('a.example', 'rbl');"
            . " INSERT INTO domain_filter_option VALUES ('a.example', 'rbl', 'action.text', 'x');"
            . " INSERT INTO mailbox (domain, local_part) VALUES ('a.example', 'joe');"
            . " INSERT INTO access_entry (domain, verdict, kind, value)"
            . " VALUES ('a.example', 'allow', 'client', '192.0.2.1');"
            . " INSERT INTO relay VALUES ('r1', 's', 5, 1)");
    is(revision(), $before + 6, 'every table');
    $before = revision();
    $db->run('UPDATE domain_server SET position = 2');
    is_deeply([ map { $_->[2] } @{ changes_since($before) } ], [ 'a.example/1', 'a.example/2' ],
        'another key: the old row and the new one');
    $before = revision();
    $db->run('START TRANSACTION; UPDATE domain SET enabled = 0; ROLLBACK');
    is(revision(), $before, 'what is rolled back did not happen');
    $db->run("DELETE FROM domain WHERE name = 'a.example'");
    is_deeply([ sort map { $_->[0] } @{ changes_since($before) } ],
        [ sort qw(domain domain_server domain_filter domain_filter_option mailbox access_entry) ],
        'DELETE of a domain records all that went with it');
    is($db->value('SELECT COUNT(*) FROM mailbox'), 0, 'and it went');

    ($status, $text) = $db->sql("INSERT INTO domain (name) VALUES ('Upper.example')",
        database => 'winnow');
    isnt($status, 0, 'a name that is not lower case is refused');
    ($status, $text) = $db->sql("INSERT INTO domain_server (domain, position, host)"
            . " VALUES ('none.example', 1, 'x')", database => 'winnow');
    isnt($status, 0, 'a server of no domain is refused');
};

subtest 'transactions stand in line for the revision' => sub {
    my $before = revision();
    my $first = fork // die;
    if ($first == 0) {
        $db->sql("START TRANSACTION; INSERT INTO domain (name) VALUES ('first.example');"
                . ' DO SLEEP(1); COMMIT', database => 'winnow');
        POSIX::_exit(0);
    }
    sleep 0.4;
    my $begun = time;
    $db->run("INSERT INTO domain (name) VALUES ('second.example')");
    cmp_ok(time - $begun, '>', 0.3, 'the second waited for the commit of the first');
    waitpid $first, 0;
    is_deeply([ map { $_->[2] } @{ changes_since($before) } ],
        [ 'first.example', 'second.example' ], 'revisions in the order of the commits');
};

subtest 'lookup finds a number however it was written' => sub {
    my $list = file('phones', "+1 212 555 0199\n(212) 555-0198\n+44 (0)20 7946 0958\n");

    ($status, $text) = ctl($config, 'db', 'import', 'phones', $list);
    is($status, 0, 'imported') or diag $text;
    for my $value ('12125550199', '+1-212-555-0199', '1 212 555 0198', '442079460958',
        '0044 20 7946 0958') {
        ($status, $text) = ctl($config, 'db', 'lookup', 'phones', $value);
        is($status, 0, $value) or diag $text;
    }
    ($status, $text) = ctl($config, 'db', 'lookup', 'phones', '12125550197');
    is($status, 1, 'another number is not in the list');
    ($status, $text) = ctl($config, 'db', 'lookup', 'phones', 'none');
    is($status, 1, 'nor is a word');
};

subtest 'lookup finds what mail matches, however it was written' => sub {
    $db->run("INSERT INTO url_entry (value) VALUES ('Shop-A.COM/x'), ('http://www.Page-b.com/y')");
    $db->run("INSERT INTO phrase_entry (value) VALUES ('Genuine Swiss replica watches, delivered')");
    for my $case ([ 'urls', 'shop-a.com/x' ], [ 'urls', 'http://SHOP-A.com/x/deeper' ],
        [ 'urls', 'page-b.com/y' ], [ 'urls', 'https://www.page-b.com/y' ],
        [ 'phrases', 'genuine swiss replica watches delivered' ]) {
        ($status, $text) = ctl($config, 'db', 'lookup', @$case);
        is($status, 0, "@$case is found") or diag $text;
    }
    for my $case ([ 'urls', 'shop-a.com' ], [ 'urls', 'page-b.com/z' ],
        [ 'phrases', 'genuine swiss replica' ]) {
        ($status, $text) = ctl($config, 'db', 'lookup', @$case);
        is($status, 1, "@$case is not") or diag $text;
    }
    ($status, $text) = ctl($config, 'db', 'lookup', 'urls', '');
    is($status, 2, 'nothing is no question');
    like($text, qr/nothing to look up/, 'which is said');
    $db->run('DELETE FROM url_entry');
    $db->run('DELETE FROM phrase_entry');
};

subtest 'import, export, lookup' => sub {
    my $before = revision();
    my $list = file('urls', "\xef\xbb\xbf# a comment\nbad.example\r\n  worse.example/shop  \n"
            . "\nbad.example  # again\nhttp://evil.example/a?b=c\t# with a comment\n");

    ($status, $text) = ctl($config, 'db', 'import', 'urls', $list, '--source', 'desk',
        '--note', "it's", '--expires', '30d');
    is($status, 0, 'imported') or diag $text;
    like($text, qr/urls:5: the same as line 2/, 'the duplicate is told with its line');
    like($text, qr/urls: 3 added, 0 were there already, 1 twice in the file, 0 refused/, 'sums');
    is(revision(), $before + 3, 'each row is a change');
    ($status, $text) = ctl($config, 'db', 'import', 'urls', $list);
    like($text, qr/0 added, 3 were there already/, 'again: nothing');
    is(revision(), $before + 3, 'and no change');
    ($status, $text) = ctl($config, 'db', 'export', 'urls');
    is($text, "bad.example\nhttp://evil.example/a?b=c\nworse.example/shop\n", 'exported');
    file('again', $text);
    $db->run('DELETE FROM url_entry');
    ctl($config, 'db', 'import', 'urls', "$folder/again");
    is((ctl($config, 'db', 'export', 'urls'))[1], $text, 'there and back');

    ($status, $text) = ctl($config, '--json', 'db', 'lookup', 'urls', 'bad.example');
    is($status, 0, 'looked up');
    like($text, qr/^\{"id":\d+,"value":"bad.example","source":"","note":"","added_at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ","expires_at":null\}$/,
        'as JSON');
    for my $case ([ 'http://www.BAD.example:80/x', 'bad.example' ],
        [ 'worse.example/shop/cart?x=1', 'worse.example/shop' ]) {
        ($status, $text) = ctl($config, 'db', 'lookup', 'urls', $case->[0]);
        like($text, qr/^\Q$case->[1]\E\n  id \d+/, "$case->[0] is covered by $case->[1]");
    }
    ($status, $text) = ctl($config, 'db', 'lookup', 'urls', 'worse.example');
    is($status, 1, 'what is not listed');
    like($text, qr/not in the list/, 'is not');
    ($status, $text) = ctl($config, 'db', 'lookup', 'urls', "x' OR '1'='1");
    is($status, 1, 'SQL in a value is a value');
};

subtest 'refused lines: all or nothing' => sub {
    my $list = file('phrases', "buy our cheap watches today and save money now\n"
            . "bro\xffken text that goes on for seven words\n"
            . ('x' x 800) . "\n" . "a phrase with a control \x01 character inside of it here\n");

    ($status, $text) = ctl($config, 'db', 'import', 'phrases', $list);
    is($status, 1, 'refused');
    like($text, qr/phrases:2: refused: is not UTF-8 text/, 'with the line');
    like($text, qr/phrases:3: refused: has 800 characters, more than 768/, 'and the reason');
    like($text, qr/phrases:4: refused: has a control character/, 'each');
    like($text, qr/3 lines are refused: nothing was imported/, 'nothing was imported');
    is($db->value('SELECT COUNT(*) FROM phrase_entry'), 0, 'truly');
    ($status, $text) = ctl($config, 'db', 'import', 'phrases', $list, '--skip-refused');
    is($status, 0, 'the rest, when asked for');
    is($db->value('SELECT COUNT(*) FROM phrase_entry'), 1, 'is there');
    ($status, $text) = ctl($config, 'db', 'import', 'phrases', $list, '--expires', '2001-01-01');
    is($status, 2, 'an expiry in the past is a mistake');
    ($status, $text) = ctl($config, 'db', 'import', 'phrases', "$folder/absent");
    is($status, 1, 'no such file');
};

subtest 'a long list' => sub {
    my $n = $ENV{WN_IMPORT_ROWS} // 120_000;
    my $list = file('long', join '', map {"host-$_.bulk.example\n"} 1 .. $n);
    my $before = revision();
    my $begun = time;

    ($status, $text) = ctl($config, 'db', 'import', 'urls', $list, '--source', 'bulk');
    my $seconds = time - $begun;
    is($status, 0, 'imported') or diag $text;
    diag(sprintf '%d rows in %.1f s', $n, $seconds);
    like($text, qr/^100000 of $n lines$/m, 'progress is told');
    is(revision(), $before + 1, 'one change');
    my ($change) = @{ changes_since($before) };
    is_deeply([ @$change[ 0, 2 ] ], [ 'url_entry', '*' ], 'that tells to read the table anew');
    like($change->[5], qr/\{"added": $n, "source": "bulk"\}/, 'with how much');
    $db->run("INSERT INTO url_entry (value) VALUES ('one.example')");
    is(revision(), $before + 2, 'a plain INSERT beside it is noticed');

    $db->run("DELETE FROM url_entry WHERE source = 'bulk'") if $n < 200_000;
};

# Of transactions that are not committed.  The server keeps its answer as long as
# it is asked more often than ten times a second.
sub changed_rows {
    my ($server) = @_;
    return $server->value('DO SLEEP(0.15);'
            . ' SELECT COALESCE(SUM(trx_rows_modified), 0) FROM information_schema.innodb_trx');
}

subtest 'an import that is killed leaves nothing' => sub {
    my $count = $db->value('SELECT COUNT(*) FROM url_entry');
    my $before = revision();
    my $list = file('killed', join '', map {"host-$_.killed.example\n"} 1 .. 400_000);
    my $pid = fork // die;

    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        exec $ctl, '-c', $config, 'db', 'import', 'urls', $list;
    }
    ok(Winnow::Instance::wait_for(sub { changed_rows($db) > 20_000 }, 60), 'it is at work');
    kill KILL => $pid;
    waitpid $pid, 0;
    ok(Winnow::Instance::wait_for(sub { changed_rows($db) == 0 }, 60), 'the server has undone it');
    is($db->value('SELECT COUNT(*) FROM url_entry'), $count, 'no row');
    is(revision(), $before, 'no change');
};

subtest 'rights' => sub {
    $db->run("CREATE USER relay\@localhost IDENTIFIED BY 'geheim'; "
            . 'GRANT SELECT ON winnow.* TO relay@localhost');
    my $secret = file('password', "geheim\n");
    my $as_relay = config(hosts => $db->host, user => 'relay', password_file => $secret);

    chmod 0644, $secret;
    ($status, $text) = ctl($as_relay, 'db', 'export', 'phones');
    is($status, 1, 'a password that all can read is not used');
    like($text, qr/password: others may read or change the password file/, 'said');
    chmod 0640, $secret;
    ($status, $text) = ctl($as_relay, 'db', 'export', 'phones');
    is($status, 0, 'the group may read it') or diag $text;
    ($status, $text) = ctl($as_relay, 'db', 'import', 'urls', file('one', "one-more.example\n"));
    is($status, 1, 'the relay may not change settings');
    like($text, qr{denied .*\(42000/1142\)\n.*--user}s, 'said, with the cure');
    file('password', "falsch\n");
    chmod 0600, $secret;
    ($status, $text) = ctl($as_relay, 'db', 'export', 'phones');
    like($text, qr{Access denied .*\(28000/1045\)}, 'a wrong password');
    ($status, $text) = ctl($as_relay, 'db', 'export', 'phones', '--user', 'root');
    is($status, 0, 'another account') or diag $text;
};

subtest 'the rights that db init prints are enough, and not more' => sub {
    ($status, $text) = ctl(config(hosts => $db->host, user => 'winnow'), 'db', 'init', '--user', 'root');
    my $grants = join "\n", grep {/^(?:CREATE|GRANT) /} split /\n/, $text;
    my $panel = config(hosts => $db->host, user => 'winnow-panel',
        password_file => file('panel-password', '...'));

    chmod 0600, "$folder/panel-password";
    $grants =~ s/ REQUIRE SSL//;
    $db->run($grants);
    my $before = revision();
    $db->run("INSERT INTO domain (name) VALUES ('panel.example')", user => 'winnow-panel',
        password => '...');
    is(changes_since($before)->[0][3], 'winnow-panel@localhost', 'a panel adds a domain');
    ($status, $text) = ctl($panel, 'db', 'import', 'phones',
        file('numbers', join '', map { 4420790000000 + $_ . "\n" } 1 .. 11_000));
    is($status, 0, 'and imports a long list') or diag $text;
    is(revision(), $before + 2, 'which is noticed');
    for my $forbidden ('UPDATE settings_revision SET revision = 0', 'DELETE FROM setting_change',
        "CALL winnow_record('domain', 'x', 'x', NULL, NULL)", 'DROP TABLE domain') {
        ($status, $text) = $db->sql($forbidden, database => 'winnow', user => 'winnow-panel',
            password => '...');
        isnt($status, 0, "not allowed: $forbidden");
    }
    my @relay = (database => 'winnow', user => 'winnow', password => '...');
    ($status, $text) = $db->sql("INSERT INTO relay_status VALUES ('r', 1, 1, '1', NOW())"
            . ' ON DUPLICATE KEY UPDATE generation = 2; DELETE FROM sync_problem;'
            . ' SELECT revision FROM settings_revision', @relay);
    is($status, 0, 'a relay tells its state') or diag $text;
    ($status, $text) = $db->sql('UPDATE domain SET enabled = 0', @relay);
    isnt($status, 0, 'and changes no setting');
    $db->run('DELETE FROM phone_entry');
};

subtest 'rows and tables that are not as they should be' => sub {
    $db->run('DELETE FROM phone_entry; ALTER TABLE phone_entry MODIFY note VARCHAR(2000) NULL,'
            . ' MODIFY value VARBINARY(64);'
            . ' SET @winnow_bulk = 1;' # the triggers refuse what is no UTF-8
            . " INSERT INTO phone_entry (id, value, note) VALUES (901, '441', ''), (902, '442', NULL),"
            . " (903, '443', REPEAT('x', 1500)), (904, x'34ff', ''), (905, '445', '')");
    ($status, $text) = ctl($config, 'db', 'export', 'phones');
    is($status, 1, 'not whole');
    like($text, qr/phone_entry 902: note is NULL/, 'NULL');
    like($text, qr/phone_entry 903: note is too long/, 'too long');
    like($text, qr/phone_entry 904: value is not UTF-8 text/, 'not UTF-8');
    like($text, qr/^441\n.*?^445\n/ms, 'the others are read');
    $db->run('ALTER TABLE phone_entry DROP COLUMN note');
    ($status, $text) = ctl($config, 'db', 'export', 'phones');
    is($status, 1, 'a dropped column');
    like($text, qr{phone_entry: Unknown column 'note' .*42S22/1054}, 'is named');
    $db->run('SET @winnow_bulk = 1; DELETE FROM phone_entry; ALTER TABLE phone_entry'
            . " ADD COLUMN note VARCHAR(255) NOT NULL DEFAULT '' AFTER source,"
            . ' MODIFY value VARCHAR(32) NOT NULL');
    is($db->value('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;'
            . ' START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SELECT 1; ROLLBACK'), 1,
        'the reading transaction');
};

# A server that is none: fn gets each connection.
sub fake {
    my ($fn) = @_;
    my $socket = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
    my $pid = fork // die;

    return ($socket->sockport, $pid) if $pid;
    while (my $client = $socket->accept) {
        $fn->($client);
    }
    POSIX::_exit(0);
}

sub packet {
    my ($number, $body) = @_;
    return substr(pack('V', length $body), 0, 3) . chr($number) . $body;
}

sub read_packet {
    my ($client) = @_;
    my ($head, $body);
    read($client, $head, 4) == 4 or return undef;
    read($client, $body, unpack('V', substr($head, 0, 3) . "\0"));
    return $body;
}

# Greets, lets anybody in, and answers each query by asking for a file.
sub rogue {
    my ($client) = @_;
    my $greeting = "\x0a5.5.5-10.11.0-MariaDB\0" . pack('V', 1) . '12345678' . "\0"
        . pack('v', 0xf7ff & ~0x0800) . chr(45) . pack('v', 2) . pack('v', 0x801f) . chr(21)
        . ("\0" x 10) . "123456789012\0" . "mysql_native_password\0";
    my $ok = "\0\0\0" . pack('v', 2) . "\0\0";

    $client->autoflush(1);
    print $client packet(0, $greeting);
    read_packet($client) // return;
    print $client packet(2, $ok);
    while (defined(my $query = read_packet($client))) {
        print $client packet(1, "\xfb$folder/secret");
        my $sent = read_packet($client) // last;
        Winnow::Instance::spew("$folder/stolen", $sent) if length $sent;
        Winnow::Instance::spew("$folder/asked", $query);
        print $client packet(3, $ok);
    }
}

subtest 'a server that asks for local files' => sub {
    file('secret', 'the private key');
    my ($port, $pid) = fake(\&rogue);
    my $rogue = config(hosts => "127.0.0.1:$port", tls => 'off');

    ($status, $text) = ctl($rogue, 'db', 'export', 'phones');
    is($status, 1, 'is left');
    like($text, qr/127\.0\.0\.1:$port: .*(?:infile|file)/i, 'and named') or diag $text;
    ok(-e "$folder/asked", 'it had its chance');
    ok(!-e "$folder/stolen", 'the file was not sent');
    note $text;
    kill KILL => $pid;
    waitpid $pid, 0;
};

subtest 'a host that accepts and never answers; the next one is asked' => sub {
    my @kept;
    my ($port, $pid) = fake(sub { push @kept, $_[0] });
    my $begun = time;

    ($status, $text) = ctl(config(hosts => "127.0.0.1:$port", tls => 'off'), 'db', 'export', 'phones');
    my $seconds = time - $begun;
    is($status, 1, 'fails');
    cmp_ok($seconds, '<', 8, sprintf 'within its time (%.1f s)', $seconds);
    ($status, $text) = ctl(config(hosts => "127.0.0.1:$port; " . $db->host, tls => 'off'),
        'db', 'export', 'phones');
    is($status, 0, 'a second host answers') or diag $text;
    kill KILL => $pid;
    waitpid $pid, 0;

    ($status, $text) = ctl(config(hosts => "127.0.0.1:$port; unix:/nonexistent/sock", tls => 'off'),
        'db', 'export', 'phones');
    is($status, 1, 'none answers');
    like($text, qr{127\.0\.0\.1:$port: cannot connect: .*; unix:/nonexistent/sock: cannot connect: }s,
        'each is named');
};

subtest 'changes pass over a replica' => sub {
    my $replica = Winnow::Mariadb->new(server => ['--read-only=1']);
    my $both = config(hosts => $replica->host . '; ' . $db->host);

    $replica->run('CREATE USER r@localhost; GRANT ALL ON *.* TO r@localhost;'
            . ' REVOKE READ_ONLY ADMIN ON *.* FROM r@localhost', database => 'mysql');
    ($status, $text) = ctl($both, 'db', 'import', 'phones', file('p', "442079460000\n"));
    is($status, 0, 'imported') or diag $text;
    is($db->value('SELECT COUNT(*) FROM phone_entry'), 1, 'into the server that takes changes');
    ($status, $text) = ctl(config(hosts => $replica->host), 'db', 'init');
    is($status, 1, 'a replica alone is refused');
    like($text, qr/read-only/, 'and why');
};

subtest 'TLS' => sub {
    my $made = 0 == system "cd $folder && for n in good other; do openssl req -x509 -newkey rsa:2048"
        . " -nodes -keyout \$n.key -out \$n.pem -days 2 -subj /CN=winnow-test-\$n"
        . ' -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1 || exit 1; done';
    plan skip_all => 'openssl is not installed' unless $made;

    $db->run("CREATE USER tls\@'127.0.0.1'; GRANT SELECT ON winnow.* TO tls\@'127.0.0.1'");
    ($status, $text) = ctl(config(hosts => $db->tcp_host, user => 'tls', tls => 'off'),
        'db', 'export', 'phones');
    is($status, 0, 'without TLS, as asked for') or diag $text;
    ($status, $text) = ctl(config(hosts => $db->tcp_host, user => 'tls', tls_ca => 'good.pem'),
        'db', 'export', 'phones');
    is($status, 1, 'required, and the server has none');
    like($text, qr/TLS|SSL/, 'said') or diag $text;
    note $text;

    $db->stop;
    $db->{option}{tls} = { map { $_ => "$folder/good." . ($_ eq 'key' ? 'key' : 'pem') } qw(cert key ca) };
    $db->start;
    for my $case ([ 'the right authority', 'good.pem', undef, 0 ],
        [ 'another authority', 'other.pem', undef, 1 ],
        [ 'the system\'s authorities', undef, undef, 1 ],
        [ 'another name', 'good.pem', 'localhost', 1 ]) {
        my ($name, $ca, $host, $expected) = @$case;
        my $at = $host ? "$host:$db->{port}" : $db->tcp_host;
        ($status, $text) = ctl(config(hosts => $at, user => 'tls', tls_ca => $ca), 'db', 'export',
            'phones');
        is($status, $expected, $name) or diag $text;
        note $text;
        like($text, qr/certificate|TLS|SSL|verif|Unknown .*host/i, "$name: said") if $expected;
    }
    ($status, $text) = ctl(config(hosts => $db->tcp_host, user => 'tls', tls_ca => 'absent.pem'),
        'db', 'export', 'phones');
    like($text, qr/absent\.pem: No such file/, 'an absent authority is named');
};

done_testing();
