r"""Ridge, gradient flow and repeated fits at equal training error.

With :math:`z = U^\top y` the training error of a filter is
:math:`\tfrac1n \sum_j (1-b_j)^2 z_j^2`. It rises with the ridge and falls with the time, so one
strength gives any error that is within reach. The search needs :math:`b` *and* :math:`1-b` to full
relative accuracy: for a weak filter the error is a sum of tiny remainders, for a strong one it
differs from the largest possible error by a tiny gain.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from distill_lib.kernel import filters

LARGEST = 600.0  # search interval for the logarithm of the strength: e^-600 to e^600
_TINY = np.nextafter(0, 1)


class Filter(NamedTuple):
    """Filter values `keep` = b and remainders `rest` = 1 - b, neither from the other."""

    keep: np.ndarray
    rest: np.ndarray


def distilled(d, lam, rounds, alpha):
    """Return the filter after `rounds` fits with weight `alpha` on the ground truth."""
    keep = filters.distilled(d, lam, rounds, alpha)
    with np.errstate(divide="ignore", over="ignore"):
        log_power = rounds * (np.log1p(-alpha) - np.log1p(lam / d))
    return Filter(keep, -np.expm1(log_power) * lam / (alpha * d + lam))


def ridge(d, lam):
    """Return the filter of one ridge fit."""
    return Filter(filters.ridge(d, lam), lam / (d + lam))


def flow(d, time):
    """Return the filter of gradient flow stopped at `time`."""
    return Filter(filters.gradient_flow(d, time), np.exp(-time * d))


def with_strength(procedure, d, strength):
    """Return the filter of ridge (`strength` is the ridge) or flow (the time); ends included."""
    if strength in (0.0, np.inf):
        nothing = (strength == 0.0) == (procedure == "flow")
        keep = np.where((d > 0) & (not nothing), 1.0, 0.0)
        return Filter(keep, 1 - keep)
    return ridge(d, strength) if procedure == "ridge" else flow(d, strength)


def matched_strength(procedure, d, energy, target, otherwise):
    """Return the ridge or time at which the training error equals that of the filter `target`.

    Parameters
    ----------
    procedure : {"ridge", "flow"}
    d, energy : ndarray, shape (r,)
        Eigenvalues and squared coefficients of the targets.
    target : Filter
        Filter whose training error is to be met.
    otherwise : float
        Returned when every strength gives the same error: no target lies along an eigenvector
        with a positive eigenvalue.

    Returns
    -------
    float
        0 or infinity if `target` is, to machine precision, one of the two ends.
    """
    seen = (d > 0) & (energy > 0)
    if not seen.any():
        return otherwise
    d, energy = d[seen], energy[seen]
    target = Filter(target.keep[seen], target.rest[seen])
    measure = gain if gain(target, energy) < loss(target, energy) else loss
    wanted, rises_with_ridge = measure(target, energy), measure is loss
    sign = 1 if procedure == "ridge" else -1  # ridge = e^s, time = e^-s
    if wanted == 0:
        return np.inf if rises_with_ridge != (procedure == "ridge") else 0.0
    family = partial(with_strength, procedure, d)
    return float(np.exp(sign * solve(lambda s: family(np.exp(sign * s)), energy, measure, wanted)))


def solve(filter_at, energy, measure, wanted):
    """Return the s at which `measure`, `loss` or `gain`, of ``filter_at(s)`` is `wanted` > 0."""

    def excess(s):
        got = measure(filter_at(s), energy)
        return np.log(max(got, _TINY)) - np.log(wanted)

    return brentq(excess, -LARGEST, LARGEST, xtol=1e-13, maxiter=1000)


def loss(filter_, energy):
    """Training error times n, without the part that no filter can reach."""
    return np.sum(filter_.rest**2 * energy)


def gain(filter_, energy):
    """How far the loss lies below that of the zero fit."""
    return np.sum(filter_.keep * (1 + filter_.rest) * energy)
