"""Every route of the API with every kind of key: who may what is what the page says."""

import importlib.util
import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import func, select, update

from mailkeep.accounts import applications
from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Invalid
from mailkeep.http import server
from mailkeep.mail import api_keys, tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database

from .conftest import GOOD, HERE, SETTINGS, Api

ROOT = Path(__file__).parents[3]
SECRET = {"priority": 1, "routes": [{"provider": "one"}], "secret": True}

#: What each route that reads a body is sent: else a body is at fault, and not the key.
BODIES: dict[str, object] = {
    "POST /v1/messages": GOOD,
    "POST /v1/messages/cancel": {"idempotency_key": "x"},
    "POST /v1/messages/search": {"recipient": "ada@example.net"},
    "POST /v1/incidents/{incident}/accounts": {"outcome": "lost"},
    "POST /v1/incidents/{incident}/actions/{name}": {"step": "preview"},
    "POST /v1/incidents/{incident}/notices": {"unreached": True},
    "POST /v1/incidents/{incident}/notes": {"text": "x"},
    "POST /v1/incidents/{incident}/merge": {"into": "inc_x"},
    "POST /v1/incidents/{incident}/close": {"text": "x"},
    "POST /v1/incidents": {"subject": "one", "reason": "x"},
    "POST /v1/incidents/{incident}/window": {"reason": "x"},
    "POST /v1/incidents/{incident}/regulator": {"duty": "told", "reference": "x"},
    "POST /v1/accounts/search": {"address": "ada@example.net", "reason": "x"},
    "POST /v1/accounts/{account}/open": {"reason": "x"},
    "PUT /v1/accounts/{account}/class": {"class": "customer"},
    "POST /v1/accounts/{account}/sessions/end": {"session": None},
    "POST /v1/providers/{name}/posture/expected": {"kind": "key", "seconds": 60, "reason": "x"},
    "POST /v1/providers/{name}/posture/accepted": {"reason": "x"},
    "POST /v1/privacy/export": {"who": "ada@example.net"},
    "POST /v1/privacy/erasures/preview": {"who": "ada@example.net"},
    "POST /v1/privacy/erasures": {"who": "ada@example.net"},
    "POST /v1/privacy/holds": {"who": "ada@example.net", "reason": "x"},
    "POST /v1/reports": {},
    "POST /v1/reports/abuse": {},
    "POST /v1/observations": {
        "sent": [
            {
                "provider": "one",
                "id": "x",
                "to": "ada@example.net",
                "stream": "alert",
                "at": "2023-11-14T22:13:20Z",
            }
        ]
    },
    "POST /v1/observations/audit/{log}": {"events": []},
    "POST /v1/claims": {"address": "ada@example.net", "what": "reset"},
    "POST /v1/providers/{name}/cut": {"reason": "x"},
    "POST /v1/providers/{name}/restore": {"reason": "x"},
    "POST /v1/providers/{name}/cut/confirm": {"cut": "x", "state": "waiting"},
    "POST /v1/providers/{name}/restore/confirm": {"cut": "x", "back_by": "x"},
    "POST /v1/offboardings": {"provider": "x"},
    "POST /v1/offboardings/{provider}/items/{item}/done": {},
    "POST /v1/offboardings/{provider}/stop": {"reason": "x"},
    "POST /v1/recoveries/{recovery}/open": {"reason": "x"},
    "POST /v1/recoveries": {"address": "ada@example.net"},
    "POST /v1/resets": {"address": "ada@example.net"},
    "PUT /v1/subjects": {"subjects": []},
    "PUT /v1/suppressions": {"suppressions": [{"address": "ada@example.net", "reason": "manual"}]},
    "POST /v1/suppressions/remove": {"address": "ada@example.net"},
    "POST /v1/suppressions/search": {"address": "ada@example.net"},
    "PUT /v1/subjects/{subject}": {"addresses": ["ada@example.net"], "factor": "none"},
}

