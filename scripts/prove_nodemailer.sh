#!/bin/sh
# Sends with Nodemailer itself; the package is fetched into a folder that is gone afterwards.
# Usage: scripts/prove_nodemailer.sh PYTEST
set -eu
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node or npm is not at hand: Nodemailer is not tried" >&2
    exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$place" nodemailer
NODE_PATH="$place/node_modules" "$1" -q tests/web/test_nodemailer.py
