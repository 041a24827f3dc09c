"""Training examples: labels stay with their pixels, batches are balanced."""

from itertools import islice

import numpy as np
import pytest

from cryogauge.records import BadInput
from cryogauge.score import examples
from cryogauge.score.examples import Example, batches, make_example, read_examples, write_example
from cryogauge.score.grey import LIMIT
from cryogauge.score.network import CONTEXT, TILE_PX


def _example(depth: int = 210, edge: int = 64, seed: int = 0) -> Example:
    """Scores that rise along z, so that every category is there; one quarter of the field has structure."""
    rng = np.random.default_rng(seed)
    score = np.linspace(0, 1, depth, dtype=np.float32)
    tiles = edge // TILE_PX
    structure = np.zeros((depth, tiles, tiles), dtype=bool)
    structure[:, : tiles // 2, : tiles // 2] = score[:, None, None] > 0.05
    grey = rng.normal(0, 30, (depth, edge, edge)).clip(-127, 127).astype(np.int8)
    return Example(
        grey,
        np.arange(-128, 128).astype(np.int8),
        (structure * score[:, None, None]).astype(np.float16),
        structure,
        score,
    )


def test_batches_have_the_networks_shapes():
    for batch in islice(batches([_example()], 6, seed=0), 3):
        assert batch["input"].shape == (6, len(CONTEXT), 64, 64)
        assert batch["quality"].shape == batch["structure"].shape == (6, 4, 4)
        assert all(batch[name].dtype == np.float32 for name in ("input", "evidence", "quality", "structure"))
        assert np.abs(batch["input"]).max() <= LIMIT
        assert batch["quality"].min() >= 0
        assert batch["quality"].max() <= 1
        assert (batch["quality"][batch["structure"] == 0] == 0).all()


def test_every_category_comes_alike():
    """A set in which good slices are one in fifty still gives as many of them as of any other."""
    example = _example(depth=1400)
    rare = Example(example.grey, example.interior, example.quality, example.structure, example.score**6)
    scale = np.where(example.score > 0, example.score**5, 0)[:, None, None]
    rare = Example(
        example.grey, example.interior, (example.quality * scale).astype(np.float16), example.structure, rare.score
    )
    best = [batch["quality"].reshape(8, -1).max(axis=1) for batch in islice(batches([rare], 8, seed=1), 60)]
    good = np.concatenate(best) > 0.8
    assert (rare.score > 0.8).mean() < 0.05
    # a seventh, less the part that is replaced by textures
    assert 0.06 < good.mean() < 0.22


def test_labels_turn_with_the_image():
    """Pixels carry their tile's label as their grey value: after any turn or flip they still must."""
    tiles = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    image = np.kron(tiles, np.ones((TILE_PX, TILE_PX), dtype=np.float32))[None]
    for quarter_turns in range(4):
        for flip in (False, True):
            turned, labels = (examples._turned(a, quarter_turns, flip) for a in (image, tiles))
            np.testing.assert_array_equal(turned[0, ::TILE_PX, ::TILE_PX], labels)
    assert len({examples._turned(tiles, k, f).tobytes() for k in range(4) for f in (False, True)}) == 8


def test_batches_keep_pixels_and_labels_together():
    """Bright pixels where there is structure: in every batch with labels they lie in the labelled tiles."""
    example = _example()
    where = np.kron(example.structure, np.ones((1, TILE_PX, TILE_PX), dtype=bool))
    slices = (np.arange(len(where)) % 3)[:, None, None]  # neighbours differ, or a stack would pass for a single picture
    marked = Example(
        (np.where(where, 100, 0) + slices).astype(np.int8),
        example.interior,
        example.quality,
        example.structure,
        example.score,
    )
    checked = 0
    for batch in islice(batches([marked], 8, seed=2), 10):
        middle = np.abs(batch["input"][:, len(CONTEXT) // 2])
        strength = np.median(
            middle.reshape(8, 4, TILE_PX, 4, TILE_PX).transpose(0, 1, 3, 2, 4).reshape(8, 4, 4, -1), axis=3
        )
        # a single picture may be shaded, which changes its pixels by place; it is the same slice throughout
        alone = [np.array_equal(stack[0], stack[-1]) for stack in batch["input"]]
        for values, mask, picture in zip(strength, batch["structure"] > 0, alone, strict=True):
            if mask.any() and not picture:
                assert values[mask].min() > values[~mask].max()
                checked += 1
    assert checked > 15


def test_the_same_seed_gives_the_same_batches():
    first, second, other = (next(batches([_example()], 4, seed=s))["input"] for s in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_ranked_keeps_order_and_becomes_gaussian():
    picture = np.random.default_rng(0).exponential(size=(200, 250)).astype(np.float32)
    scores = examples.ranked(picture)
    assert scores.dtype == np.float32
    assert (np.diff(scores.ravel()[np.argsort(picture, axis=None)]) >= 0).all()
    assert scores.mean() == pytest.approx(0, abs=0.01)
    assert scores.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("single", [True, False])
def test_textures_keep_the_shape_and_are_in_range(single):
    rng = np.random.default_rng(3)
    image = rng.standard_normal((len(CONTEXT), 64, 64)).astype(np.float32)
    image = np.repeat(image[:1], len(CONTEXT), axis=0) if single else image
    for _ in range(20):
        texture = examples._without_structure(image, rng)
        assert texture.shape == image.shape
        assert np.isfinite(texture).all()
        assert np.array_equal(texture[0], texture[-1]) or not single
        assert 0.3 < texture.std() < 2.0


def test_an_example_is_made_written_and_read(small_recipe, tmp_path):
    example = make_example(small_recipe, 0)
    depth, ny, nx = small_recipe.shape
    assert example.grey.shape == small_recipe.shape
    assert example.quality.shape == example.structure.shape == (depth, ny // TILE_PX, nx // TILE_PX)
    assert example.score.max() > 0.4
    assert example.score[:4].max() < 0.05
    # referred to the interior the contrast is less than referred to empty ice
    used = example.grey.astype(np.int16) + 128
    assert example.interior[used].std() < example.grey.std()
    write_example(example, tmp_path / "000000.npz")
    (found,) = read_examples(tmp_path)
    for name in Example.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(example, name))
    assert [path.name for path in tmp_path.iterdir()] == ["000000.npz"]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no training examples"):
        read_examples(tmp_path)


def test_copies_come_last_with_the_labels_of_their_originals():
    changes = []
    for batch in islice(batches([_example()], 8, seed=6), 10):
        first = 8 - len(batch["copied"])
        for copy, (original, change) in enumerate(zip(batch["copied"], batch["change"], strict=True), start=first):
            assert original < first
            assert np.array_equal(batch["input"][copy, 0], batch["input"][copy, -1]), "a copy is a picture"
            assert not batch["evidence"][copy].any()
            for labels in ("quality", "structure"):
                np.testing.assert_array_equal(batch[labels][copy], batch[labels][original])
            if change == examples.WORSE:
                assert not np.array_equal(batch["input"][copy], batch["input"][original])
            changes.append(int(change))
    assert set(changes) == {examples.ALIKE, examples.WORSE}
    assert len(changes) > 12


def test_a_worse_copy_has_less_in_common_with_a_smooth_picture():
    rng = np.random.default_rng(7)
    picture = examples.ranked(examples.blur(rng.standard_normal((96, 96)).astype(np.float32), 1.0))
    one = examples._Input(np.repeat(picture[None], 5, axis=0), None, np.ones((6, 6)), np.ones((6, 6)))
    for change, least, most in ((examples.ALIKE, 0.85, 1.01), (examples.WORSE, 0.1, 0.93)):
        for _ in range(10):
            copy = examples._copy(one, change, rng).image[0]
            assert least < np.corrcoef(copy.ravel(), picture.ravel())[0, 1] < most


def test_beside_empty_slices_there_is_only_texture_that_differs_from_slice_to_slice():
    rng = np.random.default_rng(8)
    image = np.repeat(examples.blur(rng.standard_normal((64, 64)).astype(np.float32), 1.0)[None], 5, axis=0)
    image = image + 0.01 * rng.standard_normal(image.shape).astype(np.float32)
    known = np.ones(examples.REFERENCES * 25, dtype=np.float32)
    apart = 0
    for _ in range(40):
        texture, beside = examples._texture_in_place(image, known, rng)
        if beside is known:
            apart += 1
            assert np.abs(np.corrcoef(texture[2].ravel(), texture[3].ravel())[0, 1]) < 0.3
    assert 4 < apart < 25
