"""Draws the trust graph as SVG: who stands behind whom, from left to right (pure).

Columns go by the kind of party, so a name is found where its kind is, with 300 of them too; a tie
is a curve from the one behind to the one before. Text keeps its size: a large graph makes a large
picture, which its page scrolls.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import World

WIDE, HIGH = 200, 28  #: a box, in pixels
GAP, LANE = 8, 90  #: between two boxes, and between two columns
HEAD, MARGIN = 34, 12
DEEP = 40  #: boxes of one column before a second one stands beside it
LONGEST = 24  #: characters of a name that fit a box

_COLUMNS: tuple[tuple[str, frozenset[PartyKind]], ...] = (
    ("Owners and people", frozenset({PartyKind.OWNER, PartyKind.PERSON, PartyKind.IDENTITY})),
    (
        "Names, pages, machines",
        frozenset({PartyKind.DNS, PartyKind.REGISTRAR, PartyKind.CDN, PartyKind.CLOUD}),
    ),
    (
        "Providers",
        frozenset(
            {
                PartyKind.MAIL,
                PartyKind.SMS,
                PartyKind.MAILBOX,
                PartyKind.SUPPORT,
                PartyKind.MONITORING,
                PartyKind.OTHER,
            }
        ),
    ),
    ("Ours", frozenset({PartyKind.OURS})),
)
STREAMS = "Streams"


class Box(msgspec.Struct, frozen=True):
    """A party, or a stream (``stream:NAME``, which leads nowhere).

    Attributes:
        title: its whole name and kind, its ties in words: what a screen reader says of it.
        state: ``chosen``, ``falls`` or "".
    """

    id: str
    label: str
    title: str
    x: int
    y: int
    state: str
    link: bool


class Line(msgspec.Struct, frozen=True):
    """A tie as a path of SVG.

    Attributes:
        kind: ``owns``, ``administers``, ``relays``, ``hosts`` or ``carries``.
        state: ``falls`` where both of its ends do.
        ends: places of the two boxes in ``Picture.boxes``.
    """

    path: str
    kind: str
    state: str
    ends: tuple[int, int]


class Heading(msgspec.Struct, frozen=True):
    """The words above a column."""

    text: str
    x: int


class Picture(msgspec.Struct, frozen=True):
    """All of it, in pixels."""

    width: int
    height: int
    headings: tuple[Heading, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def picture(
    world: World,
    chosen: Collection[str] = (),
    falls: Collection[str] = (),
    touched: Collection[str] = (),
    *,
    whole: bool = True,
) -> Picture:
    """Draw the parties and the streams.

    Args:
        chosen: parties that somebody asked about.
        falls: parties, those chosen included, that are in the wrong hands with them, or carry mail
            for them.
        touched: streams that they reach.
        whole: draw everybody; else those that fall, and who is tied to them at first hand.
    """
    ties = _ties(world.parties.values())
    shown = set(world.parties)
    if not whole:
        near = {end for one, other, _ in ties if {one, other} & set(falls) for end in (one, other)}
        shown = near | set(falls)
    columns = [
        (title, [one for one in _ordered(world, kinds) if one.id in shown])
        for title, kinds in _COLUMNS
    ]
    place, headings, right = _places(columns)
    names = [one.name for one in world.lanes if whole or one.name in touched]
    stream_x = right
    if names:
        headings.append(Heading(STREAMS, stream_x))
        for row, name in enumerate(names):
            place[f"stream:{name}"] = (stream_x, HEAD + MARGIN + row * (HIGH + GAP))
        right += WIDE + LANE
    names_of = {one.id: one.called for one in world.parties.values()}
    carrying = [
        (one, [name for name in one.streams if one in world.carrying(name)])
        for one in world.carriers
    ]
    carried: dict[str, set[str]] = {}
    for carrier, streams in carrying:
        carried.setdefault(carrier.party, set()).update(streams)
    boxes = [
        _box(
            *(one.id, one.called, place[one.id], _state(one.id, chosen, falls)),
            _said(one, names_of, sorted(carried.get(one.id, ()))),
        )
        for _, some in columns
        for one in some
    ]
    for name in names:
        state = "falls" if name in touched else ""
        where = place[f"stream:{name}"]
        boxes.append(_box(f"stream:{name}", name, where, state, "stream", link=False))
    ties += [
        (carrier.party, f"stream:{stream}", "carries")
        for carrier, streams in carrying
        for stream in streams
    ]
    numbers = {box.id: number for number, box in enumerate(boxes)}
    lines = [
        _line(
            *(place[a], place[b], kind),
            a in falls and (b in falls or b.partition(":")[2] in touched),
            (numbers[a], numbers[b]),
        )
        for a, b, kind in dict.fromkeys(ties)
        if a in place and b in place
    ]
    bottom = max((y for _, y in place.values()), default=HEAD)
    return Picture(
        max(right - LANE, WIDE) + MARGIN,
        bottom + HIGH + MARGIN,
        tuple(headings),
        tuple(boxes),
        tuple(sorted(lines, key=lambda one: one.state)),  # what falls lies on top
    )


def _ties(parties: Collection[Party]) -> list[tuple[str, str, str]]:
    """From the one behind to the one before."""
    out = []
    for party in parties:
        out += [(other, party.id, "owns") for other in party.owned_by]
        out += [(other, party.id, "administers") for other in party.administered_by]
        out += [(other, party.id, "relays") for other in party.relays_via]
        out += [(other, party.id, "hosts") for other in party.runs_on]
    return out


def _ordered(world: World, kinds: frozenset[PartyKind]) -> list[Party]:
    found = [one for one in world.parties.values() if one.kind in kinds]
    return sorted(found, key=lambda one: (one.kind.value, one.called.lower(), one.id))


def _places(
    columns: Sequence[tuple[str, Sequence[Party]]],
) -> tuple[dict[str, tuple[int, int]], list[Heading], int]:
    place: dict[str, tuple[int, int]] = {}
    headings, x = [], MARGIN
    for title, some in columns:
        if not some:
            continue
        headings.append(Heading(title, x))
        for number, one in enumerate(some):
            beside, row = divmod(number, DEEP)
            y = HEAD + MARGIN + row * (HIGH + GAP)
            place[one.id] = (x + beside * (WIDE + LANE // 2), y)
        x += WIDE + LANE + (len(some) - 1) // DEEP * (WIDE + LANE // 2)
    return place, headings, x


def _state(party: str, chosen: Collection[str], falls: Collection[str]) -> str:
    return "chosen" if party in chosen else "falls" if party in falls else ""


def _said(party: Party, names: Mapping[str, str], streams: Sequence[str]) -> str:
    """A party's kind and ties."""
    parts = [f"{words} {', '.join(names[one] for one in some)}" for words, some in ties_of(party)]
    if streams:
        parts.append(f"carries {', '.join(streams)}")
    return "; ".join([party.kind.value, *parts])


