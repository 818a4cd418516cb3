"""Starts the service and, in development, the stand-in providers and mailbox beside it."""

import asyncio
import contextlib
import gc
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from rich.console import Console

from mailkeep.app import logs
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.errors import BadSettings, NotAllowed, NotSignedIn
from mailkeep.http import connections, server
from mailkeep.mail import api_keys
from mailkeep.smtp import door, receiving
from mailkeep.smtp.types import Limits, SubmissionSettings
from mailkeep.store.database import Tx

from . import development as dev
from . import tried
from .house import FILE
from .output import result
from .standins import StandIn, StandIns

GRACE_SECONDS = 2  #: how long open pages may hold up the stop
#: How long a connection is kept between requests: longer than proxies (nginx 60 s) and clients keep
#: theirs, else a request now and then meets the door as it shuts, and comes back as an error.
KEPT_SECONDS = 75
SCOPES = ("send", "read", "recover", "operate")  #: of the key of development


async def production(home: Path, host: str, port: int, *, as_json: bool = False) -> None:
    """Run on the settings in ``<home>/mailkeep.toml`` until stopped."""
    logs.configure("info", people=False)
    settings = app_settings.load(home / "mailkeep.toml")
    async with contextlib.AsyncExitStack() as stack:
        claimed = stack.enter_context(_claim(port, "--port", host))
        running = await stack.enter_async_context(Application(settings, home))
        port = _port(claimed)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ports = [] if running.submission is None else list(running.submission.ports)
        words = f"Mailkeep listens on {url}"
        if ports:
            words += f"\nand takes mail in by SMTP on port {', '.join(map(str, ports))}"
        checking: list[asyncio.Task[None]] = []

        def ready() -> None:
            result({"ready": True, "url": url, "smtp": ports}, words, as_json=as_json)
            from . import doctor  # nobody waits for it before mail is taken

            checking.append(asyncio.create_task(doctor.at_start(home, settings), name="doctor"))

        try:
            await _serve(running, claimed, ready)
        finally:
            for one in checking:
                one.cancel()
            await asyncio.gather(*checking, return_exceptions=True)


async def development(
    home: Path, port: int, smtp_port: int, settings_file: Path | None, *, as_json: bool = False
) -> None:
    """Run on embedded defaults with two stand-in providers and the mailbox, on loopback.

    Args:
        settings_file: whose streams and rules go before the defaults (``tried``).
    """
    given = tried.find(home, settings_file)
    tried.check(given, app_settings.Settings.__struct_fields__)
    logs.configure("warning", people=True)
    out = Console(soft_wrap=True)  # a narrow terminal, or a pipe, is the reader's to wrap
    async with contextlib.AsyncExitStack() as stack:
        claimed = stack.enter_context(_claim(port, "--port"))
        # Held until the submission listens there itself: nobody else is given it meanwhile.
        claimed_smtp = stack.enter_context(_claim(smtp_port, "--smtp-port"))
        port, smtp_port = _port(claimed), _port(claimed_smtp)
        url = f"http://localhost:{port}"
        catcher = _Catcher()
        largest = Limits(size=SubmissionSettings().size)
        listener = await receiving.listen("127.0.0.1", 0, catcher.deliver, largest)
        stack.push_async_callback(_stop, listener)
        mail_port = listener.port
        if not as_json:
            out.print(f"Starting the stand-ins for {' and '.join(dev.KINDS)} …", style="dim")
        accounts = dev.accounts(home)
        standins = [
            StandIn(
                kind,
                mail_port,
                one.secret,
                one.webhook_secret,
                f"{url}/hooks/{kind}",
                one.opened,
            )
            for kind, one in accounts.items()
        ]
        started = StandIns(standins)
        stack.push_async_callback(started.end)
        await started.start()
        raw = tried.over(dev.settings(url, standins, smtp_port), given)
        settings = app_settings.of_development(raw)
        theirs = {name: value for one in standins for name, value in one.secrets().items()}
        environ = dict(os.environ) | theirs  # a table may come from the environment, and its secret
        running = await stack.enter_async_context(
            Application(settings, home, dev=True, environ=environ, standins=dev.views(standins))
        )
        catcher.running = running
        (home / FILE).write_text(json.dumps(raw))
        async with running.database.write() as tx:
            key = await _key(tx, running, dev.kept_key(home))
        dev.keep_key(home, key)

        def ready() -> None:
            if as_json:
                result(dev.described(url, smtp_port, key, home, standins, given), "", as_json=True)
            else:
                dev.greet(out, url, smtp_port, key, home, standins, given)

        hosts = (f"localhost:{port}", f"127.0.0.1:{port}")
        await _serve(running, claimed, ready, hosts)


async def _key(tx: Tx, running: Application, kept: str) -> str:
    """The key of development: that of the last start while it is good for all that is tried with
    it, so that what was set up with it goes on; else a new one, and no other is good then."""
    with contextlib.suppress(NotSignedIn, NotAllowed):
        for scope in SCOPES:
            await api_keys.authorise(tx, running.keys, kept, scope, network="127.0.0.1")
        return kept
    await api_keys.revoke(tx, "development", by="development")
    return await api_keys.create(
        tx, running.keys, "development", SCOPES, owner="developer", by="development"
    )


class _Catcher:
    """Hands received mail to the app, which starts after the listener."""

    def __init__(self) -> None:
        self.running: Application | None = None

    async def deliver(self, recipients: list[str], raw: bytes) -> None:
        if self.running is not None:
            await self.running.receive(recipients, raw)


async def _serve(
    running: Application,
    claimed: socket.socket,
    ready: Callable[[], None],
    hosts: tuple[str, ...] = (),
) -> None:
    """Serve until stopped; ``ready`` is called once connections are taken."""
    config = uvicorn.Config(
        server.create(running, hosts),
        http=connections.bounded(connections.most_connections()),
        ws="none",
        timeout_keep_alive=KEPT_SECONDS,
        log_level="warning",
        log_config=None,  # ours: see app/logs.py
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        lifespan="off",
    )
    # What stands by now stays. To search it for garbage again and again took a tenth of a second
    # each time, in which nothing else was done: a reset that came then was that late. To search it
    # once, here, takes two tenths of a start and finds a thousand objects.
    gc.freeze()
    gc.enable()
    await _Server(config, running, ready).serve([claimed])


class _Server(uvicorn.Server):
    """Says when it takes connections, and that it is not ready as soon as it is asked to end, while
    it answers what it has."""

    def __init__(
        self, config: uvicorn.Config, running: Application, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._app = running
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.telemetry.stopping = True
        super().handle_exit(sig, frame)


async def _stop(listener: door.Listener) -> None:
    listener.close()


def _claim(port: int, option: str, host: str = "127.0.0.1") -> socket.socket:
    """A socket bound to the port, or to a free one for 0, not listening yet.

    Raises:
        BadSettings: it is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claimed = socket.socket(family)
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6:
        claimed.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        claimed.bind((host, port))
    except OSError as error:
        claimed.close()
        raise BadSettings(
            f"cannot listen on port {port} ({error.strerror}); say another with {option}"
        ) from error
    return claimed


def _port(claimed: socket.socket) -> int:
    return int(claimed.getsockname()[1])
