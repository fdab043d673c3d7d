r"""How a student deviates from its teacher: confidence, two groups of points, noise of gradients.

The *deviation plot* takes, for each point, the class :math:`\hat y` that the teacher predicts and
draws :math:`\phi(p^{\mathrm{st}}_{\hat y})` over :math:`\phi(p^{\mathrm{te}}_{\hat y})` with
:math:`\phi(u) = \log\frac{u}{1-u}`. A line with a slope above 1 says that the student exaggerates
its teacher's confidence.

The *two-group model* is one setting in which it is known when it does. Binary labels
:math:`\pm1`, of which a share :math:`\rho` is flipped; one strong direction that carries the clean
class and is fitted completely, and many weak directions that single out each point. Along the weak
directions the teacher's progress is :math:`a`, the student's own is :math:`b`, so that its filter
is :math:`ab`.

Everything takes plain arrays. Source: chapter 10; Nagarajan et al. (2023) for the plot, the model
is derived in the book.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from distill_lib import _validation as check
from distill_lib.kernel import flow
from distill_lib.kernel.spectrum import Spectrum

__all__ = [
    "ConfidenceLogits",
    "GradientNoise",
    "Line",
    "Margins",
    "TwoGroupData",
    "TwoGroups",
    "confidence_logits",
    "fit_line",
    "gradient_noise",
    "group_means",
    "two_group_data",
    "two_group_fits",
    "two_group_margins",
    "two_group_slope",
    "two_group_threshold",
]


class ConfidenceLogits(NamedTuple):
    """Coordinates of the deviation plot, one of each a point."""

    teacher: np.ndarray
    student: np.ndarray


class Line(NamedTuple):
    """The line ``intercept + slope * x``."""

    slope: float
    intercept: float


class TwoGroups(NamedTuple):
    """One value for the points with a clean label, one for those with a flipped label."""

    clean: Any
    flipped: Any


class Margins(NamedTuple):
    """Margins of teacher and student: `TwoGroups` or one value a point."""

    teacher: Any
    student: Any


class TwoGroupData(NamedTuple):
    """A sample of the two-group model; labels are -1.0 or 1.0."""

    X: np.ndarray  # (n, p + 1); column 0 is the strong direction
    clean: np.ndarray  # (n,)
    labels: np.ndarray  # (n,), some of them flipped
    flipped: np.ndarray  # (n,), bool


class GradientNoise(NamedTuple):
    """Mean squared distance to the Bayes gradient, for labels and for a teacher."""

    labels: np.ndarray
    teacher: np.ndarray


# ------------------------------------------------------------------------- the deviation plot


def confidence_logits(teacher, student, *, clip=1e-6):
    r"""Return :math:`\phi(p^{\mathrm{te}}_{\hat y})` and :math:`\phi(p^{\mathrm{st}}_{\hat y})`.

    :math:`\hat y` is the class of largest *teacher* probability (the first of equals), for the
    student too, and :math:`\phi(u) = \log\frac{u}{1-u}`.

    Parameters
    ----------
    teacher, student : array_like, shape (n, classes)
        Probabilities, one row a point, at least two classes.
    clip : float, default 1e-6
        Probabilities are clipped to [clip, 1 - clip] first; 0 < clip < 1/2.

    Returns
    -------
    ConfidenceLogits
        ``teacher (n,)`` for the horizontal axis and ``student (n,)`` for the vertical one.

    Raises
    ------
    ValueError
        If shapes differ, a row is not a probability vector (to 1e-6) or `clip` is out of range.

    Notes
    -----
    Source: chapter 10; Nagarajan et al. (2023).

    Examples
    --------
    >>> te, st = confidence_logits([[0.9, 0.1], [0.4, 0.6]], [[0.5, 0.5], [0.6, 0.4]])
    >>> te.round(3), st.round(3)
    (array([2.197, 0.405]), array([ 0.   , -0.405]))
    """
    teacher, student = _probabilities(teacher=teacher, student=student)
    clip = check.single("clip", check.positive("clip", clip))
    if clip >= 0.5:
        raise ValueError(f"clip must be < 0.5, got {clip}")
    predicted = teacher.argmax(1)[:, None]
    chosen = (np.take_along_axis(p, predicted, 1)[:, 0] for p in (teacher, student))
    return ConfidenceLogits(*(_logit(np.clip(u, clip, 1 - clip)) for u in chosen))


def fit_line(x, y):
    r"""Least-squares line of `y` on `x`.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        At least two points; `x` not constant.

    Returns
    -------
    Line

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two points or `x` is constant.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> fit_line([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
    Line(slope=2.0, intercept=1.0)
    """
    x, y = check.finite_array("x", x, ndim=1), check.finite_array("y", y, ndim=1)
    if x.shape != y.shape:
        raise ValueError(f"x and y must have one shape, got {x.shape} and {y.shape}")
    if len(x) < 2:
        raise ValueError("a line needs at least two points, got 1")
    if np.ptp(x) <= 4 * np.finfo(float).eps * np.abs(x).max():
        raise ValueError(f"x is constant ({x[0]}); the line has no slope")
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return Line(slope, float(y.mean() - slope * x.mean()))


# -------------------------------------------------------------------------- the two-group model


def two_group_threshold(rho):
    r"""Teacher's progress :math:`a_\star = \frac{1-2\rho}{2(1-\rho)}` that fits flipped labels.

    Below it the teacher still predicts the clean label of a flipped point, above it the given one.

    Parameters
    ----------
    rho : array_like
        Share of flipped labels, 0 < rho < 1/2.

    Returns
    -------
    ndarray
        Values in (0, 1/2).

    Raises
    ------
    ValueError
        If `rho` is out of range.

    Notes
    -----
    Source: chapter 10, derived there.

    Examples
    --------
    >>> print(f"{two_group_threshold(0.2):.3f}")
    0.375
    """
    rho = _share_flipped(rho)
    return (1 - 2 * rho) / (2 * (1 - rho))


def two_group_margins(rho, a, b, *, axes="given"):
    r"""Margins of teacher and student in both groups of the two-group model.

    On the *given* label, with the progress :math:`c = a` of the teacher and :math:`c = ab` of the
    student along the weak directions,

    .. math::
        \text{clean: } (1-2\rho) + 2\rho c, \qquad
        \text{flipped: } -(1-2\rho) + 2(1-\rho)c .

    Parameters
    ----------
    rho : array_like
        Share of flipped labels, 0 < rho < 1/2.
    a : array_like
        Progress of the teacher along the weak directions, in [0, 1].
    b : array_like
        Progress of the student towards its teacher there, in [0, 1].
    axes : {"given", "teacher"}, default "given"
        ``"teacher"`` measures on the class that the *teacher* predicts, as the deviation plot
        does: for flipped points below the threshold both margins change their sign.

    Returns
    -------
    Margins
        ``teacher`` and ``student``, each a `TwoGroups` of arrays ``clean`` and ``flipped``.

    Raises
    ------
    ValueError
        If an argument is out of range; on the teacher's axes, if `a` is exactly the threshold:
        there the teacher predicts no class for flipped points.

    Notes
    -----
    Source: chapter 10, derived there.

    Examples
    --------
    >>> given = two_group_margins(0.2, 0.3, 0.5)
    >>> print("{:.2f} {:.2f}".format(*given.teacher), "{:.2f} {:.2f}".format(*given.student))
    0.72 -0.12 0.66 -0.36
    """
    rho, a, b = _share_flipped(rho), check.weight("a", a), check.weight("b", b)
    _axes(axes)
    sign = 1.0 if axes == "given" else np.where(_fits_flipped(rho, a), 1.0, -1.0)
    return Margins(
        *(
            TwoGroups(1 - 2 * rho + 2 * rho * c, sign * (2 * (1 - rho) * c - (1 - 2 * rho)))
            for c in (a, a * b)
        )
    )


def two_group_slope(rho, a, b):
    r"""Slope between the two groups on the axes of the deviation plot.

    .. math::
        \frac{1-ab}{1-a} \ge 1 \quad (a > a_\star), \qquad b \quad (a < a_\star).

    Parameters
    ----------
    rho : array_like
        Share of flipped labels, 0 < rho < 1/2.
    a : array_like
        Progress of the teacher along the weak directions, 0 < a < 1.
    b : array_like
        Progress of the student towards its teacher there, in [0, 1].

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If an argument is out of range, or `a` is exactly the threshold.

    Notes
    -----
    Source: chapter 10, derived there.

    Examples
    --------
    >>> two_group_slope(0.2, a=[0.3, 0.8], b=0.5)
    array([0.5, 3. ])
    """
    rho, a, b = _share_flipped(rho), check.weight("a", a), check.weight("b", b)
    if ((a == 0) | (a == 1)).any():
        raise ValueError("a must lie strictly between 0 and 1: at the ends the groups coincide")
    above = _fits_flipped(rho, a)
    return np.where(above, (1 - a * b) / (1 - a), b)


def two_group_data(n, p, rho, *, strong=1.0, rng):
    r"""Draw a sample of the two-group model.

    Row i of ``X`` holds ``strong * s_i`` with the clean label :math:`s_i = \pm1`, then p normal
    numbers of variance 1/p: for p much larger than n the rows' weak parts are nearly orthonormal,
    with eigenvalues near 1, and the strong eigenvalue is near ``n * strong ** 2``.

    Parameters
    ----------
    n : int
        Points; ``rho * n`` must be whole.
    p : int
        Weak directions.
    rho : float
        Share of flipped labels, 0 < rho < 1/2; exactly ``rho * n`` labels are flipped.
    strong : float, default 1.0
        Size of the strong feature, > 0.
    rng : numpy.random.Generator

    Returns
    -------
    TwoGroupData
        ``X (n, p + 1)``, ``clean``, ``labels`` and ``flipped``, (n,) each.

    Raises
    ------
    TypeError
        If `n` or `p` is not whole, or `rng` is no generator.
    ValueError
        If an argument is out of range or ``rho * n`` is not whole.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> data = two_group_data(10, 200, 0.2, rng=np.random.default_rng(0))
    >>> data.X.shape, int(data.flipped.sum())
    ((10, 201), 2)
    """
    n = check.scalar_whole("n", n, minimum=1)
    p = check.scalar_whole("p", p, minimum=1)
    count = n * check.single("rho", _share_flipped(rho))
    strong = check.single("strong", check.positive("strong", strong))
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    if abs(count - round(count)) > 1e-9 * n:
        raise ValueError(f"rho * n must be a whole number of flipped labels, got {count:.6g}")
    clean = rng.choice([-1.0, 1.0], n)
    flipped = np.zeros(n, dtype=bool)
    flipped[rng.permutation(n)[: round(count)]] = True
    weak = rng.standard_normal((n, p)) / np.sqrt(p)
    X = np.column_stack([strong * clean, weak])
    return TwoGroupData(X, clean, np.where(flipped, -clean, clean), flipped)


def two_group_fits(data, teacher_time, student_time, *, axes="given"):
    r"""Run teacher and student on a sample by gradient flow, and measure every point's margin.

    The linear model on ``data.X`` starts at 0; the teacher fits the labels and stops, the student
    fits the teacher's values and stops.

    Parameters
    ----------
    data : TwoGroupData
        From `two_group_data`.
    teacher_time, student_time : float
        Stopping times, >= 0 or infinite. The weak progress is near ``1 - exp(-time)``.
    axes : {"given", "teacher"}, default "given"
        Measure on the given label, or on the class that the teacher predicts (the sign of its
        value; 1 if that is 0).

    Returns
    -------
    Margins
        ``teacher (n,)`` and ``student (n,)``.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 10.
    """
    _axes(axes)
    spectrum = Spectrum.from_features(data.X)
    b = flow.generations(spectrum.eigenvalues, [teacher_time, student_time])
    fits = spectrum.apply(b, data.labels)
    measured_on = data.labels if axes == "given" else np.where(fits[0] < 0, -1.0, 1.0)
    return Margins(*(measured_on * fits))


def group_means(margins, flipped):
    """Average every point's margin over the clean and over the flipped points.

    Parameters
    ----------
    margins : Margins
        Of arrays with shape (n,), from `two_group_fits`.
    flipped : array_like of bool, shape (n,)
        With both groups present.

    Returns
    -------
    Margins
        ``teacher`` and ``student``, each a `TwoGroups` of two floats.

    Raises
    ------
    ValueError
        If shapes do not match or a group is empty.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> group_means(Margins([0.5, 0.25, 0.75], [0.5, 0.0, 1.0]), [True, False, False])
    Margins(teacher=TwoGroups(clean=0.5, flipped=0.5), student=TwoGroups(clean=0.5, flipped=0.5))
    """
    flipped = np.asarray(flipped)
    if flipped.dtype != bool or flipped.ndim != 1:
        raise ValueError(f"flipped must be a 1-dimensional mask of bool, got {flipped!r:.80}")
    if flipped.all() or not flipped.any():
        raise ValueError("flipped must mark some points and leave some: a group is empty")
    found = []
    for name, values in margins._asdict().items():
        values = check.finite_array(f"margins.{name}", values)
        if values.shape != flipped.shape:
            raise ValueError(f"margins.{name} must have shape {flipped.shape}, got {values.shape}")
        found.append(TwoGroups(float(values[~flipped].mean()), float(values[flipped].mean())))
    return Margins(*found)


# ------------------------------------------------------------------------- noise of gradients


def gradient_noise(p_star, teacher):
    r"""Mean squared distance to the Bayes gradient, :math:`1-\|p^*\|^2` and
    :math:`\|p^{\mathrm{te}}-p^*\|^2`.

    The gradient of the cross-entropy with respect to the logits is :math:`p - q` for a target
    :math:`q`. The first number is the expectation of :math:`\|(p-e_y)-(p-p^*)\|^2` over labels
    :math:`y \sim p^*`, the second the distance for the teacher as target. Where the second is
    smaller, the teacher denoises.

    Parameters
    ----------
    p_star : array_like, shape (n, classes)
        True class probabilities.
    teacher : array_like, shape (n, classes)
        Probabilities of the teacher.

    Returns
    -------
    GradientNoise
        ``labels (n,)`` and ``teacher (n,)``.

    Raises
    ------
    ValueError
        If shapes differ or a row is not a probability vector (to 1e-6).

    Notes
    -----
    Source: chapter 10; the view is that of Nagarajan et al. (2023), the statement is derived there.

    Examples
    --------
    >>> gradient_noise([[0.5, 0.5], [1.0, 0.0]], [[0.75, 0.25], [0.75, 0.25]])
    GradientNoise(labels=array([0.5, 0. ]), teacher=array([0.125, 0.125]))
    """  # noqa: D205 (the formula is the summary)
    p_star, teacher = _probabilities(p_star=p_star, teacher=teacher)
    return GradientNoise(1 - (p_star**2).sum(1), ((teacher - p_star) ** 2).sum(1))


# ------------------------------------------------------------------------------- the pieces


def _logit(u):
    return np.log(u) - np.log1p(-u)


def _probabilities(**named):
    """Return two matrices of probabilities of one shape, checked."""
    found = []
    for name, values in named.items():
        values = check.finite_array(name, values, ndim=2)
        if values.shape[1] < 2:
            raise ValueError(f"{name} must have at least two classes, got shape {values.shape}")
        if (values < 0).any():
            raise ValueError(f"{name} must hold probabilities >= 0, got {values.min()}")
        gap = np.abs(values.sum(1) - 1)
        if gap.max() > 1e-6:
            raise ValueError(
                f"each row of {name} must sum to 1, row {gap.argmax()} sums to "
                f"{values[gap.argmax()].sum():.8g}"
            )
        found.append(values)
    (first, a), (second, b) = zip(named, found, strict=True)
    if a.shape != b.shape:
        raise ValueError(f"{first} and {second} must have one shape, got {a.shape} and {b.shape}")
    return a, b


def _share_flipped(rho):
    rho = check.positive("rho", rho)
    if (rho >= 0.5).any():
        raise ValueError(f"rho must be < 0.5, got {rho.max()}")
    return rho


def _fits_flipped(rho, a):
    """Whether the teacher predicts the given label of flipped points."""
    threshold = two_group_threshold(rho)
    if (a == threshold).any():
        raise ValueError(
            "a is exactly the threshold (1 - 2 rho) / (2 (1 - rho)): the teacher predicts no class "
            "for flipped points"
        )
    return a > threshold


def _axes(axes):
    if axes not in ("given", "teacher"):
        raise ValueError(f"axes must be 'given' or 'teacher', got {axes!r}")
