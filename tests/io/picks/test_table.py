"""Our own pick tables round a file."""

import pandas as pd
import pytest

from cryogauge.io import read_picks, write_picks
from cryogauge.records import PICK_COLUMNS, BadInput

TABLE = pd.DataFrame(
    {
        "instance": [1, 2],
        "tomogram": ["0012", "TS_1"],
        "object": ["ribosome", "007"],
        "x_A": [1.5, 1 / 3],
        "y_A": [0.0, -7.25],
        "z_A": [1e5, 2.0],
        "score": [0.25, float("nan")],
    }
)


def test_round_trip(tmp_path):
    write_picks(tmp_path / "picks.csv", TABLE)
    read = read_picks(tmp_path / "picks.csv")
    assert list(read.columns) == [*PICK_COLUMNS, "instance"]
    pd.testing.assert_frame_equal(read[TABLE.columns], TABLE, check_exact=True, check_dtype=False)
    assert [path.name for path in tmp_path.iterdir()] == ["picks.csv"]


def test_integers_are_positions_too(tmp_path):
    (tmp_path / "picks.csv").write_text(",".join(PICK_COLUMNS) + "\n1,2,3,4,5,6\n")
    assert read_picks(tmp_path / "picks.csv").to_dict("records") == [
        {"tomogram": "1", "object": "2", "x_A": 3.0, "y_A": 4.0, "z_A": 5.0, "score": 6.0}
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no table"),
        ("x,y,z\n1,2,3\n", "lack tomogram"),
        (",".join(PICK_COLUMNS) + "\na,b,left,4,5,6\n", "x_A that is not a number"),
        (",".join(PICK_COLUMNS) + "\na,b,1,4,5,6\n1,2,3,4,5,6,7,8,9\n", "no table"),
    ],
)
def test_what_is_no_pick_table(tmp_path, content, words):
    (tmp_path / "picks.csv").write_text(content)
    with pytest.raises(BadInput, match=words):
        read_picks(tmp_path / "picks.csv")


def test_missing(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        read_picks(tmp_path / "picks.csv")
    with pytest.raises(BadInput, match="lack score"):
        write_picks(tmp_path / "picks.csv", TABLE.drop(columns="score"))
    with pytest.raises(BadInput, match="cannot be written"):
        write_picks(tmp_path / "nowhere" / "picks.csv", TABLE)
