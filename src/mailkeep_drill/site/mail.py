"""The site's own mail goes through Mailkeep where it is connected to one: Django's mail backend."""

import json
from collections.abc import Sequence
from contextlib import closing
from email.utils import parseaddr
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

SECONDS = 10


class Backend(BaseEmailBackend):
    """One request a recipient."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """See Django's. Raises ``OSError`` where Mailkeep does not take a mail."""
        for mail in email_messages:
            name, sender = parseaddr(mail.from_email)
            for address in mail.to:
                _send(
                    {
                        "stream": "confirmation",
                        "from": {"name": name, "email": sender},
                        "to": address,
                        "subject": mail.subject,
                        "text": mail.body,
                    }
                )
        return len(email_messages)


def _send(mail: dict[str, Any]) -> None:
    to = urlsplit(settings.MAILKEEP["ISSUER"])
    connection = HTTPConnection(str(to.hostname), to.port, timeout=SECONDS)
    headers = {"Authorization": f"Bearer {settings.DRILL_KEY}", "Content-Type": "application/json"}
    with closing(connection):
        connection.request("POST", "/v1/messages", json.dumps(mail), headers)
        reply = connection.getresponse()
        if reply.status != HTTPStatus.ACCEPTED:
            raise OSError(f"Mailkeep answered {reply.status}: {reply.read().decode()}")
