#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Real mail through a real winnowd with large lists: every spam message that
# holds a listed site or number, as another program has found them, is matched;
# no ham is that does not hold one.  Three lists: the phishing and malware sites
# of others; the sites and numbers of this mail's spam that are in no ham; those
# of the ham.  WN_CORPUS names the folder with mail.tar.zst, oracle.tar.zst and
# url.tar.zst; without it the test is skipped.  WN_CORPUS_LIMIT bounds the number
# of messages of each kind (default 300, 0: all).

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $corpus = $ENV{WN_CORPUS} // Winnow::Instance::source() . '/../shared/corpus/dev';
my $limit = $ENV{WN_CORPUS_LIMIT} // 300;
for my $name (qw(mail oracle url)) {
    plan skip_all => "no corpus: set WN_CORPUS to a folder with $name.tar.zst"
        unless -f "$corpus/$name.tar.zst";
}
plan skip_all => 'zstd is not installed' unless grep { -x "$_/zstd" } split /:/, $ENV{PATH};

my $w = Winnow::Instance->new(
    filters => {
        '20-urlphone' => "[filter urlphone]\naction = reject\naction.text = %e\ncountry = US\n"
            . "urls = ../feed.txt\n",
    },
    domains => {
        'feed.example' => {},
        'spam.example' => { filter => { urlphone => { urls => '../spam-urls.txt', phones => '../spam-phones.txt' } } },
        'ham.example' => { filter => { urlphone => { urls => '../ham-urls.txt', phones => '../ham-phones.txt' } } },
    },
);
my $dir = "$w->{dir}/corpus";
mkdir $dir or die;
for my $name (qw(mail oracle url)) {
    system('tar', '--zstd', '-xf', "$corpus/$name.tar.zst", '-C', $dir) == 0
        or BAIL_OUT("cannot unpack $name.tar.zst");
}

# The rows of a table without its first line, each a list of fields.
sub rows {
    my ($name) = @_;
    open my $in, '<', "$dir/$name" or die "$name: $!";
    my @rows = map { chomp; [ split /\t/ ] } <$in>;
    shift @rows;
    return @rows;
}

# What the oracle found in each message: site or number to a sample of it.
# seen_in has everything that could be a site there, mail addresses as well.
my (%held, %seen_in, %sites, %phones, %hosts);
for my $row (rows('oracle/spamassassin-uris.tsv')) {
    my ($path, $uri, $types, $hosts, $domains) = @$row;
    next unless defined $domains;
    for my $site (map lc, split /[ ,]+/, $domains) {
        $sites{$site}{ham} = 1 if $path =~ m{^mail/ham/};
        $seen_in{$path}{$site} = 1;
        next if $types =~ /domainkeys/ || $uri =~ /^mailto:/i;

        # What it takes for a site only because it tries every word with a dot.
        # Or as browsers once did with http://name/.
        next if $types =~ /unlinked/ || ($site =~ /\.com$/ && index(lc $uri, $site) < 0);
        $held{$path}{$site} //= $uri;
        $sites{$site}{spam} = 1 if $path =~ m{^mail/spam/};
        $sites{$site}{ham_link} = 1 if $path =~ m{^mail/ham/};
    }
    $seen_in{$path}{$_} = 1 for map lc, split /[ ,]+/, $hosts;
    next if $types =~ /domainkeys/ || $uri =~ /^mailto:/i;
    $hosts{$path}{$_} = 1 for map lc, split /[ ,]+/, $hosts;
}
for my $row (rows('oracle/libphonenumber-8.12.57-phones.tsv')) {
    my ($path, $number, undef, $text) = @$row;
    $held{$path}{$number} = $text;
    $seen_in{$path}{$number} = 1;
    $phones{$number}{ $path =~ m{^mail/(\w+)/} ? $1 : '' } = 1;
}

my %feed;
for my $name (qw(malware_domains phish_domains phish_ips phish_urls)) {
    $feed{ $_->[0] } = $name for rows("url/$name.tsv");
}
my %list = (
    feed => [ keys %feed ],
    'spam-urls' => [ grep { $sites{$_}{spam} && !$sites{$_}{ham} } keys %sites ],
    'spam-phones' => [ grep { $phones{$_}{spam} && !$phones{$_}{ham} } keys %phones ],
    'ham-urls' => [ grep { $sites{$_}{ham_link} } keys %sites ],
    'ham-phones' => [ grep { $phones{$_}{ham} } keys %phones ],
);
for my $name (sort keys %list) {
    note(scalar(@{ $list{$name} }) . " entries in $name");
    Winnow::Instance::spew("$w->{dir}/$name.txt", join '', map {"$_\n"} sort @{ $list{$name} });
}
my %listed = map { $_ => 1 } @{ $list{'spam-urls'} }, @{ $list{'spam-phones'} };
my %of_ham = map { $_ => 1 } @{ $list{'ham-urls'} }, @{ $list{'ham-phones'} };
$w->start;

