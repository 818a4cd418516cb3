"""Copies an SQLite database consistently while others write to it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mailkeep.base.errors import Unavailable

PAGES = 512  #: copied between two words of progress


def copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Copy ``source`` as it stands now into the new file ``target``, and check the copy.

    What is written meanwhile is not in it. A read transaction holds the state, so that the copy
    never begins anew however busy the writers are; their log grows until it is done.

    Args:
        progress: told (pages done, pages in all).

    Raises:
        Unavailable: the database could not be read, or the copy is damaged.
    """

    def told(_status: int, left: int, whole: int) -> None:
        progress(whole - left, whole)

    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(_open(source)) as old, closing(_open(target)) as new:
            old.execute("PRAGMA wal_autocheckpoint=0")  # the log is its writers' to shorten
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
            old.backup(
                new, pages=PAGES, progress=lambda _, left, whole: progress(whole - left, whole)
            )
            old.execute("ROLLBACK")
            new.execute("PRAGMA journal_mode=DELETE")  # one file, whole in itself
            found = new.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise Unavailable(f"the database could not be copied ({type(error).__name__})") from error
    if found != ("ok",):
        target.unlink(missing_ok=True)
        raise Unavailable("the copy is damaged, and so may be the database: see `mailkeep doctor`")
    sync(target)


def settle(path: Path) -> None:
    """Put everything of a closed database's log into its file. Raises ``Unavailable``."""
    try:
        with closing(_open(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise Unavailable(f"{path} could not be closed ({type(error).__name__})") from error


def sync(path: Path) -> None:
    """The file and its name are on the disk when this returns."""
    for one in (path, path.parent):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    made = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
    made.execute("PRAGMA secure_delete=ON")
    return made
