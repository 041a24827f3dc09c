"""A gathered data set from a portal in miniature: what travels, what is written, what happens when things go wrong."""

import csv
import json
import shutil

import mrcfile
import numpy as np
import pytest

from cryogauge.io import open_volume
from cryogauge.records import BadInput, Retryable
from cryogauge.score.choice import Selection, output_name
from cryogauge.score.excerpt import Part
from cryogauge.score.gather import GatherSettings, expected_bytes, gather, plan, read_choices

SHAPE = (40, 200, 256)
DATA = np.random.default_rng(7).normal(size=SHAPE).astype(np.float32)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def settings_for(portal, **part):
    return GatherSettings(Selection(min_size_px=150), Part(**({"slices": 2, "crop_px": 96} | part)), portal.graphql)


def run(settings, out):
    """Plan and gather; the outcomes by name."""
    outcomes = {}

    def keep(outcome):
        outcomes[output_name(outcome.item)] = outcome

    gather(plan(settings, out), settings.part, out, on_outcome=keep)
    return outcomes


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_slices_of_the_chosen_with_their_places(portal, out):
    portal.add_image(DATA, "TS_1", taxid=9606)
    portal.add("small", sizeX=100)
    (outcome,) = run(settings_for(portal), out).values()
    assert outcome.state == "done"
    first, second = rows_of(out / "slices.csv")
    assert first["tomogram"] == "10000-TS_1"
    assert (first["z"], second["z"]) == ("10", "30")
    assert (first["row"], second["row"]) == ("0", "1")
    assert first["uri"] == portal.tomograms[0]["httpsOmezarrDir"]
    y, x = int(first["y0"]), int(first["x0"])
    assert (y, x) == (52, 80)
    with mrcfile.open(out / first["file"]) as written:
        assert np.array_equal(written.data, DATA[[10, 30], y : y + 96, x : x + 96])
        assert written.voxel_size.x == pytest.approx(float(first["pixel_size_A"])) == 10.0
        assert written.is_image_stack()
    chosen, refused = rows_of(out / "chosen.csv")
    assert (chosen["verdict"], chosen["organism"], chosen["taxid"]) == ("chosen", "Homo sapiens", "9606")
    assert (refused["verdict"], refused["size_x"]) == ("too_small", "100")
    assert json.loads((out / "settings.json").read_text())["part"] == {"slices": 2, "whole": False, "crop_px": 96}


def test_only_chunks_of_the_slices_asked_for_travel(portal, out):
    """Of 3 × 4 × 4 chunks, the two layers of the slices, and of those the 3 × 2 that the crop cuts; each once."""
    portal.add_image(DATA, "TS_1", chunks=(16, 64, 64))
    run(settings_for(portal, slices=2), out)
    place = "10000/TS_1/1.zarr"
    wanted = {f"{place}/0/{z}/{y}/{x}" for z in (0, 1) for y in (0, 1, 2) for x in (1, 2)}
    assert portal.chunks_sent() == wanted
    assert all(portal.sent[path] == 16 * 64 * 64 * 4 for path in wanted)
    rest = {path.removeprefix(f"{place}/") for path in portal.sent.keys() - wanted}
    assert rest == {".zattrs", "0/.zarray"}


def test_a_whole_tomogram(portal, out):
    portal.add_image(DATA, "TS_1")
    run(settings_for(portal, whole=True), out)
    volume = open_volume(out / "tomograms" / "10000-TS_1.mrc")
    assert np.array_equal(volume.data, DATA[:, 52:148, 80:176])
    assert [row["z"] for row in rows_of(out / "slices.csv")] == [str(z) for z in range(40)]
    assert len(portal.chunks_sent()) == 3 * 3 * 2
    assert all(portal.sent[path] == 16 * 64 * 64 * 4 for path in portal.chunks_sent())


def test_a_second_run_asks_for_nothing(portal, out):
    portal.add_image(DATA, "TS_1")
    run(settings_for(portal), out)
    questions, sent = len(portal.questions), dict(portal.sent)
    before = (out / "slices.csv").read_bytes()
    (outcome,) = run(settings_for(portal), out).values()
    assert outcome.state == "already_done"
    assert (len(portal.questions), dict(portal.sent)) == (questions, sent)
    assert (out / "slices.csv").read_bytes() == before


def test_interrupted_and_taken_up_again(portal, out):
    for name in "abc":
        portal.add_image(DATA, name)
    settings = settings_for(portal)
    choices = plan(settings, out)
    seen = []

    def stop(outcome):
        seen.append(output_name(outcome.item))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gather(choices, settings.part, out, on_outcome=stop)
    assert {row["tomogram"] for row in rows_of(out / "slices.csv")} == set(seen)
    states = {name: outcome.state for name, outcome in run(settings, out).items()}
    assert states == {name: "already_done" if name in seen else "done" for name in ("10000-a", "10000-b", "10000-c")}
    assert {row["tomogram"] for row in rows_of(out / "slices.csv")} == set(states)
    assert all(count == 16 * 64 * 64 * 4 for path, count in portal.sent.items() if path in portal.chunks_sent())


