"""Decompresses reports: gzip, zip or neither (pure).

Security: reads hostile input. The output is bounded by what really comes out, whatever the archive
says of itself; an archive in an archive, one with several files or a locked one is refused.
"""

import io
import zipfile
import zlib

from .report_types import Unreadable

MAX_PACKED = 10 * 1024 * 1024
MAX_UNPACKED = 20 * 1024 * 1024
MAX_RATIO = 200  #: of what is more than ``FREE``; repetitive reports reach about a hundred
FREE = 1024 * 1024
#: Of a gzip file, and entries of a zip file's directory. Ten megabytes of empty ones are half a
#: million, each of which costs a copy of the rest, or a kilobyte of memory.
MAX_MEMBERS = 100
_CHUNK = 64 * 1024
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_ENTRY = b"PK\x01\x02"


def unpack(raw: bytes) -> bytes:
    """The octets of a report, out of whatever they came in.

    Raises:
        Unreadable: it is broken, too large, or made to burst.
    """
    if len(raw) > MAX_PACKED:
        raise Unreadable("too-large", "the report is too large")
    if raw.startswith(_GZIP):
        out = _gunzip(raw)
    elif raw.startswith(_ZIP):
        out = _unzip(raw)
    else:
        return raw
    if out.startswith((_GZIP, _ZIP)):
        raise Unreadable("nested", "an archive in an archive is not read")
    return out


def _gunzip(raw: bytes) -> bytes:
    out = bytearray()
    rest, members = raw, 0
    try:
        while rest:  # RFC 1952 section 2.2: members may follow one another
            members += 1
            if members > MAX_MEMBERS:
                raise Unreadable("bomb", "the gzip file has too many parts")
            member = zlib.decompressobj(wbits=31)
            data = rest
            while not member.eof:
                before = len(out)
                out += member.decompress(data, _CHUNK)
                data = member.unconsumed_tail
                _bound(len(out), len(raw))
                if not data and len(out) == before and not member.eof:
                    raise Unreadable("broken-gzip", "the gzip file ends too soon")
            rest = member.unused_data.lstrip(b"\0")  # padding
            if rest and not rest.startswith(_GZIP):
                raise Unreadable("broken-gzip", "something follows the gzip file")
    except zlib.error as error:
        raise Unreadable("broken-gzip", "it is no whole gzip file") from error
    return bytes(out)


def _unzip(raw: bytes) -> bytes:
    if raw.count(_ENTRY) > MAX_MEMBERS:  # before the library reads its whole directory
        raise Unreadable("many-files", "the zip file must hold one file")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) != 1:
                raise Unreadable("many-files", "the zip file must hold one file")
            (one,) = files
            if one.flag_bits & 0x1:
                raise Unreadable("locked", "the zip file asks for a password")
            if one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise Unreadable("broken-zip", "the zip file is packed in a way that is not read")
            out = bytearray()
            with archive.open(one) as stream:
                while chunk := stream.read(_CHUNK):
                    out += chunk
                    _bound(len(out), len(raw))
            return bytes(out)
    # The standard library raises all of these on malformed archives.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as error:
        raise Unreadable("broken-zip", "it is no whole zip file") from error


def _bound(size: int, packed: int) -> None:
    if size > MAX_UNPACKED or size > FREE + MAX_RATIO * packed:
        raise Unreadable("bomb", "far too much comes out of the archive")
