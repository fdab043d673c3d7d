r"""Gradient flow and descent that stop: schedules, generations, matched progress, risk.

Everything here is a filter. The flow of :math:`\tfrac12\|f(X) - y\|^2` (no 1/n) from
:math:`f = 0` has made the *progress* :math:`A_t(d) = 1 - e^{-td}` along an eigenvector with
eigenvalue :math:`d` at time :math:`t`: that is its filter value. Labels, teacher and student share
the eigenbasis, so a schedule that changes its targets is a recursion for one number a direction.

Eigenvalues `d` are those of the kernel matrix, or of :math:`XX^\top` in a linear model. Times are
in units of 1/`d`; an infinite time means trained to convergence.

Source: chapters 9 and 10; Ali, Kolter and Tibshirani (2019) for flow and ridge, Nagarajan et al.
(2023) for students of a stopped teacher.
"""

from __future__ import annotations

import numbers
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from distill_lib import _validation as check
from distill_lib.kernel import _equal_error as equal_error
from distill_lib.kernel import filters, risk

__all__ = [
    "Descent",
    "FlowAndRidge",
    "MatchedStrengths",
    "Phase",
    "descent_generations",
    "descent_schedule",
    "flow_ridge_risks",
    "generations",
    "matched_strengths",
    "schedule",
    "schedule_path",
    "second_progress",
    "student_steps_matching",
    "student_time_matching",
    "worst_risk_ratio",
]


class Phase(NamedTuple):
    r"""One stretch of a schedule: what is fitted, and for how long.

    ``target`` is ``"labels"``, ``"teacher"``, or a number :math:`\alpha` in [0, 1], the weight on
    the labels of a mix :math:`\alpha y + (1-\alpha) y^{\mathrm{te}}`. ``duration`` is a time >= 0
    (in a descent: a whole number of steps), or infinity.
    """

    target: str | float
    duration: float


class Descent(NamedTuple):
    """Filters of a descent, and which eigenvalues oscillate: there ``step * d > 1``."""

    filters: np.ndarray
    oscillating: np.ndarray


class FlowAndRidge(NamedTuple):
    """Risk of gradient flow and of ridge regression with ``lam = 1 / time``, two parts each."""

    flow: risk.BiasVariance
    ridge: risk.BiasVariance


class MatchedStrengths(NamedTuple):
    """Three regularizers at one training error: strengths, then filters of shape (r,)."""

    lam: float
    time: float
    refit_lam: float
    ridge: np.ndarray
    flow: np.ndarray
    refits: np.ndarray


# ------------------------------------------------------------------------------- schedules


def schedule(d, phases, *, teacher=None, teacher_time=None, start=None):
    r"""Filter at the end of every phase of a schedule of gradient flow.

    A phase with target filter :math:`g` and duration :math:`t` moves the filter by

    .. math:: b \leftarrow b\,e^{-td} + g\,(1 - e^{-td}),

    where :math:`g` is 1 for the labels, the teacher's filter for the teacher, and their mix for a
    weight between.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    phases : sequence of Phase
        Pairs (target, duration), at least one.
    teacher : array_like, shape (r,), optional
        Filter of the teacher.
    teacher_time : float, optional
        Stopping time of a teacher that ran gradient flow on the labels, >= 0 or infinite; instead
        of `teacher`.
    start : array_like, shape (r,), optional
        Filter that the schedule starts from; 0 by default.

    Returns
    -------
    ndarray, shape (phases, r)

    Raises
    ------
    TypeError
        If a target is neither a name nor a number.
    ValueError
        If an argument is out of range, a shape does not match, a phase needs a teacher and there
        is none, or both `teacher` and `teacher_time` are given.

    Notes
    -----
    Source: chapter 10, where the target changes between labels and teacher; Nagarajan et al.
    (2023).

    Examples
    --------
    A student that fits its teacher to convergence, then the labels for a short time:

    >>> schedule([1.0], [("teacher", np.inf), ("labels", 0.1)], teacher_time=1.0).round(3).T
    array([[0.632, 0.667]])
    """
    d = _eigenvalues(d)
    teacher = _teacher(d, teacher, "teacher_time", teacher_time, _time, partial(_progress, d))
    b, kept = _start(d, start), []
    for target, time in _plan(phases, teacher, _time):
        b = _move(b, target, _left(d, time), _progress(d, time))
        kept.append(b)
    return np.array(kept)


