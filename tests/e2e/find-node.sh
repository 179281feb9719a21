#!/bin/sh
# Prints a node that is new enough for the tests (>= 20.12): the one on PATH, else the one that
# scripts/setup put into the build tree. Exits 1 where there is neither.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)

new_enough() {
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)' 2>/dev/null
}

for node in "$(command -v node || true)" "$root"/build/tools/node_modules/node-linux-*/bin/node; do
    if [ -n "$node" ] && [ -x "$node" ] && new_enough "$node"; then
        printf '%s\n' "$node"
        exit 0
    fi
done
exit 1
