import pytest
import torch

from cryogauge.pick.losses import make_loss, peak_loss
from cryogauge.records import BadInput

LABELS = torch.zeros(2, 8, 8, 8, dtype=torch.uint8)
LABELS[:, 2:5, 2:5, 2:5] = 1
LABELS[:, 6, 6, 6] = 2
PERFECT = torch.nn.functional.one_hot(LABELS.long(), 3).movedim(-1, 1).float() * 30 - 15


@pytest.mark.parametrize("name", ["tversky", "focal-tversky", "dice", "cross-entropy"])
def test_the_right_answer_costs_nothing_and_the_wrong_one_much(name):
    loss = make_loss(name, 3)
    assert float(loss(PERFECT, LABELS)) < 0.01
    assert float(loss(-PERFECT, LABELS)) > 0.6
    nothing = torch.zeros_like(PERFECT)
    nothing[:, 0] = 15.0
    assert float(loss(nothing, LABELS)) > 0.3, "background everywhere is no answer"


def test_tversky_is_its_definition():
    """TP / (TP + α FP + β FN) with α = 0.3 and β = 0.7, mean over kinds, of probabilities."""
    torch.manual_seed(1)
    logits = torch.randn(2, 3, 8, 8, 8)
    p = torch.softmax(logits, 1)
    truth = torch.nn.functional.one_hot(LABELS.long(), 3).movedim(-1, 1).float()
    over = (0, 2, 3, 4)
    tp, fp, fn = (p * truth).sum(over), (p * (1 - truth)).sum(over), ((1 - p) * truth).sum(over)
    expected = 1 - (tp / (tp + 0.3 * fp + 0.7 * fn)).mean()
    assert float(make_loss("tversky", 3)(logits, LABELS)) == pytest.approx(float(expected), abs=1e-4)
    assert float(make_loss("focal-tversky", 3)(logits, LABELS)) == pytest.approx(float(expected**0.75), abs=1e-4)


def test_peak_loss_wants_the_top_and_forgives_the_flank():
    target = torch.zeros(1, 1, 1, 1, 5)
    target[..., :] = torch.tensor([0.0, 0.6, 1.0, 0.6, 0.0])
    off = torch.full_like(target, -8.0)
    on_top, on_flank, beside = off.clone(), off.clone(), off.clone()
    on_top[..., 2], on_flank[..., 1], beside[..., 0] = 8.0, 8.0, 8.0
    assert float(peak_loss(on_top, target)) < 0.01 < float(peak_loss(off, target))
    assert float(peak_loss(on_top + (on_flank - off), target)) < float(peak_loss(on_top + (beside - off), target))


def test_peak_loss_without_a_peak_is_finite():
    assert float(peak_loss(torch.full((1, 1, 4, 4, 4), -8.0), torch.zeros(1, 1, 4, 4, 4))) < 0.01


def test_unknown_losses_are_refused():
    with pytest.raises(BadInput, match="'hinge'"):
        make_loss("hinge", 3)  # type: ignore[arg-type]
