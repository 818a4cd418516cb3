"""What is counted is counted exactly: arrivals, CPU time, the file system."""

from pathlib import Path

import pytest

from mailkeep_bench import machine, procfs, wire
from mailkeep_bench.sampler import folded, tables
from mailkeep_bench.tally import Tally

STAT = (
    "{pid} ({name}) S {parent} 1 1 0 -1 4194560 10 20 0 0 {user} {system} {below} {below_system} "
    "20 0 1 0 100 9000000 {pages} 18446744073709551615 1 1 0"
)


def _stat(pid: int, parent: int, name: str = "x", ticks: int = 1, pages: int = 5) -> procfs.Stat:
    return procfs.parse(
        STAT.format(
            pid=pid,
            name=name,
            parent=parent,
            user=ticks,
            system=ticks,
            below=ticks,
            below_system=ticks,
            pages=pages,
        )
    )


@pytest.mark.parametrize("name", ["smtpd", "a b", "odd) S 1 (name"])
def test_a_line_of_proc_whatever_the_name(name: str) -> None:
    assert _stat(12, 7, name, ticks=3, pages=99) == procfs.Stat(12, 7, 12, 99)


def test_a_family_is_all_that_descends_and_nobody_else() -> None:
    stats = [_stat(1, 0), _stat(5, 1), _stat(9, 5), _stat(8, 9), _stat(6, 1), _stat(7, 6)]
    assert {one.pid for one in procfs.family(stats, 5)} == {5, 9, 8}
    assert procfs.family(stats, 77) == []


def test_a_message_is_found_by_its_recipient() -> None:
    line = f"RCPT TO:<{wire.recipient(42, 'r3')}> ORCPT=x".encode()
    assert wire.find(line, line.index(b"<") + 1) == (42, "r3")
    for stranger in (b"<somebody@example.net>", b"<m12.r1"):
        with pytest.raises(ValueError, match=r".*"):
            wire.find(stranger, 1)


def test_a_body_has_its_size_and_no_line_that_ends_the_data() -> None:
    text = wire.body(4096)
    assert len(text) == 4096
    assert text.endswith("\r\n")
    assert "\r\n." not in text


def test_the_tally_tells_missing_from_twice_from_unsure() -> None:
    tally = Tally()
    for number in (0, 1, 1, 3, 9_000):
        tally.arrived(number, "r1")
    counted = tally.count("r1")
    assert (counted["unique"], counted["all"]) == (4, 5)
    assert counted["first"] <= counted["last"]
    assert tally.missing("r1", 5, []) == 2  # 2 and 4
    assert tally.missing("r1", 5, [(4, 1)]) == 1  # of 4 nobody knows
    assert tally.missing("r1", 10_000, []) == 9_996
    assert tally.missing("r2", 3, []) == 3
    assert tally.count("r2")["unique"] == 0


def test_only_a_timed_round_keeps_instants() -> None:
    tally = Tally()
    tally.arrived(4, "t7")
    tally.arrived(4, "r7")
    assert [number for number, _ in tally.times("t7")] == [4]
    assert tally.times("r7") == []


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\nodd\n"
    assert machine.mount(Path("/var/lib"), mounts) == ("/dev/a", "ext4")
    assert machine.mount(Path("/tmp/x"), mounts) == ("tmpfs", "tmpfs")
    assert machine.mount(Path("/tmp/disk/x"), mounts) == ("/dev/b", "xfs")
    assert machine.mount(Path("/tmp/disks"), mounts) == ("tmpfs", "tmpfs")


def test_a_profile_adds_up() -> None:
    booked = [(("main", "work"), 3.0), (("main", "work", "work"), 1.0), (("main",), 4.0)]
    text = tables(booked)
    own, whole = text.split("with what they called")
    assert text.startswith("8.00 CPU seconds")
    assert "4.00 s  50.0%  work" in own
    assert "8.00 s 100.0%  main" in whole
    assert "4.00 s  50.0%  work" in whole  # a function that calls itself counts once
    assert folded(booked) == "main 4000\nmain;work 3000\nmain;work;work 1000\n"
