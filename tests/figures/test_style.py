"""The plot style: one size, one meaning a colour, whatever the reader's settings are."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from distill_lib.figures import style


@pytest.fixture(autouse=True)
def clean():
    with mpl.rc_context():
        yield
    plt.close("all")


def test_use_changes_the_settings():
    mpl.rcParams["figure.figsize"] = (1, 1)
    style.use()
    assert tuple(mpl.rcParams["figure.figsize"]) == style.SIZE
    assert not mpl.rcParams["axes.spines.top"]


def test_axes_ignore_the_readers_settings_and_leave_them():
    mpl.rcParams["axes.facecolor"] = "red"
    figure, ax = style.axes()
    assert mpl.colors.to_hex(ax.get_facecolor()) == style.BACKGROUND.lower()
    assert tuple(figure.get_size_inches()) == style.SIZE
    assert mpl.rcParams["axes.facecolor"] == "red"


def test_axes_make_a_grid_and_pass_options_on():
    figure, grid = style.axes(3, 2, size=(5, 4), sharey=True)
    assert grid.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (5, 4)
    grid[0, 0].set_ylim(0, 7)
    assert grid[0, 1].get_ylim() == (0, 7)


@pytest.mark.parametrize("rounds", [1, 2, 20])
def test_round_colors_go_from_pale_to_dark(rounds):
    lightness = [sum(color[:3]) for color in style.round_colors(rounds)]
    assert len(lightness) == rounds
    assert lightness == sorted(lightness, reverse=True)
    assert len(set(lightness)) == rounds


def test_label_stands_at_the_point_in_its_colour():
    _, ax = style.axes()
    label = style.label_line(ax, 1.0, 2.0, "teacher", color=style.TEACHER)
    assert label.xy == (1.0, 2.0)
    assert label.get_color() == style.TEACHER
    assert label.get_fontsize() == 9
    moved = style.label_line(ax, 1, 2, "student", color=style.STUDENT, xytext=(0, 9), fontsize=7)
    assert moved.xyann == (0, 9)
    assert moved.get_fontsize() == 7


def test_colours_differ():
    names = (style.TEACHER, style.STUDENT, style.TRUTH, style.NOISE, style.ACCENT)
    assert len(set(names)) == len(names)
