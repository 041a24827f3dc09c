import json

import numpy as np
import pandas as pd

from cryogauge.io.copick import open_project, write_project_picks, write_segmentation, write_tomogram
from tests.io.copick.makers import DATA


def test_a_project_from_beginning_to_end(command):
    made = command("project", "create", "mine", "--object", "ribosome:1:150", "--object", "apo-ferritin:2:60")
    assert (made.returncode, made.stdout, made.stderr) == (0, "mine/copick.json\n", "")
    empty = command("project", "show", "mine/copick.json")
    assert "hint: copick looks for ExperimentRuns/RUN" in empty.stderr
    project = open_project(command.folder / "mine" / "copick.json")
    write_tomogram(project, "TS_1", DATA, 10.012, "wbp")
    table = pd.DataFrame(
        {"tomogram": "TS_1", "object": "ribosome", "x_A": [1.0, 2], "y_A": 2.0, "z_A": 3.0, "score": 1.0}
    )
    write_project_picks(project, table, user="me", session="3")
    write_segmentation(project, "TS_1", np.ones(DATA.shape, np.uint8), 10.012, name="truth", user="me", session="3")
    shown = command("project", "show", "mine/copick.json")
    assert shown.returncode == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.stdout.splitlines() if "│" in line]
    assert ["TS_1", "10.012", "wbp", "2", "truth"] in rows
    assert ["ribosome", "me", "3", "1", "2"] in rows
    assert ["apo-ferritin", "2", "60", ""] in rows
    assert shown.stderr.startswith("mine: 2 objects, 1 runs")
    held = json.loads(command("project", "show", "mine/copick.json", "--json").stdout)
    assert [run["run"] for run in held["runs"]] == ["TS_1"]


def test_the_challenges_folder(command):
    from tests.io.copick.test_kaggle import image, points

    folder = command.folder / "kaggle" / "train"
    image(folder / "static/ExperimentRuns/TS_5_4/VoxelSpacing10.000/denoised.zarr", DATA)
    picks = folder / "overlay/ExperimentRuns/TS_5_4/Picks"
    picks.mkdir(parents=True)
    (picks / "ribosome.json").write_text(points("ribosome", 4))
    done = command("project", "import-kaggle", "kaggle", "--out", "czii")
    assert (done.returncode, done.stdout) == (0, "czii/copick.json\n")
    assert done.stderr == "1 runs, 1 tomograms, 4 picks\n"
    (picks / "ribosome.json").unlink()
    failed = command("project", "import-kaggle", "kaggle", "--out", "again")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "no picks" in failed.stderr.splitlines()[0]
    assert failed.stderr.splitlines()[1].startswith("hint: download train/overlay")


def test_wrong_calls(command):
    for call, said in [
        (["create", "x"], "give --czii, or one --object or more"),
        (["create", "x", "--czii", "--object", "a:1:5"], "give --czii, or one --object or more"),
        (["create", "x", "--object", "a:b"], "write such as ribosome:1:150"),
        (["show", "nothing.json"], "give the path of a copick configuration"),
    ]:
        done = command("project", *call)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[1] == f"hint: {said}"
