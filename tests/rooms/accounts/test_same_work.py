"""What anyone may ask of an address takes the same work, whether an account has it or not.

The times themselves are measured by `tests/proofs/timing.py`; here what they are made of is
counted, which no busy machine disturbs.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.base.errors import NotSignedIn
from mailkeep.store.database import Tx

from .conftest import PASSWORD

Owner = Callable[..., Awaitable[str]]
KNOWN, UNKNOWN = "ada@example.net", "eve@example.net"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the database and of the slow hash, as it is asked."""
    done: list[str] = []

    def counted(owner: type, name: str) -> None:
        inner = getattr(owner, name)

        def wrapped(self: object, *args: Any, **values: Any) -> Any:
            done.append(name)
            return inner(self, *args, **values)

        monkeypatch.setattr(owner, name, wrapped)

    for name in ("_execute", "fetch", "fetch_each", "many", "defer"):
        counted(Tx, name)
    for name in ("make", "check", "judge"):
        counted(SlowHash, name)
    return done


async def sign_in(accounts: Accounts, address: str) -> None:
    with pytest.raises(NotSignedIn):
        await accounts.sign_in(address, "not-the-password-of-ada", browser="b", network="n")


async def sign_up(accounts: Accounts, address: str) -> None:
    await accounts.sign_up(address, PASSWORD, "n")


async def again(accounts: Accounts, address: str) -> None:
    made = await accounts.sign_up(address, PASSWORD, "n")
    await accounts.confirming.again(made.confirmation, address, accounts.address_key(address), "n")


@pytest.mark.check("ASVS 6.3.8")
@pytest.mark.parametrize("door", [sign_in, sign_up, again])
async def test_an_account_costs_no_statement_more(
    accounts: Accounts,
    owner: Owner,
    work: list[str],
    door: Callable[[Accounts, str], Awaitable[None]],
) -> None:
    await owner(KNOWN)
    seen = []
    for address in (KNOWN, UNKNOWN, KNOWN, UNKNOWN):
        work.clear()
        await door(accounts, address)
        seen.append(list(work))
    assert seen[0]
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
