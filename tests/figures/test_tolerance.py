"""What the figures of chapter 4 draw."""

import numpy as np
import pytest

from distill_lib.figures import tolerance


def texts(ax):
    return [text.get_text() for text in ax.texts]


def lines(ax):
    return [line.get_xydata() for line in ax.lines]


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in lines(ax))


def test_curves_by_round():
    x, y = np.arange(5) / 4, np.array([0.0, 1.0, 0.2, -1.0, 0.1])
    grid = np.linspace(0, 1, 21)
    truth = np.sin(2 * np.pi * grid)
    curves = np.array([1.0, 0.7, 0.3])[:, None] * truth
    ax = tolerance.curves_by_round(x, y, grid, truth, curves).axes[0]
    assert holds_line(ax, x, y)
    assert all(holds_line(ax, grid, curve) for curve in [truth, *curves])
    assert {"data", "true curve", "round 0", "round 1", "round 2"} <= set(texts(ax))
    heights = sorted(t.xyann[1] for t in ax.texts if t.get_text().startswith("round"))
    assert (np.diff(heights) > 0.19).all()


def test_one_equation():
    lams = np.logspace(-3, 3, 50)
    errors = (lams / (1 + lams)) ** 2
    ax = tolerance.one_equation(lams, errors, 0.25, 1.0, (0.1, 10.0)).axes[0]
    assert holds_line(ax, lams, errors)
    assert holds_line(ax, [1.0], [0.25])
    (span,) = ax.patches
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((0.1, 10.0))
    assert "bracket" in texts(ax)


def test_filters_by_round():
    b = np.array([[0.9, 0.8, 0.3], [0.7, 0.41, 0.1]])
    figure = tolerance.filters_by_round(b, marked=2)
    assert len(figure.axes) == 2
    for ax, row, value in zip(figure.axes, b, ("0.80", "0.41"), strict=True):
        assert [bar.get_height() for bar in ax.patches] == pytest.approx(list(row))
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, True, False]
        assert texts(ax) == [value]
    assert texts(tolerance.filters_by_round(b).axes[0]) == []


def test_multipliers_and_norms():
    ridges, high = np.array([0.1, 0.5, 2.0]), np.array([1.0, 3.0, 9.0])
    low, norms = np.array([np.nan, 0.1, 0.2]), np.array([2.5, 2.0, 1.4, 0.7])
    left, right = tolerance.multipliers_and_norms(ridges, low, high, norms).axes
    assert holds_line(left, range(3), ridges)
    assert holds_line(right, range(4), norms)
    assert holds_line(right, range(3), [2.5, 1.5, 0.5])  # not below zero
    bars = left.collections[0].get_segments()
    assert [bar[1, 1] for bar in bars] == pytest.approx(list(high))
    assert [bar[0, 1] for bar in bars[1:]] == pytest.approx([0.1, 0.2])
    assert bars[0][0, 1] <= left.get_ylim()[0]  # no lower bound: to the edge
    assert "collapse" in texts(right)


def test_error_over_tolerance():
    at = np.array([0.05, 0.1, 0.2, 0.3])
    errors = np.array([[0.3, 0.1, 0.2, 0.4], [0.12, 0.3, np.nan, np.nan]])
    ax = tolerance.error_over_tolerance(at, errors, 0.06).axes[0]
    assert holds_line(ax, at, errors[0])
    assert holds_line(ax, [0.1], [0.1])
    assert holds_line(ax, [0.05], [0.12])
    assert {"round 0: one fit", "round 1", "0.06"} <= set(texts(ax))
    assert np.isnan(lines(ax)[3][2:, 1]).all()


def test_share_helped():
    ax = tolerance.share_helped(np.array([0.1, 0.2]), np.array([0.75, 0.25]), 0.25).axes[0]
    assert holds_line(ax, [0.1, 0.2], [75.0, 25.0])
    assert "variance of\nthe noise" in texts(ax)
