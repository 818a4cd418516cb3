"""The API's description is whole: every reference leads somewhere, every body is described."""

from typing import Any

from .conftest import Api

#: What they are about stands in their paths.
BODILESS = (
    *("/acknowledge", "/take", "/approve", "/refuse", "/evidence", "/split"),
    *("/vouch", "/ticket", "/stop", "/pause", "/exposed", "/exposed/list"),
)


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(one) for one in node.values()))
    return set().union(*(_references(one) for one in node)) if isinstance(node, list) else set()


async def test_the_description_is_whole(api: Api) -> None:
    reply = await api.client.get("/v1/openapi.json")
    assert reply.status_code == 200, reply.text
    document = reply.json()
    schemas = document["components"]["schemas"]
    assert _references(document)
    assert {one.rpartition("/")[2] for one in _references(document)} <= set(schemas)
    assert {"stream", "from", "to", "subject"} <= set(schemas["MessageIn"]["properties"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            codes = set(operation["responses"])
            assert {"401", "403", "500", "503"} < codes, path
            bodiless = path.endswith(BODILESS) and "/offboardings/" not in path
            reads = method in {"post", "put"} and not bodiless
            assert ({"413", "415", "422"} < codes) is reads, path
            assert min(codes) in {"200", "201", "202"}, path
            assert ("requestBody" in operation) is reads, path
            names = {one["name"] for one in operation.get("parameters", [])}
            assert not names & {"running", "house", "visit"}
