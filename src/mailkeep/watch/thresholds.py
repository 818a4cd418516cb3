"""Settings of detectors; the earliest are in ``types``. Times are seconds."""

import msgspec


class StrangerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``stranger_in_mail``.

    Attributes:
        repeat_after: seconds after which the same stranger is said again.
        keys: names of keys with which providers sign for us now, as the signal has them, by which a
            person vouches for those that came later.
        ties: by provider, others that one house can read, or runs, together with it; filled in.
        near: mailboxes elsewhere whose keeper is tied to who can be in the way of our own listener:
            what comes there says no more than what comes to us; filled in.
    """

    repeat_after: float = 3600.0
    keys: tuple[str, ...] = ()
    ties: dict[str, tuple[str, ...]] = {}
    near: tuple[str, ...] = ()


class CanaryMissingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``canary_missing``.

    Attributes:
        deadline: within which a canary is expected at our own listener; what is learned of a
            mailbox shortens it, and what a day taught lengthens it, to three times at most.
        elsewhere: the same for mailboxes that others keep.
        between_false_alarms: days, for the whole system.
        repeat_after: after which an ongoing silence is said again.
        returned: canaries that must arrive one after the other before it is taken back.
    """

    deadline: float = 5.0
    elsewhere: float = 600.0
    between_false_alarms: float = 30.0
    repeat_after: float = 600.0
    returned: int = 3


class UnknownMessageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``unknown_message``.

    Attributes:
        base_per_day: mails of other systems at a provider's account that are expected before
            anything was learned, and of mail without an id of ours always.
        base_known_for: for which that guess counts as if it had been watched.
        memory: over which the base is averaged.
        repeat_after: after which what goes on is said again.
    """

    base_per_day: float = 0.1
    base_known_for: float = 86_400.0
    memory: float = 604_800.0
    repeat_after: float = 3600.0


class VolumeMismatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``volume_mismatch``.

    Attributes:
        base_per_day: mails of other systems that are expected before anything was learned.
        base_known_for: for which that guess counts as if it had been watched.
        memory: over which the base is averaged.
        tolerance: the share of what we gave that may be counted in excess (retries of theirs).
        settle: after the first total, in which an excess only teaches.
    """

    base_per_day: float = 1.0
    base_known_for: float = 86_400.0
    memory: float = 604_800.0
    tolerance: float = 0.01
    settle: float = 21_600.0


class AcceptedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``accepted_not_delivered``.

    Attributes:
        every: between two mails of a provider and family that are followed.
        shortest, longest: of the deadline that is learned.
        confirms: the share of mails that must usually be confirmed before a lack of it says
            anything.
        learn_from: mails followed before a share is believed.
        between_false_alarms: days, for the whole system.
        repeat_after: after which what goes on is said again.
    """

    every: float = 1.0
    shortest: float = 60.0
    longest: float = 14_400.0
    confirms: float = 0.9
    learn_from: float = 30.0
    between_false_alarms: float = 30.0
    repeat_after: float = 900.0


class FailoverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``failover``.

    Attributes:
        window: in which moves are counted together.
        turns: moves of a stream back and forth that make a signal.
        forced: messages that others' failures moved to a suspect that make one.
        suspect_for: how long a provider that something spoke against is a suspect here.
    """

    window: float = 900.0
    turns: int = 4
    forced: int = 3
    suspect_for: float = 86_400.0


class FanoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``reset_fanout``.

    Attributes:
        remembers: over which a source's addresses are counted.
        browser, network: different addresses of one source that are usual in that time.
        alarm: nats of surprise that make a signal.
    """

    remembers: float = 86_400.0
    browser: float = 1.0
    network: float = 2.0
    alarm: float = 3.0


class UndeliveredSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``redeemed_undelivered``.

    Attributes:
        slack: by which a provider's clock may be wrong.
        shortest: the least time that a report of delivery is waited for.
        learn_from: proofs followed before a provider is held to its reports.
        reports: the share of proofs whose delivery it usually reports.
        remembers: over which cases are counted together.
    """

    slack: float = 5.0
    shortest: float = 60.0
    learn_from: float = 20.0
    reports: float = 0.8
    remembers: float = 86_400.0


class MisplacedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``misplaced_redemption``.

    Attributes:
        window: in which several accounts are counted together.
        base_per_day: such redemptions that are expected before anything was learned.
        base_known_for: for which that guess counts as if it had been watched.
        memory: over which the base is averaged.
    """

    window: float = 3600.0
    base_per_day: float = 5.0
    base_known_for: float = 86_400.0
    memory: float = 604_800.0


class TakeoverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``takeover_pattern``.

    Attributes:
        follows: how long an account is followed after a recovery or a strange sign-in.
        networks: different networks signed in from in that time that are many.
        window: in which several accounts are counted together.
    """

    follows: float = 3600.0
    networks: int = 3
    window: float = 3600.0


class HoneyMailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``honey_hit``.

    Attributes:
        remembers: in which hits of several addresses are counted together.
        strays: mails to names that do not exist beside an address that make it a guess.
        repeat_after: after which a hit of the same address is said again.
    """

    remembers: float = 604_800.0
    strays: int = 3
    repeat_after: float = 3600.0


class SurgeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``reset_surge``.

    Attributes:
        base_per_minute: resets a minute that are expected before anything was learned.
        base_known_for: minutes for which that guess counts as if it had been watched.
        memory: seconds over which the base is averaged.
        lately: seconds over which the last hours' own rate is averaged, which may stand for the
            base where it is higher: a day has its shape, and there are days on which passwords
            expire.
        ramp: up to so many times the base, at most.
        floor_per_minute: the base is never taken to be lower.
        least: addresses of a surge, together with what is usual in an hour, that make one: a dozen
            resets in an hour are no campaign where the base is below the floor.
        factor: the surge that is looked for, as a multiple of the base.
        between_false_alarms: days.
        same_address: seconds within which requests for one address count once.
        repeat_after: seconds after which an ongoing surge is said again.
    """

    base_per_minute: float = 1.0
    base_known_for: float = 240.0
    memory: float = 86_400.0
    lately: float = 3600.0
    ramp: float = 4.0
    floor_per_minute: float = 0.1
    least: float = 13.0
    factor: float = 10.0
    between_false_alarms: float = 30.0
    same_address: float = 600.0
    repeat_after: float = 300.0


class RefusalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``provider_refusal``: what is refused in a row that makes a signal, different
    addresses, for an outage different messages, at most 64; seconds to repeat; mails taken in a row
    that take it back; of outages that are seldom met or in part, the days between false alarms, for
    the whole system, and the seconds in which refusals count once."""

    suspended: int = 1
    unauthorised: int = 2
    canaries: int = 3
    outage: int = 5
    outage_within: float = 120.0
    repeat_after: float = 300.0
    returned: int = 3
    between_false_alarms: float = 30.0
    spacing: float = 5.0
