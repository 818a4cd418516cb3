"""``mailkeep``: the commands."""

import errno
import os
import sys
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from typer._click.exceptions import ClickException

from mailkeep import __version__
from mailkeep.base.errors import BadSettings, Conflict, MailkeepError, TooMany, Unavailable
from mailkeep.incidents import queries as incident_queries
from mailkeep.response import queries as response_queries

from . import (
    accounts,
    applications,
    audit,
    backup,
    bench,
    doctor,
    documents,
    evidence,
    factors,
    keys,
    measuring,
    messages,
    pagers,
    posture,
    privacy,
    providers,
    receivers,
    report,
    reports,
    send,
    signing,
    watch,
)
from .house import DEFAULT_HOME, Home, NoSecrets, read, settings
from .loop import run
from .output import FINE, FOUND, MISTAKE, Json, group, note, result

WORDS = "Mail that no fallen provider can lose, accounts that none can take."
app = group(WORDS)
incidents_app = group("Incidents: what may be going on.", alone=True)
app.add_typer(applications.app, name="applications")
app.add_typer(accounts.app, name="accounts")
app.add_typer(accounts.operators_app, name="operators")
app.add_typer(audit.app, name="audit")
app.add_typer(factors.app, name="factors")
app.add_typer(keys.app, name="keys")
app.add_typer(messages.app, name="messages")
app.add_typer(incidents_app, name="incidents")
providers.app.command("posture")(posture.show)
providers.app.command("expect")(posture.expect)
providers.app.command("accept")(posture.accept)
incidents_app.command("take")(pagers.take)
incidents_app.command("evidence")(evidence.take)
incidents_app.command("verify")(evidence.verify)
app.add_typer(pagers.app, name="pagers")
app.add_typer(privacy.app, name="privacy")
app.add_typer(providers.app, name="providers")
app.add_typer(receivers.app, name="receivers")
app.add_typer(signing.app, name="signing")
app.add_typer(watch.app, name="watch")
watch.app.command("measure")(measuring.measure)
watch.app.command("tune")(measuring.tune)
watch.app.command("report")(reports.report)
watch.app.command("reports")(reports.reports)
watch.app.command("lookalikes")(reports.lookalikes)
watch.app.command("claim")(reports.claim)
app.command("send")(send.send)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("bench")(bench.bench)

# What does not fit the width of a terminal, or of a pipe, is the reader's to wrap.
out = Console(soft_wrap=True)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version")] = False) -> None:
    """Mail that no fallen provider can lose, accounts that none can take."""
    if version:
        sys.stdout.write(f"mailkeep {__version__}\n")
        raise typer.Exit


@app.command()
def up(
    home: Home = DEFAULT_HOME,
    dev: Annotated[
        bool, typer.Option(help="Stand-in providers, mailbox and a key, on loopback only.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8025,
    smtp_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port for SMTP submission, in development; 0 takes a free one."
        ),
    ] = 8026,
    as_json: Json = False,
) -> None:
    """Start Mailkeep."""
    from . import serve  # the web framework, which nobody who only looks in need wait for

    if dev and host not in {"127.0.0.1", "::1", "localhost"}:
        raise BadSettings("development mode listens on loopback only")
    if dev:
        run(serve.development(home, port, smtp_port, out, as_json=as_json))
    else:
        run(serve.production(home, host, port, as_json=as_json))


@incidents_app.callback()
def incidents_list(
    context: typer.Context, as_json: Json = False, home: Home = DEFAULT_HOME
) -> None:
    """List the incidents, the newest first."""
    if context.invoked_subcommand is not None:
        return
    found = read(home, incident_queries.recent)
    text = "\n".join(map(report.line, found)) or "No incident so far."
    result({"incidents": [documents.incident(one) for one in found]}, text, as_json=as_json)


@incidents_app.command("show")
def incidents_show(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say all that is known of an incident."""
    from mailkeep.app.application import Application

    running = Application(settings(home), home, environ=NoSecrets())
    found = read(home, lambda tx: response_queries.case(tx, running.response.means, incident))
    result(documents.case(found), report.full(found), as_json=as_json)


def main() -> None:
    """Run a command. What the user can mend is said in one line, or one JSON object, without a
    trace; the exit code says whose turn it is (``output.FINE`` and its like)."""
    as_json = "--json" in sys.argv[1:]
    try:
        code = app(standalone_mode=False)
    except ClickException as error:  # an option that there is not, an argument that is missing
        if as_json:
            _fail("usage", error.format_message(), MISTAKE, as_json=True)
        error.show()
        sys.exit(MISTAKE)
    except MailkeepError as error:
        later = isinstance(error, Unavailable | Conflict | TooMany)
        code = FOUND if later else MISTAKE
        _fail(error.slug, str(error), code, field=error.field, as_json=as_json)
    except BrokenPipeError:  # whoever read along has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FOUND)
    except OSError as error:  # a home that cannot be made, a disk that is full
        code = FOUND if error.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT} else MISTAKE
        _fail("system", str(error), code, as_json=as_json)
    except typer.Abort:
        _fail("stopped", "stopped", FOUND, as_json=as_json)
    sys.exit(code if isinstance(code, int) else FINE)


def _fail(
    slug: str, detail: str, code: int, *, as_json: bool, field: str | None = None
) -> NoReturn:
    if as_json:
        problem = {"error": slug, "detail": detail, "field": field, "exit": code}
        sys.stderr.write(msgspec.json.encode(problem).decode() + "\n")
    else:
        note(f"mailkeep: {detail}" + (f" ({field})" if field else ""))
    sys.exit(code)
