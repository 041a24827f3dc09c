import json

import pytest

from cryogauge.io.copick import create_project, open_project, write_project_picks
from cryogauge.pick.challenge import Rules, make_rules, read_objects, read_positions, score_picks
from cryogauge.pick.challenge.sources import tomograms_of
from cryogauge.records import CZII_OBJECTS, BadInput, PickObject


def _write(path, value):
    path.write_text(json.dumps(value))
    return path


def test_a_list_of_kinds(tmp_path):
    kinds = [{"name": "a", "radius_A": 50, "weight": 2}, {"name": "b", "radius_A": 70.5}]
    assert read_objects(_write(tmp_path / "kinds.json", kinds)) == (
        PickObject("a", 1, 50.0, 2.0),
        PickObject("b", 2, 70.5, 1.0),
    )


def test_a_copick_configuration_knows_weights_or_the_challenges_are_taken(tmp_path):
    kinds = [
        {"name": "beta-amylase", "is_particle": True, "label": 2, "radius": 65},
        {"name": "membrane", "is_particle": False, "label": 7},
        {"name": "thyroglobulin", "is_particle": True, "label": 5, "radius": 130, "metadata": {"weight": 3}},
        {"name": "proteasome", "is_particle": True, "label": 9, "radius": 80},
    ]
    config = _write(tmp_path / "copick.json", {"pickable_objects": kinds, "overlay_root": "local:///x"})
    found = read_objects(config)
    assert [(each.name, each.label, each.weight) for each in found] == [
        ("beta-amylase", 2, 0.0), ("thyroglobulin", 5, 3.0), ("proteasome", 9, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "a"}, "lists no kinds"),
        ([], "lists no kind"),
        ({"pickable_objects": []}, "lists no kind"),
        ([{"name": "a"}], "lacks a name or a radius_A"),
        ([{"name": "a", "radius_A": "wide"}], "no number"),
        ([{"name": "a", "radius_A": None}], "no number"),
        ([{"name": "a", "radius_A": -1}], "radius of -1"),
        ([{"name": "a b", "radius_A": 1}], "cannot be called"),
        ([{"name": "a", "radius_A": 1, "wieght": 2}], "unknown wieght"),
        ([3], "lacks"),
    ],
)
def test_kinds_that_cannot_be_are_refused(tmp_path, value, message):
    with pytest.raises(BadInput, match=message):
        read_objects(_write(tmp_path / "kinds.json", value))


def test_a_name_twice_is_refused():
    with pytest.raises(BadInput, match="same name"):
        Rules((PickObject("a", 1, 1.0), PickObject("a", 2, 1.0)))


def test_positions_of_a_copick_project(challenge, tmp_path):
    truth, picks = challenge
    config = create_project(tmp_path / "project", CZII_OBJECTS)
    project = open_project(config)
    for name in truth["tomogram"].unique():
        project.root.new_run(name)
    write_project_picks(project, truth.assign(score=1.0), user="curation", session="0")
    write_project_picks(project, picks, user="unet", session="1")
    rules = make_rules(None, config)
    assert rules.described() == Rules().described()
    known = read_positions(config, rules, user="curation")
    found = read_positions(config, rules, user="unet", session="1")
    assert score_picks(known, found, rules).score == pytest.approx(score_picks(truth, picks).score)
    assert tomograms_of(config) == sorted(truth["tomogram"].unique())
    with pytest.raises(BadInput):
        read_positions(config, rules, user="nobody")
    with pytest.raises(BadInput, match="no copick project"):
        read_positions(tmp_path / "x.csv", rules, user="unet")
