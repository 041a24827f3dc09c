from pathlib import Path

import pytest

from tests.pick.worlds import make_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copick project of four worlds with their picks, by the user ``truth`` in the session ``1``."""
    return make_project(tmp_path / "project")
