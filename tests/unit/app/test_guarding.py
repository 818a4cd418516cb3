"""The doctor on accounts."""

from pathlib import Path

import pytest

from mailkeep.app.doctor import guarding
from mailkeep.app.doctor.types import DatabaseFacts, Scene, State
from mailkeep.app.settings import parse

HERE = Path("/nowhere")


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(None, State.NOT_CHECKED), (0.001, State.WARNING), (0.1, State.OK), (3.0, State.WARNING)],
)
def test_the_cost_of_a_hash(seconds: float | None, state: State) -> None:
    assert guarding.hashes(Scene(HERE, parse({}), hash_seconds=seconds))[0].state is state


def test_operators_without_a_second_factor() -> None:
    def said(bare: int) -> State:
        facts = DatabaseFacts(operators=3, bare_operators=bare)
        return guarding.operators(Scene(HERE, parse({}), database=facts))[0].state

    assert (said(0), said(1)) == (State.OK, State.FAILED)
    nothing = Scene(HERE, parse({}), database=DatabaseFacts(missing=True))
    assert guarding.operators(nothing)[0].state is State.NOT_CHECKED


def test_classes_that_the_settings_lost() -> None:
    scene = Scene(HERE, parse({}), database=DatabaseFacts(classes={"press": 4, "customer": 9}))
    (said,) = guarding.classes(scene)
    assert (said.state, said.about, "4 accounts" in said.meaning) == (State.WARNING, "press", True)
    kept = parse({"accounts": {"class": {"press": {}}}})
    facts = DatabaseFacts(classes={"press": 4})
    assert guarding.classes(Scene(HERE, kept, database=facts))[0].state is State.OK


def test_without_accounts_or_settings_nothing_is_said() -> None:
    for scene in (Scene(HERE, None), Scene(HERE, parse({}))):
        assert guarding.breached(scene)[0].state is State.NOT_CHECKED
    assert guarding.classes(Scene(HERE, None))[0].state is State.NOT_CHECKED


def test_a_language_that_lacks_texts_is_named() -> None:
    kept = parse(
        {
            "provider": [
                {"name": "a", "kind": "smtp", "party": "p", "base_url": "smtp://a.example"}
            ],
            "party": [{"id": "p"}],
            "stream": [
                {"name": one, "priority": 0, "secret": True, "routes": [{"provider": "a"}]}
                for one in ("recovery", "confirmation", "security")
            ],
            "recovery": {},
        }
    )
    (said,) = guarding.languages(Scene(HERE, kept, untranslated={"it": 3}))
    assert (said.state, said.about) == (State.WARNING, "it")
    assert "3 texts in English" in said.meaning
    assert guarding.languages(Scene(HERE, kept))[0].state is State.OK
    assert guarding.languages(Scene(HERE, parse({})))[0].state is State.NOT_CHECKED
    assert guarding.languages(Scene(HERE, None))[0].state is State.NOT_CHECKED
