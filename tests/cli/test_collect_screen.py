"""``cryogauge collect screen`` on a simulated grid, with the finders and the judge that come along."""

import json
import os
import subprocess
import sys
import time

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.cli.collect_screen import screen
from cryogauge.records import BadInput
from tests.collect.screen.quick import MODES

SESSION = """
driver: simulated
microscope:
  modes:
    atlas: {pixel_size_A: 20000, shape_px: [320, 320], dose_e_A2: 0.0004}
    square: {pixel_size_A: 2500, shape_px: [260, 260], dose_e_A2: 0.002}
    hole: {pixel_size_A: 400, shape_px: [96, 96], dose_e_A2: 0.05}
    exposure: {pixel_size_A: 1.7, shape_px: [384, 384], dose_e_A2: 50}
  options:
    seed: 2
    grids:
      4: {mesh: 400, pattern: R2/2, rotation_deg: 10, broken: 0, empty: 0, dry: 0, thick: 0}
grids: {4: "tea & <biscuits>", 5: nothing}
atlas: {radius_um: 300}
squares: {count: 1, strategy: best}
holes: {count: 2, strategy: best}
"""


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("screen")(screen)
    return app


def test_a_grid_is_screened_and_an_empty_slot_told(app, tmp_path):
    (tmp_path / "session.yaml").write_text(SESSION)
    call = [str(tmp_path / "session.yaml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["ended"] == "The session is finished: all grids are done."
    screened, empty = said["grids"]
    assert (screened["slot"], screened["exposures"], empty["slot"], empty["exposures"]) == (4, 2, 5, 0)
    assert 0 < screened["score"] <= 1
    assert empty["score"] is None
    taken = pd.read_csv(tmp_path / "out" / "exposures.csv")
    # bright holes of vitreous ice show their rings, and where focus was set they are
    assert (taken["ctf_resolution_A"] < 12).all()
    assert (taken["defocus_A"] - taken["wanted_A"]).abs().max() < 2500
    page = (tmp_path / "out" / "report.html").read_text()
    assert "grid 5 is skipped: slot 5 holds no grid." in page
    assert "tea &amp; &lt;biscuits&gt;" in page
    assert page.count("<polygon") == screened["squares_found"]
    again = CliRunner().invoke(app, call)
    assert again.exit_code == 0
    assert len(pd.read_csv(tmp_path / "out" / "exposures.csv")) == 2


STOPPED = """
import sys
from cryogauge.cli.app import main
from cryogauge.collect.screen import run
from pathlib import Path
from tests.collect.screen.quick import EYES, Bench

whole = run.screen
quick = {"eyes": EYES, "connect": Bench(Path(sys.argv[2])).connect}
run.screen = lambda settings, folder, **given: whole(settings, folder, **given | quick)
main(["collect", "screen", sys.argv[1], "--out", sys.argv[2]])
"""


def test_a_kill_leaves_the_microscope_safe(tmp_path):
    modes = {**MODES, "exposure": {**MODES["exposure"], "shape_px": [512, 512]}}
    session = {
        "driver": "simulated", "grids": {1: "tea"}, "squares": {"count": 20}, "atlas": {"radius_um": 240},
        "microscope": {"modes": modes, "options": {"grids": {1: 0.9}, "memory": str(tmp_path / "memory")}},
    }  # fmt: skip
    (tmp_path / "session.yaml").write_text(json.dumps(session))
    (tmp_path / "stopped.py").write_text(STOPPED)
    out = tmp_path / "out"
    call = [sys.executable, tmp_path / "stopped.py", tmp_path / "session.yaml", out]
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(call, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as process:
        process.stderr.readline()
        process.stderr.close()  # nobody listens any more, and it goes on
        until = time.monotonic() + 120
        while process.poll() is None and not list(out.glob("exposures/*.mrc")) and time.monotonic() < until:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) == 130
    state = json.loads((tmp_path / "memory").read_text().splitlines()[-1])["state"]
    assert (state["mode"], state["_image_shift_um"]) == ("atlas", [0.0, 0.0])
    assert "interrupted by SIGTERM" in (out / "session.log").read_text().splitlines()[-1]


def test_a_wrong_session_is_a_wrong_call(app, tmp_path):
    (tmp_path / "session.yaml").write_text(SESSION + "sqares: {}\n")
    done = CliRunner().invoke(app, [str(tmp_path / "session.yaml"), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, BadInput)
    assert "sqares" in str(done.exception)
    assert not (tmp_path / "out").exists()
