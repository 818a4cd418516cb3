"""Builds the pagers from the settings."""

import os
from collections.abc import Mapping, Sequence

from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.response.paging.types import Pager, PagerSettings, PagingSettings
from mailkeep.trust import register
from mailkeep.trust.types import Party

from . import environment


def check(
    pagers: Sequence[PagerSettings], paging: PagingSettings, parties: Mapping[str, Party]
) -> None:
    """Look at the settings. Raises ``BadSettings``."""
    names = [one.name for one in pagers]
    for one in pagers:
        if names.count(one.name) > 1:
            raise BadSettings(f"two tables of [[pager]] are called {one.name!r}")
        if one.party:
            register.require(parties, one.party, where=f"pager {one.name}: party")
    if paging.most < 1 or paging.repeat < 30 or paging.give_up <= 0:
        raise BadSettings("paging: most is 1 at least, repeat 30 seconds, give_up above 0")


def pagers(
    settings: Sequence[PagerSettings], environ: Mapping[str, str] = os.environ
) -> tuple[Pager, ...]:
    """The pagers with what rings them. Raises ``BadSettings``, which does not show a URL."""
    found = []
    for one in settings:
        url = environment.reveal(one.url, f"pager {one.name}: url", environ)
        # Read-only commands run with an environment in which every secret is empty.
        if url:
            from mailkeep.response.paging.bell import AppriseBell  # not quick to import

            found.append(Pager(one.name, one.party, AppriseBell(one.name, Secret(url))))
    return tuple(found)
