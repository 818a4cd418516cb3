"""New files that are there whole or not at all, and durable before anybody goes on."""

import errno
import os
import secrets
from pathlib import Path

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner's eyes only; durable on return.

    It is written aside and linked into place: of two that write one at once the second fails, and
    neither a kill nor a full disk leaves a part of it.

    Raises:
        FileExistsError: there is one; it is left as it is.
        OSError: it cannot be written; nothing is left behind.
    """
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()  # on a full disk a file can be made that takes nothing: this says so
            os.fsync(file.fileno())
        _into_place(aside, path)
        sync_directory(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def _into_place(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except OSError as error:
        # A stick or a share for backups may have no links: there nobody else writes.
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        aside.rename(path)


def sync_directory(path: Path) -> None:
    """Make what was created, renamed or removed in a directory durable. Raises ``OSError``."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
