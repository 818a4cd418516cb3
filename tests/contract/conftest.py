"""Lets the suites of this directory import what they share."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("provider_recordings")
