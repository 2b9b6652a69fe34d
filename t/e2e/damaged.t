#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# Messages that are damaged in the spool stay in view: they are listed by id,
# held, and told in the log; none is dropped without a word.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Instance;

my $w = Winnow::Instance->new(workers => 1, retry => '1h',
    domains => { 'away.example' => { servers => 'SINK:away' }, 'a.example' => {} });
my @id;
my $segment;

sub queue { return $w->ctl('queue', @_) }

sub flip {
    my ($at) = @_;
    open my $file, '+<:raw', $segment or die;
    seek $file, $at, 0;
    read $file, my $byte, 1;
    seek $file, $at, 0;
    print $file chr(ord($byte) ^ 0x20);
    close $file or die;
}

sub shows {
    my ($id, $pattern, $what) = @_;
    my ($exit, $text) = queue('show', $id);
    is($exit, 0, "$what: is in the queue");
    like($text, $pattern, "$what: and what is wrong");
}

$w->stop_sink('away');
$w->start;
for my $n (1 .. 4) {
    $w->smtp->mail(from => 's@a.example', to => "user-$n\@away.example",
        message => "Subject: mark-$n\n\nBODY-$n\n") =~ /queued as (\w+)/ or die;
    push @id, $1;
    my $id = $1;
    $w->wait_event('deferred', sub { $_[0]{id} eq $id }) or die;
}
($segment) = grep { Winnow::Instance::slurp($_) =~ /BODY-1/ } glob "$w->{dir}/spool/*.seg";
my $bytes = Winnow::Instance::slurp($segment);
my $header = (index($bytes, "BODY-2\r\n.\r\n") + 11 + 7) & ~7;

# A body, an envelope and a header, while the queue knows of them.
flip(index $bytes, 'BODY-1');
flip(index($bytes, 'user-2@') + 2);
flip($header + 20);
is((queue('retry', @id[0 .. 2]))[0], 0, 'retried');
ok($w->wait_event('damaged', sub { ($_[0]{id} // '') eq $id[2] && $_[0]{level} eq 'error' }),
    'an error in the log has the id');
shows($id[2], qr/damaged: .*header/, 'header');
my ($exit, $text) = queue('bounce', $id[2]);
is($exit, 1, 'what cannot be reported is not bounced');
like($text, qr/damaged/, 'the reason is told');
is((queue('show', $id[2]))[0], 0, 'it is still there');
($exit, $text) = queue('list', '--json');
my %row = map { $_->{id} => $_ } Winnow::Instance::json_lines($text);
is(scalar keys %row, 4, 'all are listed');
like($row{ $id[2] }{damage}, qr/header/, 'JSON: damage');

# The next queue knows of them as far as their headers tell.
is($w->stop, 0, 'stops');
$w->start;
ok(Winnow::Instance::wait_for(sub { (queue('list'))[1] =~ /\Q$id[1]\E/ }), 'started again');
for my $n (0, 1) {
    ok($w->wait_event('damaged', sub { ($_[0]{id} // '') eq $id[$n] && $_[0]{level} eq 'error' }),
        'an error in the log has the id');
}
shows($id[0], qr/wrong checksum/, 'body, after a start');
shows($id[1], qr/envelope is damaged/, 'envelope, after a start');
is((queue('bounce', $id[1]))[0], 1, 'nobody knows to whom');
is((queue('release', $id[1]))[0], 1, 'nor to whom it is to be sent');
is((queue('bounce', $id[0]))[0], 0, 'where the envelope is good, the sender is told');
ok($w->wait_event('bounced', sub { $_[0]{id} eq $id[0] }), 'of that');
is((queue('delete', $id[1]))[0], 0, 'the operator lets it go');
is((queue('show', $id[1]))[0], 1, 'and it is gone');

# When nothing of the segment is owed any more, it is set aside, and fsck says
# so until somebody removes it.
$w->start_sink('away');
is((queue('retry', $id[3]))[0], 0, 'the good one');
ok($w->wait_received(1, 'away'), 'is delivered');
ok(Winnow::Instance::wait_for(sub { !-e $segment }), 'the segment goes');
($exit, $text) = queue('fsck');
is($exit, 1, 'fsck: not all is well');
like($text, qr{^damaged/\S+: segment}m, 'fsck tells of what was set aside');
like($text, qr{^set aside in \S+/damaged: 1 segments, 3 damaged}m, 'in its figures too') or diag($text);
unlink glob "$w->{dir}/spool/damaged/*";
is((queue('fsck'))[0], 0, 'then all is well');
is($w->stop, 0, 'stops');
done_testing;
