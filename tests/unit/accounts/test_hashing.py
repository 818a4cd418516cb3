"""Slow work has its own threads, a short queue, and a place that sign-ins cannot take."""

import asyncio
import hashlib
import threading
from pathlib import Path

import pytest

from mailkeep.accounts import foreign
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.places import Threads
from mailkeep.base.errors import Invalid, Unavailable
from mailkeep.base.keys import KeyRing

QUICK = {"memory_kib": 64, "passes": 1}


@pytest.mark.check("ASVS 6.5.2", "63B 3.1.1.2")
async def test_a_hash_is_good_for_its_secret_and_its_purpose(tmp_path: Path) -> None:
    slow = SlowHash(KeyRing(tmp_path), **QUICK)
    kept = await slow.make("password", "violet", of="n")
    assert await slow.check("password", "violet", kept, of="n")
    assert not await slow.check("password", "velvet", kept, of="n")
    assert not await slow.check("confirmation", "violet", kept, of="n")
    assert not await slow.check("password", "nobody", None, of="n")
    slow.close()


async def test_while_imported_hashes_are_left_every_check_does_their_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time must tell neither who has an account nor whose was imported."""
    slow, derived = SlowHash(KeyRing(tmp_path), **QUICK), []
    read = foreign.read("pbkdf2_sha256$10$salt$" + "A" * 43 + "=")
    wrapped, own = await slow.wrap(read), await slow.make("password", "violet", of="n")
    derive = foreign.derive
    monkeypatch.setattr(
        foreign, "derive", lambda how, secret: derived.append(how) or derive(how, secret)
    )
    slow.expect([read.how])
    for kept in (wrapped, own, None, "!"):
        derived.clear()
        assert await slow.check("password", "violet", kept, of="n") == (kept == own)
        assert derived == [read.how]
    assert slow.outdated(wrapped)
    assert not slow.outdated(own)
    dearer = SlowHash(KeyRing(tmp_path), memory_kib=128, passes=1)
    assert dearer.outdated(own)
    slow.close()
    dearer.close()


async def test_cheap_and_dear_imported_hashes_take_the_same_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each version of a framework has dearer hashes than the one before, and a table has them all:
    who has an account is told neither by the dear ones nor by the cheap."""
    slow, rounds = SlowHash(KeyRing(tmp_path), **QUICK), []
    inner = hashlib.pbkdf2_hmac

    def counted(kind: str, typed: bytes, salt: bytes, count: int, length: int | None = None):
        rounds.append(count)
        return inner(kind, typed, salt, count, length)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    cheap, dear = [
        await slow.wrap(foreign.read(f"pbkdf2_sha256${count}$salt$" + "A" * 43 + "="))
        for count in (100, 700)
    ]
    await slow.check("password", "violet", dear, of="n")  # by the first check it is known
    for kept in (cheap, dear, await slow.make("password", "violet", of="n"), None, "!"):
        rounds.clear()
        await slow.check("password", "velvet", kept, of="n")
        assert sum(rounds) == 700
    rounds.clear()
    await slow.check("recovery code", "CODE", None, of="n")
    assert rounds == []
    slow.close()


async def test_an_imported_hash_that_cannot_be_made_again_stops_nobody_else(tmp_path: Path) -> None:
    """Those that were imported before they were refused are left in the table."""
    slow = SlowHash(KeyRing(tmp_path), **QUICK)
    own = await slow.make("password", "violet", of="n")
    bad = foreign.join("argon2:id$19$8$1$4$c2FsdHNhbHQ=$32", own)
    slow.expect(["argon2:id$19$8$1$4$c2FsdHNhbHQ=$32"])
    assert not await slow.check("password", "violet", bad, of="n")
    assert await slow.check("password", "violet", own, of="n")
    slow.close()


