"""Submissions are kept, ranked and found again; what cannot be scored is not kept."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cryogauge.pick.challenge import Board, Contest, Rules, count_particles, score_picks, split_tomograms
from cryogauge.pick.challenge.board import check_team
from cryogauge.records import BadInput


@pytest.fixture(scope="module")
def contest(challenge):
    truth, _ = challenge
    table = split_tomograms(count_particles(truth, Rules().names), train=3, bins=8, draws=5).table
    return Contest.of(truth, dict(zip(table["tomogram"], table["subset"], strict=True)))


def test_public_and_private_scores_are_those_of_the_subsets(contest, challenge, as_kaggle, tmp_path):
    _, picks = challenge
    assert contest.public["tomogram"].nunique() == 5
    assert contest.private["tomogram"].nunique() == 16
    found, entry = Board(tmp_path / "b.sqlite", contest).submit("Ada", as_kaggle(picks), note="first")
    assert entry.public == score_picks(contest.public, picks).score
    assert entry.private == score_picks(contest.private, picks).score
    assert entry.public_kinds["ribosome"] == pytest.approx(found.public.objects["f_beta"].iloc[3])
    assert "3 tomograms" not in " ".join(found.suspicions)
    assert any("without truth" in remark for remark in found.remarks)  # those for training


def test_ranked_by_the_best_public_score_and_kept_over_a_restart(contest, challenge, as_kaggle, tmp_path, make):
    truth, picks = challenge
    path = tmp_path / "b.sqlite"
    with Board(path, contest) as board:
        board.submit("Ada", as_kaggle(picks))
        board.submit("Ben", as_kaggle(picks[picks["score"] > 0.4]))
        board.submit("Ben", as_kaggle(picks[picks["score"] > 0.95]), note="too strict")
        board.submit("Cid", as_kaggle(truth))
    with Board(path, contest) as board:
        standings = board.standings()
        assert [(each.team, each.submissions) for each in standings] == [("Cid", 1), ("Ben", 2), ("Ada", 1)]
        assert standings[0].best.public == 1.0
        ben = board.history("Ben")
        assert [each.number for each in ben] == [2, 3]
        assert ben[1].note == "too strict"
        assert standings[1].best == ben[0]
        assert board.count() == 4
        assert board.content(4) == as_kaggle(truth)
        assert board.history("nobody") == []
        with pytest.raises(BadInput):
            board.content(99)


def test_the_private_order_keeps_the_submission_that_was_best_in_public(contest, as_kaggle, tmp_path):
    board = Board(tmp_path / "b.sqlite", contest)
    public, private = contest.public, contest.private
    board.submit("Ada", as_kaggle(public), sure=True)
    board.submit("Ben", as_kaggle(private), sure=True)
    board.submit("Ben", as_kaggle(public.iloc[::2]), sure=True)
    assert [each.team for each in board.standings()] == ["Ada", "Ben"]
    assert [each.best.private for each in board.standings(by_private=True)] == [0.0, 0.0]


def test_problems_and_slips_are_not_kept(contest, challenge, as_kaggle, tmp_path):
    _, picks = challenge
    board = Board(tmp_path / "b.sqlite", contest)
    found, entry = board.submit("Ada", as_kaggle(picks).replace(b"ribosome", b"rib", 1))
    assert entry is None
    assert found.problem_count == 1
    voxels = picks.assign(x_A=picks["x_A"] / 10, y_A=picks["y_A"] / 10, z_A=picks["z_A"] / 10)
    found, entry = board.submit("Ada", as_kaggle(voxels))
    assert entry is None
    assert "voxels" in found.suspicions[0]
    with pytest.raises(BadInput, match="no pick lies in a tomogram"):
        board.submit("Ada", as_kaggle(picks.assign(tomogram="x")))
    with pytest.raises(BadInput, match="no note"):
        board.submit("Ada", as_kaggle(picks), note="x" * 201)
    assert board.count() == 0
    _, entry = board.submit("Ada", as_kaggle(voxels), sure=True)
    assert entry is not None
    assert board.count() == 1


@pytest.mark.parametrize("name", ["", " ", "=1+1", "x" * 65, "a\x00b", "-"])
def test_names_that_cannot_be(name):
    with pytest.raises(BadInput):
        check_team(name)


def test_a_board_belongs_to_one_challenge(contest, challenge, tmp_path):
    path = tmp_path / "b.sqlite"
    Board(path, contest)
    Board(path, replace(contest))
    for other in (replace(contest, rules=Rules(beta=2.0)), replace(contest, public=contest.public.iloc[1:])):
        with pytest.raises(BadInput, match="another challenge"):
            Board(path, other)
    (tmp_path / "text").write_text("no database, only a long enough text" * 50)
    with pytest.raises(BadInput, match="damaged or no leaderboard"):
        Board(tmp_path / "text", contest)
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    with pytest.raises(BadInput, match="holds no leaderboard"):
        Board(tmp_path / "other.sqlite", contest)
    with pytest.raises(BadInput, match="no folder"):
        Board(tmp_path / "none" / "b.sqlite", contest)


def test_a_split_must_know_the_truth(challenge):
    truth, _ = challenge
    with pytest.raises(BadInput, match="does not know the tomogram"):
        Contest.of(truth, {"TS_000": "public"})
    everything = dict.fromkeys(truth["tomogram"], "public")
    with pytest.raises(BadInput, match="private tomograms hold no particle"):
        Contest.of(truth, everything)


def test_many_at_once_are_all_kept(contest, challenge, as_kaggle, tmp_path):
    _, picks = challenge
    boards = [Board(tmp_path / "b.sqlite", contest) for _ in range(3)]
    content = as_kaggle(picks.iloc[::20])
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda k: boards[k % 3].submit(f"Team {k % 4}", content), range(12)))
    assert boards[0].count() == 12
    assert sorted(each.submissions for each in boards[1].standings()) == [3, 3, 3, 3]
