"""What is written beside a score: tables that say the same, and pages that hold them."""

import json
import re

import pandas as pd

from cryogauge.pick.challenge import (
    Rules,
    choose_beta,
    count_particles,
    evaluate,
    read_split,
    split_tomograms,
    write_beta,
    write_evaluation,
    write_split_pages,
)


def test_an_evaluation_is_written_whole(challenge, tmp_path):
    truth, picks = challenge
    found = evaluate(truth, picks)
    write_evaluation(tmp_path, found, {"truth": "<b>.csv", "seed": 0})
    told = json.loads((tmp_path / "score.json").read_text())
    assert told["score"] == found.result.score
    assert told["interval"][0] < told["score"] < told["interval"][1]
    assert told["objects"][3]["tp"] == int(found.result.objects["tp"].iloc[3])
    tables = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    assert set(tables) == {"objects", "tomograms", "counts", "one_to_one", "curves"}
    assert tables["counts"]["tp"].sum() == tables["objects"]["tp"].sum() == tables["tomograms"]["tp"].sum()
    areas = tables["objects"].set_index("object")["average_precision"]
    assert areas.between(0.5, 0.8).all()
    page = (tmp_path / "report.html").read_text()
    assert f"{found.result.score:.5f}" in page
    assert "&lt;b&gt;.csv" in page
    assert page.count("<svg") == 2
    assert "Worth a second look" not in page


def test_without_scores_and_with_doubts(challenge, tmp_path):
    truth, picks = challenge
    wrong = picks.assign(score=float("nan"), x_A=picks["x_A"] / 10, y_A=picks["y_A"] / 10, z_A=picks["z_A"] / 10)
    write_evaluation(tmp_path, evaluate(truth, wrong), {})
    page = (tmp_path / "report.html").read_text()
    assert "look like voxels" in page
    assert "<svg" not in page
    assert not (tmp_path / "curves.csv").exists()
    assert json.loads((tmp_path / "score.json").read_text())["objects"][0]["average_precision"] is None


def test_a_split_and_a_beta_are_written(challenge, tmp_path):
    truth, picks = challenge
    split = split_tomograms(count_particles(truth, Rules().names), train=3, draws=3)
    write_split_pages(tmp_path, split, {"seed": 0})
    assert read_split(tmp_path / "split.csv")["TS_000"] in ("train", "public", "private")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 6
    assert f"{split.tests['p_value'].min():.2f}" in page
    choice = choose_beta(truth, picks, betas=[1, 2, 3, 4], draws=2)
    write_beta(tmp_path, choice, {"seed": 0})
    assert pd.read_csv(tmp_path / "stability.csv")["beta"].tolist() == [1, 2, 3, 4]
    assert "smallest stable β" in (tmp_path / "report.html").read_text()


def test_plots_of_one_page_do_not_cut_each_other(challenge, tmp_path):
    """A clip path is found by its name in the whole page: other rectangles need other names."""
    truth, picks = challenge
    write_beta(tmp_path, choose_beta(truth, picks, betas=[1, 2, 4], draws=2), {})
    found = dict(re.findall(r'<clipPath id="([^"]+)">(<rect[^>]+>)', (tmp_path / "report.html").read_text()))
    assert len(found) == 2
