"""Scores of tomograms and tilt images, labels, simulation."""

from tools.goals.figure import Figure, under

_SIMULATED = "simulated tomograms; trained only on simulation"
_LABELS = "simulated projects and labels: the oracle's scores rounded to categories, 200 slices a kind never trained on"
_CHOSE = "these files also chose the model"
_TILTS = "simulated series; their seeds chose no threshold"
_PLATELETS = "ten simulated platelets of 152 fractions, 400 e⁻/Å²; trained only on simulation"

FIGURES: tuple[Figure, ...] = (
    *under(
        "Slice scores on held-out simulations",
        ("slice_pearson_mean", "mean over tomograms of Pearson's r, score against oracle", "", ">= 0.95", _SIMULATED),
        ("slice_pearson_nonempty", "the same within the slices that hold something", "", "", _SIMULATED),
        ("slice_pearson_baseline", "the same of a baseline that knows only top and bottom", "", "", _SIMULATED),
        (
            "slice_pearson_nonempty_baseline",
            "the same of that baseline within the slices that hold something",
            "",
            "",
            _SIMULATED,
        ),
        ("slice_abs_error_mean", "mean |score − oracle|", "", "<= 0.06", _SIMULATED),
        ("slice_abs_error_nonempty", "the same within the slices that hold something", "", "", _SIMULATED),
        ("tomoscore_spearman", "Spearman's ρ, predicted against oracle TomoScore", "", ">= 0.9", _SIMULATED),
        ("empty_below_0p1_fraction", "empty slices that score below 0.1", "", ">= 0.98", _SIMULATED),
        ("texture_refused_fraction", "structureless textures below 0.1 or flagged", "", ">= 1", _SIMULATED),
        ("flag_false_rate", "tomograms of the trained kind flagged out of domain", "", "<= 0.02", _SIMULATED),
        ("uncertainty_coverage_90", "oracles inside the 90 % interval", "", "0.85 to 0.95", _SIMULATED),
    ),
    *under(
        "Agreement of half-dose pairs",
        ("even_odd_max_difference", "largest difference of a slice's score between halves", "", "< 0.1667", _SIMULATED),
        ("even_odd_median_difference", "median difference", "", "< 0.03", _SIMULATED),
    ),
    *under(
        "Thickness on simulations",
        ("thickness_slope", "Theil–Sen slope, measured against true thickness", "", "0.97 to 1.03", _SIMULATED),
        ("thickness_slope_ransac", "the same by RANSAC, as in the paper", "", "", _SIMULATED),
        ("thickness_slope_count", "Theil–Sen slope of the paper's count of slices above 0.2", "", "", _SIMULATED),
        ("thickness_within_10pct", "tomograms within 10 % of the truth", "", ">= 0.9", _SIMULATED),
        ("thickness_within_10pct_hard", "the same, tilted and smeared ones alone", "", ">= 0.9", _SIMULATED),
        ("thickness_within_10pct_count", "the same of the paper's count, all tomograms", "", "", _SIMULATED),
    ),
    *under(
        "Real files",
        ("real_orders_held", "ordered pairs of files ranked the right way round", "", ">= 0.95", _CHOSE),
        ("real_middle_171", "mean score of tomogram 171's crowded middle", "", "> 0.5", _CHOSE),
        ("real_ends_171", "highest score in tomogram 171's empty ends", "", "< 0.1", _CHOSE),
        ("real_thickness_171", "thickness of tomogram 171 (187 by local variance)", "nm", "159 to 215", _CHOSE),
    ),
    *under(
        "Blindness to what is not structure",
        ("grey_value_invariance", "largest change under another slice's histogram", "", "< 0.1", _CHOSE),
        ("clip_invariance", "largest change when clipped at ±3 × 1.4826 MAD", "", "< 0.1", _CHOSE),
        ("spot_invariance", "largest change under 0.03 % of dark or bright spots", "", "< 0.1", _CHOSE),
        ("phase_random_max", "highest score of a phase-randomised real slice", "", "< 0.1", _CHOSE),
    ),
    *under(
        "Watching a session",
        ("watch_lost", "files of 500, 5 % broken, lost over three kills of the process", "", "<= 0"),
        ("watch_doubled", "files of the same scored or reported more than once", "", "<= 0"),
        ("preview_seconds_after_last_tilt", "41 tilts of 4096 × 4096, from the last one to the score", "s", "<= 60"),
    ),
    *under(
        "Dose studies",
        ("dose_log2_r2", "R² of the mean percentage of the full score against log₂ of dose", "", ">= 0.93", _PLATELETS),
        (
            "dose_even_odd_max",
            "largest difference of a slice's score between halves of any dose",
            "",
            "< 0.1667",
            _PLATELETS,
        ),
        ("dose_even_odd_tomoscore_max", "the same of a TomoScore", "", "< 0.1667", _PLATELETS),
        (
            "dose_largest_fall",
            "largest fall of the mean TomoScore where dose rises",
            "",
            "<= 0.01",
            _PLATELETS,
        ),
        ("dose_90pct_range_e_A2", "dose that reaches 90 % of the full score", "e⁻/Å²", "", _PLATELETS),
        ("dose_95pct_range_e_A2", "dose that reaches 95 %", "e⁻/Å²", "", _PLATELETS),
    ),
    *under(
        "Learning from labels",
        (
            "finetune_gap_closed",
            "part of the gap from r to 1 that it closes, mean of three kinds",
            "",
            ">= 0.5",
            _LABELS,
        ),
        ("finetune_pearson_before", "mean Pearson's r a held-out tomogram before", "", "", _LABELS),
        ("finetune_pearson_after", "the same after", "", "", _LABELS),
        ("paper_epoch_seconds", "an epoch of the paper's preset on 300 slices of 960 × 960", "s"),
        ("paper_full_hours", "the paper's training at this pace: 15,000 slices, 200 epochs", "h"),
    ),
    *under(
        "Tilt images",
        ("tilt_faults_found", "dark, blocked, drifted, moved and empty images that are left out", "", ">= 0.9", _TILTS),
        ("tilt_faults_named", "of these, for the right reason", "", "", _TILTS),
        ("tilt_good_kept", "images without fault that are kept", "", ">= 0.98", _TILTS),
    ),
    *under(
        "Speed and memory of scoring",
        ("score_seconds_200x960", "200 slices of 960 × 960, map and uncertainty included", "s", "<= 15"),
        ("score_seconds_50x960", "50 slices of 960 × 960", "s"),
        ("score_seconds_200x480", "200 slices of 480 × 480", "s"),
        ("score_seconds_50x480", "50 slices of 480 × 480", "s"),
        ("score_speed_ratio_resnet101", "times faster than resnet101, float32, same threads and run", "", ">= 19"),
        ("score_speed_ratio_best", "times faster, each at its best precision", ""),
        ("score_peak_mib", "peak proportional set size of the process tree", "MiB", "<= 2048"),
    ),
    *under(
        "Labelling",
        ("label_step_ms", "from a key to the next slice of 960 × 960 on the screen, median of 200", "ms", "<= 100"),
        ("label_step_ms_95", "the same, 95th percentile", "ms"),
    ),
    *under(
        "Simulation and reconstruction",
        (
            "oracle_order_held",
            "steps of dose, thickness, shifts, defocus and low-pass that lower the label",
            "",
            ">= 1",
        ),
        ("oracle_empty_max", "highest label in empty ice with gold, frost and carbon", "", "<= 0.01"),
        ("simulate_seconds_512", "a 512 × 512 × 128 tomogram from 41 tilts, simulated and reconstructed", "s", "<= 40"),
        ("wbp_seconds", "weighted back-projection, 41 × 512² to 512 × 512 × 200", "s", "<= 4"),
        ("wbp_speed_ratio", "times faster than torch-tomogram in the same run", "", ">= 10"),
        ("wbp_correlation", "correlation of the reconstruction with the phantom"),
        ("wbp_correlation_ratio", "that over torch-tomogram's", "", ">= 1"),
    ),
)
