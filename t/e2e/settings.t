#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# What an operator changes without SQL and without an editor: domains, filters,
# mailboxes; snapshots compared and rolled back.  The same commands against
# files and against a real MariaDB, with the results seen by SMTP.

use strict;
use warnings;
use v5.32;

use Fcntl qw(:flock);
use JSON::PP;
use Test::More;
use Winnow::Instance;
use Winnow::Mariadb;

my %filters = (
    '10-firewall' => "[filter firewall]\naction = reject\n",
    '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases\n",
    '50-mild' => "[filter mild]\nplugin = phrase\naction = modify_subject\n"
        . "action.tag = [mild]\nphrases = ../mild\n",
);
my $bad = "Subject: offer\n\nWe buy used teapots in any condition.\n";
my $mild = "Subject: news\n\nA green submarine comes for every reader.\n";
my $good = "Subject: hello\n\nNothing but good words.\n";
my ($w, $exit, $text, $sink);

sub relay {
    my (%option) = @_;
    my $relay = Winnow::Instance->new(filters => \%filters, %option);
    Winnow::Instance::spew("$relay->{dir}/phrases", "we buy used teapots in any condition\n");
    Winnow::Instance::spew("$relay->{dir}/mild", "a green submarine comes for every reader\n");
    return $relay;
}

sub mail {
    my ($message, %option) = @_;
    return $w->smtp->mail(from => 'a@sender.test', to => 'u@new.example',
        message => $message, %option) // 'no answer';
}

# winnowctl that must do it, and say when it is live.
sub change {
    my (@words) = @_;
    ($exit, $text) = $w->ctl(@words);
    is($exit, 0, "@words") or diag($text);
    like($text, qr/^live: snapshot \d+/m, 'and it is live') or diag($text);
}

# One that must not.
sub refused {
    my ($what, $wanted, @words) = @_;
    ($exit, $text) = $w->ctl(@words);
    is($exit, 1, "refused: $what") or diag($text);
    like($text, $wanted, 'and why') or diag($text);
}

sub shown {
    my ($domain) = @_;
    return decode_json(($w->ctl('domain', 'show', $domain, '--json'))[1]);
}

sub order { return join ' ', map { $_->{filter} } @{ shown($_[0])->{filters} } }

# The generation in use, and whether it is pinned.
sub in_use {
    my ($found) = grep { $_->{in_use} }
        Winnow::Instance::json_lines(($w->ctl('snapshot', 'list', '--json'))[1]);
    return @$found{qw(generation pinned)};
}

