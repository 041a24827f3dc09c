"""Class averages and maps."""

from tools.goals.figure import Figure, under

_CLASSES = "simulated averages of structures never learned from; trained only on simulation"
_MAPS = "simulated maps of one real structure, 1.5 to 4 Å; the model has no error"
_RELION = "simulated particles; shares are means over three structures"

FIGURES: tuple[Figure, ...] = (
    *under(
        "Grades of class averages",
        ("class_mse", "mean squared error of the grade, scaled to 0–1", "", "<= 0.0039", _CLASSES),
        ("class_spearman", "Spearman's ρ with the oracle's grade", "", ">= 0.95", _CLASSES),
        ("class_auc_keep_3p5", "area under the ROC curve for grades up to 3.5", "", ">= 0.98", _CLASSES),
        ("class_spearman_resolution", "Spearman's ρ of the stated resolution alone", "", "", _CLASSES),
        ("class_auc_resolution", "the area of the stated resolution alone", "", "", _CLASSES),
        ("class_spearman_rule", "Spearman's ρ of a rule of contrast and detail", "", "", _CLASSES),
        ("class_auc_rule", "the area of that rule", "", "", _CLASSES),
        (
            "class_invariance_max",
            "change of a grade by what must not change it: the worst change, 95th percentile",
            "",
            "< 0.1",
            _CLASSES,
        ),
        ("mass_error_median", "median relative error of masses within a job, calibrated", "", "", _CLASSES),
        ("mass_error_other_sessions", "the same across sessions", "", "", _CLASSES),
        ("class_seconds_1000", "1,000 averages of 160 × 160, start to end", "s", "< 20"),
        (
            "relion_iterate_purity",
            "true particles in the batch of cut-off 3.5, half false picks, real RELION",
            "",
            ">= 0.95",
            _RELION,
        ),
        ("relion_iterate_recall", "true particles kept in it", "", ">= 0.9", _RELION),
        ("relion_one_round_purity", "the same purity of one classification", "", "", _RELION),
        ("relion_one_round_recall", "the same recall of one classification", "", "", _RELION),
        ("relion_iterate_model_A", "first model against the truth, FSC 0.5", "Å", "", _RELION),
        ("relion_one_round_model_A", "the same of one classification", "Å", "", _RELION),
        ("class2d_seconds_2000x64", "built-in: 2,000 particles of 64 × 64, 10 classes, 8 iterations", "s", "<= 60"),
        ("class2d_ratio_relion", "times faster than RELION on the same particles", ""),
    ),
    *under(
        "Views and species of class averages",
        ("class_view_error_deg", "median error of an average's direction of view, of unseen structures", "°", "< 7.5"),
        ("class_view_foreign", "averages of another particle that are said to match", "", "<= 0.05"),
        ("composition_right", "sets of one species, or of masses twice apart, grouped rightly", "", ">= 0.95"),
        ("composition_close_right", "the same of masses half as much again apart"),
    ),
    *under(
        "Maps against models",
        ("q_score_closed_error_max", "largest error of Q, isolated Gaussians of 0.5 to 2.5 Å", "", "<= 0.005"),
        ("q_score_places_error", "difference of mean Q from that by 1,000 random places a shell", "", "<= 0.02", _MAPS),
        ("q_score_resolution_r", "Pearson's r of mean Q and the published line", "", ">= 0.98", _MAPS),
        ("q_score_above_line", "mean Q above the published line", "", "", _MAPS),
        ("q_score_nearest_above", "mean Q by the nearest-atom rule above ours", "", "", _MAPS),
        ("q_score_seconds_10000", "Q-scores of 10,000 atoms, one core", "s", "< 60"),
    ),
)
