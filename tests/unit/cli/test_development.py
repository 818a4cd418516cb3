"""What development mode is made of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mailkeep.app.settings import Settings, of_development
from mailkeep.base.errors import BadSettings
from mailkeep.cli.development import KINDS, accounts, settings
from mailkeep.cli.house import ACCOUNTS_FILE
from mailkeep.cli.tried import READ, Given, check, find, over
from mailkeep.trust.graph import TrustGraph
from mailkeep.trust.register import load


def test_a_stand_in_has_the_owners_of_the_house_that_it_stands_for() -> None:
    """Else who tries it out is shown that nobody stands behind a provider."""
    standins: Any = [SimpleNamespace(kind=one, api="http://127.0.0.1:1") for one in KINDS]
    found = of_development(settings("http://localhost:8025", standins, 8026))
    parties = load(found.party)
    assert {owner for one in parties.values() for owner in one.owned_by} >= {
        "intuit",
        "activecampaign",
    }
    assert TrustGraph(parties).independent({"mandrill"}, {"postmark"}).ok


def test_our_accounts_at_the_stand_ins_outlive_them(tmp_path: Path) -> None:
    """With other keys at each start, the console would tell of changes that nobody announced."""
    home = tmp_path / "new"
    first = accounts(home)
    assert tuple(first) == KINDS
    assert len({one.secret for one in first.values()}) == len(KINDS)
    assert accounts(home) == first
    assert (home / ACCOUNTS_FILE).stat().st_mode & 0o777 == 0o600
    (home / ACCOUNTS_FILE).write_text("{")
    with pytest.raises(BadSettings, match=ACCOUNTS_FILE):
        accounts(home)


FILE = """
public_url = "https://mail.example.com"
database = "postgresql://mailkeep@db.example.com/mailkeep"
[[provider]]
name = "sendgrid"
kind = "sendgrid"
party = "twilio"
secret = "env:SENDGRID_KEY"
[[party]]
id = "twilio"
[[pager]]
name = "night"
kind = "webhook"
[[feed]]
name = "siem"
[canary]
domain = "canary.example.com"
[languages]
otherwise = "de"
[recovery]
notices = "invoices"
[[stream]]
name = "invoices"
priority = 3
genuine = true
routes = [{ provider = "sendgrid" }]
[[stream]]
name = "alert"
priority = 5
routes = [{ provider = "sendgrid" }]
"""


def _below() -> dict[str, Any]:
    standins: Any = [SimpleNamespace(kind=one, api="http://127.0.0.1:1") for one in KINDS]
    return settings("http://localhost:8025", standins, 8026)


def test_a_file_that_is_tried_sends_to_nobody_but_the_stand_ins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mailkeep.toml"
    file.write_text(FILE)
    given = find(tmp_path / "home", file)
    below = _below()
    raw = over(below, given)
    found = of_development(raw)
    assert found.provider_names() == set(KINDS)
    routes = {route.provider for one in found.stream for route in one.routes}
    assert routes == set(KINDS)
    for name in raw.keys() - READ:
        assert raw[name] == below[name], f"{name} reaches out of this machine"
    assert (found.pager, found.feed, found.database) == ((), (), "")
    # What stays inside is the file's, with development's own under it.
    streams = found.streams()
    assert (streams["invoices"].genuine, streams["alert"].priority) == (True, 5)
    assert "recovery" in streams
    assert found.languages.otherwise == "de"
    assert found.recovery is not None
    assert (found.recovery.sender, found.recovery.notices) == ("accounts@example.com", "invoices")
    read, unread = given.lines()
    assert read == f"{file}, over the stand-ins: languages, recovery, stream"
    assert (
        unread == "not in development: public_url, database, provider, party, pager, feed, canary"
    )
    # One that lies about is used by nobody who did not name it, and not in silence.
    monkeypatch.chdir(tmp_path)
    assert over(_below(), find(tmp_path / "home", None)) == _below()
    (hint,) = find(tmp_path / "home", None).lines()
    assert "`--settings mailkeep.toml` tries" in hint


def test_development_keeps_out_of_the_home_of_a_real_one(tmp_path: Path) -> None:
    """Its stand-ins would swallow what waits in the database there."""
    file = tmp_path / "mailkeep.toml"
    file.write_text(FILE)
    for named in (None, file):
        with pytest.raises(BadSettings, match="say another with --home"):
            find(tmp_path, named)


def test_what_a_file_cannot_say_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        find(tmp_path, tmp_path / "no.toml")
    with pytest.raises(BadSettings, match="a table for each"):
        over(_below(), Given(tmp_path, {"stream": {"name": "x"}}))
    assert set(Settings.__struct_fields__) > READ
    known = Settings.__struct_fields__
    check(Given(tmp_path, {"stream": [], "pager": []}), known)  # one that is not read is one still
    for wrong, near in (("steam", "did you mean stream"), ("x", "no setting x")):
        with pytest.raises(BadSettings, match=near):
            check(Given(tmp_path, {wrong: 1}), known)
    assert find(tmp_path, None).lines() == []


def test_the_tutorial_names_all_that_is_read_of_a_file() -> None:
    text = (Path(__file__).parents[3] / "docs" / "tutorial.md").read_text()
    assert {one for one in READ if f"`{one}`" not in text} == set()
