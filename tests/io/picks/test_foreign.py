"""Other programs' files as those programs, or packages that know them, have them."""

import json
import struct
from xml.etree import ElementTree

import dynamotable
import emfile
import h5py
import numpy as np
import pandas as pd
import pytest

from cryogauge.io.picks import read_picks_as, write_picks_as
from cryogauge.records import BadInput
from tests.io.picks.makers import DATA, real_files, turned

ONE = pd.DataFrame(
    {
        "tomogram": ["TS_1"], "object": ["ribosome"], "x_A": [20.0], "y_A": [45.0], "z_A": [130.0], "score": [0.5],
        "rot": [-60.0], "tilt": [50.0], "psi": [100.0],
    }
)  # fmt: skip
PLACE = ["x_A", "y_A", "z_A"]


def test_dynamo_has_the_first_voxel_at_a_half(tmp_path):
    path, names = write_picks_as(tmp_path / "a.tbl", ONE, "dynamo", voxel_size_A=10.0)
    row = dynamotable.read(str(path)).iloc[0]
    assert (row["x"], row["y"], row["z"]) == (2.5, 5.0, 13.5)
    np.testing.assert_allclose([row["tdrot"], row["tilt"], row["narot"]], [10, 50, 30])
    assert (row["cc"], row["tomo"], row["class"], row["tag"], row["apix"]) == (0.5, 1, 1, 1, 10)
    assert names.read_text() == "1 TS_1\n"
    row = [0.0] * 42
    row[3:6], row[19], row[21], row[23:26] = (1, -1, 0.5), 7, 2, (10.5, 20.5, 30)
    other = tmp_path / "b.tbl"
    other.write_text(" ".join(map(str, row[:40])) + " 1.5+0.1i 2i\n")
    picks = read_picks_as(other, voxel_size_A=2.0)
    assert picks[PLACE].to_numpy().tolist() == [[22.0, 38.0, 60.0]]
    assert (picks["tomogram"][0], picks["object"][0]) == ("7", "class-2")
    listed = tmp_path / "list.vll"
    listed.write_text("# a comment\n/data/first.mrc\n* apix = 2\n> table.tbl\n/data/cell 7.rec\n* index = 7\n")
    assert read_picks_as(other, voxel_size_A=2.0, tomograms=listed)["tomogram"][0] == "cell 7"


def test_motive_lists_count_from_one(tmp_path):
    path, _ = write_picks_as(tmp_path / "a.em", ONE, "em", voxel_size_A=10.0, objects={3: "ribosome"})
    _, data = emfile.read(path)
    assert data.shape == (1, 1, 20)
    row = data[0, 0]
    assert (row[0], row[3], row[4], row[19]) == (0.5, 1, 1, 3)
    np.testing.assert_allclose(row[7:13], [3, 6, 14, 0, -0.5, 0], atol=1e-6)
    np.testing.assert_allclose(row[16:19], [150, 170, 50], atol=1e-5)  # phi, psi, theta


@pytest.mark.parametrize(("machine", "order"), [(6, "<"), (3, ">"), (5, ">")])
@pytest.mark.parametrize(("kind", "letter"), [(5, "f4"), (9, "f8")])
def test_motive_lists_of_other_machines(machine, order, kind, letter, tmp_path):
    rows = np.arange(40.0).reshape(2, 20)
    header = bytes((machine, 0, 0, kind)) + struct.pack(f"{order}3i", 20, 2, 1)
    path = tmp_path / "a.em"
    path.write_bytes(header.ljust(512, b"\0") + rows.astype(order + letter).tobytes())
    picks = read_picks_as(path, voxel_size_A=2.0)
    assert picks["x_A"].tolist() == [2 * (7 + 10 - 1), 2 * (27 + 30 - 1)]
    assert list(picks["tomogram"]) == ["4", "24"]


