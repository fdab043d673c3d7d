"""What the figures of chapter 11 draw."""

import numpy as np

from distill_lib.figures import retrieval, style


def texts(ax):
    return [text.get_text() for text in ax.texts]


def holds_line(ax, x, y):
    xy = np.column_stack([x, y])
    found = (line.get_xydata() for line in ax.lines)
    return any(line.shape == xy.shape and np.allclose(line, xy) for line in found)


def test_two_agreements():
    times = np.geomspace(0.1, 10, 9)
    true, given = np.linspace(0.8, 1, 9), np.linspace(0.6, 0.9, 9)
    true[4:] = np.linspace(1, 0.6, 5)
    (ax,) = retrieval.two_agreements(times, true, given).axes
    assert ax.get_xscale() == "log"
    assert holds_line(ax, times, true)
    assert holds_line(ax, times, given)
    assert holds_line(ax, [times[4]], [1.0])  # the best moment
    assert texts(ax) == ["clean labels", "given labels"]


def test_energies():
    clean, noise = np.array([0.6, 0.3, 0.1, 0, 0, 0]), np.full(6, 1 / 6)
    left, right = retrieval.energies(clean, noise, informative=2).axes
    bars = [bar.get_height() for bar in left.patches]
    assert np.allclose(bars, [*clean, *noise])
    assert [t.get_text() for t in left.get_legend().get_texts()] == ["clean labels", "noise"]
    assert holds_line(right, np.arange(1, 7), [0.6, 0.9, 1, 1, 1, 1])
    assert holds_line(right, np.arange(1, 7), np.arange(1, 7) / 6)
    assert holds_line(right, [2, 2], [0, 1])


def test_energies_show_three_times_the_informative_ones():
    left, right = retrieval.energies(np.full(50, 0.02), np.full(50, 0.02), informative=4).axes
    assert len(left.patches) == 2 * 12
    assert holds_line(right, np.arange(1, 51), np.arange(1, 51) / 50)


def test_stops():
    far = np.array([10.0, 4.0, 5.0])
    left, right = retrieval.stops([("a", far, 6.0, 3.0), ("b", far + 1, 8.0, 8.0)]).axes
    assert holds_line(left, [0, 1, 2], far)
    assert holds_line(left, [1], [4.0])  # the best step
    assert holds_line(left, [0, 1], [6.0, 6.0])
    assert holds_line(left, [0, 1], [3.0, 3.0])
    assert holds_line(right, [0, 1, 2], far + 1)
    assert "a" in left.get_xlabel()
    assert texts(left) == ["limit", "bound"]
    assert texts(right) == ["limit = bound"]  # one line


def test_stored_energies():
    counts, steps = np.array([1, 10, 100]), np.array([0, 1, 10, 100])
    shares = [("truth", np.array([0.2, 0.7, 1])), ("noise", np.array([0.1, 0.5, 1])),
              ("rest", np.array([0.0, 0.1, 1]))]  # fmt: skip
    errors, distances = np.array([0.9, 0.5, 0.1, 0.4]), np.array([1.0, 0.9, 0.7, 0.6])
    left, right = retrieval.stored_energies(counts, shares, steps, errors, distances).axes
    assert all(holds_line(left, counts, share) for _, share in shares)
    assert texts(left) == ["truth", "noise", "rest"]
    assert holds_line(right, steps[1:], errors[1:])
    assert holds_line(right, steps[1:], distances[1:])
    assert holds_line(right, [10], [0.1])
    assert holds_line(right, [100], [0.6])


def test_over_radius():
    radii = np.array([0.0, 0.5, 1.0])
    clean, noise, best = np.array([1, 0.9, 0.5]), np.array([0.4, 0.3, 0.2]), np.array([1, 1, 0.7])
    (ax,) = retrieval.over_radius(radii, clean, noise, best, 0.4).axes
    assert all(holds_line(ax, radii, curve) for curve in (clean, noise, best))
    assert holds_line(ax, [0, 1], [0.6, 0.6])
    colors = {line.get_color() for line in ax.lines}
    assert {style.TRUTH, style.NOISE, style.TEACHER} <= colors
