"""Memory goes back to the system."""

import threading
from pathlib import Path

import pytest

from mailkeep.base import memory


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(memory._TRIM is None, reason="this system's allocator gives back by itself")
def test_what_another_thread_left_free_goes_back() -> None:
    kept: list[bytearray] = []

    def work() -> None:
        blocks = [bytearray(20_000) for _ in range(4000)]
        kept.extend(blocks[::100])  # holes between what is still needed

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = _resident()
    assert memory.give_back()
    assert before - _resident() > 40_000_000
    assert len(kept) == 40
