import numpy as np
import pytest

from cryogauge.records import BadInput, Volume
from cryogauge.score.dose.plan import WHOLE, Subset, halvings
from cryogauge.score.dose.split import Exposures, Reconstruction, split_tomograms
from cryogauge.score.dose.study import FRC_COLUMNS, PAIR_COLUMNS, TOMOGRAM_COLUMNS, study_series
from cryogauge.score.quality import load_quality, shipped_weights


@pytest.fixture(scope="module")
def quality():
    return load_quality("compact", shipped_weights("compact"), threads=1)


@pytest.fixture(scope="module")
def study(exposures, quality):
    subsets = [WHOLE, *halvings(2)]
    return study_series("platelet", split_tomograms(exposures, subsets, Reconstruction(None, 106.08)), quality)


def test_every_tomogram_has_its_score_and_dose(study):
    table = study.tomograms
    assert tuple(table.columns) == TOMOGRAM_COLUMNS
    assert table["subset"].tolist() == ["whole", *(f"halves_{p}" for p in ("e", "o", "ee", "eo", "oe", "oo"))]
    assert table["percent"][0] == 100.0
    np.testing.assert_allclose(table["dose_e_A2"], [300, 150, 150, 75, 75, 75, 75])
    np.testing.assert_allclose(table["percent"], 100 * table["tomoscore"] / table["tomoscore"][0])
    assert len(study.slices) == 7 * 40


def test_halves_are_compared_pair_by_pair(study):
    assert tuple(study.pairs.columns) == PAIR_COLUMNS
    assert study.pairs["parent"].tolist() == ["", "e", "o"]
    slices = study.slices.set_index(["subset", "z"])["score"]
    difference = (slices["halves_ee"] - slices["halves_eo"]).abs()
    row = study.pairs.iloc[1]
    assert row["slice_difference_max"] == pytest.approx(difference.max())
    assert row["slice_difference_median"] == pytest.approx(difference.median())
    scores = study.tomograms.set_index("subset")["tomoscore"]
    assert row["tomoscore_difference"] == pytest.approx(abs(scores["halves_ee"] - scores["halves_eo"]))


def test_rings_are_measured_in_the_middle_and_above_the_specimen(study):
    frc = study.frc
    assert tuple(frc.columns) == FRC_COLUMNS
    assert set(frc["parent"]) == {"", "e"}
    places = frc.groupby("place")["z"].first()
    assert abs(places["central"] - 20) < 6
    assert places["top"] > places["central"] + 8
    assert frc["frequency_1_A"].max() == pytest.approx(0.5 / 26.52, rel=0.02)
    low = frc[(frc["frequency_1_A"] > 1 / 400) & (frc["frequency_1_A"] < 1 / 100) & (frc["parent"] == "")]
    assert low[low["place"] == "central"]["frc"].mean() > 0.3
    scores = frc.groupby("place")["score_even"].first()
    assert scores["central"] > 0.3 > scores["top"]


def test_the_whole_dose_comes_first_and_shows_something(exposures, quality):
    with pytest.raises(BadInput, match="must come first"):
        study_series("s", split_tomograms(exposures, [Subset("halves", "e")], Reconstruction(None, 106.08)), quality)
    noise = np.random.default_rng(0).standard_normal((16, 64, 64)).astype(np.float32)
    with pytest.raises(BadInput, match="TomoScore of 0"):
        study_series("ice", [(WHOLE, 100.0, Volume(noise, 13.0))], quality)


def test_more_dose_scores_higher(quality):
    from tests.score.dose.conftest import simulated

    poor: Exposures = simulated(seed=5, dose=24.0)
    parts = split_tomograms(poor, [WHOLE, *halvings(3)], Reconstruction(None, 106.08, register=False))
    table = study_series("poor", parts, quality).tomograms
    mean = table.groupby("level", sort=False)["tomoscore"].mean()
    assert mean.loc[1.0] >= table["tomoscore"].iloc[3:7].mean() > table["tomoscore"].iloc[7:].mean()
