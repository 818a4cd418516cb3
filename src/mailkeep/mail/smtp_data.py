"""Hands a mail's content to a relay, large ones in pieces (RFC 5321 section 4.1.1.4).

The client library looks at every line with regular expressions first, which nothing interrupts: for
20 MB that is a second or two in which no other mail is sent, a reset's included. What comes here
has its line ends already, so that a search for dots is enough.
"""

import asyncio

import aiosmtplib

from .fitting import SMALL

_PIECE = 256 * 1024
_GO_ON, _TAKEN = 354, 250


async def send(client: aiosmtplib.SMTP, message: bytes) -> aiosmtplib.SMTPResponse:
    """DATA and the message, whose lines end with CRLF; the relay's answer.

    Raises:
        SMTPException: as ``client.data`` does.
    """
    if len(message) <= SMALL:
        return await client.data(message)
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("not connected")
    start = await client.execute_command(b"DATA")
    if start.code != _GO_ON:
        raise aiosmtplib.SMTPDataError(start.code, start.message)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    # As the library does before it writes; the connection is ours alone meanwhile.
    protocol._response_pending = True
    for at in range(0, len(stuffed), _PIECE):
        protocol.write(stuffed[at : at + _PIECE])
        await asyncio.sleep(0)
    protocol.write(b".\r\n")
    reply = await protocol.read_response(timeout=client.timeout)
    if reply.code != _TAKEN:
        raise aiosmtplib.SMTPDataError(reply.code, reply.message)
    return reply
