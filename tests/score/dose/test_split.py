import numpy as np
import pytest

from cryogauge.imaging.tilted import reconstruct
from cryogauge.records import BadInput, Retryable, TiltSeries
from cryogauge.score.dose import split
from cryogauge.score.dose.plan import WHOLE, Subset, halvings, parts
from cryogauge.score.dose.split import Exposures, Reconstruction, split_tomograms

HOW = Reconstruction(thickness_nm=106.08, register=False)


def made(exposures, subsets, how=HOW, **options):
    return {subset.name: (dose, volume) for subset, dose, volume in split_tomograms(exposures, subsets, how, **options)}


def test_the_whole_is_the_tomogram_of_the_summed_images(exposures):
    dose, volume = made(exposures, [WHOLE])["whole"]
    expected = reconstruct(exposures.series, thickness_nm=106.08)
    assert dose == pytest.approx(300.0)
    assert volume.voxel_size_A == expected.voxel_size_A
    np.testing.assert_allclose(volume.data, expected.data, atol=2e-5)


def test_doses_are_what_was_added_up(exposures):
    found = made(exposures, [WHOLE, *halvings(3), *parts("cumulative", [100.0], 300.0)])
    assert {round(dose, 6) for name, (dose, _) in found.items() if name.startswith("halves_eoe")} == {37.5}
    assert sum(dose for name, (dose, _) in found.items() if len(name) == len("halves_eo")) == pytest.approx(300.0)
    assert found["cumulative_100e"][0] == pytest.approx(3 / 8 * 300.0)


def test_halves_share_the_specimen_but_not_the_noise(exposures):
    found = made(exposures, [WHOLE, *halvings(1)])
    whole, even, odd = (found[name][1].data for name in ("whole", "halves_e", "halves_o"))
    middle = slice(12, 28)
    assert np.corrcoef(even[middle].ravel(), odd[middle].ravel())[0, 1] > 0.3
    # the counts of the halves add up to those of the whole; their contrast is the mean of the halves' nearly
    assert np.corrcoef((even + odd).ravel(), whole.ravel())[0, 1] > 0.9999
    noise = np.std(even - odd) / np.std((even + odd) / 2)
    assert 0.2 < noise < 4


def test_fractions_are_read_once_and_no_trace_is_left(exposures, tmp_path):
    asked = []

    class Counted:
        def __init__(self, movie):
            self._movie, self.shape = movie, movie.shape

        def __getitem__(self, k):
            asked.append(k)
            return self._movie[k]

    counted = Exposures(exposures.series, [Counted(movie) for movie in exposures.movies])
    made(counted, [WHOLE, *halvings(2), *parts("even", [150.0], 300.0)], scratch=tmp_path)
    assert len(asked) == 8 * len(exposures.movies)
    assert not list(tmp_path.iterdir())


def test_drift_within_a_movie_is_undone(exposures):
    from scipy.ndimage import shift

    path = np.linspace(-3.0, 3.0, 8)
    moved = [np.stack([shift(f, (0, d), order=1, mode="wrap") for f, d in zip(m, path, strict=True)])
             for m in exposures.movies]  # fmt: skip
    still = made(exposures, [WHOLE])["whole"][1].data
    blurred = made(Exposures(exposures.series, moved), [WHOLE])["whole"][1].data
    mended = made(Exposures(exposures.series, moved), [WHOLE], Reconstruction(thickness_nm=106.08))["whole"][1].data
    likeness = [np.corrcoef(still[10:30].ravel(), v[10:30].ravel())[0, 1] for v in (blurred, mended)]
    assert likeness[1] > likeness[0] + 0.1
    assert likeness[1] > 0.85


def test_a_gain_is_multiplied_in(exposures):
    gain = np.random.default_rng(0).uniform(0.5, 1.5, exposures.movies[0].shape[1:]).astype(np.float32)
    raw = Exposures(exposures.series, [movie / gain for movie in exposures.movies], gain)
    np.testing.assert_allclose(
        made(raw, [WHOLE])["whole"][1].data, made(exposures, [WHOLE])["whole"][1].data, atol=1e-4
    )


def test_the_gain_comes_before_anything_moves(exposures):
    """The camera's pattern stands still while the specimen drifts over it."""
    from cryogauge.score.dose.split import Exposures as Given

    gain = np.random.default_rng(0).uniform(0.5, 1.5, exposures.movies[0].shape[1:]).astype(np.float32)
    path = np.linspace(-4, 4, 8).round()
    drift = [np.stack([path, 0 * path], axis=1)] * len(exposures.movies)
    moved = [np.stack([np.roll(f, int(d), axis=0) for f, d in zip(m, path, strict=True)]) for m in exposures.movies]
    raw = Given(exposures.series, [movie / gain for movie in moved], gain, drift)
    np.testing.assert_allclose(
        made(raw, [WHOLE])["whole"][1].data, made(exposures, [WHOLE])["whole"][1].data, atol=2e-3
    )


def test_tilts_that_are_not_used_have_no_part(exposures):
    table = exposures.series.table.assign(used=np.arange(len(exposures.movies)) > 2)
    series = TiltSeries(exposures.series.images, exposures.series.pixel_size_A, table)
    dose, volume = made(Exposures(series, exposures.movies), [WHOLE])["whole"]
    assert dose == pytest.approx(300.0 * (len(table) - 3) / len(table))
    np.testing.assert_allclose(volume.data, reconstruct(series, thickness_nm=106.08).data, atol=2e-5)


def test_what_cannot_be_split(exposures, monkeypatch):
    with pytest.raises(BadInput, match="20 movies do not go with 21 tilts"):
        Exposures(exposures.series, exposures.movies[1:])
    with pytest.raises(BadInput, match=r"tilt -50° has fractions of 48 × 48"):
        Exposures(exposures.series, [exposures.movies[0][:, :48, :48], *exposures.movies[1:]])
    with pytest.raises(BadInput, match="too few"):
        made(exposures, [WHOLE, Subset("halves", "oooo")])
    monkeypatch.setattr(split.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(Retryable, match="sums of dose fractions"):
        made(exposures, [WHOLE])
