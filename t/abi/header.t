#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's header and the samples made for each release compile without a
# warning in every language that authors use, and no struct has a hole.

use strict;
use warnings;
use v5.32;

use File::Basename qw(basename dirname);
use Test::More;

my $top = $ENV{WN_SOURCE} // '.';
my @headers = ("$top/sdk", sort grep { -d "$_/winnow" } glob "$top/sdk/abi/*.*");
my @samples = sort glob "$top/sdk/abi/*/sample_*.c";
my @strict = qw(-Wall -Wextra -Wpedantic -Wpadded -Wconversion -Wshadow -Werror -fsyntax-only);
my @languages = ([qw(-x c -std=c99)], [qw(-x c -std=c11)], [qw(-x c -std=c17)],
    [qw(-x c++ -std=c++20 -Wno-missing-field-initializers)]);
my $tried = 0;

sub is_there {
    my ($program) = @_;
    return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

for my $cc (qw(gcc g++ clang clang++)) {
    next unless is_there($cc);
    for my $language (@languages) {
        my $is_cxx = "@$language" =~ /c\+\+/;
        next if $is_cxx != ($cc =~ /\+\+$/);
        for my $folder (@headers) {
            my $said = qx(echo '#include <winnow/plugin.h>' | $cc @$language @strict -I$folder - 2>&1);
            is($said, '', "$cc @$language: " . basename($folder) . '/winnow/plugin.h');
            $tried++;
        }
    }
}

# A sample of a release needs nothing newer than its header.
for my $sample (@samples) {
    my ($minor) = $sample =~ m{/\d+\.(\d+)/sample};
    for my $folder (@headers) {
        next if $folder =~ m{/\d+\.(\d+)$} && $1 < $minor;
        for my $cc (grep { is_there($_) } qw(gcc clang g++ clang++)) {
            my @language = $cc =~ /\+\+$/ ? @{ $languages[3] } : @{ $languages[0] };
            my $said = qx($cc @language -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I$folder $sample 2>&1);
            is($said, '', "$cc: " . basename($sample) . ' with ' . basename($folder));
            $tried++;
        }
    }
}
ok($tried > 0, 'there was a compiler');
done_testing;
