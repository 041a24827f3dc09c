import csv
import json

import pytest
import starfile

from cryogauge.records import SCORE_COLUMNS, BadInput
from cryogauge.score.exports import match_names, write_export, write_scores


def row(name, score, **more):
    values = dict.fromkeys(SCORE_COLUMNS) | {"tomogram": name, "tomoscore": score, "thickness_nm": 120.0, "flags": []}
    return {**values, **more}


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


ROWS = [row("rec_0012", 0.8), row("rec_0013", 0.2, thickness_nm=float("nan")), row("rec_0014", 0.6, flags=["preview"])]
STAR = """
data_global

loop_
_rlnTomoName #1
_rlnVoltage #2
_rlnTomoTiltSeriesStarFile #3
0012 300.000000 tilt_series/0012.star
0013 300.000000 tilt_series/0013.star
0014 300.000000 tilt_series/0014.star
0099 300.000000 tilt_series/0099.star
"""


def test_csv_holds_the_selected_rows(tmp_path):
    rows = read(write_export("csv", ROWS, ROWS[::2], tmp_path))
    assert [each["tomogram"] for each in rows] == ["rec_0012", "rec_0014"]
    assert rows[1]["flags"] == "preview"
    assert tuple(rows[0]) == SCORE_COLUMNS


def test_a_table_of_scores(tmp_path):
    written = [row("a", 1 / 3, thickness_nm=float("nan"), best_slice=7, flags=("preview", "touches_end"))]
    write_scores(tmp_path / "scores.csv", written, ["b"])
    first, failed = read(tmp_path / "scores.csv")
    assert (first["tomoscore"], first["best_slice"], first["thickness_nm"]) == ("0.333333", "7", "")
    assert first["flags"] == "preview touches_end"
    assert {column: cell for column, cell in failed.items() if cell} == {"tomogram": "b", "flags": "failed"}


def test_star_keeps_the_selected_rows_and_what_else_they_held(tmp_path):
    template = tmp_path / "tomograms.star"
    template.write_text(STAR)
    path = write_export("star", ROWS, ROWS[:2], tmp_path, template=template)
    assert template.read_text() == STAR
    table = starfile.read(path, always_dict=True, parse_as_string=["rlnTomoName"])["global"]
    assert list(table["rlnTomoName"]) == ["0012", "0013"]
    assert list(table["rlnTomoTiltSeriesStarFile"]) == ["tilt_series/0012.star", "tilt_series/0013.star"]
    assert list(table["cryogaugeTomoScore"]) == [0.8, 0.2]
    assert list(table["cryogaugeThicknessNm"]) == [120.0, -1.0]  # a STAR file has no word for missing numbers


def test_star_rows_are_found_by_the_file_of_their_reconstruction(tmp_path):
    text = STAR.replace("_rlnVoltage #2", "_rlnTomoReconstructedTomogram #2")
    lines = [line.replace("300.000000", f"job/{'abcd'[k % 4]}.mrc") for k, line in enumerate(text.splitlines())]
    template = tmp_path / "tomograms.star"
    template.write_text("\n".join(lines) + "\n")
    named = next(each for each in lines if each.startswith("0013")).split()[1].removeprefix("job/").removesuffix(".mrc")
    path = write_export("star", [row(named, 0.7)], [row(named, 0.7)], tmp_path, template=template)
    table = starfile.read(path, always_dict=True, parse_as_string=["rlnTomoName"])["global"]
    assert "0013" in list(table["rlnTomoName"])


def test_star_without_a_template_lists_names(tmp_path):
    path = write_export("star", ROWS, ROWS[:1], tmp_path)
    table = starfile.read(path, always_dict=True, parse_as_string=["rlnTomoName"])["global"]
    assert list(table["rlnTomoName"]) == ["rec_0012"]


def test_warp_items_are_kept_or_left_out(tmp_path):
    items = [{"Path": "0012.tomostar", "Stat": 1, "Def": 3.1}, {"Path": "0013.tomostar", "Stat": 1},
             {"Path": "0099.tomostar", "Stat": 3}]  # fmt: skip
    template = tmp_path / "items.json"
    template.write_text(json.dumps(items))
    written = json.loads(write_export("warp", ROWS, ROWS[:1], tmp_path, template=template).read_text())
    assert written[0] == {"Path": "0012.tomostar", "Stat": 1, "Def": 3.1, "TomoScore": 0.8, "ThicknessNm": 120.0}
    assert written[1] == items[2]  # not scored, so not judged
    left_out = json.loads((tmp_path / "failed_items.json").read_text())
    assert left_out == [{"Path": "0013.tomostar", "Stat": 1, "TomoScore": 0.2, "ThicknessNm": None}]


def test_copick_runs(tmp_path):
    rows = [row("TS_1/10.000/wbp", 0.8), row("TS_1/10.000/denoised", 0.3), row("TS_2/10.000/wbp", 0.1)]
    path = write_export("copick", rows, rows[:1], tmp_path)
    runs = json.loads(path.read_text())
    assert [each["selected"] for each in runs["TS_1"]] == [True, False]
    assert runs["TS_2"][0]["tomoscore"] == 0.1
    assert (tmp_path / "copick_runs.txt").read_text() == "TS_1\n"


def test_names_fit_between_other_signs():
    tomograms = ["rec_TS_01_10.00Apx", "TS_010", "TS_2"]
    assert match_names(["TS_01", "TS_2", "TS_3"], tomograms) == {"TS_01": "rec_TS_01_10.00Apx", "TS_2": "TS_2"}
    tomo5 = ["Position_1_10.00Apx", "Position_1_2_10.00Apx"]
    assert match_names(["Position_1", "Position_1_2"], tomo5) == dict(
        zip(["Position_1", "Position_1_2"], tomo5, strict=True)
    )
    assert match_names(["Position_1", "Position_1_2"], tomo5[1:]) == {"Position_1_2": tomo5[1]}
    with pytest.raises(BadInput, match="TS_01 may be"):
        match_names(["TS_01"], ["a_TS_01", "b_TS_01"])


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("relion", None, "nothing is exported as 'relion'"),
        ("csv", "", "is no use without"),
        ("star", "data_\n\nloop_\n_rlnVoltage #1\n300\n200\n", "lists no tomograms"),
        ("star", STAR.replace("001", "x"), "no tomogram of"),
        ("warp", "[1]", "no list of Warp's items"),
        ("warp", "{", "is no JSON"),
        ("warp", '[{"Path": "x.tomostar"}]', "no item of"),
    ],
)
def test_what_cannot_be_exported(tmp_path, kind, text, says):
    template = None
    if text is not None:
        template = tmp_path / "template"
        template.write_text(text)
    with pytest.raises(BadInput, match=says):
        write_export(kind, ROWS, ROWS, tmp_path, template=template)