def schedule_path(d, phases, times, *, teacher=None, teacher_time=None, start=None):
    r"""Filter at any total times along a schedule of gradient flow.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    phases : sequence of Phase
        As in `schedule`. After the last phase the filter rests.
    times : array_like, shape (m,)
        Total times since the start of the first phase, >= 0, finite.
    teacher, teacher_time, start
        As in `schedule`.

    Returns
    -------
    ndarray, shape (m, r)

    Raises
    ------
    TypeError, ValueError
        As `schedule`; also if `times` is not a sequence of finite numbers >= 0.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> switch = [Phase("labels", 1.0), Phase("teacher", np.inf)]
    >>> schedule_path([1.0], switch, [0.5, 1.0, 9.0], teacher_time=0.5).round(3).T
    array([[0.393, 0.632, 0.394]])
    """
    d = _eigenvalues(d)
    times = check.finite_array("times", check.non_negative("times", times), ndim=1)[:, None]
    teacher = _teacher(d, teacher, "teacher_time", teacher_time, _time, partial(_progress, d))
    b, begin = np.broadcast_to(_start(d, start), (len(times), len(d))), 0.0
    for target, duration in _plan(phases, teacher, _time):
        spent = np.clip(times - begin, 0, duration)
        b = _move(b, target, _left(d, spent), _progress(d, spent))
        begin += duration
    return b


def descent_schedule(d, step, phases, *, teacher=None, teacher_steps=None, start=None):
    r"""Filter at the end of every phase of a schedule of gradient descent.

    A phase of :math:`m` steps of size :math:`\eta` moves the filter by
    :math:`b \leftarrow b\,(1-\eta d)^m + g\,(1 - (1-\eta d)^m)`; compare `schedule`.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    step : float
        Step size > 0, with ``step * d < 2``.
    phases : sequence of Phase
        Durations are whole numbers of steps >= 0, or infinite.
    teacher : array_like, shape (r,), optional
        Filter of the teacher.
    teacher_steps : int, optional
        Number of steps of a teacher that ran the same descent on the labels, >= 0 or infinite;
        instead of `teacher`.
    start : array_like, shape (r,), optional
        Filter that the schedule starts from; 0 by default.

    Returns
    -------
    Descent
        ``filters (phases, r)`` and ``oscillating (r,)``.

    Raises
    ------
    TypeError
        If a target is neither a name nor a number, or a number of steps is not whole.
    ValueError
        If an argument is out of range, a step is unstable, or a teacher is missing.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> descent_schedule([1.0, 0.5], 0.5, [("labels", 1), ("labels", 1)]).filters
    array([[0.5   , 0.25  ],
           [0.75  , 0.4375]])
    """
    d, step = _eigenvalues(d), _step(step)
    progress = partial(_descent_progress, d, step)
    teacher = _teacher(d, teacher, "teacher_steps", teacher_steps, _steps, progress)
    b, kept = _start(d, start), []
    for target, steps in _plan(phases, teacher, _steps):
        b = _move(b, target, _descent_left(d, step, steps), progress(steps))
        kept.append(b)
    return Descent(np.array(kept), step * d > 1)


