"""The commands against a running Mailkeep: as words, as JSON, and with their exit codes."""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import warm
from aiohttp import web

from .conftest import COLD, Up

MAIL = ("--from", "us@example.com", "--to", "ada@example.net", "--subject", "Hi")


@dataclass
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, object]:
        """The one JSON document on standard output; nothing else may stand there."""
        found = json.loads(self.out)
        assert self.out.count("\n") == 1
        assert isinstance(found, dict)
        return found


async def run(
    *words: str,
    environ: Mapping[str, str] | None = None,
    given: str | None = None,
    command: str = "",
) -> Said:
    process = await asyncio.create_subprocess_exec(
        command or warm.mailkeep(),
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # 20 columns: whatever wraps at all would show.
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "20", "TERM": "xterm", **(environ or {})},
    )
    out, err = await asyncio.wait_for(
        process.communicate(None if given is None else given.encode()), 60
    )
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


#: Runs the command many times in one process: most of a command's time goes into its start.
_MANY = """
import contextlib, io, json, os, sys
from mailkeep.cli.main import main
said = []
for words, environ in json.load(sys.stdin):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["mailkeep", *words]
    before = dict(os.environ)
    os.environ.update(environ)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    os.environ.clear()
    os.environ.update(before)
    said.append([code, out.getvalue(), err.getvalue()])
json.dump(said, sys.stdout)
"""


async def run_many(calls: Iterable[tuple[tuple[str, ...], Mapping[str, str]]]) -> list[Said]:
    """The same of many commands, one after the other."""
    process = await asyncio.create_subprocess_exec(
        *(warm.python(), "-c", _MANY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "20"},
    )
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(list(calls)).encode()), 90)
    assert process.returncode == 0
    return [Said(*one) for one in json.loads(out)]


async def test_a_mail_is_sent_waited_for_and_found(up: Up) -> None:
    home = ("--home", str(up.home))
    sent = await run("send", *MAIL, "--text-file", "-", "--wait", *home, given="words\n")
    assert sent.code == 0, sent
    message = sent.out.partition(":")[0]
    assert sent.out == f"{message}: delivered\n"
    assert "accepted" in sent.err, "progress is beside the result"

    listed = (await run("messages", "list", "--to", "ADA@example.net", "--json", *home)).document()
    assert [one["id"] for one in listed["messages"]] == [message]
    pseudonym = listed["messages"][0]["recipient"]
    assert pseudonym.startswith("address_")
    asks = {
        ("--to", pseudonym): 1,
        ("--status", "delivered", "--stream", "alert", "--since", "1h", "--to", pseudonym): 1,
        ("--status", "given_up"): 0,
        ("--to", "nobody@example.net"): 0,
        ("--before", message, "--to", pseudonym): 0,
    }
    answers = await run_many((("messages", "list", *one, "--json", *home), {}) for one in asks)
    assert [len(one.document()["messages"]) for one in answers] == list(asks.values())

    shown = (await run("messages", "show", message, "--json", *home)).document()
    assert shown["attempts"][-1]["outcome"] == "accepted"
    assert shown["waits_for"] is None
    assert "delivered" in [one["event"] for one in shown["events"]]
    over_http = await up.message(message)
    assert over_http.pop("http") == 200
    assert shown == over_http, "the API tells the same"
    told = await run("messages", "show", message, *home)
    assert pseudonym in told.out
    for words in (told.out, json.dumps(shown), json.dumps(listed)):
        assert "ada@example.net" not in words
        assert "words" not in words


