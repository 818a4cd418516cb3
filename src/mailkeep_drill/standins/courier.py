"""Delivers a stand-in's mail to the recipients' mail server by SMTP."""

import asyncio
from contextlib import suppress
from typing import Literal, NamedTuple

import aiosmtplib

from .loopback import Target

_CONNECTIONS = 20
_TIMEOUT = 30.0


class Answer(NamedTuple):
    """What the receiving server said.

    Attributes:
        said: deferred covers a server that could not be reached.
        text: its reply, as webhooks quote it: ``250 2.0.0 OK``.
    """

    said: Literal["taken", "deferred", "refused"]
    text: str


class Courier:
    """A few kept connections to one server. Not for several event loops."""

    def __init__(self, target: Target, hostname: str) -> None:
        self.target = target
        self._hostname = hostname
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._idle: list[tuple[Target, aiosmtplib.SMTP]] = []

    async def hand_over(self, sender: str, recipient: str, data: bytes) -> Answer:
        """Deliver one mail to one recipient, once.

        Args:
            sender: the envelope's return path.
            data: the message with CRLF line ends.
        """
        async with self._places:
            kept = self._kept()
            if kept is not None:
                try:
                    answer = await self._send(kept, sender, recipient, data)
                except (aiosmtplib.SMTPException, OSError, ValueError):
                    kept.close()  # it had timed out; a fresh one decides
                else:
                    return answer
            client = aiosmtplib.SMTP(
                hostname=self.target.host,
                port=self.target.port,
                local_hostname=self._hostname,
                timeout=_TIMEOUT,
                start_tls=False,
            )
            try:
                await client.connect()
                return await self._send(client, sender, recipient, data)
            except aiosmtplib.SMTPResponseException as error:
                client.close()
                return _answer(error.code, error.message)
            except ValueError:  # an address that cannot be written down in SMTP
                client.close()
                return Answer("refused", "553 5.1.3 Bad recipient address syntax")
            except (aiosmtplib.SMTPException, OSError) as error:
                client.close()
                return Answer("deferred", f"451 4.4.1 {type(error).__name__}")

    async def close(self) -> None:
        """Give the connections up."""
        while self._idle:
            client = self._idle.pop()[1]
            with suppress(aiosmtplib.SMTPException, OSError):
                await asyncio.wait_for(client.quit(), 1.0)
            client.close()

    def _kept(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            target, client = self._idle.pop()
            if client.is_connected and target == self.target:
                return client
            client.close()
        return None

    async def _send(
        self, client: aiosmtplib.SMTP, sender: str, recipient: str, data: bytes
    ) -> Answer:
        options = [] if recipient.isascii() and sender.isascii() else ["SMTPUTF8"]
        try:
            _, text = await client.sendmail(sender, [recipient], data, mail_options=options)
            answer = Answer("taken", f"250 {text}")
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            answer = _answer(refused.code, refused.message)
        except aiosmtplib.SMTPResponseException as error:
            if not client.is_connected:
                raise
            answer = _answer(error.code, error.message)
        if client.is_connected:
            self._idle.append((self.target, client))
        return answer


def _answer(code: int, message: str) -> Answer:
    text = f"{code} {' '.join(message.split())}"[:500]
    return Answer("refused" if code >= 500 else "deferred", text)
