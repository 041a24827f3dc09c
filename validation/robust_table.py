"""Rows of :mod:`validation.robust` side by side: what RobPicker and its halves gain over both plain ways."""

from collections.abc import Sequence

import numpy as np

from validation.robust import EQUAL_TIME, GROUPS, PLAIN, UNTUNED, WAYS, mean_of, row

_SMALL = ("small", "tiny")
_ALL = tuple(GROUPS)


def summary(seeds: Sequence[int], *, small: bool) -> dict[str, float]:
    """Gains and losses over some seeds; the rows are printed.

    Returns
    -------
    ``robpicker_small_f1_gain``, ``dr_only_f1_gain``, ``lc_only_f1_gain``: relative gain of the mean F1 of small and
    tiny species, the least over both plain ways at equal steps and at equal time; ``robpicker_small_f1_gain_sd``: its
    standard deviation between seeds, each taken alone; ``robpicker_large_f1_loss``: the largest loss of a large species
    against any of them; ``robpicker_over_plain_f1_gain``: that gain over plain training at equal steps alone;
    ``label_errors_f1_cost``: what plain training loses of the F1 of small and tiny species by the errors, at equal
    steps, which is all that could be won back; ``table_minutes_cpu``: one seed of all rows. Names that end in
    ``_untuned`` tell the same of picks by a probability of a half, the paper's rule, in place of tuned thresholds.
    """
    rows = {way: [row(way, seed, small=small) for seed in seeds] for way in WAYS}
    found = {"table_minutes_cpu": sum(of_seeds[0]["seconds"] for of_seeds in rows.values()) / 60.0}
    for rule, suffix in (("", ""), (UNTUNED, "_untuned")):
        _show(rows, rule)
        found |= {f"{name}{suffix}": value for name, value in _compared(rows, rule).items()}
        alone = [_compared({way: [of_seeds[k]] for way, of_seeds in rows.items()}, rule) for k in range(len(seeds))]
        gains = [each["robpicker_small_f1_gain"] for each in alone]
        found[f"robpicker_small_f1_gain_sd{suffix}"] = float(np.std(gains, ddof=1)) if len(gains) > 1 else np.nan
    return found


def _show(rows: dict[str, list[dict[str, float]]], rule: str) -> None:
    for name, of_seeds in rows.items():
        shown = "  ".join(f"{group} {_over(of_seeds, (group,), rule):.3f}" for group in GROUPS)
        each = " ".join(f"{mean_of(one, _ALL, rule):.3f}" for one in of_seeds)
        print(f"     {rule}{name}: {shown}  all {_over(of_seeds, _ALL, rule):.3f} ({each})")


def _compared(rows: dict[str, list[dict[str, float]]], rule: str) -> dict[str, float]:
    others = [way for way in rows if way.removesuffix(EQUAL_TIME) in PLAIN]

    def gain(name: str) -> float:
        best = max(_over(rows[other], _SMALL, rule) for other in others)
        return _over(rows[name], _SMALL, rule) / max(best, 1e-3) - 1.0

    def of_kind(name: str, kind: str) -> float:
        return sum(each[f"{rule}{kind}"] for each in rows[name]) / len(rows[name])

    return {
        "robpicker_small_f1_gain": gain("robpicker"),
        "robpicker_over_plain_f1_gain": _over(rows["robpicker"], _SMALL, rule)
        / max(_over(rows["plain"], _SMALL, rule), 1e-3)
        - 1.0,
        "dr_only_f1_gain": gain("dr"),
        "lc_only_f1_gain": gain("lc"),
        "robpicker_large_f1_loss": max(
            of_kind(other, kind) - of_kind("robpicker", kind) for other in others for kind in GROUPS["large"]
        ),
        "label_errors_f1_cost": 1.0 - _over(rows["plain"], _SMALL, rule) / max(_over(rows["true"], _SMALL, rule), 1e-3),
    }


def _over(rows: list[dict[str, float]], groups: tuple[str, ...], rule: str) -> float:
    return sum(mean_of(each, groups, rule) for each in rows) / len(rows)
