"""What RobPicker gains over plain training, and its halves; see :mod:`validation.robust`.

The gain is the least over both plain ways, at equal steps and at equal time; the loss the largest of a large species.
"""

from validation.robust import GROUPS, LEVELS, SEEDS, mean_of, row

FIGURES = (
    "robpicker_small_f1_gain", "robpicker_large_f1_loss", "dr_only_f1_gain", "lc_only_f1_gain", "table_minutes_cpu",
)  # fmt: skip
_SMALL = ("small", "tiny")


def run(small: bool = False) -> dict[str, float]:
    """Measure all rows; one seed when ``small``."""
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS[: 1 if small else None]:
        for name in LEVELS:
            rows.setdefault(name, []).append(row(name, seed, small=small))
        seconds = rows["robpicker"][-1]["seconds"]
        for name in ("plain", "tuned"):
            rows.setdefault(f"{name}, equal time", []).append(row(name, seed, small=small, seconds=seconds))
    for name, of_seeds in rows.items():
        shown = "  ".join(f"{group} {_over(of_seeds, (group,)):.3f}" for group in GROUPS)
        each = " ".join(f"{mean_of(one, tuple(GROUPS)):.3f}" for one in of_seeds)
        print(f"     {name}: {shown}  all {_over(of_seeds, tuple(GROUPS)):.3f} ({each})")
    plain = [name for name in rows if name.split(",")[0] in ("plain", "tuned")]

    def gain(name: str) -> float:
        return min(_over(rows[name], _SMALL) / max(_over(rows[other], _SMALL), 1e-3) for other in plain) - 1.0

    loss = max(_mean(rows[other], kind) - _mean(rows["robpicker"], kind) for other in plain for kind in GROUPS["large"])
    minutes = sum(of_seeds[0]["seconds"] for of_seeds in rows.values()) / 60.0
    return dict(zip(FIGURES, (gain("robpicker"), loss, gain("dr"), gain("lc"), minutes), strict=True))


def _over(rows: list[dict[str, float]], groups: tuple[str, ...]) -> float:
    return sum(mean_of(each, groups) for each in rows) / len(rows)


def _mean(rows: list[dict[str, float]], kind: str) -> float:
    return sum(each[kind] for each in rows) / len(rows)
