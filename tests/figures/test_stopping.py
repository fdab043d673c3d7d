"""Figures of chapter 9: they draw the arrays that they are given, and name the curves."""

import matplotlib as mpl
import numpy as np
import pytest

from distill_lib.figures import stopping, style

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


def color_of(ax, x, y):
    (line,) = (
        line
        for line in ax.lines
        if np.shape(line.get_ydata()) == np.shape(y) and np.allclose(line.get_ydata(), y)
    )
    return line.get_color(), line.get_linestyle()


@pytest.mark.parametrize("levels", [True, False])
def test_student_paths_draws_teacher_stops_and_students(levels):
    times = np.geomspace(1, 100, 5)
    teacher = np.array([5.0, 3, 1, 2, 4])
    students = [teacher + 0.3, teacher + 0.7]
    (ax,) = stopping.student_paths(times, teacher, [10.0, 31.6228], students, levels=levels).axes
    assert all(draws(ax, times, curve) for curve in (teacher, *students))
    assert draws(ax, [10.0], [1.0])  # the stop lies on the teacher's curve
    assert draws(ax, [31.6228], [2.0])
    assert {"teacher", "A", "B", "student of A", "student of B"} == set(texts(ax))
    drawn = [segment for lines in ax.collections for segment in lines.get_segments()]
    assert len(drawn) == (2 if levels else 0)
    for segment, level in zip(drawn, [1.0, 2.0], strict=levels):
        assert np.allclose(segment[:, 1], level)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    looks = [color_of(ax, times, curve) for curve in (teacher, *students)]
    assert looks == [(style.TEACHER, "-"), (style.STUDENT, "--"), (style.STUDENT, "--")]


def test_flow_and_ridge_draws_ratios_peak_risks_and_band():
    x, times = np.geomspace(0.01, 100, 60), np.geomspace(1, 100, 40)
    variance, bias = 1 + np.exp(-(np.log(x) ** 2)), np.exp(-x)
    flow, ridge = 1 + np.log(times / 7) ** 2, 1.1 + np.log(times / 20) ** 2
    figure = stopping.flow_and_ridge(
        x, variance, bias, (1.0, 1.9876), times, flow, ridge, worst=1.7
    )
    left, right = figure.axes
    assert draws(left, x, variance)
    assert draws(left, x, bias)
    assert draws(left, [1.0], [1.9876])
    assert {"variance", "bias", "1.9876"} == set(texts(left))
    assert draws(right, times, flow)
    assert draws(right, times, ridge)
    for curve in (flow, ridge):
        best = curve.argmin()
        assert draws(right, [times[best]], [curve[best]])
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert np.isclose(heights.max(), 1.7 * ridge.max())
    assert {"flow", "ridge"} == set(texts(right))


def test_kept_and_missing_draws_both_shares():
    r = np.arange(1, 21)
    filters = {"ridge": 1 / (1 + r / 5), "one stop": 1 - np.exp(-6 / r**2), "refits": 0.8**r}
    left, right = stopping.kept_and_missing(filters, strong=4).axes
    for b in filters.values():
        assert draws(left, r, b)
        assert draws(right, r[:4], 1 - b[:4])
    assert set(texts(left)) == set(texts(right)) == set(filters)
    assert left.get_yscale() == right.get_yscale() == "log"
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in left.lines}
    assert len(looks) == 3


def test_ratio_over_error_draws_every_procedure_and_the_caps():
    errors = np.linspace(0.02, 1, 11)
    procedures = [
        ("ridge", "ridge", errors, 1 + 3 * errors, -0.2),
        ("one stop", "one stop", errors, 1 + 3.5 * errors, 0.3),
        ("both stop", "2 stops", errors, 1 + 8 * errors, 0.4),
        ("refits", "2 fits", errors, np.exp(4 * errors), 0.5),
        ("refits", "5 fits", errors, np.exp(9 * errors), 0.5),
    ]
    caps = {"cap of one": 5.0, "cap of two": 25.0}
    (ax,) = stopping.ratio_over_error(procedures, caps).axes
    assert all(draws(ax, x, y) for _, _, x, y, _ in procedures)
    assert {"ridge", "one stop", "2 stops", "2 fits", "5 fits", *caps} == set(texts(ax))
    for height in caps.values():
        assert any(np.allclose(line.get_ydata(), height) for line in ax.lines)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    thin, thick = ax.lines[3].get_linewidth(), ax.lines[4].get_linewidth()
    assert thin < thick  # the second curve of a kind
    assert all(line.get_linewidth() == thin for line in ax.lines[:4])


def test_gain_over_ridge_draws_per_cent_and_the_ridge_at_zero():
    s = np.linspace(0.5, 3, 6)
    gains = {"one stop": s / 10 - 0.1, "both stop": s / 9 - 0.1, "refits": s / 20 - 0.05}
    (ax,) = stopping.gain_over_ridge(s, gains).axes
    assert all(draws(ax, s, 100 * gain) for gain in gains.values())
    assert any(np.allclose(line.get_ydata(), 0) for line in ax.lines)
    assert {"tuned ridge", *gains} == set(texts(ax))
