"""Requests are read as Python's and other programs' JSON writes them, and what is none is refused."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cryogauge.collect.leginon import request
from cryogauge.collect.leginon.request import numbers, read_request, whole
from cryogauge.records import BadInput

IMAGES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.floats(width=32))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(image=IMAGES, first=st.booleans(), spaces=st.sampled_from([None, 0, 2]), grid=st.integers())
def test_an_image_and_ids_come_back(tmp_path, image, first, spaces, grid):
    given_values = {"image": image.tolist(), "grid_id": grid} if first else {"grid_id": grid, "image": image.tolist()}
    (tmp_path / "body").write_text(json.dumps(given_values, indent=spaces))
    values, read = read_request(tmp_path / "body")
    assert values == {"image": None, "grid_id": grid}
    assert read is not None
    assert read.dtype == np.float32
    assert np.array_equal(read, image, equal_nan=True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"image": [[1, 2], [3]]}', "row 1 of the image has 1 pixels"),
        ('{"image": [[1, 2], [3, null]]}', "row 1"),
        ('{"image": [[1, 2], [3, "4"]]}', "row 1"),
        ('{"image": [[1, 2], [3, 4}}', "list of lists that ends"),
        ('{"image": [[1, 2', "list of lists that ends"),
        ('{"image": [1, 2]}', "list of lists that ends"),
        ('{"image": [[[1]]]}', "no JSON"),
        ('{"image": [' + "[" * 100_000 + "1]]}", "row 0"),
        ('{"image": [[1]], "grid_id": }', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "no JSON object"),
        ('"text"', "no JSON object"),
    ],
)
def test_what_is_no_request(tmp_path, body, told):
    (tmp_path / "body").write_text(body)
    with pytest.raises(BadInput, match=told):
        read_request(tmp_path / "body")


def test_sizes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(request, "LONGEST_PX", 3)
    monkeypatch.setattr(request, "_LARGEST_REST", 50)
    for values, told in [
        ({"image": [[1] * 4]}, "more than 3 pixels"),
        ({"image": [[1]] * 4}, "more than 3 pixels"),
        ({"image": [[1]], "note": "x" * 60}, "too large beside its image"),
        ({"hole_ids": list(range(30))}, "more than 50 bytes"),
    ]:
        (tmp_path / "body").write_text(json.dumps(values))
        with pytest.raises(BadInput, match=told):
            read_request(tmp_path / "body")
    (tmp_path / "body").write_text("")
    assert read_request(tmp_path / "body") == ({}, None)


def test_numbers_and_ids():
    assert whole({"a": 3.0}, "a") == 3
    assert whole({}, "a", default=-1) == -1
    assert np.isnan(numbers({"a": [1, None]}, "a")[1])
    for wrong in ({"a": "3"}, {"a": True}, {"a": 2.5}, {"a": float("inf")}, {}):
        with pytest.raises(BadInput):
            whole(wrong, "a")