def _imod_image(scale, old, new, flags=0xFC00):
    """A model of one point as 3dmod writes it: a view and a chunk for materials besides, and a mesh."""
    model = struct.pack(
        ">128s4iI4i6f3i2if2i3f", b"x", 9, 9, 9, 1, flags, 1, 1, 0, 255, 0, 0, 0, 1, 1, 1, 0, 0, 0, 3, 128, 1.5, -9, 0,
        0, 0, 0,
    )  # fmt: skip
    thing = struct.pack(">64s64siI2i3fi8B2i", b"virus", b"", 1, 512, 0, 1, 1, 0, 0, 5, *[0] * 8, 1, 0)
    return b"".join(
        [
            b"IMODV1.2", model, b"OBJT", thing, b"CONT", struct.pack(">iI2i3f", 1, 0, 0, 0, 10.5, 20.5, 30),
            b"MESH", struct.pack(">2iI2h", 1, 2, 0, 0, 0), bytes(12 + 8), b"IMAT", struct.pack(">i", 16), bytes(16),
            b"VIEW", struct.pack(">i", 4), bytes(4), b"MINX", struct.pack(">i", 72),
            struct.pack(">18f", *(scale,) * 3, *old, 0, 0, 0, *(scale,) * 3, *new, 0, 0, 0), b"IEOF",
        ]
    )  # fmt: skip


def test_imod_models_of_part_of_an_image(tmp_path):
    path = tmp_path / "cell.mod"
    path.write_bytes(_imod_image(8.0, (0, 0, 0), (0, 0, 0)))
    picks = read_picks_as(path)
    assert picks[PLACE].to_numpy().tolist() == [[80.0, 160.0, 240.0]]
    assert (picks["tomogram"][0], picks["object"][0]) == ("cell", "virus")
    path.write_bytes(_imod_image(8.0, (0, 0, 0), (-80, 0, -16)))
    assert read_picks_as(path)[PLACE].to_numpy().tolist() == [[160.0, 160.0, 256.0]]
    path.write_bytes(_imod_image(8.0, (0, 0, 0), (-80, 0, -16), flags=0x3C00))
    assert read_picks_as(path)[PLACE].to_numpy().tolist() == [[80.0, 160.0, 240.0]]
    path.write_bytes(_imod_image(1.0, (0, 0, 0), (0, 0, 0)))
    assert read_picks_as(path)["x_A"][0] == 150.0  # the model's own pixel of 1.5 nm
    assert read_picks_as(path, objects={0: "phage"}, tomogram="0012")["object"][0] == "phage"
    whole = _imod_image(8.0, (0, 0, 0), (0, 0, 0))
    for length in range(8, len(whole) - 4, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match="damaged"):
            read_picks_as(path)


def test_imod_as_imodmodel_reads_it(tmp_path):
    imodmodel = pytest.importorskip("imodmodel")
    table = pd.concat([ONE, ONE.assign(object="virus", x_A=40.0)], ignore_index=True)
    (path,) = write_picks_as(tmp_path / "a.mod", table, "imod", voxel_size_A=10.0)
    theirs = imodmodel.read(path)
    assert theirs[["object_id", "x", "y", "z"]].to_numpy().tolist() == [[0, 2.5, 5.0, 13.0], [1, 4.5, 5.0, 13.0]]


def test_imod_bytes_are_those_of_its_specification(tmp_path):
    (path,) = write_picks_as(tmp_path / "a.mod", ONE, "imod", voxel_size_A=10.0, shape=(30, 20, 10))
    raw = path.read_bytes()
    assert raw[:8] == b"IMODV1.2"
    assert raw[-4:] == b"IEOF"
    assert struct.unpack_from(">4i", raw, 8 + 128) == (10, 20, 30, 1)
    assert raw[240:244] == b"OBJT"
    assert raw[244:252] == b"ribosome"
    assert raw[420:424] == b"CONT"
    assert struct.unpack_from(">i3i3f", raw, 424) == (1, 0, 0, 0, 2.5, 5.0, 13.0)


