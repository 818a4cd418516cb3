"""How much CPU each page of the console takes over a large house: 200 ms at most.

A house of 100,000 messages, 10,000 recoveries and 500 incidents, in SQLite; each page is opened
``TRIES`` times and the median of the process's CPU time is told, the database's part included.
Usage: ``python tests/proofs/console.py [MESSAGES]``. Prints the report in Markdown.
"""

import asyncio
import importlib.util
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import httpx
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning

from mailkeep.app.application import Application
from mailkeep.http import server
from mailkeep.http.console import cases
from mailkeep.mail import api_keys, counting
from mailkeep.store.migrate import upgrade

ROOT = Path(__file__).parents[2]
TRIES = 5
LIMIT = 0.2
URL = "https://mailkeep.test"


def _pictures() -> object:
    where = ROOT / "scripts" / "console_pictures.py"
    spec = importlib.util.spec_from_file_location("console_pictures", where)
    if spec is None or spec.loader is None:
        raise ImportError(str(where))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


async def main(messages: int) -> bool:
    """Print the report; whether every page is below the limit."""
    pictures = _pictures()
    fine = True
    with tempfile.TemporaryDirectory() as home:
        settings = pictures._settings(URL)
        running = Application(settings, Path(home), environ={"KEY": "x"})
        await upgrade(running.database)
        crowd = await pictures._crowd().fill(
            running.database,
            running.keys,
            pictures.PROVIDERS,
            messages=messages,
            recoveries=messages // 10,
            incidents_=max(messages // 200, 10),
        )
        await pictures.leave(running)
        while await counting.step(running.database):  # as it is beside the mail
            pass
        async with running.database.write() as tx:
            key = await api_keys.create(tx, running.keys, "proof", ["operate"], by="proof")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LitestarDeprecationWarning)
            app = server.create(running)
        if missed := pictures.forgotten(app, pictures._paths(crowd).values()):
            raise LookupError(f"no path to {', '.join(missed)}")
        cases.FRESH = 0  # each opening works its case out
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as browser:
            await browser.post("/console/sign-in", data={"key": key})
            print("# Pages of the console\n")
            print(
                f"CPU of one page over {messages:,} messages, {messages // 10:,} recoveries and "
                f"{max(messages // 200, 10)} incidents in SQLite; the goal is 200 ms.\n"
            )
            print("| page | CPU, ms | |\n|---|---|---|")
            for name, path in pictures._paths(crowd).items():
                took = []
                for _ in range(TRIES + 1):
                    started = time.process_time()
                    answer = await browser.get(f"/console{path}")
                    took.append(time.process_time() - started)
                    if answer.status_code != 200:
                        raise RuntimeError(f"{path}: {answer.status_code}")
                middle = statistics.median(took[1:])  # the first one reads the template
                fine &= middle < LIMIT
                print(f"| {name} | {middle * 1000:.0f} | {'' if middle < LIMIT else 'MISSED'} |")
        await running.database.close()
    return fine


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(main(int((sys.argv[1:] or ["100000"])[0]))) else 1)
