"""Write the JSON Schema of a feed's lines from their types, anew: ``docs/schemas/feed-1.json``."""

import json
from pathlib import Path

from mailkeep.feed.lines import schema

PAGE = Path(__file__).parents[1] / "docs" / "schemas" / "feed-1.json"


def page() -> str:
    """The file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
