"""Figures of chapter 10: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = [
    "bent_paths",
    "disobedience",
    "generation_paths",
    "group_panels",
    "slope_against_gain",
    "slope_over_progress",
    "switched_paths",
]

_DASHES = ((0, (5, 2)), (0, (2, 1.5)), "-.")
_CLEAN = {"color": style.NOISE, "marker": "o", "linestyle": "", "alpha": 0.35}
_FLIPPED = {"color": style.TRUTH, "marker": "^", "linestyle": "", "alpha": 0.85}
_PLANE = {"xlabel": "strong progress", "ylabel": "weak progress"}


def disobedience(times, accuracy, agreement, teacher, stop, margins, flipped):
    """Draw a student over its training, and its values against those of its teacher.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Training times of the student; logarithmic axis.
    accuracy, agreement : ndarray, shape (m,)
        Share of test points that it gets right, and of training points on which it predicts the
        class of its teacher.
    teacher : float
        Test accuracy of the teacher.
    stop : float
        Time at which the teacher stopped.
    margins : pair of ndarray, shape (n,)
        Values of teacher and student on the training points, positive for the teacher's class.
    flipped : ndarray of bool, shape (n,)
        Which labels are wrong.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2)
    left.semilogx(times, accuracy, color=style.STUDENT)
    left.semilogx(times, agreement, color=style.STUDENT, linestyle=_DASHES[0])
    left.axhline(teacher, color=style.TEACHER)
    left.axvline(stop, color=style.NOISE, linewidth=0.8, linestyle=_DASHES[1])
    notes = (
        (times[-1], accuracy[-1], "student: right\non new images", style.STUDENT, "bottom", 3),
        (times[-1], agreement[-1], "agrees with\nits teacher", style.STUDENT, "top", -5),
        (times[-1], teacher, "teacher: right\non new images", style.TEACHER, "top", -4),
    )
    for x, y, text, color, va, dy in notes:
        style.label_line(
            left, x, y, text, color=color, ha="right", va=va, xytext=(0, dy), fontsize=8
        )
    left.set(xlabel="training time of the student", ylabel="share", xlim=(times[0], times[-1]))
    _against_teacher(right, margins, flipped, size=3)
    right.set(xlabel="teacher’s value", ylabel="student’s value")
    return figure


def _against_teacher(ax, margins, flipped, *, size):
    """Scatter student over teacher in two groups, with the diagonal."""
    teacher, student = margins
    ends = [min(teacher.min(), 0), max(teacher.max(), 1)]
    ax.plot(ends, ends, color=style.TRUTH, linewidth=0.8)
    ax.axhline(0, color=style.NOISE, linewidth=0.5)
    for group, look, name in (
        (~flipped, _CLEAN, "right label"),
        (flipped, _FLIPPED, "wrong label"),
    ):
        ax.plot(
            teacher[group], student[group], **look, markersize=size, markeredgewidth=0, label=name,
        )  # fmt: skip
    ax.legend(fontsize=8, loc="upper left", handletextpad=0.1, borderaxespad=0.1)


def bent_paths(path, students, matched, equal):
    """Draw the path of a teacher and those of its students, in the plane of two directions.

    Parameters
    ----------
    path : ndarray, shape (m, 2)
        Strong and weak progress of a flow on the labels.
    students : sequence of (str, ndarray of shape (m, 2))
        Label and path of each student; a dot marks where it ends.
    matched, equal : pair of ndarray, shape (2,)
        Student and point of the teacher's path at equal strong progress, and at equal time.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(*path.T, color=style.TEACHER)
    k = int(np.argmin(np.abs(path[:, 0] - 0.55)))
    style.label_line(ax, *path[k], "path of the teacher", color=style.TEACHER, ha="right",
                     va="bottom", xytext=(-3, 4))  # fmt: skip
    for k, (name, points) in enumerate(students):
        ax.plot(*points.T, color=style.STUDENT, linestyle=_DASHES[k % 3])
        ax.plot(*points[-1], "o", color=style.TEACHER, markersize=6, zorder=4)
        style.label_line(ax, *points[-1], name, color=style.TEACHER, ha="right", xytext=(-5, 6))
    for (student, other), look, marker, name in (
        (matched, "-", "o", "equal strong progress"),
        (equal, ":", "s", "equal time"),
    ):
        ax.plot(*np.transpose([student, other]), color=style.TRUTH, linestyle=look, linewidth=1.2)
        ax.plot(*other, marker, color=style.TRUTH, fillstyle="none", markersize=8)
        ax.plot(*student, "D", color=style.STUDENT, zorder=5)
        style.label_line(ax, *other, name, color=style.TRUTH, ha="right", va="bottom",
                         xytext=(-7, 4))  # fmt: skip
    ax.set(**_PLANE, xlim=(0, 1.12), ylim=(0, 0.85))
    return figure


def generation_paths(curves):
    """Draw weak over strong progress after 1, 2, ... equal generations.

    Parameters
    ----------
    curves : sequence of (int, ndarray of shape (m, 2))
        Number of generations and their path.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    colors = style.round_colors(len(curves))
    for k, ((count, points), color) in enumerate(zip(curves, colors, strict=True)):
        ax.plot(*points.T, color=color, linestyle=["-", *_DASHES][k % 4])
        at = int(np.argmin(np.abs(points[:, 0] - 0.85 - 0.022 * k)))
        box = {"fc": style.BACKGROUND, "ec": "none", "pad": 0.8}
        style.label_line(
            ax, *points[at], str(count), color=style.TRUTH, ha="center", bbox=box, xytext=(0, 0)
        )
    ax.set(**_PLANE, xlim=(0, 1), ylim=(0, 1))
    return figure


