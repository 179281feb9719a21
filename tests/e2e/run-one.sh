#!/bin/sh
# Runs one end-to-end test file: run-one.sh FILE. ctest calls it with REFRESHD and REFRESHCTL set to
# the binaries under test; without them it takes those of build/release.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

if [ $# -ne 1 ]; then
    echo "usage: run-one.sh FILE.test.mjs" >&2
    exit 64
fi
if ! node=$("$here/find-node.sh"); then
    echo "run-one.sh: no node >= 20.12 found; scripts/setup gets one" >&2
    exit 1
fi
if [ ! -d "$here/node_modules/oidc-provider" ]; then
    echo "run-one.sh: the npm packages are missing; scripts/setup installs them" >&2
    exit 1
fi

# The file is run by node itself, not by `node --test`: that would be one more process between
# ctest and the test, which survives when ctest kills the first at its time limit.
exec "$node" --test-reporter=spec --test-reporter-destination=stdout "$1"
