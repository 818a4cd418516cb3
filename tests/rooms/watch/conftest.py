"""Makes what the unit tests make reports and signatures with importable here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "watch"))
sys.path.insert(0, str(Path(__file__).parent))
