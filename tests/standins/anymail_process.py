"""django-anymail as the oracle: what it says that a provider's answer or webhook means.

Standard input: JSON, ``{"do": "send", "backend", "options", "message"}`` or
``{"do": "read", "view", "settings", "url", "headers", "body"}``. Standard output: JSON.
"""

import base64
import importlib
import json
import sys
from email.mime.image import MIMEImage
from io import BytesIO
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.test.utils import override_settings


def send(task):
    from anymail.exceptions import AnymailError, AnymailRecipientsRefused
    from django.core.mail import EmailMultiAlternatives, get_connection

    connection = get_connection(
        f"anymail.backends.{task['backend']}.EmailBackend", **task["options"]
    )
    fields = dict(task["message"])
    html = fields.pop("html")
    metadata = fields.pop("metadata")
    files, images = fields.pop("files", []), fields.pop("images", [])
    extra = fields.pop("esp_extra", {})
    message = EmailMultiAlternatives(connection=connection, **fields)
    message.attach_alternative(html, "text/html")
    message.metadata = metadata
    message.tags = ["reset"]
    message.track_clicks = False
    message.esp_extra = extra
    for name, content, kind in files:
        message.attach(name, base64.b64decode(content), kind)
    for name, content, kind in images:
        image = MIMEImage(base64.b64decode(content), kind.partition("/")[2])
        image.add_header("Content-Disposition", "inline", filename=name)
        image.add_header("Content-ID", f"<{name}>")
        message.attach(image)
    try:
        message.send()
    except AnymailRecipientsRefused as error:
        return {"refused": type(error).__name__}
    except AnymailError as error:
        return {"error": type(error).__name__, "text": str(error)}
    status = message.anymail_status
    ids = status.message_id
    return {
        "message_id": sorted(ids) if isinstance(ids, set) else ids,  # a set: one a recipient
        "recipients": {to: [s.status, s.message_id] for to, s in status.recipients.items()},
    }


def read(task):
    url = urlsplit(task["url"])
    body = task["body"].encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": url.scheme,
        "PATH_INFO": url.path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    for name, value in task["headers"].items():
        key = name.upper().replace("-", "_")
        if key not in {"HOST", "CONTENT_LENGTH"}:
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    module, _, name = task["view"].rpartition(".")
    with override_settings(ANYMAIL=task["settings"]):
        view = getattr(importlib.import_module(module), name)()
        request = WSGIRequest(environ)
        try:
            view.run_validators(request)
        except Exception as error:
            return {"forged": type(error).__name__}
        return [
            {
                "type": event.event_type,
                "message_id": event.message_id,
                "recipient": event.recipient,
                "metadata": event.metadata,
                "tags": event.tags,
                "mta": event.mta_response,
                "url": event.click_url,
                "reject_reason": event.reject_reason,
                "timestamp": event.timestamp and event.timestamp.timestamp(),
            }
            for event in view.parse_events(request)
        ]


def main():
    settings.configure(ALLOWED_HOSTS=["*"], USE_TZ=True, DEFAULT_CHARSET="utf-8")
    django.setup()
    task = json.load(sys.stdin)
    json.dump({"send": send, "read": read}[task["do"]](task), sys.stdout)


if __name__ == "__main__":
    main()
