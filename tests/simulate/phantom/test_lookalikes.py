"""Generated look-alikes: mass, symmetry, size, and the density profiles of the maps they stand for."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from cryogauge.simulate.particles import BLOB_KDA
from cryogauge.simulate.phantom.lookalikes import LOOKALIKES
from cryogauge.simulate.phantom.species import ANNOTATED, DECOYS, Shape, load_shapes

DATA = os.environ.get("CRYOGAUGE_DATA")
MAPS = Path(DATA or "") / "maps" / "czii10A" / "polnet-synaptic"
SPECIES = {species.name: species for species in (*ANNOTATED, *DECOYS)}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_masses_are_the_species(name):
    # the virus-like particle's is scaled up: its RNA is drawn thinner than it is
    expected = pytest.approx(SPECIES[name].mass_kDa, rel=0.25 if name == "virus-like-particle" else 0.08)
    assert len(LOOKALIKES[name]()[0]) * BLOB_KDA == expected


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("apo-ferritin", "O"), ("beta-galactosidase", "D2"), ("beta-amylase", "D2"), ("thyroglobulin", "C2"),
        ("virus-like-particle", "I"),
    ],
)  # fmt: skip
def test_symmetry(name, group):
    points, nucleic = LOOKALIKES[name]()
    protein = points[~nucleic]  # RNA has no symmetry
    tree = KDTree(protein)
    turns = Rotation.create_group(group).as_matrix()
    if group == "C2":
        turns = turns[:, ::-1, ::-1]
    for turn in turns:
        assert tree.query(protein @ turn.T)[0].max() < 0.2
    # and no higher: a turn that is none of the group's moves it
    assert tree.query(protein @ Rotation.from_rotvec([0.3, 0.2, 0.1]).as_matrix().T)[0].max() > 3.0


@pytest.mark.parametrize(
    ("name", "size_nm"),
    [
        ("ribosome", (25, 31)), ("virus-like-particle", (27, 30)), ("thyroglobulin", (22, 26)),
        ("beta-galactosidase", (16, 19)), ("apo-ferritin", (11, 13)), ("beta-amylase", (10, 13)),
    ],
)  # fmt: skip
def test_sizes(name, size_nm):
    points, _ = LOOKALIKES[name]()
    across = np.ptp(points @ Rotation.random(200, rng=np.random.default_rng(1)).as_matrix()[:, 0].T, axis=0)
    low, high = size_nm
    assert low <= (across.max() + 14.0) / 10.0 <= high  # domains reach about 7 Å beyond their centres


def test_apoferritin_and_the_virus_like_particle_are_hollow():
    for name, hollow_A in (("apo-ferritin", 38.0), ("virus-like-particle", 45.0)):
        assert np.linalg.norm(LOOKALIKES[name]()[0], axis=1).min() > hollow_A


def _radial(shape: Shape, radii_A: np.ndarray) -> np.ndarray:
    """Mean density at distances from the centre, 10 Å a voxel."""
    grid = np.indices(shape.density.shape) - (np.array(shape.density.shape) - 1).reshape(3, 1, 1, 1) / 2
    bins = np.round(np.linalg.norm(grid, axis=0)).astype(int).ravel()
    mean = np.bincount(bins, shape.density.ravel()) / np.bincount(bins)
    return np.interp(radii_A / 10.0, np.arange(len(mean)), mean, right=0.0)


def _shell_powers(shape: Shape) -> np.ndarray:
    """Mean power in shells of frequency out to 1/30 Å: what survives averaging over all turns of the particle."""
    power = np.abs(np.fft.fftn(shape.density, s=(64, 64, 64), axes=(0, 1, 2))) ** 2
    f = np.fft.fftfreq(64)
    shell = np.round(64 * np.sqrt(f[:, None, None] ** 2 + f[:, None] ** 2 + f**2)).astype(int)
    return (np.bincount(shell.ravel(), power.ravel()) / np.bincount(shell.ravel()))[:22]


@pytest.mark.skipif(not MAPS.is_dir(), reason="CRYOGAUGE_DATA names no folder of real files")
@pytest.mark.parametrize(
    ("name", "stretch"),
    [
        ("ribosome", 1.0), ("thyroglobulin", 1.0), ("beta-galactosidase", 1.0), ("apo-ferritin", 1.0),
        ("virus-like-particle", 150 / 126),
    ],
)  # fmt: skip
def test_lookalikes_have_the_profiles_of_the_maps(name, stretch):
    """The map at hand of the virus-like particle is that of a larger shell, 30 nm across its middle."""
    real = next(shape for species, shape in load_shapes(MAPS, 10.0)[0] if species.name == name)
    made = next(shape for species, shape in load_shapes(None, 10.0)[0] if species.name == name)
    radii = np.arange(0.0, 200.0, 5.0)
    assert np.corrcoef(_radial(real, radii * stretch), _radial(made, radii))[0, 1] > 0.9
    # the wrong species' profile is unlike it
    other = "ribosome" if name == "virus-like-particle" else "virus-like-particle"
    wrong = next(shape for species, shape in load_shapes(None, 10.0)[0] if species.name == other)
    assert np.corrcoef(_radial(real, radii * stretch), _radial(wrong, radii))[0, 1] < 0.85
    if stretch == 1.0:
        assert np.corrcoef(np.log(_shell_powers(real)), np.log(_shell_powers(made)))[0, 1] > 0.9
