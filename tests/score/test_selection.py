import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryogauge.records import BadInput
from cryogauge.score.selection import compile_condition, select

ROW = {
    "tomogram": "TS_01",
    "tomoscore": 0.6,
    "thickness_nm": 180.0,
    "flags": ["out_of_domain"],
    "uncertainty": math.nan,
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("tomoscore > 0.5", True),
        ("tomoscore > 0.5 and thickness_nm < 100", False),
        ("tomoscore > 0.9 or thickness_nm < 200", True),
        ("100 < thickness_nm <= 180", True),
        ("not tomoscore > 0.5", False),
        ("tomogram == 'TS_01'", True),
        ("tomogram in 'TS_01 TS_02'", True),
        ("'out_of_domain' in flags", True),
        ("'nothing_found' not in flags", True),
        ("not ('out_of_domain' in flags or tomoscore < 0.1)", False),
        ("thickness_nm > -5", True),
        ("uncertainty < 0.1", False),
        ("uncertainty != 0.1", False),
        ("best_slice > 3", False),
        ("(tomoscore > 0.5 and (thickness_nm > 200 or 'out_of_domain' in flags))", True),
    ],
)
def test_conditions(condition, expected):
    assert compile_condition(condition)(ROW) is expected


@pytest.mark.parametrize(
    "condition",
    [
        "", "tomoscore >", "tomoscore", "1", "__import__('os').system('true') == 0", "tomoscore.real > 0",
        "flags[0] == 'a'", "lambda: 1", "tomoscore + 1 > 0", "tomoscore > [1]", "tomoscore is None", "score > 0.5",
        "(tomoscore := 3) > 2", "f'{tomoscore}' == ''", "tomoscore > 0.5; 1", "tomoscore > 0.5 and 1", "not tomoscore",
        "(" * 400 + "tomoscore > 1" + ")" * 400,
    ],
)  # fmt: skip
def test_what_is_no_condition(condition):
    with pytest.raises(BadInput):
        compile_condition(condition)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(BadInput, match="cannot be compared"):
        compile_condition("tomogram > 3")(ROW)


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1))
def test_selecting_is_filtering(scores, limit):
    rows = [{"tomogram": str(k), "tomoscore": score} for k, score in enumerate(scores)]
    assert select(rows, f"tomoscore >= {limit!r}") == [row for row in rows if row["tomoscore"] >= limit]