#: What these are sent is no report, and the key was looked at first.
NO_REPORT = {(415, "POST /v1/reports"), (415, "POST /v1/reports/abuse")}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("access", ROOT / "scripts" / "access.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Doors(Api):
    """Attributes:
    app: the framework's, for its routes.
    keys: by scope and whether it is an application's.
    """

    app: Litestar
    keys: dict[tuple[str, bool], str]


@pytest.fixture
async def doors(
    database: Database,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: ModuleType,
) -> AsyncIterator[Doors]:
    more_streams = [SECRET | {"name": name} for name in ("confirmation", "security")]
    streams = [*SETTINGS["stream"], *more_streams]
    more = {"recovery": {"sender": "us@example.com"}, "stream": streams}
    settings = app_settings.parse(SETTINGS | more)
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    transport = httpx.ASGITransport(app=app, client=(HERE, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://mailkeep.test") as client:
        made = Doors(running, client, "")
        made.app, made.keys = app, {}
        async with database.write() as tx:
            shop, _ = await applications.add(
                tx, running.keys, "Shop", ["https://shop.test/back"], by="test"
            )
        for scope in script.SCOPES:
            for bound in (False, True):
                name = f"{scope} {bound}"
                made.keys[scope, bound] = await made.new_key(scope, name=name)
                if bound:  # one that was made before such keys were refused
                    async with database.write() as tx:
                        k = tables.api_keys
                        this = update(k).where(k.c.name == name)
                        await tx.run(this.values(application=shop.id))
        yield made


def _routes(app: Litestar) -> set[str]:
    found = set()
    for path, methods in app.route_handler_method_map.items():
        if path.startswith("/v1/") and not path.startswith("/v1/openapi"):
            plain = re.sub(r":\w+\}", "}", path)
            found |= {f"{method} {plain}" for method in set(methods) - {"OPTIONS", "HEAD"}}
    return found


def test_the_page_is_not_stale(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page()


@pytest.mark.check("ASVS 8.2.1")
async def test_every_route_takes_the_keys_that_the_page_says_and_no_others(
    doors: Doors, script: ModuleType
) -> None:
    assert _routes(doors.app) == set(script.DOORS)
    wrong = []
    for route, door in script.DOORS.items():
        method, path = route.split(" ")
        path = re.sub(r"\{\w+\}", "x", path)
        body = BODIES.get(route)
        strangers = {"none": {}, "unknown": {"Authorization": "Bearer mk_x"}}
        for who, headers in strangers.items():
            answer = await doors.client.request(method, path, headers=headers, json=body)
            if answer.status_code != 401:
                wrong.append((route, who, answer.status_code))
        for (scope, bound), key in doors.keys.items():
            answer = await doors.ask(method, path, body, key=key)
            got = answer.status_code
            if not door.scope:
                fine = got == 401
            elif script.may(door, scope, application=bound):
                fine = got in {200, 201, 202, 404, 409} or (got, route) in NO_REPORT
            else:
                fine = got == 403
            if not fine:
                wrong.append((route, scope, bound, got, answer.text))
    assert wrong == []


async def test_an_applications_key_starts_nothing_for_accounts_of_ours(doors: Doors) -> None:
    """Not even a row: the answer is about the key, and the same for every address."""
    said = {
        (await doors.ask("POST", "/v1/recoveries", {"address": one}, key=key)).text
        for one in ("ada@example.net", "nobody@example.net", "no address")
        for key in [doors.keys["recover", True]]
    }
    assert len(said) == 1
    async with doors.running.database.read() as tx:
        count = select(func.count()).select_from(recovery_tables.recoveries)
        assert await tx.value(count) == 0


async def test_an_applications_key_is_not_made_for_other_peoples_affairs(doors: Doors) -> None:
    for scope in ("read", "operate", "privacy"):
        with pytest.raises(Invalid, match=scope):
            await doors.new_key("recover", scope, application="app_x")
    assert await doors.new_key("recover", "report", "send", application="app_x")


async def test_an_applications_key_opens_neither_console_nor_metrics(doors: Doors) -> None:
    form = {"key": doors.keys["operate", True]}
    assert (await doors.client.post("/console/sign-in", data=form)).status_code == 403
    form = {"key": doors.keys["operate", False]}
    assert (await doors.client.post("/console/sign-in", data=form)).status_code == 303
    assert (await doors.ask("GET", "/metrics", key=doors.keys["read", True])).status_code == 403
    async with doors.running.database.read() as tx:
        assert len(await api_keys.listing(tx)) == 2 * len({scope for scope, _ in doors.keys})
