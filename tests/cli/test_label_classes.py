"""``cryogauge label classes`` and what is made of the grades."""

import json

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.classes.labels.store import ClassLabelStore, images_of
from cryogauge.cli.label_classes import classes_agreement, classes_export, label_classes
from cryogauge.records import BadInput
from tests.classes.averages import particle, stack_of


@pytest.fixture
def app():
    app = typer.Typer()
    app.command("classes")(label_classes)
    app.command("agreement")(classes_agreement)
    app.command("export")(classes_export)
    return app


@pytest.fixture
def labels(tmp_path):
    rng = np.random.default_rng(0)
    stack = stack_of(np.stack([particle(32, rng, radius_px=6) for _ in range(3)]))
    place = tmp_path / "labels.sqlite"
    with ClassLabelStore(place) as store:
        for number, key in enumerate(store.add_images(images_of(stack, "/d/job.mrcs")).values()):
            store.add(key, "Ada", 1.0 + number, seconds=2.0)
            store.add(key, "Ben", 2.0 + number, seconds=1.0)
    return place


def test_agreement_and_export(app, labels, tmp_path):
    done = CliRunner().invoke(app, ["agreement", str(labels), "--json"])
    told = json.loads(done.stdout)
    assert [each["labels"] for each in told["people"]] == [3, 3]
    assert told["agreement"][2] == {
        "first": "Ada", "second": "Ben", "classes": 3, "exact": 0.0, "within_one": 1.0, "kappa": pytest.approx(4 / 7)
    }  # fmt: skip
    assert "weighted kappa" in CliRunner().invoke(app, ["agreement", str(labels)]).stdout
    out = tmp_path / "labels.csv"
    assert CliRunner().invoke(app, ["export", str(labels), "--out", str(out)]).exit_code == 0
    table = pd.read_csv(out)
    assert list(table.columns[:3]) == ["file", "class", "grade"]
    assert sorted(table["grade"]) == [1.5, 2.5, 3.5]
    assert CliRunner().invoke(app, ["export", str(labels), "--out", str(out), "--every"]).exit_code == 0
    assert len(pd.read_csv(out)) == 6


def test_what_cannot_be_is_refused_before_anything_is_served(app, tmp_path):
    call = ["classes", str(tmp_path / "none.mrcs"), "--labels", str(tmp_path / "labels.sqlite"), "--no-browser"]
    with pytest.raises(BadInput, match="anybody there"):
        CliRunner().invoke(app, [*call, "--host", "0.0.0.0"], catch_exceptions=False)
    with pytest.raises(BadInput, match="does not exist"):
        CliRunner().invoke(app, call, catch_exceptions=False)
    with pytest.raises(BadInput, match="no name"):
        CliRunner().invoke(app, [*call, "--annotator", "=x"], catch_exceptions=False)
    assert not (tmp_path / "labels.sqlite").exists()
