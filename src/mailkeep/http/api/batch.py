"""Splits the body of a send request into its messages: one, or up to 1,000 (pure)."""

import msgspec

from mailkeep.base.errors import Invalid

from . import strict_json
from .message_in import MOST, BatchIn, MessageIn


class Asked(msgspec.Struct, frozen=True):
    """The messages of a request in order, or what is wrong with each.

    Attributes:
        single: it was one message, and no batch.
    """

    single: bool
    all_or_none: bool
    items: list[MessageIn | Invalid]

    def field(self, index: int) -> str:
        """The path of a message in the body, as the names of its fields begin."""
        return "" if self.single else f"messages[{index}]."


class _Head(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw()


#: A list of so many and no more: the decoder stops at the first that is too many.
_Items = msgspec.defstruct(
    "_Items",
    [(f"m{index}", msgspec.Raw, msgspec.Raw()) for index in range(MOST)],
    array_like=True,
    forbid_unknown_fields=True,
)


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    messages: _Items  # type: ignore[valid-type]
    all_or_none: bool = False


assert _Batch.__struct_fields__ == BatchIn.__struct_fields__


def read(body: bytes) -> Asked:
    """Read a request.

    Raises:
        Invalid: it is neither, or the one message is not as it must be; naming the field.
    """
    if not _is_batch(body):
        return Asked(True, True, [strict_json.decode(body, MessageIn)])
    batch, items = _split(body)
    return Asked(False, batch.all_or_none, [_one(raw, index) for index, raw in enumerate(items)])


def _is_batch(body: bytes) -> bool:
    try:
        return bool(memoryview(msgspec.json.decode(body, type=_Head).messages))
    except msgspec.ValidationError:
        return False  # as a message it is refused by name
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise strict_json.broken(body) from error


def _split(body: bytes) -> tuple[_Batch, list[msgspec.Raw]]:
    if strict_json.is_crowded(body):
        raise Invalid(strict_json.CROWDED, field="messages")
    try:
        batch = msgspec.json.decode(body, type=_Batch)
    except msgspec.ValidationError as error:
        found = strict_json.refusal(str(error))
        raise Invalid(str(found), field=found.field or "messages") from error
    items = [one for one in msgspec.structs.astuple(batch.messages) if memoryview(one)]
    if not items:
        raise Invalid("there is no message in it", field="messages")
    strict_json.check_top(body, items)
    return batch, items


def _one(raw: msgspec.Raw, index: int) -> MessageIn | Invalid:
    try:
        return strict_json.decode(raw, MessageIn, f"messages[{index}].")
    except Invalid as error:
        return error