def test_deepfinder_counts_from_zero(tmp_path):
    path, _ = write_picks_as(tmp_path / "a_objl.xml", ONE, "deepfinder", voxel_size_A=10.0)
    (thing,) = ElementTree.parse(path).getroot()
    assert thing.tag == "object"
    assert [float(thing.get(name, "")) for name in ("x", "y", "z")] == [2.0, 4.5, 13.0]
    assert [thing.get(name) for name in ("class_label", "tomo_idx")] == ["1", "1"]
    np.testing.assert_allclose([float(thing.get(name, "")) for name in ("phi", "psi", "the")], [150, 170, 50])
    path.write_text(
        '<objlist><object tomo_idx="0" class_label="2" x="1" y="2" z="3" cluster_size="40"/>'
        '<object tomo_idx="5" class_label="0" x="1" y="2" z="4" cluster_size="41"/></objlist>'
    )
    (tmp_path / "a_objl.xml.doc").write_text("5 cell\n")
    picks = read_picks_as(path, voxel_size_A=2.0, objects={2: "virus"})
    assert picks.to_dict("list") == {
        "tomogram": ["0", "cell"], "object": ["virus", "particle"], "x_A": [2, 2], "y_A": [4, 4], "z_A": [6, 8],
        "score": [40, 41],
    }  # fmt: skip
    with pytest.raises(BadInput, match="several tomograms"):
        read_picks_as(path, voxel_size_A=2.0, tomogram="cell")
    path.write_text('<objlist><object class_label="2" x="1" y="2" z="3"/></objlist>')
    assert read_picks_as(path, voxel_size_A=2.0)["tomogram"][0] == "a"


def test_eman2_counts_from_the_middle_and_keeps_what_else_is_there(tmp_path):
    path = tmp_path / "TS_1_info.json"
    path.write_text(json.dumps({"apix_unbin": 2.5, "tlt_params": [[1, 2]], "boxes_3d": [[0, 0, 0, "manual", 0, 0]]}))
    write_picks_as(path, ONE, "eman2", voxel_size_A=10.0, shape=(21, 10, 9))
    document = json.loads(path.read_text())
    assert document["tlt_params"] == [[1, 2]]
    # centre: 4, 5 and 10 voxels of 10 Å; pixels of 2.5 Å from it
    assert document["boxes_3d"] == [[-8.0, -2.0, 12.0, "manual", 0.5, 0]]
    assert document["class_list"]["0"]["name"] == "ribosome"
    picks = read_picks_as(path, voxel_size_A=10.0, shape=(21, 10, 9))
    assert picks[PLACE].to_numpy().tolist() == ONE[PLACE].to_numpy().tolist()
    assert (picks["tomogram"][0], picks["object"][0], picks["score"][0]) == ("TS_1", "ribosome", 0.5)
    path.write_text(json.dumps({"boxes_3d": [[1, 2, 3]]}))  # an old project: voxels from the corner
    assert read_picks_as(path, voxel_size_A=10.0)[PLACE].to_numpy().tolist() == [[10.0, 20.0, 30.0]]
    with pytest.raises(BadInput, match="whose size in voxels is unknown"):
        write_picks_as(path, ONE, "eman2", voxel_size_A=10.0)


