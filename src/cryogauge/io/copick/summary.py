"""What a copick project holds."""

from collections.abc import Iterable
from typing import Any

from cryogauge.io.copick.errors import explained
from cryogauge.io.copick.picks import is_on_portal, pick_sets, stored_picks
from cryogauge.io.copick.project import Project, runs_of
from cryogauge.io.copick.segmentations import segmentations_of
from cryogauge.io.copick.tomograms import of_run


def describe_project(project: Project) -> dict[str, Any]:
    """Everything in a project by name, fit for JSON.

    Picks are counted, but for those that lie on the data portal: ``count`` is ``None``.

    Returns
    -------
    dict
        ``config, name, description, type, overlay_root, static_root, objects, runs``. An object has ``name, label,
        radius_A, is_particle, identifier``; a run ``run, tomograms, picks, segmentations``, each a list.

    Raises
    ------
    BadInput
        When a file is damaged or not called as copick has it.
    Retryable
        When a server cannot be reached.
    """
    settings = project.root.config
    return {
        "config": project.config,
        "name": settings.name or "",
        "description": settings.description or "",
        "type": settings.config_type,
        "overlay_root": settings.overlay_root,
        "static_root": getattr(settings, "static_root", None),
        "objects": [_object(item) for item in settings.pickable_objects],
        "runs": [_run(project, run) for run in runs_of(project).values()],
    }


def _object(item: Any) -> dict[str, Any]:
    return {
        "name": item.name,
        "label": item.label,
        "radius_A": item.radius,
        "is_particle": item.is_particle,
        "identifier": item.emdb_id or item.pdb_id or item.identifier or "",
    }


def _run(project: Project, run: Any) -> dict[str, Any]:
    with explained(project.config):
        tomograms = [
            {
                "voxel_size_A": round(float(spacing.voxel_size), 3),
                "kind": str(tomogram.tomo_type),
                "read_only": bool(tomogram.read_only),
                "features": sorted({str(each.feature_type) for each in tomogram.query_features()}),
            }
            for spacing, tomogram in of_run(run)
        ]
    segmentations = [
        {
            "voxel_size_A": round(float(each.voxel_size), 3),
            "name": str(each.name),
            "kind": str(each.segmentation_type),
            **_maker(each),
        }
        for each in segmentations_of(project, run)
    ]
    picks = [
        {"object": str(each.pickable_object_name), **_maker(each), "count": _count(project, str(run.name), each)}
        for each in pick_sets(project, run)
    ]
    return {"run": str(run.name), "tomograms": tomograms, "picks": picks, "segmentations": segmentations}


def _maker(item: Any) -> dict[str, Any]:
    return {"user": str(item.user_id), "session": str(item.session_id), "read_only": bool(item.read_only)}


def _count(project: Project, run: str, picks: Any) -> int | None:
    if is_on_portal(picks):
        return None
    with explained(project.config):
        where = f"{picks.user_id}_{picks.session_id}_{picks.pickable_object_name} of {run}"
        return len(stored_picks(picks, where)["points"])


def count_picks(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each object, user and session of ``describe_project``'s runs: in how many runs, and how many picks."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for picks in (picks for run in runs for picks in run["picks"]):
        key = (picks["object"], picks["user"], picks["session"])
        start = dict(zip(("object", "user", "session"), key, strict=True)) | {"runs": 0, "count": 0}
        row = rows.setdefault(key, start)
        row["runs"] += 1
        row["count"] = None if None in (picks["count"], row["count"]) else row["count"] + picks["count"]
    return [rows[key] for key in sorted(rows)]
