"""What can be scored and still looks like a slip: voxels for Å, another order of axes, doubled picks, other names."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cryogauge.pick.challenge.metric import AXES
from cryogauge.pick.challenge.rules import Rules

#: Picks with which fewer of the particles have one in reach are tried at other scales …
_POOR = 0.1
#: … and a scale is named when with it this part of them has.
_FITS = 0.4
#: Scales that are tried: from voxels of 50 Å to Å for nm.
_SCALES = (0.02, 50.0)
_REFINED = 4
#: Particles of the sample that scales are tried on.
_SAMPLE = 200
#: Beyond the particles by this part of their extent counts as outside.
_MARGIN = 0.25


def suspicions(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> list[str]:
    """What is odd about picks that can be scored, in sentences that name the mend; nothing where all looks well.

    Parameters
    ----------
    truth, picks
        As for :func:`cryogauge.pick.challenge.score_picks`.
    rules
        Kinds and reach.
    """
    return [*_names(truth, picks), *_doubled(picks), *_places(truth, picks, rules)]


def remarks(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> list[str]:
    """What was noticed and may well be meant: tomograms and kinds that the truth or the picks leave out."""
    noted = []
    known, given = truth["tomogram"].unique(), picks["tomogram"].unique()
    ignored = picks[~picks["tomogram"].isin(known)]
    if len(ignored):
        noted.append(f"{len(ignored)} picks lie in tomograms without truth ({_some(ignored['tomogram'])}); ignored")
    missing = sorted(set(known) - set(given))
    if missing and len(missing) < len(known):
        noted.append(f"no pick in {len(missing)} of {len(known)} tomograms: {_some(pd.Series(missing))}")
    wanted = [each.name for each in rules.objects if each.weight > 0]
    for what, kinds in (("truth", set(truth["object"].unique())), ("picks", set(picks["object"].unique()))):
        absent = [name for name in wanted if name not in kinds]
        if absent:
            noted.append(f"the {what} hold{'s' if what == 'truth' else ''} no {', '.join(absent)}: F is 0 there")
    return noted


def _names(truth: pd.DataFrame, picks: pd.DataFrame) -> Iterator[str]:
    if len(picks) and not picks["tomogram"].isin(truth["tomogram"].unique()).any():
        yield (
            f"no tomogram of the picks ({_some(picks['tomogram'])}) is one of the truth ({_some(truth['tomogram'])}): "
            "name them alike"
        )


def _doubled(picks: pd.DataFrame) -> Iterator[str]:
    doubled = picks[picks.duplicated(["tomogram", "object", *AXES])]
    if len(doubled):
        yield f"{len(doubled)} picks are there twice, the first in {doubled['tomogram'].iloc[0]}: each counts as wrong"


def _places(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> Iterator[str]:
    picks = picks[picks["tomogram"].isin(truth["tomogram"].unique())]
    if picks.empty:
        return
    slip = _slip(truth, picks, rules)
    if slip:
        yield slip
        return
    positions, references = picks[AXES].to_numpy(float), truth[AXES].to_numpy(float)
    largest = max(each.radius_A for each in rules.objects)
    low = np.minimum(references.min(axis=0), 0.0) - largest
    high = references.max(axis=0) * (1 + _MARGIN) + largest
    below, above = (positions < low).any(axis=1), (positions > high).any(axis=1)
    if below.any():
        yield f"{int(below.sum())} picks have coordinates far below 0: are they counted from the volume's corner?"
    if above.any():
        axis = int(np.argmax((positions > high).any(axis=0)))
        yield (
            f"{int(above.sum())} picks lie outside the volume: {'xyz'[axis]} up to {positions[:, axis].max():.0f} Å, "
            f"particles only up to {references[:, axis].max():.0f} Å"
        )


def _slip(truth: pd.DataFrame, picks: pd.DataFrame, rules: Rules) -> str | None:
    """The change of scale or axes with which picks fit that do not fit as they are."""
    shared = truth[truth["tomogram"].isin(picks["tomogram"].unique())]
    tomogram = shared["tomogram"].value_counts().index[0]
    references = shared.loc[shared["tomogram"] == tomogram, AXES].to_numpy(float)
    positions = picks.loc[picks["tomogram"] == tomogram, AXES].to_numpy(float)
    if len(references) > _SAMPLE:
        references = references[np.random.default_rng(0).choice(len(references), _SAMPLE, replace=False)]
    # Kinds are not asked for: a slip of scale shows in the places alone.
    reach = min(rules.reach_A(name) for name in rules.names)

    tree = KDTree(positions)

    def fitting(scale: float, axes: slice) -> float:
        near, _ = tree.query(references[:, axes] / scale, distance_upper_bound=reach / scale)
        return float(np.isfinite(near).mean())

    straight, turned = slice(None), slice(None, None, -1)
    as_given = fitting(1.0, straight)
    if len(positions) < 5 or as_given >= _POOR:
        return None
    step = reach / max(float(np.abs(references).max()), reach)
    scales = np.exp(np.arange(np.log(_SCALES[0]), np.log(_SCALES[1]), np.log1p(step))).tolist()
    trials = ((fitting(scale, axes), scale, axes) for axes in (straight, turned) for scale in [1.0, *scales])
    best, scale, axes = max(trials, key=lambda trial: trial[0])
    if best < _FITS:
        return None
    for _ in range(_REFINED):  # the scale of least squares of those in reach, and again of those in reach by that
        near, nearest = tree.query(references[:, axes] / scale, distance_upper_bound=reach / scale)
        fitted = positions[np.asarray(nearest)[np.isfinite(near)]]
        scale = float(np.sum(references[:, axes][np.isfinite(near)] * fitted) / np.sum(fitted**2))
    shares = f"{100 * best:.0f} % of the particles of {tomogram} have a pick in reach, now {100 * as_given:.0f} %"
    exchanged = "with x and z exchanged" if axes == turned else ""
    if abs(scale - 1) < step:
        return f"{exchanged}, {shares}"
    likely = "the coordinates look like voxels, not Å" if scale > 2 else "the scale of the coordinates looks wrong"
    return f"{likely}: multiplied by {scale:.4g}{' and ' * bool(exchanged)}{exchanged}, {shares}"


def _some(names: pd.Series) -> str:
    unique = names.unique()
    return ", ".join(str(name) for name in unique[:3]) + (", …" if len(unique) > 3 else "")