# The same with both sources.
sub commands {
    my ($bogus) = @_;

    like(mail($good), qr/^550 5\.7\.1/, 'not a domain of ours yet');
    change('domain', 'add', 'New.Example', '--server', $sink);
    like(mail($good), qr/^250/, 'now it is');
    like(mail($bad), qr/^550/, 'with the default chain');
    my ($first) = in_use();
    refused('a second time', qr/new\.example is one of the domains already/,
        'domain', 'add', 'new.example', '--server', $sink);
    refused('no name', qr/"a b":/, 'domain', 'add', 'a b', '--server', $sink);
    refused('a server that is none', qr/65536|port/, 'domain', 'add', 'x.example', '--server',
        'h:65536');
    like(($w->smtp->mail(from => 'a@b.test', to => 'u@x.example', message => $good)), qr/^550/,
        'and there is no such domain');

    refused('an unknown key', qr/delivry: unknown key \(did you mean "delivery"\?\)/,
        'domain', 'set', 'new.example', 'delivry', 'even');
    my $words = "$sink tls none; [2001:db8::7]:25 weight 3; mx.new.example:25 tls verify";
    change('domain', 'set', 'new.example', 'servers', $words);
    is(shown('new.example')->{servers}{value}, $words, 'weights and policies of servers');
    refused('a bad weight', qr/servers: .*from 1 to 65535/, 'domain', 'set', 'new.example',
        'servers', "$sink weight 0");
    change('domain', 'set', 'new.example', 'servers', $sink);
    refused('a bad value', qr/tls: .*verify/, 'domain', 'set', 'new.example', 'tls', 'perhaps');
    refused('one bad value of two', qr/nothing was changed/,
        'domain', 'set', 'new.example', 'delivery', 'ordered', 'tls', 'perhaps');
    is(shown('new.example')->{delivery}{value}, 'even', 'neither was set');
    refused('a line end', qr/line end/, 'domain', 'set', 'new.example', 'reject_text',
        "x\n[domain evil.example]");
    refused('another domain', qr/other\.example is not one of the domains/,
        'domain', 'set', 'other.example', 'tls', 'may');
    change('domain', 'set', 'new.example', 'delivery', 'ordered', 'queue_lifetime', '2d',
        'max_message_size', '2M', 'reject_text', 'Call us.', 'tls', 'none');
    my $shown = shown('new.example');
    is($shown->{delivery}{value}, 'ordered', 'delivery');
    is($shown->{queue_lifetime}{value}, 172800, 'queue_lifetime');
    is($shown->{max_message_size}{value}, 2097152, 'max_message_size');
    like(mail($bad), qr/^550.*Call us\./, 'reject_text');
    like($shown->{delivery}{from}, $bogus->{domain}, 'where it comes from');
    is($shown->{mailboxes}{from}, 'default', 'and what does not');
    change('suspend', 'new.example');
    is(shown('new.example')->{status}{value}, 'suspended', 'suspended');
    change('resume', 'new.example');
    is(shown('new.example')->{status}{value}, 'ready', 'and back');
    is(($w->ctl('suspend'))[0], 2, 'usage');
    is(($w->ctl('suspend', 'new.example', 'other.example'))[0], 2, 'one at a time');
    refused('a domain that is none', qr/is not one of the domains/, 'suspend', 'absent.example');
    change('domain', 'unset', 'new.example', 'reject_text', 'tls');
    unlike(mail($bad), qr/Call us/, 'unset');
    is(shown('new.example')->{tls}{value}, 'may', 'back to the default');

    change('filter', 'disable', 'new.example', 'phrase');
    like(mail($bad), qr/^250/, 'phrase is off');
    change('filter', 'enable', 'new.example', 'phrase');
    like(mail($bad), qr/^550/, 'and on');
    refused('no such filter', qr/conf\.d has no filter "phrse" \(did you mean "phrase"\?\)/,
        'filter', 'disable', 'new.example', 'phrse');
    change('filter', 'set', 'new.example', 'phrase', 'action.text', 'No teapots.');
    like(mail($bad), qr/^550.*No teapots\./, 'a text of its own');
    refused('an option that is none', qr/action\.txt: .*did you mean "(?:action\.)?text"/,
        'filter', 'set', 'new.example', 'phrase', 'action.txt', 'x');
    refused('an action that is none', qr/rejct.*did you mean "reject"/,
        'filter', 'set', 'new.example', 'phrase', 'action', 'rejct');
    like(mail($bad), qr/^550.*No teapots\./, 'nothing of that holds');
    change('filter', 'set', 'new.example', 'mild', 'action', 'reject', 'on_error', 'tempfail');
    like(mail($mild), qr/^550/, 'another action');
    my ($filter) = grep { $_->{filter} eq 'mild' } @{ shown('new.example')->{filters} };
    like($filter->{origins}{action}, $bogus->{filter}, 'where the action comes from');
    like($filter->{origins}{position}, qr{conf\.d/50-mild\.conf}, 'and the position');
    ($filter) = grep { $_->{filter} eq 'phrase' } @{ shown('new.example')->{filters} };
    like($filter->{options}{'action.text'}{from}, $bogus->{option}, 'and the text');
    like($filter->{options}{phrases}{from}, qr{^conf\.d/30-phrase\.conf:3$}, "and conf.d's");
    change('filter', 'unset', 'new.example', 'phrase', 'action.text');
    unlike(mail($bad), qr/No teapots/, 'without it');

    is(order('new.example'), 'firewall phrase mild', 'the order');
    change('filter', 'move', 'new.example', 'mild', 'before', 'phrase');
    is(order('new.example'), 'firewall mild phrase', 'before another');
    change('filter', 'move', 'new.example', 'firewall', 'after', 'phrase');
    is(order('new.example'), 'mild phrase firewall', 'after another');
    change('filter', 'move', 'new.example', 'phrase', '1');
    is(order('new.example'), 'phrase mild firewall', 'to a position');
    change('filter', 'move', 'new.example', 'phrase', '2');
    change('filter', 'move', 'new.example', 'mild', '3');
    change('filter', 'move', 'new.example', 'firewall', 'after', 'phrase');
    is(order('new.example'), 'phrase firewall mild', 'where no number was left');
    refused('a position that is none', qr/position/, 'filter', 'move', 'new.example', 'mild', 'top');
    is(($w->ctl('filter', 'move', 'new.example', 'mild', 'before'))[0], 2, 'usage');
    is(($w->ctl('filter', 'turn', 'new.example', 'mild'))[0], 2, 'usage');
    is(($w->ctl('domain', 'add', 'y.example'))[0], 2, 'usage: no server');

    change('access', 'add', 'new.example', 'block', 'sender', 'A@sender.test');
    like(mail($good), qr/^550/, 'a blocked sender');
    change('access', 'add', 'new.example', 'allow', 'client', '127.0.0.0/8');
    like(($w->ctl('access', 'list', 'new.example'))[1],
        qr{^allow client 127\.0\.0\.0/8\nblock sender a\@sender\.test\n}mi, 'the entries');
    refused('a network that is none', qr{300\.0\.0\.0/8},
        'access', 'add', 'new.example', 'block', 'client', '300.0.0.0/8');
    refused('what is not there', qr/b\@sender\.test/,
        'access', 'remove', 'new.example', 'block', 'sender', 'b@sender.test');
    change('access', 'remove', 'new.example', 'allow', 'client', '127.0.0.0/8');
    change('access', 'remove', 'new.example', 'block', 'sender', 'A@sender.test');
    like(mail($good), qr/^250/, 'not any more');
    is(($w->ctl('access', 'add', 'new.example', 'forbid', 'client', '::1'))[0], 2, 'usage');

    change('mailbox', 'add', 'new.example', 'U', 'v.w');
    change('mailbox', 'add', 'new.example', 'calm', '--filtering', 'off');
    change('domain', 'set', 'new.example', 'mailboxes', 'listed');
    like(mail($good), qr/^250/, 'a listed mailbox');
    like(mail($good, to => 'x@new.example'), qr/^550/, 'another');
    like(mail($bad, to => 'calm@new.example'), qr/^250/, 'one without filters');
    like(($w->ctl('mailbox', 'list', 'new.example'))[1], qr/^calm filtering=off\n.*^v\.w$/ms, 'list');
    my ($composed, $apart) = ("j\xc3\xb6rg", "jo\xcc\x88rg");
    change('mailbox', 'add', 'new.example', $apart);
    is(scalar(my @same = (($w->ctl('mailbox', 'list', 'new.example'))[1]) =~ /^\Q$composed\E$/mg), 1,
        'a mailbox beyond ASCII, in NFC');
    for my $to ($composed, $apart, ucfirst $composed) {
        my $smtp = $w->smtp;
        $smtp->cmd('MAIL FROM:<a@b.test> SMTPUTF8');
        like($smtp->cmd("RCPT TO:<$to\@new.example>"), qr/^250/, 'is known however it is typed');
    }
    {
        my $smtp = $w->smtp;
        $smtp->cmd('MAIL FROM:<a@b.test> SMTPUTF8');
        like($smtp->cmd("RCPT TO:<j\xc3\xa4rg\@new.example>"), qr/^550/, 'another is not');
    }
    change('mailbox', 'remove', 'new.example', $composed);
    change('mailbox', 'remove', 'new.example', 'v.w');
    like(mail($good, to => 'v.w@new.example'), qr/^550/, 'not any more');
    refused('twice', qr/has no mailbox v\.w/, 'mailbox', 'remove', 'new.example', 'v.w');

    # What differs, and back.
    my ($last) = in_use();
    ok($last > $first, "generations $first to $last");
    ($exit, $text) = $w->ctl('snapshot', 'diff', $last - 1, $last);
    like($text, qr/^new\.example:\n    mailbox v\.w: removed/m, 'the last change') or diag($text);
    ($exit, $text) = $w->ctl('snapshot', 'diff', $last - 1, 'current', '--json');
    my ($change) = Winnow::Instance::json_lines($text);
    is_deeply($change,
        { domain => 'new.example', change => 'changed', values =>
            [ { key => 'mailbox v.w', old => 'filtering default', new => undef } ] },
        'as JSON') or diag($text);
    is(($w->ctl('snapshot', 'diff', $last, $last))[1], "no difference\n", 'no difference');
    is(($w->ctl('snapshot', 'diff', $last, 4711))[0], 1, 'none of that number');
    is(($w->ctl('snapshot', 'diff', $last))[0], 2, 'usage');

    my $back = $last - 1;
    change('snapshot', 'rollback', $back);
    is_deeply([ in_use() ], [ $back, JSON::PP::true ], 'that generation is in use and pinned');
    like(mail($good, to => 'v.w@new.example'), qr/^250/, 'and serves');
    like(($w->ctl('status'))[1], qr/^snapshot +$back,.*pinned by rollback/m, 'status shows it');
    is(($w->ctl('reload'))[0], 0, 'reload');
    is((in_use())[0], $back, 'a reload leaves it');
    like(mail($good, to => 'v.w@new.example'), qr/^250/, 'it serves on');
    ($exit, $text) = $w->ctl('domain', 'set', 'new.example', 'mailboxes', 'any');
    is($exit, 0, 'a change meanwhile');
    like($text, qr/not live: snapshot $back is pinned/, 'waits, and says for what');
    sleep 2;
    is((in_use())[0], $back, 'nobody publishes it');
    ($exit, $text) = $w->ctl('sync');
    is($exit, 0, 'sync') or diag($text);
    my ($generation, $pinned) = in_use();
    ok($generation > $last && !$pinned, 'a new generation') or diag($generation);
    like(mail($good, to => 'any@new.example'), qr/^250/, 'with what was changed');
    is(($w->ctl('snapshot', 'rollback', 4711))[0], 1, 'no way back to what is not there');

    ($exit, $text) = $w->ctl('domain', 'set', 'new.example', 'delivery', 'even', '--no-sync');
    is($exit, 0, '--no-sync');
    unlike($text, qr/live/, 'asks nobody');
    change('domain', 'remove', 'new.example');
    like(mail($good), qr/^550 5\.7\.1/, 'removed');
    is(($w->ctl('domain', 'remove', 'new.example'))[0], 1, 'once');
}