def ties_of(party: Party) -> list[tuple[str, tuple[str, ...]]]:
    """A party's ties in words, and to whom."""
    every = (
        ("owned by", party.owned_by),
        ("administered by", party.administered_by),
        ("relays via", party.relays_via),
        ("runs on", party.runs_on),
    )
    return [(words, some) for words, some in every if some]


def _box(
    party: str, name: str, where: tuple[int, int], state: str, said: str, *, link: bool = True
) -> Box:
    label = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    kind, _, ties = said.partition("; ")
    title = f"{name} ({kind}): {ties}" if ties else f"{name} ({kind})"
    return Box(party, label, title, *where, state, link)


def _line(
    a: tuple[int, int], b: tuple[int, int], kind: str, falls: bool, ends: tuple[int, int]
) -> Line:
    """A curve from the right of the one to the left of the other, or around where it goes back."""
    x1, y1, x2, y2 = a[0] + WIDE, a[1] + HIGH // 2, b[0], b[1] + HIGH // 2
    if x2 < x1:
        x2 = b[0] + WIDE
        far = max(x1, x2) + LANE // 3
        path = f"M{x1} {y1} C{far} {y1} {far} {y2} {x2} {y2}"
    else:
        middle = (x1 + x2) // 2
        path = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"
    return Line(path, kind, "falls" if falls else "", ends)


def reached(words: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Of capabilities, the parties that fall or carry mail, and the streams that are touched."""
    parts: Mapping[str, set[str]] = {"party": set(), "stream": set()}
    for word in words:
        verb, _, about = word.partition(":")
        if verb in {"party", "carries"}:
            parts["party"].add(about)
        elif verb in {"read", "drop", "stop", "open"}:
            parts["stream"].add(about.partition("@")[0])
    return frozenset(parts["party"]), frozenset(parts["stream"])
