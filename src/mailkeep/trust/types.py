"""Words of the trust room."""

import msgspec


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody outside who could read what passes: a ``[[party]]`` table.

    Attributes:
        relays_via: parties that carry its mail onwards; they read all of it.
        owned_by: parties that own it.
        administered_by: admin identities and holders of its keys: a sign-on service, an agency,
            one person's account with two providers. Name each as a party of its own.
        runs_on: the hosts beneath it. Reported, and does not tie: most providers share a cloud.
    """

    id: str
    name: str = ""
    relays_via: tuple[str, ...] = ()
    owned_by: tuple[str, ...] = ()
    administered_by: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()


class Independence(msgspec.Struct, frozen=True):
    """Whether two things count as two.

    Attributes:
        ok: no party can read both, and every party is known.
        shared: parties that can read both, sorted.
        unknown: ids that the register does not have, sorted.
        hosts: hosts beneath both, sorted; reported only, they do not make ``ok`` false.
    """

    ok: bool
    shared: tuple[str, ...]
    unknown: tuple[str, ...]
    hosts: tuple[str, ...] = ()