subtest 'files' => sub {
    $w = relay(domains => { 'old.example' => {} });
    $sink = $w->sink_address('default');
    $w->start;
    my $dir = "$w->{dir}/domains.d";
    my $read = sub { Winnow::Instance::slurp("$dir/$_[0].conf") };

    commands({ domain => qr{^domains\.d/new\.example\.conf:\d+$},
        filter => qr{^domains\.d/new\.example\.conf:\d+$},
        option => qr{^domains\.d/new\.example\.conf:\d+$} });
    ok(!-e "$dir/new.example.conf" && !-e "$dir/new.example.mailboxes", 'the files are gone');

    # Comments, order, mode and owner stay.
    my $shared = "# who: Ann\r\n\r\n[domain  A.example]\r\n  servers=$sink   \r\n# why\r\n"
        . "tls = may\r\n\r\n# the other\r\n[domain b.example]\r\nservers = $sink\r\n";
    Winnow::Instance::spew("$dir/shared.conf", $shared);
    chmod 0640, "$dir/shared.conf";
    chown 12345, 23456, "$dir/shared.conf" if $> == 0;
    change('domain', 'set', 'a.example', 'tls', 'none', 'delivery', 'ordered');
    my $wanted = $shared =~ s/tls = may\r\n/tls = none\r\ndelivery = ordered\r\n/r;
    is($read->('shared'), $wanted, 'nothing else is another');
    my @stat = stat "$dir/shared.conf";
    is($stat[2] & 07777, 0640, 'mode') ;
    is("$stat[4] $stat[5]", '12345 23456', 'owner') if $> == 0;
    refused('filters that several domains share', qr/shared\.conf holds for all domains.*--shared/,
        'filter', 'disable', 'a.example', 'phrase');
    is($read->('shared'), $wanted, 'nothing was written');
    change('filter', 'disable', 'a.example', 'phrase', '--shared');
    change('domain', 'remove', 'a.example');
    like($read->('shared'), qr/\A# who: Ann\r\n\r\n# the other\r\n\[domain b\.example\]/,
        'one of two domains is removed');

    # Where the order is a list.
    Winnow::Instance::spew("$dir/list.conf",
        "[domain list.example]\nservers = $sink\nfilters = phrase; firewall\n");
    change('filter', 'enable', 'list.example', 'mild');
    is(order('list.example'), 'phrase firewall mild', 'enable adds to it');
    change('filter', 'move', 'list.example', 'mild', 'before', 'phrase');
    is(order('list.example'), 'mild phrase firewall', 'move changes it');
    # Words that look like options.
    refused('remove of a stranger', qr/nosuch\.example is not one of the domains$/m, 'domain', 'remove', 'nosuch.example');
    refused('a value that begins with -', qr/max_message_size: /, 'domain', 'set', 'list.example', 'max_message_size', '-1');
    refused('a position', qr/lists its filters in order/, 'filter', 'move', 'list.example', 'mild', '7');

    # A link stays one, what it leads to is changed.
    rename "$dir/list.conf", "$w->{dir}/elsewhere";
    symlink '../elsewhere', "$dir/list.conf";
    change('domain', 'set', 'list.example', 'delivery', 'ordered');
    ok(-l "$dir/list.conf", 'still a link');
    like(Winnow::Instance::slurp("$w->{dir}/elsewhere"), qr/^delivery = ordered$/m, 'changed there');

    # An old mistake elsewhere is no reason to refuse, but nothing goes live.
    Winnow::Instance::spew("$dir/wrong.conf", "[domain wrong.example]\nservers = $sink\ntls = x\n");
    ($exit, $text) = $w->ctl('domain', 'set', 'list.example', 'delivery', 'even');
    is($exit, 1, 'a mistake of another domain');
    like($text, qr/changed, but not live: .*wrong\.conf:3/s, 'is named');
    like(Winnow::Instance::slurp("$w->{dir}/elsewhere"), qr/^delivery = even$/m, 'the change is made');
    change('domain', 'set', 'wrong.example', 'tls', 'may');
    is(($w->ctl('check'))[0], 0, 'cured by the same command');

    # Two at once, and one that holds the lock for ever.
    my @pids = map {
        my $n = $_;
        my $pid = fork // die;
        if ($pid == 0) {
            my ($status) = $w->ctl('domain', 'add', "many$n.example", '--server', $sink, '--no-sync');
            POSIX::_exit($status);
        }
        $pid;
    } 1 .. 6;
    my $failed = 0;
    for my $pid (@pids) { waitpid $pid, 0; $failed++ if $? }
    is($failed, 0, 'six at once');
    is(scalar(grep { -e "$dir/many$_.example.conf" } 1 .. 6), 6, 'all of them are there');
    open my $lock, '<', $dir or die;
    flock $lock, LOCK_EX;
    refused('while another one writes', qr/another winnowctl changes/,
        'domain', 'set', 'list.example', 'delivery', 'even');
    close $lock;

    is($w->stop, 0, 'stops cleanly');
    ($exit, $text) = $w->ctl('domain', 'set', 'list.example', 'delivery', 'ordered');
    is($exit, 0, 'without a daemon');
    like($text, qr/no daemon runs/, 'it is said');
    is(($w->ctl('sync'))[0], 3, 'sync needs one');
};

