import json

import numpy as np
import pandas as pd
import pytest

from cryogauge.io import MrcWriter, open_volume, write_mrc, write_tilt_series
from cryogauge.records import BadInput
from cryogauge.score.dose.batch import (
    DoseItem,
    DoseSettings,
    dose_batch,
    load_study,
    open_exposures,
    read_split,
    split_to_folder,
    study_to_folder,
)
from cryogauge.score.dose.page import write_study
from cryogauge.score.dose.split import split_tomograms
from tests.io.tilts.makers import write_eer
from tests.score.dose.conftest import simulated

SETTINGS = DoseSettings(halvings=2, doses_e_A2=(150.0,), thickness_nm=106.08, motion="none")


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A tilt series on disk with a movie a tilt, as a microscope leaves them."""
    folder = tmp_path_factory.mktemp("series")
    exposures = simulated()
    names = []
    for k, movie in enumerate(exposures.movies):
        names.append(f"frames/{k:03d}.mrc")
        (folder / "frames").mkdir(exist_ok=True)
        with MrcWriter(folder / names[-1], movie.shape, 26.52, stack=True) as writer:
            for frame in movie:
                writer.append(frame)
    from dataclasses import replace

    write_tilt_series(folder, "TS_1", replace(exposures.series, table=exposures.series.table.assign(movie=names)))
    return folder


def test_exposures_of_files_are_those_that_were_written(series, exposures):
    opened = open_exposures(str(series / "TS_1.mrc"), SETTINGS)
    assert opened.total_e_A2 == pytest.approx(300.0)
    np.testing.assert_allclose(opened.movies[3][5], exposures.movies[3][5])
    np.testing.assert_allclose(opened.series.table["axis_deg"], 4.0, atol=1e-6)


def test_a_binned_stack_takes_its_movies_at_their_own_sampling(series, tmp_path, exposures):
    binned = exposures.series.images.reshape(21, 48, 2, 48, 2).sum(axis=(2, 4), dtype=np.float32)
    from dataclasses import replace

    table = exposures.series.table.assign(movie=[str(series / f"frames/{k:03d}.mrc") for k in range(21)])
    write_tilt_series(tmp_path, "TS_1", replace(exposures.series, images=binned, pixel_size_A=53.04, table=table))
    opened = open_exposures(str(tmp_path / "TS_1.mrc"), SETTINGS)
    assert opened.series.pixel_size_A == pytest.approx(26.52)
    assert opened.series.images.shape == (21, 96, 96)


def test_the_fractions_of_eer_movies_are_those_whose_shifts_relion_found(tmp_path):
    """70 of the camera's frames, which are 35 fractions for us and 5 for RELION."""
    lines = []
    for i, tilt in enumerate((-3, 0, 3, 6, 9)):
        write_eer(tmp_path / f"{i}.eer", np.random.default_rng(i).random((70, 16, 24)) < 0.02)
        write_mrc(tmp_path / f"{i}.mrc", np.ones((1, 16, 24), np.float32), 2.0)
        shifts = "".join(f"{k} {k - 1}.0 0.0\n" for k in range(1, 6))
        (tmp_path / f"{i}.star").write_text(
            "data_general\n\n_rlnImageSizeZ 5\n_rlnEERGrouping 12\n_rlnEERUpsampling 1\n\n\ndata_global_shift\n\n"
            f"loop_\n_rlnMicrographFrameNumber #1\n_rlnMicrographShiftX #2\n_rlnMicrographShiftY #3\n{shifts}"
        )
        lines.append(f"{i}.eer {tilt} {3 * i} {i}.mrc {i}.star 0 {tilt} 85 0 0\n")
    names = ["rlnMicrographMovieName", "rlnTomoNominalStageTiltAngle", "rlnMicrographPreExposure", "rlnMicrographName",
             "rlnMicrographMetadata", "rlnTomoXTilt", "rlnTomoYTilt", "rlnTomoZRot", "rlnTomoXShiftAngst",
             "rlnTomoYShiftAngst"]  # fmt: skip
    head = "".join(f"_{name} #{k}\n" for k, name in enumerate(names, 1))
    (tmp_path / "TS_1.star").write_text(f"data_TS_1\n\nloop_\n{head}{''.join(lines)}")
    opened = open_exposures(str(tmp_path / "TS_1.star"), DoseSettings())
    assert [movie.shape[0] for movie in opened.movies] == [5] * 5
    assert opened.drift is not None
    np.testing.assert_allclose(opened.drift[4][:, 1], [2, 1, 0, -1, -2])


def test_a_dose_given_by_hand_is_shared_among_the_tilts(series):
    opened = open_exposures(str(series / "TS_1.mrc"), DoseSettings(total_e_A2=84.0))
    np.testing.assert_allclose(opened.series.table["dose_e_A2"], 4.0)


def test_a_split_is_read_back_as_it_was_made(series, tmp_path):
    item = DoseItem("TS_1", str(series / "TS_1.mrc"), tmp_path, SETTINGS)
    assert split_to_folder(item, tmp_path)["tomograms"] == 8
    exposures = open_exposures(item.uri, SETTINGS)
    direct = split_tomograms(exposures, SETTINGS.subsets(300.0, 8), SETTINGS.reconstruction)
    for (subset, dose, volume), (found, told, read) in zip(direct, read_split(tmp_path), strict=True):
        assert (subset.name, dose) == (found.name, pytest.approx(told, rel=1e-4))
        np.testing.assert_array_equal(volume.data, np.asarray(read.data))
    assert open_volume(tmp_path / "halves_eo.mrc").voxel_size_A == pytest.approx(26.52)


