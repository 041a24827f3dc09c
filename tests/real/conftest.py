"""Real files lie outside the repository: ``CRYOGAUGE_DATA`` names their folder."""

import pytest

from validation.real_files import data_folder


@pytest.fixture(autouse=True)
def _needs_the_files():
    if data_folder() is None:
        pytest.skip("CRYOGAUGE_DATA does not name the folder of real files")
