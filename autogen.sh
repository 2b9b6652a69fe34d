#!/bin/sh
# Makes configure.  Needs autoconf, automake and libtool.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux m4
exec autoreconf --install --force
