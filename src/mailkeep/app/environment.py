"""Settings from environment variables: ``MAILKEEP_…`` overrides the file.

``MAILKEEP_PUBLIC_URL`` is ``public_url``, ``MAILKEEP_RECOVERY__SENDER`` is ``sender`` of
``[recovery]``; lists, tables, numbers and booleans are written as JSON. An unknown ``MAILKEEP_``
name is an error that suggests the nearest valid one: otherwise a protection switched on under a
mistyped name would silently be missing.

Security: errors name variables, never what they hold.
"""

import copy
import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType

import msgspec

from mailkeep.base.errors import BadSettings

PREFIX = "MAILKEEP_"
#: Names that are no settings: where the home is; how ``send`` reaches a Mailkeep; what seals keys.
RESERVED = frozenset(
    f"MAILKEEP_{name}" for name in ("HOME", "URL", "KEY", "OPERATOR_KEY", "PASSPHRASE")
)

#: What Kubernetes sets in every container beside a service that is called ``mailkeep``.
_OF_A_SERVICE = re.compile(
    r"MAILKEEP_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)"
)
_NEAR = 0.6


def overlay(
    raw: Mapping[str, object], environ: Mapping[str, str], settings: type[msgspec.Struct]
) -> dict[str, object]:
    """The settings file, overridden by the environment.

    Args:
        raw: as it was read from the file; not changed.
        settings: the whole file's struct, whose fields the names are held against.

    Raises:
        BadSettings: a name that is not known, or a value that is not JSON where it must be.
    """
    known = names(settings)
    merged = copy.deepcopy(dict(raw))
    # Shorter names first: a table that is given whole must exist before one of its fields is set.
    given = sorted((one for one in environ if one in known), key=lambda one: one.count("__"))
    for name in given:
        _put(merged, path(name), _value(name, environ[name], known[name]), name)
    secrets = _secrets(merged)
    for name in sorted(environ):
        if not name.startswith(PREFIX) or _OF_A_SERVICE.fullmatch(name):
            continue
        if name not in known.keys() | RESERVED | secrets:
            raise BadSettings(f"the environment: no setting {name}{_nearest(name, known)}")
    return merged


class NoSecrets(dict[str, str]):
    """An environment in which secrets of ``env:NAME`` are empty, and those of ``file:PATH`` that
    this user cannot read: for who uses none. The service's credentials are there only while it
    runs, and an incident must be readable, and acted on, while it is down."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __missing__(self, name: str) -> str:
        return ""


def given(environ: Mapping[str, str], settings: type[msgspec.Struct]) -> bool:
    """Whether the environment sets anything."""
    return not environ.keys().isdisjoint(names(settings))


def names(settings: type[msgspec.Struct]) -> dict[str, object]:
    """Every variable there is, with the type of its setting (pure)."""
    return {PREFIX + "__".join(steps).upper(): kind for steps, kind in _walk(settings)}


def path(name: str) -> tuple[str, ...]:
    """The setting that a variable stands for: ``("recovery", "sender")``."""
    return tuple(name.removeprefix(PREFIX).lower().split("__"))


def reveal(where: str, what: str, environ: Mapping[str, str]) -> str:
    """The value behind ``env:NAME`` or ``file:PATH``.

    Args:
        what: names the setting in an error.

    Raises:
        BadSettings: it is not there; or neither form, as a secret written into the file would be.
    """
    source, _, name = where.partition(":")
    if source == "env":
        if name not in environ:
            raise BadSettings(f"{what}: the environment has no {name}")
        return environ[name]
    if source == "file":
        try:
            return Path(name).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(environ, NoSecrets):
                return ""
            raise BadSettings(f"{what}: {name} cannot be read") from error
    raise BadSettings(f"{what}: say env:NAME or file:PATH, not the secret itself")


def _walk(
    struct: type[msgspec.Struct], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    kinds = typing.get_type_hints(struct)
    for field, name in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True):
        kind = _bare(kinds[field])
        yield (*above, name), kind
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from _walk(kind, (*above, name))


def _bare(kind: object) -> object:
    """The type without its None."""
    if isinstance(kind, UnionType) or typing.get_origin(kind) is typing.Union:
        kinds = [one for one in typing.get_args(kind) if one is not NoneType]
        if len(kinds) == 1:
            return kinds[0]
    return kind


def _value(name: str, text: str, kind: object) -> object:
    if kind is str:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadSettings(f"{name}: this must be JSON: a list, table, number or boolean") from error


def _put(merged: dict[str, object], steps: tuple[str, ...], value: object, name: str) -> None:
    table = merged
    for step in steps[:-1]:
        below = table.setdefault(step, {})
        if not isinstance(below, dict):
            raise BadSettings(f"{name}: {step} is not a table in the file")
        table = below
    table[steps[-1]] = value


def _secrets(raw: object) -> set[str]:
    """The variables that ``env:NAME`` anywhere in the settings points to."""
    if isinstance(raw, str):
        return {raw.removeprefix("env:")} if raw.startswith("env:") else set()
    if isinstance(raw, Mapping):
        raw = list(raw.values())
    if isinstance(raw, list | tuple):
        return set().union(*map(_secrets, raw))
    return set()


def _nearest(name: str, known: Mapping[str, object]) -> str:
    # Without the prefix: all names share it, and any two would look alike.
    words = [one.removeprefix(PREFIX) for one in sorted(known.keys() | RESERVED)]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), words, n=1, cutoff=_NEAR)
    if near:
        return f"; did you mean {PREFIX}{near[0]}?"
    return "; settings in capitals are its names, two underscores between a table and its field"
