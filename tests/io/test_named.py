"""The order in which people count; folders and lists are tested with what is found in them."""

from hypothesis import given
from hypothesis import strategies as st

from cryogauge.io.named import natural, walk_visible


@given(st.text("ab_/.", max_size=5), st.integers(0, 10**6), st.integers(0, 10**6), st.text("ab_/.", max_size=5))
def test_runs_of_digits_are_numbers(start, low, high, end):
    names = [f"{start}{number:0{width}d}{end}" for width in (1, 4) for number in (high, low)]
    numbers = [int(name.removeprefix(start).removesuffix(end)) for name in sorted(names, key=natural)]
    assert numbers == sorted([low, low, high, high])


def test_what_is_hidden_is_not_walked_and_what_is_taken_out_is_not_gone_into(tmp_path):
    for name in ("b/one.txt", "b/.two.txt", ".c/three.txt", "a/four.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    seen = []
    for parent, folders, files in walk_visible(tmp_path):
        seen.append((parent.relative_to(tmp_path).as_posix(), list(folders), files))
        folders[:] = [name for name in folders if name != "a"]
    assert seen == [(".", ["a", "b"], []), ("b", [], ["one.txt"])]
