"""A settings file that is tried out in development: its streams and rules, over the stand-ins.

Security: whoever tries a file out must not send, page or tell anybody by it. So only what stays
inside is read of it (``READ``), and its streams have the stand-ins' routes; what is not listed here
is not read, whatever a later version adds.
"""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest

NAME = "mailkeep.toml"
#: What holds in development as well: none of it reaches out of this machine.
READ = frozenset(
    {
        *("stream", "recovery", "accounts", "languages", "incidents", "response", "playbook"),
        *("watch", "retention", "privacy"),
        *("keep_unconfirmed", "keep_doubted", "keep_given_up"),
    }
)


class Given(msgspec.Struct, frozen=True):
    """A file that is to be tried.

    Attributes:
        file: None: none was named.
        raw: what stands in it.
        hint: what to say of a file that lies about and was not named; "": there is none.
    """

    file: Path | None = None
    raw: Mapping[str, Any] = {}
    hint: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """Its settings that hold in development."""
        return tuple(name for name in self.raw if name in READ)

    @property
    def unread(self) -> tuple[str, ...]:
        """Those that do not."""
        return tuple(name for name in self.raw if name not in READ)

    def lines(self) -> list[str]:
        """The same for whoever starts it."""
        if self.file is None:
            return [self.hint] if self.hint else []
        out = [f"{self.file}, over the stand-ins: {', '.join(self.read) or 'nothing'}"]
        if self.unread:
            out.append(f"not in development: {', '.join(self.unread)}")
        return out


def find(home: Path, named: Path | None) -> Given:
    """The file that development is to try.

    Raises:
        BadSettings: the home is that of a Mailkeep with settings of its own, or the file cannot be
            read.
    """
    own = home / NAME
    if own.exists():
        raise BadSettings(
            f"{own} makes this the home of a Mailkeep that is no trial, and its database is not for"
            " stand-ins: say another with --home; `--settings FILE` tries such a file out"
        )
    if named is None:
        hint = f"{NAME} is not read: `--settings {NAME}` tries its streams and rules out"
        return Given(hint=hint if Path(NAME).exists() else "")
    try:
        return Given(named, tomllib.loads(named.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{named}: {error}") from error


def check(given: Given, known: Collection[str]) -> None:
    """That every setting of a file is one: a mistyped one is no setting that is not read (pure).

    Args:
        known: the settings that there are.

    Raises:
        BadSettings: one is none; with the nearest that is.
    """
    for name in given.raw:
        if name not in known:
            raise BadSettings(f"{given.file}: no setting {name}{nearest(name, known)}")


def over(below: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The settings of development with the file's over them (pure). Raises ``BadSettings``."""
    merged = dict(below)
    for name in given.read:
        one, under = given.raw[name], below.get(name)
        if isinstance(under, dict) and isinstance(one, dict):
            one = {**under, **one}
        merged[name] = one
    if "stream" in given.raw:
        merged["stream"] = _streams(below["stream"], given.raw["stream"], given.file)
    return merged


def _streams(
    below: list[dict[str, object]], given: object, file: Path | None
) -> list[dict[str, object]]:
    """The file's streams, and those of development that it has not; all over the stand-ins."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadSettings(f"{file}: stream: say [[stream]], a table for each")
    routes = below[0]["routes"]
    theirs = [{**one, "routes": routes} for one in given]
    names = {one.get("name") for one in theirs}
    return [*theirs, *(one for one in below if one["name"] not in names)]
