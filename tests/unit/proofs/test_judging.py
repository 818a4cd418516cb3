"""What the proofs conclude from what they saw."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PROOFS = Path(__file__).parents[2] / "proofs"


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The proof, which is a script and imports what stands beside it."""
    monkeypatch.syspath_prepend(str(_PROOFS))
    spec = importlib.util.spec_from_file_location("proof_providers", _PROOFS / "providers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "proof_providers", module)  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("common", None)


def _case(providers, took: dict[str, dict[str, list[float]]], recovery: dict[str, float]):
    found = providers.Found(providers.Case("500", {}), began=10.0, ended=20.0)
    found.bulk, found.recovery, found.back = {"b": 11.0}, recovery, 1.0
    sinks = {}
    for name, messages in took.items():
        sinks[name] = sink = providers.common.Sink()
        for one, times in messages.items():
            sink.taken[one] = len(times)
            sink.first[one] = min(times)
    return providers.judge(found, sinks)


async def test_a_mail_that_came_over_both_is_doubled_and_came_when_it_first_did(providers) -> None:
    took = {"first": {"b": [30.0]}, "standby": {"b": [12.0], "r": [13.0]}}
    row = _case(providers, took, {"r": 12.5})

    assert (row.acknowledged, row.lost, row.doubled) == (2, 0, 1)
    assert row.over == 2.0
    assert row.median == row.p99 == 0.5
    assert row.wrong() == []


async def test_what_never_came_is_lost_and_has_no_latency(providers) -> None:
    row = _case(providers, {"first": {"b": [12.0]}, "standby": {}}, {"r": 12.5})

    assert (row.lost, row.over, row.p99) == (1, None, math.inf)
    assert row.wrong() == ["500: 1 of 2 lost"]
