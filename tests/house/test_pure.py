"""A module that calls itself pure does no I/O, asks no clock and draws no lots."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "mailkeep"
IMPURE = {
    *("aiohttp", "aiosmtplib", "aiosmtpd", "aiosqlite", "asyncio", "httpx", "os", "random"),
    *("socket", "sqlalchemy", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time"),
    *("urllib.request",),
}
CALLS = {"open", "print", "input"}


def _called_pure(path: Path) -> bool:
    """Whether the first paragraph of its docstring says so: ``(pure)``, ``(pure over …)``."""
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    return re.search(r"\(pure\b", first) is not None


PURE = sorted(path for path in SOURCE.rglob("*.py") if _called_pure(path))


def _impure(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = {one.name for one in node.names}
            if (node.module, names) != ("random", {"Random"}):  # the type of what is passed in
                found.add(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found |= {node.func.id} & CALLS
    return {one for one in found if one in IMPURE | CALLS or one.partition(".")[0] in IMPURE}


@pytest.mark.parametrize("path", PURE, ids=lambda one: str(one.relative_to(SOURCE)))
def test_a_module_that_calls_itself_pure_is(path: Path) -> None:
    assert _impure(ast.parse(path.read_text())) == set()


def test_the_rule_sees_what_it_forbids() -> None:
    wrong = (
        "import os.path\nfrom time import monotonic\nfrom sqlalchemy.sql import select\nopen('x')"
    )
    assert _impure(ast.parse(wrong)) == {"os.path", "time", "sqlalchemy.sql", "open"}
    assert _impure(ast.parse("import datetime\nfrom .time import x\nself.open()")) == set()
    assert len(PURE) > 80
