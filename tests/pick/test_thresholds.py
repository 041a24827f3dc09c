import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.pick.challenge import Rules, score_picks
from cryogauge.pick.thresholds import above, tune_thresholds
from cryogauge.records import PickObject

RULES = Rules((PickObject("a", 1, 50.0), PickObject("b", 2, 80.0)))


def drawn(seed: int, misses: float, false: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    truth, picks = [], []
    for tomogram in ("T1", "T2"):
        for name in ("a", "b"):
            places = rng.uniform(0, 3000, (20, 3))
            truth += [(tomogram, name, *place, 1.0) for place in places]
            hit = places[rng.random(20) > misses] + rng.normal(0, 8, 3)
            picks += [(tomogram, name, *place, rng.uniform(0.3, 1.0)) for place in hit]
            picks += [(tomogram, name, *place, rng.uniform(0.0, 0.6)) for place in rng.uniform(0, 3000, (false, 3))]
    columns = ["tomogram", "object", "x_A", "y_A", "z_A", "score"]
    return pd.DataFrame(truth, columns=columns), pd.DataFrame(picks, columns=columns)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000), misses=st.floats(0, 0.5), false=st.integers(0, 200), beta=st.sampled_from([1.0, 4.0])
)
def test_no_threshold_is_better_by_more_than_the_tolerance(seed, misses, false, beta):
    truth, picks = drawn(seed, misses, false)
    rules = Rules(RULES.objects, beta=beta)
    chosen = tune_thresholds(truth, picks, rules)
    ours = score_picks(truth, above(picks, chosen), rules).objects.set_index("object")["f_beta"]
    for name in ("a", "b"):
        of_kind = picks[picks["object"] == name]
        best = max(
            score_picks(truth, of_kind[of_kind["score"] >= cut], rules).objects.set_index("object")["f_beta"][name]
            for cut in np.quantile(of_kind["score"], np.linspace(0, 0.99, 40))
        )
        assert ours[name] >= best - 0.021


def test_beta_4_keeps_more_than_beta_1():
    truth, picks = drawn(0, 0.2, 100)
    kept = {beta: len(above(picks, tune_thresholds(truth, picks, Rules(RULES.objects, beta)))) for beta in (1.0, 4.0)}
    assert kept[4.0] > kept[1.0]


def test_kinds_without_truth_keep_all():
    truth, picks = drawn(0, 0.2, 10)
    chosen = tune_thresholds(truth[truth["object"] == "a"], picks, RULES)
    assert set(chosen) == {"a"}
    assert (above(picks, chosen)["object"] == "b").sum() == (picks["object"] == "b").sum()
