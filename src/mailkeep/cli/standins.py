"""Starts the stand-in providers in a process of their own, and finds out where they listen.

None of their code is imported: they are reached over HTTP and SMTP, as real providers are.
"""

import asyncio
import json
import sys
from collections.abc import Sequence

from mailkeep.base.errors import Unavailable

READY_SECONDS = 60.0


class StandIn:
    """One stand-in provider.

    Args:
        kind: the provider's kind, which is also its name.
        deliver: port on loopback to which it delivers mail by SMTP.
        secret, webhook_secret: what it demands of us, and shows to us.
        webhook_url: where it reports.
        opened: when its account was, in seconds since the epoch; 0: as it starts.

    Attributes:
        api, control: where it listens, once it was started.
        arguments: its command line.
    """

    def __init__(
        self,
        kind: str,
        deliver: int,
        secret: str,
        webhook_secret: str,
        webhook_url: str,
        opened: float = 0.0,
    ) -> None:
        self.kind = kind
        self.api = ""
        self.control = ""
        self._secret = secret
        self._webhook_secret = webhook_secret
        # With "=", so that a secret that begins with a dash is not taken for an option.
        self.arguments = (
            kind,
            f"--deliver=127.0.0.1:{deliver}",
            f"--webhook={webhook_url}",
            f"--key={secret}",
            f"--webhook-key={webhook_secret}",
            f"--opened={opened}",
        )

    def secrets(self) -> dict[str, str]:
        """Its secrets, as the environment would hold them."""
        return {
            f"{self.kind}_SECRET": self._secret,
            f"{self.kind}_WEBHOOK": self._webhook_secret,
        }


class StandIns:
    """Several in one process: what each of them would import is most of what it costs to start.

    Attributes:
        pid: of the process; 0 while it does not run.
    """

    def __init__(self, ones: Sequence[StandIn]) -> None:
        self.ones = tuple(ones)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start them, and learn where each listens. Raises ``Unavailable``."""
        arguments = [word for one in self.ones for word in (*one.arguments, "+")]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mailkeep_drill.standins",
            *arguments[:-1],
            "--exit-with-stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        if self._process.stdout is None:
            raise Unavailable("the stand-ins have no output")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)
            ready = json.loads(line)["standins"]
        except TimeoutError as error:
            await self.end()
            raise Unavailable(
                f"the stand-ins were not ready within {READY_SECONDS:.0f} s; is the machine busy?"
            ) from error
        except ValueError as error:
            await self.end()
            raise Unavailable("the stand-ins ended before they were ready; see above") from error
        for one, shown in zip(self.ones, ready, strict=True):
            one.api, one.control = shown["api"], shown["control"]

    async def end(self) -> None:
        """End them, where they run."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
