import io

from rich.console import Console

from cryogauge.report import Failure, ranked_table


def _printed(table, width=120):
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True, force_terminal=False).print(table)
    return stream.getvalue()


def test_ranked_with_flags_in_words_and_failures_at_the_end(make_judgement):
    rows = [
        make_judgement(0, tomogram="poor", tomoscore=0.31, flags=("out_of_domain",)).row,
        make_judgement(1, tomogram="good", tomoscore=0.87).row,
    ]
    text = _printed(ranked_table(rows, [Failure("broken", "the file is empty", "copy it again")]))
    assert text.index("good") < text.index("poor") < text.index("broken")
    assert "0.87" in text
    assert "out of domain" in text
    assert "not judged" in text
    assert "\x1b" not in text


def test_names_are_not_markup(make_judgement):
    name = "[red]grid[/red] [link=x]"
    assert name in _printed(
        ranked_table([make_judgement(tomogram=name).row], [Failure("[b]", "it is [/b] empty")]), 160
    )


def test_long_names_and_reasons_are_folded_not_cut(make_judgement):
    name, reason = "a" * 150, "r" * 150
    text = _printed(ranked_table([make_judgement(tomogram=name).row], [Failure("x", reason)]), width=80)
    assert sum(line.count("a") for line in text.splitlines()) >= 150
    assert sum(line.count("r") for line in text.splitlines()) >= 150
    assert max(len(line) for line in text.splitlines()) <= 80
