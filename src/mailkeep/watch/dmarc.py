"""Parses DMARC aggregate reports (pure): RFC 7489 section 7.2 and appendix C, RFC 9990.

Both formats are read by one rule: known elements count where they stand and once, whatever their
namespace; unknown ones are ignored. So a report of version 2 loses only fields that nobody here
asks for (``np``, ``testing``, ``discovery_method``). Text beside elements is ignored; any other
defect has the whole report refused, since half a report would say something else.

Security: reads hostile input. A document type, and so any entity of its own, ends the reading at
once; depth, elements, rows and lengths are bounded; nothing is fetched. Errors repeat nothing of
the report.
"""

import ipaddress
import re
from collections import Counter
from xml.parsers import expat

import idna
import msgspec

from .report_types import Source, Unreadable

MAX_DEPTH = 12
MAX_ELEMENTS = 2_000_000
MAX_ROWS = 50_000
MAX_SIGNATURES = 100  #: of one row
MAX_TEXT = 2000  #: characters of one value
MAX_COUNT = 10**9
MAX_SOURCES = 64  #: that are told apart; the largest
MAX_PERIOD = 31 * 86_400  #: seconds

_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})
_META = "feedback/report_metadata/"
_RECORD = "feedback/record"
_ROW = _RECORD + "/row/"
_POLICY = _ROW + "policy_evaluated/"
_SIGNED = _RECORD + "/auth_results/dkim"
_REASON = _POLICY + "reason/type"
#: Values of the report, and of one record, by where they stand.
_REPORT = frozenset(
    {
        *(_META + one for one in ("org_name", "email", "report_id")),
        *(_META + "date_range/" + one for one in ("begin", "end")),
        "feedback/policy_published/domain",
    }
)
_OF_RECORD = frozenset(
    {
        *(_ROW + one for one in ("source_ip", "count")),
        *(_POLICY + one for one in ("disposition", "dkim", "spf")),
    }
)
_OF_SIGNATURE = frozenset(_SIGNED + "/" + one for one in ("domain", "selector", "result"))
_EXCUSES = frozenset({"forwarded", "trusted_forwarder", "mailing_list"})
_DISPOSITIONS = frozenset({"none", "quarantine", "reject", "pass"})  # pass: RFC 9990
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63}){1,126}")


class Report(msgspec.Struct, frozen=True):
    """One report.

    Attributes:
        reporter: the domain of the address that it names for questions.
        domain: ours, whose policy it is about.
        begin: seconds since 1970, as are ``end``.
        mails: of all rows.
        failed: of those, without a valid signature or return path of ours, and not excused.
        sources: the largest, aggregated by network, result and selector.
    """

    reporter: str
    report: str
    domain: str
    begin: int
    end: int
    mails: int
    failed: int
    sources: tuple[Source, ...]


