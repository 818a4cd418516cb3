"""Logs: one line an event, without bodies, addresses or secrets.

Tracebacks are written without local variables: those hold keys and mail.
"""

import logging
import os
import sys
import warnings
from typing import Literal

import structlog


def configure(level: Literal["info", "warning"], *, people: bool) -> None:
    """Write to standard error.

    Args:
        people: for eyes; else JSON, for machines.
    """
    # The SMTP library warns at every connection that loopback has no TLS; the doors see to that.
    warnings.filterwarnings("ignore", module="aiosmtpd")
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
    warnings.filterwarnings("ignore", message="Session.login_data is deprecated")
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    renderer: structlog.types.Processor
    if people:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            exception_formatter=structlog.dev.plain_traceback,
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
