"""The description of the API (OpenAPI 3.1), at ``/v1/openapi.json``.

The framework writes the paths and answers down; what handlers decode themselves, so that an error
can name its field, is added here from the same types that they decode into.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from .api.incidents import ActionIn, NoteIn
from .api.message_in import BatchIn, MessageIn
from .problems import MEDIA_TYPE, Problem

REFERENCE = "#/components/schemas/{name}"

#: What the handlers of a path and method decode from the body: one of these types.
BODIES: dict[tuple[str, str], tuple[type[msgspec.Struct], ...]] = {
    ("/v1/messages", "post"): (MessageIn, BatchIn),
    ("/v1/incidents/{incident}/actions/{name}", "post"): (ActionIn,),
    ("/v1/incidents/{incident}/notes", "post"): (NoteIn,),
    ("/v1/incidents/{incident}/close", "post"): (NoteIn,),
}


class Document(OpenAPIRenderPlugin):
    """Serves the description as JSON; it loads nothing from elsewhere, as viewers do."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The description in full."""
        del request
        return msgspec.json.encode(complete(openapi_schema))


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's description with bodies, problem documents and the key (pure)."""
    types = [one for bodies in BODIES.values() for one in bodies]
    _, schemas = msgspec.json.schema_components([*types, Problem], ref_template=REFERENCE)
    components = document.get("components", {})
    problem = {
        "description": "A problem document (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(name=Problem.__name__)}}},
    }
    paths: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        paths[path] = {}
        for method, operation in methods.items():
            answers = {code: one for code, one in operation["responses"].items() if code != "400"}
            paths[path][method] = operation | {"responses": answers | {"default": problem}}
            bodies = BODIES.get((path, method))
            if bodies:
                choices = [{"$ref": REFERENCE.format(name=one.__name__)} for one in bodies]
                paths[path][method]["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": {"oneOf": choices}}},
                }
    return document | {
        "paths": paths,
        "security": [{"key": []}],
        "components": components
        | {
            "schemas": components.get("schemas", {}) | schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
