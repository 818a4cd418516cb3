"""``mailkeep bench`` starts the benchmark on the home's own disk, without Postfix."""

from pathlib import Path

import pytest

from mailkeep.base.errors import BadSettings
from mailkeep.cli.bench import bench, command
from mailkeep_bench.__main__ import chosen, options, parser


def test_its_arguments_are_what_the_benchmark_takes() -> None:
    asked = command(Path("/srv/mail"), ["ready", "http-accept"], quick=True, as_json=True)
    assert asked[1:3] == ["-m", "mailkeep_bench"]
    args = parser().parse_args(asked[3:])
    assert (args.place, args.json) == (Path("/srv/mail"), Path("-"))
    assert options(args).own
    assert options(args).messages < options(parser().parse_args([])).messages
    assert chosen(args) == ["http-accept", "ready"]


def test_a_home_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="--home"):
        bench(tmp_path / "nowhere")
