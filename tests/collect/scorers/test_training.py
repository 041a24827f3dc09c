"""What is learned from selections, how it is measured, and when it is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cryogauge.collect.scorers.features import FEATURES, target_features
from cryogauge.collect.scorers.model import fit_scorer
from cryogauge.collect.scorers.training import kept_out, labelled_features, ordered_pairs, train_scorer
from cryogauge.records import BadInput
from tests.collect.scorers.selections import holes, squares

GRIDS = pd.concat([squares(name) for name in ("a", "b", "c", "d", "e")], ignore_index=True)


def test_a_hidden_preference_is_learned_and_holds_on_another_grid():
    scorer = train_scorer(GRIDS, "squares")
    assert scorer.learned_from == {"targets": 300, "selected": 90, "grids": 5, "ratings": False}
    told = scorer.kept_out
    assert told["auc_low"] <= told["auc"] <= told["auc_high"]
    assert told["auc"] > 0.85 > 0.7 > told["default_auc"]
    other = squares("z", count=200)
    assert roc_auc_score(other["chosen"], scorer("squares", other, np.zeros((1, 1)), None)) > 0.85
    assert "its film" in " ".join(scorer.words(target_features(other, "squares")))
    with pytest.raises(BadInput, match="not from holes"):
        scorer("holes", other, np.zeros((1, 1)), None)


def test_the_fit_is_logistic_regression_with_a_ridge():
    features, chosen, _, _ = labelled_features(GRIDS, "squares")
    scorer = fit_scorer("squares", features, chosen, 3.0)
    scaled = np.clip((features - features.mean(0)) / np.where(features.std(0) > 1e-6, features.std(0), 1), -3, 3)
    design = np.column_stack([scaled, scaled**2 - 1])
    theirs = LogisticRegression(C=1 / 3.0, tol=1e-8, max_iter=5000).fit(design, chosen)
    assert np.allclose(scorer.scores(features), theirs.predict_proba(design)[:, 1], atol=1e-3)


def test_holes_are_learned_too_and_what_is_unknown_is_usual():
    table = pd.concat([holes(name) for name in "abc"], ignore_index=True)
    scorer = train_scorer(table, "holes")
    assert scorer.kept_out["auc"] > 0.85
    assert np.isfinite(scorer.mean).all()
    assert scorer.linear[list(FEATURES["holes"]).index("ice")] == 0


def test_ratings_are_learned_as_ratings():
    rated = GRIDS.assign(chosen=np.clip(1 - np.abs(GRIDS["relative"] - 0.8) / 0.5, 0, 1).round(1))
    scorer = train_scorer(rated, "squares")
    assert scorer.learned_from["ratings"]
    assert scorer.kept_out["spearman"] > 0.9


def test_noise_is_not_said_to_be_learned():
    rng = np.random.default_rng(0)
    scorer = train_scorer(GRIDS.assign(chosen=rng.integers(0, 2, len(GRIDS)).astype(float)), "squares")
    assert 0.35 < scorer.kept_out["auc"] < 0.65


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=30))
def test_ordered_pairs_are_the_area_under_the_curve(rows):
    scores, chosen = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    right, pairs = ordered_pairs(scores, chosen)
    upper, lower = scores[chosen == 1], scores[chosen == 0]
    assert pairs == len(upper) * len(lower)
    plain = (upper[:, None] > lower).sum() + 0.5 * (upper[:, None] == lower).sum()
    assert right == pytest.approx(plain)


def test_grids_are_measured_one_by_one():
    scores = np.array([0.9, 0.8, 0.2, 0.1])
    chosen = np.array([1.0, 0.0, 1.0, 0.0])
    told = kept_out(scores, -scores, chosen, np.array(["a", "a", "b", "b"]))
    assert (told.auc, told.default_auc, told.grids) == (1.0, 0.0, 2)  # the lower grid's worse scores cost nothing
    with pytest.raises(BadInput, match="no grid has both"):
        kept_out(scores, scores, np.array([1.0, 1.0, 0.0, 0.0]), np.array(list("aabb")))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (GRIDS.head(12), "12 labelled targets are too few"),
        (GRIDS.assign(chosen=1.0), "300 targets were selected and 0 left"),
        (squares("a"), r"all labels are of one grid \(a\)"),
        (GRIDS.assign(chosen=np.nan), "0 labelled targets"),
        (GRIDS.drop(columns="usable"), "no column usable"),
    ],
)
def test_too_little_is_refused(table, told):
    with pytest.raises(BadInput, match=told):
        train_scorer(table, "squares")
