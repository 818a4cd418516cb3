"""Events that the watch room records."""

import msgspec

from mailkeep.events.types import Fact, fact

from .report_types import Source
from .types import OWN_MAILBOX, Signal


@fact("watch.signal")
class SignalRaised(Fact, frozen=True, kw_only=True):
    """A detector raised a signal."""

    signal: Signal


@fact("watch.canary_sent")
class CanarySent(Fact, frozen=True, kw_only=True):
    """A mail to a mailbox of our own was accepted by ``provider``. ``mailbox``: who keeps it."""

    provider: str
    message: str
    mailbox: str = OWN_MAILBOX


@fact("watch.canary_refused")
class CanaryRefused(Fact, frozen=True, kw_only=True):
    """``provider`` refused a canary as a message; ``outcome``: as in ``AttemptFinished``."""

    provider: str
    message: str
    outcome: str


@fact("watch.canary_arrived")
class CanaryArrived(Fact, frozen=True, kw_only=True):
    """A canary came into our own mailbox, and was known by a secret that only it carries.

    Attributes:
        seconds: from our handing it over to its arrival.
        strangers: host names in its headers and links that our allow list does not know. Host
            names only: an address would be somebody's.
        mailbox: who keeps the mailbox that it came to.
        failed: of ``spf``, ``dkim``, ``dmarc``: what failed, as the mailbox's host wrote.
        planted: of the strangers those that stand where no honest provider writes: whom it is from,
            whom an answer goes to, what people read of a decoy. None of what was forwarded to us.
        signed: names of the keys of our domain by which it was signed, and what was planted (or
            else all the strangers) with it. None of what was forwarded to us.
    """

    provider: str
    message: str
    seconds: float
    strangers: tuple[str, ...]
    mailbox: str = OWN_MAILBOX
    failed: tuple[str, ...] = ()
    planted: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()


class FieldDigest(msgspec.Struct, frozen=True):
    """One field of an item, before and after.

    Attributes:
        old, new: keyed digests, empty where there was nothing.
        old_word, new_word: the values where they are words, numbers or hosts; else empty.
    """

    name: str
    old: str
    new: str
    old_word: str
    new_word: str


@fact("watch.posture_read")
class PostureRead(Fact, frozen=True, kw_only=True):
    """Our account at ``provider`` was read.

    Recorded when lists were read for the first time, or again after a while without; and at most
    once an hour else.

    Attributes:
        lists: that could be read now.
        anew: of them those that could not be before: what they hold is what later readings are
            compared with, where nothing older is known.
        items: how many items the account has, by kind.
        can_send: whether the reading key could also send; None: nobody can tell.
    """

    provider: str
    lists: tuple[str, ...]
    anew: tuple[str, ...]
    items: dict[str, int]
    can_send: bool | None = None


@fact("watch.posture_changed")
class PostureChanged(Fact, frozen=True, kw_only=True):
    """Something in our account at ``provider`` is not as it was at the last reading.

    Attributes:
        change: id of the change, as the commands name it.
        item_kind: of `providers.posture.types.Kind`.
        item: keyed digest that names the item.
        what: ``added``, ``removed`` or ``changed``.
        fields: what of it changed.
        strange: it names a host or domain that nothing of the account named before.
        expected: an operator had announced it.
        more: changes of the same reading beyond those that are told singly.
    """

    provider: str
    change: str
    item_kind: str
    item: str
    what: str
    fields: tuple[FieldDigest, ...]
    strange: bool
    expected: bool = False
    more: int = 0


@fact("watch.posture_blind")
class PostureBlind(Fact, frozen=True, kw_only=True):
    """Lists of our account at ``provider`` could not be read, several times in a row.

    Attributes:
        reason: of `providers.posture.types.Trouble`.
        before: they could be read once; False: never since they are asked for.
        whole: none of the account's lists could be read.
    """

    provider: str
    lists: tuple[str, ...]
    reason: str
    before: bool
    whole: bool


@fact("watch.posture_accepted")
class PostureAccepted(Fact, frozen=True, kw_only=True):
    """An operator says that changes were ours; ``changes``: their ids."""

    provider: str
    changes: tuple[str, ...]
    by: str


@fact("watch.dmarc_reported")
class DmarcReported(Fact, frozen=True, kw_only=True):
    """A receiver says how mail fared that was sent as one of our domains. It is a claim.

    Attributes:
        reporter: who signed the mail that it came in, or else whose it says it is.
        believed: it came in a mail that a reporter signed whom the settings believe.
        begin: seconds since 1970, as are ``end``.
        failed: of ``mails``, those without a valid signature or return path of ours that the
            receiver does not know for forwarded.
        sources: the largest. Networks only: an address could be somebody's.
    """

    report: str
    reporter: str
    believed: bool
    domain: str
    begin: int
    end: int
    mails: int
    failed: int
    sources: tuple[Source, ...]


