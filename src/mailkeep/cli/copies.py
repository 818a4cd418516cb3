"""``mailkeep watch copies``: where copies of mail (BCC) are sent to, and whether they come.

The addresses are secrets of the house and its providers. Whoever runs the command has the home, and
the keys that they are made with.
"""

from mailkeep.base.clock import Instant, iso, when
from mailkeep.base.keys import KeyRing
from mailkeep.mail import copies as room
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read, settings
from .output import Json, result, table

NONE = "No copies are taken in: there is no [journal.copies] in the settings."


def copies(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Show the addresses to set as BCC, when the last copy came, and what was refused."""
    from mailkeep.app import wiring_observation

    known = settings(home)
    places = wiring_observation.places(known, KeyRing(home), known.streams()).values()

    async def look(tx: Tx) -> tuple[dict[str, Instant], dict[str, int]]:
        return await room.heard(tx), await room.refused(tx)

    heard, refused = read(home, look)
    text = table(
        (
            (
                *(one.provider, one.stream, f"edition {one.edition}", one.address),
                f"last copy {iso(heard[one.provider])}" if one.provider in heard else "no copy yet",
            )
            for one in places
        ),
        NONE,
    )
    for why, count in refused.items():
        text += f"\nrefused since yesterday: {count} ({why})"
    document = {
        "addresses": [
            {
                "provider": one.provider,
                "stream": one.stream,
                "edition": one.edition,
                "address": one.address,
                "last": when(heard.get(one.provider)),
            }
            for one in places
        ],
        "refused": refused,
    }
    result(document, text, as_json=as_json)
