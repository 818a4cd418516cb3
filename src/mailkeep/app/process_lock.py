"""A lock file that lets one process only run on a home directory with SQLite.

Two processes that dispatched from one SQLite file would each believe to be alone.
"""

import fcntl
import os
from pathlib import Path

from mailkeep.base.errors import BadSettings


class ProcessLock:
    """Locks a home directory while the process runs; the kernel releases the lock when the process
    dies.

    Args:
        home: the directory of the database.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "running.lock"
        self._handle: int | None = None

    def take(self) -> None:
        """Lock the home. Raises ``BadSettings`` when another process has it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise BadSettings(f"another Mailkeep runs on {self._path.parent}") from error
        self._handle = handle

    def leave(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
