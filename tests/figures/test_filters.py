"""The figures of chapter 2 draw the arrays that they are given."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from distill_lib.figures import filters, style


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def lines(ax):
    return [np.asarray(line.get_xydata()) for line in ax.lines]


def texts(ax):
    return [text.get_text().strip() for text in ax.texts]


def test_volume_knobs_draws_data_curves_and_shares():
    x, grid = np.arange(4.0), np.linspace(0, 3, 7)
    curves = {"a": grid, "b": grid**2, "c": -grid}
    shares = {"a": np.array([0.9, 0.1]), "b": np.array([0.8, 0.2]), "c": np.array([0.7, 0.3])}
    left, right = filters.volume_knobs(x, x**2, grid, curves, shares).axes
    points, *drawn = lines(left)
    np.testing.assert_array_equal(points, np.column_stack([x, x**2]))
    for curve, line in zip(curves.values(), drawn, strict=True):
        np.testing.assert_array_equal(line, np.column_stack([grid, curve]))
    for share, line in zip(shares.values(), lines(right), strict=True):
        np.testing.assert_allclose(line, np.column_stack([[1, 2], 100 * share]))
    assert texts(right) == ["a", "b", "c"]
    assert right.get_yscale() == "log"
    styles = {(line.get_linestyle(), line.get_marker()) for line in right.lines}
    assert len(styles) == 3  # a second channel beside colour


def test_bent_beams_draws_one_curve_a_point_on_each_side():
    grid, points = np.linspace(0, 1, 5), np.array([0.25, 0.75])
    kernels, curvatures = np.outer(grid, points), np.outer(1 - grid, points)
    left, right = filters.bent_beams(grid, kernels, curvatures, points).axes
    for j in range(2):
        np.testing.assert_allclose(lines(left)[j][:, 1], 1000 * kernels[:, j])
        np.testing.assert_allclose(lines(right)[j][:, 1], curvatures[:, j])
    assert texts(left) == texts(right) == ["x = 0.25", "x = 0.75"]


def test_sampled_waves_has_one_panel_a_wave_and_hides_the_rest():
    x, grid, d = np.arange(3.0), np.linspace(0, 2, 5), np.array([1.0, 0.1, 0.01, 0.001])
    vectors, waves = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(5, 4)
    figure = filters.sampled_waves(x, vectors, grid, waves, d)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 4
    for j, ax in enumerate(shown):
        _, wave, dots = lines(ax)
        np.testing.assert_array_equal(wave, np.column_stack([grid, waves[:, j]]))
        np.testing.assert_array_equal(dots, np.column_stack([x, vectors[:, j]]))
        assert texts(ax)[0].startswith(f"{j + 1}: d = {d[j]:.1e}")


def test_filter_curves_draws_every_filter_twice_in_the_colour_of_its_family():
    ratio = np.geomspace(0.01, 100, 9)
    curves = {
        "ridge": ratio / (1 + ratio),
        "2 fits": (ratio / (1 + ratio)) ** 2,
        "5 fits": (ratio / (1 + ratio)) ** 5,
        "flow": -np.expm1(-ratio),
        "descent": np.where(ratio < 10, ratio / 10, np.nan),
    }
    places = [
        ("ridge", 1, 0.1, 0.1, "left"),
        ("flow", 0, 1, 0.9, "right"),
        ("flow", 1, 1, 0.9, "right"),
    ]
    left, right = filters.filter_curves(ratio, curves, places).axes
    for ax in (left, right):
        for (name, b), line in zip(curves.items(), ax.lines, strict=False):
            np.testing.assert_array_equal(line.get_xydata(), np.column_stack([ratio, b]))
            if name == "ridge":
                assert to_rgba(line.get_color()) == to_rgba(style.TEACHER)
            if name == "flow":
                assert to_rgba(line.get_color()) == to_rgba(style.ACCENT)
        assert len({to_rgba(line.get_color()) for line in ax.lines[:5]}) == 5
        assert len({(line.get_linestyle(), line.get_color()) for line in ax.lines[:5]}) == 5
    assert texts(left) == ["flow"]
    assert texts(right) == ["ridge", "flow"]
    assert right.get_yscale() == "logit"


def test_figures_have_the_size_and_background_of_the_book():
    with mpl.rc_context({"figure.facecolor": "red"}):
        figure = filters.bent_beams(np.linspace(0, 1, 3), np.eye(3), np.eye(3), np.arange(3.0))
    assert tuple(figure.get_size_inches()) == style.SIZE
    assert figure.get_facecolor() == to_rgba(style.BACKGROUND)
