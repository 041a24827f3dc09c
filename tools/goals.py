"""What is measured, and what would be good enough: the one place where goals are stated."""

from dataclasses import dataclass

_SIMULATED = "simulated tomograms; trained only on simulation"
_LABELS = "simulated projects and labels: the oracle's scores rounded to categories, 200 slices a kind never trained on"
_CHOSE = "these files also chose the model"
_TILTS = "simulated series; their seeds chose no threshold"
_PHANTOM = "simulated phantoms; trained on 7, tested on 10 or more unseen; mean of three seeds"
_UNTAUGHT = "simulated phantoms; thresholds chosen on two, judged on ten others; shows that they are hard"
_SHIPPED = "ten simulated phantoms of other seeds; trained only on simulation of the same kind"
_ROBUST = "simulated tomograms of twelve species; 40 % of the labels missing, 10 % false; mean of three seeds"
_CLASSES = "simulated averages of structures never learned from; trained only on simulation"
_GRIDS = "220 simulated grids of all kinds"
_MICROGRAPHS = "simulated micrographs of seeds that chose nothing"
_LABELLED = "18 labelled real thumbnails, none learned from; trained only on simulation"
_SCREENED = "eleven grids of one specimen on the simulated microscope; a thousand faults"
_SELECTED = "simulated grids; learned from 8, measured on 16 others; a made-up operator"
_LIVE = "ten grids, 1,000 squares, a log that grows; exposures of 4,096² in the disk's cache"
_COUNTED = "simulated exposures whose every particle is known; looked at before and after one change"
_MAPS = "simulated maps of one real structure, 1.5 to 4 Å; the model has no error"
_RELION = "simulated particles"
_ROBUST_ONE = "the same tomograms and labels, one seed"
_PLATELETS = "ten simulated platelets of 152 fractions, 400 e⁻/Å²; trained only on simulation"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    name
        The key a measurement returns.
    capability
        The heading it stands under.
    meaning
        What the number is, for a reader of the table.
    unit
        Its unit; empty for a ratio.
    goal
        ``">= 0.95"``, ``"< 0.1"`` or ``"0.97 to 1.03"``; empty for a number that is only reported.
    note
        What a reader must know to judge it.
    """

    name: str
    capability: str
    meaning: str
    unit: str = ""
    goal: str = ""
    note: str = ""


def _under(capability: str, *figures: tuple[str, ...]) -> tuple[Figure, ...]:
    return tuple(Figure(name, capability, *rest) for name, *rest in figures)


FIGURES: tuple[Figure, ...] = (
    *_under(
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
    *_under(
        "Agreement of half-dose pairs",
        ("even_odd_max_difference", "largest difference of a slice's score between halves", "", "< 0.1667", _SIMULATED),
        ("even_odd_median_difference", "median difference", "", "< 0.03", _SIMULATED),
    ),
    *_under(
        "Thickness on simulations",
        ("thickness_slope", "Theil–Sen slope, measured against true thickness", "", "0.97 to 1.03", _SIMULATED),
        ("thickness_slope_ransac", "the same by RANSAC, as in the paper", "", "", _SIMULATED),
        ("thickness_slope_count", "Theil–Sen slope of the paper's count of slices above 0.2", "", "", _SIMULATED),
        ("thickness_within_10pct", "tomograms within 10 % of the truth", "", ">= 0.9", _SIMULATED),
        ("thickness_within_10pct_hard", "the same, tilted and smeared ones alone", "", ">= 0.9", _SIMULATED),
        ("thickness_within_10pct_count", "the same of the paper's count, all tomograms", "", "", _SIMULATED),
    ),
    *_under(
        "Real files",
        ("real_orders_held", "ordered pairs of files ranked the right way round", "", ">= 0.95", _CHOSE),
        ("real_middle_171", "mean score of tomogram 171's crowded middle", "", "> 0.5", _CHOSE),
        ("real_ends_171", "highest score in tomogram 171's empty ends", "", "< 0.1", _CHOSE),
        ("real_thickness_171", "thickness of tomogram 171 (187 by local variance)", "nm", "159 to 215", _CHOSE),
    ),
    *_under(
        "Blindness to what is not structure",
        ("grey_value_invariance", "largest change under another slice's histogram", "", "< 0.1", _CHOSE),
        ("clip_invariance", "largest change when clipped at ±3 × 1.4826 MAD", "", "< 0.1", _CHOSE),
        ("spot_invariance", "largest change under 0.03 % of dark or bright spots", "", "< 0.1", _CHOSE),
        ("phase_random_max", "highest score of a phase-randomised real slice", "", "< 0.1", _CHOSE),
    ),
    *_under(
        "Watching a session",
        ("watch_lost", "files of 500, 5 % broken, lost over three kills of the process", "", "<= 0"),
        ("watch_doubled", "files of the same scored or reported more than once", "", "<= 0"),
        ("preview_seconds_after_last_tilt", "41 tilts of 4096 × 4096, from the last one to the score", "s", "<= 60"),
    ),
    *_under(
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
    *_under(
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
    *_under(
        "Tilt images",
        ("tilt_faults_found", "dark, blocked, drifted, moved and empty images that are left out", "", ">= 0.9", _TILTS),
        ("tilt_faults_named", "of these, for the right reason", "", "", _TILTS),
        ("tilt_good_kept", "images without fault that are kept", "", ">= 0.98", _TILTS),
    ),
    *_under(
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
            _PHANTOM,
        ),
        (
            "phantom_f4_one_seed_deepfinder",
            "the same of `deepfinder`, one training set, three phantoms",
            "",
            "",
            _PHANTOM,
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
    *_under(
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
    *_under(
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
    *_under(
        "Views and species of class averages",
        ("class_view_error_deg", "median error of an average's direction of view, of unseen structures", "°", "< 7.5"),
        ("class_view_foreign", "averages of another particle that are said to match", "", "<= 0.05"),
        ("composition_right", "sets of one species, or of masses twice apart, grouped rightly", "", ">= 0.95"),
        ("composition_close_right", "the same of masses half as much again apart"),
    ),
    *_under(
        "Maps against models",
        ("q_score_closed_error_max", "largest error of Q, isolated Gaussians of 0.5 to 2.5 Å", "", "<= 0.005"),
        ("q_score_places_error", "difference of mean Q from that by 1,000 random places a shell", "", "<= 0.02", _MAPS),
        ("q_score_resolution_r", "Pearson's r of mean Q and the published line", "", ">= 0.98", _MAPS),
        ("q_score_above_line", "mean Q above the published line", "", "", _MAPS),
        ("q_score_nearest_above", "mean Q by the nearest-atom rule above ours", "", "", _MAPS),
        ("q_score_seconds_10000", "Q-scores of 10,000 atoms, one core", "s", "< 60"),
    ),
    *_under(
        "Squares and holes found",
        ("square_precision_recall", "the smaller of precision and recall of squares", "", ">= 0.97", _GRIDS),
        ("square_precision", "squares found that are squares", "", "", _GRIDS),
        ("square_recall", "whole squares found", "", "", _GRIDS),
        ("hole_precision_recall", "the smaller of precision and recall of holes", "", ">= 0.97", _GRIDS),
        ("hole_precision", "holes found that are holes", "", "", _GRIDS),
        ("hole_recall", "whole holes found", "", "", _GRIDS),
        ("hole_position_error_px", "median distance of a found hole from the true one", "px", "", _GRIDS),
        ("lacey_refused", "lacey films said to have no lattice", "", "", _GRIDS),
        (
            "square_precision_recall_real",
            "the smaller of precision and recall of squares on public pictures",
            "",
            ">= 0.97",
            "11 squares marked by eye, on files not tuned on",
        ),
        (
            "hole_precision_recall_real",
            "the smaller of precision and recall of holes on public pictures",
            "",
            ">= 0.95",
            "82 holes marked by eye, on files not tuned on",
        ),
        ("atlas_seconds", "25 tiles of 1,024² stitched and their squares found", "s", "<= 10"),
        ("atlas_stitch_error_px", "root mean square error of a tile's place", "px"),
    ),
    *_under(
        "Exposures judged",
        ("ctf_defocus_error_median_A", "median error of the mean defocus", "Å", "<= 100", _MICROGRAPHS),
        ("ctf_defocus_within_5_percent", "exposures whose defocus is right to 5 %", "", ">= 0.95", _MICROGRAPHS),
        ("ctf_astigmatism_error_median_A", "median error of the astigmatism", "Å", "", _MICROGRAPHS),
        ("ctf_found", "exposures with contrast transfer where it is said to be found", "", "", _MICROGRAPHS),
        ("ctf_found_in_nothing", "exposures without any where it is said to be found", "", "", _MICROGRAPHS),
        ("micrograph_accuracy_real18", "right class of six", "", ">= 0.75", _LABELLED),
        ("micrograph_accuracy_real18_low", "lower end of its 95 % interval", "", "", _LABELLED),
        ("micrograph_accuracy_real18_high", "upper end of it", "", "", _LABELLED),
        ("micrograph_accuracy_real18_five", "great and decent taken as one class", "", "", _LABELLED),
        ("particle_count_error_median", "median relative error of the density of particles", "", "", _COUNTED),
        ("particle_count_bias", "median relative error with its sign", "", "", _COUNTED),
        ("particle_count_in_nothing_um2", "particles told in ice without any", "1/µm²", "", _COUNTED),
        ("particle_crowding_auc", "a crowded exposure has the higher coverage", "", "", _COUNTED),
        ("particle_diameter_error_median", "median relative error of the diameter", "", "", _COUNTED),
        ("particle_count_told", "exposures in which it says how many", "", "", _COUNTED),
        ("exposure_seconds_4k", "an exposure of 4,096² judged", "s", "<= 5"),
    ),
    *_under(
        "Unattended screening",
        ("screening_rank", "Spearman's ρ of the ranking with the grids' true quality", "", ">= 0.9", _SCREENED),
        ("fault_lost", "exposures lost or taken twice under injected faults and kills", "", "<= 0", _SCREENED),
        ("unsafe_moves", "commands that came to the microscope outside its limits", "", "<= 0", _SCREENED),
    ),
    *_under(
        "Live page of a session",
        ("live_p95_ms_10000", "slowest kind of request, 95th percentile, at 10,000 exposures", "ms", "< 200", _LIVE),
        ("live_first_ms_10000", "first page of a server just started", "ms", "", _LIVE),
    ),
    *_under(
        "Learned scorers and Leginon's server",
        ("scorer_auc_kept_out", "a selected square outranks one that was left, by a learned scorer", "", "", _SELECTED),
        ("default_score_auc_kept_out", "the same by the finders' own score", "", "", _SELECTED),
        ("scorer_spearman_kept_out", "rank correlation with the selection, learned scorer", "", "", _SELECTED),
        ("default_score_spearman_kept_out", "the same, the finders' own score", "", "", _SELECTED),
        (
            "leginon_good_holes",
            "measured holes as good as the grid's best quarter, squares in the server's order",
            "",
            "",
            _SELECTED,
        ),
        ("default_good_holes", "the same, in the order of the finders' own score", "", "", _SELECTED),
    ),
    *_under(
        "Speed and memory of scoring",
        ("score_seconds_200x960", "200 slices of 960 × 960, map and uncertainty included", "s", "<= 15"),
        ("score_seconds_50x960", "50 slices of 960 × 960", "s"),
        ("score_seconds_200x480", "200 slices of 480 × 480", "s"),
        ("score_seconds_50x480", "50 slices of 480 × 480", "s"),
        ("score_speed_ratio_resnet101", "times faster than resnet101, float32, same threads and run", "", ">= 19"),
        ("score_speed_ratio_best", "times faster, each at its best precision", ""),
        ("score_peak_mib", "peak proportional set size of the process tree", "MiB", "<= 2048"),
    ),
    *_under(
        "Labelling",
        ("label_step_ms", "from a key to the next slice of 960 × 960 on the screen, median of 200", "ms", "<= 100"),
        ("label_step_ms_95", "the same, 95th percentile", "ms"),
    ),
    *_under(
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
