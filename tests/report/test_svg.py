import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryogauge.report import Line, line_plot_svg, scatter_plot_svg
from cryogauge.report.curves import score_curve_svg, score_strip_svg, sparkline_svg
from cryogauge.report.svg import Frame, ticks
from cryogauge.report.xz import surface_lines

SVG = "{http://www.w3.org/2000/svg}"
LABELS = {"title": "a < b & c", "x_label": "x (nm)", "y_label": "y"}


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), about=st.integers(3, 10))
@example(low=1.0, span=61.0, about=3)
def test_ticks_are_round_even_and_inside(low, span, about):
    values = ticks(low, low + span, about)
    assert 2 <= len(values) <= 2 * about + 1
    steps = np.diff(values)
    assert np.allclose(steps, steps[0], rtol=1e-3, atol=1e-9)
    assert min(values) >= low - span * 1e-6 - 1e-9
    assert max(values) <= low + span * (1 + 1e-6) + 1e-9


def test_a_gap_lifts_the_pen():
    frame = Frame((0, 4), (0, 1))
    assert frame.path([0, 1, 2, 3, 4], [0, 1, np.nan, 1, 0]).count("M") == 2
    assert frame.band([0, 1], [np.nan, np.nan], [1, 1]) == ""


def test_curves_are_valid_svg_with_escaped_words_and_dashes():
    x = np.linspace(0, 1, 20)
    lines = [Line("<one>", x, x, half_width=0.1 * x), Line("two", x, x**2)]
    root = ET.fromstring(line_plot_svg(lines, **LABELS))
    assert root.attrib["aria-label"] == LABELS["title"]
    assert "<one>" in [element.text for element in root.iter(f"{SVG}text")]
    classes = [path.attrib["class"] for path in root.iter(f"{SVG}path")]
    assert classes.count("band") == 1
    assert classes.count("line tone1") == 2  # the curve and its key


def test_five_curves_are_too_many():
    with pytest.raises(ValueError, match="1 to 4"):
        line_plot_svg([Line(str(i), [0, 1], [0, 1]) for i in range(5)], **LABELS)


def test_scatter_leaves_out_what_is_not_finite_and_clips_its_line():
    x, y = np.array([1, 2, 3, np.nan]), np.array([10.0, 20, 30, 40])
    root = ET.fromstring(scatter_plot_svg(x, y, **LABELS, fit=(50, 0)))
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    line = next(path for path in root.iter(f"{SVG}path") if path.attrib["class"] == "line fit")
    heights = [float(part.split()[1]) for part in line.attrib["d"].replace("L", "M").split("M")[1:]]
    frame = Frame((0, 1), (0, 1))
    assert all(frame.top - 0.1 <= height <= frame.height - frame.bottom + 0.1 for height in heights)


@pytest.mark.parametrize("fit", [(0.0, 1e9), (1.0, 1e9)])
def test_a_fit_that_misses_the_plot_is_not_drawn(fit):
    root = ET.fromstring(scatter_plot_svg([0, 1], [0, 1], **LABELS, fit=fit, identity=True))
    line = next(path for path in root.iter(f"{SVG}path") if path.attrib["class"] == "line fit")
    assert line.attrib["d"] == ""


@pytest.mark.parametrize("slices", [1, 2, 100, 481, 5000])
def test_score_curves_of_any_length(slices):
    scores = np.linspace(0, 1, slices)
    source = score_curve_svg(scores, np.full(slices, np.nan), {"best": slices - 1})
    root = ET.fromstring(source)
    assert len(root.attrib["data-scores"].split()) == slices
    assert "best" in [element.text for element in root.iter(f"{SVG}text")]
    assert "nan" not in source.replace(root.attrib["data-halves"], "")
    line = next(path for path in root.iter(f"{SVG}path") if path.attrib["class"] == "line")
    assert line.attrib["d"].count(" ") <= 480
    assert len(sparkline_svg(scores)) < 2500


def test_the_strip_stacks_marks_and_tells_flagged_ones_by_shape():
    root = ET.fromstring(score_strip_svg([0.5, 0.5, 0.9, None], [False, True, False, False], ["a", "b", "<c>", "d"]))
    marks = list(root.iter(f"{SVG}a"))
    assert [mark.attrib["href"] for mark in marks] == ["#t0", "#t1", "#t2", "#t3"]
    assert [mark[1].tag.removeprefix(SVG) for mark in marks] == ["circle", "path", "circle", "circle"]
    assert [mark[0].text for mark in marks] == ["a: 0.50", "b: 0.50, flagged", "<c>: 0.90", "d: no score"]
    assert marks[0][1].attrib["cy"] > marks[1][1].attrib["d"].split()[1].split("L")[0]


@given(
    a=st.floats(0, 100),
    b=st.floats(-0.3, 0.3),
    c=st.floats(-0.3, 0.3),
    factor=st.sampled_from([1, 2, 4]),
)
def test_surface_lines_follow_the_plane_however_the_picture_was_reduced(a, b, c, factor):
    slices, voxels_y, voxels_x = 120, 400, 480
    xz, plane = (slices // factor, voxels_x // factor), (voxels_y // factor, voxels_x // factor)
    left, right = surface_lines({"top": (a, b, c)}, xz, plane, slices)["top"]
    # Along the line, at the centre of column x, the fraction must be that of the plane's z.
    for x in (0, 100, 479):
        fraction = left + (right - left) * (x + 0.5) / voxels_x
        z = a + b * x + c * (voxels_y - 1) / 2
        assert fraction * slices - 0.5 == pytest.approx(z, abs=1e-6)
