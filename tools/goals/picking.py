"""Picking, and learning to from labels with errors."""

from tools.goals.figure import Figure, under

_PHANTOM = "simulated phantoms; trained on 7, tested on 10 or more unseen; mean of three seeds"
_UNTAUGHT = "simulated phantoms; thresholds chosen on two, judged on ten others; shows that they are hard"
_SHIPPED = "ten simulated phantoms of other seeds; trained only on simulation of the same kind"
_ROBUST = "simulated tomograms of twelve species; 40 % of the labels missing, 10 % false; mean of three seeds"
_ROBUST_ONE = "the same tomograms and labels, one seed"
_PHANTOM_ONE = "simulated phantoms; trained on 7, tested on the first three of the unseen ten; one seed"

FIGURES: tuple[Figure, ...] = (
    *under(
        "Picking",
        ("phantom_weighted_f4", "weighted F4 of the best preset", "", ">= 0.75", _PHANTOM),
        ("phantom_weighted_f4_fast", "the same of `fast`", "", ">= 0.75", _PHANTOM),
        ("phantom_weighted_f4_deepfindet", "the same of `deepfindet`", "", "", _PHANTOM),
        ("phantom_weighted_f4_deepfinder", "the same of `deepfinder`", "", "", _PHANTOM),
        (
            "phantom_f4_one_seed_deepfindet",
            "the same of `deepfindet`, one training set, three phantoms",
            "",
            "",
            _PHANTOM_ONE,
        ),
        (
            "phantom_f4_one_seed_deepfinder",
            "the same of `deepfinder`, one training set, three phantoms",
            "",
            "",
            _PHANTOM_ONE,
        ),
        (
            "few_shot_fraction",
            "part of the F4 of seven labelled tomograms that one reaches after simulation",
            "",
            ">= 0.8",
            _PHANTOM,
        ),
        ("phantom_f4_blobs", "weighted F4 of blobs of each kind’s size", "", "<= 0.5", _UNTAUGHT),
        ("phantom_f4_matched_filter", "the same of a matched filter with the true shapes", "", "<= 0.5", _UNTAUGHT),
        ("phantom_f4_matched_decoy", "the same of one with a ball instead of the shape", "", "", _UNTAUGHT),
        (
            "shipped_weighted_f4",
            "weighted F4 of the picker that comes with the package",
            "",
            ">= 0.75",
            _SHIPPED,
        ),
        ("predict_seconds_630", "six kinds in a tomogram of 630 × 630 × 184", "s", "<= 900"),
        ("predict_peak_mib", "peak memory of that", "MiB", "<= 6144"),
        ("train_hours_to_95pct", "training of `fast` to 95 % of its final F4, without a GPU", "h", "<= 2"),
        (
            "phantom_speed_ratio_polnet",
            "times faster than PolNet, whose 20 s are for 300 × 300 × 100 with membranes",
            "",
            "> 1",
        ),
        (
            "metric_seconds_500x6x100",
            "`challenge score` of 500 tomograms × 6 kinds × 100 picks, start to end",
            "s",
            "< 5",
        ),
        ("metric_mismatches", "random cases whose score differs from a brute force’s in any digit", "", "<= 0"),
    ),
    *under(
        "Learning from labels with errors",
        (
            "robpicker_small_f1_gain",
            "relative gain of F1 on small and tiny species over plain training",
            "",
            ">= 0.5",
            _ROBUST,
        ),
        ("robpicker_large_f1_loss", "largest loss of F1 of a large species", "", "<= 0.02", _ROBUST),
        ("dr_only_f1_gain", "gain as above with reweighting alone", "", "", _ROBUST),
        ("lc_only_f1_gain", "gain as above with label correction alone", "", "", _ROBUST),
        (
            "label_errors_f1_cost",
            "what the errors cost plain training of that F1",
            "",
            "",
            _ROBUST,
        ),
        ("robpicker_small_f1_gain_untuned", "the gain, picks by a probability of a half", "", "", _ROBUST),
        ("robpicker_large_f1_loss_untuned", "the largest loss, likewise", "", "", _ROBUST),
        ("dr_only_f1_gain_untuned", "gain of reweighting alone, likewise", "", "", _ROBUST),
        ("lc_only_f1_gain_untuned", "gain of label correction alone, likewise", "", "", _ROBUST),
        ("label_errors_f1_cost_untuned", "that cost, picks by a probability of a half", "", "", _ROBUST),
        ("robpicker_small_f1_gain_one_seed", "the gain of the first seed alone", "", "", _ROBUST_ONE),
        ("robpicker_large_f1_loss_one_seed", "the largest loss of the first seed alone", "", "", _ROBUST_ONE),
        ("dr_only_f1_gain_one_seed", "gain of reweighting alone, first seed", "", "", _ROBUST_ONE),
        ("lc_only_f1_gain_one_seed", "gain of label correction alone, first seed", "", "", _ROBUST_ONE),
        (
            "label_errors_f1_cost_one_seed",
            "what the errors cost plain training of that F1",
            "",
            "",
            _ROBUST_ONE,
        ),
        ("robpicker_small_f1_gain_untuned_one_seed", "the gain, picks by a probability of a half", "", "", _ROBUST_ONE),
        ("robpicker_large_f1_loss_untuned_one_seed", "the largest loss, likewise", "", "", _ROBUST_ONE),
        ("dr_only_f1_gain_untuned_one_seed", "gain of reweighting alone, likewise", "", "", _ROBUST_ONE),
        ("lc_only_f1_gain_untuned_one_seed", "gain of label correction alone, likewise", "", "", _ROBUST_ONE),
        ("label_errors_f1_cost_untuned_one_seed", "that cost, picks by a probability of a half", "", "", _ROBUST_ONE),
        ("label_audit_recall", "removed labels among as many first suggestions", "", ">= 0.7", _ROBUST_ONE),
        ("label_audit_recall_missing", "the same among missing suggestions alone", "", "", _ROBUST_ONE),
        ("label_audit_precision", "right suggestions among as many first ones", "", "", _ROBUST_ONE),
        ("upper_step_over_library", "a step and its hypergradient by differences, over TorchOpt's", "", "<= 1"),
        ("upper_step_library_difference", "how far the two hypergradients are apart", "", "<= 0.05"),
        (
            "hypergradient_error",
            "relative error of hypergradients by finite differences, single precision",
            "",
            "<= 0.05",
            "small networks; the exact one through the whole graph",
        ),
        ("hypergradient_error_as_trained", "the same with the network's step in half precision", "", "<= 0.1"),
        ("upper_step_cost_ratio", "a step of the upper level of `robpicker`, in plain steps", "", "<= 3"),
        ("upper_step_cost_ratio_paper", "the same of `robpicker-paper`", "", "<= 3"),
        ("table_minutes_cpu", "one seed of the comparison", "min", "<= 90"),
        ("average_fsc_gain", "gain of the mean FSC of averages by better picks", "", "> 0", _ROBUST_ONE),
    ),
)
