"""What the figures of chapter 14 draw."""

import numpy as np

from distill_lib.figures import deep_deviations, style
from distill_lib.kernel.deviations import Line


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = (line.get_xydata() for line in ax.lines)
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_deviation_panels():
    teacher, student = np.array([1.0, 2.0, 4.0]), np.array([-1.0, 2.0, 5.0])
    flipped = np.array([True, False, False])
    panels = [
        ("old", (teacher, student), Line(2.0, -2.0)),
        ("new", (student, teacher), Line(0.5, 1)),
    ]
    left, right = deep_deviations.deviation_panels(panels, flipped).axes
    assert holds_line(left, teacher[1:], student[1:])
    assert holds_line(left, teacher[:1], student[:1])
    assert holds_line(left, [0.0, 4.0], [-2.0, 6.0])  # the fitted line
    assert holds_line(left, [0.0, 4.0], [0.0, 4.0])  # the diagonal
    assert holds_line(right, student, teacher)  # no wrong labels among new points
    assert labels(left) == ["right label", "wrong label"]
    assert labels(right) == ["new image"]
    assert "old" in left.get_xlabel()


def test_clocks():
    levels = np.linspace(1, 10, 5)
    curves = [("T = 1", levels / 2), ("T = 4", levels / 1.2)]
    (ax,) = deep_deviations.clocks(levels, curves, time=20.0).axes
    assert all(holds_line(ax, levels, y) for y in (levels, levels / 2, levels / 1.2))
    assert texts(ax) == ["teacher", "T = 1", "T = 4"]
    assert "20" in ax.get_ylabel()


def test_slopes_by_setting():
    rows = [("a", np.array([1.1, 1.2]), np.array([0.9, 0.8])), ("b", np.ones(3), np.zeros(3))]
    (ax,) = deep_deviations.slopes_by_setting(rows).axes
    assert holds_line(ax, [1.1, 1.2], [-0.15, -0.15])
    assert holds_line(ax, [0.9, 0.8], [0.15, 0.15])
    assert holds_line(ax, [1.0] * 3, [0.85] * 3)
    assert holds_line(ax, [1, 1], [0, 1])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]
    assert labels(ax) == ["training points", "new points"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first setting on top


def test_fidelity_against_gain():
    families = [
        ("far", np.array([0.8, 0.9]), np.array([5.0, 3.0])),
        ("near", np.array([0.98]), np.array([1.0])),
    ]
    (ax,) = deep_deviations.fidelity_against_gain(families).axes
    assert holds_line(ax, [0.8, 0.9], [5.0, 3.0])
    assert holds_line(ax, [0.94, 1.0], [6.0, 0.0])  # gain = 100 (1 - agreement)
    assert labels(ax) == ["far", "near"]


def test_switch_panels():
    epochs = np.array([5, 10, 20])
    curves = [(name, epochs * k / 10) for k, name in enumerate("abcd", start=1)]
    panels = [("noisy", epochs, curves), ("clean", epochs, curves[::-1])]
    left, right = deep_deviations.switch_panels(panels).axes
    assert all(holds_line(left, epochs, curve) for _, curve in curves[:2])
    assert all(holds_line(left, epochs[1:], curve[1:]) for _, curve in curves[2:])  # from 10 on
    assert holds_line(left, [10, 10], [0, 1])
    (legend,) = left.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list("abcd")
    looks = {line.get_label(): line.get_color() for line in left.lines}
    assert looks["c"] == style.STUDENT
    assert looks["d"] == style.ACCENT
    assert "clean" in right.get_xlabel()


def test_progress_paths():
    own = np.column_stack([np.linspace(0, 1, 6), np.linspace(0, 1, 6) ** 2])
    student = own * [1.0, 0.5]
    panels = [("early", own, student, 2), ("late", own, student, 4)]
    left, right = deep_deviations.progress_paths(panels, top=0.5).axes
    assert holds_line(left, *own.T)
    assert holds_line(left, *student.T)
    assert holds_line(left, *own[2:3].T)
    assert holds_line(right, *own[4:5].T)
    assert right.get_ylim() == (0, 0.5)