def generations(d, times):
    r"""Filter of every generation, :math:`b^{(k)} = \prod_{i\le k}(1 - e^{-t_i d})`.

    Generation 1 runs gradient flow on the labels for :math:`t_1`; each next one runs it on the
    fitted values of the one before.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    times : array_like, shape (m,)
        Stopping times, one a generation, >= 0 or infinite.

    Returns
    -------
    ndarray, shape (m, r)

    Raises
    ------
    ValueError
        If an argument is out of range or not one-dimensional.

    Notes
    -----
    Source: chapter 10; Nagarajan et al. (2023) for two generations.

    Examples
    --------
    >>> generations([2.0, 1.0], [1.0, np.inf, 1.0]).round(3)
    array([[0.865, 0.632],
           [0.865, 0.632],
           [0.748, 0.4  ]])
    """
    d, times = _eigenvalues(d), _time("times", times)
    _one_dimensional("times", times)
    return np.cumprod(_progress(d, times[:, None]), axis=0)


def descent_generations(d, step, steps):
    r"""Filter of every generation of gradient descent, :math:`\prod_{i\le k}(1-(1-\eta d)^{m_i})`.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    step : float
        Step size > 0, the same in every generation, with ``step * d < 2``.
    steps : array_like of int, shape (m,)
        Number of steps of each generation, >= 0.

    Returns
    -------
    Descent
        ``filters (m, r)`` and ``oscillating (r,)``. Where ``step * d >= 1``, also at 1, where
        nothing oscillates, the theorem on students does not apply.

    Raises
    ------
    TypeError
        If `steps` is not whole.
    ValueError
        If an argument is out of range or a step is unstable.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    Equal progress in the first direction after 3 steps of a teacher, and after 1 and 2 steps of a
    teacher and its student; the second direction is ahead in the student, because both oscillate:

    >>> descent_generations([1.5, 1.2], 1.0, [3]).filters.round(3)
    array([[1.125, 1.008]])
    >>> descent_generations([1.5, 1.2], 1.0, [1, 2]).filters[-1].round(3)
    array([1.125, 1.152])
    """
    d, step = _eigenvalues(d), _step(step)
    steps = check.whole("steps", steps, minimum=0)
    _one_dimensional("steps", steps)
    values = filters.gradient_descent(d, step, steps[:, None])
    return Descent(np.cumprod(values, axis=0), step * d > 1)


# ------------------------------------------------------------------------ matched progress


def student_time_matching(d_top, teacher_time, time):
    r"""Student time :math:`\tilde t` with :math:`A(\tilde t)A(T) = A(t)` at one eigenvalue.

    With :math:`A(t) = 1 - e^{-td}` it is the time at which a student of the teacher that stopped
    at :math:`T` has come, along the eigenvector of `d_top`, as far as the labels' own flow at
    time :math:`t`:

    .. math:: \tilde t = -\frac1d\,\log\Bigl(1 - \frac{A(t)}{A(T)}\Bigr).

    Parameters
    ----------
    d_top : array_like
        Eigenvalue, > 0.
    teacher_time : array_like
        Stopping time :math:`T` of the teacher, > 0 or infinite (then the student is on the
        labels' own path).
    time : array_like
        Time :math:`t` on the labels' path, 0 < t < T.

    Returns
    -------
    ndarray
        Relative error below 1e-12, shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If an argument is out of range; if `time` is not before `teacher_time`: the student never
        gets past its teacher.

    Notes
    -----
    Source: chapter 10. That Nagarajan et al. (2023) compare at equal progress along one direction
    is known to us from secondary accounts.

    Examples
    --------
    >>> found = student_time_matching(1.0, teacher_time=2.0, time=1.0)
    >>> print(f"{found:.4f}")
    1.3133
    >>> float(filters.distilled_flow(1.0, 2.0, found) - filters.gradient_flow(1.0, 1.0))
    0.0
    """
    d = check.positive("d_top", d_top)
    teacher_time, time = _time("teacher_time", teacher_time), check.positive("time", time)
    return _matching(d, teacher_time, time, "time")


