"""Threads apart: their work is done before its caller goes."""

import asyncio
import threading

import pytest

from mailkeep.base.workers import Workers


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    workers = Workers("test", 1)
    assert await workers.run(max, 3, 7) == 7
    with pytest.raises(ZeroDivisionError):
        await workers.run(divmod, 1, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_lock_around_it_is_held_until_the_thread_is_free(fails: bool) -> None:
    """Who hangs up while their mail is read had the lock given back, and the thread not."""
    workers, lock = Workers("test", 1), asyncio.Lock()
    began, go_on = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert go_on.wait(20)
        if fails:
            raise ValueError("unheard")

    async def caller() -> None:
        async with lock:
            await workers.run(work)

    task = asyncio.create_task(caller())
    assert await asyncio.to_thread(began.wait, 20)
    for _ in range(3):  # however often
        task.cancel()
        await asyncio.sleep(0.02)
        assert lock.locked()
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lock.locked()


async def test_the_loops_own_threads_are_free_meanwhile() -> None:
    workers, go_on = Workers("test", 2), threading.Event()
    tasks = [asyncio.create_task(workers.run(go_on.wait, 20)) for _ in range(100)]
    await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 10) == "free"
    assert not any(one.done() for one in tasks)
    go_on.set()
    assert all(await asyncio.gather(*tasks))
