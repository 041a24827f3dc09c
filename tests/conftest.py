"""Settings for all tests, and a browser for those that look at pages."""

import inspect
import os
import shutil
import signal
from itertools import count
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import settings

# No deadlines: the machine is shared, and time is measured by benchmarks, not asserted by tests. The examples are the
# same in every run, so that a change is judged by itself and not by luck; `make explore` looks for new ones.
settings.register_profile("cryogauge", deadline=None, max_examples=50, print_blob=True, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "cryogauge"))

# A server answers late on a loaded machine: of the 5 s that httpx waits for it by default, a minute. All calls share
# this one value.
inspect.signature(httpx.Client).parameters["timeout"].default.read = 60.0

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every program they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def minute_a_look(monkeypatch):
    """Of a module, by name: every look at its clock is a minute later, so that stages end at the same step anywhere."""

    def of(module: str) -> None:
        looks = count()
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=lambda: 60.0 * next(looks)))

    return of


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


@pytest.fixture(scope="session")
def expect(browser):
    """Playwright's assertions, tried again until they hold or a minute is over.

    For what a page does some time after an action: at ``hashchange``, when an answer or a picture has come, in the next
    frame, or as another page. What it does within the action needs none. The pages' policy forbids to evaluate text, so
    ``page.wait_for_function`` must be given a function, ``() => …``: an expression is tried once and then refused.
    """
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    return expect


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
