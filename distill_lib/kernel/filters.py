r"""Spectral filters: one short function, one formula each.

Every linear procedure in the book maps targets ``y`` to fitted values
:math:`U\,\mathrm{diag}(b(d))\,U^\top y`, where :math:`K = U\,\mathrm{diag}(d)\,U^\top` is the
kernel matrix. The number :math:`b(d)` is the procedure's *filter*. A function below returns it.

All arguments broadcast. Put the eigenvalues on the last axis and a grid on the leading axes:

>>> import numpy as np
>>> d = np.array([4.0, 1.0, 0.0])
>>> ridge(d, lam=np.array([[1.0], [4.0]]))
array([[0.8, 0.5, 0. ],
       [0.5, 0.2, 0. ]])

Every filter is exactly 0 at ``d = 0``. In the range ``0 <= alpha <= 1`` and ``step * d <= 1`` the
relative error is below 1e-12, for ``d`` far above and far below ``lam`` too.
Chapter 2 derives the table of filters, chapter 3 the properties of `distilled`.
"""

from __future__ import annotations

import numpy as np

from distill_lib import _validation as check

__all__ = [
    "distilled",
    "distilled_flow",
    "distilled_limit",
    "gradient_descent",
    "gradient_flow",
    "ridge",
]


def ridge(d, lam):
    r"""Filter of one ridge fit, :math:`b(d) = d / (d + \lambda)`.

    Problem solved: :math:`\min_f \tfrac12\|f(X) - y\|^2 + \tfrac\lambda2\|f\|_{\mathcal H}^2`.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues of the kernel matrix, >= 0.
    lam : array_like
        Ridge, > 0, in the units of `d`. scikit-learn's ``KernelRidge`` calls it ``alpha``.

    Returns
    -------
    ndarray
        Filter values in [0, 1), shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If `d` is negative, `lam` is not positive, or a value is not finite.

    Notes
    -----
    Source: chapter 2; Mobahi et al. (2020); Borup and Andersen (2021).
    """
    d, lam = check.non_negative("d", d), check.positive("lam", lam)
    return d / (d + lam)


def distilled(d, lam, rounds, alpha=0.0, *, unrestricted=False):
    r"""Filter after `rounds` ridge fits, each to a mix of the labels and the fit before.

    With :math:`a = d/(d+\lambda)`, the filter starts at :math:`b^{(1)} = a` and follows

    .. math:: b^{(\tau)} = a\,\bigl(\alpha^{(\tau)} + (1-\alpha^{(\tau)})\,b^{(\tau-1)}\bigr).

    For :math:`\alpha = 0` (plain self-distillation) this is :math:`a^\tau`.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues of the kernel matrix, >= 0.
    lam : array_like
        Ridge, > 0, the same in every round.
    rounds : int or array_like of int
        Number of fits :math:`\tau \ge 1`; 1 is the ordinary fit.
    alpha : float or array_like, default 0
        Weight on the ground truth; 1 - alpha is the weight on the teacher. A *one-dimensional*
        sequence is read as one weight a round: its length must equal `rounds`, and its first entry
        is unused, because the first fit has no teacher. A grid of weights needs two dimensions or
        more, so that it leaves the last axis to `d`.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    ndarray
        Filter values, shape of the broadcast arguments.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If an argument is out of range, or `alpha` has not one weight a round.

    Notes
    -----
    Source: chapters 2 and 3; Mobahi et al. (2020) for alpha = 0, with a fixed ridge in place of
    their tolerance; Borup and Andersen (2021) for the mix.

    Examples
    --------
    >>> distilled(1.0, lam=1.0, rounds=[1, 2, 3])
    array([0.5  , 0.25 , 0.125])
    >>> float(distilled(1.0, lam=1.0, rounds=3, alpha=0.5))
    0.34375
    """
    d, lam = check.non_negative("d", d), check.positive("lam", lam)
    rounds = check.whole("rounds", rounds, minimum=1)
    alpha = check.weight("alpha", alpha, unrestricted=unrestricted)
    if alpha.ndim == 1:
        if rounds.ndim != 0 or alpha.size != rounds:
            raise ValueError(
                f"alpha has {alpha.size} weights for rounds = {rounds.tolist()}; a one-dimensional "
                "alpha holds one weight a round (a grid of weights needs two dimensions or more)"
            )
        return _recursion(d, lam, rounds, alpha)
    if ((alpha < 0) | (alpha > 1)).any():
        return _recursion(d, lam, rounds, alpha[None] if alpha.ndim else alpha)
    return _closed_form(d, lam, rounds, alpha)


