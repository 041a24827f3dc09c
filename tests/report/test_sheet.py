"""The page of figures and tables: what its cells say, how they are set, where they lead."""

import re

import pandas as pd

from cryogauge.report import Block, write_sheet


def written(tmp_path, *blocks, settings=None):
    return write_sheet(tmp_path / "sheet.html", "A sheet", [], blocks, settings=settings or {}).read_text("utf-8")


def cells(page, tag="td"):
    found = re.findall(rf'<{tag} (?:scope="col" )?class="(\w*)">(.*?)</{tag}>', page)
    return [(kind, re.sub("<[^>]*>", "", text)) for kind, text in found]


def test_numbers_stand_at_the_right_and_names_have_units(tmp_path):
    table = pd.DataFrame({"defocus_A": [12345.6, float("nan")], "seen": [True, False], "said": ["x" * 60, "short"],
                          "share": ["7 %", "12 %"], "exposure": ["1/2/3", "4"]})  # fmt: skip
    page = written(tmp_path, Block("Of all", table=table))
    heads = [("number", "defocus Å"), ("", "seen"), ("long", "said"), ("number", "share"), ("", "exposure")]
    assert cells(page, "th") == heads
    assert cells(page)[:5] == [("number", "12346"), ("", "yes"), ("long", "x" * 60), ("number", "7 %"), ("", "1/2/3")]
    assert cells(page)[5:7] == [("number", "–"), ("", "no")]


def test_a_cell_leads_to_the_block_it_names(tmp_path):
    table = pd.DataFrame({"exposure": ["a & b", "elsewhere"]})
    page = written(tmp_path, Block("All", table=table), Block("a & b", "said of it"))
    (number,) = re.findall(r'<a href="#part-(\d+)">a &amp; b</a>', page)
    assert re.search(rf'<section id="part-{number}">\s*<h2>a &amp; b</h2>', page)
    assert page.count("<a ") == 1


def test_settings_are_in_words(tmp_path):
    used = {"pixel_size_A": None, "frames": True, "notes": ["One.", "Two."], "squares": {"count": 3, "scorer": ""}}
    page = written(tmp_path, settings=used)
    told = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert told == {"pixel size Å": "–", "frames": "yes", "notes": "One. Two.", "squares": "count 3"}
