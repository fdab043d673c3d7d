"""Figures of chapter 13: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from distill_lib.figures import deep_rounds, style

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


def test_per_round_draws_means_and_bands_in_every_panel():
    rng = np.random.default_rng(0)
    panels = {
        name: {"test": rng.uniform(size=(4, 5)), "given labels": rng.uniform(size=(4, 5))}
        for name in ("one", "two")
    }
    figure = deep_rounds.per_round(panels)
    for ax, (name, curves) in zip(figure.axes, panels.items(), strict=True):
        assert {name, *curves} <= texts(ax)
        for values, band in zip(curves.values(), ax.collections, strict=True):
            assert draws(ax, [1, 2, 3, 4], 100 * values.mean(1))
            high = 100 * (values.mean(1) + values.std(1, ddof=1))
            assert_allclose(band.get_paths()[0].vertices[:, 1].max(), high.max())


def test_per_round_draws_levels_in_their_panel():
    values = np.linspace(0.7, 0.9, 8).reshape(2, 4)
    panels = {"a": {"test": values}, "b": {"test": values}}
    left, right = deep_rounds.per_round(panels, {"b": {"test": 0.85}}, "single").axes
    assert "single" in texts(right) - texts(left)
    assert any(np.allclose(line.get_ydata(), 85) for line in right.lines)
    assert not any(np.allclose(line.get_ydata(), 85) for line in left.lines)


def test_decay_curves_draws_every_round_and_rings_on_the_first():
    decays = np.geomspace(1e-3, 1e-2, 6)
    accuracy = np.linspace(0.8, 0.9, 12).reshape(2, 6)
    (ax,) = deep_rounds.decay_curves(decays, accuracy, coarse=(1, 5)).axes
    assert all(draws(ax, decays, 100 * row) for row in accuracy)
    for place in (1, 5):
        assert draws(ax, [decays[place]], [100 * accuracy[0, place]])
        assert np.isclose(ax.get_xticks(), decays[place]).any()  # a ring can be read off
    assert {"round 1", "2"} <= texts(ax)
    assert ax.get_xscale() == "log"
    assert ax.get_ylim()[1] > 90  # no peak is cut off


def test_gains_draws_two_standard_errors_and_marks_the_fine_grid():
    (ax,) = deep_rounds.gains(["a", "b", "c"], [1.0, 0.3, -0.5], [0.2, 0.2, 0.1], reference=2).axes
    bars = [bar[:, 0] for part in ax.collections for bar in part.get_segments()]
    assert_allclose([high - low for low, high in bars], [0.8, 0.8, 0.4])
    marks = [line for line in ax.lines if line.get_marker() not in ("None", None, "")]
    assert [line.get_color() for line in marks] == [style.STUDENT] * 2 + [style.ACCENT]
    assert [line.get_fillstyle() for line in marks] == ["full", "none", "full"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is on top


def test_alpha_grid_draws_curves_and_the_estimate():
    alphas, error, right = (
        np.linspace(0, 1, 3),
        np.array([0.5, 0.4, 0.6]),
        np.array([0.8, 0.9, 0.7]),
    )
    figure = deep_rounds.alpha_grid(alphas, {"name": (error, right, 0.4, 0.41, 0.89)})
    top, bottom = figure.axes
    assert draws(top, alphas, error)
    assert draws(bottom, alphas, 100 * right)
    assert draws(top, [0.4], [0.41])
    assert draws(bottom, [0.4], [89])
    assert "name" in texts(top)
