import gzip

import numpy as np
import pandas as pd
import pytest

from cryogauge.classes.views.compare import COMPARISON_COLUMNS, Reference, compare_classes, load_reference
from cryogauge.classes.views.projections import beads_of_map
from cryogauge.io import MrcWriter, write_mrc
from cryogauge.records import BadInput
from tests.classes.views.worlds import any_views, averages, map_of, stacked, structure

OWN, OTHER, STRANGE = structure(1), structure(7, 170.0), structure(9, 160.0)


@pytest.fixture(scope="module")
def stack():
    """Four averages of each of two species that are given as references, and two of one that is not."""
    rng = np.random.default_rng(0)
    images = [averages(made, any_views(n, rng), rng) for made, n in ((OWN, 4), (OTHER, 4), (STRANGE, 2))]
    return stacked(np.concatenate(images))


@pytest.fixture(scope="module")
def compared(stack):
    references = [Reference(name, beads_of_map(map_of(made), 15.0)) for name, made in (("own", OWN), ("other", OTHER))]
    return compare_classes(stack, references)


def test_each_class_finds_its_species_and_a_strange_one_none(compared):
    table = compared.table
    assert tuple(table.columns) == COMPARISON_COLUMNS
    assert table["reference"].tolist()[:8] == ["own"] * 4 + ["other"] * 4
    assert table["matches"].tolist() == [True] * 8 + [False] * 2
    assert compared.references["classes"].tolist() == [4, 4]
    assert "2 classes match no reference" in compared.sentences[-1]


def test_decoys_say_what_a_correlation_is_worth(compared):
    """A wrong species of the same size correlates at 0.6 and more, and is hardly above decoys."""
    right = compared.z[np.arange(8), [0] * 4 + [1] * 4]
    wrong = compared.z[np.arange(8), [1] * 4 + [0] * 4]
    assert right.min() > 8
    assert wrong.max() < 6
    assert compared.correlations.min() > 0.4


def test_matches_lie_on_the_averages(compared):
    likeness = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(compared.averages, compared.matches, strict=True)
    ]
    assert min(likeness[:8]) > 0.9


def test_averages_of_other_contrast_pixel_and_box_are_references_too(stack):
    rng = np.random.default_rng(4)
    known = averages(OTHER, any_views(60, rng), rng, box_px=60, pixel_size_A=4.0)
    found = compare_classes(stack, [Reference("stain", stack=stacked(-known, 4.0))], finest_A=20.0)
    right, wrong = found.z[4:8, 0], np.delete(found.z[:, 0], range(4, 8))
    assert np.median(right) > 6
    assert right.min() > wrong.max()


def test_references_are_told_apart_by_what_they_hold(tmp_path):
    volume = map_of(OWN, 4.0, 48)
    write_mrc(tmp_path / "density.mrc", volume.data, 4.0)
    assert load_reference(tmp_path / "density.mrc").structure is not None
    with MrcWriter(tmp_path / "stack.mrc", (5, 40, 40), 4.0, stack=True) as writer:
        writer.append(np.random.default_rng(0).normal(size=(5, 40, 40)).astype(np.float32))
    held = load_reference(tmp_path / "stack.mrc", 3.0).stack
    assert held is not None
    assert held.pixel_size_A == 3.0
    atoms = "\n".join(
        f"ATOM  {k + 1:5d}  CA  ALA A{k + 1:4d}    {4.0 * k:8.3f}{0.0:8.3f}{0.0:8.3f}  1.00 20.00           C"
        for k in range(12)
    )
    with gzip.open(tmp_path / "model.pdb.gz", "wt") as file:
        file.write(f"{atoms}\nEND\n")
    model = load_reference(tmp_path / "model.pdb.gz")
    assert model.structure is not None
    assert model.name == "model.pdb.gz"


def test_bad_references_are_refused(stack, tmp_path):
    beads = beads_of_map(map_of(OWN), 15.0)
    with pytest.raises(BadInput, match="its own name"):
        compare_classes(stack, [Reference("a", beads), Reference("a", beads)])
    with pytest.raises(BadInput, match="its own name"):
        compare_classes(stack, [])
    with pytest.raises(BadInput, match="no class is of grade"):
        compare_classes(stack, [Reference("a", beads)], grades=pd.DataFrame({"grade": np.full(10, 5.0)}), cutoff=3.5)
    with pytest.raises(BadInput, match="does not exist"):
        load_reference(tmp_path / "none.mrc")
