"""``cryogauge classes orientations``, ``duplicates``, ``composition``, ``compare``, called as the command line does."""

import json

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.classes.grade import Graded, averages_checksum, write_grades
from cryogauge.cli.classes_views import compare, composition, duplicates, orientations
from cryogauge.io import MrcWriter, write_mrc
from cryogauge.io.classes import open_classes
from cryogauge.records import BadInput
from cryogauge.records.classes import GRADE_COLUMNS, REASONS
from tests.classes.views.worlds import PIXEL_A, any_views, averages, map_of, structure

COMMANDS = {"orientations": orientations, "duplicates": duplicates, "composition": composition, "compare": compare}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six averages as a stack and as a graded job, and the map that they are of."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(2)
    images = averages(structure(1), any_views(6, rng), rng).astype(np.float32)
    with MrcWriter(folder / "classes.mrcs", images.shape, PIXEL_A, stack=True) as writer:
        writer.append(images)
    write_mrc(folder / "map.mrc", map_of(structure(1)).data, 3.0)
    stack = open_classes(folder / "classes.mrcs")
    grades = pd.DataFrame({name: np.full(6, 0.5) for name in GRADE_COLUMNS}).assign(
        **{"class": stack.table["class"], "grade": [1.0, 2, 3, 2, 4, 5], "flags": [()] * 6},
        **{f"p_{reason}": 0.0 for reason in REASONS},
    )
    used = {
        "source": str(folder / "classes.mrcs"), "averages_checksum": averages_checksum(stack), "pixel_size_A": PIXEL_A
    }  # fmt: skip
    (folder / "graded").mkdir()
    write_grades(folder / "graded", Graded(stack, grades, used))
    return folder


def call(*words: object):
    app = typer.Typer()
    for name, command in COMMANDS.items():
        app.command(name)(command)
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_orientations_of_graded_classes_up_to_a_grade(folder):
    out = folder / "oriented"
    done = call(
        "orientations", folder / "graded", "--cutoff", 3.5, "--map", folder / "map.mrc", "--step", 15, "--out", out,
        "--json",
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert set(said) == {"scf", "preferred", "sentences", "files"}
    assert pd.read_csv(out / "orientations.csv")["class"].tolist() == [1, 2, 3, 4]
    page = (out / "orientations.html").read_text()
    assert "sampling compensation factor" in page
    assert page.count("<image") == 2 * 4
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    kept = json.loads((out / "orientations.json").read_text())
    assert kept["settings"]["cutoff"] == 3.5
    assert kept["sentences"] == said["sentences"]


def test_duplicates_and_composition_write_a_table_and_a_page_each(folder):
    stack, out = folder / "classes.mrcs", folder / "said"
    done = call("duplicates", stack, "--out", out)
    assert done.exit_code == 0, done.output
    assert str(out / "duplicates.csv") in done.stdout
    done = call("composition", stack, "--out", out)
    assert done.exit_code == 0, done.output
    assert "one species" in done.stderr
    assert len(pd.read_csv(out / "composition.csv")) == 6
    assert len(pd.read_csv(out / "species.csv")) == 1
    for name in ("duplicates", "composition"):
        assert json.loads((out / f"{name}.json").read_text())["settings"]["classes"] == 6
        assert "<svg" in (out / f"{name}.html").read_text() or name == "duplicates"


def test_compare_names_the_reference(folder):
    out = folder / "compared"
    done = call("compare", folder / "classes.mrcs", "--reference", folder / "map.mrc", "--out", out, "--json")
    assert json.loads(done.stdout)["classes"] == {"map.mrc": 6}
    assert pd.read_csv(out / "comparison.csv")["matches"].all()
    assert list(pd.read_csv(out / "correlations.csv").columns) == ["class", "map.mrc", "z of map.mrc"]


def test_wrong_calls_are_told(folder):
    with pytest.raises(BadInput, match="is graded already"):
        call("duplicates", folder / "graded", "--pixel-size", 2, "--out", folder / "x")
    with pytest.raises(BadInput, match="Å wide, but the averages show something of"):
        call(
            "orientations", folder / "classes.mrcs", "--map", folder / "map.mrc", "--map-pixel-size", 12, "--out",
            folder / "x",
        )  # fmt: skip
    with pytest.raises(BadInput, match="no class is of grade"):
        call("composition", folder / "graded", "--cutoff", 0.5, "--out", folder / "x")
