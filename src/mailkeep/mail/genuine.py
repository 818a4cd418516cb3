"""'Did you really send this?': every mail carries a code, by which its recipient can verify it.

Security: a phisher may copy a code out of a mail of their own. It tells a victim nothing, because
the victim also says to which address the mail came: another recipient's mail is not found, with the
same words as a code that never existed. A code out of a mail of the victim's own is answered with
that mail's date and subject, which are not the phisher's. So the answer is never a bare yes, and it
does not tell a stranger who is a customer. Nor does it tell who got a mail openly whether somebody
else had a blind copy: each of those is a mail of its own, with a code of its own (``intake``). The
code is keyed (80 bits of HMAC), the subject is
sealed, no body is ever shown; of a secret mail's subject everything with a digit in it is hidden.
"""

import re
from collections.abc import Collection

import msgspec
from sqlalchemy import Select, exists, select
from sqlalchemy.engine import RowMapping

from mailkeep.base import addresses, tokens
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import earliest
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.store.database import Tx

from . import tables
from .queries import may_have_left
from .types import Content, Status

LENGTH = 16  #: characters of a code, 5 bits each
CODE = "{{genuine_code}}"  #: what stands in a template where the code goes
LINK = "{{genuine_link}}"  #: the same for the address of the page, with the code in its fragment
PATH = "/genuine"

_m, _g, _c, _k = (
    tables.messages,
    tables.genuine_mails,
    tables.message_copies,
    tables.addresses,
)
_TELLING = re.compile(r"(?=[\w-]*\d)[\w-]{4,}")  #: what may be a code that somebody put there


class Genuine(msgspec.Struct, frozen=True):
    """A mail that we did send.

    Attributes:
        at: when a provider took it; None while it waits, and where that is not known.
        unsure: it was given up, and may have left before.
        taken_in: when it was handed to us.
        to: its recipient, masked.
    """

    subject: str
    at: Instant | None
    taken_in: Instant
    to: str
    secret: bool
    unsure: bool = False


def code_of(keys: KeyRing, message: str) -> str:
    """The code of a message."""
    value = int(keys.lookup_hash("genuine mail", message)[:20], 16)
    digits = (value >> shift & 31 for shift in range(5 * LENGTH - 5, -1, -5))
    return "".join(tokens.ALPHABET[one] for one in digits)


def marked(content: Content, code: str, public_url: str) -> Content:
    """The content with its code where it asks for it."""
    link = f"{public_url.rstrip('/')}{PATH}#{code}"
    typed = tokens.grouped(code)

    def put(text: str | None) -> str | None:
        return None if text is None else text.replace(LINK, link).replace(CODE, typed)

    return msgspec.structs.replace(content, text=put(content.text), html=put(content.html))


def row(keys: KeyRing, message: str, code: str, subject: str) -> dict[str, object]:
    """What is kept of it beside the message."""
    sealed = keys.seal(f"subject {message}", subject.encode())
    return {"code": code, "message_id": message, "sealed": sealed}


async def find(tx: Tx, keys: KeyRing, code: str, address: str) -> Genuine | None:
    """The mail with that code, when it went to that address; None for everything else.

    Args:
        code, address: as they were typed.
    """
    typed = tokens.fold(code)
    try:
        key = addresses.key(addresses.parse(address))
    except Invalid:
        return None
    name = keys.pseudonym("address", key)
    # One that is itself a copy shows others, and is nobody else's.
    copied = exists().where(
        _c.c.message_id == _m.c.id, _c.c.address_id == name, _m.c.copy_of.is_(None)
    )
    found = await tx.one(_mails().where(_g.c.code == typed, (_m.c.address_id == name) | copied))
    return None if found is None else _read(keys, found, key)


async def recent(
    tx: Tx, keys: KeyRing, names: Collection[str], since: Instant, limit: int
) -> list[Genuine]:
    """The newest mails to some addresses, by pseudonym, the newest first."""
    rows = await tx.all(
        _mails()
        .add_columns(_k.c.address)
        .join(_k, _k.c.id == _m.c.address_id)
        .where(_m.c.address_id.in_(sorted(names)), _m.c.id >= earliest("msg", since))
        .order_by(_m.c.id.desc())
        .limit(limit)
    )
    return [_read(keys, one, one["address"]) for one in rows]


def mask(address: str) -> str:
    """An address as its owner knows it again and nobody else learns it."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def _mails() -> Select[tuple[str, bytes, Instant, Instant | None, bool, str]]:
    # Of one that was given up nobody has anything from us, unless it may have left before.
    left = (_m.c.status != Status.GIVEN_UP.value) | may_have_left()
    return (
        select(_m.c.id, _g.c.sealed, _m.c.created_at, _m.c.accepted_at, _m.c.secret, _m.c.status)
        .join(_m, _m.c.id == _g.c.message_id)
        .where(left)
    )


def _read(keys: KeyRing, found: RowMapping, address: str) -> Genuine:
    try:
        subject = keys.unseal(f"subject {found['id']}", found["sealed"]).decode()
    except Unsealable:
        subject = "(no longer readable)"
    if found["secret"]:
        subject = _TELLING.sub("••••", subject)
    return Genuine(
        subject,
        found["accepted_at"],
        found["created_at"],
        mask(address),
        found["secret"],
        unsure=found["status"] == Status.GIVEN_UP.value,
    )
