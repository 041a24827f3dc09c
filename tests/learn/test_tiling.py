import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cryogauge.learn.tiling import HALF_TURNS, predict_volume

edges = st.tuples(*(st.integers(5, 40) for _ in range(3)))


class Every(nn.Module):
    """Voxel j of the output is voxel stride × j of the input."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        s = self.stride
        return torch.cat([x[:, :, ::s, ::s, ::s], -x[:, :, ::s, ::s, ::s]], 1)


def predicted(volume, stride, **how):
    return predict_volume(Every(stride).eval(), volume, activation=lambda x: x, stride=stride, **how)


@settings(max_examples=40, deadline=None)
@given(
    shape=edges, stride=st.sampled_from([1, 2]), overlap_px=st.integers(0, 15), multiple=st.sampled_from([1, 2, 4, 8]),
    turns=st.booleans(),
)  # fmt: skip
def test_tiles_and_turns_put_everything_back_where_it_was(shape, stride, overlap_px, multiple, turns):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    out = predicted(
        volume, stride, tile_px=16, overlap_px=overlap_px, multiple=multiple, turns=HALF_TURNS if turns else ((),)
    )
    expected = volume[::stride, ::stride, ::stride]
    assert out.shape == (2, *expected.shape)
    assert np.allclose(out[0], expected, atol=1e-5)
    assert np.allclose(out[1], -expected, atol=1e-5)


@given(length=st.integers(1, 700), overlap_px=st.integers(0, 40), multiple=st.sampled_from([1, 4, 8, 16]))
def test_tiles_share_their_overlap_and_are_no_larger_than_need_be(length, overlap_px, multiple):
    seen: list[tuple[int, ...]] = []

    class Seeing(Every):
        def forward(self, x):
            seen.append(tuple(x.shape[2:]))
            return super().forward(x)

    volume = np.zeros((1, 1, length), np.float32)
    predict_volume(Seeing(1).eval(), volume, activation=lambda x: x, tile_px=48, overlap_px=overlap_px,
                   multiple=multiple)  # fmt: skip
    edge = seen[0][2]
    assert edge <= 48
    assert edge % multiple == 0
    needed = length + (len(seen) - 1) * overlap_px
    assert needed <= len(seen) * edge < needed + len(seen) * multiple + len(seen)
    assert len(seen) == 1 or (length - overlap_px) > (len(seen) - 1) * (48 - overlap_px)  # no fewer would do


def test_a_network_that_sees_the_edge_of_its_tile_is_hardly_seen_to():
    """Blending: a network that is wrong at its tile's border is trusted in the middle of the next tile."""

    class Wrong(Every):
        def forward(self, x):
            out = super().forward(x).clone()
            out[..., 0] += 100
            return out

    volume = np.zeros((16, 16, 64), np.float32)
    blended = predict_volume(Wrong(1).eval(), volume, activation=lambda x: x, tile_px=16, overlap_px=8)
    assert blended[0][..., 4:].max() < 1.0
    plain = predict_volume(Wrong(1).eval(), volume, activation=lambda x: x, tile_px=16, overlap_px=0)
    assert plain[0][..., 4:].max() > 50


def test_progress_ends_at_one():
    told: list[float] = []
    volume = np.zeros((16, 16, 40), np.float32)
    predicted(volume, 1, tile_px=16, overlap_px=4, turns=HALF_TURNS, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
