import numpy as np
import pytest

from cryogauge.pick.challenge import Rules, choose_beta, score_picks
from cryogauge.pick.challenge.beta import SHARES, mixture
from cryogauge.records import BadInput


def test_the_steps_are_those_of_the_paper():
    assert SHARES[:9] == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    assert np.allclose(np.diff(SHARES[8:]), 0.02)
    assert SHARES[-1] == 1.0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98, 1.0])
def test_a_mixture_holds_its_share_of_each_kind(share):
    kind = np.repeat([0, 1, 2], [100, 51, 30])
    true = np.arange(len(kind)) % 2 == 0
    chosen = mixture(kind, true, share, np.random.default_rng(0))
    for number in range(3):
        for side, part in ((True, share), (False, 1 - share)):
            group = (kind == number) & (true == side)
            assert chosen[group].sum() == round(part * group.sum())
    again = mixture(kind, true, share, np.random.default_rng(1))
    assert (chosen == again).all() == (share in (0.0, 1.0))


def test_scores_at_the_ends_are_the_model_and_the_truth(challenge):
    truth, picks = challenge
    found = choose_beta(truth, picks, draws=3, betas=[1, 4, 4])
    ends = found.scores.groupby(["beta", "share"])["score"].agg(["min", "max"])
    for beta in (1.0, 4.0):
        model = score_picks(truth, picks, Rules(beta=beta)).score
        assert ends.loc[(beta, 0.0)].tolist() == pytest.approx([model, model])
        assert ends.loc[(beta, 1.0)].tolist() == pytest.approx([1.0, 1.0])
    assert found.stability["beta"].tolist() == [1.0, 4.0]
    assert len(found.scores) == 2 * 3 * len(SHARES)


def test_with_enough_particles_small_beta_is_stable_and_with_few_none_is(make):
    truth, picks = make(24)
    found = choose_beta(truth, picks, draws=10, betas=[1, 4])
    assert found.beta == 1.0
    assert found.stability["stable"].min() >= 0.95
    assert (found.stability["in_order"] > 0.8).all()
    few, poor = make(1, recall=0.9, false=0.1)
    assert choose_beta(few, poor, draws=20, betas=[1, 4]).stability["stable"].max() < 0.9
    assert choose_beta(few, poor, draws=20, betas=[1, 4]).beta is None


def test_little_truth_scores_below_a_good_model(make):
    truth, picks = make(24, recall=0.9, false=0.3)
    row = choose_beta(truth, picks, draws=5, betas=[4]).stability.iloc[0]
    assert 0.5 <= row["beats_model_from"] <= 1.0


@pytest.mark.parametrize("wrong", [{"betas": []}, {"betas": [0.0, 1.0]}, {"draws": 1}, {"needed": 0.0}])
def test_what_chooses_nothing_is_refused(challenge, wrong):
    truth, picks = challenge
    with pytest.raises(BadInput):
        choose_beta(truth, picks, **wrong)
    with pytest.raises(BadInput, match="no pick"):
        choose_beta(truth, picks.assign(tomogram="elsewhere"))
