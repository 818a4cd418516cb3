"""Keys that sign what others verify: they follow one another, and verifiers never miss one."""

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from mailkeep.base import signing
from mailkeep.base.clock import DAY, HOUR, ManualClock
from mailkeep.base.escrow import LASTING
from mailkeep.base.signing import LEAD, OVERLAP, PERIOD, SigningKeys

NOW = ManualClock().now()
_MADE = [RSAKey.generate_key(2048) for _ in range(3)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that were made beforehand, in turn: only their order matters here."""
    turn = iter(_MADE * 1000)
    monkeypatch.setattr(RSAKey, "generate_key", lambda *_: next(turn))


def verified(token: str, key_set: dict[str, Any]) -> dict[str, Any]:
    return jwt.decode(token, KeySet.import_key_set(key_set)).claims


def test_what_is_signed_can_be_verified_by_the_key_set(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path)
    token = keys.sign({"iss": "us"}, kind="secevent+jwt", now=NOW)
    assert verified(token, keys.key_set()) == {"iss": "us"}
    header = jwt.decode(token, KeySet.import_key_set(keys.key_set())).header
    assert (header["alg"], header["typ"]) == ("RS256", "secevent+jwt")


def test_the_key_set_shows_nothing_private(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path)
    keys.keep(NOW)
    (one,) = keys.key_set()["keys"]
    assert set(one) == {"kty", "n", "e", "kid", "use", "alg"}
    assert "PRIVATE" not in repr(keys) + repr(keys._read())


def test_keys_are_for_their_owner_only_and_in_no_file_of_keys(tmp_path: Path) -> None:
    SigningKeys(tmp_path).keep(NOW)
    directory = tmp_path / "keys" / "signing"
    (path,) = directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert "signing" not in LASTING


def test_two_processes_have_one_key(tmp_path: Path) -> None:
    one, other = SigningKeys(tmp_path), SigningKeys(tmp_path)
    one.keep(NOW)
    other.keep(NOW)
    assert one.key_set() == other.key_set()
    assert len(one.key_set()["keys"]) == 1


def test_two_that_make_a_key_at_once_end_up_with_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = SigningKeys(tmp_path), SigningKeys(tmp_path)
    put = signing.put

    def meanwhile(path: Path, content: bytes) -> bool:
        monkeypatch.setattr(signing, "put", put)
        other.keep(NOW)
        return put(path, content)

    monkeypatch.setattr(signing, "put", meanwhile)
    token = one.sign({"iss": "us"}, kind="JWT", now=NOW)
    assert verified(token, other.key_set()) == {"iss": "us"}
    assert len(list((tmp_path / "keys" / "signing").iterdir())) == 1


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(st.integers(1, 20 * DAY // HOUR), min_size=1, max_size=40))
def test_no_verifier_ever_meets_a_key_that_it_could_not_have(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    """Who fetches the set at most LEAD before can verify, and what was signed can be for OVERLAP,
    however seldom keys are looked after."""
    keys = SigningKeys(tmp_path_factory.mktemp("home"))
    keys.keep(NOW)
    now, fetched, set_of = NOW, NOW, keys.key_set()
    signed: list[tuple[int, str]] = []
    for step in steps:
        now += step * HOUR
        keys.keep(now)
        token = keys.sign({"at": now}, kind="JWT", now=now)
        signed.append((now, token))
        if now - fetched < LEAD:
            assert verified(token, set_of)["at"] == now
        else:
            fetched, set_of = now, keys.key_set()
        for at, old in signed:
            if now - at < OVERLAP:
                assert verified(old, keys.key_set())["at"] == at
    assert len(keys.states(now)) <= 3
    assert [one.state for one in keys.states(now)].count("signing") == 1


def test_a_key_signs_for_its_period_and_is_destroyed_at_the_end(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path)
    keys.keep(NOW)
    first = keys.states(NOW)[0].id
    now = NOW
    while now < NOW + PERIOD - LEAD - HOUR:
        assert not keys.keep(now) or now == NOW
        now += DAY
    assert keys.keep(NOW + PERIOD - LEAD)
    assert [one.state for one in keys.states(NOW + PERIOD - LEAD)] == ["signing", "coming"]
    assert [one.state for one in keys.states(NOW + PERIOD)] == ["leaving", "signing"]
    assert keys.keep(NOW + PERIOD + OVERLAP)
    assert first not in [one.id for one in keys.states(NOW + PERIOD + OVERLAP)]


def test_a_stolen_key_is_replaced_at_once_in_every_process(tmp_path: Path) -> None:
    keys, other = SigningKeys(tmp_path), SigningKeys(tmp_path)
    forged = keys.sign({"iss": "us"}, kind="JWT", now=NOW)
    other.sign({}, kind="JWT", now=NOW)
    new = keys.replace(NOW + HOUR)
    with pytest.raises((JoseError, ValueError)):
        verified(forged, keys.key_set())
    token = other.sign({"iss": "us"}, kind="JWT", now=NOW + HOUR)
    assert verified(token, keys.key_set()) == {"iss": "us"}
    assert [one.id for one in other.states(NOW + HOUR)] == [new]
