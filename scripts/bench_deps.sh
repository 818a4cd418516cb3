#!/bin/sh
# Postfix, which `make bench` measures beside us. It is not started as a service, and the machine's
# own configuration is not touched. Without root or apt, only Mailkeep is measured.
set -eu
dpkg -s postfix >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (needs root and apt-get): postfix"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
apt-get update -qq
apt-get install -y -qq --no-install-recommends postfix >/dev/null
