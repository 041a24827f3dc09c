"""The specimen of a phantom: numbers, places, labels, what lies at the surfaces."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import CZII_OBJECTS, BadInput
from cryogauge.simulate.phantom import PhantomSettings
from cryogauge.simulate.phantom.mixture import draw_mixture
from cryogauge.simulate.phantom.species import ANNOTATED

LABELS = {item.name: item.label for item in CZII_OBJECTS}
SETTINGS = PhantomSettings(shape=(48, 160, 160), thickness_nm=(80.0, 90.0), crowding=3.0)


@pytest.fixture(scope="module")
def mixture():
    return draw_mixture(SETTINGS, 5)


def test_picks_lie_in_the_tomogram_where_density_and_their_label_are(mixture):
    picks, size = mixture.specimen.picks, SETTINGS.voxel_size_A
    assert len(picks) > 3
    assert mixture.labels.shape == SETTINGS.shape
    density = mixture.specimen.potential_V[mixture.spare_px : mixture.spare_px + SETTINGS.shape[0]]
    for pick in picks.itertuples():
        z, y, x = (round(v / size) for v in (pick.z_A, pick.y_A, pick.x_A))
        assert 0 <= z < SETTINGS.shape[0]
        assert mixture.labels[z, y, x] == LABELS[str(pick.object)]
    between = density[mixture.labels == 0].mean()
    for label in np.unique(mixture.labels)[1:]:
        assert density[mixture.labels == label].mean() > 3 * between


def test_the_same_seed_draws_the_same_and_another_does_not(mixture):
    again = draw_mixture(SETTINGS, 5)
    np.testing.assert_array_equal(again.specimen.potential_V, mixture.specimen.potential_V)
    np.testing.assert_array_equal(again.labels, mixture.labels)
    pd.testing.assert_frame_equal(again.specimen.picks, mixture.specimen.picks)
    other = draw_mixture(SETTINGS, 6)
    assert not np.array_equal(other.labels, mixture.labels)


def test_numbers_follow_the_challenges_table_scaled_by_volume():
    settings = PhantomSettings(shape=(60, 190, 190), thickness_nm=(60.0, 60.0), crowding=1.0)
    drawn = [draw_mixture(settings, seed).specimen.picks["object"].value_counts() for seed in range(10)]
    counts = pd.DataFrame(drawn).reindex(columns=[s.name for s in ANNOTATED]).fillna(0)
    room = 600.0 * 190**2 / (1840.0 * 630**2)
    for species in ANNOTATED:
        expected = species.count * room
        # the spread of Poisson's distribution with a mean that itself varies by a third, over 10
        sd = np.sqrt((expected + (expected / 3) ** 2) / len(drawn))
        assert counts[species.name].mean() == pytest.approx(expected, abs=3.5 * sd + 0.12 * expected)
    assert counts["ribosome"].std() > 0


def test_small_proteins_gather_at_the_surfaces():
    settings = replace(SETTINGS, thickness_nm=(60.0, 60.0), shape=(70, 128, 128), crowding=1.0)
    edge, middle = [], []
    for seed in range(3):
        specimen = draw_mixture(settings, seed).specimen
        z = np.arange(len(specimen.potential_V))[:, None, None]
        depth = np.minimum(specimen.top_px - z, z - specimen.bottom_px)
        quiet = np.abs(specimen.potential_V) < 1.2  # no large particle, no membrane, no carbon
        edge.append(specimen.potential_V[quiet & (depth > 2) & (depth < 7)].mean())
        middle.append(specimen.potential_V[quiet & (depth > 15)].mean())
        assert np.abs(specimen.potential_V[(depth < -3) & (specimen.potential_V < 3)]).mean() < 0.05
    assert np.mean(edge) > 2 * np.mean(middle)


def test_particles_keep_away_from_the_surfaces(mixture):
    specimen, size = mixture.specimen, SETTINGS.voxel_size_A
    z = specimen.picks["z_A"].to_numpy() / size + mixture.spare_px
    y, x = (np.round(specimen.picks[name].to_numpy() / size).astype(int) for name in ("y_A", "x_A"))
    depth = np.minimum(specimen.top_px[y, x] - z, z - specimen.bottom_px[y, x])
    assert depth.min() * size >= 59.0


def test_crowding_of_nothing_leaves_ice():
    empty = draw_mixture(replace(SETTINGS, crowding=0.0), 1)
    assert empty.specimen.picks.empty
    assert not empty.labels.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (8, 128, 128)}, "no virus-like particle"),
        ({"shape": (64, 40, 128)}, "no virus-like particle"),
        ({"voxel_size_A": 50.0}, "outside 5–20"),
        ({"thickness_nm": (200.0, 100.0)}, "thickness_nm must be a range"),
        ({"defocus_A": (0.0, 100.0)}, "defocus_A must be a range"),
        ({"crowding": -1.0}, "outside 0–5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(BadInput, match=message):
        PhantomSettings(**change)