def switched_paths(path, teacher, to_teacher, to_labels):
    """Draw runs that switch from the labels to the teacher, and the other way round.

    Parameters
    ----------
    path : ndarray, shape (m, 2)
        Strong and weak progress of a flow on the labels.
    teacher : ndarray, shape (2,)
        The stopped teacher.
    to_teacher, to_labels : sequence of (str, ndarray of shape (m, 2), ndarray of shape (2,))
        Label, path, and the point of the switch.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.axes(2, sharey=True)
    above = {"ha": "right", "va": "bottom", "xytext": (-5, 1)}
    below = {"va": "top", "xytext": (5, -3)}
    for ax, runs, title, beside in (
        (panels[0], to_teacher, "labels, then teacher", above),
        (panels[1], to_labels, "teacher, then labels", below),
    ):
        ax.plot(*path.T, color=style.TEACHER, linewidth=1.2)
        ax.plot(*teacher, "o", color=style.TEACHER, markersize=6, zorder=4)
        for k, (name, points, corner) in enumerate(runs):
            ax.plot(*points.T, color=style.STUDENT, linestyle=_DASHES[k % 3])
            ax.plot(
                *corner, "s", color=style.STUDENT, markerfacecolor=style.BACKGROUND, markersize=5
            )
            style.label_line(ax, *corner, name, color=style.STUDENT, **beside)
        ax.set(xlabel=f"strong progress\n({title})", xlim=(0.3, 1.03), ylim=(0, 0.85))
    panels[0].set_ylabel("weak progress")
    return figure


def group_panels(panels):
    """Draw margins of student over teacher with the two predicted group means.

    Parameters
    ----------
    panels : sequence of (str, (ndarray, ndarray), ndarray, sequence of (float, float), Line)
        Label, margins of teacher and student, which labels are flipped, predicted points of the
        clean and the flipped group, and the least-squares line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.4))
    for ax, (name, margins, flipped, predicted, line) in zip(axes, panels, strict=True):
        _against_teacher(ax, margins, flipped, size=3.5)
        ax.plot(*np.transpose(predicted), color=style.ACCENT, marker="X", markersize=9, zorder=5)
        ends = np.array([margins[0].min(), margins[0].max()])
        ax.plot(ends, line.intercept + line.slope * ends, color=style.STUDENT, linestyle=_DASHES[0])
        ax.set(xlabel=f"teacher’s margin\n({name})", ylabel="student’s margin")
    return figure


def slope_over_progress(progress, curves, threshold):
    """Draw the slope between the two groups over the weak progress of the teacher.

    Parameters
    ----------
    progress : ndarray, shape (m,)
        Weak progress of the teacher, not equal to the threshold.
    curves : sequence of (str, ndarray of shape (m,))
        Label and slope, for each progress of the student.
    threshold : float
        Progress from which on the teacher fits the flipped labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axhline(1, color=style.TRUTH, linewidth=0.8)
    ax.axvline(threshold, color=style.NOISE, linewidth=0.8, linestyle=_DASHES[1])
    for k, (name, slopes) in enumerate(curves):
        for side in (progress < threshold, progress > threshold):
            ax.plot(progress[side], slopes[side], color=style.STUDENT, linestyle=_DASHES[k % 3])
        box = {"fc": style.BACKGROUND, "ec": "none", "pad": 0.8}
        high = (progress > threshold) & (slopes < 3.6 - 0.7 * k)
        for at in (len(progress) // 9, *np.flatnonzero(high)[-1:]):  # on both sides of the jump
            style.label_line(ax, progress[at], slopes[at], name, color=style.STUDENT, ha="center",
                             bbox=box, xytext=(0, 0))  # fmt: skip
    note = {"color": style.NOISE, "fontsize": 8}
    style.label_line(ax, threshold, 3.3, "teacher fits\nthe flipped labels", **note)
    style.label_line(ax, threshold, 3.3, "predicts\nthe clean label", ha="right",
                     **(note | {"xytext": (-4, 0)}))  # fmt: skip
    ax.set(xlabel="weak progress of the teacher", ylabel="slope between the groups")
    ax.set(xlim=(0, 1), ylim=(0, 4))
    return figure


def slope_against_gain(families):
    """Draw how much better each student is than its teacher over the slope of its line.

    Parameters
    ----------
    families : sequence of (str, ndarray, ndarray)
        Label, slopes and gains in accuracy (in points); up to three families of one kind, then one
        of another.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axvline(1, color=style.TRUTH, linewidth=0.8)
    ax.axhline(0, color=style.TRUTH, linewidth=0.8)
    *alike, other = families
    for (name, slopes, gains), marker in zip(alike, "oD^", strict=False):
        ax.plot(slopes, gains, marker, color=style.STUDENT, alpha=0.7, mew=0, label=name)
    name, slopes, gains = other
    ax.plot(slopes, gains, "s", color=style.ACCENT, alpha=0.7, mew=0, label=name)
    ax.legend(fontsize=9, loc="upper right")
    ax.set(xlabel="slope of student over teacher, training points")
    ax.set_ylabel("gain in test accuracy (points)")
    return figure
