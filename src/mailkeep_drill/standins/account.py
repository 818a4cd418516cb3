"""The account state of a stand-in: settings, suppressed addresses, injected mail."""

from dataclasses import dataclass, field

from .hooks import HookSettings
from .loopback import Target


@dataclass(slots=True)
class Settings:
    """How a stand-in was started, and what may be changed while it runs.

    Attributes:
        deliver: the recipients' mail server.
        key: the API key, server token or password that is taken; "" at the relay: no AUTH.
        account_key: Postmark's account token.
        user: Mandrill's account number, Postmark's server id, the relay's user name.
        domains: domains that the account may send from; empty: any.
        opened: when the account was, seconds since the epoch; 0: as the stand-in starts.
    """

    deliver: Target
    key: str = ""
    account_key: str = ""
    user: str = ""
    domains: frozenset[str] = frozenset()
    opened: float = 0.0
    hooks: HookSettings = field(default_factory=HookSettings)


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that the provider will not send to.

    Attributes:
        reason: hard-bounce, soft-bounce, spam, unsub or custom.
        at: seconds since the epoch.
    """

    email: str
    reason: str
    at: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Injected:
    """What the attacker sends; see `StandIn.inject`.

    Attributes:
        told: whether webhooks report it, as they do all mail of the account.
    """

    subject: str = ""
    text: str | None = None
    html: str | None = None
    reply_to: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)
    told: bool = False
