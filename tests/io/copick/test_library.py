"""copick is loaded without its logging."""

import subprocess
import sys

CODE = """
import logging, sys
from pathlib import Path
import numpy as np
before = (logging.StreamHandler(sys.stderr), logging.ERROR)
logging.getLogger().addHandler(before[0])
logging.getLogger().setLevel(before[1])
from cryogauge.io.copick import create_project, open_project, write_segmentation, write_tomogram
from cryogauge.records import CZII_OBJECTS
project = open_project(create_project(Path(sys.argv[1]), CZII_OBJECTS))
write_tomogram(project, "TS_1", np.zeros((4, 4, 4)), 10.0, "wbp")
write_segmentation(project, "TS_1", np.zeros((4, 4, 4), int), 10.0, name="a", user="b", session="c")
assert "copick" in sys.modules
assert (logging.getLogger().handlers, logging.getLogger().level) == ([before[0]], before[1])
logging.getLogger("somebody").info("news")
"""


def test_nobodys_news_are_printed(tmp_path):
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path / "p"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
