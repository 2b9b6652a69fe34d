#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Real mail through the relay with phrase and firewall on: every message arrives
# once, with every byte unchanged but the fields that winnow adds and removes.
# WN_CORPUS names the folder with mail.tar.zst; without it the test is skipped.
# WN_CORPUS_LIMIT bounds the number of messages (default 600, 0: all).

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $corpus = $ENV{WN_CORPUS} // Winnow::Instance::source() . '/../shared/corpus/dev';
my $limit = $ENV{WN_CORPUS_LIMIT} // 600;
plan skip_all => 'no corpus: set WN_CORPUS to a folder with mail.tar.zst'
    unless -f "$corpus/mail.tar.zst";
plan skip_all => 'zstd is not installed' unless grep { -x "$_/zstd" } split /:/, $ENV{PATH};

my $w = Winnow::Instance->new(
    filters => {
        '10-firewall' => "[filter firewall]\naction = reject\n",
        '30-phrase' => "[filter phrase]\naction = reject\nphrases = ../phrases.txt\n",
    },
    domains => { 'good.example' => {} },
);
Winnow::Instance::spew("$w->{dir}/phrases.txt", "winnow test phrase that is in no real message\n");
mkdir "$w->{dir}/mail";
system('tar', '--zstd', '-xf', "$corpus/mail.tar.zst", '-C', "$w->{dir}/mail") == 0
    or BAIL_OUT('cannot unpack the corpus');
chomp(my @paths = sort qx(find $w->{dir}/mail -name '*.eml' -type f));
if ($limit && @paths > $limit) {
    my $step = @paths / $limit;
    @paths = map { $paths[ $_ * $step ] } 0 .. $limit - 1;
}
$w->start;

my (%sent, @refused);
my $smtp;
for my $n (0 .. $#paths) {
    my $message = Winnow::Instance::slurp($paths[$n]);

    # Mail stores keep LF; stray CRs of the store would be refused, rightly.
    $message =~ s/\r+\n/\n/g;
    $message =~ s/\r/ /g;
    $message =~ s/\n/\r\n/g;
    $smtp = $w->smtp if $n % 50 == 0;
    my $wire = Winnow::Smtp::stuff($message);
    my $reply = $smtp->mail(from => "sender$n\@sender.test", to => "u$n\@good.example", wire => $wire);
    if (my ($id) = $reply =~ /queued as (\w+)/) {
        $message .= "\r\n" unless $message =~ /\r\n\z/ || $message eq '';
        $sent{"u$n\@good.example"} = [ $id, $message, $paths[$n] ];
    } else {
        push @refused, "$paths[$n]: $reply";
    }
}
is(scalar @refused, 0, scalar(@paths) . ' messages accepted')
    or diag(join "\n", @refused[0 .. ($#refused < 9 ? $#refused : 9)]);
ok($w->wait_drained(120), 'delivered');

my (%seen, @changed);
for my $found ($w->received) {
    my $to = $found->{envelope}{recipients}[0];
    my $sent = $sent{$to};
    my $message = $found->{message};

    $seen{$to}++;
    my $original = $sent->[1];
    my $top = '';
    if ($original =~ s/\A(>?From [^\r]*\r\n(?:[ \t][^\r]*\r\n)*)// ) { $top = $1; }
    elsif ($original =~ s/\A([ \t][^\r]*\r\n(?:[ \t][^\r]*\r\n)*)//) { $top = $1; }
    my $good = $message =~ s/\A\Q$top\EReceived: from client\.test .*?\r\n(?![ \t])//s
        && $message =~ s/\AX-Winnow-Id: \Q$sent->[0]\E\r\nX-Winnow-Client: 127\.0\.0\.1\r\n//;
    next if $good && $message eq $original;

    # A message without the empty line behind its header gets one.
    my ($header, $body) = ($message =~ /\A(.*?\r\n)?\r\n(.*)\z/s);
    next if $good && ($header // '') . ($body // '') eq $original;
    push @changed, $sent->[2];
}
is(scalar(keys %seen), scalar(keys %sent), 'none lost');
is(scalar(grep { $_ > 1 } values %seen), 0, 'none twice');
is(scalar @changed, 0, 'not a byte changed')
    or diag(join "\n", @changed[0 .. ($#changed < 9 ? $#changed : 9)]);
is(scalar(grep { $_->{level} eq 'error' } $w->events), 0, 'no error was logged');
done_testing;
