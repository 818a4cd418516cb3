#!/bin/sh
# Debian packages that some tests use. Without root or apt nothing is installed, and the tests that
# need them are skipped and say so.
set -eu
want="chromium dovecot-imapd"
missing=""
for package in $want; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (needs root and apt-get):$missing"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
