"""Make the database and serve until told to end: ``python serve.py PORT``."""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""

    def address_string(self) -> str:
        return str(self.client_address[0])


django.setup()
call_command("migrate", verbosity=0, interactive=False)
server = make_server("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), Server, Quiet)
print("ready", flush=True)
server.serve_forever(poll_interval=0.2)
