"""Settings for all tests, and a browser for those that look at pages."""

import os
import shutil

import pytest
from hypothesis import settings

# No deadlines: the machine is shared, and time is measured by benchmarks, not asserted by tests. The examples are the
# same in every run, so that a change is judged by itself and not by luck; `make explore` looks for new ones.
settings.register_profile("cryogauge", deadline=None, max_examples=50, print_blob=True, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "cryogauge"))


@pytest.fixture(scope="session")
def browser():
    """Chromium, where there is one; its start takes seconds."""
    path = os.environ.get("CRYOGAUGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def portal_server(tmp_path_factory):
    """The CryoET Data Portal in miniature."""
    from tests.score.stand_ins.portal import serve

    with serve(tmp_path_factory.mktemp("www")) as portal:
        yield portal


@pytest.fixture
def portal(portal_server):
    """The same, holding nothing."""
    portal_server.forget()
    return portal_server
