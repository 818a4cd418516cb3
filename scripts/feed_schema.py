"""Write the JSON Schemas of what others are told from their types, anew: ``docs/schemas``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailkeep.feed import delivery, lines

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"


def pages() -> dict[Path, str]:
    """The files: of a feed's lines, and of what a webhook of delivery events is sent."""
    return {
        SCHEMAS / "feed-1.json": _page(lines.schema()),
        SCHEMAS / "events-1.json": _page(delivery.schema()),
    }


def _page(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for where, text in pages().items():
        where.write_text(text)