@fact("watch.tls_reported")
class TlsReported(Fact, frozen=True, kw_only=True):
    """Somebody says how they fared who brought mail to us over TLS. It is a claim.

    ``results``: failed sessions by kind. The rest as in ``DmarcReported``.
    """

    report: str
    reporter: str
    believed: bool
    domains: tuple[str, ...]
    begin: int
    end: int
    fine: int
    failed: int
    results: tuple[tuple[str, int], ...]


@fact("watch.report_refused")
class ReportRefused(Fact, frozen=True, kw_only=True):
    """Reports were not read: the first of a day for this reason, the second, the fourth, ...

    ``via``: ``mail``, ``api`` or ``command``.
    """

    via: str
    why: str
    count: int


@fact("watch.lookalike_seen")
class LookalikeSeen(Fact, frozen=True, kw_only=True):
    """A name that looks like one of our domains takes mail (``mx``) or shows a page (``address``).

    ``way``: how it is like ours. ``fresh``: at an earlier look it was empty.
    """

    domain: str
    name: str
    way: str
    mx: bool
    address: bool
    fresh: bool


@fact("watch.provider_noticed")
class ProviderNoticed(Fact, frozen=True, kw_only=True):
    """A provider tells its customers something, or somebody does in its name.

    ``via``: ``mail`` or ``status`` (its page). ``notice``: a word of ``notices.Notice``.
    ``authentic``: signed by the provider's own domain, written to us, and new; or its page.
    ``about``: of a change, the kind of thing that was changed, a word of
    `providers.posture.types.Kind`; "": it names none, or several.
    """

    provider: str
    via: str
    notice: str
    authentic: bool
    about: str = ""


@fact("watch.support_claimed")
class SupportClaimed(Fact, frozen=True, kw_only=True):
    """A support desk was told that something was not the owner of ``account``. It is a claim.

    ``what``: a word of ``claiming.What``. ``by``: the key that brought it, or who was at the
    keyboard.
    """

    account: str
    what: str
    by: str


@fact("watch.abuse_reported")
class AbuseReported(Fact, frozen=True, kw_only=True):
    """Somebody reported a mail in our name to the abuse mailbox. It is a claim: anyone can.

    Attributes:
        report: digest of the mail that is meant.
        domain: of ours, as which it was sent, or which its sender is like; "": neither.
        name: the name like ``domain`` that it was sent from; "": none.
        said: what a machine calls it, a word of ``abuse_mail.TYPES``; "": a person forwarded it.
        ours: our own domain signed it: a mail of ours, which somebody did not want.
        signer: the provider by whose key it was signed; "": it is not known.
        unsent: that provider was given no mail to any of those whom it is to, by what is signed.
    """

    report: str
    domain: str
    name: str
    said: str
    ours: bool
    signer: str = ""
    unsent: bool = False


@fact("watch.volume_told")
class VolumeTold(Fact, frozen=True, kw_only=True):
    """A provider said how much it did for our account. It is a claim, not an observation.

    Attributes:
        window: over what it counts; ``all_time``: since our account there began.
        count: how many, by recipient.
        what: is counted; ``sent``: mails that it sent, or tried to.
    """

    provider: str
    window: str
    count: int
    what: str


@fact("watch.honey_mail")
class HoneyMailArrived(Fact, frozen=True, kw_only=True):
    """Mail that is not ours came to an address that ``provider`` alone was ever given.

    Nothing of its content is kept but our own words about it.

    Attributes:
        honey: the pseudonym of the address.
        words: of ``as_us`` (its sender is one of our domains), ``link``, ``attachment``.
        strays: mails that came within the hour to names at the same domain that do not exist: who
            tries names is shown by those that they miss. 0 for a name that no tries come to.
    """

    provider: str
    honey: str
    words: tuple[str, ...]
    strays: int


@fact("watch.console_used")
class ConsoleUsed(Fact, frozen=True, kw_only=True):
    """Somebody did something at a third party with an account of ours, as an audit log has it: what
    that log's house says, not an observation.

    Attributes:
        told: id of the line here, as the commands name it.
        log: which log.
        party: a provider of ours, or a party of the register.
        provider: it is a provider.
        act: a word of ``console_types.Act``.
        actor, network: pseudonyms; ``network`` of the /24 or /48, "": the log names none.
        inside: it is one of the networks that the settings name; None: they name none.
        factor: a second factor was shown; None: the log does not say.
        domain: of the domains that we send as, the one whose records changed.
        expected: an operator had announced a change there.
    """

    told: str
    log: str
    party: str
    provider: bool
    act: str
    actor: str
    network: str
    inside: bool | None = None
    factor: bool | None = None
    root: bool = False
    domain: str = ""
    expected: bool = False


@fact("watch.console_accepted")
class ConsoleAccepted(Fact, frozen=True, kw_only=True):
    """An operator says that it was our own people; ``told``: ids of the lines."""

    told: tuple[str, ...]
    by: str
