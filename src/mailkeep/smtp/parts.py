"""The MIME parts of a submitted message: its texts, and its files unchanged (pure).

What cannot be carried whole is refused, with its type as the field: a signature over parts that
would be written anew, a form of the text that no provider has a field for, a fragmented message.
"""

import re
from email import errors
from email.message import EmailMessage, MIMEPart
from typing import Any

import msgspec

from mailkeep.base.errors import Invalid
from mailkeep.providers.message import Attachment

from . import headers

_ENCODINGS = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable"})
_BROKEN = (
    errors.NoBoundaryInMultipartDefect,
    errors.StartBoundaryNotFoundDefect,
    errors.CloseBoundaryNotFoundDefect,
    errors.MultipartInvariantViolationDefect,
    errors.InvalidBase64LengthDefect,
)
_NAMES = {"message/rfc822": "forwarded.eml", "text/calendar": "invite.ics"}
_ENDINGS = {
    "text/plain": "txt",
    "text/html": "html",
    "text/csv": "csv",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "application/zip": "zip",
}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")


class _Whole(EmailMessage):
    """A message whose forwarded messages the library leaves as they are.

    It would take them apart, and write their header anew: a signature on them would break. Nor does
    it go down to the depth that a stranger chooses: it holds each line of a part against the end of
    every part around it, which took minutes for a large message, until it had no stack left.
    """

    policy: headers.Utf8Policy
    depth = 0

    def attach(self, payload: Any) -> None:
        payload.depth = self.depth + 1
        if self.policy.budget is not None:
            self.policy.budget.part(payload.depth)
        super().attach(payload)

    def get_content_maintype(self) -> str:
        main = super().get_content_maintype()
        return "whole" if main == "message" else main


def parse(raw: bytes) -> EmailMessage:
    """Take a message apart. Raises as ``headers.message``, and ``Invalid``."""
    message = headers.message(raw, _Whole)
    assert isinstance(message, _Whole)
    return message


class Parts(msgspec.Struct):
    """The parts of a message. ``done``: the body is complete, and what follows is an attachment."""

    text: str | None = None
    html: str | None = None
    files: list[Attachment] = []
    done: bool = False


def read(message: EmailMessage) -> Parts:
    """The parts of a message that `parse` made.

    Raises:
        Invalid: there is no text, or something that cannot be carried whole.
    """
    found = Parts()
    _walk(message, found, form=False)
    if found.text is None and found.html is None:
        raise Invalid("the message has no text")
    html = found.html or ""
    # Many programs give every file an id; only one that the HTML shows is a part of it.
    found.files = [
        one if f"cid:{one.content_id}" in html else msgspec.structs.replace(one, content_id="")
        for one in found.files
    ]
    return found


def _walk(part: MIMEPart, found: Parts, *, form: bool) -> None:
    kind = part.get_content_type()
    if any(isinstance(defect, _BROKEN) for defect in part.defects):
        raise Invalid("a part of the message is cut short or broken", field=kind)
    if part.get_content_maintype() != "multipart":
        _leaf(part, kind, found, form=form)
    elif kind == "multipart/alternative":
        for child in _children(part):
            _walk(child, found, form=True)
    elif kind == "multipart/related":
        root, *shown = _children(part)
        start = part.get_param("start")
        if start is not None and str(start).strip("<>") != _content_id(root):
            raise Invalid("the first of related parts must be the one to show", field=kind)
        _walk(root, found, form=form)
        for child in shown:
            if child.get("Content-Location") is not None and not _content_id(child):
                raise Invalid("a related part must have a Content-ID", field=kind)
            found.files.append(_file(child, len(found.files)))
    elif kind == "multipart/mixed":
        for child in _children(part):
            _walk(child, found, form=False)
            found.done = found.text is not None or found.html is not None
    else:
        raise Invalid("these parts could not be delivered unchanged", field=kind)


def _children(part: MIMEPart) -> list[MIMEPart]:
    children = [child for child in part.iter_parts() if isinstance(child, MIMEPart)]
    if not children:
        raise Invalid("a multipart without parts", field=part.get_content_type())
    return children


def _leaf(part: MIMEPart, kind: str, found: Parts, *, form: bool) -> None:
    apart = found.done or part.get_content_disposition() == "attachment"
    if not apart and part.get_filename() is None:
        if kind == "text/plain" and found.text is None and (form or found.html is None):
            found.text = _text(part)
            return
        if kind == "text/html" and found.html is None and (form or found.text is None):
            found.html = _text(part)
            return
    if form and not apart and kind == "text/calendar":
        one = _file(part, len(found.files))
        found.files.append(msgspec.structs.replace(one, alternative=True, content_id=""))
        return
    if form and not apart:
        raise Invalid("a text part of this type cannot be carried", field=kind)
    found.files.append(_file(part, len(found.files)))


def _file(part: MIMEPart, at: int) -> Attachment:
    kind = part.get_content_type()
    if part.get_content_maintype() == "multipart":
        raise Invalid("these parts could not be delivered unchanged", field=kind)
    name = (part.get_filename() or "").strip()
    return Attachment(
        filename=name or _NAMES.get(kind) or f"part-{at + 1}.{_ENDINGS.get(kind, 'bin')}",
        content=_octets(part),
        content_type=_type(part, kind),
        content_id=_content_id(part),
    )


def _content_id(part: MIMEPart) -> str:
    return str(part.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")


def _type(part: MIMEPart, kind: str) -> str:
    """The content type with its parameters, without those that others fields say."""
    found = [kind]
    for name, value in part.get_params([])[1:]:
        if name.lower() in {"name", "boundary"} or not value:
            continue
        found.append(f"{name}={value}" if _TOKEN.fullmatch(value) else f'{name}="{value}"')
    return "; ".join(found)


def _encoding(part: MIMEPart) -> str:
    name = str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if name not in _ENCODINGS:
        raise Invalid("a part has an unknown encoding", field=part.get_content_type())
    return name


def _octets(part: MIMEPart) -> bytes:
    _encoding(part)
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or any(isinstance(one, _BROKEN) for one in part.defects):
        raise Invalid("a part of the message cannot be read", field=part.get_content_type())
    return payload


def _text(part: MIMEPart) -> str:
    try:
        text = _octets(part).decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError) as error:
        raise Invalid("a part is not in the character set that it names") from error
    return text.replace("\r\n", "\n")
