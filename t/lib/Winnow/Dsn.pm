# SPDX-License-Identifier: MIT
package Winnow::Dsn;

# A delivery status notification taken apart by a parser that is not ours
# (MIME::Parser and Mail::Header of Debian's libmime-tools-perl).
#
#   my $dsn = Winnow::Dsn->parse($bytes);      # dies with what is wrong
#   $dsn->{header}                             # Mail::Header
#   $dsn->{type}                               # report-type
#   $dsn->{text}                               # first part, as a person sees it
#   $dsn->{status_type}, $dsn->{message}       # second part: { field => value }
#   $dsn->{recipients}                         # [ { field => value }, ... ]
#   $dsn->{original_type}, $dsn->{original}    # third part
#
# Names of fields are in lower case; values are bytes.

use strict;
use warnings;
use v5.32;

sub available { return eval { require MIME::Parser; require Mail::Header; 1 } }

# The fields of one block; a field that stands there twice is a mistake.
sub fields {
    my ($block) = @_;
    my $header = Mail::Header->new([ map {"$_\n"} split /\n/, $block ], Modify => 0);
    my %field;

    for my $name ($header->tags) {
        my @values = $header->get($name);
        die "field $name stands there " . @values . " times\n" if @values != 1;
        my $value = $values[0];
        $value =~ s/\n(?=[ \t])//g;
        $value =~ s/\s+\z//;
        $field{ lc $name } = $value;
    }
    return \%field;
}

sub body {
    my ($part) = @_;
    my $text = $part->bodyhandle->as_string;

    $text =~ s/\r\n/\n/g;
    return $text;
}

sub parse {
    my ($class, $bytes) = @_;
    my $parser = MIME::Parser->new;

    die "a line is longer than 998 bytes\n" if grep { length > 998 } split /\r\n/, $bytes;
    die "a bare CR or LF\n" if $bytes =~ /\r(?!\n)|(?<!\r)\n/;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    $parser->extract_nested_messages(0);
    $bytes =~ s/\r\n/\n/g;
    my $entity = $parser->parse_data($bytes);
    my @errors = map {"$_"} $parser->results->errors, $parser->results->warnings;
    die "@errors\n" if @errors;
    my $head = $entity->head;

    die 'is ' . $entity->mime_type . "\n" if $entity->mime_type ne 'multipart/report';
    my @parts = $entity->parts;
    die 'has ' . @parts . " parts\n" if @parts != 3;
    my @blocks = grep {/\S/} split /\n\n+/, body($parts[1]);
    return bless {
        header        => $head,
        type          => $head->mime_attr('content-type.report-type'),
        text          => body($parts[0]),
        charset       => $parts[0]->head->mime_attr('content-type.charset'),
        status_type   => $parts[1]->mime_type,
        message       => fields(shift @blocks),
        recipients    => [ map { fields($_) } @blocks ],
        original_type => $parts[2]->mime_type,
        original      => body($parts[2]),
    }, $class;
}

1;
