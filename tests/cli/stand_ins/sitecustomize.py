"""Stands in for the rooms in every Python process of a test, workers included: what the command line does with them
is tested here without networks. Python imports a module of this name when it starts.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import stand_in_score
import stand_in_simulate

# Modules of the room that are not stood in for are found: they use the stand-in's names.
stand_in_score.__path__ = [str(Path(find_spec("cryogauge").origin).parent / "score")]
sys.modules["cryogauge.score"] = stand_in_score
sys.modules["cryogauge.simulate"] = stand_in_simulate
