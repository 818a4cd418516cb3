"""Errors shared by all rooms. Each has a stable ``slug``, which RFC 9457 problem documents
carry."""


class MailkeepError(Exception):
    """Something the caller can act on. ``str(error)`` is safe to show: it never holds a secret."""

    slug = "error"
    status = 500

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field  #: path of the offending input field, as ``messages[3].to``


class Invalid(MailkeepError):
    """The input cannot be accepted as it is; nothing was stored."""

    slug = "invalid"
    status = 422


class NotAllowed(MailkeepError):
    """The caller is known, and may not do this."""

    slug = "not-allowed"
    status = 403


class NotSignedIn(MailkeepError):
    """The caller did not prove who they are."""

    slug = "not-signed-in"
    status = 401


class NotFound(MailkeepError):
    """There is no such thing, or none that the caller may see."""

    slug = "not-found"
    status = 404


class Conflict(MailkeepError):
    """The state has moved on: used, voided, expired, or decided differently meanwhile."""

    slug = "conflict"
    status = 409


class TooMany(MailkeepError):
    """A limit was reached; ``retry_after`` is in seconds."""

    slug = "too-many"
    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(MailkeepError):
    """We cannot do this now (disk full, database away); nothing was acknowledged.

    Attributes:
        retry_after: seconds after which it is worth another try.
    """

    slug = "unavailable"
    status = 503
    retry_after: float = 5.0


class BadSettings(MailkeepError):
    """The configuration is wrong; the message says where and names the nearest right word."""

    slug = "bad-settings"
