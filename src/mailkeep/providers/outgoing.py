"""Validates messages and settings before a request is built, against header and recipient
injection.

Every adapter calls `check` first. A text that ends a header line early adds a recipient, a comma in
an address adds another, and a provider's control header adds a hidden copy or turns tracking on.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from mailkeep.base import addresses
from mailkeep.base.networks import LOOPBACK
from mailkeep.base.secret import Secret

from . import attachments
from .errors import MisconfiguredProvider, UnbuildableMessage
from .message import Address, OutgoingMessage
from .types import ATTEMPT_KEY, ID_HEADER, ID_KEY, ProviderConfig

# C0, DEL and C1 controls, the Unicode line separators and lone surrogates. Wider than CR and LF:
# some JSON back ends and mail readers treat VT, FF, NEL, LS and PS as line ends as well.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")

# Written by us, or trace fields that only a relay may write (RFC 5322 section 3.6).
_RESERVED: Final = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id"),
        *("return-path", "received", "mime-version", "dkim-signature", "errors-to"),
        *("authentication-results", "x-smtpapi", "x-msys-api"),
    }
)
# The X- families are read by providers as commands: hidden copies, tracking, templates, metadata.
_RESERVED_FAMILIES: Final = (
    "content-",
    "resent-",
    "arc-",
    "x-mailkeep-",
    "x-mc-",
    "x-mandrill-",
    "x-pm-",
    "x-postmark-",
    "x-sg-",
    "x-ses-",
    "x-mailgun-",
    "x-resend-",
    "x-mailin-",
    "x-sib-",
    "x-mj-",
    "x-mailjet-",
)
# Of those families, what nothing in the mail hangs on (RFC 3282).
_FREE: Final = frozenset({"content-language"})
_YEAR_9999: Final = 253_370_764_800 * 1_000_000


def check(message: OutgoingMessage) -> None:
    """Refuse a message that cannot be written safely. The error names the field, never its value.

    Raises:
        UnbuildableMessage: a control character or lone surrogate, an address that is not a plain
            ASCII addr-spec, a reserved or repeated header, no body, an attachment that cannot be
            one, or an id that is not a token.
    """
    for field, token in (("id", message.id), ("attempt", message.attempt)):
        if _TOKEN.fullmatch(token) is None:
            raise UnbuildableMessage(f"{field} is no token", field=field)
    _check_address("sender", message.sender)
    if message.more_to or message.cc or message.bcc or message.shown is not None:
        _check_copies(message)
    else:
        _check_address("to", message.to)
    if message.reply_to is not None:
        _check_address("reply_to", message.reply_to)
    if message.return_path and not addresses.is_plain(message.return_path):
        raise _no_address("return_path")
    if message.date is not None and not 0 <= message.date < _YEAR_9999:
        raise UnbuildableMessage("no mail can have this date", field="date")
    _check_line("subject", message.subject, 2000)
    if message.text is None and message.html is None:
        raise UnbuildableMessage("the message has no body", field="text")
    _check_body("text", message.text)
    _check_body("html", message.html)
    _check_headers(message.headers)
    if message.attachments:
        attachments.check(message.attachments)
    for tag in message.tags:
        _check_line("tags", tag, 200)
    for key, value in message.metadata.items():
        _check_line("metadata", key, 200)
        _check_line("metadata", value, 2000)


def _check_copies(message: OutgoingMessage) -> None:
    shown = () if message.shown is None else (("To", message.shown.to), ("Cc", message.shown.cc))
    for field, people in (
        ("to", (message.to, *message.more_to)),
        ("cc", message.cc),
        ("bcc", message.bcc),
        *shown,
    ):
        one = field == "to" and not message.more_to
        for at, address in enumerate(people):
            _check_address("to" if one else f"{field}[{at}]", address)


def _check_address(field: str, address: Address) -> None:
    if not addresses.is_plain(address.email):
        raise _no_address(field)
    _check_line(field, address.name, 200)


def _no_address(field: str) -> UnbuildableMessage:
    return UnbuildableMessage("not a mail address in plain ASCII", field=field)


def _check_line(field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise UnbuildableMessage(f"longer than {limit} characters", field=field)
    if _CONTROL.search(text) is not None:
        why = "a line break, a tab or another control character is in it"
        raise UnbuildableMessage(why, field=field)


def _check_body(field: str, text: str | None) -> None:
    if text is None:
        return
    if "\0" in text:
        raise UnbuildableMessage("NUL is no text", field=field)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            why = "half a character (a lone surrogate) is no text"
            raise UnbuildableMessage(why, field=field) from error


def _check_headers(headers: tuple[tuple[str, str], ...]) -> None:
    seen = set()
    for name, value in headers:
        lower = name.lower()
        if _FIELD_NAME.fullmatch(name) is None:
            why = "a name is letters, digits and hyphens, 76 at most"
            raise UnbuildableMessage(why, field="headers")
        field = f"headers.{name}"
        if lower in _RESERVED:
            why = "this one has a field of its own, or is written by Mailkeep or by relays"
            raise UnbuildableMessage(why, field=field)
        if lower.startswith(_RESERVED_FAMILIES) and lower not in _FREE:
            why = "a provider would take it for a command, or it is written by Mailkeep"
            raise UnbuildableMessage(why, field=field)
        if lower in seen:
            raise UnbuildableMessage("this one is given twice", field=field)
        seen.add(lower)
        _check_line(field, value, 4000)
        # RFC 5322 section 2.1.1: 998 characters a line; a value without spaces cannot be folded.
        if any(len(word) > 900 for word in value.split(" ")):
            why = "more than 900 characters without a space cannot be folded"
            raise UnbuildableMessage(why, field=field)


def metadata(message: OutgoingMessage, *, fields: int, key: int, value: int) -> dict[str, str]:
    """Our two ids, then as many of the caller's fields as the provider's limits let in.

    A field past a limit is left out rather than refused: no provider delivers by it, and a refusal
    would lose the mail.
    """
    chosen = {ID_KEY: message.id, ATTEMPT_KEY: message.attempt}
    for name, text in message.metadata.items():
        if len(chosen) >= fields:
            break
        if name not in chosen and 0 < len(name) <= key and len(text) <= value:
            chosen[name] = text
    return chosen


def our_headers(message: OutgoingMessage) -> dict[str, str]:
    """The caller's headers and the one with our id."""
    return {**dict(message.headers), ID_HEADER: message.id}


