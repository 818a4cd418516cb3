"""Mailkeep under test: the command as anybody starts it, in production mode, on a fresh home."""

import os
import secrets
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .children import Broken, Server, free_port, output

#: The table that production mode listens for submission by; where it is not known, there is none.
_SUBMISSION = """
[submission]
listen = "127.0.0.1:{port}"
default_stream = "{stream}"
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and its one way out.

    Attributes:
        kind: of the provider: "smtp", "postmark" or "mandrill".
        port: on loopback.
    """

    name: str
    kind: str
    port: int
    priority: int = 2
    secret: bool = False


@dataclass(slots=True)
class Wanted:
    """How Mailkeep is to be set up."""

    streams: tuple[Stream, ...]
    submission: bool = False
    concurrency: int = 20
    more: str = ""  #: further settings, as they stand in the file
    profile: Path | None = None
    command: list[str] = field(
        default_factory=lambda: [str(Path(sys.executable).with_name("mailkeep"))]
    )


class Mailkeep:
    """See the module.

    Args:
        directory: for its home, its secrets and its log.
    """

    def __init__(self, directory: Path, wanted: Wanted) -> None:
        self._directory = directory
        self._wanted = wanted
        self.home = directory / "home"
        self.port = free_port()
        self.submission = free_port()
        self.key = ""
        self.webhook_key = secrets.token_urlsafe(18)
        self._server: Server | None = None

    @property
    def pid(self) -> int:
        """Of the process that everything else of it descends from."""
        if self._server is None:
            raise Broken("Mailkeep does not run")
        return self._server.pid

    def hook(self, provider: str) -> str:
        """Where a provider reports."""
        return f"http://127.0.0.1:{self.port}/hooks/{provider}"

    async def start(self) -> float:
        """Write the settings, make a key, start; returns the seconds until it was ready."""
        self.home.mkdir(mode=0o700, parents=True)
        for name, secret in (("key", secrets.token_urlsafe(18)), ("webhook", self.webhook_key)):
            path = self._directory / name
            path.touch(mode=0o600)
            path.write_text(secret)
        text = settings(self._wanted, self.port, self._directory)
        if self._wanted.submission:
            text += _SUBMISSION.format(port=self.submission, stream=self._wanted.streams[0].name)
        (self.home / "mailkeep.toml").write_text(text)
        command, at = self._wanted.command, f"--home={self.home}"
        scopes = ("--scope=send", "--scope=read")
        self.key = (await output(*command, "keys", "create", "bench", *scopes, at)).strip()
        up = [*command, "up", at, f"--port={self.port}"]
        if self._wanted.profile is not None:
            sampler = [sys.executable, "-m", f"{__package__}.sampler"]
            up = [*sampler, str(self._wanted.profile), *up]
        self._server = Server(up, self._directory / "mailkeep.log", self.port)
        ready = await self._server.start()
        self.profile_anew()  # what it took to start is not asked about
        return ready

    def profile_anew(self) -> None:
        """Have its profile, where one is taken, begin here."""
        if self._wanted.profile is not None:
            os.kill(self.pid, signal.SIGUSR1)

    async def again(self) -> float:
        """Start once more on the same home; returns the seconds until it was ready."""
        if self._server is None:
            raise Broken("Mailkeep was never started")
        return await self._server.start(patience=600.0)

    async def stop(self) -> None:
        """End it in good order."""
        if self._server is not None:
            await self._server.stop()

    async def kill(self) -> None:
        """SIGKILL."""
        if self._server is not None:
            await self._server.kill()

    def disk(self) -> float:
        """What its home takes on disk, in MiB."""
        return sum(path.stat().st_size for path in self.home.rglob("*") if path.is_file()) / 2**20


def settings(wanted: Wanted, port: int, directory: Path) -> str:
    """The text of ``mailkeep.toml`` (pure)."""
    lines = [f'public_url = "http://127.0.0.1:{port}"']
    for one in wanted.streams:
        smtp = one.kind == "smtp"
        url = f"{'smtp' if smtp else 'http'}://127.0.0.1:{one.port}"
        lines += ["", "[[provider]]", f'name = "{one.name}"', f'kind = "{one.kind}"']
        lines += [f'party = "{one.name}"', f'base_url = "{url}"']
        if smtp:
            lines.append('options = { starttls = "off" }')
        else:
            lines.append(f'secret = "file:{directory / "key"}"')
            lines.append(f'webhook_secret = "file:{directory / "webhook"}"')
        lines += ["", "[[party]]", f'id = "{one.name}"']
        lines += ["", "[[stream]]", f'name = "{one.name}"', f"priority = {one.priority}"]
        lines += [f"concurrency = {wanted.concurrency}", f"secret = {str(one.secret).lower()}"]
        lines += [] if one.secret else ["keep = 0.0"]  # as bulk is
        lines.append(f'routes = [{{ provider = "{one.name}" }}]')
    return "\n".join(lines) + "\n" + wanted.more
