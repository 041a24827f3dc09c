"""Plans: what boxes decide, files that people edit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.classes.iterate.plan import IteratePlan, RelionJobs, make_plan, read_settings, write_plan
from cryogauge.records import BadInput


@pytest.mark.parametrize(
    ("box", "size", "rounds"),
    [(64, "small", 5), (199, "small", 5), (200, "medium", 3), (300, "medium", 3), (301, "large", 2), (512, "large", 2)],
)
def test_the_box_decides_the_rounds(box, size, rounds):
    plan = make_plan(10_000, box, 150.0)
    assert (plan.size, plan.rounds) == (size, rounds)


def test_the_papers_numbers():
    plan = make_plan(100_000, 150, 100.0)
    assert (plan.attract, plan.reject, plan.set_aside, plan.cutoffs) == (2.5, 4.5, 0.7, (2.5, 3.5, 4.5))
    assert plan.mask_diameter_A == 120.0
    assert plan.cryosparc.classification_parameters["class2D_max_res"] == 3
    assert plan.cryosparc.model_parameters["abinit_minisize"] == 1000
    assert not make_plan(100_000, 400, 100.0).cryosparc.classification_parameters


@given(
    st.integers(20, 10**6), st.integers(16, 600), st.floats(20, 900), st.integers(0, 2**31 - 1),
    st.lists(st.floats(1, 4.4), min_size=1, max_size=4, unique=True).map(sorted), st.integers(0, 300),
)  # fmt: skip
def test_a_plan_reads_as_it_was_written(tmp_path_factory, particles, box, diameter, seed, cutoffs, iterations):
    relion = RelionJobs(iterations=iterations, model_batch=(3, 4))
    plan = make_plan(particles, box, diameter, seed=seed, cutoffs=tuple(cutoffs), relion=relion)
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(path, plan)
    assert IteratePlan(**read_settings(path)) == plan


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ronds": 3}, "unknown key: ronds"),
        ({"relion": {"threads": 3}}, "unknown key: threads"),
        ({"rounds": "three"}, "rounds in .* cannot be 'three'"),
        ({"rounds": True}, "cannot be True"),
        ({"cutoffs": [2.5, "x"]}, "cutoffs"),
        ({"relion": {"model_batch": [1]}}, "model_batch"),
        ([1], "not a mapping"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, settings, message):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(settings))
    with pytest.raises(BadInput, match=message):
        read_settings(path)


def test_part_of_a_plan_is_settings(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text('{"rounds": 1, "relion": {"iterations": 4}}')
    plan = make_plan(1000, 64, 100.0, **read_settings(path))
    assert (plan.rounds, plan.relion.iterations, plan.relion.tau2_fudge) == (1, 4, 2.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attract": 4.6}, {"set_aside": 1.1}, {"cutoffs": (3.5, 2.5)}, {"cutoffs": (5.0,)}, {"cutoffs": ()},
        {"classes": 0}, {"rounds": -1}, {"seed": 2**31}, {"mask_diameter_A": 10.0}, {"diameter_A": 0.0},
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput):
        make_plan(1000, 64, **{"diameter_A": 100.0} | wrong)


@given(st.integers(0, 5000), st.integers(1, 60), st.integers(1, 100))
def test_classes_never_starve(particles, classes, fewest):
    plan = IteratePlan(100.0, 120.0, 64, 1, classes, fewest_particles=fewest)
    count = plan.classes_for(particles)
    assert 1 <= count <= classes
    assert count == 1 or particles // count >= fewest
