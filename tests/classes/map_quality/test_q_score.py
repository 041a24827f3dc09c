"""Q-scores of models in maps: by atom, residue and chain, and on real structures by resolution."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.map_quality.inputs import read_map
from cryogauge.classes.map_quality.q_score import score_model, write_q_scores
from cryogauge.imaging.model_map import model_map
from cryogauge.imaging.q_score import q_scores
from cryogauge.io.model_atoms import heavy, read_atoms
from cryogauge.records import BadInput
from tests.classes.map_quality import worlds

DATA = os.environ.get("CRYOGAUGE_DATA")


@pytest.fixture
def model(tmp_path):
    return worlds.write_model(tmp_path / "model.pdb", chains="AB")


@pytest.fixture
def volume(tmp_path, model):
    return read_map(worlds.write_map(tmp_path / "map.mrc", worlds.map_of(model)))


def test_means_are_those_of_the_atoms(volume, model):
    scored = score_model(volume, model, resolution_A=3.0)
    atoms = scored.atoms
    assert len(atoms) == 2 * 5 * worlds.RESIDUES + 2
    assert scored.average == pytest.approx(atoms["q"].mean())
    assert scored.average > 0.6
    assert scored.chains[["chain", "kind", "atoms"]].to_numpy().tolist() == [
        ["A", "protein", 120], ["B", "protein", 120], ["X", "other", 1], ["X", "water", 1]
    ]  # fmt: skip
    np.testing.assert_allclose(scored.chains["expected"], [0.5867, 0.5867, np.nan, np.nan], atol=1e-6)
    residue = scored.residues.iloc[30]
    own = atoms[(atoms["chain"] == residue["chain"]) & (atoms["residue"] == residue["residue"])]
    assert residue["q"] == pytest.approx(own["q"].mean())
    assert len(scored.residues) == 2 * worlds.RESIDUES + 2
    assert scored.notes == ()
    assert np.isnan(score_model(volume, model).expected())


def test_a_residue_out_of_its_density_scores_lowest(tmp_path, volume):
    text = worlds.write_model(tmp_path / "wrong.pdb", chains="AB").read_text().splitlines()
    moved = [
        line[:30] + f"{float(line[30:38]) + 1.5:8.3f}" + line[38:] if line[21:26] == "A  10" else line for line in text
    ]
    (tmp_path / "wrong.pdb").write_text("\n".join(moved))
    residues = score_model(volume, tmp_path / "wrong.pdb").residues
    worst = residues[residues["kind"] == "protein"].sort_values("q").iloc[0]
    assert (worst["chain"], worst["residue"]) == ("A", "10")


def test_atoms_at_the_border_and_coarse_voxels_are_told(tmp_path, model, volume):
    far = worlds.write_model(tmp_path / "far.pdb", (0.0, 0.0, 8.0), chains="AB")
    scored = score_model(volume, far)
    assert np.isnan(scored.atoms["q"]).any()
    assert "within 2 Å of the map's border" in " ".join(scored.notes)
    coarse = read_map(
        worlds.write_map(tmp_path / "coarse.mrc", worlds.map_of(model)[::3, ::3, ::3], voxel_A=3.0)
    )  # fmt: skip
    assert "hold no single atoms" in " ".join(score_model(coarse, model).notes)
    empty = np.zeros((worlds.EDGE,) * 3)
    empty[0, 0, 0] = 1.0
    scored = score_model(read_map(worlds.write_map(tmp_path / "empty.mrc", empty)), model)
    assert scored.average == 0
    assert "the map is flat" in " ".join(scored.notes)


def test_numbers_that_cannot_be_are_told(volume, model):
    for change in ({"sigma_A": 0.0}, {"resolution_A": -1.0}, {"resolution_A": float("nan")}):
        with pytest.raises(BadInput, match="cannot be"):
            score_model(volume, model, **change)


def test_tables_and_the_page_are_written(tmp_path, volume, model):
    scored = score_model(volume, model, resolution_A=3.0)
    page = write_q_scores(tmp_path, scored, "model.pdb", {"map": "map.mrc"}).read_text()
    assert f"{scored.average:.3f}" in page
    assert "Chain B" in page
    assert "expected of protein at 3 Å" in page
    for name in ("atoms", "residues", "chains"):
        table = pd.read_csv(tmp_path / f"{name}.csv")
        np.testing.assert_allclose(table["q"], getattr(scored, name)["q"], atol=1e-4)


@pytest.mark.skipif(not DATA, reason="CRYOGAUGE_DATA names no folder of real files")
def test_scores_of_a_real_structure_fall_as_its_map_is_blurred():
    path = Path(DATA or ".") / "pdb" / "polnet" / "3qm1.pdb"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    atoms = heavy(read_atoms(path))
    atoms = atoms[atoms["kind"] == "protein"][:700]
    places = atoms[["x_A", "y_A", "z_A"]].to_numpy()
    low_x, low_y, low_z = (float(low) for low in places.min(axis=0) - 6.0)
    n_x, n_y, n_z = (int(n) for n in np.ceil((np.ptp(places, axis=0) + 12.0) / 0.7))
    means = []
    for resolution_A in (3.5, 5.0, 7.0, 10.0):
        density = model_map(atoms, (n_z, n_y, n_x), 0.7, (low_x, low_y, low_z), resolution_A=resolution_A)
        means.append(float(np.mean(q_scores(density, 0.7, places, origin_A=(low_x, low_y, low_z)))))
    assert means[0] > 0.8
    assert (np.diff(means) < -0.08).all()
