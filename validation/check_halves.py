"""Even and odd halves of the dose: the same specimen and alignment with other noise, judged apart."""

import numpy as np

from validation.held_out import held_out, judged

FIGURES = ("even_odd_max_difference", "even_odd_median_difference")


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures over every slice of every pair."""
    differences = []
    for tomogram in held_out("slices-test", small=small):
        if tomogram.halves:
            even, odd = (judged(path).slices["score"].to_numpy(float) for path in tomogram.halves)
            differences.append(np.abs(even - odd))
    pairs = np.concatenate(differences)
    return {
        "even_odd_max_difference": float(pairs.max()),
        "even_odd_median_difference": float(np.median(pairs)),
        "even_odd_99th_percentile": float(np.percentile(pairs, 99)),
        "even_odd_pairs": float(len(differences)),
    }
