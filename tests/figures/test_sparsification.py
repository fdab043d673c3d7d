"""What the figures of chapter 5 draw."""

import numpy as np
import pytest

from distill_lib.figures import sparsification


def texts(ax):
    return [text.get_text() for text in ax.texts]


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = (line.get_xydata() for line in ax.lines)
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


def test_last_bars():
    filters = [np.array([0.5, 0.25, 0.05]), np.array([0.2, 0.1, 0.0002])]
    figure = sparsification.last_bars(filters, ["loose", "strict"])
    assert [ax.get_xlabel() for ax in figure.axes] == ["loose", "strict"]
    for ax, b in zip(figure.axes, filters, strict=True):
        assert [bar.get_height() for bar in ax.patches] == pytest.approx(list(b / b[0]))
        assert ax.get_yscale() == "log"


def test_norms_and_bounds():
    norms, lower = np.array([4.0, 3.5, 2.2, 0.9]), np.array([4.0, 3.0, 2.0, 1.0])
    upper, paper = np.array([4.0, 3.9, 3.7, 3.6]), np.array([4.0, 1.0, -1.0, -2.0])
    (ax,) = sparsification.norms_and_bounds(norms, lower, upper, paper).axes
    assert all(holds_line(ax, range(4), values) for values in (norms, lower, upper))
    assert holds_line(ax, [0, 1], [4.0, 1.0])  # below zero the paper's bound says nothing
    assert {"targets", "at most", "collapse"} <= set(texts(ax))


def test_guaranteed_over_actual():
    kappas = np.array([1.0, 10.0, 1e4])
    paper, ours = np.array([1.0, 5.0, 30.0]), np.array([1.0, 1.2, 1.5])
    (ax,) = sparsification.guaranteed_over_actual(kappas, paper, ours).axes
    assert holds_line(ax, kappas, paper)
    assert holds_line(ax, kappas, ours)
    assert ax.get_ylim()[0] < 1 < 30 < ax.get_ylim()[1]


def test_ratio_over_rounds():
    rows = np.array([[1.1, 1.5, 2.4], [1.05, 1.1, 1.16], [1.06, 1.2, 1.8]])
    (ax,) = sparsification.ratio_over_rounds(*rows).axes
    assert all(holds_line(ax, [1, 2, 3], row) for row in rows)
    assert texts(ax) == ["ratio", "by rounds", "by norm"]


def test_index_over_tolerance():
    tolerances = np.array([1e-2, 1e-3, 1e-4])
    horizons = {"short": [1.1, 1.2, 1.2], "far": [1.5, 2.0, 2.4], "last": [1.9, 3.0, 5.0]}
    horizons = {name: np.array(row) for name, row in horizons.items()}
    (ax,) = sparsification.index_over_tolerance(tolerances, horizons, 1.05, 1.3).axes
    assert all(holds_line(ax, tolerances, row) for row in horizons.values())
    assert set(horizons) <= set(texts(ax))
    left, right = ax.get_xlim()
    assert left > right  # smaller tolerances to the right
    levels = {float(line.get_ydata()[0]) for line in ax.lines if len(set(line.get_ydata())) == 1}
    assert levels == {1.05, 1.3}


def test_two_truths():
    errors = [np.array([0.3, 0.1, 0.2]), np.array([0.1, 0.4, 0.9])]
    figure = sparsification.two_truths(errors, [0.09, 0.08], ["on top", "below"])
    for ax, row, name in zip(figure.axes, errors, ("on top", "below"), strict=True):
        assert holds_line(ax, range(3), row)
        assert ax.get_xlabel() == f"round\n{name}"
    assert texts(figure.axes[0]) == ["one fit"]
    assert texts(figure.axes[1]) == ["one fit, tuned"]