def _closed_form(d, lam, rounds, alpha):
    """Limit + ((1 - alpha) a)^tau (1 - limit): non-negative terms, so nothing cancels."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        # (1-alpha)^tau a^tau through logarithms: exact to |log| * eps, also for a close to 1.
        power = np.exp(rounds * (np.log1p(-alpha) - np.log1p(lam / d)))
    return (alpha * d + power * lam) / (alpha * d + lam)


def _recursion(d, lam, rounds, alpha):
    """Run the recursion to the largest round and keep each requested one."""
    a = d / (d + lam)
    last = int(rounds.max())
    weights = np.broadcast_to(alpha, (last,)) if alpha.ndim <= 1 else [alpha[0]] * last
    b = a
    kept = np.broadcast_to(b, np.broadcast_shapes(a.shape, rounds.shape, np.shape(weights[0])))
    for tau, weight in enumerate(weights[1:], start=2):
        b = a * (weight + (1 - weight) * b)
        kept = np.where(rounds >= tau, b, kept)
    return kept if last > 1 else kept.copy()


def distilled_limit(d, lam, alpha):
    r"""Filter after infinitely many rounds, :math:`\alpha d / (\alpha d + \lambda)`.

    It is the filter of one ridge fit with the larger ridge :math:`\lambda/\alpha`; for
    :math:`\alpha = 0` it is 0.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues, >= 0.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the ground truth, in [0, 1], the same in every round.

    Returns
    -------
    ndarray
        Filter values in [0, 1).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 2; Borup and Andersen (2021).
    """
    d, lam = check.non_negative("d", d), check.positive("lam", lam)
    alpha = check.weight("alpha", alpha)
    return alpha * d / (alpha * d + lam)


def gradient_flow(d, time):
    r"""Filter of gradient flow stopped at `time`, :math:`1 - e^{-t d}`.

    Problem: :math:`\dot f(X) = -K\,(f(X) - y)` from :math:`f = 0`, the flow of
    :math:`\tfrac12\|f(X) - y\|^2` (no 1/n).

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues, >= 0.
    time : array_like
        Stopping time :math:`t \ge 0`, in units of 1/`d`.

    Returns
    -------
    ndarray
        Filter values in [0, 1].

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    Notes
    -----
    Source: chapter 2; Ali, Kolter and Tibshirani (2019).
    """
    d, time = check.non_negative("d", d), check.non_negative("time", time)
    return -np.expm1(-time * d)


def gradient_descent(d, step, steps):
    r"""Filter of `steps` gradient steps of size `step`, :math:`1 - (1 - \eta d)^m`.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues, >= 0.
    step : array_like
        Step size :math:`\eta > 0`, in units of 1/`d`, with :math:`\eta d < 2`.
    steps : int or array_like of int
        Number of steps :math:`m \ge 0`.

    Returns
    -------
    ndarray
        Filter values. For :math:`\eta d > 1` they oscillate around 1 and lose relative accuracy
        like 1 / (2 - step * d).

    Raises
    ------
    TypeError
        If `steps` is not whole.
    ValueError
        If an argument is out of range or a step is unstable (``step * d >= 2``).

    Notes
    -----
    Source: chapter 2; Nagarajan et al. (2023).
    """
    d, step = check.non_negative("d", d), check.positive("step", step)
    steps = check.whole("steps", steps, minimum=0)
    x = step * d
    if (x >= 2).any():
        raise ValueError(f"step * d must be < 2 or the descent diverges, got {x.max()}")
    with np.errstate(divide="ignore", invalid="ignore"):
        # |1 - x|^m through log1p on either side of x = 1, where the factor changes its sign.
        log_factor = np.where(x <= 1, np.log1p(-np.minimum(x, 1)), np.log1p(np.maximum(x, 1) - 2))
        exponent = np.where(steps == 0, 0.0, steps * log_factor)
    negative = (x > 1) & (steps % 2 == 1)
    return np.where(negative, 1 + np.exp(exponent), 0.0 - np.expm1(exponent))


def distilled_flow(d, teacher_time, student_time):
    r"""Filter of a student flow on a stopped teacher, :math:`(1-e^{-\tilde t d})(1-e^{-T d})`.

    The teacher runs gradient flow on the labels and stops at :math:`T`; the student runs it on the
    teacher's fitted values and stops at :math:`\tilde t`.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues, >= 0.
    teacher_time, student_time : array_like
        Stopping times, >= 0, in units of 1/`d`.

    Returns
    -------
    ndarray
        Filter values in [0, 1].

    Raises
    ------
    ValueError
        If an argument is negative or not finite.

    Notes
    -----
    Source: chapter 2; Nagarajan et al. (2023).
    """
    check.non_negative("teacher_time", teacher_time)
    check.non_negative("student_time", student_time)
    return gradient_flow(d, teacher_time) * gradient_flow(d, student_time)
