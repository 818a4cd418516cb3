"""The proof of the ten thousand owners, small, on both engines; it would see what is wrong."""

import dataclasses
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

_PROOFS = Path(__file__).parents[2] / "proofs"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The proof, which is a script and imports what stands beside it."""
    monkeypatch.syspath_prepend(str(_PROOFS))
    spec = importlib.util.spec_from_file_location("proof_owners", _PROOFS / "owners.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "proof_owners", module)  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("common", None)


async def test_each_owner_is_told_once_and_accounted_for(
    proof: ModuleType, database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    proof.KILLED_AT = (5, 30, 71)
    telling = proof.Telling(database, keys, clock, 24)
    found = await telling.run()
    assert proof.wrong(found, telling.reached()) == []
    assert (found.kills, found.owners, found.points) == (3, 24, 32)
    assert (found.says["told"], found.says["not_told"]) == (23, 1)
    assert set(found.by) == {"b", "c"}


def test_what_must_not_be_is_seen(proof: ModuleType) -> None:
    says = {"owners": 2, "mails": 2, "told": 2, "not_told": 0}
    well = proof.Found(2, 2, Counter("xy"), Counter(c=2), 1, 1, says, chain=True)
    assert proof.wrong(well, 2) == []
    for changed, words in (
        ({"taken": Counter("xyy")}, "more than one"),
        ({"taken": Counter("x")}, "1 addresses got none"),
        ({"by": Counter(a=1)}, "through the suspect"),
        ({"says": says | {"told": 1}}, "1 told"),
        ({"says": says | {"mails": 3}}, "3 mails"),
        ({"chain": False}, "chain"),
        ({"kills": 0}, "nothing is shown"),
    ):
        found = dataclasses.replace(well, **changed)
        assert any(words in one for one in proof.wrong(found, 2)), words
