"""Whatever is logged, through whichever logger, is one line of JSON without keys or people."""

import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailkeep.app import log_masking, logs

TOKEN = st.text("ABCdef019_-", min_size=12, max_size=40).filter(lambda one: one.strip("_-"))
WORD = st.text("abcdefgh019", min_size=1, max_size=12)
ADDRESS = st.builds("{}@{}.example".format, st.text("abcXYZ09.+_-'=", min_size=4), WORD)
AROUND = st.text(max_size=12)


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """(what must not be found, a text that holds it as it would come along)."""
    token, address = draw(TOKEN), draw(ADDRESS)
    secret, written = draw(
        st.sampled_from(
            [
                (token, f"mk_{token}"),
                (token, f"Authorization: Bearer {token}"),
                (token, f"https://mail.example.com/recover#{token}"),
                (token, f"https://hc.example.com/ping?key={token}"),
                (token, f"postgresql://mailkeep:{token}@db/mailkeep"),
                (token, f"GET /recover#{token}"),
                (address, address),
                (address, f"<{address}>"),
                (address, f'550 5.1.1 "{address}": user unknown'),
                (address.partition("@")[0], address.replace("@", "%40")),
            ]
        )
    )
    # Neither as it is nor as JSON writes it: "0000" stands in what a NUL becomes.
    around = AROUND.filter(lambda one: secret not in one and secret not in json.dumps(one))
    return secret, f"{draw(around)} {written} {draw(around)}"


class _Shown:
    def __init__(self, said: str) -> None:
        self._said = said

    def __repr__(self) -> str:
        return f"_Shown({self._said})"


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError


def _through_structlog(said: str) -> None:
    structlog.get_logger("x").warning("seen", error=said, more={"deep": [said]}, of=_Shown(said))


def _as_an_event(said: str) -> None:
    structlog.get_logger("x").error(said, **{said: 1}, odd=float("nan"), broken=_Broken())


def _through_logging(said: str) -> None:
    logging.getLogger("some.library").error("could not reach %s", said)


def _with_arguments_that_do_not_fit(said: str) -> None:
    logging.getLogger("uvicorn.error").error("%d of", said)


def _with_a_trace(said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("aiohttp.server").exception("failed")


def _with_our_trace(said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError:
        structlog.get_logger("x").exception("loop.failed", loop="relay")


def _as_a_warning(said: str) -> None:
    warnings.warn(said, stacklevel=1)


WAYS = [
    _through_structlog,
    _as_an_event,
    _through_logging,
    _with_arguments_that_do_not_fit,
    _with_a_trace,
    _with_our_trace,
    _as_a_warning,
]


@pytest.fixture
def configured() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, filters = root.handlers, root.level, warnings.filters[:]
    yield
    logging.captureWarnings(False)
    root.handlers = handlers
    root.setLevel(level)
    warnings.filters[:] = filters
    structlog.reset_defaults()


@pytest.mark.check("ASVS 16.2.5")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(planted=planted())
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_line_is_json_and_holds_nothing_of_it(
    way: object, planted: tuple[str, str], configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, said = planted
    logs.configure("warning", people=False)
    warnings.simplefilter("always")
    capsys.readouterr()
    assert callable(way)
    way(said)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line["event"]
    assert {"level", "timestamp"} <= line.keys()
    assert secret not in lines[0]
    assert secret not in json.dumps(line, ensure_ascii=False)


def test_eyes_get_no_secret_either(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", people=True)
    for way in WAYS[:-1]:
        way("mk_abcdefghijkl for ada@example.net")
    said = capsys.readouterr().err
    assert "could not reach" in said
    assert "abcdefghijkl" not in said
    assert "ada@" not in said


def test_what_helps_stays(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", people=False)
    structlog.get_logger("x").info("swept", bodies=3, message="msg_01jz", share=0.5, none=None)
    line = json.loads(capsys.readouterr().err)
    del line["timestamp"]
    assert line == {
        "event": "swept",
        "level": "info",
        "bodies": 3,
        "message": "msg_01jz",
        "share": 0.5,
        "none": None,
    }


def test_a_request_that_went_well_is_not_written(
    configured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", people=False)
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("mail.log").warning("a session")
    assert capsys.readouterr().err == ""


def test_names_of_secrets_are_dropped_unread_and_long_texts_cut() -> None:
    assert log_masking.fields({"password": "x", "Subject": "y", "code": 7}) == {
        "password": "…",
        "Subject": "…",
        "code": 7,
    }
    assert len(log_masking.text("a" * 100_000)) < log_masking.LONGEST + 10
    deep: object = "x"
    for _ in range(50):
        deep = [deep]
    assert "x" not in str(log_masking.value(deep))
