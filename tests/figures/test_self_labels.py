"""What the figures of chapter 12 draw."""

import numpy as np

from distill_lib.figures import self_labels, style


def texts(ax):
    return [text.get_text() for text in ax.texts]


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = (line.get_xydata() for line in ax.lines)
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


TIMES = np.array([1, 10, 100])


def test_two_students():
    wrong = {
        name: np.array([0.3, 0.2, end])
        for name, end in (("descent", 0.4), ("soft", 0.2), ("hard", 0.1))
    }
    distance = {name: 10 * values for name, values in wrong.items()}
    left, right = self_labels.two_students(TIMES, wrong, distance, 10, rate=0.4).axes
    assert left.get_xscale() == "log"
    for ax, curves in ((left, wrong), (right, distance)):
        assert all(holds_line(ax, TIMES, values) for values in curves.values())
        assert holds_line(ax, [10, 10], [0, 1])
        assert set(wrong) <= set(texts(ax))
    assert holds_line(left, [0, 1], [0.4, 0.4])
    colors = {line.get_color() for line in right.lines}
    assert {style.ACCENT, style.TEACHER, style.STUDENT} <= colors


def test_wells():
    grid = np.linspace(-1, 1, 5)
    energy = (np.abs(grid)[:, None] - 1) ** 2 + grid[None, :] ** 2
    path, other = np.array([[0.0, 0.1], [0.5, 0.8]]), np.array([[0.0, 0.1], [-0.5, -0.8]])
    left, right = self_labels.wells(
        grid, [("one", energy, [("a", path)]), ("two", energy, [("b", path), ("c", other)])]
    ).axes
    assert holds_line(left, *path.T)
    assert holds_line(right, *other.T)
    assert (texts(left), texts(right)) == (["a"], ["b", "c"])
    assert "(two)" in right.get_xlabel()
    assert all(holds_line(ax, [1], [-1]) for ax in (left, right))  # the clean labels
    assert holds_line(right, *other[-1:].T)
    assert left.collections  # the level lines
    assert right.collections


def test_window_paths():
    curves = [(name, np.array([10.0, 8.0, end])) for name, end in (("one", 8.0), ("two", 0.0))]
    bound = np.array([10.0, 100.0]), np.array([9.0, 1.0])
    (ax,) = self_labels.window_paths(TIMES, curves, bound).axes
    assert all(holds_line(ax, TIMES, values) for _, values in curves)
    assert holds_line(ax, *bound)
    assert texts(ax) == ["one", "two", "bound"]
    assert ax.get_ylim()[0] == 0


def test_burn_in_lines():
    errors, stopped = np.array([[0.3, 0.2], [0.1, 0.2], [0.4, 0.5]]), np.array([0.3, 0.2, 0.3])
    left, right = self_labels.burn_in_lines(
        TIMES, [0.0, 0.5], [("test", errors, stopped), ("train", errors / 2, stopped / 2)]
    ).axes
    for ax, scale in ((left, 1), (right, 2)):
        assert all(holds_line(ax, TIMES, errors[:, k] / scale) for k in (0, 1))
        assert holds_line(ax, TIMES, stopped / scale)
    assert [t.get_text() for t in left.get_legend().get_texts()] == [
        "q = 0",
        "q = 0.5",
        "stop there",
    ]
    assert (left.get_ylabel(), right.get_ylabel()) == ("test", "train")


def test_rivals():
    mean, error = np.array([-1.0, 2.0]), np.array([0.1, 0.2])
    figure = self_labels.rivals(
        ["a", "b"], [("left", [("noisy", mean, error), ("clean", 2 * mean, error)]),
                     ("right", [("noisy", -mean, error)])],
    )  # fmt: skip
    left, right = figure.axes
    assert holds_line(left, mean, [-0.12, 0.88])
    assert holds_line(left, 2 * mean, [0.12, 1.12])
    assert holds_line(right, -mean, [-0.12, 0.88])
    bars = left.collections[0].get_segments()
    assert np.allclose(bars[0][:, 0], [-1.2, -0.8])  # two standard errors
    assert [t.get_text() for t in left.get_yticklabels()] == ["a", "b"]
    assert left.yaxis_inverted()


def test_rivals_with_one_panel():
    (ax,) = self_labels.rivals(["a"], [("x", [("noisy", np.array([1.0]), np.array([0.1]))])]).axes
    assert ax.get_xlabel() == "points\n(x)"
