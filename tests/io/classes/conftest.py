"""One run of the real RELION for all tests of its files."""

import pytest

from tests.io.classes.makers import run_relion


@pytest.fixture(scope="session")
def relion_job(tmp_path_factory):
    """The folder of a job of 2-D classification that RELION 3.1 did itself; not to be altered."""
    return run_relion(tmp_path_factory.mktemp("project"))
