"""Starts a stand-in provider as a process of its own and learns where it listens.

Nothing of the stand-ins is imported: they are reached over HTTP and SMTP, as providers are.
"""

import asyncio
import json
import sys

from mailkeep.base.errors import Unavailable

READY_SECONDS = 20.0


class StandIn:
    """One stand-in provider.

    Args:
        kind: the provider's kind, which is also its name.
        deliver: port on loopback to which it delivers mail by SMTP.
        secret, webhook_secret: what it demands of us, and shows to us.
        webhook_url: where it reports.
    """

    def __init__(
        self, kind: str, deliver: int, secret: str, webhook_secret: str, webhook_url: str
    ) -> None:
        self.kind = kind
        self.api = ""
        self.control = ""
        self._secret = secret
        self._webhook_secret = webhook_secret
        # With "=", so that a secret that begins with a dash is not taken for an option.
        self._arguments = [
            f"--deliver=127.0.0.1:{deliver}",
            f"--webhook={webhook_url}",
            f"--key={secret}",
            f"--webhook-key={webhook_secret}",
            "--exit-with-stdin",
        ]
        self._process: asyncio.subprocess.Process | None = None

    def secrets(self) -> dict[str, str]:
        """Its secrets, as the environment would hold them."""
        return {
            f"{self.kind}_SECRET": self._secret,
            f"{self.kind}_WEBHOOK": self._webhook_secret,
        }

    async def start(self) -> None:
        """Start it, and learn where it listens. Raises ``Unavailable``."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mailkeep_drill.standins",
            self.kind,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if self._process.stdout is None:
            raise Unavailable(f"the {self.kind} stand-in has no output")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)
            ready = json.loads(line)
        except (TimeoutError, ValueError) as error:
            await self.end()
            raise Unavailable(f"the {self.kind} stand-in did not start") from error
        self.api, self.control = ready["api"], ready["control"]

    async def end(self) -> None:
        """End it, where it runs."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
