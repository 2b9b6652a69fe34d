#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# urlphone's lists in a real winnowd: files of entries, a domain with lists of
# its own, a list that changes, what winnowctl explain shows.

use strict;
use warnings;
use v5.32;
use utf8;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(
    filters => {
        '20-urlphone' => "[filter urlphone]\naction = reject\n"
            . "action.text = it holds a listed entry [%e]\n"
            . "urls = ../urls.txt; ../feed.txt\nphones = ../phones.txt\ncountry = US\n",
    },
    domains => {
        'all.example' => {},
        'own.example' => { filter => { urlphone => {
            urls => '../own.txt', phones => '', country => 'GB' } } },
        'both.example' => { filter => { urlphone => {
            urls => '../own.txt; ../urls.txt', phones => '../own-phones.txt', country => 'GB' } } },
        'tag.example' => { filter => { urlphone => {
            action => 'modify_subject', 'action.tag' => '[Listed]' } } },
        'none.example' => { filter => { urlphone => { enabled => 'false' } } },
    },
);

# By rename, as an editor does.
sub list {
    my ($name, @lines) = @_;
    my $text = join '', map {"$_\n"} @lines;

    utf8::encode($text);
    Winnow::Instance::spew("$w->{dir}/$name.new", $text);
    rename "$w->{dir}/$name.new", "$w->{dir}/$name" or die;
    select undef, undef, undef, 0.1;
}

list('urls.txt', '# what was harvested', 'pills-shop.com', '*.free-pages.net',
    'big-site.com/~thief', 'http://hacked-site.org/wp/login.php', '192.0.2.7',
    'bücher-shop.de', 'hxxp://defanged[.]site-x.com/', 'port-site.com:8080', 'co.uk',
    'no dots', 'mailto:u@x.example');
list('feed.txt', 'from-the-feed.com', 'http://from-the-feed.org/page?id=7');
list('phones.txt', '+1 212 555 0147', '0044 20 7946 0018', '12-34');
list('own.txt', 'only-own.com');
list('own-phones.txt', '+44 161 496 0999');

my ($exit, $text) = $w->ctl('check');
is($exit, 0, 'refused rows are no errors');
for my $case ([ urls => 10, 'a public suffix' ], [ urls => 11, 'a space' ],
    [ urls => 12, 'mail address' ], [ phones => 3, 'fewer than 7 digits' ]) {
    my ($name, $line, $reason) = @$case;
    like($text, qr{$name\.txt:$line: warning: .*\Q$reason\E}, "$name.txt:$line is left out: $reason");
}
$w->start;

# The answer to a message with this text, or with this header and body.
sub answer {
    my ($domain, $body) = @_;
    my $message = $body =~ /^[A-Z][\w-]+: / ? $body : "Subject: hello\n\n$body\n";

    utf8::encode($message);
    return $w->smtp->mail(from => 'a@b.test', to => "u\@$domain", message => $message);
}

sub html { return "Subject: hello\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n$_[0]\n" }