def student_steps_matching(d_top, step, teacher_steps, steps):
    r"""Student steps at which its progress along one direction is that of `steps` teacher steps.

    The same as `student_time_matching` for gradient descent, whose progress
    :math:`1-(1-\eta d)^m` is that of a flow with the rate :math:`-\log(1-\eta d)/\eta` at time
    :math:`\eta m`. Steps are read as real numbers, on the interpolation between whole steps.

    Parameters
    ----------
    d_top : array_like
        Eigenvalue, > 0.
    step : array_like
        Step size > 0, with ``step * d_top < 1``: without oscillation.
    teacher_steps : array_like
        Number of steps of the teacher, > 0 or infinite.
    steps : array_like
        Number of steps on the labels' path, > 0 and < `teacher_steps`.

    Returns
    -------
    ndarray
        A real number of steps, shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> print(f"{student_steps_matching(1.0, 0.5, teacher_steps=2, steps=1):.4f}")
    1.5850
    """
    x = check.positive("step", step) * check.positive("d_top", d_top)
    if (x >= 1).any():
        raise ValueError(f"step * d_top must be < 1 (no oscillation), got {x.max()}")
    teacher_steps, steps = _time("teacher_steps", teacher_steps), check.positive("steps", steps)
    return _matching(-np.log1p(-x), teacher_steps, steps, "steps")


