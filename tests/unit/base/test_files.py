"""A new file is there whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from mailkeep.base import files


def test_it_is_for_its_owner_alone_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    files.write_new(tmp_path / "a.key", b"whole")
    assert (tmp_path / "a.key").read_bytes() == b"whole"
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a.key"]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written goes to a device that is always full, by the kernel's own word."""
    opened = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        opened_here = opened(path, flags, mode)
        if flags & os.O_CREAT:
            os.close(opened_here)
            return opened("/dev/full", os.O_WRONLY)
        return opened_here

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_new(tmp_path / "a.key", b"whole")
    assert [one.name for one in tmp_path.iterdir()] == []


def test_a_place_without_links_takes_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", none)
    files.write_new(tmp_path / "a", b"whole")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "a", b"other")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
