"""Figures of chapter 14: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = [
    "clocks",
    "deviation_panels",
    "fidelity_against_gain",
    "progress_paths",
    "slopes_by_setting",
    "switch_panels",
]

_DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), "-.")
_MARKERS = "osD^vPX"


def deviation_panels(panels, flipped):
    """Draw the confidence of a student over that of its teacher, one panel a set of points.

    Parameters
    ----------
    panels : sequence of (str, (ndarray, ndarray), Line)
        Label, confidences of teacher and student as logits, and the least-squares line. The first
        panel holds the training points.
    flipped : ndarray of bool
        Which training points have a wrong label.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.4), sharex=True, sharey=True)
    for k, (ax, (name, (teacher, student), line)) in enumerate(zip(axes, panels, strict=True)):
        ends = np.array([min(teacher.min(), 0.0), teacher.max()])
        ax.plot(ends, ends, color=style.TRUTH, linewidth=0.8)
        ax.axhline(0, color=style.NOISE, linewidth=0.5)
        wrong = flipped if k == 0 else np.zeros(len(teacher), bool)
        ax.plot(teacher[~wrong], student[~wrong], "o", color=style.NOISE, alpha=0.35, markersize=3,
                mew=0, label="right label" if k == 0 else "new image")  # fmt: skip
        if wrong.any():
            ax.plot(teacher[wrong], student[wrong], "^", color=style.TRUTH, alpha=0.85,
                    markersize=4, mew=0, label="wrong label")  # fmt: skip
        ax.plot(ends, line.intercept + line.slope * ends, color=style.STUDENT, linestyle=_DASHES[1])
        ax.legend(fontsize=8, loc="upper left", handletextpad=0.1, borderaxespad=0.1)
        ax.set_xlabel(f"teacher’s confidence\n({name})")
    axes[0].set_ylabel("student’s confidence")
    return figure


def clocks(levels, curves, *, time):
    """Draw where a student of one logit is, over its teacher's logit, for several temperatures.

    Parameters
    ----------
    levels : ndarray, shape (m,)
        Logits of the teacher.
    curves : sequence of (str, ndarray of shape (m,))
        Label and logits of the student.
    time : float
        Training time, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(levels, levels, color=style.TEACHER, linewidth=1.2)
    style.label_line(ax, levels[-1], levels[-1], "teacher", color=style.TEACHER)
    for k, (name, student) in enumerate(curves):
        ax.plot(levels, student, color=style.STUDENT, linestyle=_DASHES[k % 4])
        style.label_line(ax, levels[-1], student[-1], name, color=style.STUDENT)
    ax.set(xlabel="teacher’s logit M", ylabel=f"student’s logit at time {time:g}")
    ax.set_xlim(0, levels[-1] * 1.12)
    return figure


def slopes_by_setting(rows):
    """Draw the slopes of all seeds, one row a setting, training points above new points.

    Parameters
    ----------
    rows : sequence of (str, ndarray, ndarray)
        Label, slopes on training points, slopes on new points.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axvline(1, color=style.TRUTH, linewidth=0.8)
    for k, (_, train, new) in enumerate(rows):
        for slopes, shift, color, marker, name in (
            (train, -0.15, style.STUDENT, "o", "training points"),
            (new, 0.15, style.NOISE, "D", "new points"),
        ):
            ax.plot(slopes, np.full(len(slopes), k + shift), marker, color=color, alpha=0.7, mew=0,
                    label=name if k == 0 else None)  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel="slope of student over teacher, one mark a seed")
    ax.legend(fontsize=8, loc="upper left", handletextpad=0.1)
    return figure


def fidelity_against_gain(families):
    """Draw the gain in test accuracy over the share of new points on which student and teacher
    agree, with the largest gain that this share allows.

    Parameters
    ----------
    families : sequence of (str, ndarray, ndarray)
        Label, agreement in [0, 1] and gain in points, one of each a seed.

    Returns
    -------
    matplotlib.figure.Figure
    """  # noqa: D205 (one sentence)
    figure, ax = style.axes()
    ax.axhline(0, color=style.TRUTH, linewidth=0.8)
    colors = style.round_colors(len(families))
    for (name, agree, gain), marker, color in zip(families, _MARKERS, colors, strict=False):
        ax.plot(agree, gain, marker, color=color, mec=style.TRUTH, mew=0.3, label=name)
    low = min(agree.min() for _, agree, _ in families)
    top = max(gain.max() for *_, gain in families) + 1
    ends = np.array([max(low, 1 - top / 100), 1.0])
    ax.plot(ends, 100 * (1 - ends), color=style.ACCENT, linestyle=_DASHES[1])
    style.label_line(ax, ends[0], 100 * (1 - ends[0]), "no more is possible", color=style.ACCENT,
                     xytext=(6, 0))  # fmt: skip
    bottom = min(0, *(gain.min() for *_, gain in families))
    ax.set_ylim(bottom=bottom - 0.35 * (top - bottom))  # room for the names
    ax.legend(fontsize=8, loc="lower center", ncols=3, handletextpad=0.1, columnspacing=1)
    ax.set(xlabel="agreement with the teacher on new points")
    ax.set_ylabel("gain in test accuracy (points)")
    return figure


def switch_panels(panels):
    """Draw test accuracy over training for runs that switch their targets halfway.

    A run that switches is drawn from the last measurement before its switch on.

    Parameters
    ----------
    panels : sequence of (str, ndarray of shape (m,), sequence of (str, ndarray of shape (m,)))
        Label of the panel; epochs of the measurements, the last one at the end; label and curve of
        each run: labels only, teacher only, labels then teacher, teacher then labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.4))
    looks = (
        (style.NOISE, _DASHES[0]),
        (style.TEACHER, _DASHES[0]),
        (style.STUDENT, _DASHES[1]),
        (style.ACCENT, _DASHES[3]),
    )
    for ax, (title, epochs, curves) in zip(axes, panels, strict=True):
        half = epochs[-1] / 2
        ax.axvline(half, color=style.NOISE, linewidth=0.8, linestyle=_DASHES[2])
        for k, ((name, curve), (color, dashes)) in enumerate(zip(curves, looks, strict=True)):
            first = 0 if k < 2 else np.flatnonzero(epochs <= half)[-1]
            ax.plot(epochs[first:], curve[first:], color=color, linestyle=dashes, label=name)
        ax.set_xlabel(f"epoch\n({title})")
    axes[0].set_ylabel("test accuracy (%)")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, fontsize=8, loc="outside upper center", ncols=2)
    return figure


def progress_paths(panels, *, top):
    """Draw weak over strong progress of a network's teacher and student.

    Parameters
    ----------
    panels : sequence of (str, ndarray of shape (m, 2), ndarray of shape (m, 2), int)
        Label, path of the teacher's own run, path of the student, and the step at which the
        teacher was stopped.
    top : float
        Largest weak progress that is shown.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.4), sharey=True)
    for ax, (name, teacher, student, stop) in zip(axes, panels, strict=True):
        ax.plot(*teacher.T, color=style.TEACHER, label="labels (teacher’s run)")
        ax.plot(*student.T, color=style.STUDENT, linestyle=_DASHES[1], label="student")
        ax.plot(*teacher[stop], "o", color=style.TEACHER, markersize=7)
        ax.set(xlabel=f"strong progress\n({name})", xlim=(0, 1.1), ylim=(0, top))
    axes[0].set_ylabel("weak progress")
    axes[0].legend(fontsize=8, loc="upper left")
    return figure
