"""Scorers and judges that a session's settings name."""

import numpy as np
import pandas as pd
import pytest

from cryogauge.collect.scorers.model import write_scorer
from cryogauge.collect.scorers.training import train_scorer
from cryogauge.collect.screen import eyes as module
from cryogauge.collect.screen.eyes import eyes_of
from cryogauge.collect.screen.session import Eyes
from cryogauge.collect.screen.settings import session_from
from cryogauge.collect.targets.squares import Squares
from cryogauge.records import BadInput
from tests.collect.scorers.selections import squares

IMAGE = np.zeros((4, 4), np.float32)


def _found(image, pixel_size_A):
    return Squares(squares("z"), None, 0.0, 40.0)


def _settings(**values):
    return session_from({"driver": "simulated", "grids": {1: "one"}, **values})


def test_a_session_ranks_by_the_scorer_it_names(tmp_path):
    table = pd.concat([squares(name) for name in "ab"], ignore_index=True)
    write_scorer(tmp_path / "mine.json", train_scorer(table, "squares"), "1")
    plain, named = _settings(), _settings(squares={"scorer": str(tmp_path / "mine.json")})
    eyes = Eyes(squares=_found)
    assert eyes_of(plain, eyes).squares(IMAGE, 1.0).table.equals(squares("z"))
    ranked = eyes_of(named, eyes).squares(IMAGE, 1.0).table
    assert ranked["chosen"].head(10).mean() > 0.7
    assert "mine.json scores it" in ranked["why"][0]


def test_a_scorer_that_fails_ends_nothing(monkeypatch):
    def broken(name, what):
        def rescored(table, image, pixel_size_A):
            raise BadInput("the scorer odd returned scores beyond 0 and 1", "ask its author")

        return rescored

    monkeypatch.setattr(module, "rescoring", broken)
    table = eyes_of(_settings(squares={"scorer": "odd"}), Eyes(squares=_found)).squares(IMAGE, 1.0).table
    assert table["score"].tolist() == squares("z")["score"].tolist()
    assert "beyond 0 and 1: the finder's own score stands" in table["why"][0]


def test_judges_of_plug_ins_multiply_the_score(monkeypatch):
    settings = _settings(judge={"judges": ["sharp"]})
    monkeypatch.setattr(module, "load_plugin", lambda group, name: None)
    monkeypatch.setattr(module, "with_judges", lambda row, exposure, names: row | {"judges": names})
    eyes = eyes_of(settings, Eyes(judge=lambda image, pixel_size_A, how: {"score": 0.5}))
    assert eyes.judge(IMAGE, 1.0, settings.judge) == {"score": 0.5, "judges": ("sharp",)}


def test_what_is_not_installed_is_told_before_the_session_begins():
    with pytest.raises(BadInput, match="no judge is called 'none'"):
        eyes_of(_settings(judge={"judges": ["none"]}))
    with pytest.raises(BadInput, match="no scorer is called 'none'"):
        eyes_of(_settings(holes={"scorer": "none"}))
