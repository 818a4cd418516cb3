"""Reports over HTTP, by SMTP and at the command line, against a running process."""

import asyncio
import gzip
import json
import time
from pathlib import Path

import warm

from .conftest import Up

END = int(time.time()) - 3600  #: one and the same for a report that is told twice


def _report(number: int = 1) -> bytes:
    end = END
    return f"""<feedback><report_metadata><org_name>x</org_name><email>d@them.example</email>
<report_id>{number}</report_id><date_range><begin>{end - 86_000}</begin><end>{end}</end>
</date_range></report_metadata><policy_published><domain>example.com</domain></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated>
<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row></record>
</feedback>""".encode()


async def _mailkeep(up: Up, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        *words,
        *("--home", str(up.home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300"},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode or 0, said.decode().strip()


async def _post(up: Up, body: bytes, key: str) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}
    async with up.session.post(f"{up.url}/v1/reports", data=body, headers=headers) as reply:
        return reply.status, await reply.json(content_type=None)


async def test_a_report_comes_in_by_http_and_the_command_line(up: Up, tmp_path: Path) -> None:
    _, key = await _mailkeep(up, "keys", "create", "box", "--scope", "report")
    status, found = await _post(up, gzip.compress(_report()), key)
    assert status == 200
    (one,) = found["reports"]
    assert (one["reporter"], one["failed"], one["total"]) == ("them.example", 7, 7)
    assert (one["believed"], one["new"]) == (False, True)

    file = tmp_path / "report.xml"
    file.write_bytes(_report())
    code, said = await _mailkeep(up, "watch", "report", str(file), "--json")
    assert code == 0
    assert json.loads(said)[0]["new"] is False  # known already

    status, found = await _post(up, b"<!DOCTYPE x [<!ENTITY a 'b'>]><feedback/>", key)
    assert (status, found["field"]) == (422, "report")
    code, said = await _mailkeep(up, "watch", "reports")
    assert code == 0
    assert "7 of 7 failed" in said
    assert "anyone's word" in said
    assert "1 (doctype)" in said


async def test_other_keys_bring_no_report_in_and_this_one_does_nothing_else(up: Up) -> None:
    _, sends = await _mailkeep(up, "keys", "create", "s", "--scope", "send", "--scope", "operate")
    assert (await _post(up, _report(), sends))[0] == 403
    assert (await _post(up, _report(), "mk_none"))[0] == 401
    _, box = await _mailkeep(up, "keys", "create", "box", "--scope", "report")
    up.key, own = box, up.key
    assert (await up.send())["http"] == 403
    up.key = own


async def test_a_claim_tells_the_desk_nothing(up: Up) -> None:
    _, key = await _mailkeep(up, "keys", "create", "desk", "--scope", "report")
    headers = {"Authorization": f"Bearer {key}"}
    said = []
    for address in ("nobody@example.net", "ada@example.net"):
        body = {"address": address, "what": "reset"}
        async with up.session.post(f"{up.url}/v1/claims", json=body, headers=headers) as reply:
            said.append((reply.status, await reply.read()))
    assert said[0] == said[1]
    assert said[0][0] == 202
    body = {"address": "ada@example.net", "what": "weather"}
    async with up.session.post(f"{up.url}/v1/claims", json=body, headers=headers) as reply:
        assert (reply.status, (await reply.json(content_type=None))["field"]) == (422, "what")
    code, text = await _mailkeep(up, "watch", "claim", "ada@example.net", "--what", "sign_in")
    assert (code, text) == (0, "It is on record, if an account has that address.")
