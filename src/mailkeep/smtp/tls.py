"""The listeners' TLS certificate, reloaded when its files change."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from mailkeep.base.errors import BadSettings

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0  #: how often the files are looked at, at most


class Certificate:
    """A certificate chain and its key.

    Args:
        chain: PEM file.
        key: PEM file.
        clock: monotonic seconds.

    Raises:
        BadSettings: they cannot be read, or do not belong together.
    """

    def __init__(self, chain: Path, key: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._chain, self._key, self._clock = chain, key, clock
        self._looked = clock()
        try:
            self._state = self._look()
            self._context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"certificate {chain} or its key cannot be used") from error

    def context(self) -> ssl.SSLContext:
        """For the next connection. While new files cannot be used, the old ones go on."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._refresh()
        return self._context

    def _refresh(self) -> None:
        try:
            state = self._look()
            if state == self._state:
                return
            # Both files are seldom replaced in one instant: what fails now is tried again.
            self._context = self._load()
            self._state = state
            log.info("smtp.certificate_renewed")
        except (OSError, ssl.SSLError) as error:
            log.error("smtp.certificate_unusable", error=type(error).__name__)

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in (self._chain, self._key)]
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8997
        # A wrong password instead of a prompt: nobody is there to answer one.
        context.load_cert_chain(self._chain, self._key, password=lambda: b"")
        return context
