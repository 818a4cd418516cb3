"""``mailkeep up``: start the service."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from mailkeep.base.errors import BadSettings

from .house import DEFAULT_HOME, Home
from .loop import run
from .output import Json


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
    settings: Annotated[
        Path | None,
        typer.Option(
            help="In development, a settings file whose streams and rules are tried out. Mail goes"
            " to the stand-ins, whatever it says."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start Mailkeep."""
    gc.disable()  # until it serves: what is made up to then stays, and to search it costs a tenth
    from . import serve  # the web framework: whoever mistyped an option need not wait for it

    if dev and host not in {"127.0.0.1", "::1", "localhost"}:
        raise BadSettings("development mode listens on loopback only")
    if settings is not None and not dev:
        raise BadSettings(f"--settings is for --dev: without it {home / 'mailkeep.toml'} is read")
    if dev:
        run(serve.development(home, port, smtp_port, settings, as_json=as_json))
    else:
        run(serve.production(home, host, port, as_json=as_json))
