"""Settings from the environment: a mistyped name is an error, and no value is ever said."""

from pathlib import Path

import pytest

from mailkeep.app import environment, settings
from mailkeep.app.settings import Settings
from mailkeep.base.errors import BadSettings

RAW = {"public_url": "https://file.example", "recovery": {"sender": "file@example.com"}}


def _over(environ: dict[str, str], raw: dict[str, object] = RAW) -> dict[str, object]:
    return environment.overlay(raw, environ, Settings)


def test_the_environment_is_written_over_the_file_and_leaves_it_alone() -> None:
    environ = {
        "MAILKEEP_PUBLIC_URL": "https://env.example",
        "MAILKEEP_RECOVERY__BURST": "7",
        "MAILKEEP_TRUSTED_PROXIES": '["10.0.0.1"]',
        "MAILKEEP_WATCH__HALF_PROOF__EARLY": "30",
        "PATH": "/bin",
    }
    merged = _over(environ)
    assert merged == {
        "public_url": "https://env.example",
        "recovery": {"sender": "file@example.com", "burst": 7},
        "trusted_proxies": ["10.0.0.1"],
        "watch": {"half_proof": {"early": 30}},
    }
    assert RAW["public_url"] == "https://file.example"
    assert "burst" not in RAW["recovery"]


def test_a_table_given_whole_is_there_before_one_of_its_fields() -> None:
    environ = {
        "MAILKEEP_CANARY__SENDER": "two@example.com",
        "MAILKEEP_CANARY": '{"domain": "post.example", "sender": "one@example.com"}',
    }
    assert _over(environ, {}) == {
        "canary": {"domain": "post.example", "sender": "two@example.com"},
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MAILKEEP_PUBLIC_ULR", "did you mean MAILKEEP_PUBLIC_URL?"),
        ("MAILKEEP_RECOVERY_SENDER", "did you mean MAILKEEP_RECOVERY__SENDER?"),
        ("MAILKEEP_RECOVERY__SENDR", "did you mean MAILKEEP_RECOVERY__SENDER?"),
        ("MAILKEEP_HOM", "did you mean MAILKEEP_HOME?"),
        ("MAILKEEP_XYZ_QQQ", "two underscores"),
        ("MAILKEEP_public_url", "no setting MAILKEEP_public_url"),
    ],
)
def test_a_mistyped_name_names_the_nearest(name: str, words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        _over({name: "hidden-value"})
    assert words in str(caught.value)
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAILKEEP_TRUSTED_PROXIES", "10.0.0.1"),
        ("MAILKEEP_RECOVERY__BURST", "many"),
        ("MAILKEEP_PROVIDER", "[hidden"),
    ],
)
def test_what_must_be_json_and_is_not_is_said_without_its_value(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"^{name}: this must be JSON") as caught:
        _over({name: value})
    assert value not in str(caught.value).replace(name, "")


def test_names_that_are_no_settings_and_secrets_that_the_settings_name_pass() -> None:
    environ = {
        "MAILKEEP_HOME": "x",
        "MAILKEEP_KEY": "x",
        "MAILKEEP_URL": "x",
        "MAILKEEP_TOKEN": "x",
        "MAILKEEP_PORT": "tcp://10.0.0.1:8025",
        "MAILKEEP_PORT_8025_TCP_ADDR": "10.0.0.1",
        "MAILKEEP_SERVICE_PORT_HTTP": "8025",
        "MAILKEEP_PROVIDER": '[{"name": "a", "secret": "env:MAILKEEP_TOKEN"}]',
    }
    assert _over(environ, {}) == {"provider": [{"name": "a", "secret": "env:MAILKEEP_TOKEN"}]}
    del environ["MAILKEEP_PROVIDER"]
    with pytest.raises(BadSettings, match="MAILKEEP_TOKEN"):
        _over(environ, {})


def test_every_setting_has_a_name_and_the_name_leads_back() -> None:
    names = environment.names(Settings)
    assert {environment.path(one)[0] for one in names} == set(Settings.__struct_fields__)
    assert environment.path("MAILKEEP_WATCH__HALF_PROOF__EARLY") == ("watch", "half_proof", "early")


def test_a_file_is_not_needed_where_the_environment_says_something(tmp_path: Path) -> None:
    missing = tmp_path / "mailkeep.toml"
    found = settings.load(missing, {"MAILKEEP_PUBLIC_URL": "https://env.example"})
    assert found.public_url == "https://env.example"
    with pytest.raises(BadSettings, match=r"mailkeep\.toml"):
        settings.load(missing, {})


def test_the_database_may_stand_elsewhere(tmp_path: Path) -> None:
    url = "postgresql://mailkeep:pass-word@db/mailkeep"
    (tmp_path / "url").write_text(url + "\n")
    for where in ("env:DB", f"file:{tmp_path / 'url'}"):
        made = settings.parse({"database": where})
        assert made.database_url(tmp_path, {"DB": url}) == url
    with pytest.raises(BadSettings, match="the environment has no DB"):
        settings.parse({"database": "env:DB"}).database_url(tmp_path, {})
    with pytest.raises(BadSettings) as caught:
        settings.parse({"database": "env:DB"}).database_url(tmp_path, {"DB": "mysql://:pass-word"})
    assert "pass-word" not in str(caught.value)
    with pytest.raises(BadSettings, match="env:NAME"):
        settings.parse({"database": "mysql://x"})
