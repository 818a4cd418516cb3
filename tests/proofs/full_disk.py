"""Fill the disk under load: nothing acknowledged may be lost, and it resumes by itself.

As root: the home lies on a small file system of its own (tmpfs), which a filler file fills. Usage:
``python tests/proofs/full_disk.py [SECONDS]``; SECONDS is how long the disk stays full in the first
part. Prints the report in Markdown.
"""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Iterator
from pathlib import Path

import aiohttp
import aiosmtplib
import common

SIZE_MIB = 96  #: room for a write-ahead log of 32 MiB and the mails of a fast machine
WORKERS = 4
PLACES = 20  #: the stream's concurrency
LEASE_SECONDS = 15  #: after which another process could take a message; this one knows what it has


def settings(relay: int, submission: int) -> str:
    return f"""
[[provider]]
name = "relay"
kind = "smtp"
party = "relay"
base_url = "smtp://127.0.0.1:{relay}"
options = {{ starttls = "off" }}

[[party]]
id = "relay"

[[stream]]
name = "alert"
priority = 2
concurrency = {PLACES}
routes = [{{ provider = "relay" }}]

[[stream]]
name = "secret"
priority = 0
secret = true
routes = [{{ provider = "relay" }}]

[submission]
listen = "127.0.0.1:{submission}"
default_stream = "alert"
"""


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """A file system of `SIZE_MIB` of its own."""
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


