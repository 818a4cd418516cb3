"""The OpenAPI 3.1 description of the API, at ``/v1/openapi.json``.

The framework describes the paths; bodies that handlers read themselves, so that an error can name
its field, and their answers are added here from ``operations``, with every status code that an
operation may return.
"""

from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from .operation import ALWAYS, PROBLEMS, Operation, Types
from .operations import EXTENDED, OPERATIONS
from .problems import MEDIA_TYPE, Problem

REFERENCE = "#/components/schemas/{name}"


class Document(OpenAPIRenderPlugin):
    """Serves the description as JSON; it loads nothing from elsewhere, as viewers do."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The description in full."""
        del request
        return msgspec.json.encode(complete(openapi_schema))


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's description with what is read and answered, and the key (pure)."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        paths[path] = {}
        for method, written in methods.items():
            operation = OPERATIONS[path, method]
            done = written | {"responses": _answers(path, method, operation)}
            parameters = [one for one in written.get("parameters", []) if one["in"] == "path"]
            done["parameters"] = [*parameters, *operation.headers, *_query(operation.query)]
            if operation.application:
                done["security"] = [{"application": []}]
            if operation.body:
                done["requestBody"] = {"required": True, "content": _content(operation.body)}
            elif operation.octets:
                content = {"schema": {"type": "string", "format": "binary"}}
                done["requestBody"] = {
                    "required": True,
                    "content": {"application/octet-stream": content},
                }
            paths[path][method] = done
    return document | {
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "application": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    types: set[type[msgspec.Struct]] = {Problem}
    for one in OPERATIONS.values():
        types.update(one.body, *one.answers.values())
    for more in EXTENDED.values():
        types.update(more)
    in_order = sorted(types, key=lambda one: one.__name__)
    return msgspec.json.schema_components(in_order, ref_template=REFERENCE)[1]


def _answers(path: str, method: str, operation: Operation) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for code, types in operation.answers.items():
        out[str(code)] = {"description": "Done."} | ({"content": _content(types)} if types else {})
        if operation.gives:
            schema = {"type": "string", "format": "binary"}
            out[str(code)]["content"] = {operation.gives: {"schema": schema}}
    for code in sorted({*ALWAYS, *operation.problems}):
        types = EXTENDED.get((path, method, code), (Problem,))
        out[str(code)] = {"description": PROBLEMS[code], "content": _content(types, MEDIA_TYPE)}
    return out


def _content(types: Types, media_type: str = "application/json") -> dict[str, Any]:
    choices = [{"$ref": REFERENCE.format(name=one.__name__)} for one in types]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {media_type: {"schema": schema}}


def _query(kind: type[msgspec.Struct] | None) -> list[dict[str, Any]]:
    """The fields of a type as words of a query."""
    if kind is None:
        return []
    (_, made) = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    fields: dict[str, Any] = made[kind.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _not_null(schema, made)}
        for name, schema in fields.items()
    ]


def _not_null(schema: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """What a word may be when it is there: a query cannot say null."""
    found = {name: one for name, one in schema.items() if name != "default" or one is not None}
    choices = [one for one in found.pop("anyOf", []) if one != {"type": "null"}]
    for one in choices:
        found |= made[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
    return found
