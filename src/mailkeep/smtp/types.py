"""Settings of submission, and the limits that every listener keeps."""

import re
from collections.abc import Collection

import msgspec

from mailkeep.base import networks
from mailkeep.base.errors import BadSettings

MEBIBYTE = 1024 * 1024

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Limits(msgspec.Struct, frozen=True):
    """The limits of a listener: for one client, for one network and in total.

    Attributes:
        size: octets of a message.
        recipients: of a message (RFC 5321 section 4.5.3.1.8: 100 at least).
        connections: in all.
        per_network: connections of one /24 or /48.
        idle: seconds for the next command, and for each 4 KiB of a message: a client that dribbles
            gains nothing by it.
        session: seconds in all, however busy the client keeps it.
        bad_commands: refused as no command, or out of order, before the client is shown out.
        failed_auth: wrong keys before it is.
        memory: octets of messages that are being received, of all clients together.
    """

    size: int = 10 * MEBIBYTE
    recipients: int = 100
    connections: int = 120
    per_network: int = 60  # a provider keeps a few dozen
    idle: float = 60.0
    session: float = 600.0
    bad_commands: int = 20
    failed_auth: int = 3
    memory: int = 128 * MEBIBYTE


class SubmissionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[submission]``: applications hand mail in by SMTP.

    Attributes:
        listen: ``host:port``, or several, with STARTTLS when there is a certificate.
        tls_listen: the same with TLS from the first octet (RFC 8314 section 3.3).
        certificate: PEM file with the chain; read again when it changes.
        private_key: PEM file with its key.
        cleartext: ``"accepted"``: the network is trusted; keys may cross it in clear.
        hostname: the name that it greets with.
        default_stream: of mail that names none, with a key that is not bound to exactly one.
    """

    listen: str | tuple[str, ...] = ()
    tls_listen: str | tuple[str, ...] = ()
    certificate: str = ""
    private_key: str = ""
    cleartext: str = ""
    hostname: str = "mailkeep"
    default_stream: str = "alert"
    size: int = 36 * MEBIBYTE  # what the largest message has in base64
    recipients: int = 100
    connections: int = 400
    per_network: int = 200
    idle: float = 300.0  # RFC 5321 section 4.5.3.2.7
    session: float = 3600.0
    bad_commands: int = 20
    failed_auth: int = 3
    memory: int = 128 * MEBIBYTE

    def limits(self) -> Limits:
        return Limits(**{name: getattr(self, name) for name in Limits.__struct_fields__})

    def plain(self) -> list[tuple[str, int]]:
        return _addresses(self.listen)

    def tls(self) -> list[tuple[str, int]]:
        return _addresses(self.tls_listen)


def is_loopback(host: str) -> bool:
    """Whether what comes from or goes to ``host`` stays on this machine."""
    found = networks.read(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def is_private(host: str) -> bool:
    """Whether ``host`` is an address that no one outside our own networks has."""
    found = networks.read(host)
    return found is not None and found.is_private


def check(settings: SubmissionSettings, streams: Collection[str]) -> None:
    """Refuse settings that are impossible, or would send keys over a network in clear.

    Raises:
        BadSettings: naming the word.
    """
    plain, tls = settings.plain(), settings.tls()
    if not plain and not tls:
        raise BadSettings("submission: say listen or tls_listen")
    _check_tls(settings, plain, tls)
    if settings.default_stream not in streams:
        raise BadSettings(f"submission: default_stream: no stream {settings.default_stream!r}")
    if _HOST_NAME.fullmatch(settings.hostname) is None:
        raise BadSettings("submission: hostname is not a host name")
    for name in Limits.__struct_fields__:
        if not 0 < getattr(settings, name) < 2**40:
            raise BadSettings(f"submission: {name} must be above 0")
    if settings.recipients < 100:
        raise BadSettings("submission: recipients must be 100 at least (RFC 5321)")


def _check_tls(
    settings: SubmissionSettings, plain: list[tuple[str, int]], tls: list[tuple[str, int]]
) -> None:
    if bool(settings.certificate) != bool(settings.private_key):
        raise BadSettings("submission: certificate and private_key go together")
    if tls and not settings.certificate:
        raise BadSettings("submission: tls_listen needs certificate and private_key")
    if settings.cleartext not in {"", "accepted"}:
        raise BadSettings('submission: cleartext is "accepted", or not there')
    for host, _ in plain:
        if not (settings.certificate or settings.cleartext or is_loopback(host)):
            raise BadSettings(
                f"submission: listen {host} without a certificate: keys would cross the network"
                ' in clear; say certificate, or cleartext = "accepted"'
            )


def _addresses(listen: str | tuple[str, ...]) -> list[tuple[str, int]]:
    """(host, port) of each ``host:port``. Raises ``BadSettings``."""
    found = []
    for one in (listen,) if isinstance(listen, str) else listen:
        host, _, port = one.rpartition(":")
        if not host or not port.isdigit() or not int(port) < 65_536:
            raise BadSettings(f"submission: listen must be host:port, not {one!r}")
        found.append((host.strip("[]"), int(port)))
    return found
