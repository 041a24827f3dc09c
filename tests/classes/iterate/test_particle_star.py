"""Parts of a particles.star as they stand, read back by an independent reader and matched with an unbinned one."""

import numpy as np
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st

from cryogauge.classes.iterate.particle_star import match_unbinned, read_particle_star
from cryogauge.records import BadInput
from tests.classes.iterate.worlds import BOX, PIXEL_A, write_particles


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("particles")
    write_particles(folder, 12)
    write_particles(folder, 12, name="full", box=2 * BOX, pixel_A=PIXEL_A / 2)
    return folder


def test_what_the_file_says(folder):
    star = read_particle_star(folder / "particles.star")
    assert (len(star.rows), star.box_px, star.pixel_size_A) == (12, BOX, PIXEL_A)
    assert star.original_pixel_size_A == PIXEL_A / 4
    assert star.images[11] == "000012@particles.mrcs"
    assert star.root == folder


@settings(max_examples=15)
@given(rows=st.sets(st.integers(0, 11), min_size=1))
def test_a_part_reads_as_that_part_elsewhere(folder, rows):
    star = read_particle_star(folder / "particles.star")
    path = folder / "part.star"
    star.write(np.array(sorted(rows), np.uint64), path)
    whole, part = starfile.read(folder / "particles.star"), starfile.read(path, always_dict=True)
    expected = whole["particles"].iloc[sorted(rows)].reset_index(drop=True)
    assert part["particles"].reset_index(drop=True).equals(expected)
    assert part["optics"].equals(whole["optics"])
    again = read_particle_star(path)
    assert again.rows == tuple(star.rows[row] for row in sorted(rows))


def test_a_table_of_relion_3_0_has_one_block(folder):
    old = folder / "old.star"
    old.write_text(
        "\ndata_images\n\nloop_ \n_rlnImageName #1 \n_rlnDetectorPixelSize #2 \n_rlnMagnification #3 \n"
        "1@particles.mrcs 5.0 50000\n2@particles.mrcs 5.0 50000\n"
    )
    star = read_particle_star(old)
    assert (star.pixel_size_A, star.box_px, len(star.rows)) == (1.0, BOX, 2)


def test_unbinned_particles_are_found_by_coordinates_or_by_stack(folder):
    star, full = read_particle_star(folder / "particles.star"), read_particle_star(folder / "full.star")
    assert match_unbinned(star, full).tolist() == list(range(12))
    lines = (folder / "full.star").read_text().split("\n")
    first = next(k for k, line in enumerate(lines) if "@" in line)
    fewer = folder / "fewer.star"
    fewer.write_text("\n".join(lines[:first] + lines[first + 1 : first + 12][::-1] + [""]))
    assert match_unbinned(star, read_particle_star(fewer)).tolist() == [-1, *range(10, -1, -1)]
    same = folder / "same.star"
    same.write_text("\ndata_particles\n\nloop_\n_rlnImageName #1\n000003@other/particles.mrcs\n")
    assert match_unbinned(star, read_particle_star(same))[:4].tolist() == [-1, -1, 0, -1]
    none = folder / "none.star"
    none.write_text("\ndata_particles\n\nloop_\n_rlnImageName #1\n000003@other/else.mrcs\n")
    with pytest.raises(BadInput, match="none of the particles"):
        match_unbinned(star, read_particle_star(none))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table of particles"),
        ("data_particles\n\nloop_\n_rlnImageName #1\n\n", "holds no particles"),
        ("data_particles\n\nloop_\n_rlnDefocusU #1\n1\n\n", "holds no particles"),
        ("data_particles\n\nloop_\n_rlnImageName #1\n1@a.mrcs\n1@a.mrcs\n", "names 1@a.mrcs 2 times"),
        ("data_particles\n\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n1@a.mrcs\n", "too few columns"),
    ],
)
def test_what_is_no_table_of_particles_is_refused(tmp_path, text, message):
    path = tmp_path / "wrong.star"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_particle_star(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_particle_star(tmp_path / "none.star")
    path = tmp_path / "lost.star"
    path.write_text("data_particles\n\nloop_\n_rlnImageName #1\n1@lost.mrcs\n")
    with pytest.raises(BadInput, match="not found"):
        _ = read_particle_star(path).root
