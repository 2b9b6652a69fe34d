# SPDX-License-Identifier: MIT
package Winnow::Examples;

# The SDK's examples in a winnow of a test's own, and the programs they speak
# with.
#
#   my $w = Winnow::Examples::instance(plugins => ['clamav'], filters => ...);
#   my $path = Winnow::Examples::program('clamd');    # undef: not installed

use strict;
use warnings;
use v5.32;

use File::Copy qw(copy);
use IO::Socket::UNIX;
use Winnow::Instance;

sub instance {
    my (%option) = @_;
    my $build = Winnow::Instance::build();
    my @plugins = @{ delete $option{plugins} };
    my $w = Winnow::Instance->new(%option, plugins => 'plugins');
    my $dir = "$w->{dir}/plugins";

    mkdir $dir, 0755 or die "$dir: $!";
    for my $from (glob("$build/plugins/modules/*.so"),
        map {"$build/sdk/examples/.libs/$_.so"} @plugins) {
        my ($name) = $from =~ m{([^/]+)\z};
        copy($from, "$dir/$name") or die "$from: $!";
        chmod 0755, "$dir/$name";
    }
    return $w;
}

sub program {
    my ($name) = @_;
    my ($path) = grep {-x} map {"$_/$name"} '/usr/sbin', '/sbin', split /:/, $ENV{PATH};
    return $path;
}

sub socket_answers {
    my ($path) = @_;
    return defined IO::Socket::UNIX->new(Peer => $path);
}

# The delivered copy of the message with that subject.
sub copy_of {
    my ($w, $subject) = @_;

    return Winnow::Instance::wait_for(
        sub {
            my ($found) = grep { $_->{message} =~ /^Subject: \Q$subject\E\r?$/m } $w->received;
            return $found && $found->{message};
        }, 20) // '';
}

1;
