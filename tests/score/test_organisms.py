import csv
from importlib.resources import files

import pytest

from cryogauge.records import BadInput
from cryogauge.score.organisms import domain_of, read_domains


@pytest.mark.parametrize(
    ("organism", "taxid", "domain"),
    [
        ("Homo sapiens", 9606, "eukaryote"),
        ("homo  sapiens", 0, "eukaryote"),
        ("Chlamydomonas reinhardtii", 3055, "eukaryote"),
        ("Escherichia coli K-12", 83333, "prokaryote"),
        ("Sulfolobus acidocaldarius", 0, "prokaryote"),
        ("Nitrosopumilus maritimus SCM1", 0, "prokaryote"),
        ("Vibrio fischeri", 0, "prokaryote"),  # a species by its genus
        ("Candidatus Kuenenia stuttgartiensis", 0, "prokaryote"),
        ("[Bacillus] selenitireducens", 0, "prokaryote"),
        ("baker's yeast", 4932, "eukaryote"),  # an odd name by its number
        ("Human immunodeficiency virus 1", 0, "virus"),
        ("Escherichia phage T4", 0, "virus"),
        ("SARS-CoV-2", 2697049, "virus"),
        ("Mus musculus macrophage", 0, "eukaryote"),
        ("Quisquilia rara", 0, "unknown"),
        ("", 0, "unknown"),
    ],
)
def test_domains(organism, taxid, domain):
    assert domain_of(organism, taxid) == domain


def test_every_species_of_the_paper_is_known():
    eukaryotes = ("Chlamydomonas reinhardtii", "Homo sapiens", "Schizosaccharomyces pombe", "Mus musculus")
    prokaryotes = (
        *("Bacillus subtilis", "Escherichia coli", "Helicobacter pylori", "Legionella pneumophila"),
        *("Helicobacter hepaticus", "Magnetospirillum magneticum", "Nitrosopumilus maritimus"),
        *("Pseudomonas aeruginosa", "Spiroplasma melliferum", "Streptococcus pneumoniae"),
        *("Sulfolobus acidocaldarius", "Sulfolobus solfataricus", "Treponema primitia", "Vibrio cholerae"),
    )
    assert {domain_of(name) for name in (*eukaryotes, "Rattus rattus")} == {"eukaryote"}
    assert {domain_of(name) for name in prokaryotes} == {"prokaryote"}


def test_the_shipped_table_contradicts_itself_nowhere():
    rows = list(csv.DictReader((files("cryogauge") / "recipes" / "domains.csv").read_text().splitlines()))
    assert len({row["organism"].lower() for row in rows}) == len(rows)
    numbers = [row["taxid"] for row in rows if row["taxid"]]
    assert len(set(numbers)) == len(numbers)
    genera = {}
    for row in rows:
        assert genera.setdefault(row["organism"].split()[0], row["domain"]) == row["domain"]


def test_what_is_given_goes_first(tmp_path):
    path = tmp_path / "domains.csv"
    path.write_text("domain,organism,source\nprokaryote,Quisquilia,guess\nEukaryote ,Vibrio cholerae,\n", "utf-8-sig")
    given = read_domains(path)
    assert domain_of("Quisquilia rara", given=given) == "prokaryote"
    assert domain_of("Vibrio cholerae", 666, given) == "eukaryote"
    assert domain_of("Vibrio fischeri", given=given) == "prokaryote"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("organism\nHomo\n", "lacks a column"),
        ("", "lacks a column"),
        ("organism,domain\nHomo,animal\n", "line 2: 'homo' cannot be 'animal'"),
        ("organism,domain\nHomo\n", "'homo' cannot be ''"),
        ("organism,domain\n,virus\n", "'' cannot be 'virus'"),
        ("organism,domain\nH\xf6mo,virus\n", "no table in UTF-8"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, words):
    path = tmp_path / "domains.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=words):
        read_domains(path)
    with pytest.raises(BadInput, match="cannot be read: no such file"):
        read_domains(tmp_path / "nowhere.csv")
