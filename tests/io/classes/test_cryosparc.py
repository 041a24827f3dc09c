"""cryoSPARC's class averages, and its files in both forms, against its own library."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.io.classes import open_classes
from cryogauge.io.classes.cs_file import read_cs, texts, write_cs
from cryogauge.io.classes.lz4_block import unpack_lz4
from cryogauge.records import BadInput
from tests.io.classes.makers import cs_table, save_cs, write_cryosparc, write_stack
from tests.io.picks.makers import DATA, real_files


def own():
    return pytest.importorskip("cryosparc.dataset", reason="cryosparc-tools is not installed").Dataset


@pytest.mark.parametrize("start", ["J12_{}", "cryosparc_P1_J12_{}"])
def test_a_job_reads_by_its_last_or_any_iteration(tmp_path, start):
    job = tmp_path / "J12"
    write_cryosparc(job, [0, 1], start=start.format("004"), seed=4)
    images = write_cryosparc(job, [0, 0, 3, 2, 0], start=start.format("020"))
    save_cs(job / "J12_passthrough_particles.cs", cs_table({"uid": np.arange(3, dtype=np.uint64)}))
    stack = open_classes(job)
    np.testing.assert_array_equal(stack.images, images)
    assert isinstance(stack.images, np.memmap)
    assert (stack.program, stack.pixel_size_A, stack.notes) == ("cryosparc", 2.5, ())
    assert stack.table["class"].tolist() == [0, 1, 2, 3]
    assert stack.table["particles"].tolist() == [3, 0, 1, 1]
    np.testing.assert_allclose(stack.table["distribution"], [0.6, 0, 0.2, 0.2])
    np.testing.assert_allclose(stack.table["resolution_A"], np.linspace(6, 20, 4), rtol=1e-6)
    assert open_classes(job, iteration=4).table["particles"].tolist() == [1, 1, 0, 0]
    for end in ("class_averages.mrc", "particles.cs", "class_averages.cs"):
        name = start.format("004") + "_" + end
        assert open_classes(job / name).table["particles"].tolist() == [1, 1, 0, 0]
    with pytest.raises(BadInput, match="iteration 7"):
        open_classes(job, iteration=7)


def test_what_is_missing_is_told_and_what_does_not_fit_refused(tmp_path):
    job = tmp_path / "J3"
    write_cryosparc(job, [0, 1], start="J3_020")
    (job / "J3_020_particles.cs").unlink()
    stack = open_classes(job)
    assert stack.table["distribution"].isna().all()
    assert any("no table of particles" in note for note in stack.notes)
    (job / "J3_020_class_averages.cs").unlink()
    stack = open_classes(job)
    assert stack.table["resolution_A"].isna().all()
    assert stack.pixel_size_A == 2.5
    write_cryosparc(job, [0, 9], start="J3_020")
    with pytest.raises(BadInput, match="class 9"):
        open_classes(job)
    write_cryosparc(job, [0, np.iinfo(np.uint32).max], start="J3_020")
    assert open_classes(job).table["particles"].tolist() == [1, 0, 0, 0]
    write_stack(job / "J3_020_class_averages.mrc", np.zeros((2, 16, 16), np.float32))
    with pytest.raises(BadInput, match=r"names image 4 of .* which holds 2"):
        open_classes(job)
    aborted = tmp_path / "J4"
    aborted.mkdir()
    (aborted / "job.json").write_text("{}")
    with pytest.raises(BadInput, match=r"class_averages\.cs"):
        open_classes(aborted)


def test_templates_of_a_selection_read(tmp_path):
    images = write_cryosparc(tmp_path / "J12", [0, 1, 3, 3])
    rows = read_cs(tmp_path / "J12" / "J12_020_class_averages.cs")
    (tmp_path / "J13").mkdir()
    write_cs(tmp_path / "J13" / "templates_selected.cs", rows[[3, 0]])
    particles = read_cs(tmp_path / "J12" / "J12_020_particles.cs")
    write_cs(tmp_path / "J13" / "particles_selected.cs", particles[[0, 2, 3]])
    for name in ("", "templates_selected.cs", "particles_selected.cs"):
        stack = open_classes(tmp_path / "J13" / name)
        np.testing.assert_array_equal(stack.images, images[[3, 0]])
        assert stack.table["class"].tolist() == [3, 0]
        assert stack.table["particles"].tolist() == [2, 1]


def test_nothing_is_unpickled_and_damage_is_told(tmp_path):
    path = tmp_path / "J1_000_class_averages.cs"
    np.save(path.with_suffix(".npy"), np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path.with_suffix(".npy").rename(path)
    with pytest.raises(BadInput, match="damaged"):
        read_cs(path)
    write_cs(path, cs_table({"uid": np.arange(50, dtype=np.uint64)}))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInput, match="damaged"):
        read_cs(path)
    path.write_bytes(b"\x95CSDAT\x10\x00\x00\x00{")
    with pytest.raises(BadInput, match="cut off"):
        read_cs(path)
    path.write_bytes(b"something else")
    with pytest.raises(BadInput, match=r"no \.cs file"):
        read_cs(path)
    with pytest.raises(BadInput, match="does not exist"):
        read_cs(tmp_path / "none.cs")


@settings(max_examples=25, deadline=None)
@given(
    words=st.lists(st.text("abc/.µ", max_size=12), max_size=40),
    seed=st.integers(0, 2**31),
    many=st.sampled_from([1, 40]),
)
def test_files_of_its_library_are_read_in_both_forms(tmp_path_factory, words, seed, many):
    rng = np.random.default_rng(seed)
    words = words * many  # repeats make the packing reach back
    n = len(words)
    made = own().allocate(n, [("blob/path", "O"), ("alignments2D/class", "u4"), ("alignments2D/shift", "f4", (2,))])
    made["blob/path"] = np.array(words, dtype=object) if n else np.zeros(0, object)
    made["alignments2D/class"] = rng.integers(0, 5, n)
    made["alignments2D/shift"] = np.round(rng.normal(size=(n, 2)))
    path = tmp_path_factory.mktemp("cs") / "made.cs"
    for form in (1, 2):
        made.save(path, format=form)
        table = read_cs(path)
        assert len(table) == n
        assert texts(table, "blob/path") == words
        for name in ("uid", "alignments2D/class", "alignments2D/shift"):
            np.testing.assert_array_equal(table[name], np.asarray(made[name]).reshape(table[name].shape))


def test_its_library_reads_what_is_written(tmp_path):
    write_cryosparc(tmp_path / "J12", [0, 1, 3, 3])
    table = read_cs(tmp_path / "J12" / "J12_020_particles.cs")
    write_cs(tmp_path / "out.cs", table[[1, 2]])
    loaded = own().load(tmp_path / "out.cs")
    assert loaded["uid"].tolist() == table["uid"][[1, 2]].tolist()
    assert list(loaded["blob/path"]) == texts(table[[1, 2]], "blob/path")


@given(st.binary(max_size=60), st.integers(0, 80))
def test_a_damaged_block_is_an_error_or_has_its_size(packed, size):
    with contextlib.suppress(ValueError):
        assert len(unpack_lz4(packed, size)) == size


def test_a_block_by_hand():
    # "abcd", then eight from four back (they reach into themselves), then the literal "Z".
    assert unpack_lz4(bytes([0x44]) + b"abcd" + bytes([4, 0, 0x10]) + b"Z", 13) == b"abcdabcdabcdZ"


@real_files
def test_real_files_read():
    found = sorted(DATA.rglob("*.cs"))
    assert len(found) >= 3
    for path in found:
        assert np.unique(read_cs(path)["uid"]).size == len(read_cs(path))
    with pytest.raises(BadInput, match="names no class averages"):
        open_classes(DATA / "metadata" / "cryodrgn" / "cryosparc_J2_particles_exported.cs")
