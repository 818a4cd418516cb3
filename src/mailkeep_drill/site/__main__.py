"""``python -m mailkeep_drill.site``: make the database, then serve until told to end."""

import argparse
import importlib
import json
import os
import secrets
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from mailkeep_drill.standins.loopback import web_address
from mailkeep_drill.standins.process import end_with_stdin

_PACKAGES = ("django", "django-allauth", "django-anymail")
_CONNECTOR = Path(__file__).parents[3] / "connectors" / "django" / "src"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, as the development server has it."""

    daemon_threads = True
    request_queue_size = 256


class _Quiet(WSGIRequestHandler):
    """No line a request, and no look-up of names."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the drill has its own account of what was asked."""

    def address_string(self) -> str:
        """The address itself."""
        return str(self.client_address[0])


def main() -> None:
    """Start the site that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m mailkeep_drill.site")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--home", type=Path, required=True, help="directory for the database")
    parser.add_argument("--api", type=web_address, help="Mandrill's, on loopback")
    parser.add_argument("--key", required=True, help="API key of who carries its mail")
    parser.add_argument("--issuer", type=web_address, help="a Mailkeep that recovers its accounts")
    parser.add_argument("--client", default="", help="client id, secret and API key there")
    parser.add_argument("--token", required=True, help="opens /drill/send")
    parser.add_argument("--exit-with-stdin", action="store_true")
    args = parser.parse_args()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "mailkeep_drill.site.settings",
        "DRILL_HOME": str(args.home),
        "DRILL_SECRET": secrets.token_urlsafe(48),
        "DRILL_TOKEN": args.token,
        "DRILL_KEY": args.key,
    }
    if args.issuer:
        _connect(args.issuer, args.client)
    elif args.api:
        os.environ["DRILL_API"] = f"{args.api.rstrip('/')}/"
    else:
        parser.error("say --api or --issuer: its mail must leave by somebody")
    _serve(args.port, exit_with_stdin=args.exit_with_stdin)


def _connect(issuer: str, client: str) -> None:
    """Accounts of this site are recovered by a Mailkeep, with the connector of the repository."""
    if not _CONNECTOR.is_dir():
        raise SystemExit(f"the connector is not there: {_CONNECTOR}")
    sys.path.insert(0, str(_CONNECTOR))
    names = ("DRILL_CLIENT", "DRILL_CLIENT_SECRET", "DRILL_RECOVER_KEY")
    os.environ |= dict(zip(names, client.split(","), strict=True))
    os.environ["DRILL_ISSUER"] = issuer


def _serve(port: int, *, exit_with_stdin: bool) -> None:
    # By name: Django comes with the extra `drill`, and only this process needs it.
    importlib.import_module("django").setup()
    importlib.import_module("django.core.management").call_command(
        "migrate", verbosity=0, interactive=False
    )
    application = importlib.import_module("django.core.wsgi").get_wsgi_application()
    server = make_server("127.0.0.1", port, application, _Server, _Quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if exit_with_stdin:
        end_with_stdin(server.shutdown)
    changed = importlib.import_module("mailkeep_drill.site.settings").CHANGED
    ready = {
        "ready": True,
        "url": f"http://127.0.0.1:{server.server_port}",
        "versions": {name: version(name) for name in _PACKAGES},
        "changed": changed,
    }
    print(json.dumps(ready), flush=True)
    with server:
        server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
