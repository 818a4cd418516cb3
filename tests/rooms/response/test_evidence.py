"""The report, its picture, the regulator's clock, and the bundle that others can check."""

import asyncio
import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from msgspec import to_builtins
from sqlalchemy import delete, insert, select, update

from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.errors import BadSettings, NotFound
from mailkeep.base.keys import KeyRing, digest
from mailkeep.cli.evidence import verify
from mailkeep.events import anchors, audit
from mailkeep.events.anchors import Anchor
from mailkeep.events.tables import audit as chain
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.tables import incident_entries
from mailkeep.incidents.types import IncidentSettings
from mailkeep.incidents.words import obeyed
from mailkeep.response import evidence, queries, report
from mailkeep.response.types import CaseView
from mailkeep.watch.types import RESETS

from .conftest import CAMPAIGN, COMPROMISED, SILENT, Stage


async def _case(stage: Stage) -> CaseView:
    incident = await stage.only()
    async with stage.database.read() as tx:
        return await queries.case(tx, stage.response.means, incident.id)


async def _bundle(
    stage: Stage, keys: KeyRing, where: Path, kept: list[Anchor] | None = None
) -> Path:
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        files = await evidence.gather(tx, stage.response.means, incident, by="uid:0")
        made = evidence.sealed(files, incident, keys, "0", tx.now, kept)
        files[evidence.MANIFEST] = made
    return await asyncio.to_thread(_write, where, files)


def _write(where: Path, files: dict[str, bytes]) -> Path:
    where.mkdir()
    for name, content in files.items():
        (where / name).write_bytes(content)
    return where