async def test_who_comes_when_too_many_wait_is_turned_away() -> None:
    threads, go = Threads("test", 1, waiting=2), threading.Event()
    held = [asyncio.create_task(threads.run("", go.wait, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await threads.run("", int)
    go.set()
    assert await asyncio.gather(*held) == [True] * 3
    assert await threads.run("", int, "7") == 7
    threads.close()


async def test_whose_waits_the_most_makes_room() -> None:
    """A flood from one network turns away itself, and nobody else."""
    threads, go = Threads("test", 1, waiting=4), threading.Event()
    flood = [asyncio.create_task(threads.run("far", go.wait, 10)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await threads.run("far", int)
    home = [asyncio.create_task(threads.run("home", int, "7")) for _ in range(3)]
    shown = [asyncio.create_task(threads.run("", int, "8")) for _ in range(3)]
    await asyncio.sleep(0.01)
    go.set()
    # Two of home find room, one for each of far that is more than theirs; who has shown something
    # already finds room while any stranger waits, and makes none for anybody.
    told = await asyncio.gather(*flood, *home, *shown, return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in told[:5]] == [False, True, True, True, True]
    assert told[8:] == [8] * 3
    assert [one for one in told[5:8] if not isinstance(one, Unavailable)] == [7]
    assert await threads.run("far", int, "9") == 9
    threads.close()


async def test_who_has_shown_something_goes_before_strangers_once_at_a_time() -> None:
    """Anybody can open an account and be signed in: who floods with that is a stranger."""
    threads, go, began = Threads("test", 1, waiting=5), threading.Event(), threading.Event()
    at_work = asyncio.create_task(threads.run("", lambda: began.set() or go.wait(10)))
    await asyncio.to_thread(began.wait, 10)
    flood = [asyncio.create_task(threads.run("far", int, "5", proved=True)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await threads.run("far", int, "6", proved=True)
    stranger = asyncio.create_task(threads.run("home", int, "7"))
    shown = [asyncio.create_task(threads.run("work", int, "8", proved=True)) for _ in range(2)]
    await asyncio.sleep(0)
    go.set()
    told = await asyncio.gather(*flood, return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in told] == [False, False, True, True, True]
    assert await asyncio.gather(stranger, *shown) == [7, 8, 8]
    assert await at_work
    threads.close()


async def test_who_leaves_while_making_room_has_left() -> None:
    threads, go = Threads("test", 1, waiting=2), threading.Event()
    held = [asyncio.create_task(threads.run("far", go.wait, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    held[2].cancel()
    other = asyncio.create_task(threads.run("home", int, "7"))
    await asyncio.sleep(0.01)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await held[2]
    assert await other == 7
    threads.close()


async def test_a_visitor_who_leaves_frees_no_thread_that_is_at_work() -> None:
    threads, go, began = Threads("test", 1, waiting=0), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait(10)

    task = asyncio.create_task(threads.run("", work))
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Unavailable):
        await threads.run("", int)
    go.set()
    threads.close()


async def test_a_flood_of_sign_ins_holds_up_no_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every ordinary thread is taken and as many wait as may: a code is minted all the same."""
    slow, go = (
        SlowHash(KeyRing(tmp_path), **QUICK, at_once=2, reserved=1, waiting=3),
        (threading.Event()),
    )
    monkeypatch.setattr(slow, "_same", lambda *_: go.wait(10))
    flood = [
        asyncio.create_task(slow.check("password", "x", "$argon2id$", of="n")) for _ in range(4)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await slow.make("password", "x", of="n")
    kept = await asyncio.wait_for(slow.make("recovery code", "CODE", urgent=True, of="n"), 5)
    assert kept.startswith("$argon2id$")
    go.set()
    await asyncio.gather(*flood)
    slow.close()


async def test_slow_work_takes_no_thread_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rest of the process runs in threads (names, files) does not wait for hashes."""
    slow, names = SlowHash(KeyRing(tmp_path), **QUICK), []

    def same(*_: object) -> bool:
        names.append(threading.current_thread().name)
        return True

    monkeypatch.setattr(slow, "_same", same)
    await slow.check("password", "x", "$argon2id$", of="n")
    assert names[0].startswith("hash")
    slow.close()


async def test_passwords_are_judged_with_what_is_known_of_their_own_owner(tmp_path: Path) -> None:
    """The judge keeps that in a table that all calls share."""
    slow = SlowHash(KeyRing(tmp_path), **QUICK)
    names = [f"violet{number}harbour{number}kettles" for number in range(8)]

    async def judge(password: str, about: str) -> bool:
        try:
            await slow.judge(password, has_factor=False, about=[f"{about}@example.net"], of="n")
        except Invalid:
            return False
        return True

    others = names[1:] + names[:1]
    assert not any(await asyncio.gather(*(judge(one, one) for one in names)))
    assert all(
        await asyncio.gather(*(judge(one, other) for one, other in zip(names, others, strict=True)))
    )
    slow.close()
