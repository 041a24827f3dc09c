"""Real files: one tomogram whose good and bad slices are known, and pairs of files whose order is."""

import numpy as np

from validation.real_files import MEMBRANE, MICROTUBULE, TOMOGRAM_171, data_folder, levels, orders, score, tomogram

FIGURES = ("real_orders_held", "real_middle_171", "real_ends_171", "real_thickness_171")
#: The crowded middle and the empty ends of tomogram 171, and its thickness by planes fitted to local variance.
MIDDLE_171, END_SLICES_171, THICKNESS_171_NM = slice(40, 91), 12, 187.0


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; what does not hold is printed, and how much holds of each reason."""
    if data_folder() is None:
        print("   not measured: CRYOGAUGE_DATA does not name the folder of real files")
        return {}
    whole = tomogram(TOMOGRAM_171)
    slices = whole.slices["score"].to_numpy(float)
    results = {
        "real_middle_171": float(slices[MIDDLE_171].mean()),
        "real_middle_171_lowest": float(slices[MIDDLE_171].min()),
        "real_ends_171": float(max(slices[:END_SLICES_171].max(), slices[-END_SLICES_171:].max())),
        "real_thickness_171": float(whole.row["thickness_nm"]),
        "real_thickness_171_relative": float(whole.row["thickness_nm"]) / THICKNESS_171_NM,
        "microtubule_middle": _middle(MICROTUBULE),
        "membrane_middle": _middle(MEMBRANE),
    }
    if small:
        return results
    for name, expected in (("orders", orders()), ("levels", levels())):
        held = {row: row.held() for row in expected}
        results[f"real_{name}_held"] = float(np.mean(list(held.values())))
        for model in ("volume", "picture"):
            some = [good for row, good in held.items() if row.model == model]
            results |= {f"real_{name}_held_{model}": float(np.mean(some))} if some else {}
        for why in dict.fromkeys(row.why for row in expected):
            outcome = [good for row, good in held.items() if row.why == why]
            print(f"     {sum(outcome):3d} of {len(outcome):3d}: {why}")
        for row in (row for row, good in held.items() if not good):
            values = (f"{file.rpartition('/')[2]} {score(file, row.model):.3f}" for file in row.files)
            print(f"     not held: {', '.join(values)} ({row.why})")
    return results


def _middle(name: str) -> float:
    """Mean score of the middle third of a subvolume's slices."""
    slices = tomogram(name).slices["score"].to_numpy(float)
    third = len(slices) // 3
    return float(slices[third : len(slices) - third].mean())
