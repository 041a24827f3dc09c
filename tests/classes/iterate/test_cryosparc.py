"""cryoSPARC as the engine, through its own client, against a server that speaks its interface."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("cryosparc", reason="cryosparc-tools is not installed")

from cryogauge.classes.iterate.cryosparc import connect
from cryogauge.classes.iterate.plan import make_plan
from cryogauge.classes.iterate.workflow import iterate
from cryogauge.records import BadInput, Retryable
from tests.classes.iterate.stand_in_cryosparc import EMAIL, PASSWORD, serving

UIDS = np.random.default_rng(3).integers(0, 2**64, 300, dtype=np.uint64)


@pytest.fixture
def cryosparc(monkeypatch):
    monkeypatch.setenv("CRYOSPARC_EMAIL", EMAIL)
    monkeypatch.setenv("CRYOSPARC_PASSWORD", PASSWORD)
    with serving(UIDS) as server:
        yield server


def _grade(stack):
    """Class 0 is good, 1 is bad, the others are neither."""
    number = stack.table["class"]
    return pd.DataFrame({"class": number, "grade": number.map({0: 2.0, 1: 4.8}).fillna(3.0)})


def _plan(**given):
    return make_plan(len(UIDS), 180, 90.0, **{"rounds": 2, "classes": 3, "cutoffs": (2.5, 3.5), "seed": 7} | given)


def test_a_selection_runs_in_cryosparc_with_the_papers_parameters(cryosparc, tmp_path):
    engine = connect("P3/W1/J1:particles", url=cryosparc.url, micrographs="J1:micrographs", poll_s=0.01)
    said = []
    found = iterate(engine, _plan(), _grade, tmp_path, say=said.append)
    first = found.rounds[0].split
    assert first is not None
    assert np.array_equal(first.dropped, np.sort(UIDS[UIDS % 3 == 1]))
    assert len(first.set_aside) == round(0.7 * (UIDS % 3 == 0).sum())
    batch = {each.cutoff: set(each.ids.tolist()) for each in found.batches}
    assert batch[2.5] == set(UIDS[UIDS % 3 == 0].tolist())
    assert batch[3.5] == set(UIDS[UIDS % 3 != 1].tolist())
    classified = next(job for job in cryosparc.jobs.values() if job["type"] == "class_2D_new")
    expected = {
        "class2D_K": 3, "class2D_window_inner_A": 108.0, "class2D_max_res": 3, "class2D_sigma_init_factor": 3,
        "class2D_force_max": False, "class2D_num_full_iter_batch": 40,
        "class2D_num_full_iter_batchsize_per_class": 400, "random_seed": 7,
    }  # fmt: skip
    assert classified["params"] == expected
    assert any("class2D_remove_duplicate_particles" in line for line in said)  # this server does not know it
    models = [job for job in cryosparc.jobs.values() if job["type"] == "homo_abinit"]
    assert [job["params"] for job in models] == [
        {
            "abinit_K": 1, "random_seed": 7, "abinit_max_res": 3, "abinit_init_res": 35, "abinit_minisize_init": 300,
            "abinit_minisize": 1000,
        }
    ] * 2  # fmt: skip
    assert all(each.model is not None and each.model.is_file() for each in found.batches)
    extracted = [job for job in cryosparc.jobs.values() if job["type"] == "extract_micrographs_multi"]
    assert [job["params"] for job in extracted] == [{"box_size_pix": 180}] * 2
    assert found.rounds[0].classified.stack.program == "cryosparc"
    assert found.rounds[0].classified.stack.pixel_size_A == 3.0


def test_a_failed_job_is_told_and_only_it_is_made_again(cryosparc, tmp_path):
    engine = connect("P3/W1/J1:particles", url=cryosparc.url, poll_s=0.01)
    cryosparc.fail = {"homo_abinit"}
    found = iterate(engine, _plan(cutoffs=(3.5,)), _grade, tmp_path)
    assert "CUDA out of memory" in found.batches[0].failure
    kinds = [job["type"] for job in cryosparc.jobs.values()]
    cryosparc.fail = set()
    found = iterate(engine, _plan(cutoffs=(3.5,)), _grade, tmp_path)
    assert not found.failed
    assert [job["type"] for job in cryosparc.jobs.values()] == [*kinds, "homo_abinit"]


def test_a_server_that_goes_away_is_awaited_again_by_the_next_run(cryosparc, tmp_path):
    engine = connect("P3/W1/J1:particles", url=cryosparc.url, poll_s=0.01)
    engine.particles()
    cryosparc.looks = 10**9

    def lose(text):
        if "class_2D_new" in text and "P3/" in text:
            cryosparc.down = True

    with pytest.raises(Retryable, match="does not answer"):
        iterate(engine, _plan(), _grade, tmp_path, say=lose)
    cryosparc.down, cryosparc.looks = False, 1
    jobs = len(cryosparc.jobs)
    iterate(engine, _plan(rounds=2), _grade, tmp_path)
    kinds = [job["type"] for job in cryosparc.jobs.values()]
    assert kinds[:jobs].count("class_2D_new") == 1
    assert kinds.count("class_2D_new") == 3


def test_who_cannot_log_in_is_told(cryosparc, monkeypatch):
    monkeypatch.setenv("CRYOSPARC_PASSWORD", "wrong")
    with pytest.raises(BadInput, match="refuses the login"):
        connect("P3/W1/J1:particles", url=cryosparc.url)
    monkeypatch.delenv("CRYOSPARC_PASSWORD")
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(BadInput, match="no login"):
        connect("P3/W1/J1:particles", url=cryosparc.url)


def test_no_server_no_output_no_address(cryosparc):
    with pytest.raises(Retryable, match="does not answer"):
        connect("P3/W1/J1:particles", url="http://127.0.0.1:9")
    with pytest.raises(BadInput, match="has no P3/J1:nothing"):
        connect("P3/W1/J1:nothing", url=cryosparc.url).particles()
    with pytest.raises(BadInput, match="names no output"):
        connect("J1", url=cryosparc.url)
    with pytest.raises(BadInput, match="address"):
        connect("P3/W1/J1:particles", url=None)
