"""What the figures of chapter 10 draw."""

import numpy as np
import pytest

from distill_lib.figures import deviations, style
from distill_lib.kernel.deviations import Line


def texts(ax):
    return [text.get_text() for text in ax.texts]


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = (line.get_xydata() for line in ax.lines)
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


def path(power):
    p = np.linspace(0, 1, 30)
    return np.column_stack([p, p**power])


MARGINS = np.array([[0.1, 0.8, 1.2, 0.4], [-0.2, 0.7, 1.1, 0.5]])
FLIPPED = np.array([True, False, False, True])


def test_disobedience():
    times, accuracy = np.array([0.1, 1.0, 10.0]), np.array([0.8, 0.9, 0.85])
    agreement = np.array([0.7, 0.9, 1.0])
    left, right = deviations.disobedience(
        times, accuracy, agreement, 0.85, 5.0, MARGINS, FLIPPED
    ).axes
    assert left.get_xscale() == "log"
    assert holds_line(left, times, accuracy)
    assert holds_line(left, times, agreement)
    assert holds_line(left, [5.0, 5.0], [0, 1])
    assert holds_line(right, MARGINS[0, ~FLIPPED], MARGINS[1, ~FLIPPED])
    assert holds_line(right, MARGINS[0, FLIPPED], MARGINS[1, FLIPPED])
    assert holds_line(right, [0, 1.2], [0, 1.2])


def test_bent_paths():
    student, ring, square = np.array([[0.8, 0.2], [0.8, 0.4], [0.9, 0.6]])
    (ax,) = deviations.bent_paths(
        path(2), [("1", path(3)), ("2", path(4))], (student, ring), (student, square)
    ).axes
    assert all(holds_line(ax, *path(power).T) for power in (2, 3, 4))
    assert holds_line(ax, [0.8, 0.8], [0.2, 0.4])
    assert holds_line(ax, [0.8, 0.9], [0.2, 0.6])
    assert {"1", "2", "equal strong progress", "equal time"} <= set(texts(ax))


def test_generation_paths():
    curves = [(1, path(2)), (2, path(4)), (5, path(10))]
    (ax,) = deviations.generation_paths(curves).axes
    assert all(holds_line(ax, *points.T) for _, points in curves)
    assert texts(ax) == ["1", "2", "5"]


def test_switched_paths():
    corner = np.array([0.5, 0.25])
    left, right = deviations.switched_paths(
        path(2), np.array([0.8, 0.6]), [("1", path(3), corner)], [("4", path(5), corner)]
    ).axes
    assert holds_line(left, *path(3).T)
    assert not holds_line(left, *path(5).T)
    assert holds_line(right, *path(5).T)
    assert all(holds_line(ax, *path(2).T) for ax in (left, right))
    assert "labels, then teacher" in left.get_xlabel()
    assert (texts(left), texts(right)) == (["1"], ["4"])


def test_group_panels():
    line, predicted = Line(0.5, 0.1), [(1.0, 0.9), (0.2, 0.1)]
    panels = [(name, MARGINS, FLIPPED, predicted, line) for name in ("early", "late")]
    left, right = deviations.group_panels(panels).axes
    assert holds_line(left, *np.transpose(predicted))
    assert holds_line(left, [0.1, 1.2], [0.15, 0.7])
    assert "early" in left.get_xlabel()
    assert "late" in right.get_xlabel()


def test_slope_over_progress():
    progress = np.array([0.1, 0.2, 0.5, 0.6])
    slopes = np.array([0.5, 0.5, 1.5, 1.8])
    (ax,) = deviations.slope_over_progress(progress, [("b = 0.5", slopes)], 0.4).axes
    assert holds_line(ax, progress[:2], slopes[:2])
    assert holds_line(ax, progress[2:], slopes[2:])  # no line across the jump
    assert not holds_line(ax, progress, slopes)
    assert holds_line(ax, [0.4, 0.4], [0, 1])
    assert texts(ax).count("b = 0.5") == 2  # on both sides of the jump


def test_slope_against_gain():
    first, second = (np.array([0.7, 0.9]), np.array([10, 2])), (np.array([0.8]), np.array([5]))
    third = np.array([1.2]), np.array([0])
    named = [("one", *first), ("two", *second), ("three", *third)]
    (ax,) = deviations.slope_against_gain(named).axes
    assert all(holds_line(ax, *points) for points in (first, second, third))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one", "two", "three"]
    looks = [(line.get_color(), line.get_marker()) for line in ax.lines[2:]]
    assert looks == [(style.STUDENT, "o"), (style.STUDENT, "D"), (style.ACCENT, "s")]
    assert pytest.approx(1.0) == ax.lines[0].get_xdata()[0]
