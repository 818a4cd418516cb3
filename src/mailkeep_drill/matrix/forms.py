"""The forms of a page, as a client without scripts sees them (pure)."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_TEXT = frozenset({"text", "search", "tel", "url", "number"})


@dataclass(slots=True)
class Form:
    """One form.

    Attributes:
        inputs: name, type and value of each input that has a name, in order.
    """

    action: str
    method: str
    inputs: list[tuple[str, str, str]] = field(default_factory=list)

    def filled(self, current: str, new: str, *, mail: str = "", text: str = "") -> dict[str, str]:
        """What to send: values as they stand; what is empty is filled by its name and type.

        Args:
            current: a password for fields that ask for the one that is set.
            new: one for the fields that take a new one.
            mail: for fields of type ``email``.
            text: for other fields of text.
        """
        sent = {}
        for name, kind, value in self.inputs:
            if kind == "button" and name in sent:
                continue  # one is pressed: the first
            old = any(word in name.lower() for word in ("current", "old"))
            sent[name] = value or {
                "password": current if old else new,
                "email": mail or text,
                **dict.fromkeys(_TEXT, text),
            }.get(kind, "")
        return sent


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = True
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif tag in {"input", "button", "select"} and self._open and given.get("name"):
            kind = given.get("type", "text") if tag == "input" else tag
            self.forms[-1].inputs.append((given["name"], kind, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def forms(text: str) -> list[Form]:
    """The forms of a page of HTML."""
    reader = _Reader()
    reader.feed(text)
    return reader.forms