async def test_a_long_incident_is_reported_from_its_first_line(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    """What began it is the first that a court asks about: it must not fall off the end."""
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        last = (await incidents.timeline(tx, incident))[-1].line
        line = {"incident_id": incident, "kind": "note", "by": "opr_1", "events": "[]", "count": 0}
        rows = [
            line | {"line": last + n, "at": tx.now + n, "text": f"note {n}"} for n in range(1, 2301)
        ]
        await tx.run(insert(incident_entries), rows)
    case = await _case(stage)
    assert (len(case.timeline), case.earlier) == (1000, last + 1300)
    assert case.timeline[0].line == case.earlier + 1
    where = await _bundle(stage, keys, tmp_path / "b")
    whole = json.loads((where / "case.json").read_text())["timeline"]
    assert [one["line"] for one in whole] == list(range(1, last + 2301))
    for name in ("report.md", "report.html"):
        text = (where / name).read_text()
        assert "the incident opened" in text
        assert "note 2300" in text
    ET.parse(where / "timeline.svg")
    assert (where / "timeline.svg").stat().st_size < 200_000, "one mark for what lies in one place"


async def test_a_bundle_is_whole_and_checks_out(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    found = evidence.check(where)
    assert found.public_key == keys.public_key()
    facts = [json.loads(line) for line in (where / "facts.jsonl").read_text().splitlines()]
    case = json.loads((where / "case.json").read_text())
    named = {
        e for view in case["incident"]["opinions"] for r in view["reasons"] for e in r["events"]
    }
    assert named <= {one["id"] for one in facts}
    assert "incidents.opened" in {one["kind"] for one in facts}
    acts = [json.loads(line) for line in (where / "audit.jsonl").read_text().splitlines()]
    assert acts[-1]["act"] == "export_evidence"
    assert (acts[-1]["number"], acts[-1]["hash"]) == (found.audit_number, found.audit_hash)
    previous = "0" * 64
    for one in acts:  # by hand, as a stranger would
        fields = [one[n] for n in ("number", "at", "actor", "act", "data")] + [previous]
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == one["hash"]
        previous = one["hash"]


@pytest.mark.parametrize("name", ["facts.jsonl", "report.md", "audit.jsonl", "manifest.json"])
async def test_whatever_is_altered_is_noticed(
    stage: Stage, keys: KeyRing, tmp_path: Path, name: str
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    before = (where / name).read_bytes()
    (where / name).write_bytes(before.replace(b"1", b"3", 1))
    with pytest.raises(BadSettings, match=r"altered|cannot be read"):
        evidence.check(where)
    (where / name).unlink()
    with pytest.raises(BadSettings):
        evidence.check(where)


async def test_what_nobody_signed_is_not_read_beside_what_was(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    evidence.check(where)
    (where / "summary.html").write_text("the provider was cleared")
    with pytest.raises(BadSettings, match=r"not signed: summary\.html"):
        evidence.check(where)


async def test_whoever_made_a_bundle_paints_over_nothing(
    stage: Stage, keys: KeyRing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger's key signs it, and the terminal is to show ours in its place."""
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    found = evidence.check(where)
    forged = msgspec.structs.replace(found, made_at="2026\x1b[8m\nOK:\x1b[2J\r")
    signed = msgspec.structs.replace(
        forged, signature=keys.sign(evidence._signed(to_builtins(forged)))
    )
    (where / evidence.MANIFEST).write_bytes(msgspec.json.encode(signed))
    verify(where)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\r" not in said
    assert said.count("\n") == 1


async def _head(stage: Stage, keys: KeyRing) -> Anchor:
    """A head, as a place elsewhere keeps it."""
    async with stage.database.read() as tx:
        head = await audit.head(tx, keys)
    (kept,) = anchors.read(anchors.line(head, keys.public_key(), ""))
    return kept


async def _acts(stage: Stage, count: int) -> None:
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        for number in range(count):
            await stage.incidents.note(tx, incident, f"note {number}", by="key_ada")


async def _rewrite(stage: Stage) -> None:
    """Somebody with the database and the code makes the chain anew over an altered entry."""
    async with stage.database.write() as tx:
        rows = [dict(row) for row in await tx.all(select(chain).order_by(chain.c.number))]
        rows[2]["actor"] = "key_eve"
        previous = "0" * 64
        for row in rows:
            fields = [row[n] for n in ("number", "at", "actor", "act", "data")]
            row["previous"], previous = previous, digest(msgspec.json.encode([*fields, previous]))
            row["hash"] = previous
            await tx.run(update(chain).where(chain.c.number == row["number"]).values(**row))


async def test_a_bundle_with_a_broken_chain_does_not_check_out(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    """Signed by the house itself, which did not look."""
    await stage.signal({COMPROMISED: 8.5})
    await _acts(stage, 5)
    async with stage.database.write() as tx:
        await tx.run(update(chain).where(chain.c.number == 3).values(actor="key_eve"))
    where = await _bundle(stage, keys, tmp_path / "b")
    found = msgspec.json.decode((where / evidence.MANIFEST).read_bytes(), type=evidence.Manifest)
    assert found.chain_broken_at == 3
    with pytest.raises(BadSettings, match=r"entry 3 .* does not fit the chain.*says so itself"):
        evidence.check(where)


@pytest.mark.parametrize("gone", [1, 3])
async def test_an_entry_that_is_missing_is_named(
    stage: Stage, keys: KeyRing, tmp_path: Path, gone: int
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await _acts(stage, 5)
    async with stage.database.write() as tx:
        await tx.run(delete(chain).where(chain.c.number == gone))
    where = await _bundle(stage, keys, tmp_path / "b")
    with pytest.raises(BadSettings, match=f"entry {gone} "):
        evidence.check(where)


async def test_a_chain_that_was_made_anew_is_found_by_its_anchors(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await _acts(stage, 5)
    head = await _head(stage, keys)
    whole = await _bundle(stage, keys, tmp_path / "whole", [head])
    assert evidence.check(whole, [head], keys.public_key()).anchors is not None
    await _rewrite(stage)
    unanchored = await _bundle(stage, keys, tmp_path / "unanchored")
    evidence.check(unanchored)  # in itself it fits
    with pytest.raises(BadSettings, match=r"the heads that you kept .* made anew"):
        evidence.check(unanchored, [head])
    anchored = await _bundle(stage, keys, tmp_path / "anchored", [head])
    with pytest.raises(BadSettings, match=r"the house's own anchors .* made anew"):
        evidence.check(anchored)


async def test_a_chain_that_was_cut_short_is_found_by_a_kept_head(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    await _acts(stage, 5)
    head = await _head(stage, keys)
    async with stage.database.write() as tx:
        await tx.run(delete(chain).where(chain.c.number > 3))
    where = await _bundle(stage, keys, tmp_path / "b")
    evidence.check(where)
    with pytest.raises(BadSettings, match="are missing that an anchor counts"):
        evidence.check(where, [head])


async def test_a_strangers_key_and_heads_are_refused(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    (tmp_path / "other").mkdir()
    other = KeyRing(tmp_path / "other")
    where = await _bundle(stage, other, tmp_path / "b")
    evidence.check(where)
    with pytest.raises(BadSettings, match="another key"):
        evidence.check(where, public_key=keys.public_key())
    with pytest.raises(BadSettings, match="none of the heads"):
        evidence.check(where, [await _head(stage, keys)])


async def test_heads_of_another_key_and_entries_after_the_last_are_not_said_to_agree(
    stage: Stage, keys: KeyRing, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A forger signs a chain of their own, and adds a head of theirs where ours are kept."""
    await stage.signal({COMPROMISED: 8.5})
    kept = [await _head(stage, keys)]
    await _acts(stage, 3)
    (tmp_path / "other").mkdir()
    other = KeyRing(tmp_path / "other")
    kept.append(await _head(stage, other))
    await _acts(stage, 1)
    where = await _bundle(stage, other, tmp_path / "b")
    file = tmp_path / "heads"
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in kept))
    verify(where, [file])
    said = " ".join(capsys.readouterr().out.split())
    assert "1 head that you kept agrees, up to entry" in said
    assert "what comes after it could have been made anew" in said
    assert "1 head that you kept is signed by another key than the bundle" in said


async def test_a_bundle_of_an_older_version_still_checks_out(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    raw = json.loads((where / evidence.MANIFEST).read_text())
    raw |= {"format": 1}
    del raw["chain_broken_at"], raw["anchors"]
    raw["signature"] = keys.sign(evidence._signed(raw))
    (where / evidence.MANIFEST).write_text(json.dumps(raw))
    assert evidence.check(where).anchors is None


async def test_a_manifest_names_no_file_elsewhere(
    stage: Stage, keys: KeyRing, tmp_path: Path
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    where = await _bundle(stage, keys, tmp_path / "b")
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    made = evidence.sealed({"../outside": b"x"}, "inc_1", keys, "0", 0, None)
    (where / evidence.MANIFEST).write_bytes(made)
    with pytest.raises(BadSettings, match="missing"):
        evidence.check(where)


async def test_what_is_not_there_gives_no_bundle(stage: Stage) -> None:
    with pytest.raises(NotFound):
        async with stage.database.write() as tx:
            await evidence.gather(tx, stage.response.means, "inc_none", by="uid:0")
    assert ("uid:0", "export_evidence") not in await stage.audited()


async def test_the_report_says_what_was_seen_and_no_markup_of_others(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    incident = await stage.only()
    clock.advance(90)
    async with stage.database.write() as tx:
        await stage.incidents.note(tx, incident.id, "<b>x</b> | [l](http://e)", by="key_ada")
    written = report.written(await _case(stage), {"key_ada": "Ada's key"}, clock.now())
    text, page = report.markdown(written), report.html(written)
    assert "refusal says so" in text
    assert r"\<b\>x\</b\> \| \[l\](http:\//e)" in text
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert "Ada&#x27;s key" in page
    assert "<script" not in page
    assert "style=" not in page


def test_what_others_wrote_is_no_link_and_no_line_of_the_report() -> None:
    hostile = "canaries arrived with\r# Cleared\r\u202e\x1b[2Jhttps://evil.example www.evil.example"
    section = report.Section("x", (), report.Table(("what",), ((hostile,),)))
    written = report.Written(hostile, (hostile,), (section,))
    for text in (report.markdown(written), report.html(written)):
        assert not [one for one in text if obeyed(one) and one != "\n"]
    assert "https://" not in report.markdown(written)
    assert "www.e" not in report.markdown(written)
    assert not any(one.startswith("# Cleared") for one in report.markdown(written).splitlines())


async def test_the_picture_is_svg_and_says_itself(stage: Stage, clock: ManualClock) -> None:
    await stage.signal({SILENT: 8.5})
    clock.advance(3600)
    case = await _case(stage)
    (line,) = [one for one in report.written(case, {}, clock.now()).sections if one.picture]
    drawn = ET.fromstring(line.picture)
    assert drawn.attrib["role"] == "img"
    assert f"{len(case.timeline)} events" in drawn.attrib["aria-label"]
    circles = drawn.findall(".//{*}circle")
    assert len(circles) == len(case.timeline)
    assert all(90 <= float(one.attrib["cx"]) <= 940 for one in circles)


async def test_the_regulators_clock_runs_from_the_opening_and_names_what_is_missing(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({COMPROMISED: 8.5})
    clock.advance(600)
    case = await _case(stage)
    assert case.deadline is not None
    assert case.deadline.due_at == case.incident.opened_at + 72 * HOUR
    missing = {one.text for one in case.deadline.items if one.done is False}
    assert {"Who answers questions", "What was done about it"} <= missing
    stage.incidents.settings = IncidentSettings(contact="dpo@example.com")
    again = await _case(stage)
    assert again.deadline is not None
    assert "Who answers questions" not in {
        one.text for one in again.deadline.items if one.done is False
    }


async def test_an_outage_is_no_breach(stage: Stage) -> None:
    await stage.signal({SILENT: 8.5})
    assert (await _case(stage)).deadline is None


async def test_nor_is_a_campaign_that_took_nothing(stage: Stage) -> None:
    await stage.signal({CAMPAIGN: 12.0}, RESETS, detector="surge")
    assert (await _case(stage)).deadline is None


async def test_who_wants_no_clock_has_none(stage: Stage) -> None:
    stage.incidents.settings = IncidentSettings(tell_within=0)
    await stage.signal({COMPROMISED: 8.5})
    assert (await _case(stage)).deadline is None
