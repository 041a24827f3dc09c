import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.pick.robust.networks import label_correction, reweighting
from cryogauge.pick.robust.plan import Robust


def parameters(network: torch.nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_they_are_as_small_as_the_paper_says():
    """1 → 500 → 1 is 1,501; three convolutions of 1³ for thirteen channels are about a thousand."""
    assert parameters(reweighting("example")) == 1501
    for features, count in ((32, 429), (48, 637), (64, 845)):
        assert parameters(label_correction(Robust(), features, 13, exclusive=True)) == count + 351 + 182


@given(seed=st.integers(0, 1000), mixing=st.sampled_from([0.1, 0.5, 0.9]), exclusive=st.booleans())
def test_a_corrected_label_lies_between_the_label_and_what_is_said(seed, mixing, exclusive):
    torch.manual_seed(seed)
    network = label_correction(Robust("prediction", mixing=mixing), 4, 4, exclusive=exclusive)
    said = torch.softmax(torch.randn(2, 4, 3, 3, 3), 1)
    label = torch.nn.functional.one_hot(torch.randint(0, 4, (2, 3, 3, 3)), 4).movedim(-1, 1).float()
    corrected, alpha = network(said, label)
    assert torch.allclose(corrected, alpha * said + (1 - alpha) * label)
    assert bool(((alpha > 0) & (alpha < 1)).all())
    assert float(abs(torch.logit(alpha.detach()) - torch.logit(torch.tensor(mixing))).mean()) < 1.5


def test_what_is_said_from_features_sums_to_one_where_kinds_exclude_one_another():
    network = label_correction(Robust("features"), 5, 3, exclusive=True)
    label = torch.zeros(1, 3, 2, 2, 2)
    corrected, alpha = network(torch.randn(1, 5, 2, 2, 2), label)
    assert torch.allclose((corrected / alpha).sum(1), torch.ones(1, 2, 2, 2), atol=1e-5)


@pytest.mark.parametrize("kind", ["example", "voxel"])
def test_weights_lie_between_0_and_1(kind):
    weights = reweighting(kind)(torch.linspace(0, 50, 20)[:, None])
    assert weights.shape == (20, 1)
    assert bool(((weights >= 0) & (weights <= 1)).all())
