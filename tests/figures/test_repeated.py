"""Figures of chapter 3: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from distill_lib.figures import repeated

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


def test_look_alikes_draws_data_both_fits_and_every_error():
    rng = np.random.default_rng(0)
    x, grid = np.linspace(0, 1, 5), np.linspace(0, 1, 21)
    targets, fits = rng.normal(size=(2, 5)), rng.normal(size=(2, 4, 21))
    errors = np.array([[3.0, 1, 2, 4], [1.0, 2, 3, 4]])
    figure = repeated.look_alikes(x, targets, grid, fits, errors)
    for k in range(2):
        top, bottom = figure.axes[k], figure.axes[2 + k]
        assert draws(top, x, targets[k])
        assert draws(top, grid, fits[k][0])
        assert draws(top, grid, fits[k][-1])
        assert draws(bottom, [1, 2, 3, 4], errors[k])
        assert f"data set {'AB'[k]}" in texts(top)
    assert "best: fit 2" in texts(figure.axes[2])
    assert "best: fit 1" in texts(figure.axes[3])
    assert {"first fit", "fit 4 (dashed)"} <= set(texts(figure.axes[0]))
    assert figure.axes[2].get_yscale() == "log"
    assert figure.axes[2].get_ylim() == figure.axes[3].get_ylim()


def test_ratio_growth_draws_each_ratio_and_the_cap_on_a_log_axis():
    rounds = np.arange(1, 6)
    ratios = [2.0**rounds, 3.0**rounds]
    figure = repeated.ratio_growth(rounds, ratios, ["small", "large"], cap=17.0)
    (ax,) = figure.axes
    assert all(draws(ax, rounds, curve) for curve in ratios)
    assert {"small", "large", "cap of any one ridge"} <= set(texts(ax))
    assert any(np.allclose(line.get_ydata(), 17.0) for line in ax.lines)
    assert ax.get_yscale() == "log"


def test_sharper_cut_draws_all_filters_and_the_match():
    d = np.logspace(-2, 2, 50)
    refits = {2: d / (d + 2), 8: d / (d + 3)}
    figure = repeated.sharper_cut(d, d / (d + 1), refits, np.exp(-1 / d), meeting=0.7)
    (ax,) = figure.axes
    for curve in (d / (d + 1), *refits.values(), np.exp(-1 / d)):
        assert draws(ax, d, curve)
    assert {"one ridge", "2 fits", "8 fits", "limit", "matched here"} <= set(texts(ax))
    assert any(np.allclose(line.get_xdata(), 0.7) for line in ax.lines)


def test_sharper_cut_names_each_curve_in_its_colour():
    d = np.logspace(-2, 2, 50)
    refits = {2: d / (d + 2), 8: d / (d + 3)}
    (ax,) = repeated.sharper_cut(d, d / (d + 1), refits, np.exp(-1 / d), meeting=0.7).axes
    colors = {text.get_text(): mpl.colors.to_hex(text.get_color()) for text in ax.texts}
    for name, curve in (("2 fits", refits[2]), ("8 fits", refits[8]), ("limit", np.exp(-1 / d))):
        (line,) = (q for q in ax.lines if np.array_equal(q.get_ydata(), curve))
        assert colors[name] == mpl.colors.to_hex(line.get_color())


@pytest.mark.parametrize("with_draw", [True, False])
def test_bias_variance_draws_the_parts_their_sum_and_the_best_round(with_draw):
    rounds, bias = np.arange(1, 5), np.array([0.0, 1, 2, 4])
    variance, draw = np.array([5.0, 2, 1.5, 1]), np.array([4.0, 4, 4, 4])
    figure = repeated.bias_variance(rounds, bias, variance, draw if with_draw else None)
    (ax,) = figure.axes
    assert all(draws(ax, rounds, curve) for curve in (bias, variance, bias + variance))
    assert draws(ax, [2], [3.0])
    assert ("this draw" in texts(ax)) == draws(ax, rounds, draw) == with_draw
    assert {"bias", "variance", "risk"} <= set(texts(ax))


def test_risk_curve_marks_rounds_with_their_values():
    rounds = np.array([1, 2, 5, 10])
    risk = np.array([4.0, 3.0, 6.0, 1.0])
    (ax,) = repeated.risk_curve(rounds, risk, [1, 2, 5, 10]).axes
    assert draws(ax, rounds, risk)
    assert texts(ax) == ["1 fit: 4.0", "2 fits: 3.0", "5 fits: 6.0", "10 fits: 1.0"]
    assert ax.get_xscale() == "log"


def test_gain_map_draws_both_maps_with_zero_gain_in_the_middle():
    ratios, exponents = np.logspace(-1, 1, 4), np.linspace(0, 2, 3)
    rounds = np.array([[1, 2, 4, 8]] * 3)
    gain = np.linspace(-0.5, 0.25, 12).reshape(3, 4)
    figure = repeated.gain_map(ratios, exponents, rounds, gain)
    left, right = (ax.collections[0] for ax in figure.axes[:2])
    assert_allclose(left.get_array(), np.log2(rounds))
    assert_allclose(right.get_array(), 100 * gain)
    assert right.get_clim() == (-25, 25)
    labels = {ax.get_xlabel() for ax in figure.axes}
    assert {"best number of fits", "gain over the tuned ridge (%)"} <= labels