subtest 'MariaDB' => sub {
    plan skip_all => 'mariadb-server is not installed' unless Winnow::Mariadb::available();
    my $db = Winnow::Mariadb->new;
    my $host = $db->host;

    $w = relay(conf => "[settings]\nsource = mariadb\ninterval = 1s\n"
        . "[mariadb]\nhosts = $host\ndatabase = winnow\nuser = root\ntls = off\n");
    $sink = $w->sink_address('default');
    is(($w->ctl('db', 'init'))[0], 0, 'db init');
    $db->run("INSERT INTO domain (name) VALUES ('old.example'); "
        . "INSERT INTO domain_server (domain, position, host) VALUES ('old.example', 1, '192.0.2.1')");
    $w->start;
    commands({ domain => qr{^database:domain/new\.example \(revision \d+\)$},
        filter => qr{^database:domain_filter/new\.example/mild \(revision \d+\)$},
        option => qr{^database:domain_filter_option/new\.example/phrase/action\.text \(revision \d+\)$} });
    is($db->value("SELECT COUNT(*) FROM domain_filter WHERE domain = 'new.example'"), 0,
        'nothing of it is left');
    like($db->value("SELECT actor FROM setting_change WHERE table_name = 'domain' "
                . "AND row_key = 'new.example' ORDER BY id DESC LIMIT 1"),
        qr/\(winnowctl\) via root\@/, 'who did it is recorded');

    # Servers that stay keep what winnowctl does not know.
    $db->run("UPDATE domain_server SET weight = 7 WHERE domain = 'old.example'");
    change('domain', 'set', 'old.example', 'servers', "$sink; 192.0.2.1");
    is($db->value("SELECT GROUP_CONCAT(CONCAT(host, ' ', weight) ORDER BY position) "
                . "FROM domain_server WHERE domain = 'old.example'"),
        '127.0.0.1 1,192.0.2.1 7', 'weights stay');
    my $words = "$sink weight 2 tls none; 192.0.2.1:25 weight 4; 192.0.2.2:25 tls verify";
    change('domain', 'set', 'old.example', 'servers', $words);
    is(shown('old.example')->{servers}{value}, $words, 'weights and policies are given with the servers');
    change('domain', 'set', 'old.example', 'servers', "$sink weight 1; 192.0.2.1:25");
    is(shown('old.example')->{servers}{value}, "$sink; 192.0.2.1:25 weight 4",
        'some are given, and others stay');
    refused('a list of filters', qr/the database has no list of filters/,
        'domain', 'set', 'old.example', 'filters', 'phrase');
    $db->stop;
    refused('a database that is away', qr/is the server running/,
        'domain', 'set', 'old.example', 'delivery', 'ordered');
    is($w->stop, 0, 'stops cleanly');
};
done_testing;