def test_interrupted_within_a_tomogram(portal, out, monkeypatch):
    """Nothing half written lies under a name, and nothing else is left behind."""
    portal.add_image(DATA, "TS_1")
    settings = settings_for(portal)
    choices = plan(settings, out)

    def stop(self, block):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cryogauge.io.mrc_write.MrcWriter.append", stop)
        with pytest.raises(KeyboardInterrupt):
            gather(choices, settings.part, out)
    assert not list((out / "slices").iterdir())
    assert run(settings, out)["10000-TS_1"].state == "done"


def test_what_was_deleted_is_fetched_again(portal, out):
    portal.add_image(DATA, "TS_1")
    run(settings_for(portal), out)
    (out / "slices" / "10000-TS_1.mrc").unlink()
    assert run(settings_for(portal), out)["10000-TS_1"].state == "done"
    assert (out / "slices" / "10000-TS_1.mrc").exists()


def test_one_bad_image_does_not_end_the_others(portal, out):
    portal.add_image(DATA, "good")
    portal.add("missing", sizeX=256, sizeY=200)
    portal.add_image(DATA, "shape")["sizeZ"] = 41
    portal.add_image(DATA, "size")["voxelSpacing"] = 11.0
    portal.add_image(DATA, "unit")
    described = portal.folder / "10000/unit/5.zarr/.zattrs"
    described.write_text(described.read_text().replace("angstrom", "parsec"))
    portal.add_image(DATA, "hollow")
    shutil.rmtree(portal.folder / "10000/hollow/6.zarr/0/0")
    shutil.rmtree(portal.folder / "10000/hollow/6.zarr/0/1")
    outcomes = run(settings_for(portal), out)
    failed = {name.removeprefix("10000-"): o.failure for name, o in outcomes.items() if o.state == "failed"}
    assert outcomes["10000-good"].state == "done"
    assert sorted(failed) == ["hollow", "missing", "shape", "size", "unit"]
    assert "is no Zarr image" in failed["missing"].message
    assert "differ in shape: 41 × 200 × 256 and 40 × 200 × 256" in failed["shape"].message
    assert "differ in pixel size: 11 and 10 Å" in failed["size"].message
    assert "does not say its voxel size" in failed["unit"].message
    assert "one value only" in failed["hollow"].message
    assert all("--pixel-size" not in failure.hint for failure in failed.values())
    assert {path.name for path in (out / "slices").iterdir()} == {"10000-good.mrc"}


def test_what_failed_is_tried_again(portal, out):
    row = portal.add("later", sizeX=256, sizeY=200, sizeZ=40)
    assert run(settings_for(portal), out)["10000-later"].state == "failed"
    portal.tomograms.clear()
    portal.add_image(DATA, "later")
    assert portal.tomograms[0]["httpsOmezarrDir"] == row["httpsOmezarrDir"]
    assert run(settings_for(portal), out)["10000-later"].state == "done"


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_stumbles_once(portal, out, status):
    portal.add_image(DATA, "TS_1")
    settings = settings_for(portal)
    choices = plan(settings, out)
    portal.broken_files[:] = [status]
    states = []
    gather(choices, settings.part, out, on_outcome=lambda outcome: states.append(outcome.state))
    assert states == ["done"]


def test_a_bucket_that_must_not_be_listed(portal, out):
    """It says "forbidden" of what is not there; a chunk that it withholds is no empty chunk."""
    portal.denies = True
    portal.add_image(DATA, "TS_1")
    portal.add("missing", sizeX=256, sizeY=200)
    portal.add_image(DATA, "hollow")
    (portal.folder / "10000/hollow/3.zarr/0/0/1/1").unlink()
    outcomes = run(settings_for(portal), out)
    assert outcomes["10000-TS_1"].state == "done"
    assert "is no Zarr image" in outcomes["10000-missing"].failure.message
    assert "PERMISSION_DENIED" in outcomes["10000-hollow"].failure.message


def test_a_full_disk_is_told_before_anything_travels(portal, out, monkeypatch):
    portal.add_image(DATA, "TS_1")
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    failure = run(settings_for(portal), out)["10000-TS_1"].failure
    assert "no space left" in failure.message
    assert not portal.chunks_sent()


def test_a_table_changed_by_hand_is_kept(portal, out):
    for name in "ab":
        portal.add_image(DATA, name)
    settings = settings_for(portal)
    plan(settings, out)
    table = out / "chosen.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if "10000-a" not in line), "utf-8-sig")
    assert list(run(settings, out)) == ["10000-b"]


