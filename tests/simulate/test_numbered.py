"""What numbered sets share: seeds, folders that know their settings, batches that go on."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cryogauge.records import BadInput
from cryogauge.simulate.numbered import claim, make_missing, own_seed, plain_settings


@dataclass(frozen=True)
class Item:
    out: Path
    index: int

    @property
    def name(self) -> str:
        return f"item_{self.index}"


@dataclass(frozen=True)
class Settings:
    edges: tuple[int, ...] = (3, 4)
    maps: tuple[Path, ...] = (Path("a.mrc"),)


def make(item, key):
    with open(item.out / item.name, "a") as file:
        file.write("made")
    if item.index == 1:
        raise BadInput("it is empty", "fill it")
    return {"item": item.name}


def test_seeds_follow_from_place_and_seed():
    seeds = {own_seed(seed, index) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400
    assert own_seed(3, 5) == own_seed(3, 5)


def test_settings_are_as_a_file_gives_them_back_without_places_of_maps():
    assert plain_settings(Settings()) == {"edges": [3, 4]}


def test_a_folder_is_claimed_once(tmp_path):
    out = tmp_path / "set"
    content = claim(out, "set.json", {"seed": 1}, "boxes")
    assert claim(out, "set.json", {"seed": 1}, "boxes") == content
    with pytest.raises(BadInput, match="holds boxes of other settings"):
        claim(out, "set.json", {"seed": 2}, "boxes")
    assert claim(tmp_path / "other", "set.json", {"seed": 2}, "boxes") != content


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(BadInput, match="holds no boxes"):
        claim(tmp_path, "set.json", {"seed": 1}, "boxes")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_only_what_is_missing_is_made(tmp_path):
    def rows(count, content):
        items = [Item(tmp_path, index) for index in range(count)]
        return make_missing(
            make, items, tmp_path, content, artefacts=lambda item, key: (item.name,), workers=1,
            on_outcome=told.append,
        )  # fmt: skip

    told = []
    assert rows(3, "a") == [{"item": "item_0"}, {"item": "item_2"}]  # a failure takes nothing with it
    assert [outcome.failure is None for outcome in sorted(told, key=lambda outcome: outcome.item.index)] == [
        True, False, True,
    ]  # fmt: skip
    assert rows(4, "a") == [{"item": f"item_{index}"} for index in (0, 2, 3)]
    assert (tmp_path / "item_0").read_text() == "made"
    rows(1, "b")
    assert (tmp_path / "item_0").read_text() == "mademade"
