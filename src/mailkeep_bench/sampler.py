"""``python -m mailkeep_bench.sampler OUT PROGRAM …``: runs a Python program and samples its work.

The kernel interrupts it after every few milliseconds of CPU time (setitimer(2), ITIMER_PROF); what
each thread used since, by its own CPU clock, is booked on the functions on its stack. Threads that
wait cost nothing, so the report is of work, not of waiting. What C code does counts in the Python
function that called it. The program is not changed, and need not know. SIGUSR1 begins anew: what
came before, such as the start, is forgotten.
"""

import argparse
import runpy
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

EVERY = 0.002  #: CPU seconds
SHOWN = 40  #: lines of each table

Stack = tuple[str, ...]  # outermost first


class Sampler:
    """Books CPU seconds on stacks, from `start` to `stop`."""

    def __init__(self) -> None:
        self.booked: dict[Stack, float] = {}
        self._clocks: dict[int, float] = {}

    def start(self) -> None:
        """Begin; to be called in the main thread, which signals interrupt."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.siginterrupt(signal.SIGPROF, False)  # system calls go on as if nothing were
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self) -> None:
        """Book no more."""
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)

    def _sample(self, _number: int, interrupted: FrameType | None) -> None:
        frames = sys._current_frames()
        for thread in threading.enumerate():
            ident = thread.ident
            if ident is None or ident not in frames:
                continue
            try:
                now = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:
                continue  # it has just ended
            used = now - self._clocks.get(ident, 0.0)
            self._clocks[ident] = now
            if used > 0:
                own = thread is threading.main_thread()
                names = stack(interrupted if own else frames[ident])
                self.booked[names] = self.booked.get(names, 0.0) + used


def stack(frame: FrameType | None) -> Stack:
    """The functions of a stack, outermost first."""
    names = []
    while frame is not None:
        names.append(_name(frame.f_code))
        frame = frame.f_back
    return tuple(reversed(names))


@cache
def _name(code: CodeType) -> str:
    path = "/".join(Path(code.co_filename).parts[-3:])
    return f"{path}:{code.co_qualname}"


def tables(booked: Iterable[tuple[Stack, float]]) -> str:
    """Where the time went: functions by their own time, and with all that they called (pure)."""
    own: dict[str, float] = defaultdict(float)
    whole: dict[str, float] = defaultdict(float)
    total = 0.0
    for names, seconds in booked:
        total += seconds
        own[names[-1]] += seconds
        for name in set(names):
            whole[name] += seconds
    lines = [f"{total:.2f} CPU seconds in Python threads"]
    for title, counted in (("own time", own), ("with what they called", whole)):
        lines += ["", title]
        for name, seconds in sorted(counted.items(), key=lambda one: -one[1])[:SHOWN]:
            lines.append(f"{seconds:8.2f} s {seconds / total:6.1%}  {name}")
    return "\n".join(lines) + "\n"


def folded(booked: Iterable[tuple[Stack, float]]) -> str:
    """Stacks with milliseconds, a line each, as flame graph tools read them (pure)."""
    return "".join(
        f"{';'.join(names)} {round(seconds * 1e3)}\n" for names, seconds in sorted(booked)
    )


def main() -> None:
    """Run the program; on its end, however it comes, write the tables and the stacks."""
    parser = argparse.ArgumentParser(prog="python -m mailkeep_bench.sampler")
    parser.add_argument("out", type=Path)
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    sys.argv = [args.program, *args.arguments]
    # A server that was stopped by a signal raises it again, and would end without its report.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sampler = Sampler()
    signal.signal(signal.SIGUSR1, lambda *_: sampler.booked.clear())
    sampler.start()
    try:
        runpy.run_path(args.program, run_name="__main__")
    finally:
        sampler.stop()
        booked = list(sampler.booked.items())
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(tables(booked))
        args.out.with_suffix(".folded").write_text(folded(booked))


if __name__ == "__main__":
    main()
