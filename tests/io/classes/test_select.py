"""Selections: no particle is lost or doubled, nothing of it changes, and their own programs read them."""

import subprocess

import numpy as np
import pytest
import starfile
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryogauge.io.classes import open_classes, read_class_particles, select_particles
from cryogauge.io.classes.cs_file import read_cs
from cryogauge.io.classes.star import read_star_text
from cryogauge.records import BadInput
from tests.io.classes.makers import (
    cs_table,
    needs_relion,
    pictures,
    save_cs,
    write_cryosparc,
    write_relion,
    write_stack,
)

CASES = st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.sets(st.integers(1, 4), min_size=1))
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows_of(path):
    return list(read_star_text(path).block("particles").rows)


@FEW
@given(CASES)
def test_a_relion_selection_and_the_rest_are_all_in_order_and_as_they_stood(tmp_path, case):
    class_of, chosen = case
    job, out = tmp_path / "job", tmp_path / "out"
    write_relion(job, class_of, count=4)
    if not chosen & set(class_of):
        with pytest.raises(BadInput, match="no particle"):
            select_particles(job, chosen, out)
        return
    done = select_particles(job, chosen, out)
    before = rows_of(job / "run_it025_data.star")
    kept, rest = rows_of(out / "particles.star"), rows_of(out / "particles_excluded.star")
    assert kept == [row for row, number in zip(before, class_of, strict=True) if number in chosen]
    assert rest == [row for row, number in zip(before, class_of, strict=True) if number not in chosen]
    assert (done.particles, done.excluded, done.classes) == (len(kept), len(rest), tuple(sorted(chosen)))
    head = (job / "run_it025_data.star").read_text().partition("000001@")[0]
    assert (out / "particles.star").read_text().startswith(head)
    flags = starfile.read(out / "backup_selection.star")["rlnSelected"]
    assert np.atleast_1d(flags).tolist() == [int(k in chosen) for k in (1, 2, 3, 4)]


@FEW
@given(CASES)
def test_a_cryosparc_selection_and_the_rest_are_all_bit_for_bit(tmp_path, case):
    class_of, chosen = np.array(case[0]) % 4, {number - 1 for number in case[1]}
    job, out = tmp_path / "J12", tmp_path / "out"
    write_cryosparc(job, class_of)
    before = np.array(read_cs(job / "J12_020_particles.cs"))
    if not chosen & set(class_of.tolist()):
        with pytest.raises(BadInput, match="no particle"):
            select_particles(job, chosen, out)
        return
    done = select_particles(job, chosen, out)
    mask = np.isin(class_of, sorted(chosen))
    assert read_cs(out / "particles_selected.cs").tobytes() == before[mask].tobytes()
    assert read_cs(out / "particles_excluded.cs").tobytes() == before[~mask].tobytes()
    assert read_cs(out / "particles_selected.cs").dtype == before.dtype
    assert (done.particles, done.excluded) == (mask.sum(), (~mask).sum())


def test_what_cryosparc_imports_names_files_and_counts(tmp_path):
    job, out = tmp_path / "J12", tmp_path / "out"
    images = write_cryosparc(job, [0, 1, 2, 2, 3])
    uids = read_cs(job / "J12_020_particles.cs")["uid"]
    order = np.array([3, 0, 4, 1, 2])  # what is passed through need not be in the particles' order
    through = cs_table({"uid": uids[order], "location/center_x_frac": np.linspace(0, 1, 5)[order].astype(np.float32)})
    save_cs(job / "J12_passthrough_particles.cs", through)
    done = select_particles(job, [2, 0], out)
    group = yaml.safe_load((out / "particles_selected.csg").read_text())
    assert group["group"]["type"] == "particle"
    assert group["results"]["alignments2D"] == {
        "metafile": ">particles_selected.cs", "num_items": 3, "type": "particle.alignments2D"
    }  # fmt: skip
    assert group["results"]["location"]["metafile"] == ">passthrough_particles_selected.cs"
    assert set(group["results"]) == {"alignments2D", "blob", "location"}
    passed = read_cs(out / "passthrough_particles_selected.cs")
    np.testing.assert_array_equal(passed["uid"], uids[[0, 2, 3]])
    np.testing.assert_allclose(passed["location/center_x_frac"], [0, 0.5, 0.75])
    assert read_cs(out / "templates_selected.cs")["blob/idx"].tolist() == [0, 2]
    assert read_cs(out / "templates_excluded.cs")["blob/idx"].tolist() == [1, 3]
    assert yaml.safe_load((out / "templates_selected.csg").read_text())["results"]["blob"]["type"] == "template.blob"
    assert done.files["passthrough"].is_file()
    again = open_classes(out)  # within the project, its images are found
    np.testing.assert_array_equal(again.images, images[[0, 2]])
    assert again.table["particles"].tolist() == [1, 2]
    save_cs(job / "J12_passthrough_particles.cs", through[:2])
    done = select_particles(job, [2], tmp_path / "out2")
    assert "passthrough" not in done.files
    assert any("does not list all" in note for note in done.notes)


