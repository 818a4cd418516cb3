"""Fail when a dependency has a licence that Apache-2.0 software cannot be shipped with."""

import json
import subprocess
import sys
from pathlib import Path

#: GPL and AGPL bind what links them; LGPL and MPL libraries may be used unmodified.
REFUSED = ("GNU General Public", "GPLv", "GPL-2", "GPL-3", "AGPL", "Affero")
ALLOWED_WEAK = ("LGPL", "Lesser General Public", "MPL", "Mozilla")


def refused(licence: str) -> bool:
    """Whether every alternative in a licence text is one that we refuse."""
    alternatives = licence.replace(" or ", ";").replace(" OR ", ";").split(";")
    return all(
        any(word in one for word in REFUSED) and not any(word in one for word in ALLOWED_WEAK)
        for one in alternatives
    )


def main() -> int:
    tool = Path(sys.executable).with_name("pip-licenses")
    printed = subprocess.run(
        [tool, "--format=json", "--from=mixed"], check=True, capture_output=True, text=True
    )
    rows = json.loads(printed.stdout)
    bad = [f"{row['Name']}: {row['License']}" for row in rows if refused(row["License"])]
    print(f"licences: {len(rows)} packages, {len(bad)} refused")
    for line in bad:
        print(f"  {line}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
