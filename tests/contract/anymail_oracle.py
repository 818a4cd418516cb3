"""Reads recorded webhooks with django-anymail, in a process of its own; see the contract suite.

Standard input: JSON, a list of ``{"view", "settings", "url", "cases": [{"headers", "body"}]}``.
Standard output: for each case the events that anymail made of it. Its own checks run first.
"""

import importlib
import json
import sys
from io import BytesIO
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.test.utils import override_settings


def read(group, case):
    url = urlsplit(group["url"])
    body = case["body"].encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": "443",
        "HTTP_HOST": url.hostname,
        "wsgi.url_scheme": url.scheme,
        "PATH_INFO": url.path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    for name, value in case["headers"].items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    module, _, view = group["view"].rpartition(".")
    with override_settings(ANYMAIL=group["settings"]):
        webhook = getattr(importlib.import_module(module), view)()
        request = WSGIRequest(environ)
        webhook.run_validators(request)
        return [
            {
                "kind": event.event_type,
                "provider_message_id": event.message_id,
                "recipient": event.recipient,
                "at": event.timestamp and round(event.timestamp.timestamp() * 1_000_000),
            }
            for event in webhook.parse_events(request)
        ]


def main():
    settings.configure(ALLOWED_HOSTS=["*"], USE_TZ=True, DEFAULT_CHARSET="utf-8")
    django.setup()
    groups = json.load(sys.stdin)
    json.dump([[read(group, case) for case in group["cases"]] for group in groups], sys.stdout)


if __name__ == "__main__":
    main()
