r"""Exact risk of a spectral filter in a fixed design: bias and variance, direction by direction.

Model: targets :math:`y = f_\star(X) + e` with fixed inputs and noise of mean 0, variance
:math:`\sigma^2` and no correlation. With :math:`K = U\,\mathrm{diag}(d)\,U^\top` and
:math:`\theta = U^\top f_\star(X)`, the fit :math:`U\,\mathrm{diag}(b)\,U^\top y` has the risk

.. math::
    R(b) = \mathbb E\|\hat y - f_\star(X)\|^2
         = \sum_j \bigl[(1-b_j)^2\,\theta_j^2 + \sigma^2 b_j^2\bigr].

It is a sum over the n training points, not a mean. If the eigenvectors do not span
:math:`\mathbb R^n` (``r < n``), add the squared length of the part of :math:`f_\star(X)` outside
their span: no filter changes it.

Chapter 3 derives everything here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from distill_lib import _validation as check
from distill_lib.kernel import filters

__all__ = [
    "BiasVariance",
    "GainMap",
    "Tuned",
    "bias_variance",
    "gain_map",
    "oracle_filter",
    "oracle_risk",
    "refit_risk",
    "tuned_refits",
]


class BiasVariance(NamedTuple):
    r"""The two parts of a risk, each summed over the directions.

    ``bias`` is :math:`\sum_j (1-b_j)^2\theta_j^2`, ``variance`` is :math:`\sum_j\sigma^2 b_j^2`.
    """

    bias: np.ndarray
    variance: np.ndarray

    @property
    def risk(self):
        """Their sum."""
        return self.bias + self.variance


class Tuned(NamedTuple):
    """The ridge `lam` of least risk for a given number of fits, and that `risk`."""

    lam: float
    risk: float


class GainMap(NamedTuple):
    """Best number of rounds and relative gain over the tuned ridge, on a grid (truth, ridge)."""

    rounds: np.ndarray
    gain: np.ndarray


def bias_variance(theta, sigma, b):
    r"""Return :math:`\sum_j(1-b_j)^2\theta_j^2` and :math:`\sum_j\sigma^2b_j^2`, the risk's parts.

    Parameters
    ----------
    theta : array_like, shape (r,)
        Coefficients of the truth, ``spectrum.expand(f_star(X))``.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0; one value a direction if the noise is correlated:
        :math:`\sigma_j^2 = u_j^\top C u_j` for a covariance matrix :math:`C`.
    b : array_like, shape (..., r)
        Filter values; leading axes are a grid. Any real numbers.

    Returns
    -------
    BiasVariance
        Arrays of shape (...), in squared units of the targets, summed over the points.

    Raises
    ------
    ValueError
        If shapes do not match, `sigma` is negative or a value is not finite.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> bias_variance([2.0, 0.0], 1.0, [0.5, 0.5])
    BiasVariance(bias=np.float64(1.0), variance=np.float64(0.5))
    """
    theta, sigma = _truth(theta, sigma)
    b = check.finite_array("b", b)
    if b.ndim == 0 or b.shape[-1] != len(theta):
        raise ValueError(f"b must have shape (..., {len(theta)}), got {b.shape}")
    return BiasVariance(((1 - b) ** 2 * theta**2).sum(-1), (sigma**2 * b**2).sum(-1))


def oracle_filter(theta, sigma):
    r"""Return the best filter of all, :math:`b^\star_j = \theta_j^2/(\theta_j^2+\sigma^2)`.

    It needs the truth, so nobody can use it; it says what a filter could reach at best. Where
    truth and noise are both 0 every value is best, and 0 is returned.

    Parameters
    ----------
    theta : array_like, shape (r,)
        Coefficients of the truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0.

    Returns
    -------
    ndarray, shape (r,)
        Values in [0, 1].

    Raises
    ------
    ValueError
        If shapes do not match, `sigma` is negative or a value is not finite.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> oracle_filter([2.0, 1.0, 0.0], sigma=1.0)
    array([0.8, 0.5, 0. ])
    """
    theta, sigma = _truth(theta, sigma)
    total = theta**2 + sigma**2
    return np.divide(theta**2, total, out=np.zeros(total.shape), where=total > 0)


def oracle_risk(theta, sigma):
    r"""Risk below which no filter gets, :math:`\sum_j\sigma^2\theta_j^2/(\theta_j^2+\sigma^2)`.

    Parameters
    ----------
    theta : array_like, shape (r,)
        Coefficients of the truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes do not match, `sigma` is negative or a value is not finite.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> oracle_risk([2.0, 1.0, 0.0], sigma=1.0)
    1.3
    """
    theta, sigma = _truth(theta, sigma)
    return float((sigma**2 * oracle_filter(theta, sigma)).sum())


def refit_risk(d, theta, sigma, lam, rounds):
    r"""Risk after `rounds` fits with a fixed ridge, the filter :math:`(d/(d+\lambda))^\tau`.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues of the kernel matrix, >= 0.
    theta : array_like, shape (r,)
        Coefficients of the truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0.
    lam : array_like
        Ridge, > 0, in the units of `d`.
    rounds : int or array_like of int
        Number of fits, >= 1. It broadcasts against `lam`: a column of ridges and a row of rounds
        make a table.

    Returns
    -------
    ndarray
        Shape of `lam` and `rounds`, broadcast.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If shapes do not match or an argument is out of range.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> refit_risk([1.0], [1.0], 1.0, lam=[[1.0], [3.0]], rounds=[1, 2])
    array([[0.5      , 0.625    ],
           [0.625    , 0.8828125]])
    """
    lam, rounds = np.asarray(lam)[..., None], np.asarray(rounds)[..., None]
    return bias_variance(theta, sigma, filters.distilled(d, lam, rounds)).risk


def tuned_refits(d, theta, sigma, rounds=1):
    r"""Return the fixed ridge of least risk for a given number of fits; 1 is the tuned ridge.

    Problem solved: :math:`\min_\lambda R\bigl((d/(d+\lambda))^\tau\bigr)`. The risk can have
    several local minima, so a fine logarithmic grid comes first and a bounded search around its
    best point second.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0 and not all 0. The search runs over fourteen decades beyond the positive
        ones on either side; where the risk has no minimiser (no noise, or no truth) the result
        sits at that end.
    theta : array_like, shape (r,)
        Coefficients of the truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, >= 0.
    rounds : int, default 1
        Number of fits, >= 1.

    Returns
    -------
    Tuned
        Fields `lam` (relative accuracy about 1e-6) and `risk`.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If shapes do not match or an argument is out of range.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> best = tuned_refits([1.0], [1.0], sigma=0.5)
    >>> print(f"{best.lam:.4f} {best.risk:.4f}")
    0.2500 0.2000
    """
    d = check.non_negative("d", d)
    rounds = check.scalar_whole("rounds", rounds, minimum=1)
    if not d.any():
        raise ValueError("d must have a positive eigenvalue, got only zeros")

    def risk(log_lam):
        return refit_risk(d, theta, sigma, np.exp(log_lam), rounds)

    decades = 14 * np.log(10)
    low, high = np.log(d[d > 0].min()) - decades, np.log(d.max()) + decades
    grid = np.linspace(low, high, int(np.ceil((high - low) / 0.05)) + 1)
    best = int(np.argmin(risk(grid)))
    around = grid[[max(best - 1, 0), min(best + 1, len(grid) - 1)]]
    found = minimize_scalar(risk, bounds=around, method="bounded", options={"xatol": 1e-9})
    log_lam = min(found.x, grid[best], key=risk)
    return Tuned(float(np.exp(log_lam)), float(risk(log_lam)))


def gain_map(d, thetas, sigma, ratios, *, max_rounds=64):
    r"""Best number of rounds, and what it gains over the tuned ridge, for many truths and ridges.

    Row i belongs to the truth ``thetas[i]``, column k to the fixed ridge ``ratios[k]`` times
    :math:`\lambda_{\mathrm{opt}}`, the tuned ridge of that truth. The gain is
    :math:`1 - \min_\tau R(\lambda,\tau)/R(\lambda_{\mathrm{opt}},1)`: positive where refits beat
    the tuned ridge.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0 and not all 0.
    thetas : array_like, shape (m, r)
        One row of coefficients a truth.
    sigma : float or array_like, shape (r,)
        Standard deviation of the noise, > 0 somewhere.
    ratios : array_like, shape (c,)
        Ridges in units of the tuned one, > 0.
    max_rounds : int, default 64
        Rounds 1 to `max_rounds` are tried.

    Returns
    -------
    GainMap
        ``rounds (m, c)`` of int and ``gain (m, c)``.

    Raises
    ------
    TypeError
        If `max_rounds` is not whole.
    ValueError
        If shapes do not match or an argument is out of range.

    Notes
    -----
    Source: chapter 3.

    Examples
    --------
    >>> found = gain_map([1.0, 0.5], [[1.0, 0.0]], sigma=0.5, ratios=[0.1, 1.0, 10.0])
    >>> found.rounds
    array([[9, 1, 1]])
    """
    thetas = check.finite_array("thetas", thetas, ndim=2)
    ratios = np.atleast_1d(check.positive("ratios", ratios))
    max_rounds = check.scalar_whole("max_rounds", max_rounds, minimum=1)
    tried = np.arange(1, max_rounds + 1)
    rounds = np.empty((len(thetas), len(ratios)), dtype=int)
    gain = np.empty(rounds.shape)
    for i, theta in enumerate(thetas):
        ridge = tuned_refits(d, theta, sigma)
        risk = refit_risk(d, theta, sigma, (ratios * ridge.lam)[:, None], tried)
        rounds[i] = tried[risk.argmin(-1)]
        gain[i] = 1 - risk.min(-1) / ridge.risk
    return GainMap(rounds, gain)


def _truth(theta, sigma):
    theta = check.finite_array("theta", theta, ndim=1)
    sigma = check.non_negative("sigma", sigma)
    if sigma.ndim > 1 or sigma.size not in (1, len(theta)):
        raise ValueError(
            f"sigma must be one number or have shape ({len(theta)},), got {sigma.shape}"
        )
    return theta, sigma
