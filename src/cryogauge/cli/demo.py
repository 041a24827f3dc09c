"""``cryogauge demo``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cryogauge.cli.options import make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, complain, tell

_ORIGINAL = "original"
_SETTINGS: dict[str, Any] = {
    "specimen": "lamella",
    "shape": (96, 256, 256),
    "voxel_size_A": 14.0,
    "thickness_nm": 80.0,
    "seed": 7,
}


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything the demo makes.")],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Simulate a small tilt series, reconstruct it, spoil it in three ways, and score all four.

    Exits with 1 when a spoilt copy ranks above the original.
    """
    from cryogauge.cli.score import find_sources, ranked, score_all, show_scored, write_outputs
    from cryogauge.jobs import threads_each
    from cryogauge.score import ScoreSettings, weights_checksum

    tomograms, scores = out / "tomograms", out / "scores"
    make_folder(tomograms)
    make_folder(scores)
    _make_tomograms(out / "simulated", tomograms)
    settings = ScoreSettings(
        pixel_size_A=None,
        model="compact",
        weights=None,
        local_map=True,
        device="auto",
        threads=threads_each(1),
        slices=False,
    )
    checksum = weights_checksum(settings)
    sources = find_sources([str(tomograms)], scores)
    scored = score_all(sources, scores, settings, weights_checksum=checksum, workers=1, debug=debug)
    show_scored(scores, scored, write_outputs(scores, scored, settings, checksum), as_json=as_json)
    if scored.failures:
        raise typer.Exit(1)
    first = ranked(scored.rows)[0]["tomogram"]
    if first != _ORIGINAL:
        complain(f"the order is wrong: {first} ranks above the original", "please report this")
        raise typer.Exit(1)
    tell("the order is right: the original ranks above its spoilt copies")


def _make_tomograms(simulated: Path, tomograms: Path) -> None:
    """One simulated tomogram and its spoilt copies; what an earlier run has made is kept."""
    import numpy as np

    from cryogauge.imaging.degrade import add_noise, blur, widen_wedge
    from cryogauge.io import open_volume, write_mrc
    from cryogauge.simulate import SimulationSettings, simulate_tilt_series

    names = ("noisy", "blurred", "wedge_30", _ORIGINAL)
    if all((tomograms / f"{name}.mrc").exists() for name in names):
        return
    tell("simulating a tilt series and its tomogram")
    make_folder(simulated)
    written = simulate_tilt_series(SimulationSettings(**_SETTINGS), simulated)
    tell("making spoilt copies: noise, blur, a wider missing wedge")
    original = open_volume(written["tomogram"])
    data = np.asarray(original.data, dtype=np.float32)
    copies = (add_noise(data, 2.0, seed=1), blur(data, 2.5), widen_wedge(data, 30.0), data)
    for name, copy in zip(names, copies, strict=True):
        write_mrc(tomograms / f"{name}.mrc", copy, original.voxel_size_A)