def read(text: bytes) -> Report:
    """Read an unpacked report. Raises ``Unreadable``."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.XmlDeclHandler = reader.declared
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.EntityDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable("bad-xml", "the report is not well-formed XML") from error
    return reader.report()


def network(address: str) -> str:
    """The /24 or /48 of an address. Raises ``ValueError``."""
    one = ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None:
        one = one.ipv4_mapped
    bits = 24 if one.version == 4 else 48
    return str(ipaddress.ip_network(f"{one}/{bits}", strict=False))


def host(name: str) -> str:
    """A domain in the form in which it is compared; "" for none."""
    name = name.strip().rstrip(".").lower()
    if not name.isascii() and len(name) <= 253:
        try:
            name = idna.encode(name, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return ""
    return name if len(name) <= 253 and _HOST.fullmatch(name) else ""


def below(name: str, domain: str) -> bool:
    """Whether a name is a domain or one below it."""
    return name == domain or name.endswith("." + domain)


class _Reader:
    """Collects known values by where they stand."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._elements = 0
        self._text: list[str] | None = None
        self._length = 0
        self._meta: dict[str, str] = {}
        self._record: dict[str, str] = {}
        self._signature: dict[str, str] = {}
        self._signatures: list[dict[str, str]] = []
        self._excused = False
        self._rows = 0
        self._seen = False
        self._mails: Counter[tuple[str, bool, bool, str, str, bool]] = Counter()

    def declared(self, _version: str, encoding: str | None, _alone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise Unreadable("bad-xml", "the report is in an encoding that is not read")

    def doctype(self, *_of: object) -> None:
        raise Unreadable("doctype", "a report with a document type or entities is not read")

    def start(self, name: str, _attributes: object) -> None:
        self._elements += 1
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise Unreadable("too-deep", "the report is nested too deeply or has too many parts")
        path = "/".join(self._path)
        if len(self._path) == 1 and path != "feedback":
            raise Unreadable("no-report", "this is no DMARC aggregate report")
        if path == _RECORD:
            self._rows += 1
            if self._rows > MAX_ROWS:
                raise Unreadable("too-large", "the report has too many rows")
            self._record, self._signatures, self._excused = {}, [], False
        elif path == _SIGNED:
            self._signature = {}
        known = path in _REPORT or path in _OF_RECORD or path in _OF_SIGNATURE or path == _REASON
        self._text, self._length = ([] if known else None), 0

    def data(self, text: str) -> None:
        if self._text is None:
            return
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise Unreadable("too-large", "a value in the report is too long")
        self._text.append(text)

    def end(self, _name: str) -> None:
        path = "/".join(self._path)
        self._path.pop()
        if self._text is not None:
            value = "".join(self._text).strip()
            self._text = None
            if path == _REASON:
                self._excused = self._excused or value.lower() in _EXCUSES
            elif path in _REPORT:
                _once(self._meta, path, value)
            elif path in _OF_RECORD:
                _once(self._record, path, value)
            else:
                _once(self._signature, path, value)
        elif path == _SIGNED:
            if len(self._signatures) >= MAX_SIGNATURES:
                raise Unreadable("too-large", "a row of the report names too many signatures")
            self._signatures.append(self._signature)
        elif path == _RECORD:
            self._row()

    def _row(self) -> None:
        one = self._record
        try:
            where = network(one.get(_ROW + "source_ip", ""))
        except ValueError as error:
            raise Unreadable("bad-row", "a row of the report names no address") from error
        count = _number(one.get(_ROW + "count", ""), "a row of the report has no count")
        results = [one.get(_POLICY + name, "").lower() for name in ("dkim", "spf")]
        disposition = one.get(_POLICY + "disposition", "").lower()
        if any(result not in {"pass", "fail"} for result in results) or (
            disposition not in _DISPOSITIONS
        ):
            raise Unreadable("bad-row", "a row of the report has no result")
        dkim, spf = (result == "pass" for result in results)
        selector = self._selector() if dkim else ""
        self._mails[where, dkim, spf, selector, disposition, self._excused] += count

    def _selector(self) -> str:
        """Of the first valid signature of our domain, or of one below it or above it."""
        domain = host(self._meta.get("feedback/policy_published/domain", ""))
        for one in self._signatures:
            signer = host(one.get(_SIGNED + "/domain", ""))
            selector = one.get(_SIGNED + "/selector", "").lower()
            if (
                one.get(_SIGNED + "/result", "").lower() == "pass"
                and signer
                and (below(signer, domain) or below(domain, signer))
                and _SELECTOR.fullmatch(selector)
            ):
                return selector
        return ""

    def report(self) -> Report:
        meta = self._meta
        domain = host(meta.get("feedback/policy_published/domain", ""))
        reporter = host(meta.get(_META + "email", "").strip("<>").rpartition("@")[2])
        report = meta.get(_META + "report_id", "")
        if not domain:
            raise Unreadable("no-domain", "the report names no domain")
        if not reporter or not report:
            raise Unreadable("no-reporter", "the report does not say whose it is")
        begin, end = (
            _number(meta.get(f"{_META}date_range/{one}", ""), "the report names no period")
            for one in ("begin", "end")
        )
        if not 0 < begin <= end <= begin + MAX_PERIOD:
            raise Unreadable("bad-period", "the period of the report cannot be")
        if not self._rows:
            raise Unreadable("empty", "the report has no row")
        failed = sum(
            count
            for (_, dkim, spf, _, _, excused), count in self._mails.items()
            if not (dkim or spf or excused)
        )
        largest = sorted(self._mails.items(), key=lambda one: (-one[1], one[0]))[:MAX_SOURCES]
        return Report(
            reporter,
            report,
            domain,
            begin,
            end,
            self._mails.total(),
            failed,
            tuple(Source(key[0], count, *key[1:]) for key, count in largest),
        )


def _once(values: dict[str, str], path: str, value: str) -> None:
    if path in values:
        raise Unreadable("twice", "a value stands twice in the report")
    values[path] = value


def _number(text: str, wrong: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Unreadable("bad-number", wrong)
    number = int(text)
    if number > 10 * MAX_COUNT:
        raise Unreadable("bad-number", wrong)
    return number
