"""The whole house's export leaves out what is sealed, and hashes of secrets."""

import json

from sqlalchemy import insert

from mailkeep.accounts.tables import confirmations
from mailkeep.base.keys import KeyRing
from mailkeep.mail.tables import message_bodies, messages
from mailkeep.privacy import whole
from mailkeep.recovery.tables import decoys
from mailkeep.store.database import Database


async def test_what_is_sealed_or_a_hash_of_a_secret_stays(
    database: Database, keys: KeyRing
) -> None:
    async with database.write() as tx:
        at = {"expires_at": tx.now, "tries": 0}
        one = insert(confirmations).values(id="cfm_1", handle="kept-here", code="also", **at)
        await tx.run(one)
        link = insert(decoys).values(lookup="kept-here", provider="a", planted_at=tx.now)
        await tx.run(link)
        row = {"stream": "bulk", "priority": 0, "address_id": "address_1", "status": "queued"}
        row |= {"secret": False, "only": "", "avoid": "", "tries": 0, "created_at": tx.now}
        row |= {"expires_at": tx.now, "next_at": tx.now}
        await tx.run(insert(messages), [row | {"id": one} for one in ("msg_1", "msg_2")])
        bodies = [
            {"message_id": "msg_1", "data": b"ordinary", "hour": None},
            {"message_id": "msg_2", "data": b"sealed", "hour": 7},
        ]
        await tx.run(insert(message_bodies), bodies)
    files = whole.files(keys, secrets=False)
    names = ("confirmations", "recovery_decoys", "message_bodies")
    found = {one: [row async for row in files[f"tables/{one}.jsonl"](database)] for one in names}
    assert "kept-here" not in json.dumps(found)
    assert [row["message_id"] for row in found["message_bodies"]] == ["msg_1"]
    assert len(found["confirmations"]) == len(found["recovery_decoys"]) == 1
