"""Logs: one line an event, without bodies, addresses or secrets.

Tracebacks are written without local variables: those hold keys and mail.
"""

import logging
import sys
from typing import Literal

import structlog


def configure(level: Literal["info", "warning"], *, people: bool) -> None:
    """Write to standard error.

    Args:
        people: for eyes; else JSON, for machines.
    """
    renderer: structlog.types.Processor
    if people:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        shaping: list[structlog.types.Processor] = []
    else:
        renderer = structlog.processors.JSONRenderer()
        shaping = [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shaping,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
