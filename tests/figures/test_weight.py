"""Figures of chapter 8: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from distill_lib.figures import style, weight

mpl.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    mpl.pyplot.close("all")


def draws(ax, x, y):
    lines = [line.get_xydata().astype(float).T for line in ax.lines]
    return any(np.shape(a) == np.shape(x) and np.allclose([a, b], [x, y]) for a, b in lines)


def texts(ax):
    return {text.get_text() for text in ax.texts}


def test_zigzag_draws_both_fits_and_every_error():
    rng = np.random.default_rng(0)
    x, y, grid, truth = np.linspace(0, 1, 5), rng.normal(size=5), *rng.normal(size=(2, 9))
    fits, errors = {3: rng.normal(size=9), 4: rng.normal(size=9)}, np.array([3.0, 1, 2, 1.5])
    left, right = weight.zigzag(x, y, grid, truth, fits, errors).axes
    assert draws(left, x, y)
    assert draws(left, grid, truth)
    assert all(draws(left, grid, curve) for curve in fits.values())
    assert draws(right, [1, 2, 3, 4], errors)
    assert {"fit 3", "fit 4 (dashed)", "truth (dotted)"} <= texts(left)
    assert len(right.lines) == 1  # nothing that answers the chapter's prediction


def test_parabolas_draws_curves_minima_and_the_band_of_mixes():
    weights = np.linspace(-1, 2, 7)
    losses, best = [(weights - v) ** 2 + 1 for v in (-0.5, 1.5)], [(-0.5, 1.0), (1.5, 1.2)]
    (ax,) = weight.parabolas(weights, losses, best, ["one", "two"]).axes
    assert all(draws(ax, weights, curve) for curve in losses)
    assert all(draws(ax, [where], [value]) for where, value in best)
    assert {"one", "two", "a mix"} <= texts(ax)
    assert_allclose(ax.patches[0].get_x(), 0)
    assert_allclose(ax.patches[0].get_width(), 1)


def test_slope_marks_the_tuned_ridge_in_both_panels():
    lams = np.geomspace(0.1, 10, 9)
    first, second = (np.log(lams) - 0.2) ** 2 + 1, np.ones(9)
    top, bottom = weight.slope(lams, first, second, np.log(lams)).axes
    assert draws(top, lams, first)
    assert draws(top, lams, second)
    assert draws(bottom, lams, np.log(lams))
    tuned = lams[first.argmin()]
    for ax in (top, bottom):
        assert any(np.allclose(line.get_xdata(), tuned) for line in ax.lines)
    assert {"away from the teacher", "away from the labels", " tuned ridge"} <= texts(bottom)
    assert top.get_xscale() == "log"
    assert bottom.get_ylim()[0] < np.log(lams).min()  # no weight is cut off
    assert bottom.get_ylim()[1] > np.log(lams).max()


def test_excess_draws_both_chains_and_the_shares():
    rounds, shares = np.arange(1, 4), {"any": np.array([5.0, 1.0, 50.0]), "inside": np.zeros(3)}
    chains = np.array([[3.0, 2, 2.5], [3.0, 2, 1]])
    left, right = weight.excess(rounds, *chains, 1.7, shares).axes
    assert draws(left, rounds, [3, 2, 2.5])
    assert draws(left, rounds, [3, 2, 1])
    assert {"greedy", "joint", "tuned ridge"} <= texts(left)
    assert any(np.allclose(line.get_ydata(), 1.7) for line in left.lines)
    assert draws(right, [1, 5, 50], np.arange(1, 4) / 3)
    assert draws(right, [0.01] * 3, np.arange(1, 4) / 3)  # nothing is left of the axis
    assert {"any", "inside"} <= texts(right)
    assert right.get_xscale() == "log"


def test_shortcut_draws_dots_on_the_exact_curve_and_the_ratios():
    rounds = np.arange(1, 7)
    exact, short = 1 / rounds, 1.2 / rounds
    ratios = {"small": short / exact, "large": np.full(6, 0.9)}
    left, right = weight.shortcut(rounds, exact, short, exact, ratios).axes
    assert draws(left, rounds, exact)
    assert draws(left, rounds, short)
    assert [line.get_marker() for line in left.lines].count("o") == 1
    assert {"exact", "short cut"} <= texts(left)
    assert all(draws(right, rounds, curve) for curve in ratios.values())
    assert set(ratios) <= texts(right)


def test_forest_draws_a_bar_for_every_method_and_data_set():
    means, errors = np.array([[1.0, -2.0], [0.5, 0.0]]), np.full((2, 2), 0.1)
    panels = {"left": (means, errors), "right": (-means, errors)}
    figure = weight.forest(["a", "b"], ["one", "two"], panels, label="change (%)")
    for ax, sign, name in zip(figure.axes, (1, -1), panels, strict=True):
        drawn = [np.asarray(line.get_xdata(), float) for line in ax.lines]
        assert all(any(np.allclose(x, sign * row) for x in drawn if len(x) == 2) for row in means)
        bars = [bar[:, 0] for part in ax.collections for bar in part.get_segments()]
        assert len(bars) == 4
        assert_allclose([high - low for low, high in bars], 0.2)
        assert name in texts(ax)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["one", "two"]
    assert figure.get_supxlabel() == "change (%)"


def test_forest_and_mistuned_give_a_method_the_same_look():
    values = np.arange(8.0).reshape(4, 2)
    panels = {"p": (values[1:], np.ones((3, 2)))}
    forest = weight.forest(["a", "b"], ["x", "y", "z"], panels, label="")
    other = weight.mistuned(["a", "b"], ["base", "x", "y", "z"], values, label="score")
    looks = [
        [(handle.get_color(), handle.get_marker()) for handle in handles]
        for handles in (
            [h.lines[0] for h in forest.axes[0].containers],
            [line for line in other.axes[0].lines if line.get_marker() != "None"],
        )
    ]
    assert looks[0] == looks[1][1:]
    assert looks[1][0] == (style.ACCENT, "^")


def test_mistuned_draws_every_score():
    values = np.array([[90.0, 70], [91, 80], [92, 75], [93, 85]])
    (ax,) = weight.mistuned(["tuned", "wrong"], list("abcd"), values, label="score").axes
    drawn = [line for line in ax.lines if line.get_marker() != "None"]
    assert_allclose([line.get_ydata() for line in drawn], values)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["tuned", "wrong"]
    assert ax.get_ylabel() == "score"


def test_overfit_draws_both_errors_in_every_panel():
    rounds, chosen, test = np.arange(1, 4), np.array([[3.0, 2, 1]] * 2), np.array([[3.0, 4, 5]] * 2)
    names, scores = ["few", "many"], ["leave-one-out", "held out"]
    figure = weight.overfit(rounds, chosen, test, names, scores)
    for ax, name, score in zip(figure.axes, names, scores, strict=True):
        assert draws(ax, rounds, [3, 2, 1])
        assert draws(ax, rounds, [3, 4, 5])
        assert {score, "test", name} <= texts(ax)
