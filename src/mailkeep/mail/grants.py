"""What an API key may do, from which networks, and as which sender (pure).

Security: a leaked key is worth what it was bound to, and no more. The bindings of a key never
change, so a cached copy of them is still true; only whether the key is valid can change.
"""

import enum
import ipaddress
from collections.abc import Iterable

import idna
import msgspec

from mailkeep.base import addresses
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid, NotAllowed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Scope(enum.StrEnum):
    """What a key is for. None of them includes another."""

    SEND = "send"  #: hand mail in, over HTTP and SMTP
    READ = "read"  #: see what became of mail, and incidents
    RECOVER = "recover"  #: register the users of the application that it is bound to
    REPORT = "report"  #: bring in what others say: reports, and claims of a support desk
    AUDIT = "audit"  #: bring in audit logs of other houses
    OBSERVE = "observe"  #: tell of mail that an application sent by itself
    PRIVACY = "privacy"  #: hand out and erase what is kept about a person
    OPERATE = "operate"  #: act on incidents, and sign in at the console


#: What a key that is bound to an application may be for.
OF_APPLICATIONS = frozenset({Scope.SEND, Scope.RECOVER, Scope.REPORT, Scope.OBSERVE})


class Grant(msgspec.Struct, frozen=True):
    """What one key may do. A binding that is empty binds nothing.

    Attributes:
        streams: it may send in these, and see the mail of these.
        domains: of senders; one that begins with a dot stands for every domain below it.
        networks: from which it may be used.
        expires_at: when it ends by itself.
        line: the same for a key and its successors: idempotency keys count for all of them.
        application: whose users it registers; "": nobody's.
    """

    id: str
    name: str
    scopes: frozenset[str]
    streams: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    expires_at: Instant | None = None
    line: str = ""
    application: str = ""

    def may(self, scope: str) -> bool:
        """Whether it is for this. An application's key reaches its own users, and hands in mail:
        everybody else's mail and accounts are not its affair, whatever scopes it was given."""
        return scope in self.scopes and (not self.application or scope in OF_APPLICATIONS)

    def may_use_stream(self, stream: str) -> bool:
        return not self.streams or stream in self.streams

    def may_send_as(self, sender: str) -> bool:
        """Whether it may send from an address, as ``base.addresses.parse`` returns it."""
        if not self.domains:
            return True
        domain = addresses.domain(sender).lower()
        return any(
            domain.endswith(one) and domain != one if one.startswith(".") else domain == one
            for one in self.domains
        )

    def may_come_from(self, client: str) -> bool:
        """Whether it may be used from an address; one that cannot be read is from nowhere."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self.networks)

    def require(
        self,
        scope: str,
        *,
        streams: Iterable[str] = (),
        senders: Iterable[str] = (),
        network: str | None,
        field: str = "",
    ) -> None:
        """Refuse what the key is not for.

        Args:
            network: the address from which it is used; None where that was asked already.
            field: path of the message among the input, ``messages[3].`` in a batch.

        Raises:
            NotAllowed: naming what it may not; what was asked for is not repeated.
        """
        if network is not None and not self.may_come_from(network):
            raise NotAllowed("this key may not be used from this network")
        if not self.may(scope):
            raise NotAllowed(f"this key may not {scope}")
        if not all(self.may_use_stream(one) for one in streams):
            raise NotAllowed("this key may not use that stream", field=f"{field}stream")
        if not all(self.may_send_as(one) for one in senders):
            raise NotAllowed("this key may not send from that domain", field=f"{field}from")


def domain(text: str) -> str:
    """A sender domain to bind a key to, in canonical form; with a leading dot all below it.

    Raises:
        Invalid: it is no domain.
    """
    below, name = text.startswith("."), text.removeprefix(".")
    try:
        found = idna.encode(name, uts46=True).decode().lower()
    except UnicodeError as error:
        raise Invalid(f"{text!r} is not a domain", field="domain") from error
    if not addresses.is_plain(f"x@{found}"):
        raise Invalid(f"{text!r} is not a domain", field="domain")
    return f".{found}" if below else found


def network(text: str) -> Network:
    """A network to bind a key to: CIDR notation, or a single address.

    Raises:
        Invalid: it is no network, or is everyone's.
    """
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is not a network", field="network") from error
    if found.prefixlen == 0:
        raise Invalid(f"{text} is everyone: leave it out instead", field="network")
    return found