def _matching(rate, teacher, own, name):
    if (own >= teacher).any():
        late, stop = (a[own >= teacher].flat[0] for a in np.broadcast_arrays(own, teacher))
        raise ValueError(
            f"{name} must be < teacher_{name}, since the student never gets past its teacher; "
            f"got {late} and {stop}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        share = _share(rate, own, teacher)
        early = -np.log1p(-np.minimum(share, 0.5)) / rate
        # What is left, 1 - A(t)/A(T), is e^(-td) A(T-t)/A(T): no difference of close numbers.
        late = own - np.log(_share(rate, teacher - own, teacher)) / rate
    return np.where(share < 0.5, early, late)


def _share(rate, time, whole):
    """A(time) / A(whole); for tiny rates it is time / whole."""
    tiny = rate * whole < 1e-17
    ratio = np.expm1(-rate * time) / np.where(tiny, -1.0, np.expm1(-rate * whole))
    return np.where(tiny, time / whole, ratio)


def second_progress(p, ratio):
    r"""Progress along a weaker direction, :math:`\psi(p) = 1 - (1-p)^{1/q}`, of a flow.

    `p` is the progress along a direction whose eigenvalue is :math:`q` times as large. This is
    the curve that every teacher traces in the plane of the two; its students bend below it.

    Parameters
    ----------
    p : array_like
        Progress along the stronger direction, in [0, 1].
    ratio : array_like
        :math:`q = d_1/d_2 \ge 1`.

    Returns
    -------
    ndarray
        Values in [0, 1], shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 10.

    Examples
    --------
    >>> float(second_progress(0.75, ratio=2.0))
    0.5
    """
    p, ratio = check.weight("p", p), check.positive("ratio", ratio)
    if (ratio < 1).any():
        raise ValueError(f"ratio must be >= 1, got {ratio.min()}")
    with np.errstate(divide="ignore"):
        return -np.expm1(np.log1p(-p) / ratio)


# ---------------------------------------------------------------------------- flow and ridge


def worst_risk_ratio(*, return_time=False):
    r"""Largest ratio of the risks of flow and ridge at ``lam = 1 / time``, 1.6859... < 1.686.

    For every design, truth and noise :math:`R_{\mathrm{flow}}(1/\lambda) \le
    \rho\,R_{\mathrm{ridge}}(\lambda)` with

    .. math::
        \rho = \sup_{x > 0} \Bigl(\frac{1-e^{-x}}{x/(1+x)}\Bigr)^2 = (1+x)^4\,e^{-2x}
        \quad\text{at}\quad e^x - 1 = x(1+x),\; x = 1.7933.

    Parameters
    ----------
    return_time : bool, default False
        Return the pair (ratio, x) instead; ``x = time * d`` at the worst eigenvalue.

    Returns
    -------
    float or tuple of float

    Notes
    -----
    Source: chapter 9; Ali, Kolter and Tibshirani (2019), who round up to 1.69.

    Examples
    --------
    >>> print("{:.4f} at {:.4f}".format(*worst_risk_ratio(return_time=True)))
    1.6859 at 1.7933
    """
    x = brentq(lambda x: np.expm1(x) - x * (1 + x), 1.0, 3.0, xtol=1e-15)
    ratio = float((1 + x) ** 4 * np.exp(-2 * x))
    return (ratio, x) if return_time else ratio


def flow_ridge_risks(d, theta, sigma, times):
    r"""Risk of gradient flow at each time, and of ridge regression with ``lam = 1 / time``.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    theta : array_like, shape (r,)
        Coefficients of the truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0.
    times : array_like
        Stopping times, > 0, with a finite inverse.

    Returns
    -------
    FlowAndRidge
        Fields `flow` and `ridge`, each a `risk.BiasVariance` of arrays with the shape of `times`.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 9; Ali, Kolter and Tibshirani (2019).

    Examples
    --------
    >>> both = flow_ridge_risks([1.0], [1.0], 1.0, times=[1.0, 2.0])
    >>> (both.flow.risk / both.ridge.risk).round(3)
    array([1.07 , 1.379])
    """
    d, times = _eigenvalues(d), check.positive("times", times)[..., None]
    with np.errstate(over="ignore"):
        lam = 1 / times
    if np.isinf(lam).any():
        raise ValueError(f"times must have a finite inverse, the ridge; got {times.min()}")
    flow, ridge = filters.gradient_flow(d, times), filters.ridge(d, lam)
    return FlowAndRidge(*(risk.bias_variance(theta, sigma, b) for b in (flow, ridge)))


def matched_strengths(d, z, training_error, *, rounds):
    r"""Ridge, gradient flow and repeated fits with one training error.

    Each strength solves :math:`\tfrac1n\sum_j(1-b_j)^2z_j^2` = `training_error` for its filter:
    :math:`d/(d+\lambda)`, :math:`1-e^{-td}` and :math:`(d/(d+\lambda'))^\tau`.

    Parameters
    ----------
    d : array_like, shape (n,)
        Eigenvalues of the kernel matrix, all n of them, >= 0.
    z : array_like, shape (n,)
        Coefficients of the targets, ``spectrum.expand(y)``.
    training_error : float
        Mean squared error on the targets; above what the zero eigenvalues cost, below the mean
        square of the targets.
    rounds : int
        Number of fits :math:`\tau \ge 1` of the third.

    Returns
    -------
    MatchedStrengths
        ``lam``, ``time``, ``refit_lam``, and the filters ``ridge``, ``flow``, ``refits``.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If an argument is out of range, or no strength has this training error.

    Notes
    -----
    Source: chapter 9.

    Examples
    --------
    >>> found = matched_strengths([1.0], [2.0], 1.0, rounds=2)  # filter value 1/2 each
    >>> print(f"{found.lam:.3f} {found.time:.3f} {found.refit_lam:.3f}")
    1.000 0.693 0.414
    """
    d, z = _eigenvalues(d), check.finite_array("z", z, ndim=1)
    if len(z) != len(d):
        raise ValueError(f"z must have shape ({len(d)},), got {z.shape}")
    error = check.single("training_error", check.positive("training_error", training_error))
    rounds = check.scalar_whole("rounds", rounds, minimum=1)
    energy, seen = z**2, (d > 0) & (z != 0)
    least, most, wanted = energy[~seen].sum(), energy.sum(), len(z) * error
    if not least < wanted < most:
        raise ValueError(
            f"training_error must lie between {least / len(z):.6g} (no filter fits more) and "
            f"{most / len(z):.6g} (the zero fit), got {error}"
        )
    loss, gain = (equal_error.loss, wanted - least), (equal_error.gain, most - wanted)
    solve = partial(_solve, d[seen], energy[seen], *min(loss, gain, key=lambda pair: pair[1]))
    lam = solve(equal_error.ridge)
    time = solve(equal_error.flow)
    refit_lam = solve(lambda d, lam: equal_error.distilled(d, lam, rounds, 0.0))
    return MatchedStrengths(
        lam,
        time,
        refit_lam,
        filters.ridge(d, lam),
        filters.gradient_flow(d, time),
        filters.distilled(d, refit_lam, rounds),
    )


def _solve(d, energy, measure, wanted, family):
    return float(np.exp(equal_error.solve(lambda s: family(d, np.exp(s)), energy, measure, wanted)))


# ------------------------------------------------------------------------------- the pieces


def _move(b, target, left, progress):
    """Both terms keep their digits: no difference of b and target is taken."""
    return b * left + target * progress


def _progress(d, time):
    """1 - e^(-td); an infinite time finishes every direction with a positive eigenvalue."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(d > 0, -np.expm1(-time * d), 0.0)


def _left(d, time):
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(d > 0, np.exp(-time * d), 1.0)


def _descent_progress(d, step, steps):
    if np.isinf(steps):
        filters.gradient_descent(d, step, 0)  # refuses an unstable step
        return np.where(d > 0, 1.0, 0.0)
    return filters.gradient_descent(d, step, int(steps))


def _descent_left(d, step, steps):
    """(1 - step d)^steps through log1p: exact for small step * d and many steps."""
    x = step * d
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.exp(np.where((x > 0) & (steps > 0), steps * np.log1p(-np.minimum(x, 2 - x)), 0.0))
    return np.where((x > 1) & (steps % 2 == 1), -size, size)


def _plan(phases, teacher, amount):
    """Yield the target filter and the checked duration of every phase."""
    phases = list(phases)
    if not phases:
        raise ValueError("phases is empty; at least one (target, duration) is needed")
    for k, phase in enumerate(phases):
        try:
            target, duration = phase
        except (TypeError, ValueError) as error:
            raise TypeError(f"phases[{k}] must be (target, duration), got {phase!r:.80}") from error
        weight = _label_weight(f"phases[{k}].target", target)
        if weight < 1 and teacher is None:
            raise ValueError(
                f"phases[{k}] fits a teacher (target {target!r}), but there is none: pass a "
                "teacher's filter or its stopping time"
            )
        given = teacher if weight < 1 else 0.0
        name = f"phases[{k}].duration"
        yield weight + (1 - weight) * given, check.single(name, amount(name, duration))


def _label_weight(name, target):
    if isinstance(target, str) and target in ("labels", "teacher"):
        return float(target == "labels")
    if isinstance(target, str) or not isinstance(target, numbers.Real):
        raise TypeError(f"{name} must be 'labels', 'teacher' or a number in [0, 1], got {target!r}")
    return check.single(name, check.weight(name, target))


def _teacher(d, given, name, stop, amount, progress):
    """Return the filter of the teacher, or None: given as such, or by when it stopped."""
    if given is not None and stop is not None:
        raise ValueError(f"pass either teacher or {name}, not both")
    if given is not None:
        return _filter("teacher", given, d)
    return None if stop is None else progress(check.single(name, amount(name, stop)))


def _start(d, start):
    return np.zeros(len(d)) if start is None else _filter("start", start, d)


def _filter(name, b, d):
    b = check.finite_array(name, b)
    if b.shape != d.shape:
        raise ValueError(f"{name} must have shape {d.shape}, got {b.shape}")
    return b


def _eigenvalues(d):
    d = check.non_negative("d", d)
    _one_dimensional("d", d)
    return d


def _one_dimensional(name, array):
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-dimensional, got shape {array.shape}")


def _step(step):
    return check.single("step", check.positive("step", step))


def _time(name, value):
    """Return a float64 array of numbers >= 0, positive infinity among them."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        check.non_negative(name, np.where(np.isposinf(array), 0.0, array))
        return array.astype(np.float64)
    return check.non_negative(name, value)


def _steps(name, value):
    """Return a float64 array of whole numbers >= 0, or of infinity."""
    if isinstance(value, float) and value == np.inf:
        return np.float64(np.inf)[...]
    return np.asarray(check.whole(name, value, minimum=0), dtype=np.float64)
