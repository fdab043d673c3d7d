"""The live figure of a student that bends away from the path of its teacher."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import style
from distill_lib.figures.live.base import LiveFigure, key_above, scalar
from distill_lib.kernel import flow

__all__ = ["TwoPaths"]

# What the student follows before and after the switch.
_TARGETS = {
    "student": ("teacher", "teacher"),
    "labels then teacher": ("labels", "teacher"),
    "teacher then labels": ("teacher", "labels"),
}
_REACHED = 1e-3  # nearer to its target than this share, the student has arrived
_TIMES = (1e-1, 1e3)  # the axis of time, if no setting lies outside
_POINTS = 150

TEACHER_LINE = {"color": style.TEACHER, "linewidth": 1.9}
STUDENT_LINE = {"color": style.STUDENT, "linewidth": 2.1, "linestyle": (0, (3, 1.2))}
LATER = {"linewidth": 0.9}
APART_LINE = {"color": style.TRUTH, "linewidth": 1.4}
EQUAL_LINE = {"color": style.TRUTH, "linewidth": 1.2, "linestyle": ":"}
TEACHER_DOT = TEACHER_LINE | {"marker": "o", "markersize": 5.5}
STUDENT_DOT = STUDENT_LINE | {"marker": "D", "markersize": 5}
RING = {"marker": "o", "color": style.TRUTH, "fillstyle": "none", "markersize": 8, "linestyle": ""}
CORNER = {
    "marker": "s",
    "color": style.STUDENT,
    "markerfacecolor": style.BACKGROUND,
    "markersize": 5,
    "linestyle": "",
}


class TwoPaths(LiveFigure, module="two_paths"):
    r"""Teacher and student under gradient flow in the plane of two directions, with sliders.

    The strong direction has the eigenvalue :math:`d_1 = 1`, the weak one
    :math:`d_2 = 1/\mathrm{ratio}`. Progress along a direction is the filter value: for a flow on
    the labels :math:`A_k(t) = 1 - e^{-t d_k}`, for a student of the teacher that stopped at
    :math:`T`

    .. math:: A_k(\tilde t)\,A_k(T).

    At equal *strong* progress the student has made less *weak* progress than the path of its
    teacher; at equal *time* it is behind in both; and with time it returns to its teacher. On the
    left is the plane of the two kinds of progress; then each over time. The student is joined with
    the point of its teacher's path that has the same strong progress, reached at

    .. math:: t = -\log\bigl(1 - A_1(\tilde t)\,A_1(T)\bigr).

    Parameters
    ----------
    teacher_time : float, default 2.0
        When the teacher stops, T > 0, in units of :math:`1/d_1`.
    student_time : float, default 3.0
        Total time of the student, > 0.
    ratio : float, default 4.0
        :math:`d_1/d_2 > 1`.
    schedule : {"student", "labels then teacher", "teacher then labels"}
        What the student follows: its teacher, or one of labels and teacher until `switch_time`
        and the other one afterwards.
    switch_time : float, default 1.0
        When the student switches, >= 0; without effect for the schedule ``"student"``.
    controls : sequence of str
        Which of the five settings get a control.
    alt : str, optional
        What the figure shows, in words; by default a sentence with its numbers.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. Setting a trait later is checked alike.

    Notes
    -----
    Source: chapter 10; Nagarajan et al. (2023).

    Examples
    --------
    >>> figure = TwoPaths(teacher_time=2.0, student_time=3.0, ratio=4.0)
    >>> figure.student_progress().round(3)
    array([0.822, 0.208])
    >>> figure.matched_progress().round(3)
    array([0.822, 0.35 ])
    >>> print(f"{figure.matched_time():.3f}")
    1.724
    """

    settings = ("teacher_time", "student_time", "ratio", "schedule", "switch_time")
    switches = ("schedule",)
    columns = ((366,), (170, 170))

    teacher_time = t.Float().tag(sync=True)
    student_time = t.Float().tag(sync=True)
    ratio = t.Float().tag(sync=True)
    schedule = t.Unicode().tag(sync=True)
    switch_time = t.Float().tag(sync=True)

    def __init__(
        self,
        *,
        teacher_time=2.0,
        student_time=3.0,
        ratio=4.0,
        schedule="student",
        switch_time=1.0,
        controls=("teacher_time", "student_time", "ratio", "schedule", "switch_time"),
        alt=None,
    ):
        if not isinstance(schedule, str):
            raise TypeError(f"schedule must be a string, got {schedule!r:.80}")
        super().__init__(
            controls=controls,
            alt=alt,
            teacher_time=scalar("teacher_time", teacher_time),
            student_time=scalar("student_time", student_time),
            ratio=scalar("ratio", ratio),
            schedule=schedule,
            switch_time=scalar("switch_time", switch_time),
        )

    @t.validate("teacher_time", "student_time")
    def _valid_time(self, proposal):
        return float(check.positive(proposal["trait"].name, proposal["value"]))

    @t.validate("ratio")
    def _valid_ratio(self, proposal):
        ratio = float(check.positive("ratio", proposal["value"]))
        if ratio <= 1:
            raise ValueError(f"ratio must be > 1, got {ratio}")
        return ratio

    @t.validate("schedule")
    def _valid_schedule(self, proposal):
        if proposal["value"] not in _TARGETS:
            allowed = ", ".join(map(repr, _TARGETS))
            raise ValueError(f"schedule must be one of {allowed}, got {proposal['value']!r}")
        return proposal["value"]

    @t.validate("switch_time")
    def _valid_switch_time(self, proposal):
        return float(check.non_negative("switch_time", proposal["value"]))

    # ------------------------------------------------------------------------ progress

    @property
    def eigenvalues(self):
        """Return the eigenvalues of the strong and the weak direction, ndarray of shape (2,)."""
        return np.array([1.0, 1.0 / self.ratio])

    def teacher_progress(self, times=None):
        """Return the progress of a flow on the labels along both directions.

        Parameters
        ----------
        times : array_like, shape (m,), optional
            Times >= 0; by default `teacher_time`, when the teacher stops.

        Returns
        -------
        ndarray, shape (2,) or (m, 2)
        """
        phases = [flow.Phase("labels", np.inf)]
        return self._progress(phases, self.teacher_time if times is None else times)

    def student_progress(self, times=None):
        """Return the progress of the student along both directions.

        Parameters
        ----------
        times : array_like, shape (m,), optional
            Times >= 0; by default `student_time`.

        Returns
        -------
        ndarray, shape (2,) or (m, 2)
        """
        first, second = _TARGETS[self.schedule]
        phases = [flow.Phase(first, self.switch_time), flow.Phase(second, np.inf)]
        return self._progress(phases, self.student_time if times is None else times)

    def _progress(self, phases, times):
        found = flow.schedule_path(
            self.eigenvalues, phases, np.atleast_1d(times), teacher_time=self.teacher_time
        )
        return found if np.ndim(times) else found[0]

    def matched_time(self):
        """Return when a flow on the labels has the strong progress that the student has now."""
        progress = self.student_progress()[0]
        return float(-np.log1p(-progress) if progress < 0.5 else -self._log_rest())

    def matched_progress(self):
        """Return the point of the teacher's path with the student's strong progress, shape (2,)."""
        return self.teacher_progress([self.matched_time()])[0]

    def limit(self):
        """Return the point to which the student goes in the end, ndarray of shape (2,)."""
        ends_at_labels = _TARGETS[self.schedule][1] == "labels"
        return np.ones(2) if ends_at_labels else self.teacher_progress()

    def _log_rest(self):
        """Return the log of what the student lacks along the strong direction, where d = 1.

        The difference of the progress to 1 is lost when nothing but rounding is left of it, long
        before the weak direction has come to rest; its logarithm is not.
        """
        teacher, whole = self.teacher_time, self.student_time
        first = whole if self.schedule == "student" else min(whole, self.switch_time)
        second = whole - first
        if self.schedule == "labels then teacher":
            return np.logaddexp(-first - second, _log_progress(second) - teacher)
        return np.logaddexp(-teacher, _log_progress(teacher) - first) - second

    # --------------------------------------------------------------------------- words

    def _plain(self):
        return "2 directions"

    def _rows(self):
        return 4

    def _size(self):
        return f"{super()._size()};--story:1"

    def _standing(self):
        """Say where the student is; None where no word is needed beside the numbers."""
        has_switched = self.student_time > self.switch_time
        target = _TARGETS[self.schedule][has_switched]
        aim = self.teacher_progress() if target == "teacher" else np.ones(2)
        if (np.abs(self.student_progress() - aim) <= _REACHED * aim).all():
            return target
        is_on_path = self.schedule == "labels then teacher" and not has_switched
        return "path" if is_on_path else None

    def _story(self):
        """Say how student and teacher compare at equal strong progress."""
        strong, weak = map(_share, self.student_progress())
        standing = self._standing()
        if standing == "teacher":
            return (
                f"The student has returned to its teacher: {strong} of the strong direction, "
                f"{weak} of the weak one."
            )
        if standing == "labels":
            return "The student has reached the labels: nothing of its teacher is left."
        if standing == "path":
            return (
                f"Until it switches at time {_time(self.switch_time)} the student runs on the "
                "labels, on the path of its teacher."
            )
        return (
            f"At equal strong progress {strong} the student has {weak} of the weak direction, the "
            f"teacher’s path {_share(self.matched_progress()[1])}."
        )

    def _describe(self):
        now = f"{_time(self.student_time)}"
        equal = self.teacher_progress([self.student_time])[0]
        return (
            "Progress along a strong and a weak direction, as a path in their plane and each over "
            f"time. Teacher stopped at time {_time(self.teacher_time)}: "
            f"{_point(self.teacher_progress())}. Student at time {now}: "
            f"{_point(self.student_progress())}. {self._story()} At equal time {now} the teacher’s "
            f"path is at {_point(equal)}."
        )

    # ------------------------------------------------------------------------- picture

    def _draw(self):
        figure = plt.figure()
        axes = figure.subplot_mosaic([["plane", "strong"], ["plane", "weak"]])
        handles = self._draw_plane(axes["plane"])
        for k, name in enumerate(("strong", "weak")):
            self._draw_times(axes[name], k)
            axes[name].set_ylabel(name)
        axes["strong"].tick_params(labelbottom=False)
        axes["weak"].set_xlabel("time (in units of $1/d_1$)")
        key_above(figure, handles, [handle.get_label() for handle in handles])
        figure.supxlabel(textwrap.fill(self._story(), 80), fontsize=9)
        return figure

    @property
    def _corners(self):
        """The times at which the student's path has a corner: one or none."""
        return [] if self.schedule == "student" else [self.switch_time]

    def _ends(self):
        """Return the logarithms of the powers of ten between which the axis of time runs."""
        times = [*_TIMES, self.teacher_time, self.student_time, *filter(None, self._corners)]
        return np.floor(np.log10(min(times))), np.ceil(np.log10(max(times)))

    def _trails(self):
        """Return for teacher and student the times and progress up to now, and from now on."""
        low, high = self._ends()
        last = max(high, np.log10(40 * self.ratio))  # by then the weak direction is complete
        grid = np.logspace(min(low, -3), last, _POINTS)
        times = grid
        for corner in self._corners:
            times = np.concatenate([grid[grid < corner], [corner], corner + grid])
        return (
            _trail(self.teacher_progress, grid, self.teacher_time),
            _trail(self.student_progress, times, self.student_time),
        )

    def _draw_plane(self, ax):
        """Draw the plane and return the handles of the key."""
        _draw_trails(ax, self._trails(), lambda times, progress: progress.T)
        stop, now, match = self.teacher_progress(), self.student_progress(), self.matched_progress()
        ax.plot([now[0], match[0]], [now[1], match[1]], **APART_LINE)
        self._draw_limit(ax)
        for corner in self._corners:
            ax.plot(*self.student_progress([corner])[0], **CORNER)
        names = [
            f"teacher, $T$ = {_time(self.teacher_time)}",
            f"student, time {_time(self.student_time)}",
            f"teacher’s path, time {_time(self.matched_time())}",
        ]
        points, looks = (stop, now, match), (TEACHER_DOT, STUDENT_DOT, RING)
        span, ticks = (-0.03, 1.05), np.linspace(0, 1, 6)
        ax.set(xlabel="strong progress", xlim=span, xticks=ticks, aspect="equal")
        ax.set(ylabel="weak progress", ylim=span, yticks=ticks)
        return [
            ax.plot(*point, label="{}\n({}, {})".format(name, *map(_share, point)), **look)[0]
            for point, name, look in zip(points, names, looks, strict=True)
        ]

    def _draw_limit(self, ax):
        """Mark where the student ends; the note stands where no path of a flow runs."""
        x, y = self.limit()
        ax.plot(x, y, "D", color=style.STUDENT, fillstyle="none", markersize=9)
        side = {"xytext": (-8, 0 if y > 0.9 else 9), "ha": "right"}
        if y < 0.15:
            side = {"xytext": (-5, 20)} if x < 0.35 else {"xytext": (5, 20), "ha": "right"}
        style.label_line(ax, x, y, "student\nends here", color=style.STUDENT, **side)

    def _draw_times(self, ax, k):
        """Draw progress along direction k over time; at equal time a dotted line joins the two."""
        _draw_trails(ax, self._trails(), lambda times, progress: (times, progress[:, k]))
        now, match = self.student_time, self.matched_time()
        student, equal = self.student_progress()[k], self.teacher_progress([now])[0, k]
        ax.plot([now, now], [student, equal], **EQUAL_LINE)
        if k == 0:
            ax.plot([match, now], [student, student], **APART_LINE)
        for corner in filter(None, self._corners):
            ax.plot(corner, self.student_progress([corner])[0, k], **CORNER)
        ax.plot(self.teacher_time, self.teacher_progress()[k], **TEACHER_DOT)
        ax.plot(now, student, **STUDENT_DOT)
        ax.plot(match, self.matched_progress()[k], **RING)
        low, high = self._ends()
        more = 0.02 * (high - low)  # so that marks at the ends are whole
        ax.set(xscale="log", xlim=(10 ** (low - more), 10 ** (high + more)), ylim=(-0.05, 1.08))
        ax.xaxis.set_major_formatter("{x:g}")


def _log_progress(time):
    """Return log(1 - e^-time), -infinity at time 0."""
    with np.errstate(divide="ignore"):
        return np.log(-np.expm1(-time)) if time < np.log(2) else np.log1p(-np.exp(-time))


def _trail(progress, times, now):
    """Split a path at `now`: a pair of (times, progress), each with `now` as its end."""
    past = np.concatenate([[0.0], times[(times > 0) & (times < now)], [now]])
    later = np.concatenate([[now], times[times > now]])
    return (past, progress(past)), (later, progress(later))


def _draw_trails(ax, trails, place):
    """Draw the trails of teacher and student; `place` picks coordinates from times and progress."""
    for (past, later), look in zip(trails, (TEACHER_LINE, STUDENT_LINE), strict=True):
        ax.plot(*place(*later), **(look | LATER))
        ax.plot(*place(*past), **look)


def _time(value):
    """Write one time."""
    return f"{value:.0f}" if 1e3 <= value < 1e4 else f"{value:.3g}"


def _share(progress):
    """Write one progress."""
    return f"{progress:#.3g}" if progress < 0.1 else f"{progress:.3f}"


def _point(progress):
    """Write a point of the plane."""
    return "{} strong, {} weak".format(*map(_share, progress))
