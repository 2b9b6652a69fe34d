#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The pattern filter in the real relay: rules in SpamAssassin's language, points,
# thresholds per domain, and the rules that come with winnow.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $base = Winnow::Instance::source() . '/plugins/pattern/base.rules';
my $w = Winnow::Instance->new(
    filters => {
        '40-pattern' => "[filter pattern]\naction = reject\n"
            . "action.text = Looks like spam [%e]\nrules = ../own.rules\n",
    },
    domains => {
        'good.example' => {},
        'lenient.example' => { filter => { pattern => { threshold => '9.0' } } },
    },
);
Winnow::Instance::spew("$w->{dir}/own.rules", <<'END');
body     OWN_GOLD    /\bgold\s+bars?\b/i
describe OWN_GOLD    Offers gold
score    OWN_GOLD    3.0
header   OWN_URGENT  Subject =~ /\burgent\b/i
score    OWN_URGENT  2.5
header   __OWN_HTML  Content-Type =~ m{text/html}i
meta     OWN_BOTH    OWN_GOLD && OWN_URGENT && !__OWN_HTML
score    OWN_BOTH    1.0
uri      OWN_SHOP    m{^https?://shop\.bad\.example/}i
score    OWN_SHOP    6.0
header   OWN_EVAL    eval:check_for_something()
score    OWN_EVAL    9.0
END

# A list is no file of rules, and every wrong name is told at once.
{
    my $dir = $w->{dir};
    Winnow::Instance::spew("$dir/urls.txt", "pills.example\n");
    Winnow::Instance::spew("$dir/conf.d/41-list.conf",
        "[filter lists]\nplugin = pattern\nrules = ../urls.txt\n");
    my ($exit, $text) = $w->ctl('check');
    is($exit, 0, 'rules that are none are no error');
    like($text, qr{urls\.txt: holds no rule}, 'but check warns of them');
    unlike($text, qr{own\.rules: holds no rule}, 'and of no others');
    Winnow::Instance::spew("$dir/conf.d/41-list.conf",
        "[filter lists]\nplugin = pattern\nrules = ../folder\n"
            . "[filter urlphone]\nurls = ../folder\n[filter phrase]\nphrases = ../folder\n");
    mkdir "$dir/folder" or die "$dir/folder: $!\n";
    ($exit, $text) = $w->ctl('check');
    is($exit, 1, 'folders in place of files are errors');
    like($text, qr{\[filter \Q$_->[0]\E\].*regular file}, "$_->[0] $_->[1] is told")
        for [ 'lists', 'rules' ], [ 'urlphone', 'urls' ], [ 'phrase', 'phrases' ];
    unlink "$dir/conf.d/41-list.conf";
}
$w->start;

sub said {
    my ($to, $message) = @_;
    return $w->smtp->mail(from => 'a@b.test', to => $to, message => $message);
}

my $spam = "From: a\@b.test\nSubject: URGENT matter\n\nTwo gold\nbars wait for you.\n";
like(said('u@good.example', $spam), qr/^550 5\.7\.1 Looks like spam \[/, 'over the threshold');
like(said('u@lenient.example', $spam), qr/^250/, 'the domain has its own threshold');
like(said('u@good.example', "From: a\@b.test\nSubject: hello\n\nTwo gold bars.\n"), qr/^250/, 'one rule is not enough');
like(said('u@good.example', "From: a\@b.test\nSubject: x\n\nsee http://shop.bad.example/a?b\n"),
    qr/^550/, 'uri rules see the URLs of the message');

my ($exit, $text) = $w->ctl('explain', '--json', '--to', 'u@good.example', do {
    Winnow::Instance::spew("$w->{dir}/spam.eml", $spam);
    "$w->{dir}/spam.eml";
});
my ($doc) = Winnow::Instance::json_lines($text);
my ($entry) = grep { $_->{filter} eq 'pattern' } @{ $doc->{recipients}[0]{filters} };
is_deeply([ sort map { $_->{rule} } @{ $entry->{findings} } ], [qw(OWN_BOTH OWN_GOLD OWN_URGENT)],
    'explain names the rules, and none that is unsupported');

$w->snippet('40-pattern', "[filter pattern]\naction = reject\nrules = $base\n");
($exit, $text) = $w->ctl('check');
is($exit, 0, "winnow's own rules load") or diag($text);
$w->snippet('40-pattern', "[filter pattern]\naction = reject\nrules = ../absent.rules\n");
($exit, $text) = $w->ctl('check');
is($exit, 1, 'a missing rule file is refused');
like($text, qr/absent\.rules/, 'by its name');
ok($w->wait_drained, 'drained');
is($w->stop, 0, 'stops');
done_testing;
