"""What all tests share."""

import gc
import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

sys.path.insert(0, str(Path(__file__).parent / "shared"))

_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3
YOUNG = 30_000  #: objects made before the newest are searched for garbage; Python's is 700


def pytest_configure() -> None:
    """Temporary files live in memory where there is room: databases are made by the thousand, and
    none of them has to outlive the machine."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes, most of them waiting, begins first, so that the others fill them and
    nobody waits for it at the end: the whole drill, and the stock sites."""
    long = ("scenarios", "test_django.py")
    items.sort(key=lambda item: not any(one in item.path.parts for one in long))


def pytest_collection_finish() -> None:
    """Thousands of tests and all modules stand by now, and stay: to search them for garbage again
    and again was a fifth of the time of all that runs in this process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