def test_eman2_lists_find_places_in_their_stacks(tmp_path):
    stack = tmp_path / "particles3d" / "TS_1__ribosome_bin4.hdf"
    stack.parent.mkdir()
    with h5py.File(stack, "w") as file:
        for number, place in enumerate([(1.0, 2.0, 3.0), (-4.0, 0.0, 5.0)]):
            group = file.create_group(f"MDF/images/{number}")
            group.attrs["EMAN.ptcl_source_coord"] = np.array(place)
            group.attrs["EMAN.apix_x"] = 5.0
    path = tmp_path / "spt_00" / "ptcls.lst"
    path.parent.mkdir()
    name = "particles3d/TS_1__ribosome_bin4.hdf"
    # a quarter turn about z and then a shift along x bring the particle onto the reference
    matrix = json.dumps([0, -1, 0, 2, 1, 0, 0, 0, 0, 0, 1, 0])
    said = json.dumps({"xform.align3d": {"__class__": "Transform", "matrix": matrix}, "score": -0.3})
    path.write_text(f"#LSX\n# comment\n# 100\n1\t{name}\t{said}\n0\t{name}\t{said}\n")
    picks = read_picks_as(path, voxel_size_A=20.0, shape=(10, 20, 30))
    middle = np.array([15, 10, 5]) * 20
    # the reference's origin lies at R⁻¹(0 − t) = (0, 2, 0) in the particle
    np.testing.assert_allclose(picks[PLACE], middle + 5 * np.array([[-4, 2, 5], [1, 4, 3]]))
    np.testing.assert_allclose(turned(picks)[0], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-9)
    assert (picks["tomogram"][0], picks["object"][0], picks["score"][0]) == ("TS_1", "ribosome", -0.3)
    path.write_text(f"#LSX\n7\t{name}\n")
    with pytest.raises(BadInput, match="has no particle 7"):
        read_picks_as(path, voxel_size_A=20.0, shape=(10, 20, 30))
    path.write_text("#LSX\n0\tparticles3d/away.hdf\n")
    with pytest.raises(BadInput, match="in neither its folder nor one above"):
        read_picks_as(path, voxel_size_A=20.0, shape=(10, 20, 30))


def test_napari_and_chimerax(tmp_path):
    (path,) = write_picks_as(tmp_path / "a.csv", ONE, "napari", voxel_size_A=10.0)
    assert path.read_text() == "index,axis-0,axis-1,axis-2\n0,13.0,4.5,2.0\n"
    (path,) = write_picks_as(tmp_path / "a.cmm", ONE, "chimerax")
    (markers,) = ElementTree.parse(path).getroot()
    assert (markers.get("name"), markers[0].get("x"), markers[0].get("z")) == ("ribosome", "20.000000", "130.000000")
    path.write_text('<marker_set name="virus"><marker id="1" x="1" y="2" z="3"/></marker_set>')
    assert read_picks_as(path)["object"][0] == "virus"


def test_kaggle(tmp_path):
    (path,) = write_picks_as(tmp_path / "a.csv", ONE, "kaggle")
    assert path.read_text() == "id,experiment,particle_type,x,y,z\n0,TS_1,ribosome,20.0,45.0,130.0\n"


@real_files
def test_a_real_motive_list():
    path = DATA / "picks" / "cryoCAT" / "allmotl_qc_sc50_1_hiv_virus_like_particles.em"
    _, data = emfile.read(path)
    picks = read_picks_as(path, voxel_size_A=7.8, objects={1: "capsid"})
    assert len(picks) == 15395
    assert set(picks["tomogram"]) == {"31", "53", "59", "60", "65"}
    assert set(picks["object"]) == {"capsid"}
    np.testing.assert_allclose(picks[PLACE], (data[0][:, 7:10].astype(float) + data[0][:, 10:13] - 1) * 7.8)


@real_files
def test_a_real_motive_list_goes_through_every_oriented_kind(tmp_path):
    path = DATA / "picks" / "cryoCAT" / "allmotl_qc_sc50_1_hiv_virus_like_particles.em"
    picks = read_picks_as(path, voxel_size_A=7.8)[::50].reset_index(drop=True)
    for kind in ("dynamo", "deepfinder", "relion3", "relion4", "relion5", "em"):
        given = {"voxel_size_A": 7.8, "shape": (700, 2000, 2000)}
        written, *_ = write_picks_as(tmp_path / kind, picks, kind, **given)
        again = read_picks_as(written, **given)
        np.testing.assert_allclose(again[PLACE], picks[PLACE], atol=1e-4)
        np.testing.assert_allclose(turned(again), turned(picks), atol=1e-5)
        assert list(again["tomogram"]) == list(picks["tomogram"])