async def test_every_command_says_it_as_json_and_nothing_else(up: Up) -> None:
    home = ("--home", str(up.home))
    documents: dict[tuple[str, ...], str] = {
        ("watch",): "opinions",
        ("watch", "list"): "opinions",
        ("incidents",): "incidents",
        ("incidents", "list"): "incidents",
        ("cutover", "list"): "cutovers",
        ("offboard", "list"): "offboardings",
        ("factors", "list"): "days",
        ("providers", "list"): "providers",
        ("messages", "list"): "messages",
        ("audit", "verify"): "fits",
        ("audit", "head"): "signature",
        ("keys", "create", "app", "--scope", "send"): "key",
        ("keys", "revoke", "app"): "revoked",
        ("providers", "rest", "mandrill", "--reason", "x"): "sent_again",
        ("providers", "unrest", "mandrill", "--reason", "x"): "changed",
        ("providers", "cut", "mandrill", "--reason", "\x1b[2Jx"): "sent_again",
        ("send", *MAIL, "--text", "x"): "id",
    }
    for field, said in zip(
        documents.values(),
        await run_many(((*words, "--json", *home), {}) for words in documents),
        strict=True,
    ):
        assert said.code == 0, said
        assert field in said.document()
        assert said.err == ""
    mandrill = (await run("providers", "list", "--json", *home)).document()["providers"][0]
    assert mandrill["cut_reason"] == "\x1b[2Jx"
    assert "recovery" in mandrill["streams"]
    plain = await run("providers", "list", *home)
    assert "\x1b" not in plain.out, "nothing that a terminal obeys"
    assert "[2Jx" in plain.out
    assert any("cut off since" in line and "alert, bulk" in line for line in plain.out.split("\n"))
    restored = await run("providers", "restore", "mandrill", "--reason", "x", *home)
    assert restored.out == "mandrill carries mail again.\n"


async def test_a_doctor_and_a_backup_beside_a_running_one(up: Up, tmp_path: Path) -> None:
    home = ("--home", str(up.home))
    healthy = await run("doctor", "--offline", "--json", *home)
    found = healthy.document()
    assert healthy.code == (0 if found["healthy"] else 1)
    assert {one["state"] for one in found["checks"]} <= {"ok", "warning", "failed", "not checked"}
    states = {(one["id"], one["about"]): one["state"] for one in found["checks"]}
    assert states["database.schema", ""] == "ok"
    assert states["home.permissions", ""] == "ok"

    environ = {"MAILKEEP_PASSPHRASE": "correct horse battery"}
    copy, keys = tmp_path / "copy", tmp_path / "keys"
    made = await run("backup", str(copy), "--with-keys", str(keys), *home, environ=environ)
    assert made.code == 0, made
    assert keys.stat().st_mode & 0o077 == 0
    refused = await run("restore", str(copy), "--force", *home)
    assert refused.code == 2
    assert "another Mailkeep runs" in refused.err
    elsewhere = ("--home", str(tmp_path / "other"))
    back = await run(
        "restore", str(copy), "--with-keys", str(keys), "--json", *elsewhere, environ=environ
    )
    assert back.code == 0, back
    assert back.document()["warnings"]
    wrong = await run(
        *("restore", str(copy), "--force", "--with-keys", str(keys), *elsewhere),
        environ={"MAILKEEP_PASSPHRASE": "wrong horse battery"},
    )
    assert wrong.code == 2
    assert "passphrase" in wrong.err
    inside = await run("backup", str(copy), "--with-keys", str(copy / "k"), *home, environ=environ)
    assert inside.code == 2


MISTAKES: list[tuple[tuple[str, ...], dict[str, str], str]] = [
    (("messages", "list", "--stauts", "x"), {}, "--status"),
    (("messages", "list", "--status", "delivred"), {}, "did you mean delivered?"),
    (("messages", "list", "--since", "soon"), {}, "15m"),
    (("messages", "show", "msg_0"), {}, "no such message; `mailkeep messages list` names them"),
    (("keys", "revoke", "developmnt"), {}, "did you mean development?"),
    (("providers", "cut", "mandril", "--reason", "x"), {}, "did you mean mandrill?"),
    (("providers", "list"), {"MAILKEEP_PUBLIC_ULR": "x"}, "did you mean MAILKEEP_PUBLIC_URL?"),
    (("send", *MAIL), {}, "--text"),
    (("send", *MAIL, "--text", "x", "--stream", "alrt"), {}, "no such stream"),
    (("send", *MAIL, "--text", "x"), {"MAILKEEP_KEY": "mk_wrong"}, "not known"),
    (("send", *MAIL, "--text", "x"), {"MAILKEEP_URL": "http://mail.example"}, "in clear"),
    (("up", "--dev", "--host", "0.0.0.0"), {}, "loopback only"),
    (("up", "--settings", "x.toml"), {}, "--settings is for --dev"),
    (("up", "--dev", "--settings", "no.toml"), {}, "no.toml"),
]


