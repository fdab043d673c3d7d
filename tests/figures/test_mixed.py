"""Figures of chapter 7: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest

from distill_lib.figures import mixed, style

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    mpl.pyplot.close("all")


def draws(ax, x, y):
    lines = [line.get_xydata().astype(float).T for line in ax.lines]
    return any(np.shape(a) == np.shape(x) and np.allclose([a, b], [x, y]) for a, b in lines)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def alpha(value):
    return rf"$\alpha$ = {value}"


def test_two_chains_draws_data_four_curves_and_both_errors():
    rng = np.random.default_rng(0)
    x, grid = np.linspace(0, 1, 5), np.linspace(0, 1, 21)
    y, (truth, first, without, with_labels) = rng.normal(size=5), rng.normal(size=(4, 21))
    falling, rising = np.array([0.3, 0.2, 0.1, 0.1]), np.array([0.3, 0.4, 0.5, 0.6])
    left, right = mixed.two_chains(
        x, y, grid, truth, first, without, with_labels, rising, falling
    ).axes
    assert draws(left, x, y)
    assert all(draws(left, grid, curve) for curve in (truth, first, without, with_labels))
    assert draws(right, [1, 2, 3, 4], rising)
    assert draws(right, [1, 2, 3, 4], falling)
    dotted = [line for line in left.lines if line.get_linestyle() == ":"]
    assert np.allclose(dotted[0].get_ydata(), without)
    assert "fit 4, labels mixed in" in texts(left)
    assert {"no labels", "labels mixed in"} <= set(texts(right))


def test_refit_weights_draws_one_panel_a_weight_and_marks_the_last_bar():
    weights = {0.2: np.array([0.2, 0.16, 0.64]), 0.5: np.array([0.5, 0.25, 0.25])}
    figure = mixed.refit_weights(weights)
    for ax, (value, w) in zip(figure.axes, weights.items(), strict=True):
        assert [bar.get_height() for bar in ax.patches] == pytest.approx(list(w))
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, True]
        assert texts(ax) == [alpha(value)]


def test_distances_draws_each_distance_with_its_bound_on_a_log_axis():
    rounds = np.arange(5)
    measured = {0.1: 0.8**rounds, 0.5: 0.4**rounds}
    bounds = {value: 1.2 * curve for value, curve in measured.items()}
    (ax,) = mixed.distances(rounds, measured, bounds).axes
    assert all(draws(ax, rounds, curve) for curve in [*measured.values(), *bounds.values()])
    assert {alpha(0.1), alpha(0.5), "bound"} <= set(texts(ax))
    assert ax.get_yscale() == "log"


def test_ratios_draws_every_curve_and_the_cap_and_cuts_what_grows_without_end():
    rounds = np.arange(1, 6)
    curves = {0: 10.0**rounds, 0.1: np.array([10, 50.0, 30, 20, 15]), 1: np.full(5, 10.0)}
    (ax,) = mixed.ratios(rounds, curves, {0: np.inf, 0.1: 14.0, 1: 10.0}, 16.0).axes
    assert all(draws(ax, rounds, curve) for curve in curves.values())
    assert any(np.allclose(line.get_ydata(), 16.0) for line in ax.lines)
    assert {alpha(0), alpha(0.1), alpha(1), "ratio of the\neigenvalues"} <= set(texts(ax))
    assert ax.get_ylim()[1] == pytest.approx(150)
    assert ax.get_yscale() == "log"


def test_losses_draws_the_curves_their_limits_and_the_best_ridge():
    rounds = np.arange(1, 5)
    curves = {0: np.array([0.2, 0.15, 0.3, 0.5]), 0.5: np.array([0.2, 0.17, 0.16, 0.16])}
    (ax,) = mixed.losses(rounds, curves, {0: 0.9, 0.5: 0.159}, 0.155).axes
    assert all(draws(ax, rounds, curve) for curve in curves.values())
    limits = [line for line in ax.lines if len(line.get_xdata()) == 1]
    heights = [float(line.get_ydata()[0]) for line in limits]
    assert sorted(heights) == pytest.approx([0.159, 0.2])  # the limit inside, and the first fit
    assert any(np.allclose(line.get_ydata(), 0.155) for line in ax.lines)
    assert {"first fit", "best single ridge", "limits", alpha(0), alpha(0.5)} <= set(texts(ax))


def test_norms_by_round_draws_paths_ends_and_limits():
    norms = {
        0: np.array([3.0, 2.0, 0.8]),
        0.1: np.array([3.0, 2.1, 1.0, 0.3]),
        0.4: np.array([3.0, 2.5, 2.4, 2.3]),
    }
    (ax,) = mixed.norms_by_round(norms, {0: np.nan, 0.1: np.nan, 0.4: 2.25}).axes
    assert all(draws(ax, np.arange(len(r)), r) for r in norms.values())
    assert draws(ax, [2, 3], [0.8, 0.0])  # collapse: down to zero
    assert draws(ax, [3, 4], [0.3, 0.0])
    (level,) = ax.collections
    assert np.allclose(level.get_segments()[0][:, 1], 2.25)
    assert {alpha(0), alpha(0.1), alpha(0.4)} <= set(texts(ax))


def test_two_bands_draws_the_mean_and_both_bands():
    grid = np.linspace(0, 1, 11)
    mean, narrow, wide = np.sin(grid), np.full(11, 0.1), np.full(11, 0.3)
    (ax,) = mixed.two_bands(np.array([0.5]), np.array([0.4]), grid, mean, narrow, wide).axes
    for curve in (mean, mean - narrow, mean + narrow, mean - wide, mean + wide):
        assert draws(ax, grid, curve)
    dashed = [line for line in ax.lines if line.get_color() == style.ACCENT]
    assert len(dashed) == 2
    assert "mean of both" in texts(ax)
