#!/bin/sh
# The adversary matrix on both systems, as one report; the same for programs goes to JSON, where that
# is given. Usage: prove_matrix.sh PYTHON [SIZE] [JSON] [AT_ONCE]
set -eu
python="$1"
size="${2:-2}"
at_once="${4:-3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# 1: somebody won what nobody should, which the report says; anything else is no report.
"$python" -m mailkeep_drill.matrix --size "$size" --at-once "$at_once" --report "$work/ours.md" || test $? = 1
"$python" -m mailkeep_drill.matrix --stock --at-once "$at_once" --report "$work/theirs.md" || test $? = 1
test -z "${3:-}" || cp "$work/ours.json" "$3"
cat <<WORDS
# The adversary matrix

Each capability of an attacker, and each pair, set against each kind of account on the running
service, over HTTP, with leaking stand-in providers; then the single ones on a stock allauth site with
one provider. How it is played: \`src/mailkeep_drill/matrix\`. Made by \`make prove\` on commit $(git log -1 --format=%h).

# Mailkeep

WORDS
cat "$work/ours.md"
printf '\n# A stock allauth site\n\n'
sed '/^## Not played/,$d' "$work/theirs.md"