async def test_a_mistake_is_told_in_one_line_or_one_object_and_ends_with_2(up: Up) -> None:
    home = ("--home", str(up.home))
    plain = await run_many(((*words, *home), environ) for words, environ, _ in MISTAKES)
    exact = await run_many(((*words, "--json", *home), environ) for words, environ, _ in MISTAKES)
    for (words, _, expected), told, said in zip(MISTAKES, plain, exact, strict=True):
        assert (told.code, told.out) == (2, ""), words
        assert expected in told.err
        assert "Traceback" not in told.err
        assert (said.code, said.out) == (2, ""), words
        problem = json.loads(said.err)
        assert expected in f"{problem['detail']} {problem['field']}", words
        assert problem["exit"] == 2


async def test_help_is_whole_and_plain() -> None:
    pages = ((), ("messages", "list"), ("send",))
    for said in await run_many(((*words, "--help"), {}) for words in pages):
        assert said.code == 0
        assert "Usage: mailkeep" in said.out
        assert "..." not in said.out.replace("[ARGS]...", "").replace("COMMAND", "")
        assert not set(said.out) & set("╭─│╰\x1b")


async def test_a_message_that_is_given_up_ends_the_wait_with_1() -> None:
    """The API is played, so that each end of a message's life can be had at once."""
    life = ["queued", "sending"]
    seen: list[tuple[str, str]] = []
    end = "given_up"

    async def accept(request: web.Request) -> web.Response:
        seen.append((request.headers["Idempotency-Key"], (await request.json())["to"]))
        if len(seen) == 1:
            raise web.HTTPServiceUnavailable  # asked again, with the same key
        return web.json_response({"id": "msg_1"}, status=202)

    async def message(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer mk_1"
        status = life.pop(0) if life else end
        if status == "403":
            raise web.HTTPForbidden
        attempt = {"provider": "a", "outcome": "rejected", "detail": "no such user"}
        return web.json_response({"id": "msg_1", "status": status, "attempts": [attempt]})

    app = web.Application()
    app.router.add_post("/v1/messages", accept)
    app.router.add_get("/v1/messages/{id}", message)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    environ = {"MAILKEEP_URL": url, "MAILKEEP_KEY": "mk_1"}
    words = ("send", *MAIL, "--text", "x", "--wait")
    said = await run(*words, environ=environ)
    assert said.code == 1
    assert said.out == "msg_1: given_up\n"
    assert "attempt 1 over a: rejected (no such user)" in said.err
    assert len(seen) == 2
    assert len(set(seen)) == 1, "one message, however often it is asked for"

    end = "bounced"
    assert (await run(*words, "--json", environ=environ)).code == 1
    end = "accepted"
    said = await run(*words, "--timeout", "1", environ=environ)
    assert said.code == 1
    assert "nobody reported its delivery" in said.out
    end = "403"
    said = await run(*words, "--json", environ=environ)
    assert said.code == 2
    assert json.loads(said.err)["detail"].startswith("msg_1 was taken in"), "the id is not lost"
    await runner.cleanup()
    said = await run(*words, "--json", environ=environ)
    assert (said.code, said.out) == (1, ""), "not there is not a mistake of the caller"
    assert json.loads(said.err)["error"] == "unavailable"


@pytest.mark.parametrize("column", ["NO_COLOR", "TERM"])
async def test_no_colour_is_needed(column: str, tmp_path: Path) -> None:
    environ = {"NO_COLOR": "1"} if column == "NO_COLOR" else {"TERM": "dumb"}
    words = ("doctor", "--offline", "--home", str(tmp_path / "none"))
    said = await run(*words, environ=environ, command=COLD)
    assert said.code == 1
    assert "\x1b" not in said.out + said.err
    assert "[FAILED] settings" in said.out
    assert os.linesep in said.out
