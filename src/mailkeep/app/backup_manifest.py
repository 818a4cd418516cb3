"""The signed manifest of a backup: which files, of which state, made when and by which version."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from mailkeep.base.errors import BadSettings
from mailkeep.base.files import write_new
from mailkeep.base.keys import KeyRing, verify

FORMAT = 1
NAME = "manifest.json"
DATABASE = "mailkeep.db"
SETTINGS = "mailkeep.toml"

_PURPOSE = b"mailkeep backup\0"
_LARGEST = 256 * 1024
_BLOCK = 1 << 20


class FileFact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the backup."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of it.

    Attributes:
        made_at: what was acknowledged later is not in it.
        schema: version of the database's schema.
        audit_number, audit_hash: the audit chain's head in it.
        public_key, signature: by the house that made it, over everything else.
    """

    format: int
    made_at: str
    mailkeep: str
    schema: str
    files: dict[str, FileFact]
    messages: int
    audit_number: int
    audit_hash: str
    public_key: str
    signature: str = ""


def write(directory: Path, manifest: Manifest, keys: KeyRing) -> Manifest:
    """Sign it and write it last: a directory without it is no backup."""
    signed = msgspec.structs.replace(manifest, signature=keys.sign(_signed(manifest)))
    text = msgspec.json.format(msgspec.json.encode(signed), indent=2) + b"\n"
    write_new(directory / NAME, text)
    return signed


def read(directory: Path) -> Manifest:
    """The manifest of a backup, when its signature is its own key's.

    Raises:
        BadSettings: there is none, it cannot be read, or was altered.
    """
    path = directory / NAME
    try:
        if path.stat().st_size > _LARGEST:
            raise msgspec.ValidationError("too large")
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise BadSettings(f"{directory} is no finished backup: it has no {NAME}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read") from error
    if found.format != FORMAT:
        raise BadSettings(f"{path} is of a format that this version does not know")
    if not verify(found.public_key, _signed(found), found.signature):
        raise BadSettings(f"{path} was altered: its signature does not fit")
    return found


def check(directory: Path, manifest: Manifest, progress: Callable[[int, int], None]) -> None:
    """Whether every file is what the manifest says. Raises ``BadSettings``."""
    if DATABASE not in manifest.files or not manifest.files.keys() <= {DATABASE, SETTINGS}:
        raise BadSettings("the manifest does not name the files of a backup")
    whole = sum(one.size for one in manifest.files.values())
    before = 0

    def told(done: int) -> None:
        progress(before + done, whole)

    for name, fact in manifest.files.items():
        path = directory / name
        if not path.is_file():
            raise BadSettings(f"{path} is missing")
        if of(path, told) != fact:
            raise BadSettings(f"{path} is not what was backed up: its hash is another")
        before += fact.size


def of(path: Path, progress: Callable[[int], None] = lambda _: None) -> FileFact:
    """Hash and size of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
            size += len(block)
            progress(size)
    return FileFact(found.hexdigest(), size)


def _signed(manifest: Manifest) -> bytes:
    unsigned = msgspec.structs.replace(manifest, signature="")
    return _PURPOSE + msgspec.json.encode(unsigned, order="sorted")
