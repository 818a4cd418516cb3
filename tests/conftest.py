"""What all tests share."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole drill takes minutes, most of them waiting: it begins first, so that the others fill
    them and nobody waits for it at the end."""
    items.sort(key=lambda item: "scenarios" not in item.path.parts)
