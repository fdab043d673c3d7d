"""Figures of chapter 1: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from distill_lib.figures import puzzle, style

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    mpl.pyplot.close("all")


def lines(figure, ax=0):
    return [(line.get_xdata(), line.get_ydata()) for line in figure.axes[ax].lines]


def texts(figure, ax=0):
    return [text.get_text() for text in figure.axes[ax].texts]


def draws(figure, x, y, ax=0):
    return any(
        np.shape(a) == np.shape(x) and np.allclose(a, x) and np.allclose(b, y)
        for a, b in lines(figure, ax)
    )


def test_born_again_draws_every_network():
    errors = {"wide": [18.25, 17.61, 17.22], "deep": [17.69, 16.62]}
    figure = puzzle.born_again(errors)
    for name, row in errors.items():
        assert draws(figure, range(len(row)), row)
        assert draws(figure, [0], row[:1])
        assert name in texts(figure)
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["teacher", "student 1", "student 2"]


@pytest.mark.parametrize("count", [1, 3])
def test_eleven_points(count):
    x, grid = np.linspace(0, 1, 5), np.linspace(0, 1, 31)
    y, truth = x**2, np.sin(grid)
    fits = {f"fit {k}": (k + 1) * grid for k in range(count)}
    figure = puzzle.eleven_points(x, y, grid, truth, fits)
    assert draws(figure, x, y)
    assert draws(figure, grid, truth)
    for name, curve in fits.items():
        assert draws(figure, grid, curve)
        assert name in texts(figure)
    assert {"data", "true curve"} <= set(texts(figure))
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == count + 2  # colour and line style tell every curve apart


def test_names_do_not_collide():
    heights = puzzle._apart([0.30, 0.10, 0.15, 2.0], gap=0.2)
    assert_allclose(heights, [0.5, 0.1, 0.3, 2.0])


def test_two_errors_marks_the_smallest():
    rounds, train, truth = np.arange(1, 6), np.arange(5.0), np.array([3.0, 2.0, 1.0, 4.0, 5.0])
    figure = puzzle.two_errors(rounds, train, truth)
    assert draws(figure, rounds, train)
    assert draws(figure, rounds, truth)
    assert draws(figure, [3], [1.0])
    assert "smallest: fit 3" in texts(figure)


def test_two_paths():
    single = (np.linspace(0, 1, 40), np.linspace(0, 1, 40) ** 2)
    refits = (np.array([0.1, 0.4, 0.9]), np.array([0.2, 0.1, 0.5]))
    figure = puzzle.two_paths(single, refits)
    assert draws(figure, *single)
    assert draws(figure, *refits)
    assert {"1", "2", "3"} <= set(texts(figure))


def test_digits_rounds_draws_mean_spread_and_baseline():
    rng = np.random.default_rng(0)
    panels = {"noisy": (rng.random((6, 4)), rng.random(6))}
    panels["clean"] = (rng.random((3, 4)), np.array([0.5]))
    figure = puzzle.digits_rounds(panels)
    for ax, (heading, (accuracy, tuned)) in enumerate(panels.items()):
        assert draws(figure, np.arange(1, 5), 100 * accuracy.mean(0), ax)
        assert any(np.allclose(y, 100 * tuned.mean()) for _, y in lines(figure, ax))
        band = figure.axes[ax].collections[0].get_datalim(figure.axes[ax].transData)
        highest = 100 * (accuracy.mean(0) + accuracy.std(0, ddof=1)).max()
        assert_allclose(band.y1, highest)
        assert heading in figure.axes[ax].get_xlabel()
        assert "one fit, tuned ridge" in texts(figure, ax)


def test_share_helped():
    lams, shares = np.array([0.1, 1.0, 10.0]), np.array([0.9, 0.5, 0.0])
    figure = puzzle.share_helped(lams, shares, 1.0)
    assert draws(figure, lams, 100 * shares)
    assert figure.axes[0].get_xscale() == "log"
    assert any(np.allclose(x, 1.0) for x, _ in lines(figure)[1:])


def test_the_style_does_not_depend_on_the_caller():
    with mpl.rc_context({"figure.figsize": (1, 1), "axes.spines.top": True}):
        figure = puzzle.two_errors(np.arange(1, 3), np.ones(2), np.ones(2))
    assert tuple(figure.get_size_inches()) == style.SIZE
    assert not figure.axes[0].spines["top"].get_visible()
