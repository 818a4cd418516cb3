"""The recipients of a message: who gets it, who is shown to whom, and whom a report is about
(pure).

A message has one recipient, whose fate is its status; the others get copies. A provider that
carries it learns every address in it, those included that a submitted mail only shows.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from mailkeep.base import addresses
from mailkeep.base.errors import Invalid
from mailkeep.providers.message import Address, Shown

from .types import Content, split

QUOTE = '"'
MOST = 50  #: recipients of one message, and people that one shows


def copies(content: Content) -> list[str]:
    """Every other address than the recipient's that who carries the message learns, each once."""
    shown = () if content.shown is None else (*content.shown.to, *content.shown.cc)
    people = (*content.more_to, *content.cc, *content.bcc, *shown)
    if not people:
        return []
    found = {addresses.key(one.email): one.email for one in reversed(people)}
    found.pop(addresses.key(content.to), None)
    return list(reversed(found.values()))


def once(content: Content) -> Content:
    """The content with each recipient once: in ``to`` before ``cc``, in ``cc`` before ``bcc``."""
    seen = {addresses.key(content.to)}

    def new(people: tuple[Address, ...]) -> tuple[Address, ...]:
        kept = []
        for one in people:
            if (key := addresses.key(one.email)) not in seen:
                seen.add(key)
                kept.append(one)
        return tuple(kept)

    return msgspec.structs.replace(
        content, more_to=new(content.more_to), cc=new(content.cc), bcc=new(content.bcc)
    )


def clean(content: Content, field: str) -> Content:
    """The content with every further address checked, and each recipient once. Raises
    ``Invalid``."""

    def checked(people: tuple[Address, ...], name: str, first: int = 0) -> tuple[Address, ...]:
        return tuple(
            msgspec.structs.replace(
                one, email=addresses.parse(one.email, field=f"{field}{name}[{at}]")
            )
            for at, one in enumerate(people, first)
        )

    shown = content.shown
    if shown is not None:
        shown = Shown(checked(shown.to, "To"), checked(shown.cc, "Cc"))
    return once(
        msgspec.structs.replace(
            content,
            more_to=checked(content.more_to, "to", 1),
            cc=checked(content.cc, "cc"),
            bcc=checked(content.bcc, "bcc"),
            shown=shown,
        )
    )


def apart(content: Content) -> tuple[Content, tuple[Content, ...]]:
    """The content without its blind copies, and each of those as a mail of its own."""
    rest = msgspec.structs.replace(content, bcc=())
    return rest, tuple(alone(content, one.email) for one in content.bcc)


def without(content: Content, emails: Collection[str]) -> Content:
    """The content for those who have not got it yet; everybody still sees who stood in it.

    Args:
        emails: of copies that somebody has taken.
    """

    def left(people: tuple[Address, ...]) -> tuple[Address, ...]:
        return tuple(one for one in people if one.email not in emails)

    return msgspec.structs.replace(
        content,
        more_to=left(content.more_to),
        cc=left(content.cc),
        bcc=left(content.bcc),
        shown=_shown(content),
    )


def alone(content: Content, email: str) -> Content:
    """The content as one of those who were to get a copy gets it, as a mail of their own."""
    people = (*content.more_to, *content.cc, *content.bcc)
    name = next((one.name for one in people if one.email == email), "")
    return msgspec.structs.replace(
        content, to=email, to_name=name, more_to=(), cc=(), bcc=(), shown=_shown(content)
    )


def _shown(content: Content) -> Shown:
    if content.shown is not None:
        return content.shown
    return Shown((Address(content.to, content.to_name), *content.more_to), content.cc)


def joined(pseudonyms: Iterable[str]) -> str:
    """Pseudonyms as ``messages.copies`` has them."""
    return ",".join(pseudonyms)


def exposed(recipient: str, copies: str) -> list[str]:
    """The pseudonyms of all that a provider learns of when it is given a message, its recipient's
    first; ``copies`` as ``messages.copies`` has them."""
    return [recipient, *split(copies)]


class Bait(msgspec.Struct, frozen=True):
    """What honey addresses among the recipients ask.

    Attributes:
        only: the providers that may carry the message.
        leaks: none may: it is given up in silence.
    """

    only: tuple[str, ...]
    leaks: bool


def bait(
    people: Iterable[str],
    honey: Mapping[str, str],
    routes: Iterable[str],
    only: tuple[str, ...],
    avoid: tuple[str, ...],
) -> Bait:
    """Hold a message to the one provider that may know the honey addresses in it.

    Args:
        people: every address that who carries the message learns.
        honey: the provider of each honey address, by the address's canonical form.
        routes: providers of the stream.
        only, avoid: what the message itself asks.
    """
    owners = {honey[key] for one in people if (key := addresses.key(one)) in honey} if honey else {}
    if not owners:
        return Bait(only, leaks=False)
    owner = min(owners)
    may = owner in set(routes) and owner not in avoid and (not only or owner in only)
    return Bait((owner,), leaks=len(owners) > 1 or not may)


def told_of(recipient: str | None, people: Mapping[str, str] | None) -> tuple[bool, str | None]:
    """(whether a claim is about the message's own recipient, the pseudonym of whom it is about).

    Args:
        recipient: the address that the claim names.
        people: of the message, address by pseudonym, its recipient first; None: not ours.
    """
    if not people:
        return True, None
    first = next(iter(people))
    if len(people) == 1:
        return True, first
    return concerns_primary(recipient, people[first], True), about(recipient, people)


def concerns_primary(recipient: str | None, primary: str, has_copies: bool) -> bool:
    """Whether a provider's word is about the message's own recipient.

    Args:
        recipient: the address that the claim names.
        primary: the recipient's address.
        has_copies: whether the message went to, or shows, others too. A claim that names nobody
            may then be about one of them, and moves nothing.
    """
    if not has_copies:
        return True
    return recipient is not None and addresses.key(recipient) == addresses.key(primary)


def about(recipient: str | None, known: Mapping[str, str]) -> str | None:
    """The pseudonym of the one that a claim is about, among the addresses of a message.

    Args:
        known: address by pseudonym.
    """
    if recipient is None:
        return None
    wanted = addresses.key(recipient)
    return next((name for name, one in known.items() if addresses.key(one) == wanted), None)


def is_stranger(recipient: str | None, known: Iterable[str]) -> bool:
    """Whether a claim is about somebody whom the message certainly never had.

    Whatever is unclear is no stranger: an address that is left out, hidden or no plain one; an
    alias by which the same mailbox is named; and anybody, where one of the message's own is not
    known any more.

    Args:
        recipient: the address that the claim names.
        known: of all in the message; "" where one was erased.
    """
    wanted = None if recipient is None else _mailbox(recipient)
    if wanted is None:
        return False
    ours = [_mailbox(one) for one in known]
    return bool(ours) and None not in ours and wanted not in ours


def _mailbox(text: str) -> str | None:
    """An address without what providers of mail and of mailboxes write in several ways: a name
    before it, a type (RFC 3464 section 2.3.1), quotes, an extension after "+", dots, the case. It
    is for comparing alone; None: it is no plain address, or hides one."""
    text = text.strip()
    text = text.rpartition("<")[2].rstrip("> ") if text.endswith(">") else text.rpartition(";")[2]
    local, _, domain = text.strip().rstrip(".").rpartition("@")
    try:
        found = addresses.key(addresses.parse(f"{local.strip(QUOTE)}@{domain}"))
    except Invalid:
        return None
    local, _, domain = found.rpartition("@")
    if "*" in local or "redacted" in local:
        return None
    domain = "gmail.com" if domain == "googlemail.com" else domain
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
