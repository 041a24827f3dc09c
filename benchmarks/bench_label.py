"""The machine's part of labelling: from a key pressed to the next slice on the screen, in a real Chromium.

Two tomograms with slices of 960 × 960 pixels are served as ``cryogauge label slices`` does; a browser gives 200 labels
by the keyboard, each as soon as the slice before is seen. A slice counts as seen in the first frame after it was drawn.
People are slower, so the next slice has more time to arrive than here.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from cryogauge.io import TomogramSource, write_mrc
from cryogauge.score.labels.session import LabelSession, slices_of_tomogram
from cryogauge.score.labels.store import LabelStore
from cryogauge.web.app import create_app, running
from cryogauge.web.label_slices import label_slices_router

FIGURES = ("label_step_ms", "label_step_ms_95")

_CLOCK = """
() => {
  window.steps = [];
  let pressed = 0;
  document.addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => {
    // The frame with the slice is on the screen when the one after it begins.
    requestAnimationFrame(() => requestAnimationFrame(() => { window.steps.push(performance.now() - pressed); }));
  }).observe(document.getElementById("view"), { attributes: true, attributeFilter: ["data-shown"] });
}
"""


def run(small: bool = False) -> dict[str, float]:
    """Measure; ``small`` gives 20 labels on slices of 256 pixels."""
    steps, edge = (20, 256) if small else (200, 960)
    with tempfile.TemporaryDirectory(prefix="cryogauge-bench-") as scratch:
        milliseconds = _label(Path(scratch), steps, edge)
    return {
        "label_step_ms": float(np.median(milliseconds)),
        "label_step_ms_95": float(np.percentile(milliseconds, 95)),
    }


def _label(scratch: Path, steps: int, edge: int) -> list[float]:
    from playwright.sync_api import sync_playwright

    random = np.random.default_rng(0)
    slices = []
    for name in ("one", "two"):
        path = scratch / f"{name}.mrc"
        write_mrc(path, random.normal(size=(steps // 2 + 5, edge, edge)).astype(np.float32), 10.0)
        slices += slices_of_tomogram(TomogramSource(str(path), name), steps, seed=0)[0]
    chromium = os.environ.get("CRYOGAUGE_CHROMIUM") or shutil.which("chromium")
    with LabelStore(scratch / "labels.sqlite") as store:
        router = label_slices_router(LabelSession(store, slices), annotator="Ada")
        with running(create_app("Label slices", router)) as address, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.goto(address)
            page.wait_for_selector("#view[data-shown='1']")
            page.evaluate(_CLOCK)
            for step in range(steps):
                page.keyboard.press(str(step % 6))
                page.wait_for_function("n => window.steps.length === n", arg=step + 1)
            milliseconds = page.evaluate("window.steps")
            browser.close()
    return milliseconds
