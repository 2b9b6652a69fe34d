#!/usr/bin/perl
# SPDX-License-Identifier: MIT

# The SDK's example "attachments" with real mail; and all examples built as
# their README says.

use strict;
use warnings;
use v5.32;

use Test::More;
use Winnow::Examples;

# As README.md has it, with any compiler and nothing but the header.
my $examples = Winnow::Instance::source() . '/sdk/examples';
my $w = Winnow::Examples::instance(
    plugins => ['attachments'],
    filters => { '25-attachments' => "[filter attachments]\naction = reject\naction.text = not wanted: %e\n" },
    domains => {
        'good.example' => {},
        'own.example' => { filter => { attachments =>
            { names => '*.zip; REPORT-??.*', tricks => 'false' } } },
        'report.example' => { filter => { attachments => { action => 'none' } } },
    },
);
{
    my $readme = Winnow::Instance::slurp("$examples/README.md");
    my @lines = $readme =~ /^    (cc \$flags .*)$/mg;
    my $flags = "-shared -fPIC -fvisibility=hidden -O2 -Wall -Werror -Wl,-z,defs,-z,now -I$examples/..";

    is(scalar @lines, 6, 'the README builds six plugins');
    for my $line (@lines) {
        my ($name) = $line =~ /-o (\w+)\.so/;
        $line =~ s/^cc/$ENV{CC} \/\/ 'cc'/e;
        $line =~ s/\$flags/$flags/;
        $line =~ s{-o }{-o $w->{dir}/};
        is(system("cd $examples && $line"), 0, "$name is built with one line");
        my @symbols = grep { / [TDBR] / } split /\n/, qx(nm -D --defined-only $w->{dir}/$name.so);
        is(scalar(grep { !/ ${name}_LTX_winnow_plugin_v1$/ } @symbols), 0,
            "$name exports its entry only");
    }
}

$w->start;

sub mail {
    my ($to, $subject, @part) = @_;
    my $text = "Subject: $subject\r\nMIME-Version: 1.0\r\n"
        . "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

    $text .= "--b\r\n$_\r\n\r\nx\r\n" for @part;
    return $w->smtp->mail(from => 'a@b.test', to => $to, message => "$text--b--\r\n");
}

sub named { return "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"$_[0]\"" }

my @case = (
    [ 'setup.exe', qr/^550 5\.7\.1 not wanted: setup\.exe / ],
    [ 'SETUP.EXE', qr/^550 .*SETUP\.EXE/ ],
    [ 'setup.exe . ', qr/^550/, 'dots and spaces at the end' ],
    [ 'C:\\\\tmp\\\\setup.exe', qr/^550 .*: setup\.exe/, 'with a path' ],
    [ 'invoice.pdf.exe', qr/^550 .*invoice\.pdf\.exe/ ],
    [ 'invoice.pdf.iso', qr/^550 .*invoice\.pdf\.iso/, 'a double extension that no pattern names' ],
    [ 'invoice.pdf' . (' ' x 30) . '.xyz', qr/^550/, 'an extension out of sight' ],
    [ "letter\xe2\x80\xaegpj.dat", qr/^550/, 'writing direction turned' ],
    [ 'notes.txt', qr/^250/ ],
    [ 'exe', qr/^250/, 'no extension' ],
    [ 'my.executable', qr/^250/, 'a longer extension' ],
    [ 'archive.zip', qr/^250/ ],
    [ 'version-1.2.pdf', qr/^250/ ],
);
for my $case (@case) {
    my ($file, $reply, $name) = @$case;
    like(mail('u@good.example', 'x', 'Content-Type: text/plain', named($file)), $reply, $name // $file);
}
like(mail('u@good.example', 'x', "Content-Type: application/x; name*=utf-8''set%75p.e%78e"), qr/^550/,
    'a name in an encoded parameter');
like(mail('u@good.example', 'x', "Content-Type: application/x; name=\"=?utf-8?B?c2V0dXAuZXhl?=\""), qr/^550/,
    'a name in an encoded word');
like(mail('u@good.example', 'x', 'Content-Type: text/plain; name=run.js'), qr/^550/,
    'a part that does not call itself an attachment');
like(mail('u@good.example', 'x', "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
    . "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n" . named('deep.scr')
    . "\r\n\r\nx\r\n--i--\r\n"), qr/^550 .*deep\.scr/, 'inside of an attached message');

like(mail('u@own.example', 'x', named('setup.exe')), qr/^250/, 'a domain has its own patterns');
like(mail('u@own.example', 'x', named('a.zip')), qr/^550 .*a\.zip/, 'which are used');
like(mail('u@own.example', 'x', named('report-07.doc')), qr/^550/, 'question marks and case');
like(mail('u@own.example', 'x', named('report-7.doc')), qr/^250/, 'one letter for each');
like(mail('u@report.example', 'reported', named('setup.exe'), named('b.pdf.js')), qr/^250/,
    'without an action it is reported');
my $copy = Winnow::Examples::copy_of($w, 'reported');
like($copy, qr/^X-Winnow-Match: filter=attachments; rule=name;\s+evidence="setup\.exe"/m, 'as a name');
like($copy, qr/rule=double-extension;\s+evidence="b\.pdf\.js"/, 'and as a trick');
done_testing;
