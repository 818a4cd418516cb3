"""``python -m mailkeep_drill.standins KIND …``: one stand-in, until it is told to end."""

import argparse
import asyncio
import json
import os
import signal
import sys

from aiohttp import web

from .base import MAX_BODY, StandIn
from .mandrill import Mandrill
from .postmark import Postmark

KINDS: dict[str, type[StandIn]] = {"mandrill": Mandrill, "postmark": Postmark}
#: What comes before the provider's own paths in its base address.
BASE = {"mandrill": "/api/1.0", "postmark": ""}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mailkeep_drill.standins")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--deliver", required=True, help="host:port of the mail server")
    parser.add_argument("--webhook", default="")
    parser.add_argument("--key", required=True)
    parser.add_argument("--webhook-key", default="")
    parser.add_argument("--exit-with-stdin", action="store_true")
    return parser.parse_args()


async def _listen(routes: list[web.RouteDef], port: int) -> tuple[web.AppRunner, int]:
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, int(runner.addresses[0][1])


async def _run(args: argparse.Namespace) -> None:
    host, _, port = args.deliver.rpartition(":")
    standin = KINDS[args.kind]((host, int(port)), args.webhook, args.key, args.webhook_key)
    api, api_port = await _listen(standin.routes(), args.port)
    control, control_port = await _listen(standin.control_routes(), args.control_port)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    if args.exit_with_stdin:
        # When the parent dies, however it dies, its end of the pipe closes.
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

        async def parent() -> None:
            await reader.read()
            done.set()

        watcher = asyncio.create_task(parent())
    print(
        json.dumps(
            {
                "ready": True,
                "kind": args.kind,
                "pid": os.getpid(),
                "api": f"http://127.0.0.1:{api_port}{BASE[args.kind]}",
                "control": f"http://127.0.0.1:{control_port}",
            }
        ),
        flush=True,
    )
    await done.wait()
    if args.exit_with_stdin:
        watcher.cancel()
    await standin.close()
    await api.cleanup()
    await control.cleanup()


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
