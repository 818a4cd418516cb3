"""Settings: a mistyped word is an error that names the nearest right one."""

import pytest

from mailkeep.app.settings import parse, provider_configs
from mailkeep.base.errors import BadSettings

PROVIDER = {"name": "a", "kind": "postmark", "party": "p", "secret": "env:A"}
STREAM = {"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}
PARTY = {"id": "p", "name": "P"}
GOOD = {"provider": [PROVIDER], "stream": [STREAM], "party": [PARTY]}


def test_good_settings_take_secrets_from_the_environment() -> None:
    configs = provider_configs(parse(GOOD), {"A": "token"})
    assert configs["a"].secret.reveal() == "token"
    assert "token" not in repr(configs)
    assert configs["a"].webhook_url == "http://localhost:8025/hooks/a"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (GOOD | {"publc_url": "x"}, "did you mean public_url?"),
        (GOOD | {"provider": [PROVIDER | {"kind": "postmrk"}]}, "did you mean postmark?"),
        (GOOD | {"provider": [PROVIDER | {"party": "q"}]}, "provider a: party"),
        (GOOD | {"provider": [PROVIDER, PROVIDER]}, "two tables of [[provider]]"),
        (GOOD | {"stream": [STREAM | {"routes": [{"provider": "aa"}]}]}, "did you mean a?"),
        (GOOD | {"stream": [STREAM | {"concurrency": 0}]}, "above 0"),
    ],
)
def test_what_is_wrong_is_said(raw: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(raw)
    assert words in str(caught.value)


@pytest.mark.parametrize("secret", ["token-in-the-file", "env:MISSING", "file:/nowhere"])
def test_a_secret_in_the_file_or_missing_is_refused_unshown(secret: str) -> None:
    settings = parse(GOOD | {"provider": [PROVIDER | {"secret": secret}]})
    with pytest.raises(BadSettings) as caught:
        provider_configs(settings, {})
    assert "token-in-the-file" not in str(caught.value)
