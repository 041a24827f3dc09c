"""Collecting at the microscope."""

from tools.goals.figure import Figure, under

_GRIDS = "220 simulated grids of all kinds"
_MICROGRAPHS = "simulated micrographs of seeds that chose nothing"
_LABELLED = "18 labelled real thumbnails, none learned from; trained only on simulation"
_SHIFTED = "one simulated grid, 30 holes in each of three squares, groups within 8 µm"
_BESIDE = "simulated micrographs with film, crystalline ice or no particles in view, and plain ones"
_SCREENED = "twelve sessions of eleven grids of one specimen on the simulated microscope"
_STRUCK = "sessions on the simulated microscope, a thousand faults"
_SELECTED = "simulated grids; learned from 8, measured on 16 others; a made-up operator"
_LIVE = "ten grids, 1,000 squares, a log that grows; exposures of 4,096² in the disk's cache"
_ALERTS = "8 simulated sessions of 1,500 particles; limits below 1,000 were prompted by one of them"
_COUNTED = "simulated exposures whose every particle is known; looked at before and after one change"

FIGURES: tuple[Figure, ...] = (
    *under(
        "Squares and holes found",
        ("square_precision_recall", "the smaller of precision and recall of squares", "", ">= 0.97", _GRIDS),
        ("square_precision", "squares found that are squares", "", "", _GRIDS),
        ("square_recall", "whole squares found", "", "", _GRIDS),
        ("hole_precision_recall", "the smaller of precision and recall of holes", "", ">= 0.97", _GRIDS),
        ("hole_precision", "holes found that are holes", "", "", _GRIDS),
        ("hole_recall", "whole holes found", "", "", _GRIDS),
        ("hole_target_precision", "holes called targets that are holes", "", "", _GRIDS),
        ("hole_target_recall", "whole holes of intact ice that are called targets", "", "", _GRIDS),
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
    *under(
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
        ("micrograph_score_auc_real18", "a great or decent one has the higher score", "", "", _LABELLED),
        ("particle_count_error_median", "median relative error of the density of particles", "", "", _COUNTED),
        ("particle_count_bias", "median relative error with its sign", "", "", _COUNTED),
        ("particle_count_in_nothing_um2", "particles told in ice without any", "1/µm²", "", _COUNTED),
        ("particle_crowding_auc", "a crowded exposure has the higher coverage", "", "", _COUNTED),
        ("particle_diameter_error_median", "median relative error of the diameter", "", "", _COUNTED),
        ("particle_count_told", "exposures in which it says how many", "", "", _COUNTED),
        ("particle_count_sure_wrong", "counts given without doubt that are wrong", "", "", _BESIDE),
        ("particle_count_unsure_wrong", "counts said to be unsure that are wrong", "", "", _BESIDE),
        ("particle_count_unsure", "counts said to be unsure", "", "", _BESIDE),
        ("exposure_seconds_4k", "an exposure of 4,096² judged", "s", "<= 5"),
    ),
    *under(
        "Unattended screening",
        ("screening_rank", "Spearman's ρ of the ranking with the grids' true quality", "", ">= 0.9", _SCREENED),
        ("screening_rank_error", "standard error of that mean", "", "", _SCREENED),
        ("screening_rank_by_yield", "the same with the particles in holes that resolve 4 Å", "", "", _SCREENED),
        ("screening_hours", "time of a session of eleven grids at the microscope", "h", "", _SCREENED),
        ("fault_lost", "exposures lost or taken twice under injected faults and kills", "", "<= 0", _STRUCK),
        (
            "by_shift_time_ratio",
            "time with holes reached by image shift, over that with a stage move to each",
            "",
            "<= 0.6",
            _SHIFTED,
        ),
        ("by_shift_moves_ratio", "moves of the stage, likewise", "", "", _SHIFTED),
        (
            "by_shift_off_um",
            "farthest that an exposure by image shift is from a hole's middle",
            "µm",
            "<= 0.5",
            _SHIFTED,
        ),
        ("by_shift_other_holes", "planned holes not exposed, and exposures elsewhere", "", "<= 0", _SHIFTED),
        ("unsafe_moves", "commands that came to the microscope outside its limits", "", "<= 0", _STRUCK),
    ),
    *under(
        "Alerts of a session's classes",
        ("one_sided_told", "one-sided sessions called so, without a map", "", "", _ALERTS),
        ("one_sided_false", "even ones called so", "", "", _ALERTS),
        ("one_sided_told_map", "one-sided sessions called so, with a map", "", "", _ALERTS),
        ("one_sided_false_map", "even ones called so, with a map", "", "", _ALERTS),
        ("poor_told", "hopeless sessions whose classes are called poor", "", "", _ALERTS),
        ("poor_false", "good ones whose classes are called poor", "", "", _ALERTS),
        ("views_even", "views of nine in ten particles in even sessions, median", "", "", _ALERTS),
        ("views_one_sided", "the same in one-sided sessions", "", "", _ALERTS),
    ),
    *under(
        "Live page of a session",
        ("live_p95_ms_10000", "slowest kind of request, 95th percentile, at 10,000 exposures", "ms", "< 200", _LIVE),
        ("live_first_ms_10000", "first page of a server just started", "ms", "", _LIVE),
    ),
    *under(
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
)
