"""Postfix under test: Debian's, under a configuration and a queue directory of its own.

Two ports take mail in alike; what comes by the second is held in the queue until it is released.
Everything else is as Debian ships it, but for chroot, which is off, and names that are not looked
up. Without a syslog daemon its log lines go nowhere, which is in its favour.
"""

import asyncio
import contextlib
import os
import shutil
import stat
from pathlib import Path

from .children import Broken, free_port, output

_MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.example.com
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
alias_maps =
alias_database =
disable_dns_lookups = yes
smtpd_peername_lookup = no
"""
_MASTER = """\
127.0.0.1:{port}     inet  n - n - - smtpd
127.0.0.1:{held}     inet  n - n - - smtpd
    -o smtpd_data_restrictions=check_client_access,static:HOLD
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
"""
_DAEMONS = Path("/usr/lib/postfix/sbin")


def missing(place: Path) -> str:
    """Why Postfix cannot run with its queue below a directory; "" when it can."""
    if not (_DAEMONS / "master").exists() or shutil.which("postfix") is None:
        return "Postfix is not installed (scripts/bench_deps.sh)"
    if os.geteuid() != 0:
        return "Postfix needs to be started as root"
    closed = [one for one in (place, *place.parents) if not one.stat().st_mode & stat.S_IXOTH]
    return f"Postfix's own user cannot enter {closed[-1]}" if closed else ""


class Postfix:
    """See the module.

    Args:
        directory: for its configuration and queue; others must be able to read it.
        sink: port of the SMTP server that everything goes to.
    """

    def __init__(self, directory: Path, sink: int) -> None:
        self._home = directory
        self._config = directory / "config"
        self._sink = sink
        self.port = free_port()
        self.held = free_port()
        self._keeper: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of its master, from which all of it descends. Raises ``Broken`` when it does not run."""
        try:
            return int((self._home / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError) as error:
            raise Broken("Postfix does not run") from error

    async def start(self) -> None:
        """Write the configuration, start, and wait until it answers."""
        for name in ("config", "queue", "data"):
            (self._home / name).mkdir(parents=True)
        shutil.chown(self._home / "data", "postfix")
        main = _MAIN.format(home=self._home, daemons=_DAEMONS, sink=self._sink)
        (self._config / "main.cf").write_text(main)
        master = _MASTER.format(port=self.port, held=self.held)
        (self._config / "master.cf").write_text(master)
        # It leaves us when it starts. The keeper stops it when its standard input ends: when we
        # say so, or when we are no more.
        self._keeper = await asyncio.create_subprocess_exec(
            *("sh", "-c", 'cat >/dev/null; exec postfix -c "$0" stop', str(self._config)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        await output("postfix", "-c", str(self._config), "start")
        for _ in range(200):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                await reader.readuntil(b"\n")
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise Broken("Postfix did not answer")

    async def release(self) -> None:
        """Let go of what is held: it is delivered as fast as it can be."""
        await output("postsuper", "-c", str(self._config), "-H", "ALL")
        await output("postqueue", "-c", str(self._config), "-f")

    async def stop(self) -> None:
        """End it, and wait until its master is gone."""
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            await self._keeper.wait()


async def version() -> str:
    """Its version, "none" where it is not installed."""
    if shutil.which("postconf") is None:
        return "none"
    return (await output("postconf", "-h", "-d", "mail_version")).strip()
