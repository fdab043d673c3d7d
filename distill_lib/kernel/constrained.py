r"""The tolerance form of self-distillation: the simplest function within a given error, repeated.

One round solves, for a kernel with function space :math:`\mathcal H`,

.. math::
    \min_{f \in \mathcal H} \|f\|_{\mathcal H}^2 \quad\text{subject to}\quad
    \frac1n \sum_{i=1}^n (f(x_i) - y_i)^2 \le \varepsilon,

and the next round takes the fitted values as targets, with the *same* tolerance
:math:`\varepsilon`. Each round is a ridge fit with :math:`\lambda_t = n c_t`; the multiplier
:math:`c_t` is set by the tolerance, so it depends on the targets. When the targets themselves are
within the tolerance of zero, the zero function is the solution: the path has *collapsed*. Collapse
is a result here, not an error.

Throughout, ``r_t`` is the relative norm :math:`\|y_t\| / \sqrt{n\varepsilon}`, eigenvalues ``d``
are those of ``K`` (not divided by n), and round ``t = 0`` is the ordinary fit, as in the paper.

Source: Mobahi, Farajtabar and Bartlett (2020); chapters 4 to 6. The two-sided bound on the number
of rounds, the bound without a cap and the generalisation bound are derived in the book.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from distill_lib import _validation as check
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum, as_spectrum

__all__ = [
    "ConstrainedPath",
    "EquivalentKernel",
    "RoundCount",
    "distill",
    "equivalent_eigenvalues",
    "guaranteed_rounds",
    "multiplier_bounds",
    "near_interpolation_bound",
    "near_interpolation_limit",
    "no_cap_bound",
    "norm_lower_bound",
    "rademacher_bound",
    "relative_norm",
    "smallest_tolerance",
    "sparsity_index",
    "sparsity_ratio_bound",
]

#: Without `max_rounds` a path that is longer than this is refused, if possible before it starts.
_LONGEST_PATH = 1_000_000

#: Relative size of what counts as rounding where a comparison decides about one more round.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class ConstrainedPath:
    r"""Every round of the tolerance form up to the collapse, or up to `max_rounds`.

    Attributes
    ----------
    multipliers : ndarray, shape (rounds,)
        The paper's :math:`c_t`, for ``K / n``; the ridge of round t is :math:`\lambda_t = n c_t`.
    filters : ndarray, shape (rounds, r)
        :math:`B_t = \prod_{i \le t} d / (d + \lambda_i)`, diagonal entries.
    targets : ndarray, shape (rounds + 1, n) or (rounds + 1, n, q)
        :math:`y_0, y_1, \dots`: the given targets, then the fitted values of each round.
    collapsed : bool
        Whether the next round is the zero function: the path ended by itself.
    tolerance : float
        :math:`\varepsilon`.
    spectrum : Spectrum
        Eigenbasis of ``K``.
    """

    multipliers: np.ndarray
    filters: np.ndarray
    targets: np.ndarray
    collapsed: bool
    tolerance: float
    spectrum: Spectrum

    @property
    def rounds(self):
        """Number of fits that did not collapse."""
        return len(self.multipliers)

    @property
    def ridges(self):
        r"""The ridge of each round, :math:`\lambda_t = n c_t`."""
        return len(self.spectrum.eigenvectors) * self.multipliers

    @property
    def norms(self):
        r"""Norm :math:`\|y_t\|` of the targets of each round, shape (rounds + 1,)."""
        return np.sqrt((self.targets**2).reshape(len(self.targets), -1).sum(1))

    @property
    def relative_norms(self):
        r"""Relative norm :math:`r_t = \|y_t\|/\sqrt{n\varepsilon}`, shape (rounds + 1,)."""
        return self.norms / math.sqrt(self.targets.shape[1] * self.tolerance)

    @property
    def function_norms(self):
        r"""Norm :math:`\|f_t\|_{\mathcal H}` of the fitted function.

        Without labels in the mix it decreases strictly in t.
        """
        d, z = self.spectrum.eigenvalues, self.spectrum.expand(self.targets[0])
        energy = (z.reshape(len(d), -1) ** 2).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt((np.where(d > 0, self.filters**2 / d, 0.0) * energy).sum(1))

    def predict(self, K_new):
        """Predictions of every round at new points.

        Parameters
        ----------
        K_new : array_like, shape (m, n)
            Kernel between new and training points.

        Returns
        -------
        ndarray, shape (rounds, m) or (rounds, m, q)

        Raises
        ------
        ValueError
            If the shape does not fit or a value is not finite.
        """
        if not self.rounds:
            one = self.spectrum.predict(K_new, self.spectrum.eigenvalues, self.targets[0])
            return np.empty((0, *one.shape))
        return self.spectrum.predict(K_new, self.filters, self.targets[0])


def checked_problem(K, y, tolerance):
    """Return the spectrum, the targets and the tolerance, checked."""
    spectrum = as_spectrum(K)
    tolerance = check.single("tolerance", check.positive("tolerance", tolerance))
    y = check.finite_array("y", y, ndim=(1, 2))
    if len(y) != len(spectrum.eigenvectors):
        raise ValueError(
            f"y has {len(y)} rows, but the kernel matrix has {len(spectrum.eigenvectors)}"
        )
    return spectrum, y, tolerance


def relative_norm(y, tolerance):
    r"""Relative size of the targets, :math:`r = \|y\| / \sqrt{n\varepsilon}`.

    Parameters
    ----------
    y : array_like, shape (n,) or (n, q)
    tolerance : float
        :math:`\varepsilon > 0`.

    Returns
    -------
    float
        At most 1 exactly when the fit to `y` collapses.

    Raises
    ------
    ValueError
        If an argument is not finite or `tolerance` is not positive.

    Notes
    -----
    Source: chapter 4.
    """
    y = check.finite_array("y", y, ndim=(1, 2))
    tolerance = check.single("tolerance", check.positive("tolerance", tolerance))
    return float(np.linalg.norm(y) / math.sqrt(len(y) * tolerance))


def smallest_tolerance(K, y):
    r"""Mean squared error that no function of the space can go below.

    It is :math:`\|P y\|^2 / n` with :math:`P` the projection on the null space of `K`; 0 if `K` is
    positive definite. `distill` needs a strictly larger tolerance.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
    y : array_like, shape (n,) or (n, q)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `K` is not a kernel matrix or `y` does not fit it.

    Notes
    -----
    Source: chapter 4.
    """
    spectrum, y, _ = checked_problem(K, y, 1.0)
    return null_energy(spectrum, y) / len(y)


def null_energy(spectrum, y):
    """Energy of `y` outside the range of the kernel matrix."""
    if spectrum.rank == len(y):
        return 0.0
    U = spectrum.eigenvectors[:, : spectrum.rank]
    return float(((y - U @ (U.T @ y)) ** 2).sum())


def solve_ridge(d, energy, budget):
    r"""Ridge :math:`\lambda` with :math:`\sum_j (\lambda/(\lambda+d_j))^2 e_j` = `budget`.

    `d` > 0; 0 < `budget` < sum of the energies. The root is bracketed by the bounds of the
    multiplier and found in log(lambda). Near collapse the sum is close to its supremum, so there
    the equation is written for what is *missing* from it, and nothing cancels.
    """
    missing = (energy.sum() - budget) / budget
    relative = missing / (1 + math.sqrt(1 + missing))  # r - 1, and nothing cancels
    amplitude = np.sqrt(energy / budget)  # squared last, so that nothing underflows near the root
    margin = 1e-6  # the bracket has no width when one direction carries all
    low = math.log(d.min()) - math.log(relative) - margin
    high = math.log(d.max()) - math.log(relative) + margin

    def gap(log_lam):
        lam = math.exp(log_lam)
        kept = d / (d + lam)
        if missing > 1:
            return math.log(((lam / (d + lam) * amplitude) ** 2).sum())
        return -math.log((kept * (2 - kept) * amplitude**2).sum() / missing)

    return math.exp(brentq(gap, low, high, xtol=1e-14, rtol=4 * np.finfo(float).eps))


def distill(K, y, tolerance, max_rounds=None):
    r"""Distil in the tolerance form until the path collapses.

    Round t solves :math:`\min \|f\|_{\mathcal H}^2` subject to
    :math:`\frac1n\|f(X) - y_t\|^2 \le \varepsilon`; then :math:`y_{t+1} = f_t(X)`. The solution is
    :math:`f_t(x) = k_x^\top (K + n c_t I)^{-1} y_t`, where :math:`c_t` makes the constraint an
    equality. Several outputs share one multiplier: the constraint is on the Frobenius norm.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, not divided by n; positive semidefinite.
    y : array_like, shape (n,) or (n, q)
        Targets.
    tolerance : float
        :math:`\varepsilon > 0`, a mean squared error.
    max_rounds : int, optional
        Stop after this many rounds; otherwise the path runs to its collapse, which comes after at
        least r_0 - 1 and fewer than r_0^2 rounds.

    Returns
    -------
    ConstrainedPath
        With no rounds at all, and ``collapsed=True``, if :math:`\|y\|^2 \le n\varepsilon`.

    Raises
    ------
    ValueError
        If an argument is out of range; if no function meets the tolerance (the message states the
        part of `y` that no function of the space can fit); if the path exceeds a million rounds
        and `max_rounds` is not given.

    Notes
    -----
    One eigendecomposition, then O(n) for each step of the root search. Source: chapter 4; Mobahi,
    Farajtabar and Bartlett (2020).

    Examples
    --------
    >>> path = distill(np.diag([2.0, 1.0]), [3.0, 1.0], tolerance=0.5)
    >>> path.rounds, path.collapsed
    (3, True)
    """
    spectrum, y, tolerance = checked_problem(K, y, tolerance)
    if max_rounds is not None:
        max_rounds = check.scalar_whole("max_rounds", max_rounds, minimum=1)
    budget = len(y) * tolerance
    if (y**2).sum() > budget:
        refuse_infeasible(spectrum, y, tolerance)
        least = relative_norm(y, tolerance) - 1
        if max_rounds is None and least > _LONGEST_PATH:
            raise _too_long(tolerance, least)
    return _run(spectrum, y, tolerance, max_rounds)


def _too_long(tolerance, least):
    return ValueError(
        f"tolerance = {tolerance} needs at least {least:.3g} rounds to collapse; pass max_rounds"
    )


def refuse_infeasible(spectrum, y, tolerance):
    unreachable = null_energy(spectrum, y)
    if len(y) * tolerance <= unreachable:
        raise ValueError(
            f"tolerance must be > {unreachable / len(y):.6g}, the part of y that no function of "
            f"this space can fit (K has {len(y) - spectrum.rank} zero eigenvalues), got {tolerance}"
        )


def is_within(energy, budget):
    """Whether the zero function meets the tolerance; a norm equal up to rounding does."""
    return bool(energy.sum() <= budget * (1 + _ROUNDING))


def _run(spectrum, y, tolerance, max_rounds):
    rank, n = spectrum.rank, len(y)
    d = spectrum.eigenvalues[:rank]
    energy = (np.atleast_2d(spectrum.expand(y)[:rank].T) ** 2).sum(0)
    b, ridges, filters = np.ones(rank), [], []
    budget = n * tolerance - null_energy(spectrum, y)  # round 0 pays for what no round can fit
    collapsed = is_within(energy, budget)
    while not collapsed and len(ridges) != max_rounds:
        if len(ridges) == _LONGEST_PATH and max_rounds is None:
            raise _too_long(tolerance, _LONGEST_PATH)
        ridges.append(solve_ridge(d, b**2 * energy, budget))
        b = b * (d / (d + ridges[-1]))
        filters.append(b)
        budget = n * tolerance
        collapsed = is_within(b**2 * energy, budget)
    full = np.zeros((len(ridges), len(spectrum.eigenvalues)))
    full[:, :rank] = np.reshape(filters, (len(ridges), rank))
    fitted = spectrum.apply(full, y) if len(ridges) else np.empty((0, *y.shape))
    return ConstrainedPath(
        np.array(ridges) / n,
        full,
        np.concatenate([y[None], fitted]),
        collapsed,
        tolerance,
        spectrum,
    )


def multiplier_bounds(K, y, tolerance):
    r"""Lower and upper bound on the first multiplier,
    :math:`\frac{d_{\min}/n}{r-1} \le c_0 \le \frac{d_{\max}/n}{r-1}`.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
    y : array_like, shape (n,) or (n, q)
    tolerance : float

    Returns
    -------
    tuple of float
        Bounds on the paper's c, for ``K / n``. The lower one is 0 for a singular `K`.

    Raises
    ------
    ValueError
        If an argument is out of range, the tolerance is infeasible, or the fit to `y` collapses
        (r <= 1).

    Notes
    -----
    Source: chapter 4; Mobahi, Farajtabar and Bartlett (2020).
    """  # noqa: D205 (the formula is the summary)
    spectrum, y, tolerance = checked_problem(K, y, tolerance)
    r = _not_collapsed(y, tolerance)
    refuse_infeasible(spectrum, y, tolerance)
    d = spectrum.eigenvalues / len(y)
    smallest = d[-1] if spectrum.rank == len(y) else 0.0
    return float(smallest / (r - 1)), float(d[0] / (r - 1))


def _not_collapsed(y, tolerance):
    r = relative_norm(y, tolerance)
    if r <= 1:
        raise ValueError(f"the fit collapses: ||y|| / sqrt(n * tolerance) must be > 1, got {r:.6g}")
    return r


class RoundCount(NamedTuple):
    """Bounds on the number of fits that do not collapse."""

    paper: int
    lower: int
    upper: int


def guaranteed_rounds(K, y, tolerance):
    r"""Bounds on the number N of fits before the collapse.

    With :math:`\kappa = d_{\max}/d_{\min}` the paper guarantees
    :math:`\lceil (r_0-1)/\kappa \rceil` fits. The triangle inequality gives more, and a bound from
    above:

    .. math:: \lceil r_0 - 1 \rceil \le N < r_0^2, \qquad N < \kappa (r_0 - 1) + 1 .

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
    y : array_like, shape (n,) or (n, q)
    tolerance : float
        Feasible: above `smallest_tolerance`.

    Returns
    -------
    RoundCount
        ``paper`` (0 for a singular `K`), ``lower`` and ``upper``: lower <= N <= upper.

    Raises
    ------
    ValueError
        If an argument is out of range, the tolerance is infeasible, or the first fit collapses.

    Notes
    -----
    Source: chapter 5; the first count is the paper's, the two others are derived there.
    """
    spectrum, y, tolerance = checked_problem(K, y, tolerance)
    r = _not_collapsed(y, tolerance)
    refuse_infeasible(spectrum, y, tolerance)
    lower, upper = _at_least(r - 1), _fewer_than(r**2)
    if spectrum.rank < len(y):
        return RoundCount(0, lower, upper)
    kappa = spectrum.eigenvalues[0] / spectrum.eigenvalues[-1]
    upper = min(upper, _fewer_than(kappa * (r - 1) + 1))
    return RoundCount(_at_least((r - 1) / kappa), lower, upper)


def _at_least(bound):
    """Smallest whole number >= `bound`; a bound that is whole up to rounding counts as whole."""
    return max(math.ceil(bound * (1 - _ROUNDING)), 1)


def _fewer_than(bound):
    """Largest whole number < `bound`, likewise."""
    return math.ceil(bound * (1 - _ROUNDING)) - 1


def norm_lower_bound(d, r0, rounds):
    r"""Lower bound of the paper on the relative norm :math:`r_t`, for t = 0, ..., `rounds`.

    .. math:: r_t \ge A^t r_0 - C\,\frac{A^t - 1}{A - 1}, \qquad
        A = \frac{(r_0-1)^2 + \kappa(2r_0-1)}{(r_0-1+\kappa)^2}, \quad
        C = \frac{r_0^2\,\kappa}{(r_0-1+\kappa)^2} .

    It says nothing once it is negative. The bound :math:`r_t \ge r_0 - t` needs no condition number
    and is never worse where this one is not negative.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues of a positive definite kernel matrix.
    r0 : float
        Relative norm of the given targets, > 1.
    rounds : int
        Last t, >= 0.

    Returns
    -------
    ndarray, shape (rounds + 1,)

    Raises
    ------
    ValueError
        If an eigenvalue is not positive or r0 <= 1.

    Notes
    -----
    Source: chapter 5; Mobahi, Farajtabar and Bartlett (2020).
    """
    d, r0 = check.positive("d", d), _above_one(r0)
    t = np.arange(check.scalar_whole("rounds", rounds, minimum=0) + 1)
    kappa = d.max() / d.min()
    denominator = (r0 - 1 + kappa) ** 2
    A = ((r0 - 1) ** 2 + kappa * (2 * r0 - 1)) / denominator
    C = r0**2 * kappa / denominator
    # 1 - A = kappa (kappa - 1) / denominator exactly, so the geometric sum loses no digits.
    deficit = kappa * (kappa - 1) / denominator
    if deficit == 0:
        return r0 - C * t
    return A**t * r0 + C * np.expm1(t * np.log1p(-deficit)) / deficit


def _above_one(r0):
    r0 = float(check.finite_array("r0", r0))
    if r0 <= 1:
        raise ValueError(f"r0 must be > 1 (below, the first fit collapses), got {r0}")
    return r0


def sparsity_ratio_bound(d, r0, rounds):
    r"""Lower bound on :math:`B_{t-1}[k,k] / B_{t-1}[j,j]` after t = `rounds` fits, for all pairs.

    .. math:: \Bigl(\frac{r_0 - 1 + d_{\min}/d_j}{r_0 - 1 + d_{\min}/d_k}\Bigr)^t,
        \qquad d_k \ge d_j .

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues of a positive definite kernel matrix.
    r0 : float
        Relative norm of the given targets, > 1.
    rounds : int
        Number of fits t >= 1; fits 0, ..., t - 1 must not have collapsed.

    Returns
    -------
    ndarray, shape (r, r)
        Entry [k, j]; meaningful where d[k] >= d[j].

    Raises
    ------
    ValueError
        If an eigenvalue is not positive, r0 <= 1 or rounds < 1.

    Notes
    -----
    Source: chapter 5; Mobahi, Farajtabar and Bartlett (2020).
    """
    d, r0 = check.positive("d", d), _above_one(r0)
    t = check.scalar_whole("rounds", rounds, minimum=1)
    p = d.min() / d
    # log((r0 - 1 + p_j) / (r0 - 1 + p_k)), where a difference of logarithms would lose digits.
    return np.exp(t * np.log1p((p[None, :] - p[:, None]) / (r0 - 1 + p[:, None])))


def no_cap_bound(d, r0, r_t):
    r"""Lower bound on :math:`B_{t-1}[k,k] / B_{t-1}[j,j]` in terms of the norm that was paid.

    .. math:: \Bigl(\frac{r_0 + 1}{r_t + 1}\Bigr)^{d_{\min}(1/d_j - 1/d_k)}, \qquad d_k \ge d_j .

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues of a positive definite kernel matrix.
    r0, r_t : float
        Relative norms of the given targets and of those after t fits, r0 > 1, 0 <= r_t <= r0.

    Returns
    -------
    ndarray, shape (r, r)
        Entry [k, j]; meaningful where d[k] >= d[j].

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 5, derived there.
    """
    d, r0 = check.positive("d", d), _above_one(r0)
    r_t = float(check.non_negative("r_t", r_t))
    if r_t > r0:
        raise ValueError(f"r_t must be <= r0 = {r0} (norms decrease), got {r_t}")
    p = d.min() / d
    return np.exp((p[None, :] - p[:, None]) * math.log((r0 + 1) / (r_t + 1)))


def sparsity_index(b, d):
    r"""Smallest ratio of neighbouring filter values, :math:`S = \min_k b_{k}/b_{k+1}`.

    Neighbours are taken along descending eigenvalues, so the larger eigenvalue is on top.

    Parameters
    ----------
    b : array_like, shape (..., r)
        Positive filter values; leading axes are a grid.
    d : array_like, shape (r,)
        Eigenvalues, descending, positive.

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    ValueError
        If there are fewer than two eigenvalues, they are not descending, or a value is <= 0.

    Notes
    -----
    Source: chapter 5; Mobahi, Farajtabar and Bartlett (2020).
    """
    b, d = check.positive("b", b), _descending(d)
    if b.shape[-1] != len(d):
        raise ValueError(f"b must have shape (..., {len(d)}), got {b.shape}")
    return np.exp((np.log(b[..., :-1]) - np.log(b[..., 1:])).min(-1))


def _descending(d):
    d = check.positive("d", d)
    if d.ndim != 1 or len(d) < 2 or (np.diff(d) > 0).any():
        raise ValueError(f"d must be at least two eigenvalues in descending order, got {d}")
    return d


def near_interpolation_bound(d, r0):
    r"""Two lower bounds on the sparsity index at a guaranteed number of rounds.

    The paper's, at :math:`t = \lceil (r_0-1)/\kappa \rceil` fits,

    .. math:: L = \min_k \Bigl(\frac{r_0-1+p_{k+1}}{r_0-1+p_k}\Bigr)^{(r_0-1)/\kappa},
        \qquad p_k = d_{\min}/d_k ,

    with the larger eigenvalue first; and :math:`L^\kappa` at :math:`\lceil r_0 - 1\rceil` fits.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, descending, positive.
    r0 : float
        Relative norm of the given targets, > 1.

    Returns
    -------
    tuple of float
        The paper's bound and the longer-horizon bound.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 5; the first after Mobahi, Farajtabar and Bartlett (2020), the second derived.
    """
    d, r0 = _descending(d), _above_one(r0)
    p = d[-1] / d
    log_ratio = np.log1p(np.diff(p) / (r0 - 1 + p[:-1])).min()
    exponent = (r0 - 1) * log_ratio
    return math.exp(exponent * d[-1] / d[0]), math.exp(exponent)


def near_interpolation_limit(d):
    r"""Limits of the two bounds of `near_interpolation_bound` as the tolerance tends to 0.

    .. math::
        \exp\Bigl(\tfrac{d_{\min}}{\kappa}\min_k\bigl(\tfrac1{d_{k+1}}-\tfrac1{d_k}\bigr)\Bigr)
        \quad\text{and its } \kappa\text{-th power.}

    These are limits of *bounds*; the index itself can stay above them.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, descending, positive.

    Returns
    -------
    tuple of float

    Raises
    ------
    ValueError
        If `d` is not a descending sequence of positive numbers.

    Notes
    -----
    Source: chapter 5.
    """
    d = _descending(d)
    gap = np.diff(d[-1] / d).min()
    return math.exp(gap * d[-1] / d[0]), math.exp(gap)


def equivalent_eigenvalues(d, ridges):
    r"""Eigenvalues of the kernel that gives the last round's fit in *one* fit.

    With the ridges :math:`\lambda_0, \dots, \lambda_t` of all rounds, a single fit to the original
    targets with ridge :math:`\lambda_0` and eigenvalues

    .. math:: d^\dagger = \frac{\lambda_0}{\prod_{i=0}^t (1 + \lambda_i/d) - 1}

    has the filter :math:`B_t`.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues of ``K``, >= 0.
    ridges : array_like, shape (t + 1,)
        `ConstrainedPath.ridges`, up to the round that is meant.

    Returns
    -------
    ndarray, shape (r,)
        Not above `d`, and 0 where `d` is 0.

    Raises
    ------
    ValueError
        If an eigenvalue is negative or a ridge is not positive.

    Notes
    -----
    Source: chapter 6; after Mobahi, Farajtabar and Bartlett (2020).
    """
    d, ridges = check.non_negative("d", d), np.atleast_1d(check.positive("ridges", ridges))
    with np.errstate(divide="ignore", over="ignore"):
        # The product minus 1 through expm1: for lam << d it is a small difference.
        return ridges[0] / np.expm1(np.log1p(ridges[:, None] / d).sum(0))


class EquivalentKernel:
    r"""The equivalent kernel as a function of two points,

    .. math:: k^\dagger(x, x') = k(x, x') - k_x^\top K^+ k_{x'}
        + k_x^\top K^+ K^\dagger K^+ k_{x'} .

    It is positive semidefinite; its matrix on the training points is
    :math:`K^\dagger = U\,\mathrm{diag}(d^\dagger)\,U^\top`; with one ridge it is :math:`k` itself.

    Parameters
    ----------
    kernel : str, sklearn kernel or callable
        The original kernel, as `distill_lib.kernel.kernels.as_kernel` takes it.
    X : array_like, shape (n,) or (n, p)
        Training points.
    ridges : array_like, shape (t + 1,)
        The ridge of every round so far; the first is the ridge of the single fit.

    Notes
    -----
    Source: chapter 6, derived there. Without the first two terms it would be the original kernel
    only where one of the points is a training point.
    """  # noqa: D400 (the formula is the summary)

    def __init__(self, kernel, X, ridges):
        self.kernel = as_kernel(kernel)
        self.X = check.finite_array("X", X, ndim=(1, 2))
        self.ridges = np.atleast_1d(check.positive("ridges", ridges))
        self.spectrum = Spectrum.from_gram(self.kernel(self.X))
        d = self.spectrum.eigenvalues
        with np.errstate(divide="ignore", invalid="ignore"):
            self._change = np.where(d > 0, equivalent_eigenvalues(d, self.ridges) / d**2 - 1 / d, 0)

    def __call__(self, X, Z=None):
        """Return the kernel matrix between `X` and `Z` (`X` itself by default)."""
        Z = X if Z is None else Z
        left = self.kernel(X, self.X) @ self.spectrum.eigenvectors
        right = self.kernel(Z, self.X) @ self.spectrum.eigenvectors
        return self.kernel(X, Z) + (left * self._change) @ right.T


def rademacher_bound(empirical, norm, trace, n, *, lipschitz, loss_range, confidence, unit=1.0):
    r"""Generalisation bound that holds for data-dependent multipliers.

    For i.i.d. data, a loss in :math:`[0, M]` that is :math:`\rho`-Lipschitz in the prediction, and
    a unit :math:`\beta_0 > 0` fixed before the data are seen, with probability :math:`1-\delta`
    all functions :math:`f` satisfy, with
    :math:`j = \max(0, \lceil\log_2(\|f\|_{\mathcal H}/\beta_0)\rceil)`,

    .. math:: \mathbb E\,\ell(f) \le \widehat{\mathbb E}\,\ell(f)
        + \frac{2\rho\max(\beta_0, 2\|f\|_{\mathcal H})\sqrt{\mathrm{tr}K}}{n}
        + 3M\sqrt{\frac{\log\frac2\delta + \log((j+1)(j+2))}{2n}} .

    Parameters
    ----------
    empirical : array_like
        Mean loss on the training data.
    norm : array_like
        :math:`\|f\|_{\mathcal H}`, for instance `ConstrainedPath.function_norms`.
    trace : float
        Trace of ``K``.
    n : int
        Number of training points.
    lipschitz, loss_range : float
        :math:`\rho > 0` and :math:`M > 0`.
    confidence : float
        :math:`1 - \delta`, between 0 and 1.
    unit : float, default 1
        :math:`\beta_0 > 0`.

    Returns
    -------
    ndarray
        Upper bound on the expected loss, shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 6, derived there from the bound of Bartlett and Mendelson (2002) by a union over
    dyadic norms.
    """
    empirical = check.non_negative("empirical", empirical)
    norm, trace = check.non_negative("norm", norm), check.non_negative("trace", trace)
    n = check.scalar_whole("n", n, minimum=1)
    for name, value in (("lipschitz", lipschitz), ("loss_range", loss_range), ("unit", unit)):
        check.positive(name, value)
    delta = 1 - float(check.finite_array("confidence", confidence))
    if not 0 < delta < 1:
        raise ValueError(f"confidence must lie strictly between 0 and 1, got {confidence}")
    j = np.ceil(np.log2(np.maximum(norm / unit, 1.0)))
    capacity = 2 * lipschitz * np.maximum(unit, 2 * norm) * np.sqrt(trace) / n
    deviation = np.sqrt((np.log(2 / delta) + np.log((j + 1) * (j + 2))) / (2 * n))
    return empirical + capacity + 3 * loss_range * deviation
