import numpy as np
import pandas as pd
import pytest

from cryogauge.io import tilt_series_key, write_tilt_series
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries


@pytest.fixture
def stack(tmp_path):
    table = pd.DataFrame({name: np.zeros(5) for name in TILT_COLUMNS}).assign(tilt_deg=np.arange(5.0))
    series = TiltSeries(np.random.default_rng(0).random((5, 16, 16)).astype(np.float32), 4.0, table)
    return write_tilt_series(tmp_path, "TS_1", series)["mrc"]


@pytest.mark.parametrize("end", [".xf", ".tlt", ".mrc.mdoc", ".mrc"])
def test_every_file_of_a_series_counts(stack, end):
    before = tilt_series_key(str(stack))
    assert tilt_series_key(str(stack)) == before
    path = stack.with_name(f"TS_1{end}")
    content = path.read_bytes()
    path.write_bytes(content[:-3] + b"1 \n")
    assert tilt_series_key(str(stack)) != before
    path.write_bytes(content)
    assert tilt_series_key(str(stack)) == before


def test_an_alignment_that_comes_or_goes_counts_and_a_neighbour_does_not(stack):
    with_it = tilt_series_key(str(stack))
    (stack.parent / "TS_10.xf").write_text("other")
    assert tilt_series_key(str(stack)) == with_it
    stack.with_suffix(".xf").rename(stack.parent / "kept")
    assert tilt_series_key(str(stack)) != with_it
    before = tilt_series_key(str(stack))
    (stack.parent / "TS_1_TLT.txt").write_text("0 1 3\n")
    assert tilt_series_key(str(stack)) != before
    assert tilt_series_key(str(stack), stack.parent / "kept") != tilt_series_key(str(stack))


def test_missing_files_are_told(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        tilt_series_key(str(tmp_path / "none.mrc"))
