"""Whoever a site asks where its resets go on, and the setting of a site whose stock reset stays."""

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .site import CONNECTOR, HERE

Answer = tuple[int, object]


class StandIn:
    """Somebody at Mailkeep's address who says where resets go on.

    Attributes:
        answer: status and body, or what makes them of what it was sent; None: it hangs up.
        told: what it was sent.
    """

    def __init__(self) -> None:
        self.answer: Answer | Callable[[dict[str, Any]], Answer] | None = (200, {"way": "there"})
        self.told: list[dict[str, Any]] = []
        told, holder = self.told, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.body()))
                answer = holder.answer
                if answer is None:
                    self.close_connection = True
                else:
                    self.reply(*(answer(told[-1]) if callable(answer) else answer))

            def do_PUT(self) -> None:
                users = json.loads(self.body())["subjects"]
                self.reply(200, {"results": [{"status": "registered"} for _ in users]})

            def do_GET(self) -> None:
                issuer = f"http://127.0.0.1:{holder.port}"
                where = f"{issuer}/oauth/authorize"
                self.reply(200, {"issuer": issuer, "authorization_endpoint": where})

            def body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def reply(self, status: int, document: object) -> None:
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Nowhere."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def environ(home: Path, kind: str, mode: str, issuer: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{CONNECTOR}:{HERE.parent}",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_KIND": "contrib" if kind == "contrib" else "allauth",
        "SHOP_MODE": mode,
        "SHOP_DATABASE": str(home / "shop.sqlite3"),
        "SHOP_ISSUER": issuer,
        "SHOP_CLIENT_ID": "app_x",
        "SHOP_CLIENT_SECRET": "s",
        "SHOP_API_KEY": "mk_x",
    } | more
