"""Shapes of species: scaled to their mass, centred on it, from maps or look-alikes."""

import numpy as np
import pytest

from cryogauge.io import write_mrc
from cryogauge.records import BadInput
from cryogauge.simulate.particles import PROTEIN_A3_PER_KDA, PROTEIN_V
from cryogauge.simulate.phantom.species import ANNOTATED, load_shapes, map_checksums, pick_object


@pytest.mark.parametrize("voxel_size_A", [8.0, 10.012])
def test_shapes_weigh_what_their_species_do_and_stand_on_their_mass(voxel_size_A):
    shapes, sources = load_shapes(None, voxel_size_A)
    assert set(sources.values()) == {"look-alike"}
    assert {shape.label for _, shape in shapes} == {0, 1, 2, 3, 4, 5, 6}
    for species, shape in shapes:
        if species.nucleic_fraction == 0:
            mass = shape.density.sum(dtype=float) * voxel_size_A**3 / (PROTEIN_A3_PER_KDA * PROTEIN_V)
            assert mass == pytest.approx(species.mass_kDa, rel=1e-3)
        z, y, x = np.indices(shape.density.shape)
        total = shape.density.sum(dtype=float)
        centre = [float((axis * shape.density).sum(dtype=float) / total) for axis in (z, y, x)]
        assert centre == pytest.approx([(n - 1) / 2 for n in shape.density.shape], abs=0.05)
        assert shape.density[shape.fence == 0].max() < 0.3 * shape.density.max()
        assert np.all(shape.fence >= shape.mask)
        if shape.label:
            assert shape.mask[tuple(n // 2 for n in shape.mask.shape)] == 1  # hollows are filled
    reaches = [shape.reach_px for _, shape in shapes]
    assert reaches == sorted(reaches, reverse=True)


def test_labels_are_the_challenges():
    for species in ANNOTATED:
        found = pick_object(species.name)
        assert found is not None
        assert found.name == species.name


def _map(path, edge=21, voxel=10.0):
    z, y, x = np.indices((edge, edge, edge)) - edge // 2
    write_mrc(path, np.exp(-(((z - 3) / 4) ** 2) - (y / 2) ** 2 - (x / 2) ** 2).astype(np.float32), voxel)


@pytest.mark.parametrize("name", ["7n4y.mrc", "EMD_24181.map", "thyroglobulin.mrc", "emd-24181.mrc"])
def test_maps_are_found_by_their_names(tmp_path, name):
    _map(tmp_path / name)
    (tmp_path / "readme.txt").write_text("not a map")
    shapes, sources = load_shapes(tmp_path, 10.0)
    assert sources["thyroglobulin"] == name
    assert sources["ribosome"] == "look-alike"
    assert set(map_checksums(tmp_path)) == {"thyroglobulin"}
    shape = next(shape for species, shape in shapes if species.name == "thyroglobulin")
    spread = [np.ptp(axis) for axis in np.nonzero(shape.mask)]
    assert spread[0] > 1.5 * spread[1]  # long along z, as the map


def test_a_folder_without_maps_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no map of any species"):
        load_shapes(tmp_path, 10.0)
    with pytest.raises(BadInput, match="there is no folder"):
        load_shapes(tmp_path / "nowhere", 10.0)
    assert map_checksums(None) == {}
