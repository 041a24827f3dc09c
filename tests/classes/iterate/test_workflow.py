"""The whole selection by an engine that knows the truth: particles, resumption, changed inputs, the page."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.iterate.plan import make_plan
from cryogauge.classes.iterate.workflow import iterate, steps_of
from cryogauge.records import BadInput, Retryable
from tests.classes.iterate.worlds import TruthEngine, grade


def _plan(**given):
    return make_plan(400, 250, 100.0, **{"classes": 4} | given)


def test_what_is_true_stays_and_what_is_false_goes(tmp_path):
    engine = TruthEngine()
    done = []
    found = iterate(engine, _plan(), grade, tmp_path, done=done.append)
    kinds = np.arange(400) % 4
    ids = {each.cutoff: each.ids for each in found.batches}
    assert np.array_equal(ids[2.5], np.flatnonzero(kinds % 2 == 0))
    assert np.array_equal(ids[3.5], np.flatnonzero(kinds != 1))
    assert np.array_equal(ids[4.5], ids[3.5])
    assert done == steps_of(engine, found.plan)
    given = 400
    for each in found.rounds[:-1]:
        assert each.split is not None
        assert sum(each.split.counts.values()) == given
        table = pd.read_csv(tmp_path / each.name / "particles.csv")
        assert table["fate"].value_counts().to_dict() == {k: v for k, v in each.split.counts.items() if v}
        assert (table.loc[table["fate"] == "dropped", "particle"] % 4 == 1).all()
        given = each.split.counts["going_on"]
    assert len(found.rounds) == 4
    one, other, _ = (each.model for each in found.batches)
    assert one is not None
    assert other is not None
    assert one.read_bytes() == other.read_bytes()  # one seed for all


def test_what_is_done_is_never_done_again(tmp_path):
    first = TruthEngine(fail_at="final")
    with pytest.raises(Retryable, match="classify broke"):
        iterate(first, _plan(), grade, tmp_path)
    assert json.loads((tmp_path / "state.json").read_text())["steps"]["final"]["state"] == "failed"
    second = TruthEngine(fail_at="batch_3.5/model")
    found = iterate(second, _plan(), grade, tmp_path)
    assert not {"round_1", "round_2", "round_3"} & set(second.asked)
    assert [each.cutoff for each in found.failed] == [3.5]
    third = TruthEngine()
    found = iterate(third, _plan(), grade, tmp_path)
    assert third.asked == ["batch_3.5/model"]
    assert not found.failed
    once = iterate(TruthEngine(), _plan(), grade, tmp_path / "once")
    assert [each.ids.tolist() for each in once.batches] == [each.ids.tolist() for each in found.batches]


def test_other_cutoffs_use_what_is_done(tmp_path):
    iterate(TruthEngine(), _plan(cutoffs=(3.5,)), grade, tmp_path)
    engine = TruthEngine()
    iterate(engine, _plan(cutoffs=(2.5, 3.5)), grade, tmp_path)
    assert engine.asked == ["batch_2.5/particles", "batch_2.5/model"]


@pytest.mark.parametrize(
    ("engine", "plan", "message"),
    [
        (TruthEngine(count=399), {}, "other particles"),
        (TruthEngine(), {"seed": 1}, r"another plan: seed \(0 before\)"),
        (TruthEngine(name="other"), {}, "engine truth, not other"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path, engine, plan, message):
    iterate(TruthEngine(), _plan(rounds=1), grade, tmp_path)
    with pytest.raises(BadInput, match=message):
        iterate(engine, _plan(rounds=1, **plan), grade, tmp_path)


def test_particles_that_do_not_fit_their_boxes_begin_nothing(tmp_path):
    """A slip of the diameter would else pin the folder to it."""
    with pytest.raises(BadInput, match="particles of 1000 Å do not fit in boxes of 128 Å"):
        iterate(TruthEngine(), make_plan(400, 250, 1000.0, classes=4), grade, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_batch_without_particles_or_model_ends_nothing(tmp_path):
    found = iterate(TruthEngine(), _plan(cutoffs=(1.0, 3.5)), grade, tmp_path)
    assert "no class is graded 1" in found.batches[0].failure
    assert found.batches[1].model is not None
    found = iterate(TruthEngine(), _plan(cutoffs=(3.5,), seed=13), grade, tmp_path / "other")
    assert found.batches[0].extracted is not None
    assert "no model today" in found.batches[0].failure


def test_all_rejected_is_said(tmp_path):
    def harsh(stack):
        return pd.DataFrame({"class": stack.table["class"], "grade": 5.0})

    with pytest.raises(BadInput, match="every particle"):
        iterate(TruthEngine(), _plan(), harsh, tmp_path)


def test_a_selection_that_runs_out_of_particles_goes_on_to_the_end(tmp_path):
    def pleased(stack):
        return pd.DataFrame({"class": stack.table["class"], "grade": 1.0})

    found = iterate(TruthEngine(count=60), make_plan(60, 100, 100.0), pleased, tmp_path)
    assert len(found.batches[0].ids) == 60
    assert "fell out" in found.notes[0]


_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from cryogauge.classes.iterate.workflow import iterate
from tests.classes.iterate.test_workflow import _plan
from tests.classes.iterate.worlds import TruthEngine, grade

class Slow(TruthEngine):
    def classify(self, ids, classes, plan, folder, say):
        if folder.name == "round_2":
            print("there", flush=True)
            time.sleep(60)
        return super().classify(ids, classes, plan, folder, say)

iterate(Slow(), _plan(), grade, Path(sys.argv[1]))
"""


def test_a_killed_process_leaves_a_run_that_goes_on(tmp_path):
    root = str(Path(__file__).resolve().parents[3])
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED.format(root=root), str(out)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    with pytest.raises(BadInput, match="another run is at work"):
        iterate(TruthEngine(), _plan(), grade, out)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    begun = time.time()
    engine = TruthEngine()
    iterate(engine, _plan(), grade, out)
    assert engine.asked[:3] == ["round_2", "round_3", "final"]
    assert (out / "round_1" / "particles.csv").stat().st_mtime > begun - 60


def test_the_page_shows_every_round_in_a_browser(tmp_path, browser):
    found = iterate(TruthEngine(), _plan(), grade, tmp_path)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(found.page.as_uri())
    headings = page.locator("h2").all_text_contents()
    assert headings == [
        "Batches", "First models", "Where particles went", "Last classification", "Round 3", "Round 2", "Round 1",
        "What was used",
    ]  # fmt: skip
    assert page.locator("svg[aria-label='averages of Round 1'] image").count() == 4
    assert page.locator("svg[aria-label='slices']").count() == 3
    page.evaluate("Promise.all([...document.querySelectorAll('image')].map(each => each.decode()))")  # else throws
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0
    assert messages == []
    page.close()
