"""Structured logging: one line for each event, without bodies, addresses or secrets, whichever
library wrote it.

Tracebacks are written without local variables, which hold keys and mail. Records that libraries
send to ``logging`` take the same path as our own, and every line passes through ``log_masking``.
"""

import logging
import os
import sys
import warnings
from typing import Literal

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from . import log_masking


def configure(level: Literal["info", "warning"], *, people: bool) -> None:
    """Write to standard error.

    Args:
        people: for eyes; else JSON, for machines.
    """
    # The SMTP library warns at every loopback connection that it has no TLS; our listeners check
    # that.
    warnings.filterwarnings("ignore", module="aiosmtpd")
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    warnings.filterwarnings("ignore", message="Session.login_data is deprecated")
    number = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *_ending(people=people),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _take_over(number, processors)


def _ending(*, people: bool) -> list[Processor]:
    renderer: Processor = structlog.processors.JSONRenderer()
    if people:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        )
    return [structlog.processors.format_exc_info, _masked, renderer]


def _masked(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    return log_masking.fields(line)


class _Handler(logging.Handler):
    """Writes what comes through ``logging`` as a line of ours. It never raises, and never prints
    the arguments of a call that cannot be formatted, as the standard one does."""

    def __init__(self, processors: list[Processor]) -> None:
        super().__init__()
        self._processors = processors

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception:
            said = "a line that cannot be formatted"
        line: EventDict = {"event": said, "logger": record.name}
        if record.exc_info:
            line["exc_info"] = record.exc_info
        method = record.levelname.lower()
        try:
            out: object = line
            for processor in self._processors:
                out = processor(None, method, out)  # type: ignore[arg-type]
            print(out, file=sys.stderr, flush=True)
        except Exception:
            return  # standard error is gone: nobody is left to tell


def _take_over(level: int, processors: list[Processor]) -> None:
    root = logging.getLogger()
    root.handlers = [_Handler(processors)]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "aiohttp", "mail.log", "py.warnings"):
        one = logging.getLogger(name)
        one.handlers, one.propagate = [], True
    # Libraries log nothing for a request or a session that went well.
    logging.getLogger("uvicorn.access").propagate = False
    logging.getLogger("mail.log").setLevel(logging.ERROR)