@needs_relion
def test_relion_reads_its_selection(relion_job, tmp_path):
    stack = open_classes(relion_job)
    best = int(stack.table["class"][stack.table["particles"].idxmax()])
    done = select_particles(stack.source, [best], tmp_path)
    subprocess.run(
        ["relion_star_handler", "--i", "particles.star", "--o", "o.star", "--select", "rlnClassNumber"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    theirs = starfile.read(tmp_path / "o.star", always_dict=True)["particles"]
    assert len(theirs) == done.particles == stack.table["particles"].max()
    assert (theirs["rlnClassNumber"] == best).all()
    averages = starfile.read(done.files["averages"], always_dict=True)[""]
    assert np.atleast_1d(averages["rlnClassNumber"]).astype(int).tolist() == [best]
    old = read_class_particles(relion_job, iteration=1)
    assert (old.program, len(old.class_of)) == ("relion", 60)


def test_a_selection_of_a_selection_counts_as_the_first_job_did(tmp_path):
    job = tmp_path / "Class2D" / "job001"
    images = write_relion(job, [1, 2, 3, 3], name="Class2D/job001")
    first = tmp_path / "Select" / "job002"
    select_particles(job, [3, 1], first)
    stack = open_classes(first)
    np.testing.assert_array_equal(stack.images, images[[0, 2]])
    assert stack.table[["class", "particles"]].to_numpy().tolist() == [[1, 1], [3, 2]]
    done = select_particles(first, [3], tmp_path / "Select" / "job003")
    assert (done.particles, done.excluded) == (2, 1)
    with pytest.raises(BadInput, match="replaced by a part of itself"):
        select_particles(first, [3], first)
    with pytest.raises(BadInput, match="has no class 2"):
        select_particles(first, [2], tmp_path / "x")


def test_what_does_not_fit_is_refused_and_writes_nothing(tmp_path):
    job, out = tmp_path / "job", tmp_path / "out"
    write_relion(job, [1, 2, 9])
    with pytest.raises(BadInput, match="class 9"):
        select_particles(job, [1], out)
    write_relion(job, [1, 2, 3])
    for classes, said in (([], "no class is chosen"), ([4], "has no class 4: it has 1 to 3")):
        with pytest.raises(BadInput, match=said):
            select_particles(job, classes, out)
    data = job / "run_it025_data.star"
    data.write_text(data.read_text().rstrip()[:-12])
    with pytest.raises(BadInput, match="cut off"):
        select_particles(job, [1], out)
    data.unlink()
    with pytest.raises(BadInput, match=r"run_it025_data\.star does not exist"):
        select_particles(job, [1], out)
    cs = tmp_path / "J1"
    write_cryosparc(cs, [0, 1], start="J1_020")
    table = np.array(read_cs(cs / "J1_020_particles.cs"))
    table["uid"] = 5
    save_cs(cs / "J1_020_particles.cs", table)
    with pytest.raises(BadInput, match="a particle twice"):
        select_particles(cs, [0], out)
    assert not out.exists() or not list(out.iterdir())


def test_classes_without_particles_become_a_list(tmp_path):
    write_stack(tmp_path / "a.mrcs", pictures(4))
    done = select_particles(tmp_path / "a.mrcs", [4, 2], tmp_path / "out")
    assert (tmp_path / "out" / "classes_selected.txt").read_text() == "2\n4\n"
    assert (done.particles, done.excluded, done.classes) == (None, None, (2, 4))
    with pytest.raises(BadInput, match="lists no particles"):
        read_class_particles(tmp_path / "a.mrcs")
