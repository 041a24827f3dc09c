"""A copick project with spoilt labels, and an audit of it made without a network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.copick import create_project, open_project, read_project_picks, write_project_picks, write_tomogram
from cryogauge.pick.audit.folder import Audit, write_audit
from cryogauge.pick.audit.look import look
from cryogauge.pick.audit.suggest import rank
from cryogauge.pick.order import digest_of_picks
from cryogauge.simulate.rasterise import add_spheres
from tests.pick.audit.maps import KINDS, PEAKS, VOXEL_A, draw_map, particles

SHAPE = (40, 100, 120)


@dataclass(frozen=True)
class Spoilt:
    """The project's configuration, the audit's folder, and what is right."""

    config: Path
    folder: Path
    truth: pd.DataFrame


def make_audit(folder: Path, *, angles: bool = False) -> Spoilt:
    """Two tomograms whose labels ``noisy/1`` lack three particles, have two too many and name two wrongly."""
    config = create_project(folder / "project", KINDS)
    project = open_project(config)
    rng = np.random.default_rng(0)
    truths, labels = [], []
    for seed in range(2):
        truth = particles(seed, SHAPE, (0.5, 0.5, 0.0))
        truth = truth.assign(rot=10.0, tilt=20.0, psi=30.0) if angles else truth
        data = rng.normal(0, 0.3, SHAPE).astype(np.float32)
        radii = truth["object"].map({each.name: each.radius_A / VOXEL_A for each in KINDS}).to_numpy(float)
        add_spheres(data, truth[["z_A", "y_A", "x_A"]].to_numpy() / VOXEL_A, radii, np.full(len(truth), -1.0))
        write_tomogram(project, f"t{seed}", data, VOXEL_A, "wbp")
        small, large = (truth[truth["object"] == name] for name in ("small", "large"))
        spoilt = truth.drop([small.index[0], large.index[0]] if seed else [small.index[0]])
        spoilt = spoilt.assign(object=spoilt["object"].mask(spoilt.index == large.index[1], "small"))
        extra = small.iloc[[2]].assign(x_A=lambda t: t["x_A"] + 100, y_A=lambda t: t["y_A"] + 100)
        truths.append(truth)
        labels.append(pd.concat([spoilt, extra]))
    project.root.refresh()
    write_project_picks(project, pd.concat(labels, ignore_index=True), user="noisy", session="1")
    truth = pd.concat(truths, ignore_index=True)
    return Spoilt(config, audit_again(config, folder / "audit", truth), truth)


def audit_again(config: Path, folder: Path, truth: pd.DataFrame) -> Path:
    """Audit the labels ``noisy/1`` as they are now by a network that sees the truth."""
    labels = read_project_picks(open_project(config), user="noisy", session="1")
    evidence = []
    for name, of_run in truth.groupby("tomogram"):
        map_ = draw_map(of_run, np.full(len(of_run), 0.9), PEAKS, SHAPE)
        evidence.append(look(map_, labels, KINDS, VOXEL_A, PEAKS, str(name)))
    suggestions = rank(pd.concat(evidence, ignore_index=True), KINDS)
    folder.mkdir(exist_ok=True)
    uris = {name: f"copick:{config}#{name}/10.000/wbp" for name in ("t0", "t1")}
    audit = Audit(str(config), "noisy", "1", digest_of_picks(labels), KINDS, uris, ("t1",), ("picker.safetensors",))
    write_audit(folder, audit, suggestions)
    return folder