# What the reply says of where it was found and of the entry.
for my $case (
    [ 'a host', 'see http://www.Pills-Shop.com/x?y', 'www.pills-shop.com/x in the text, listed as pills-shop.com' ],
    [ 'without a scheme', 'see pills-shop.com now', 'pills-shop.com in the text, listed as pills-shop.com' ],
    [ 'below a wildcard', 'http://u7.free-pages.net/', 'u7.free-pages.net in the text, listed as *.free-pages.net' ],
    [ 'below a path', 'http://big-site.com/~thief/shop/1', 'big-site.com/~thief/shop/1 in the text, listed as big-site.com/~thief' ],
    [ 'a page', 'http://www.hacked-site.org/wp/login.php?a=b', 'www.hacked-site.org/wp/login.php in the text, listed as http://hacked-site.org/wp/login.php' ],
    [ 'an address', 'http://0xC0000207/', '192.0.2.7 in the text, listed as 192.0.2.7' ],
    [ 'an IDN', 'http://xn--bcher-shop-9db.de/', 'xn--bcher-shop-9db.de in the text, listed as ' ],
    [ 'of a second file', 'http://from-the-feed.org/page?id=7&u=1', 'from-the-feed.org/page in the text, listed as http://from-the-feed.org/page?id=7' ],
    [ 'a port', 'http://port-site.com:8080/', 'port-site.com:8080 in the text, listed as port-site.com:8080' ],
    [ 'defanged', 'http://defanged.site-x.com', 'defanged.site-x.com in the text, listed as hxxp://defanged[.]site-x.com/' ],
    [ 'a link', html('<a href="http://go.example/?u=http%3A%2F%2Fpills-shop.com%2F">x</a>'), 'pills-shop.com in a link, listed as pills-shop.com' ],
    [ 'a second part', "Subject: hello\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        . "--b\n\nhello\n--b\n\nsee pills-shop.com\n--b--\n", 'pills-shop.com in the text of part 2, listed as pills-shop.com' ],
    [ 'a header', "Subject: pills-shop.com\n\nhello\n", 'pills-shop.com in a header, listed as pills-shop.com' ],
    [ 'a phone', 'call (212) 555-0147', '(212) 555-0147 in the text, listed as +1 212 555 0147' ],
    [ 'a phone abroad', 'call +44 (0)20 7946 0018', 'in the text, listed as 0044 20 7946 0018' ],
    [ 'a tel link', html('<a href="tel:+12125550147">call</a>'), ', listed as +1 212 555 0147' ],
) {
    my ($name, $body, $evidence) = @$case;
    my $reply = answer('all.example', $body);
    like($reply, qr/^550[ -]5\.7\.1 it holds a listed entry \[.*\Q$evidence\E/, "$name is refused");
}
for my $case (
    [ 'a host with more letters', 'http://my-pills-shop.com/' ],
    [ 'the host of a wildcard', 'http://free-pages.net/' ],
    [ 'beside a path', 'http://big-site.com/~thieves' ],
    [ 'beside a page', 'http://hacked-site.org/wp/' ],
    [ 'another port', 'http://port-site.com/' ],
    [ 'a mail address', 'write to me@pills-shop.com' ],
    [ 'what nobody sees', html('<p style="display:none">http://pills-shop.com/</p>hello') ],
    [ 'digits of an order', 'order 92125550147001' ],
    [ 'another country', 'call +49 212 555 0147' ],
    [ 'refused entries', 'http://www.bbc.co.uk/ 12-34' ],
) {
    my ($name, $body) = @$case;
    like(answer('all.example', $body), qr/^250 /, "$name passes");
}

# A domain's own lists.
like(answer('own.example', 'http://only-own.com/'), qr/^550 .*listed as only-own\.com/, 'a domain has a list of its own');
like(answer('own.example', 'http://pills-shop.com/'), qr/^250/, 'and not the others');
like(answer('all.example', 'http://only-own.com/'), qr/^250/, 'which others do not have');
like(answer('own.example', 'call (212) 555-0147'), qr/^250/, 'nor a list of numbers');
like(answer('both.example', 'http://pills-shop.com/'), qr/^550/, 'a domain names both');
like(answer('both.example', 'call 0161 496 0999'), qr/^550 .*0161 496 0999/, 'numbers of its country');
like(answer('none.example', 'http://pills-shop.com/'), qr/^250/, 'a domain does without');
like(answer('tag.example', 'http://pills-shop.com/ or 212-555-0147'), qr/^250/, 'a domain has another action');
my $tagged = Winnow::Instance::wait_for(sub {
    my ($found) = grep { $_->{message} =~ /^Subject: \[Listed\]/m } $w->received;
    return $found;
}, 10);
ok($tagged, 'the subject is marked');
like($tagged->{message} // '', qr/^X-Winnow-Match: filter=urlphone; rule=url;\s+evidence="pills-shop\.com\s+in\s+the\s+text/m,
    'a header has the evidence of the URL');
like($tagged->{message} // '', qr/^X-Winnow-Match: filter=urlphone; rule=phone;\s+evidence="212-555-0147\s+in/m,
    'another that of the number');

# A list changes.
list('urls.txt', 'new-shop.com');
list('phones.txt', '+1 212 555 0199');
is(($w->ctl('sync'))[0], 0, 'sync');
like(answer('all.example', 'http://new-shop.com/'), qr/^550 .*listed as new-shop\.com/, 'a new entry is found');
like(answer('all.example', 'http://pills-shop.com/'), qr/^250/, 'one that is gone is not');
like(answer('all.example', 'http://from-the-feed.com/'), qr/^550/, 'the other file holds');
like(answer('all.example', 'call 212.555.0199'), qr/^550/, 'a new number');
like(answer('all.example', 'call 212.555.0147'), qr/^250/, 'not the old one');
like(answer('own.example', 'http://only-own.com/'), qr/^550/, 'a domain keeps its own');

# Explained.
Winnow::Instance::spew("$w->{dir}/m.eml", html('<a href="http://new-shop.com/a">x</a> call 212.555.0199'));
($exit, $text) = $w->ctl('explain', "$w->{dir}/m.eml", '--to', 'u@all.example');
is($exit, 0, 'explain') or diag($text);
like($text, qr/urlphone\b.*match/, 'names the filter and its verdict');
like($text, qr{new-shop\.com/a in a link, listed as new-shop\.com}, 'the URL, its place and its entry');
note($text);
($exit, $text) = $w->ctl('explain', "$w->{dir}/m.eml", '--to', 'u@all.example', '--json');
like($text, qr{"212\.555\.0199 in the text, listed as \+1 212 555 0199"}, 'in JSON every finding');
is(scalar(grep { $_->{level} eq 'error' } $w->events), 0, 'no error was logged');
done_testing;
