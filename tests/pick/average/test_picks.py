import numpy as np
import pandas as pd
import pytest

from cryogauge.io import open_volume, read_picks
from cryogauge.io.copick.transforms import matrices_of
from cryogauge.pick.average import AverageOrder, average_picks, compare_picks, verdict, write_average
from cryogauge.pick.average.rotations import angle_between_deg
from cryogauge.records import BadInput, Volume
from cryogauge.report import Failure
from tests.pick.average import worlds

ORDER = AverageOrder("ribosome", worlds.RADIUS_A, tilt_range_deg=60.0, from_angles=True)
PLACE, ANGLES = ["x_A", "y_A", "z_A"], ["rot", "tilt", "psi"]


@pytest.fixture(scope="module")
def project():
    """Two tomograms, and picks a voxel and some degrees off."""
    made = [worlds.tomogram(seed) for seed in (1, 2)]
    truth = pd.concat([table for _, table in made], ignore_index=True)
    volumes = {f"T{seed}": Volume(data, worlds.VOXEL_A) for seed, (data, _) in zip((1, 2), made, strict=True)}
    rng = np.random.default_rng(0)
    picks = truth.copy()
    picks[PLACE] += rng.normal(0, 0.7 * worlds.VOXEL_A, (len(picks), 3))
    picks[ANGLES] += rng.normal(0, 5.0, (len(picks), 3))
    return volumes, truth, picks


@pytest.fixture(scope="module")
def averaged(project):
    volumes, _, picks = project
    return average_picks(volumes, picks, ORDER)


def test_places_and_angles_come_out_nearer_to_the_truth(project, averaged):
    _, truth, picks = project
    found = averaged.picks
    assert list(found["tomogram"]) == list(truth["tomogram"])
    away, before = (
        np.linalg.norm(table[PLACE].to_numpy() - truth[PLACE].to_numpy(), axis=1) for table in (found, picks)
    )
    assert np.median(away) < 0.6 * np.median(before)
    off, off_before = (
        angle_between_deg(matrices_of(table[ANGLES].to_numpy()), matrices_of(truth[ANGLES].to_numpy()))
        for table in (found, picks)
    )
    assert np.median(off) < 0.8 * np.median(off_before)
    assert np.allclose(found["pick_score"], 1.0)
    assert found["score"].between(0.1, 1.0).all()
    assert averaged.count == len(truth)
    assert averaged.resolution_A < 75.0


def test_better_picks_average_better(project):
    volumes, _, picks = project
    wrong = picks.copy()
    wrong.loc[::2, PLACE] += 130.0
    compared = compare_picks(volumes, wrong, picks, ORDER)
    assert compared.gain > 0.03
    assert compared.gain == pytest.approx(
        compared.second.halves.correlation.area - compared.first.halves.correlation.area
    )


def test_the_best_scored_are_taken_and_repeats_once(project):
    volumes, _, picks = project
    scored = pd.concat([picks, picks.iloc[:5]], ignore_index=True)
    scored["score"] = np.arange(len(scored))
    found = average_picks(volumes, scored, AverageOrder("ribosome", 150.0, 25, 60.0, True, most=10))
    assert sorted(found.picks["pick_score"]) == list(range(len(picks) - 10, len(picks)))


def test_few_particles_have_no_resolution_and_are_told(project):
    volumes, _, picks = project
    found = average_picks(volumes, picks.iloc[:4], ORDER)
    assert np.isnan(found.resolution_A)
    assert "too few" in verdict(found)


@pytest.mark.parametrize(
    ("change", "order", "message"),
    [
        ({"object": "vault"}, ORDER, "hold no ribosome"),
        ({"tomogram": "other"}, ORDER, "none of these tomograms"),
        ({"rot": np.nan}, ORDER, "not all picks of ribosome have angles"),
        ({"x_A": np.nan}, ORDER, "no number"),
        ({"x_A": -500.0}, ORDER, "0 of 36 picks"),
        ({}, AverageOrder("ribosome", 150.0, box_px=51), "larger than"),
        ({}, AverageOrder("ribosome", 150.0, box_px=11), "too small"),
    ],
)
def test_what_cannot_be_averaged_is_refused(project, change, order, message):
    volumes, _, picks = project
    with pytest.raises(BadInput, match=message):
        average_picks(volumes, picks.assign(**change), order)


def test_tomograms_of_two_voxel_sizes_are_refused(project):
    volumes, _, picks = project
    with pytest.raises(BadInput, match="voxels of 20 to 21"):
        average_picks(volumes | {"T2": Volume(volumes["T2"].data, 21.0)}, picks, ORDER)


def test_what_is_written_can_be_read_and_looked_at(tmp_path, averaged, browser):
    page = write_average(tmp_path, averaged, [Failure("T3", "is <damaged>")], {"object": "ribosome"})
    for name in ("average", "half1", "half2"):
        volume = open_volume(tmp_path / f"{name}.mrc")
        assert volume.voxel_size_A == pytest.approx(worlds.VOXEL_A)
        assert len(set(volume.shape)) == 1
    assert np.allclose(read_picks(tmp_path / "particles.csv")["score"], averaged.picks["score"])
    curve = pd.read_csv(tmp_path / "fsc.csv")
    assert np.allclose(curve["corrected"], averaged.halves.correlation.corrected)
    view = browser.new_page()
    complaints = []
    view.on("console", lambda message: complaints.append(message.text))
    view.goto(page.as_uri())
    assert view.locator("h1").inner_text() == "Average of ribosome"
    assert view.locator("figure image").count() == 5
    assert "average to something" in view.locator("section", has_text="Slices through").inner_text()
    assert "is <damaged>" in view.locator("body").inner_text()
    assert not complaints
    view.close()
