"""Figures of chapter 15: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest

from distill_lib.deep.digit_noise import Curves
from distill_lib.figures import deep_noisy_labels as figures

mpl.use("Agg")
rng = np.random.default_rng(15)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    mpl.pyplot.close("all")


def draws(ax, x, y):
    lines = [line.get_xydata().astype(float).T for line in ax.lines]
    return any(a.shape == np.shape(x) and np.allclose([a, b], [x, y]) for a, b in lines)


def texts(ax):
    return {text.get_text() for text in ax.texts}


def three():
    return {name: rng.random((5, 4)) for name in ("given labels", "soft", "hard")}


def test_students_draws_means_in_per_cent():
    epochs, panels = np.arange(5) * 10, {"right": three(), "given": three()}
    figure = figures.students(epochs, panels, 20, level=0.8)
    for ax, (label, curves) in zip(figure.axes, panels.items(), strict=True):
        assert all(draws(ax, epochs, 100 * values.mean(1)) for values in curves.values())
        assert {"given\nlabels", "soft", "hard"} <= texts(ax)
        assert ax.get_ylabel() == f"{label} (%)"
        assert any(np.allclose(line.get_xdata(), 20) for line in ax.lines)
    assert "best stop" in texts(figure.axes[0])
    assert "best stop" not in texts(figure.axes[1])


def test_memorisation_marks_the_peak_on_new_images():
    arrays = [rng.random((6, 3)) for _ in range(6)]
    curves = Curves(np.arange(1, 7), *arrays)
    figure = figures.memorisation([("pairs", curves), ("symmetric", curves)])
    for ax in figure.axes:
        for values in (curves.given, curves.repaired, curves.test):
            assert draws(ax, curves.epochs, 100 * values.mean(1))
        peak = curves.test.mean(1).argmax()
        assert draws(ax, [curves.epochs[peak]], [100 * curves.test.mean(1)[peak]])
    assert texts(figure.axes[-1]) == {"given\nlabels", "true\nlabels", "new\nimages"}


def test_gains_draws_two_standard_errors():
    mean, error = np.array([1.0, -2.0, 3.0, 0.5]), np.array([0.25, 0.25, 1.0, 0.5])
    figure = figures.gains([*"abcd"], [("x", mean, error), ("y", -mean, error)])
    ax = figure.axes[0]
    assert draws(ax, [1.0, 3.0], [0, 2])
    assert draws(ax, [-2.0], [1])
    assert draws(ax, [0.5], [3])
    assert draws(figure.axes[1], [2.0], [1])
    ends = [segment for bars in ax.collections for segment in bars.get_segments()]
    assert any(np.allclose(segment, [[0.5, 0], [1.5, 0]]) for segment in ends)
    assert [label.get_text() for label in ax.get_yticklabels()] == [*"abcd"]


def test_decay_grid_rings_the_coarse_grid():
    decays = np.array([0.001, 0.003, 0.01, 0.03])
    curves = {name: rng.random((4, 5)) for name in ("given labels", "hard, slow", "hard refit")}
    (ax,) = figures.decay_grid([("pairs", decays, curves)], coarse=[0.001, 0.01]).axes
    assert all(draws(ax, decays, 100 * values.mean(1)) for values in curves.values())
    assert draws(ax, decays[[0, 2]], 100 * curves["given labels"].mean(1)[[0, 2]])
    assert ax.get_xscale() == "log"
    assert texts(ax) == {"given\nlabels", "hard,\nslow", "hard\nrefit"}


def test_locked_in_draws_every_seed():
    groups = [(name, rng.random(4), rng.random(4)) for name in ("20%", "pairs, 40%", "60%")]
    figure = figures.locked_in(groups)
    assert all(draws(figure.axes[0], 100 * before, 100 * after) for _, before, after in groups)
    assert draws(figure.axes[0], [0, 100], [0, 100])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [name for name, *_ in groups]
    colors = [line.get_color() for line in figure.axes[0].lines[-3:]]
    assert colors[1] not in (colors[0], colors[2])


def test_labels_are_moved_apart():
    assert figures._apart({"a": 1.0, "b": 1.5, "c": 9.0}, 2) == {"a": 1.0, "b": 3.0, "c": 9.0}
