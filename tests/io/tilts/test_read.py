import numpy as np
import pandas as pd
import pytest

from cryogauge.io import read_tilt_series, write_mrc, write_tilt_series
from cryogauge.records import TILT_COLUMNS, BadInput, TiltSeries


def test_a_gain_is_multiplied_into_each_image(tmp_path):
    table = pd.DataFrame({name: np.zeros(5) for name in TILT_COLUMNS}).assign(tilt_deg=np.arange(5.0))
    images = np.random.default_rng(0).random((5, 16, 20)).astype(np.float32)
    path = write_tilt_series(tmp_path, "TS_1", TiltSeries(images, 4.0, table))["mrc"]
    gain = np.random.default_rng(1).uniform(0.5, 2, (16, 20)).astype(np.float32)
    write_mrc(tmp_path / "gain.mrc", gain[None], 4.0)
    series = read_tilt_series(path, gain=tmp_path / "gain.mrc")
    np.testing.assert_allclose(series.images[3], images[3] * gain)
    np.testing.assert_allclose(series.images[1:3, 4:8, 5], images[1:3, 4:8, 5] * gain[4:8, 5])
    write_mrc(tmp_path / "gain.mrc", gain[None, :8], 4.0)
    with pytest.raises(BadInput, match="20 × 8 pixels, the frames of 20 × 16"):
        read_tilt_series(path, gain=tmp_path / "gain.mrc")