def test_a_study_of_a_split_is_that_of_its_series(series, tmp_path):
    from_files, split, from_split = (tmp_path / name for name in ("files", "split", "study"))
    for folder in (from_files, split, from_split):
        folder.mkdir()
    item = DoseItem("TS_1", str(series / "TS_1.mrc"), tmp_path, SETTINGS)
    study_to_folder(item, from_files)
    split_to_folder(item, split)
    study_to_folder(DoseItem("TS_1", str(split), tmp_path, SETTINGS), from_split)
    a, b = load_study(from_files), load_study(from_split)
    pd.testing.assert_frame_equal(a.tomograms, b.tomograms, rtol=1e-3)
    assert a.pairs["parent"].tolist() == ["", "e", "o"]
    out = tmp_path / "out"
    out.mkdir()
    findings = write_study(out, [a], {"model": "compact"})
    assert findings.reached[0].percent == 90.0
    page = (out / "report.html").read_text()
    assert "1 tilt series" in page
    assert page.count("<svg") == 4
    assert len(pd.read_csv(out / "dose.csv")) == 8
    assert any("doubling" in line for line in findings.lines()) == (findings.fit is not None)


def test_a_batch_does_what_is_missing_and_goes_on_without_the_broken(series, tmp_path):
    (tmp_path / "empty.mrc").write_bytes(b"")
    items = [DoseItem(name, str(path), tmp_path, SETTINGS)
             for name, path in (("TS_1", series / "TS_1.mrc"), ("broken", tmp_path / "empty.mrc"))]  # fmt: skip
    first = {o.item.name: o for o in dose_batch(items, tmp_path, study=False)}
    assert first["TS_1"].state == "done"
    assert first["broken"].state == "failed"
    assert (tmp_path / first["TS_1"].row["folder"] / "whole.mrc").is_file()
    again = {o.item.name: o.state for o in dose_batch(items, tmp_path, study=False)}
    assert again == {"TS_1": "already_done", "broken": "failed"}


def test_what_cannot_be_opened(series, tmp_path, exposures):
    write_tilt_series(tmp_path, "plain", exposures.series)
    with pytest.raises(BadInput, match="names no movies"):
        open_exposures(str(tmp_path / "plain.mrc"), SETTINGS)
    from dataclasses import replace

    trimmed = replace(exposures.series, images=exposures.series.images[:, :64],
                      table=exposures.series.table.assign(movie=[str(series / "frames/000.mrc")] * 21))  # fmt: skip
    write_tilt_series(tmp_path, "trimmed", trimmed)
    with pytest.raises(BadInput, match="96 × 96 pixels are not those of images of 96 × 64"):
        open_exposures(str(tmp_path / "trimmed.mrc"), SETTINGS)
    unknown = replace(exposures.series, table=exposures.series.table.assign(dose_e_A2=np.nan))
    with pytest.raises(BadInput, match="not known"):
        DoseSettings().subsets(float(unknown.table["dose_e_A2"].sum(skipna=False)), 8)
    with pytest.raises(BadInput, match="no part of the dose"):
        DoseSettings(halvings=0)
    with pytest.raises(BadInput, match="nm thick"):
        DoseSettings(thickness_nm=-3)


def test_a_table_of_a_split_is_not_trusted(tmp_path):
    write_mrc(tmp_path / "whole.mrc", np.ones((4, 8, 8), np.float32), 10.0)
    row = {"series": "x", "subset": "whole", "kind": "whole", "path": "", "share": 1.0, "asked_e_A2": 0.0,
           "dose_e_A2": 100.0, "alignment": "x.xf"}  # fmt: skip
    pd.DataFrame([{**row, "file": "../../etc/passwd"}]).to_csv(tmp_path / "subsets.csv", index=False)
    with pytest.raises(BadInput, match="outside its folder"):
        list(read_split(tmp_path))
    (tmp_path / "subsets.csv").write_text("nonsense\n1\n")
    with pytest.raises(BadInput, match="cannot be read"):
        list(read_split(tmp_path))


def test_settings_that_only_say_where_and_how_fast_do_not_matter():
    same = DoseSettings(halvings=3, scratch="/tmp", threads=2, device="cpu")
    assert same.digest == DoseSettings(halvings=3).digest
    assert same.digest != DoseSettings(halvings=4).digest
    assert json.dumps(DoseSettings(doses_e_A2=(1.0,)).subsets(10.0, 8)[-1].share) == "0.1"


@pytest.mark.parametrize(("fractions", "halvings"), [(1, 0), (7, 2), (8, 3), (40, 5), (152, 5)])
def test_unasked_the_dose_is_halved_as_far_as_there_are_fractions(fractions, halvings):
    subsets = DoseSettings().subsets(100.0, fractions)
    assert len(subsets) == 2 ** (halvings + 1) - 1
    assert all(len(subset.fractions(fractions)) for subset in subsets)