class Filler:
    """A file that takes all the room there is, and goes on taking what becomes free."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"
        self._task: asyncio.Task[None] | None = None

    def fill(self) -> None:
        self._task = asyncio.create_task(self._keep_full())

    async def _keep_full(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while True:
                with contextlib.suppress(OSError):
                    while True:
                        os.write(handle, b"\0" * 4096)
                await asyncio.sleep(0.05)
        finally:
            os.close(handle)

    async def make_room(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._path.unlink(missing_ok=True)


class Load:
    """Posts and submits without pause, and counts the answers."""

    def __init__(self, port: int, submission: int, key: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._port, self._submission, self._key = port, submission, key
        self.by_http: list[str] = []
        self.by_smtp: list[str] = []
        self.http: Counter[str] = Counter()
        self.smtp: Counter[str] = Counter()
        self.poor: Counter[str] = Counter()  #: refusals that lack what a refusal must have
        self.last: dict[str, float] = {}  #: when each answer was last seen
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> set[str]:
        return {*self.by_http, *self.by_smtp}

    def start(self) -> None:
        self._stop.clear()
        self._tasks = [asyncio.create_task(self._post()) for _ in range(WORKERS)]
        self._tasks += [asyncio.create_task(self._submit()) for _ in range(WORKERS // 2)]

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    def _saw(self, counter: Counter[str], answer: str) -> None:
        counter[answer] += 1
        self.last[answer] = time.monotonic()

    async def _post(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while not self._stop.is_set():
                await self.post(session)

    async def post(self, session: aiohttp.ClientSession, stream: str = "alert") -> str:
        """One message; returns the status."""
        body = {"stream": stream, "from": "us@example.com", "to": "ada@example.net"}
        body |= {"subject": "load", "text": "x" * 4096}
        try:
            async with session.post(f"{self._url}/v1/messages", json=body) as reply:
                self._saw(self.http, str(reply.status))
                if reply.status == 202:
                    self.by_http.append((await reply.json())["id"])
                else:
                    self._check(reply)
                    await reply.read()
                    await asyncio.sleep(0.05)
                return str(reply.status)
        except (aiohttp.ClientError, OSError) as error:
            self._saw(self.http, type(error).__name__)
            await asyncio.sleep(0.05)
            return ""

    def _check(self, reply: aiohttp.ClientResponse) -> None:
        if reply.content_type != "application/problem+json":
            self.poor["no problem document"] += 1
        if not reply.headers.get("Retry-After", "").isdigit():
            self.poor["no Retry-After"] += 1

    async def _submit(self) -> None:
        message = (
            f"From: us@example.com\r\nTo: ada@example.net\r\nSubject: load\r\n\r\n{'x' * 70}\r\n"
        )
        while not self._stop.is_set():
            client = aiosmtplib.SMTP(
                hostname="127.0.0.1", port=self._submission, start_tls=False, timeout=30
            )
            try:
                async with client:
                    await client.login("mailkeep", self._key)
                    while not self._stop.is_set():
                        _, said = await client.sendmail(
                            "us@example.com", ["ada@example.net"], message
                        )
                        self._saw(self.smtp, "250")
                        self.by_smtp.append(said.split()[-1])
            except aiosmtplib.SMTPResponseException as error:
                self._saw(self.smtp, f"{error.code} {error.message.split()[0]}")
            except aiosmtplib.SMTPRecipientsRefused as error:
                self._saw(self.smtp, f"RCPT {error.recipients[0].code}")
            except (aiosmtplib.SMTPException, OSError) as error:
                self._saw(self.smtp, type(error).__name__)
            await asyncio.sleep(0.05)

    async def probe(self, path: str) -> tuple[int, str]:
        """GET; 0 for no answer."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session,
                session.get(self._url + path) as reply,
            ):
                return reply.status, await reply.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, ""

    async def until(self, path: str, status: int, patience: float) -> float | None:
        """Seconds until it answers so; None when it did not."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            if (await self.probe(path))[0] == status:
                return time.monotonic() - began
            await asyncio.sleep(0.1)
        return None


async def under_load(rows: common.Rows, load: Load, filler: Filler, full: float) -> None:
    """The disk fills while mail comes in by HTTP and SMTP, and has room again after a while."""
    load.start()
    await asyncio.sleep(3.0)
    before = len(load.acknowledged)
    filler.fill()
    filled = time.monotonic()
    unready = await load.until("/readyz", 503, full)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {load._key}"}) as session:
        secret = await load.post(session, "secret")
    _, why = await load.probe("/readyz")
    alive, _ = await load.probe("/healthz")
    await asyncio.sleep(max(0.0, full - (time.monotonic() - filled)))
    while_full = Counter(load.http), Counter(load.smtp)
    await filler.make_room()
    freed = time.monotonic()
    again = len(load.by_http), len(load.by_smtp)
    ready = await load.until("/readyz", 200, 30.0)
    while time.monotonic() - freed < 30.0:
        if len(load.by_http) > again[0] and len(load.by_smtp) > again[1]:
            break
        await asyncio.sleep(0.02)
    resumed = time.monotonic() - freed
    await asyncio.sleep(3.0)
    await load.stop()
    rows.part(f"Filled under load, for {full:.0f} s")
    rows.add("acknowledged before", f"{before:,}", before > 0)
    rows.add(
        "answers by HTTP until there was room", common.told(while_full[0]), while_full[0]["503"] > 0
    )
    strange = set(load.http) - {"202", "503"}
    rows.add("answers by HTTP that are neither", ", ".join(sorted(strange)) or "none", not strange)
    rows.add("refusals without what they must have", common.told(load.poor), not load.poor)
    rows.add(
        "answers by SMTP until there was room",
        common.told(while_full[1]),
        any("452" in one for one in while_full[1]),
    )
    rows.add("a secret mail, whose hour has no key yet", secret, secret == "503")
    rows.add("`/readyz` says 503 after, s", common.seconds(unready), unready is not None)
    rows.add("what it says", f"`{why}`")
    rows.add("`/healthz` meanwhile", alive, alive == 200)
    rows.add("mail is taken again, by both, after room was made, s", f"{resumed:.1f}", resumed < 30)
    rows.add("`/readyz` says 200 after room was made, s", common.seconds(ready), ready is not None)


async def on_the_way(
    rows: common.Rows, load: Load, sink: common.Sink, filler: Filler, home: Path, full: float
) -> None:
    """The disk fills while sends are under way: what came of them cannot be written."""
    await sink.wait_for(load.acknowledged)
    before, doubled_before = len(sink.taken), doubled(sink)
    sink.gate.clear()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {load._key}"}) as session:
        for _ in range(60):
            await load.post(session)
        await sink.holds(PLACES)
        filler.fill()
        refused = 0
        while refused < 5:  # in a row: not even the log has room
            refused = refused + 1 if await load.post(session) == "503" else 0
    held = sink.held
    sink.gate.set()
    await asyncio.sleep(full)
    meanwhile = len(sink.taken) - before
    unwritten = in_hand(home)
    await filler.make_room()
    await sink.wait_for(load.acknowledged)
    await asyncio.sleep(2.0)
    twice = doubled(sink) - doubled_before
    rows.part(f"Filled while {held} sends were under way, for {full:.0f} s")
    most = 3 * PLACES  # those under way, and twice as many that are claimed ahead: see ``Lane``
    rows.add("taken by the relay meanwhile", meanwhile)
    rows.add("of these not written down until there was room", unwritten, unwritten <= most)
    rows.add("sent twice", twice, twice == 0)


def in_hand(home: Path) -> int:
    """Messages of which the database does not know yet what came of their sending."""
    with contextlib.closing(sqlite3.connect(f"file:{home}/mailkeep.db?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM messages WHERE status = 'sending'").fetchone()
    return int(count)


async def killed(
    rows: common.Rows,
    load: Load,
    filler: Filler,
    home: Path,
    port: int,
    process: asyncio.subprocess.Process,
) -> asyncio.subprocess.Process:
    """Killed while the disk is full, and started again on it."""
    load.start()
    filler.fill()
    before = load.http["503"]
    await common.until(lambda: load.http["503"] >= before + 20, 60.0)
    process.kill()
    await process.wait()
    await load.stop()
    rows.part("Killed, and started again, on the full disk")
    log = home.parent.parent / "on-full.log"
    try:
        again = await common.start(home, port, log)
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {load._key}"}
        ) as session:
            status = await load.post(session)
        rows.add("it stands; a message is answered by", status, status == "503")
        await filler.make_room()
    except common.Ended as ended:
        said = log.read_text().strip()
        rows.add("it ends; exit code", ended.code, ended.code > 0)
        last = said.splitlines()[-1][:200] if said else ""
        rows.add("and says", f"`{last}`", bool(said) and "Traceback" not in said)
        await filler.make_room()
        again = await common.start(home, port)
    ready = await load.until("/readyz", 200, 30.0)
    rows.add("`/readyz` says 200 after room was made, s", common.seconds(ready), ready is not None)
    return again


async def while_it_lives(process: asyncio.subprocess.Process, part: Awaitable[None]) -> None:
    """Raises ``RuntimeError`` when the service ends meanwhile: that is a crash."""
    doing, dying = asyncio.ensure_future(part), asyncio.create_task(process.wait())
    await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
    if not doing.done():
        doing.cancel()
        raise RuntimeError(f"the service ended by itself: {process.returncode}")
    dying.cancel()
    await doing


def doubled(sink: common.Sink) -> int:
    return sum(count - 1 for count in sink.taken.values())


async def prove(full: float, folder: Path) -> int:
    sink, rows, began = common.Sink(), common.Rows(), time.monotonic()
    with small_disk(folder / "disk") as disk:
        home, port, submission = disk / "home", common.free_port(), common.free_port()
        home.mkdir(mode=0o700)
        (home / "mailkeep.toml").write_text(settings(await sink.start(), submission))
        load = Load(port, submission, await common.make_key(home))
        filler, log = Filler(disk), folder / "mailkeep.log"
        process = await common.start(home, port, log)
        try:
            for part in (
                under_load(rows, load, filler, full),
                on_the_way(rows, load, sink, filler, home, 10.0),
                on_the_way(rows, load, sink, filler, home, LEASE_SECONDS + 15.0),
            ):
                await while_it_lives(process, part)
            process = await killed(rows, load, filler, home, port, process)
            await sink.wait_for(load.acknowledged)
        finally:
            await filler.make_room()
            await common.stop(process)
            sink.stop()
    lost = load.acknowledged - set(sink.taken)
    rows.part("All together")
    rows.add("acknowledged", f"{len(load.acknowledged):,}")
    rows.add("**acknowledged and lost**", f"**{len(lost)}**", not lost)
    rows.add("taken twice by the relay, recognisable by `X-Mailkeep-Id`", doubled(sink))
    rows.add("taken though the client saw no answer", len(set(sink.taken) - load.acknowledged))
    rows.add("seconds in all", f"{time.monotonic() - began:.0f}")
    print(f"""# A full disk

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores. SQLite on a tmpfs of
{SIZE_MIB} MiB; {WORKERS} clients by HTTP (4 KiB), {WORKERS // 2} by SMTP; a filler takes every
page that becomes free. `/readyz` looks at what was written in the last 15 seconds.""")
    print("\n".join(rows.lines))
    print(f"""
While nothing can be written the relay takes what was under way, a mail for each of the stream's
{PLACES} places, and what was claimed ahead, twice as many at most. That they were sent is written
down when there is room, also where the disk is full for longer than a lease ({LEASE_SECONDS} s): a
process does not claim what it has in hand.""")
    for one in rows.wrong:
        print(f"must not be: {one}", file=sys.stderr)
    return 1 if rows.wrong else 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("# A full disk\n\nSkipped: only root can mount the small file system that is filled.")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(prove(float(sys.argv[1]) if sys.argv[1:] else 25.0, Path(place))))
