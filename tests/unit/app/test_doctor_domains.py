"""Which domains the doctor looks at."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from mailkeep.app.doctor import domains
from mailkeep.app.doctor.types import Scene, State
from mailkeep.app.settings import of_development
from mailkeep.cli.development import KINDS, settings


def test_development_mode_sends_as_nobody_whose_records_could_be_mended() -> None:
    standins: Any = [SimpleNamespace(kind=one, api="http://127.0.0.1:1") for one in KINDS]
    found = of_development(settings("http://localhost:8025", standins, 8026))
    scene = Scene(Path("home"), found, development=True)
    assert domains.senders(scene) == {}
    assert [one.state for one in domains.dmarc(scene)] == [State.NOT_CHECKED]
    asked = msgspec.structs.replace(scene, domains=("example.net",))
    assert [one.name for one in domains.senders(asked)["example.net"]] == list(KINDS)
    assert set(domains.senders(msgspec.structs.replace(scene, development=False))) == {
        "example.com"
    }
