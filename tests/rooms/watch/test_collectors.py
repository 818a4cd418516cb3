"""The collector of volumes on both engines: who is asked, and what is recorded of an answer."""

import json

from mailkeep.base.secret import Secret
from mailkeep.mail import services
from mailkeep.providers.types import HttpReply, HttpRequest, ProviderConfig, Reply, TransportFailure
from mailkeep.store.database import Database
from mailkeep.watch.collectors.volume import Volume
from mailkeep.watch.events import VolumeTold


def _provider(name: str, kind: str) -> ProviderConfig:
    return ProviderConfig(name, kind, f"https://{name}.example", Secret("k"), None, None, {}, name)


PROVIDERS = {
    "one": _provider("one", "mandrill"),
    "two": _provider("two", "postmark"),
    "three": _provider("three", "smtp"),
    "four": _provider("four", "postmark"),
}


async def test_who_tells_is_asked_and_who_is_cut_off_is_not(database: Database) -> None:
    asked = []

    async def carry(request: HttpRequest) -> Reply:
        asked.append(request.url.split("/")[2])
        if "four" in request.url:
            return TransportFailure("connect")
        body = {"stats": {"all_time": {"sent": 7}}, "Sent": 9}
        return HttpReply(200, {}, json.dumps(body).encode())

    volume = Volume(database, PROVIDERS, carry)
    assert await volume.collect() == [
        VolumeTold(provider="one", window="all_time", count=7, what="sent"),
        VolumeTold(provider="two", window="all_time", count=9, what="sent"),
    ]
    assert asked == ["one.example", "two.example", "four.example"]
    async with database.write() as tx:
        await services.cut_off(database, tx, "one", by="op", reason="x", since=0)
    assert [one.provider for one in await volume.collect() if isinstance(one, VolumeTold)] == [
        "two"
    ]
    assert asked[3:] == ["two.example", "four.example"]
