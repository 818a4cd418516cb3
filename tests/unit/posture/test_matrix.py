"""The rules against the adversary matrix: what was played on the running service, they say as well.

The matrix tries each set of an attacker's capabilities on a real Mailkeep; the rules work out what
follows. Where both know a capability and a kind of account, they must come to the same: taken, at
once or after a hold that nobody stopped, or not. Each row of a report is one case. What the rules
have no word for is listed with the reason, and nothing else is left out.
"""

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mailkeep.app import settings as app_settings
from mailkeep.app import wiring_trust
from mailkeep.posture import scene
from mailkeep.posture.types import Live
from mailkeep.posture.whatif import Model
from mailkeep.trust.world import Group, Key
from mailkeep_drill.matrix.report import document
from mailkeep_drill.matrix.thief import HELD
from mailkeep_drill.matrix.words import Can, Cell, Kind
from mailkeep_drill.matrix.world import BRIEF
from mailkeep_drill.systems import setup
from mailkeep_drill.systems.mailkeep import KINDS

REPORT = Path(__file__).parents[3] / "docs" / "proofs" / "matrix.json"
MAILBOX = "matrix.customers.example"
STREAMS = tuple(name for name, _, _ in setup.STREAMS)

#: Of each capability, what the rules are given: parties and words.
MEANS: dict[Can, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Can.READS_A: ((), tuple(f"read:{one}@a" for one in STREAMS)),
    Can.READS_B: ((), tuple(f"read:{one}@b" for one in STREAMS)),
    Can.DROPS_A: ((), tuple(f"drop:{one}@a" for one in STREAMS)),
    Can.SENDS_A: ((), ("send:shop.example",)),
    Can.MAILBOX: ((), (f"mailbox:{MAILBOX}",)),
    Can.API_KEY: (("key:drill", "key:site"), ()),
    Can.DATABASE: (("mailkeep.backups",), ()),  # a dump is read, and not written
    Can.OPERATOR: (("key:desk",), ()),
    Can.WEBHOOKS: ((), ("claim:a", "claim:b")),
}
#: What the rules have no word for.
UNSAID: dict[Can, str] = {
    Can.PASSWORD: "the owner's own secret: no party outside has it",
    Can.SESSION: "a session is stolen from a browser, not from a party",
    Can.RELAY: "the owner is deceived; whoever serves our pages can do it, which is catch",
    Can.DENIALS: "a denial takes power away and gives none",
}
#: Of each kind, its group's factor, and whose accounts they are.
GROUPS: dict[Kind, tuple[str, str]] = {
    Kind.NONE: ("none", ""),
    Kind.TOTP: ("totp", ""),
    Kind.PASSKEY: ("passkey", ""),
    Kind.SAVED: ("totp", ""),
    Kind.TWO: ("none", ""),
    Kind.KEPT: ("none", "site"),
    Kind.KEPT_TOTP: ("kept_there", "site"),
}


def model(directory: Path) -> Model:
    """The house that the matrix plays in, out of the very settings that it writes."""
    providers: Any = {
        letter: SimpleNamespace(
            letter=letter, kind=kind, key="k", hook_key="h", api="127.0.0.1:1", user="u"
        )
        for letter, kind in KINDS.items()
    }
    text = setup.settings(
        "matrix", "http://localhost:1", providers, directory, "canary.example", 1, BRIEF
    )
    house = wiring_trust.house(app_settings.parse(tomllib.loads(text)))
    groups = tuple(
        Group("customer", factor, MAILBOX, *scene.held(house, "customer"), 1, application)
        for factor, application in dict.fromkeys(GROUPS.values())
    )
    keys = (
        Key("key:drill", ("send", "read")),
        Key("key:site", ("recover",), application="site"),
        Key("key:desk", ("send", "read", "operate")),
    )
    live = Live("2026-11-28", frozenset(one.name for one in house.providers), groups, keys)
    return Model(house, live, scene.world(house, live))


def taken(found: Model, can: frozenset[Can], kind: Kind) -> bool:
    """Whether the rules say that these capabilities take such an account."""
    means = [MEANS[one] for one in can]
    reached = found.engine.reach(
        [party for parties, _ in means for party in parties],
        [word for _, words in means for word in words],
    )
    factor, application = GROUPS[kind]
    (group,) = [
        one for one in found.world.groups if (one.factor, one.application) == (factor, application)
    ]
    return any(f"{how}:{group.id}" in reached for how in ("take", "held"))


def differing(found: Model, report: dict[str, Any]) -> tuple[int, list[str]]:
    """How many cases of a report both can say, and those of which they say another thing."""
    said, out = 0, []
    for cell in report["cells"]:
        can = frozenset(Can[name] for name in cell["can"])
        if not can <= MEANS.keys():
            continue
        said += 1
        kind = Kind[cell["kind"]]
        # Who was held when the run ended had got there: how soon a hold ends is the machine's.
        there = cell["lost"] or cell["how"] == HELD
        if taken(found, can, kind) != there:
            rules = "do not" if there else "take it"
            out.append(f"{' + '.join(cell['can'])} against {kind}: {cell['how']}; rules: {rules}")
    return said, out


def test_the_rules_say_what_the_matrix_saw(tmp_path: Path) -> None:
    said, out = differing(model(tmp_path), json.loads(REPORT.read_text()))
    assert out == []
    assert said >= 40


def test_every_capability_and_kind_is_said_or_its_reason() -> None:
    assert set(MEANS) | set(UNSAID) == set(Can)
    assert not set(MEANS) & set(UNSAID)
    assert set(GROUPS) == set(Kind)


@pytest.mark.parametrize("lost", [True, False])
def test_a_report_that_says_another_thing_is_noticed(tmp_path: Path, *, lost: bool) -> None:
    can = frozenset({Can.READS_A, Can.READS_B})
    cells = [Cell(can, Kind.NONE if not lost else Kind.TOTP, lost, "somehow", 3.0)]
    said, out = differing(model(tmp_path), json.loads(document(cells, 9.0)))
    assert said == 1
    assert len(out) == 1
    held = [Cell(can, Kind.NONE, False, HELD, 3.0)]
    assert differing(model(tmp_path), json.loads(document(held, 9.0))) == (1, [])