def test_a_table_is_read_as_it_was_written(portal, out):
    portal.add_image(DATA, "TS_1", "Größe, 'klein'")
    portal.add("sm\nall", sizeX=100, isAuthorSubmitted=False)
    written = plan(settings_for(portal), out)
    assert read_choices(out / "chosen.csv") == written


def test_other_wishes_choose_anew_and_keep_what_is_there(portal, out):
    for name in "abc":
        portal.add_image(DATA, name)
    one = GatherSettings(Selection(1, min_size_px=150), Part(2, crop_px=96), portal.graphql)
    two = GatherSettings(Selection(2, min_size_px=150), Part(2, crop_px=96), portal.graphql)
    (first,) = run(one, out)
    states = {name: outcome.state for name, outcome in run(two, out).items()}
    assert len(states) == 2
    assert states.pop(first) == "already_done"
    assert set(states.values()) == {"done"}


def test_other_parts_do_not_mix(portal, out):
    portal.add_image(DATA, "TS_1")
    plan(settings_for(portal, slices=3), out)
    run(settings_for(portal), out)  # nothing was taken yet, so another part is fine
    with pytest.raises(BadInput, match="other parts of tomograms"):
        plan(settings_for(portal, slices=3), out)


def test_a_table_cannot_make_us_read_files(portal, out, tmp_path):
    row = portal.add_image(DATA, "TS_1")
    settings = settings_for(portal)
    plan(settings, out)
    table = out / "chosen.csv"
    own = portal.folder / "10000/TS_1/1.zarr"
    for address in (str(own), own.as_uri(), ""):
        table.write_text(table.read_text().replace(row["httpsOmezarrDir"], address))
        row["httpsOmezarrDir"] = address
        assert "is no address of an OME-Zarr image" in run(settings, out)["10000-TS_1"].failure.message


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: "a,b\n1,2\n", "lacks the columns"),
        (lambda text: text + "chosen,because\n", "not as many cells"),
        (lambda text: text.replace(",1024,", ",many,"), "cannot be understood"),
    ],
)
def test_tables_that_cannot_be_understood(portal, out, spoil, words):
    portal.add("TS_1")
    settings = settings_for(portal)
    plan(settings, out)
    table = out / "chosen.csv"
    table.write_text(spoil(table.read_text()))
    with pytest.raises(BadInput, match=words) as caught:
        plan(settings, out)
    assert caught.value.hint == "delete it to choose anew"


def test_a_folder_of_something_else(portal, out):
    for text in ("{", "[]", '{"model": "compact"}'):
        (out / "settings.json").write_text(text)
        with pytest.raises(BadInput, match="was not written by cryogauge gather"):
            plan(settings_for(portal), out)


def test_species_that_the_portal_does_not_have(portal, out):
    portal.add()
    wishes = Selection(organisms=("Homo sapiens", "homo sapiens"))
    with pytest.raises(BadInput, match="has no tomogram of homo sapiens"):
        plan(GatherSettings(wishes, portal=portal.graphql), out)
    portal.tomograms.clear()
    with pytest.raises(BadInput, match="has no tomogram"):
        plan(settings_for(portal), out)
    assert not (out / "chosen.csv").exists()


def test_domains_from_a_file(portal, out):
    for number in range(5):
        portal.add(f"TS_{number}", "Quisquilia rara")
    path = out / "mine.csv"
    path.write_text("organism,domain\nQuisquilia,prokaryote\n")
    choices = plan(GatherSettings(portal=portal.graphql, domains=str(path)), out)
    assert [choice.verdict for choice in choices] == ["chosen"] * 3 + ["surplus"] * 2
    path.write_text("organism,domain\nQuisquilia,eukaryote\n")
    choices = plan(GatherSettings(portal=portal.graphql, domains=str(path)), out)
    assert [choice.verdict for choice in choices] == ["chosen"] * 5


def test_bytes_foretold(portal, out):
    """Of 4 × 4 chunks across, the 16 that 960 of 1024 pixels cut; of two layers, both; half the size without a word."""
    portal.add(sizeX=1024, sizeY=1024, sizeZ=300, fileSizeOmezarr=8e8)
    portal.add("big", sizeX=4096, sizeY=4096, sizeZ=256, fileSizeOmezarr=None)
    portal.add("small", sizeX=100)
    choices = plan(GatherSettings(portal=portal.graphql), out)
    travel, written = expected_bytes(choices, Part())
    assert travel == pytest.approx(7e8 + 4 * 4 * 256**3 * 4)
    assert written == 2 * 40 * 960 * 960 * 4


def test_a_portal_that_is_down_leaves_the_folder_as_it_was(portal, out, monkeypatch):
    monkeypatch.setattr("cryogauge.io.portal._BACK_OFF", 0)
    portal.broken_answers[:] = [500] * 50
    with pytest.raises(Retryable):
        plan(settings_for(portal), out)
    assert not list(out.iterdir())
