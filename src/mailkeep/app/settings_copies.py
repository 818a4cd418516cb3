"""``[journal.copies]`` of the settings: what may stand there, and how listeners take such mail."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from mailkeep.base import addresses
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.wording import nearest
from mailkeep.mail.types import CopySettings, JournalSettings
from mailkeep.smtp.receiving import Private
from mailkeep.smtp.tls import Certificate
from mailkeep.smtp.types import is_loopback
from mailkeep.watch.copies import Copies

WHERE = "journal.copies"
ACCEPTED = "accepted"


class Listening(TypedDict):
    """How mail from outside is taken in (``smtp.receiving.listen``)."""

    certificate: Certificate | None
    private: Private | None
    cleartext: bool


def check(settings: CopySettings, providers: set[str], others: Mapping[str, str]) -> None:
    """Refuse what would take no copy, or one that anybody could read.

    Args:
        providers: of the settings.
        others: domains to which other mail of ours comes, and what for.

    Raises:
        BadSettings: naming the word.
    """
    for word, value in (
        ("domain", settings.domain),
        *(("senders", one) for one in settings.senders),
    ):
        try:
            addresses.parse(f"x@{value}")
        except Invalid as error:
            raise BadSettings(f"{WHERE}: {word}: {value!r} is no domain") from error
    for name in settings.providers:
        if name not in providers:
            near = nearest(name, providers)
            raise BadSettings(f"{WHERE}: providers: no provider {name!r}{near}")
    if not settings.senders:
        raise BadSettings(f"{WHERE}: senders is empty: no copy would count")
    if settings.domain != settings.domain.lower():
        raise BadSettings(f"{WHERE}: domain: write it in lower case")
    if settings.domain in others:
        raise BadSettings(f"{WHERE}: domain is that of {others[settings.domain]}: take another one")
    if not settings.editions or min(settings.editions) < 1 or settings.per_day < 1:
        raise BadSettings(f"{WHERE}: editions are numbers from 1, per_day is 1 at least")
    if bool(settings.certificate) != bool(settings.private_key):
        raise BadSettings(f"{WHERE}: certificate and private_key go together")
    if settings.cleartext not in {"", ACCEPTED}:
        raise BadSettings(f'{WHERE}: cleartext is "{ACCEPTED}", or not there')
    host = settings.listen.rpartition(":")[0]
    if host and not (settings.certificate or settings.cleartext or is_loopback(host)):
        raise BadSettings(
            f"{WHERE}: listen {host} without a certificate: no copy could come over TLS, and none"
            f' is taken in clear; say certificate, or cleartext = "{ACCEPTED}"'
        )


def listening(journal: JournalSettings | None, copies: Copies | None) -> Listening:
    """How the listeners take mail in. Raises ``BadSettings`` for a certificate that is none."""
    told = None if journal is None else journal.copies
    if told is None or copies is None:
        return Listening(certificate=None, private=None, cleartext=False)
    certificate = None
    if told.certificate:
        certificate = Certificate(Path(told.certificate), Path(told.private_key))
    return Listening(
        certificate=certificate, private=copies.ours, cleartext=told.cleartext == ACCEPTED
    )
