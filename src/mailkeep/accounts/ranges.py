"""Refuses breached passwords, by looking them up in an operator's file of hashes (ASVS 6.2.12).

The format is that of Have I Been Pwned: SHA-1 in capital hex, a colon, a count; either one file
sorted by hash, or a directory of files named by the first five digits that hold the other 35. It is
searched by seeking, so a file of forty gigabytes costs a few dozen reads, and nothing is asked over
a network.

Security: SHA-1 is the format of these lists, not how passwords are stored here; nothing about a
look-up is written down.
"""

import hashlib
from pathlib import Path

from mailkeep.base.errors import BadSettings

from .types import AccountsTable

_PREFIX, _DIGITS = 5, 40
_LINE = 4096  #: no line is longer: after a jump so much holds a whole one
_HEX = frozenset(b"0123456789ABCDEF")


class Ranges:
    """A file, or a directory of files, of hashes.

    Args:
        path: of it.

    Raises:
        BadSettings: it is not there, or not of that form.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._directory = path.is_dir()
        try:
            probe = next(self._path.iterdir(), None) if self._directory else self._path
            if probe is None:
                raise BadSettings(f"{path}: an empty directory")
            with probe.open("rb") as opened:
                line = opened.readline(_LINE).strip()
        except OSError as error:
            raise BadSettings(f"{path} cannot be read") from error
        digits = _DIGITS - _PREFIX if self._directory else _DIGITS
        named = not self._directory or len(probe.stem) == _PREFIX
        if not named or not _is_line(line, digits):
            raise BadSettings(f"{path}: not hashes in the form of Have I Been Pwned")

    def has(self, password: str) -> bool:
        """Whether the list has a password. For a thread: it reads a disk.

        Raises:
            OSError: the list cannot be read any more.
        """
        plain = password.encode("utf-8", "surrogatepass")
        wanted = hashlib.sha1(plain, usedforsecurity=False).hexdigest().upper().encode()
        if self._directory:
            return self._in_directory(wanted)
        return _search(self._path, wanted)

    def _in_directory(self, wanted: bytes) -> bool:
        prefix, rest = wanted[:_PREFIX].decode(), wanted[_PREFIX:]
        for name in (prefix, f"{prefix}.txt"):
            file = self._path / name
            if file.exists():
                return _search(file, rest)
        return False


def breached(settings: AccountsTable) -> Ranges | None:
    """The list that the settings name. Raises ``BadSettings``."""
    return Ranges(Path(settings.breached)) if settings.breached else None


def _search(file: Path, wanted: bytes) -> bool:
    """Whether a line of an ordered file begins with ``wanted``: by halves, a seek each."""
    with file.open("rb") as opened:
        low, high = 0, opened.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            if middle:
                opened.seek(middle - 1)
                opened.readline(_LINE)  # the rest of the line that ends there or later
            else:
                opened.seek(0)
            start = opened.tell()
            line = opened.readline(_LINE)
            if start >= high or not line:
                high = middle
                continue
            found = line[: len(wanted)].upper()
            if found == wanted:
                return True
            if found < wanted:
                low = opened.tell()
            else:
                high = middle
        opened.seek(low)
        return opened.readline(_LINE)[: len(wanted)].upper() == wanted


def _is_line(line: bytes, digits: int) -> bool:
    found, _, count = line.partition(b":")
    return (
        len(found) == digits and _HEX.issuperset(found.upper()) and (not count or count.isdigit())
    )