def endpoint(config: ProviderConfig, default: str, path: str) -> str:
    """The URL of ``path`` below the configured base, or below ``default`` where none is set.

    Raises:
        MisconfiguredProvider: not http(s), a user, query or fragment in it, or http to another
            machine without ``cleartext = "accepted"``: the key would cross the network in clear.
    """
    cleartext = config.options.get("cleartext") == "accepted"
    return _endpoint(config.base_url or default, path, cleartext)


@lru_cache(maxsize=64)
def _endpoint(base_url: str, path: str, cleartext: bool) -> str:
    try:
        url = urlsplit(base_url)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise MisconfiguredProvider("base_url is not a URL", field="base_url") from error
    if url.scheme not in {"http", "https"} or not host or "@" in url.netloc:
        raise MisconfiguredProvider("base_url must be http(s), without user", field="base_url")
    if url.query or url.fragment or _CONTROL.search(base_url) or " " in base_url:
        raise MisconfiguredProvider("base_url has more than a path", field="base_url")
    if url.scheme == "http" and not (cleartext or is_loopback(host)):
        raise MisconfiguredProvider("base_url must be https", field="base_url")
    return base_url.rstrip("/") + path


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, so that nothing crosses a network."""
    return host in LOOPBACK


def key_of(secret: Secret, field: str = "secret") -> str:
    """The key, fit for a header.

    Raises:
        MisconfiguredProvider: empty, or with anything but visible ASCII in it.
    """
    value = secret.reveal()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise MisconfiguredProvider(f"{field} is empty or not plain ASCII", field=field)
    return value


def option(options: Mapping[str, str], name: str) -> str | None:
    """A text option, or None where it is absent or empty.

    Raises:
        MisconfiguredProvider: a control character, or longer than 200 characters.
    """
    value = options.get(name)
    if not value:
        return None
    if len(value) > 200 or _CONTROL.search(value) is not None:
        raise MisconfiguredProvider(f"option {name} is not a short text", field=f"options.{name}")
    return value


def flag(options: Mapping[str, str], name: str) -> bool:
    """A yes-or-no option; absent is no.

    Raises:
        MisconfiguredProvider: neither "true" nor "false".
    """
    value = options.get(name, "false")
    if value not in {"true", "false"}:
        raise MisconfiguredProvider(f'option {name} is "true" or "false"', field=f"options.{name}")
    return value == "true"
