import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.views.composition import (
    COMPOSITION_COLUMNS,
    common_lines,
    find_composition,
    group_classes,
    silhouettes,
    sizes_A,
)
from cryogauge.classes.views.directions import views_of
from cryogauge.classes.views.projections import beads_of_map, projections
from cryogauge.records import BadInput
from tests.classes.views.worlds import any_views, averages, dimer, map_of, rod, stacked, structure


def mixture(*parts, seed: int = 0):
    """Averages of several structures, and of which each is."""
    rng = np.random.default_rng(seed)
    images = [averages(made, any_views(count, rng), rng) for made, count in parts]
    return stacked(np.concatenate(images)), np.repeat(np.arange(len(parts)), [count for _, count in parts])


def same_groups(first, second) -> bool:
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


def test_monomers_and_dimers_are_two_groups_and_twice_as_heavy():
    monomer = structure(1, 90.0)
    stack, truth = mixture((monomer, 8), (dimer(monomer), 6))
    found = find_composition(stack)
    assert tuple(found.table.columns) == COMPOSITION_COLUMNS
    assert same_groups(found.table["species"].tolist(), truth.tolist())
    heavy, light = found.species["mass_kDa"].max(), found.species["mass_kDa"].min()
    assert heavy / light == pytest.approx(2.0, rel=0.25)
    assert "as 2 copies of it would be" in " ".join(found.sentences)
    assert found.certainty >= 0.7
    assert found.table["belonging"].min() > 0.3


def test_three_species_of_other_mass_are_three_groups():
    stack, truth = mixture((structure(2, 60.0), 6), (structure(3, 160.0), 6), (structure(4, 400.0), 6))
    found = find_composition(stack)
    assert same_groups(found.table["species"].tolist(), truth.tolist())
    assert found.species["share"].is_monotonic_decreasing


def test_views_of_one_long_particle_stay_together():
    made = rod(30, 220.0, 150.0)
    stack, _ = mixture((made, 16))
    found = find_composition(stack)
    assert found.table["longest_A"].max() > 1.5 * found.table["longest_A"].min()  # end views are there as well
    assert len(found.species) == 1
    assert found.table["belonging"].isna().all()
    assert found.sentences[0].startswith("All 16 classes can be views of one species")


def test_two_projections_of_one_thing_share_a_line():
    beads, other = beads_of_map(map_of(structure(1)), 8.0), beads_of_map(map_of(structure(2)), 8.0)
    views = views_of(np.array([[0.0, 0, 0], [30.0, 80, 50], [-70.0, 50, 10]]))
    images = np.concatenate([projections(each, views, 48, 4.0) for each in (beads, other)])
    lines = common_lines(images, 16)
    assert np.diag(lines) == pytest.approx(1.0)
    assert lines == pytest.approx(lines.T)
    own, strange = lines[:3, :3][np.triu_indices(3, 1)], lines[:3, 3:]
    assert own.min() > 0.995
    assert strange.max() < own.min()


def test_sizes_are_those_of_an_ellipse():
    axis = np.arange(64) - 32
    image = ((axis[:, None] / 8) ** 2 + (axis[None, :] / 20) ** 2 <= 1).astype(np.float32)
    longest, shortest, gyration = sizes_A(image[None], 2.0)
    assert longest[0] == pytest.approx(80, rel=0.03)
    assert shortest[0] == pytest.approx(32, rel=0.05)
    assert gyration[0] == pytest.approx(2 * np.hypot(8, 20) / 2, rel=0.03)  # of a disc the radius over the root of 2


def test_silhouettes_are_those_of_their_definition():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (3, 2)), rng.normal(3, 1, (4, 2)), rng.normal(-4, 1, (1, 2))])
    groups = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    for k, found in enumerate(silhouettes(apart, groups)):
        own = [apart[k, j] for j in range(8) if groups[j] == groups[k] and j != k]
        others = [np.mean(apart[k, groups == name]) for name in range(3) if name != groups[k]]
        expected = (min(others) - np.mean(own)) / max(min(others), np.mean(own)) if own else 0.0
        assert found == pytest.approx(expected)
    assert np.isnan(silhouettes(apart, np.zeros(8, dtype=int))).all()


def test_masses_alone_part_what_lines_do_not_and_their_scale_plays_no_part():
    rng = np.random.default_rng(3)
    lines = 0.95 + 0.01 * rng.random((12, 12))
    lines = (lines + lines.T) / 2
    np.fill_diagonal(lines, 1.0)
    masses = np.r_[np.full(6, 100.0), np.full(6, 300.0)] * np.exp(rng.normal(0, 0.05, 12))
    truth = np.repeat([0, 1], 6).tolist()
    assert same_groups(group_classes(lines, masses).tolist(), truth)
    assert same_groups(group_classes(lines, 17 * masses).tolist(), truth)
    assert group_classes(lines, np.full(12, np.nan)).max() == 0
    assert group_classes(lines[:3, :3], masses[:3]).max() == 0


def test_a_single_class_is_a_group_and_none_is_refused():
    stack, _ = mixture((structure(1), 1))
    assert find_composition(stack).table["species"].tolist() == [1]
    with pytest.raises(BadInput, match="no class is of grade"):
        find_composition(stack, grades=pd.DataFrame({"grade": [4.0]}), cutoff=3.5)
