"""The house of the proof: three providers that answer as a test says, and a move from a to b."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

_PROOFS = Path(__file__).parents[2] / "proofs"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The proof, which is a script and imports what stands beside it."""
    monkeypatch.syspath_prepend(str(_PROOFS))
    spec = importlib.util.spec_from_file_location("proof_cutover", _PROOFS / "cutover.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "proof_cutover", module)  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("common", None)


@pytest.fixture
def house(proof: ModuleType, database: Database, keys: KeyRing, clock: ManualClock) -> Any:
    return proof.House(database, keys, clock)
