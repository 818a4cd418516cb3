"""The API keeps to its own description, whatever is sent: schemathesis against a real process."""

import asyncio
import copy
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .conftest import Up

EXAMPLES = 15  #: requests to each operation, good ones and broken ones each
REAL = 60  #: good requests about mail that does exist
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _fuzz(
    up: Up,
    session: requests.Session,
    operation: Any,
    mode: GenerationMode,
    checks: list[Any],
    codes: set[int],
    examples: int,
) -> None:
    """Ask one operation with what it should take, or with what it should not."""

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        reply = case.call(base_url=up.url, session=session, headers=up.bearer(), timeout=20)
        codes.add(reply.status_code)
        sent = parse_qs(urlsplit(reply.request.url).query, keep_blank_values=True)
        # What was wrong about the request may not have left: a word with an empty list of values.
        left = set(case.query or {}) <= set(sent)
        case.validate_response(
            reply, checks=[one for one in checks if left or one is not negative_data_rejection]
        )

    run()


def _ask(
    up: Up,
    document: dict[str, Any],
    modes: list[GenerationMode],
    examples: int = EXAMPLES,
    below: str = "/",
) -> dict[str, set[int]]:
    """Ask every operation below a path; the status codes that were answered, by operation."""
    schema = schemathesis.openapi.from_dict(document)
    answered: dict[str, set[int]] = {}
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            operation = found.ok()
            if not operation.path.startswith(below):
                continue
            codes = answered.setdefault(operation.label, set())
            for mode in modes:
                # What the description does not allow is refused, too.
                checks = [*CHECKS, *([negative_data_rejection] if mode.is_negative else [])]
                _fuzz(up, session, operation, mode, checks, codes, examples)
    return answered


def _narrowed(document: dict[str, Any], message: str, recipient: str) -> dict[str, Any]:
    """The description of what does exist: else hardly a request gets past the first check."""
    made = copy.deepcopy(document)
    schemas, paths = made["components"]["schemas"], made["paths"]
    message_in = schemas["MessageIn"]["properties"]
    person = {"email": "ada@example.net", "name": "Ada"}
    for name, values in {
        "stream": ["alert", "bulk", "recovery"],
        "from": ["us@example.com", "us@example.com", "no address"],
        "to": ["ada@example.net", person],
        "cc": [[], ["bob@example.net"]],
        "bcc": [[], person],
        "attachments": [[], [{"filename": "a.txt", "content": "aGVsbG8="}]],
        "subject": ["Hello", "Grüße", "two\nlines"],
        "text": ["words"],
        "headers": [{}, {"X-A": "b"}],
        "metadata": [{}, {"order": "17"}],
        "tags": [[], ["a"]],
        "reply_to": [None, "us@example.com"],
        "send_at": [None, "2030-01-31T12:00:00Z"],
        "expires_at": [None, "2099-01-31T12:00:00Z"],
        "idempotency_key": [None, "a", "b"],
    }.items():
        message_in[name] = {"enum": values}
    for parameter in paths["/v1/messages"]["post"]["parameters"]:
        parameter["schema"] = {"enum": ["a", "b"]}
    schemas["SearchIn"]["properties"]["recipient"] = {"enum": ["ada@example.net"]}
    (parameter,) = paths["/v1/messages/{message_id}"]["get"]["parameters"]
    parameter["schema"] = {"enum": [message]}
    for parameter in paths["/v1/messages"]["get"]["parameters"]:
        if parameter["name"] in {"recipient", "stream"}:
            parameter["schema"] = {"enum": [recipient, "alert"]}
    return made


@pytest.mark.timeout(400)  # a busy machine is slower
async def test_the_api_keeps_to_its_description(up: Up) -> None:
    async with up.session.get(f"{up.url}/v1/openapi.json") as reply:
        document = await reply.json(content_type=None)
    answered = await asyncio.to_thread(_ask, up, document, list(GenerationMode))
    assert all(401 in codes for codes in answered.values())
    sent = await up.send(idempotency_key="x")
    life = await up.until(str(sent["id"]), "delivered")
    real = _narrowed(document, str(sent["id"]), str(life["recipient"]))
    answered = await asyncio.to_thread(
        _ask, up, real, [GenerationMode.POSITIVE], REAL, "/v1/messages"
    )
    assert {202, 422} <= answered["POST /v1/messages"]
    for operation in ("GET /v1/messages", "POST /v1/messages/search"):
        assert 200 in answered[operation]
    assert answered["GET /v1/messages/{message_id}"] == {200}
    assert up.process.returncode is None
