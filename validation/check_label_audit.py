"""How many labels that were taken away an audit finds again, in the tomograms of :mod:`validation.robust`.

The judges are all networks of that table that learned from the noisy labels, in as many steps and in as much time,
averaged over half turns: so chosen on the first seed, and measured on the others. They have seen these very labels, the
usual case of a person with few tomograms. The list's first places, as many as labels were removed, also hold the wrong
labels that the audit finds, which the noise put there: counted alone, missing labels fare better, as
`label_audit_recall_missing` tells. `label_audit_precision` is the part of those first places that is right, either way.
"""

import numpy as np
import pandas as pd

from cryogauge.io.replace import replacing
from cryogauge.pick.audit.look import AXES, look
from cryogauge.pick.audit.recall import audit_recall
from cryogauge.pick.audit.suggest import rank
from cryogauge.records.shrec import SHREC_VOXEL_A
from validation.held_out import PACKAGE, WORK
from validation.picking import digest
from validation.robust import OBJECTS, SEEDS, WAYS, World, planned, training_world
from validation.robust_networks import map_of, network_of

FIGURES = ("label_audit_recall", "label_audit_recall_missing", "label_audit_precision")
JUDGES = tuple(way for way in WAYS if way != "true")
_AUDIT = tuple(PACKAGE / "pick" / "audit" / f"{name}.py" for name in ("look", "suggest", "calibrate"))


def run(small: bool = False) -> dict[str, float]:
    """Mean over the seeds but the first; on the first when ``small``."""
    each = [_measured(seed, small=small) for seed in (SEEDS[:1] if small else SEEDS[1:])]
    return dict(zip(FIGURES, np.mean(each, axis=0).tolist(), strict=True))


def _measured(seed: int, *, small: bool) -> tuple[float, float, float]:
    world = training_world(seed, small=small)
    suggestions = rank(_evidence(world, seed, small=small), OBJECTS)
    count = len(world.removed)
    missing = suggestions[suggestions["kind"] == "missing"]
    recall, alone = (audit_recall(table, world.removed, OBJECTS) for table in (suggestions, missing))
    first = suggestions.iloc[:count]
    false = ~_is_true(first[first["kind"] != "missing"], world.truth)
    kinds = first["kind"].value_counts().to_dict()
    print(f"     seed {seed}: {count} labels removed, {recall:.3f} found; the first as many suggestions: {kinds}")
    return recall, alone, recall + false.sum() / count


def _evidence(world: World, seed: int, *, small: bool) -> pd.DataFrame:
    """What the judges say of the noisy tomograms; each is looked at once."""
    plans = [planned(judge, seed, small=small) for judge in JUDGES]
    folder = WORK / f"robust-audit-{digest([plan.stem for plan in plans], small, code=_AUDIT)}"
    folder.mkdir(parents=True, exist_ok=True)
    text = dict.fromkeys(("tomogram", "role", "object", "has", "other"), str)
    preset = plans[0].preset
    parts = []
    for name, data in zip(world.names[:-1], world.tomograms[:-1], strict=True):
        kept = folder / f"{name}.csv"
        if not kept.exists():
            networks = [network_of(judge, seed, small=small) for judge in JUDGES]
            found = map_of(networks, data, preset, small=small)
            with replacing(kept) as temporary:
                look(found, world.labels, OBJECTS, SHREC_VOXEL_A, preset, name).to_csv(temporary, index=False)
        parts.append(pd.read_csv(kept, dtype=text, keep_default_na=False))
    return pd.concat(parts, ignore_index=True)


def _is_true(labels: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Which labels lie in a particle of their kind."""
    radii = {each.name: each.radius_A for each in OBJECTS}
    out = np.zeros(len(labels), dtype=bool)
    for row, label in enumerate(labels.to_dict("records")):
        there = truth[(truth["tomogram"] == label["tomogram"]) & (truth["object"] == label["object"])]
        distance = np.linalg.norm(there[AXES].to_numpy(float) - [label[axis] for axis in AXES], axis=1)
        out[row] = bool((distance <= radii[label["object"]]).any())
    return out
