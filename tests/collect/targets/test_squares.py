"""Squares of pictures whose squares are known."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.targets.square_kinds import COLUMNS
from cryogauge.collect.targets.squares import find_squares
from cryogauge.records import BadInput
from tests.collect.targets.grids import mesh

WHOLE_PX = 30  # centres nearer to the border belong to squares that it cuts


def deep(centres, shape, margin=WHOLE_PX):
    return ((centres > margin) & (centres < np.array(shape[::-1]) - margin)).all(1)


def nearest(found: pd.DataFrame, centres):
    xy = found[["x_px", "y_px"]].to_numpy(float)
    apart = np.linalg.norm(centres[:, None] - xy[None], axis=2)
    return apart.argmin(1), apart.min(1)


@pytest.mark.parametrize(("angle_deg", "pitch", "side"), [(0.0, 64.0, 40.0), (20.0, 48.0, 34.0), (45.0, 90.0, 50.0)])
def test_every_square_is_found_where_it_is_and_nothing_else(angle_deg, pitch, side):
    picture, centres, _ = mesh(angle_deg=angle_deg, pitch=pitch, side=side, seed=4)
    squares = find_squares(picture, 2000.0)
    inner = deep(centres, picture.shape, 0.75 * side)
    _, off = nearest(squares.table, centres[inner])
    assert off.max() < 1.0
    whole = squares.table[~squares.table["partial"]]
    assert (
        whole.apply(lambda r: np.linalg.norm(centres - [r["x_px"], r["y_px"]], axis=1).min(), axis=1).max() < side / 4
    )
    assert squares.pitch_px == pytest.approx(pitch, rel=0.01)
    assert (squares.rotation_deg - angle_deg + 45) % 90 - 45 == pytest.approx(0, abs=1)
    assert squares.side_px == pytest.approx(side, rel=0.05)
    assert whole["area_um2"].median() == pytest.approx((side * 0.2) ** 2, rel=0.1)


def test_corners_lie_on_the_squares_edges():
    picture, centres, _ = mesh(angle_deg=30.0, pitch=90.0, side=50.0)
    table = find_squares(picture).table
    k = int(np.linalg.norm(centres - np.array(picture.shape[::-1]) / 2, axis=1).argmin())
    row = table.iloc[nearest(table, centres[[k]])[0][0]]
    reach = np.linalg.norm(np.array(row["vertices"]) - centres[k], axis=1)
    assert reach == pytest.approx(np.full(4, 50 / np.sqrt(2)), abs=1.5)


def test_grey_values_of_eight_bits_and_of_any_scale_tell_the_same():
    picture, _, _ = mesh(seed=2)
    plain = find_squares(picture)
    eight = find_squares(np.clip(picture / 3, 0, 255).astype(np.uint8))
    shifted = find_squares(picture * 7.5 - 3000)
    for other in (eight, shifted):
        assert len(other.table) == len(plain.table)
        assert other.side_px == pytest.approx(plain.side_px, rel=0.02)


def test_a_square_is_called_what_it_is():
    kinds = ["intact", "intact", "intact", "intact", "broken", "thick", "empty", "contaminated", "fraction", "missing"]
    right = total = 0
    for seed in range(3):
        picture, centres, told = mesh(shape=(400, 420), kinds=kinds, seed=seed)
        squares = find_squares(picture)
        at, off = nearest(squares.table, centres)
        inner = deep(centres, picture.shape)
        assert (off[inner] < 0.35 * 40).mean() > 0.97
        right += sum(squares.table["kind"].iloc[at[k]] == told[k] for k in np.flatnonzero(inner))
        total += int(inner.sum())
        by_kind = squares.table.groupby("kind")["score"].mean()
        assert by_kind["intact"] > max(by_kind.get(k, 0) for k in ("broken", "thick", "empty", "fraction"))
    assert right / total > 0.93


def test_one_square_alone_stands_without_a_mesh():
    picture, *_ = mesh(shape=(300, 300), pitch=400.0, side=180.0, angle_deg=33.0, seed=1)
    squares = find_squares(picture)
    assert (len(squares.table), squares.lattice) == (1, None)
    assert (squares.rotation_deg - 33 + 45) % 90 - 45 == pytest.approx(0, abs=2)
    assert "too few squares" in squares.note


def test_an_image_without_squares_says_so():
    squares = find_squares(np.random.default_rng(0).normal(100, 10, (200, 200)))
    assert len(squares.table) == 0
    assert list(squares.table.columns) == list(COLUMNS)
    assert "no squares" in squares.note


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (np.zeros((64, 64)), "all pixels"),
        (np.ones((4, 64, 64)), "cannot be searched"),
        (np.full((64, 64), np.nan), "no numbers"),
    ],
)
def test_what_cannot_be_searched_is_refused(image, why):
    with pytest.raises(BadInput, match=why):
        find_squares(image)
