"""What passes between rooms refuses what is incomplete, and survives the way between processes."""

import pickle

import numpy as np
import pandas as pd
import pytest

from cryogauge.records import (
    PICK_COLUMNS,
    TILT_COLUMNS,
    BadInput,
    CryogaugeError,
    Retryable,
    TiltSeries,
    Volume,
    check_picks,
)


def _tilts(count: int) -> pd.DataFrame:
    return pd.DataFrame({name: np.zeros(count) for name in TILT_COLUMNS})


@pytest.mark.parametrize("kind", [CryogaugeError, BadInput, Retryable])
def test_errors_keep_their_hint_between_processes(kind):
    error = pickle.loads(pickle.dumps(kind("cannot", "mend")))  # noqa: S301 our own bytes
    assert (str(error), error.message, error.hint) == ("cannot", "cannot", "mend")


def test_errors_are_also_pythons_own_kinds():
    assert issubclass(BadInput, ValueError)
    assert issubclass(Retryable, OSError)


@pytest.mark.parametrize("column", TILT_COLUMNS)
def test_a_tilt_table_must_be_complete(column):
    with pytest.raises(BadInput, match=column):
        TiltSeries(np.zeros((3, 4, 4)), 10.0, _tilts(3).drop(columns=column))


def test_a_tilt_table_has_a_row_an_image():
    assert len(TiltSeries(np.zeros((3, 4, 4)), 10.0, _tilts(3)).table) == 3
    with pytest.raises(BadInput, match="3 images but 2 rows"):
        TiltSeries(np.zeros((3, 4, 4)), 10.0, _tilts(2))


@pytest.mark.parametrize("column", PICK_COLUMNS)
def test_picks_must_be_complete(column):
    table = pd.DataFrame({name: [0.0] for name in PICK_COLUMNS})
    assert check_picks(table) is table
    with pytest.raises(BadInput, match=column):
        check_picks(table.drop(columns=column))


def test_a_slice_of_a_volume_is_float32_of_its_place():
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    volume = Volume(data, 10.0)
    assert volume.shape == (2, 3, 4)
    assert volume.slice(1).dtype == np.float32
    np.testing.assert_array_equal(volume.slice(1), data[1])
