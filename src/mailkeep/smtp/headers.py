"""The policy by which headers of submitted messages are parsed (pure)."""

from email.policy import EmailPolicy


class _Utf8Policy(EmailPolicy):
    """The standard library's policy, for headers that are written in UTF-8 (RFC 6532).

    Its parser takes octets beyond ASCII for damage, and has a replacement character where a name
    stood. Octets that are no UTF-8 raise ``UnicodeDecodeError``: nobody can say what they mean.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        value = value.lstrip(" \t\r\n")  # folded before its first word; newer versions do it
        if value.isascii():
            return name, value
        return name, value.encode("ascii", "surrogateescape").decode("utf-8")


POLICY = _Utf8Policy()
