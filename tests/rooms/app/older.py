"""What an older copy of a database would bring back to life."""

from mailkeep.accounts import tables as accounts
from mailkeep.recovery import tables as recovery
from mailkeep.store.database import Tx


async def account(tx: Tx) -> None:
    """An account with a session and a recovery that is under way."""
    now = tx.now
    a, s, r = accounts.accounts, accounts.sessions, recovery.recoveries
    for table, given in (
        (a, {"id": "acc_1", "account_class": "customer", "class": "customer"}),
        (s, {"id": "ses_1", "account_id": "acc_1", "hash": "h", "stage": "full"}),
        (r, {"id": "rec_1", "account_id": "acc_1", "state": "open", "asked_by": "browser_1"}),
    ):
        row: dict[str, object] = {}
        for column in table.columns:
            if column.name in given:
                row[column.name] = given[column.name]
            elif not column.nullable and column.server_default is None:
                kind = column.type.python_type
                row[column.name] = now if column.name.endswith("_at") else kind()
        await tx.run(table.insert().values(row))


async def changes(tx: Tx) -> None:
    """A thief's: an address is being added, the owner's removed, and their factor too."""
    for point, address, change, what, mark in (
        ("cpt_1", "ada@example.net", "chg_1", "removed", "removed_by"),
        ("cpt_2", "thief@example.org", "chg_2", "added", "added_by"),
    ):
        await tx.run(
            accounts.contact_points.insert().values(
                {
                    "id": point,
                    "account_id": "acc_1",
                    "address_key": point,
                    "address": address,
                    "created_at": tx.now,
                    "confirmed_at": tx.now,
                    mark: change,
                }
            )
        )
        await tx.run(
            accounts.changes.insert().values(
                id=change,
                account_id="acc_1",
                what=what,
                state="held",
                contact_point_id=point,
                factor=False,
                at=tx.now,
                until=tx.now,
                told_at=tx.now,
            )
        )
    await tx.run(
        accounts.factors.insert().values(
            id="fac_1",
            account_id="acc_1",
            kind="passkey",
            name="Phone",
            bound_at=tx.now,
            browser="b",
            network="n",
            leaves_at=tx.now,
        )
    )
