"""``mailkeep signing``: list and replace the keys by which others verify our tokens."""

from mailkeep.base.clock import SystemClock, iso, readable
from mailkeep.base.errors import BadSettings
from mailkeep.base.signing import SigningKeys
from mailkeep.events import audit
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, settings, write
from .output import Json, group, result, table

app = group("Keys that sign security events and ID tokens.")


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the keys in the key set, and what each does."""
    settings(home)
    found = SigningKeys(home).states(SystemClock().now())
    rows = [(one.id, one.state, f"made {readable(one.made_at)}") for one in found]
    documents = [{"id": one.id, "state": one.state, "made_at": iso(one.made_at)} for one in found]
    result(documents, table(rows, "There is none yet; `mailkeep up` makes it."), as_json=as_json)


@app.command()
def replace(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Sign with a new key from now on and destroy the others: for one that was stolen."""
    keys = SigningKeys(home)
    settings(home)
    if not keys.states(SystemClock().now()):
        raise BadSettings("there is no key to replace; `mailkeep up` makes the first")

    async def work(_database: Database, tx: Tx) -> None:
        await audit.write(tx, operator(), "replace_signing_keys", {})

    # On record first: a key that was replaced in silence is what a thief would want.
    write(home, work)
    made = keys.replace(SystemClock().now())
    text = f"{made} signs from now on; verifiers must fetch the key set again."
    result({"id": made}, text, as_json=as_json)
