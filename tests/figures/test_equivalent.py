"""What the figures of chapter 6 draw."""

import numpy as np
import pytest

from distill_lib.figures import equivalent


def texts(ax):
    return {text.get_text() for text in ax.texts}


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = [line.get_xydata() for line in ax.lines]
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


GRID = np.linspace(0, 1, 21)


def test_three_kernels():
    x, y = np.arange(5) / 4, np.array([0.0, 1.0, 0.2, -1.0, 0.1])
    curves = np.array([1.0, 0.3])[:, None] * np.sin(2 * np.pi * GRID)
    tent = np.minimum(GRID, 1 - GRID)
    slices = {"A": tent, "B": 3 * tent**2, "C": 0.1 * tent**3}
    left, right = equivalent.three_kernels(x, y, GRID, curves, slices, 0.5).axes
    assert holds_line(left, x, y)
    assert all(holds_line(left, GRID, curve) for curve in curves)
    assert all(holds_line(right, GRID, (2 * tent) ** power) for power in (1, 2, 3))
    assert holds_line(right, GRID, 10 * ((2 * tent) ** 3 - (2 * tent) ** 2))
    assert {"A", "B", "C", "10 × (C \N{MINUS SIGN} B)"} <= texts(right)
    assert {"first fit", "third student"} <= texts(left)


def test_spectra_and_slices():
    eigenvalues = np.array([[1.0, 0.1, 0.01], [0.5, 0.01, 1e-4]])
    arch = np.sin(np.pi * GRID)
    slices = np.array([arch, 0.2 * arch**2])
    left, right = equivalent.spectra_and_slices(eigenvalues, GRID, slices, 0.3).axes
    assert all(holds_line(left, [1, 2, 3], row) for row in eigenvalues)
    assert left.get_yscale() == "log"
    assert holds_line(right, GRID, arch**2 - arch)
    assert {"0", "1", "round"} <= texts(left)
    assert {"round 0", "round 1"} <= texts(right)


def test_bound_parts():
    parts = np.array([[0.1, 0.4], [0.5, 0.2], [0.3, 0.3]])
    (ax,) = equivalent.bound_parts(*parts, np.array([0.2, 0.45])).axes
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == pytest.approx(list(parts.ravel()))
    bottoms = [bar.get_y() for bar in ax.patches]
    assert bottoms == pytest.approx([0, 0, 0.1, 0.4, 0.6, 0.6])
    assert holds_line(ax, [0, 1], [0.2, 0.45])
    assert {"empirical loss", "capacity", "deviation", "new data"} <= texts(ax)


def test_bound_over_points():
    points = np.array([10, 100, 1000])
    bounds = np.array([[3.0, 1.0, 0.4], [2.0, 1.1, 0.6]])
    (ax,) = equivalent.bound_over_points(points, bounds, 0.7).axes
    assert all(holds_line(ax, points, row) for row in bounds)
    assert [list(line.get_ydata()) for line in ax.lines[2:]] == [[1, 1], [0.7, 0.7]]
    assert {"round 0", "round 1", "zero function", "largest loss"} <= texts(ax)


def test_index_over_rounds():
    paths = {"big": np.array([1.1, 1.5]), "small": np.array([1.01, 1.2, 3.0])}
    (ax,) = equivalent.index_over_rounds(paths, 1.3).axes
    assert all(holds_line(ax, range(1, len(v) + 1), v) for v in paths.values())
    assert holds_line(ax, [2], [1.5])
    assert holds_line(ax, [3], [3.0])
    assert {"big", "small", "cap of one fit"} <= texts(ax)