sub paths {
    my ($kind) = @_;
    my @paths = sort map { substr $_, length "$dir/" } glob "$dir/mail/$kind/*.eml";
    return @paths if !$limit || @paths <= $limit;
    my $step = @paths / $limit;
    return map { $paths[ $_ * $step ] } 0 .. $limit - 1;
}

# The evidence, or undef if the message passes.
my ($smtp, $n) = (undef, 0);
sub evidence {
    my ($path, $domain) = @_;
    my $message = Winnow::Instance::slurp("$dir/$path");

    $message =~ s/\r+\n/\n/g;
    $message =~ s/\r/ /g;
    $message =~ s/\n/\r\n/g;
    $smtp = $w->smtp if $n++ % 50 == 0;
    my $reply = $smtp->mail(from => 'a@b.test', to => "u\@$domain",
        wire => Winnow::Smtp::stuff($message));
    return undef if $reply =~ /^250 /;
    return $1 if $reply =~ /^550 5\.7\.1 (.*, listed as .*) \[\w+\]/;
    fail("$path: $reply");
    return undef;
}

# Whether the message has the entry that the evidence names: by the oracle, as a
# site or number or with a host below it; or in plain sight, as the oracle does
# not read the whole of a long message.
sub is_held {
    my ($path, $evidence) = @_;
    my ($entry) = $evidence =~ /, listed as (\S+)/;
    my $host = lc($entry) =~ s{^\w+://}{}r =~ s{[/?#].*}{}sr =~ s{^\*\.}{}r =~ s{:\d+$}{}r;

    return 1 if $seen_in{$path}{$entry} || $seen_in{$path}{$host};
    return 1 if grep { /\.\Q$host\E$/ } keys %{ $seen_in{$path} };
    return index(lc Winnow::Instance::slurp("$dir/$path"), $host) >= 0;
}

# A host and those above it.
sub above {
    my @labels = split /\./, $_[0];
    return map { join '.', @labels[ $_ .. $#labels ] } 0 .. $#labels - 1;
}

my %count;
for my $path (paths('ham')) {
    for my $list (qw(feed spam)) {
        my $found = evidence($path, "$list.example") // next;
        $count{"ham $list"}++;
        note("$path: $found");
        ok(is_held($path, $found), "$path: ham that holds a listed entry");
    }
    next unless grep { $of_ham{$_} } keys %{ $held{$path} // {} };
    $count{'ham ham'}++;
    my $found = evidence($path, 'ham.example');
    defined $found ? $count{'ham found'}++ : note("$path: not found of the ham's own");
    $count{'ham evidence'}++ if defined $found && is_held($path, $found);
}

my @missed;
for my $path (paths('spam')) {
    my $found = evidence($path, 'feed.example');
    $count{'spam feed'}++ if defined $found;
    my @crossed = grep { $feed{$_} && $feed{$_} ne 'phish_urls' } map { above($_) } keys %{ $hosts{$path} // {} };
    $count{'spam crossed'}++ if @crossed;
    ok(defined $found, "$path: holds @crossed") if @crossed && !defined $found;

    my @entries = grep { $listed{$_} } sort keys %{ $held{$path} // {} };
    $found = evidence($path, 'spam.example');
    $count{'spam beyond'}++ if defined $found && !@entries;
    next unless @entries;
    $count{spam}++;
    if (!defined $found) {
        push @missed, $path;
        note("$path: missed: " . join ', ', map {"$_ ($held{$path}{$_})"} @entries);
        next;
    }
    $count{'spam found'}++;
    $count{'spam evidence'}++ if is_held($path, $found);
}
$count{$_} //= 0 for 'spam found', 'spam feed', 'spam crossed', 'spam beyond', 'ham feed', 'ham spam', 'spam evidence', 'ham found', 'ham ham', 'ham evidence';
note(sprintf '%d spam messages hold a listed entry, %d are found, %d more are',
    $count{spam}, @$_{ 'spam found', 'spam beyond' }) for \%count;
note("of others' lists: $count{'spam feed'} spam messages, in $count{'spam crossed'} the oracle has a listed host;"
    . " $count{'ham feed'} ham");
note("$count{'ham found'} of $count{'ham ham'} ham messages are found with the ham's own entries");
cmp_ok($count{'spam found'}, '>=', 0.98 * $count{spam}, 'spam with a listed entry is found');
cmp_ok($count{'spam evidence'}, '>=', 0.98 * $count{'spam found'}, 'its evidence is what the oracle has, too');
cmp_ok($count{'ham evidence'}, '>=', 0.98 * $count{'ham found'}, 'and that of ham with a list of its own');
cmp_ok($count{'ham found'}, '>=', 0.95 * $count{'ham ham'}, 'which is found as well');
is(scalar(grep { $_->{level} eq 'error' } $w->events), 0, 'no error was logged');
done_testing;
