import re
from xml.etree import ElementTree

from cryogauge.report.trend import TrendPoint, trend_svg

SVG = "{http://www.w3.org/2000/svg}"


def points(*scores):
    return [TrendPoint(score, f"TS_{i} <b>&", f"/item/{i}", flagged=score < 0.2) for i, score in enumerate(scores)]


def test_every_point_is_a_link_at_its_height():
    root = ElementTree.fromstring(trend_svg(points(0.0, 0.5, 1.0), 0.3))
    links = root.findall(f"{SVG}a")
    assert [link.get("href") for link in links] == ["/item/0", "/item/1", "/item/2"]
    assert links[0].findtext(f"{SVG}title") == "TS_0 <b>&"
    assert [len(link.findall(f"{SVG}circle")) for link in links] == [0, 1, 1], "flagged ones are triangles"
    assert "newest" in links[2].find(f"{SVG}circle").get("class")
    heights = [float(link.find(f"{SVG}circle").get("cy")) for link in links[1:]]
    limit = float(re.search(r"H?M44 ([\d.]+)H", root.find(f"{SVG}path[@class='limit']").get("d")).group(1))
    assert heights[1] < heights[0] < limit


def test_only_the_last_ones_are_drawn_under_their_numbers():
    root = ElementTree.fromstring(trend_svg(points(*[0.5] * 1000), 0.3))
    assert len(root.findall(f"{SVG}a")) == 400
    numbers = [int(text.text) for text in root.findall(f"{SVG}text") if text.text.isdecimal() and len(text.text) > 1]
    assert 600 <= min(numbers) <= max(numbers) <= 1000


def test_the_line_is_the_median_of_the_last_seven():
    svg = trend_svg(points(0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1), 0.3)
    path = ElementTree.fromstring(svg).find(f"{SVG}path[@class='line']").get("d")
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert len(heights) == 8
    assert heights[0] == heights[4], "still the median of three high and two low ones"
    assert heights[6] == heights[7] > heights[0]
