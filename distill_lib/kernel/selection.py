r"""Choosing ridge, weights and rounds without a validation set: exact leave-one-out and GCV.

Leave point i out and run the whole chain without it. The fit to targets :math:`t` that never saw
point i is :math:`S(t - c\,e_i)` with :math:`S = K(K+\lambda I)^{-1}`, where the correction
:math:`c = (t - St)_i/(1 - S_{ii})` is the difference between target and prediction at i. So a plain
chain obeys

.. math::
    f^{(k)}_{-i}(x_i) = y_i - c_1 - \dots - c_k, \qquad
    \sum_{l=0}^{k} c_{l+1}\, s_{k-l} = r_k ,

with :math:`r_k = (S^k(I-S)y)_i` and :math:`s_k = (S^k(I-S))_{ii}`: the corrections are the quotient
of two power series, :math:`c(x) = r(x)/s(x)`. One eigendecomposition and :math:`O(n^2)` for each
ridge and round give every leave-one-out prediction; nothing is refitted. Weights come in last, as
the combination of plain chains of `mixing.power_weights`.

The short cut :math:`(y_i - \hat y_i)/(1 - B_{ii})` with the smoother :math:`B` of the whole chain
is *not* the leave-one-out error of a chain; for one fit the two agree.

Source: chapter 8, which derives it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distill_lib import _validation as check
from distill_lib.kernel import filters, mixing
from distill_lib.kernel.spectrum import as_spectrum

__all__ = [
    "Choice",
    "gcv_errors",
    "gcv_refits",
    "loo_errors",
    "loo_optimal_path",
    "loo_predictions",
    "loo_refits",
    "select",
    "simplest",
]


def loo_refits(K, y, lams, rounds):
    r"""Leave-one-out predictions of plain refits (:math:`\alpha = 0`), exactly, for many ridges.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lams : array_like, shape (l,)
        Ridges, > 0.
    rounds : int
        Number of fits, >= 1.

    Returns
    -------
    ndarray, shape (l, rounds, n) or (l, rounds, n, q)
        Entry (j, k - 1, i): what k fits with the ridge ``lams[j]`` to all other points predict at
        point i.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If there is only one point, an argument is out of range or a shape does not fit.

    Notes
    -----
    O(n^3) once, then O(l rounds n^2 q). Source: chapter 8.
    """
    spectrum, y, lams, rounds = _problem(K, y, lams, rounds)
    targets = y.reshape(len(y), -1)
    misses = _loo_misses(spectrum, targets, lams, rounds)
    return (targets - misses).reshape(len(lams), rounds, *y.shape)


def loo_predictions(K, y, lam, alpha, rounds, *, unrestricted=False):
    r"""Leave-one-out predictions of every round of a mixed chain, exactly.

    Entry :math:`(\tau-1, i)` is what the whole chain of :math:`\tau` fits to the other points
    predicts at point i: its teachers never saw point i either.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lam : float
        Ridge, > 0.
    alpha : float or array_like, shape (rounds,)
        Weight on the labels; with one weight a round the first is unused.
    rounds : int
        Number of fits, >= 1.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    ndarray, shape (rounds, n) or (rounds, n, q)

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If there is only one point, an argument is out of range or a shape does not fit.

    Notes
    -----
    Source: chapter 8.

    Examples
    --------
    Two points, one fit: each is predicted from the other alone.

    >>> K = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> loo_predictions(K, [3.0, 1.0], lam=1.0, alpha=0.0, rounds=2)
    array([[0.25 , 0.75 ],
           [0.125, 0.375]])
    """
    lam = check.single("lam", check.positive("lam", lam))
    W = mixing.power_weights(alpha, rounds, unrestricted=unrestricted)
    refits = loo_refits(K, y, [lam], rounds)[0]
    return np.tensordot(W, refits, axes=1)


def loo_errors(K, y, lams, alphas, rounds, *, unrestricted=False):
    r"""Mean squared leave-one-out error for a grid of ridges, constant weights and rounds.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lams : array_like, shape (l,)
        Ridges, > 0.
    alphas : array_like, shape (a,)
        Weights on the labels, each the same in every round.
    rounds : int
        Number of fits, >= 1.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    ndarray, shape (l, a, rounds)

    Raises
    ------
    TypeError, ValueError
        As for `loo_predictions`.

    Notes
    -----
    Source: chapter 8.
    """
    W = _grid_weights(alphas, rounds, unrestricted)
    refits = loo_refits(K, y, lams, rounds)
    misses = (np.asarray(y) - refits).reshape(*refits.shape[:2], -1)
    return _mean_squares(W, misses)


def gcv_refits(K, y, lams, rounds):
    r"""Prediction errors of plain refits by generalized cross-validation, in a rotated basis.

    Rotate the n points by a unitary matrix that maps the eigenvectors to a basis whose entries all
    have the same modulus, such as the discrete Fourier basis (a real one need not exist). Then all
    points have the same leverage in every power of :math:`S`, and the leave-one-out errors of that
    problem have :math:`s_k = \mathrm{tr}\bigl(S^k(I-S)\bigr)/n` in place of the n diagonals. For
    one fit their mean square is the usual
    :math:`\frac1n\|y - Sy\|^2/(1 - \mathrm{tr}S/n)^2`.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lams : array_like, shape (l,)
        Ridges, > 0.
    rounds : int
        Number of fits, >= 1.

    Returns
    -------
    ndarray, shape (l, rounds, n) or (l, rounds, n, q)
        Target minus prediction. Only sums of squares over the points mean something: single
        entries belong to rotated points.

    Raises
    ------
    TypeError, ValueError
        As for `loo_refits`.

    Notes
    -----
    Source: chapter 8; for one fit Golub, Heath and Wahba (1979).
    """
    spectrum, y, lams, rounds = _problem(K, y, lams, rounds)
    targets = y.reshape(len(y), -1)
    z = spectrum.expand(targets)
    outside = targets - spectrum.eigenvectors @ z
    n, powers = len(y), _powers(spectrum.eigenvalues, lams, rounds)
    s = powers.sum(2) / n
    s[:, 0] += (n - len(z)) / n
    # The quotient acts on each direction alone; one outside all eigenvectors has the series 1.
    beyond = np.broadcast_to(np.eye(rounds, 1), (len(lams), rounds, 1))
    r = np.concatenate([powers, beyond], axis=2)[..., None]
    quotient = _partial_sums(r, s[..., None])[..., 0]  # (l, rounds, r + 1)
    misses = spectrum.apply(quotient[..., :-1], targets)
    if len(z) < n:
        misses += quotient[..., -1:, None] * outside
    return misses.reshape(len(lams), rounds, *y.shape)


def gcv_errors(K, y, lams, alphas, rounds, *, unrestricted=False):
    r"""Return the generalized cross-validation score for a grid of ridges, weights and rounds.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lams : array_like, shape (l,)
        Ridges, > 0.
    alphas : array_like, shape (a,)
        Weights on the labels, each the same in every round.
    rounds : int
        Number of fits, >= 1.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    ndarray, shape (l, a, rounds)
        Mean squares of `gcv_refits`, mixed.

    Raises
    ------
    TypeError, ValueError
        As for `loo_predictions`.

    Notes
    -----
    Source: chapter 8; for one fit Golub, Heath and Wahba (1979).
    """
    W = _grid_weights(alphas, rounds, unrestricted)
    misses = gcv_refits(K, y, lams, rounds)
    return _mean_squares(W, misses.reshape(*misses.shape[:2], -1))


def loo_optimal_path(K, y, lam, rounds, *, clip=False):
    r"""Best weights of every round by exact leave-one-out: greedy, and jointly.

    The leave-one-out predictions of a mixed chain are the same combinations of those of the plain
    chains, so the optimum is the least-squares problem of `mixing.optimal_path`, and no validation
    set is needed.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lam : float
        Ridge, > 0.
    rounds : int
        Number of fits, >= 1.
    clip : bool, default False
        Keep all weights in [0, 1].

    Returns
    -------
    distill_lib.kernel.mixing.OptimalPath

    Raises
    ------
    TypeError, ValueError
        As for `loo_predictions`.

    Notes
    -----
    The losses are those at the chosen weights, so they are too small as estimates. With several
    free weights they mislead: leave-one-out predictions lean against the targets, and large weights
    that cancel exploit this. A held-out set of the same size did far less harm. Source: chapter 8.
    """
    lam = check.single("lam", check.positive("lam", lam))
    refits = loo_refits(K, y, [lam], rounds)[0]
    return mixing.path_from_refits(refits, y, clip=clip)


class Choice(NamedTuple):
    """A setting: ridge, weight on the labels (a number, or one a round), rounds, and its error."""

    lam: float
    alpha: float | np.ndarray
    rounds: int
    error: float


def select(K, y, lams, alphas, rounds, *, criterion="loo", unrestricted=False):
    r"""Return the setting of least leave-one-out (or generalized cross-validation) error.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, n >= 2.
    y : array_like, shape (n,) or (n, q)
        Targets.
    lams : array_like, shape (l,)
        Ridges to try, > 0.
    alphas : array_like, shape (a,), or "optimal"
        Constant weights to try; or the joint optimum of the weights of all rounds for every ridge
        and number of rounds, which needs ``criterion="loo"``.
    rounds : int
        1 to `rounds` fits are tried.
    criterion : {"loo", "gcv"}
        What is minimized.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    Choice
        Among equals, up to rounding, the one with fewest rounds, then with the largest ridge.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit.

    Notes
    -----
    Source: chapter 8.
    """
    if criterion not in ("loo", "gcv"):
        raise ValueError(f"criterion must be 'loo' or 'gcv', got {criterion!r}")
    spectrum = as_spectrum(K)
    lams = np.atleast_1d(check.positive("lams", lams))
    tried = np.arange(1, check.scalar_whole("rounds", rounds, minimum=1) + 1)
    if isinstance(alphas, str):
        if (alphas, criterion) != ("optimal", "loo"):
            raise ValueError(
                "alphas must be numbers, or 'optimal' with criterion='loo', got "
                f"{alphas!r} with criterion={criterion!r}"
            )
        paths = [loo_optimal_path(spectrum, y, lam, rounds, clip=not unrestricted) for lam in lams]
        errors = np.array([path.joint_losses for path in paths])[:, None]
        i, _, k = simplest(-errors, lams, tried)
        weights = paths[i].joint_alphas[k]
        return Choice(float(lams[i]), weights, int(tried[k]), float(errors[i, 0, k]))
    measure = loo_errors if criterion == "loo" else gcv_errors
    errors = measure(spectrum, y, lams, alphas, rounds, unrestricted=unrestricted)
    i, j, k = simplest(-errors, lams, tried)
    alpha = float(np.atleast_1d(alphas)[j])
    return Choice(float(lams[i]), alpha, int(tried[k]), float(errors[i, j, k]))


def simplest(scores, lams, rounds):
    r"""Place of the highest score on a grid; among equals, the simplest model.

    Parameters
    ----------
    scores : ndarray, shape (l, a, t)
        Higher is better.
    lams : ndarray, shape (l,)
        Ridges.
    rounds : ndarray of int, shape (t,)
        Numbers of fits.

    Returns
    -------
    tuple of int
        Indices (i, j, k). Scores within 1e-12 of the highest are equal; of these the fewest rounds
        win, then the largest ridge, then the first weight.

    Notes
    -----
    Source: chapter 8.

    Examples
    --------
    >>> simplest(np.zeros((2, 1, 3)), np.array([1.0, 5.0]), np.array([3, 2, 1]))
    (1, 0, 2)
    """
    best = scores.max()
    tied = np.argwhere(scores >= best - 1e-12 * abs(best))
    return tuple(int(v) for v in min(tied, key=lambda p: (rounds[p[2]], -lams[p[0]], p[1])))


# ------------------------------------------------------------------- the recursion


def _problem(K, y, lams, rounds):
    """Return the spectrum, the targets, the ridges as a vector and the rounds, checked."""
    spectrum = as_spectrum(K)
    y = check.finite_array("y", y, ndim=(1, 2))
    spectrum.expand(y)  # refuses targets of another length
    if len(y) < 2:
        raise ValueError("leave-one-out needs at least 2 points, got n_samples = 1")
    lams = np.atleast_1d(check.positive("lams", lams))
    if lams.ndim != 1:
        raise ValueError(f"lams must be 1-dimensional, got shape {lams.shape}")
    return spectrum, y, lams, check.scalar_whole("rounds", rounds, minimum=1)


def _powers(d, lams, rounds):
    """a^k (1 - a) for k = 0 ... rounds - 1, shape (l, rounds, r), to full relative accuracy."""
    lams = lams[:, None, None]
    return filters.ridge(d, lams) ** np.arange(rounds)[:, None] * (lams / (d + lams))


def _loo_misses(spectrum, y, lams, rounds):
    """Target minus leave-one-out prediction of plain refits, shape (l, rounds, n, q)."""
    U, z = spectrum.eigenvectors, spectrum.expand(y)
    powers = _powers(spectrum.eigenvalues, lams, rounds)
    s = powers @ (U**2).T  # (l, rounds, n)
    r = spectrum.apply(powers, y)  # (l, rounds, n, q)
    if len(z) < len(y):  # what the eigenvectors do not span is not fitted at all
        s[:, 0] += np.maximum(1 - (U**2).sum(1), 0)
        r[:, 0] += y - U @ z
    return _partial_sums(r, s)


def _partial_sums(r, s):
    """c_1 + ... + c_k for k = 1 ... rounds, with c the quotient of the power series r and s.

    r is (l, rounds, n, q) and s is (l, rounds, n). As s is a moment sequence, the coefficients of
    1/s after the first are not positive and add up to no less than -1/s_0: nothing is amplified.
    """
    c = np.empty_like(r)
    for k in range(r.shape[1]):
        known = (c[:, :k] * s[:, k:0:-1, :, None]).sum(1)
        c[:, k] = (r[:, k] - known) / s[:, 0, :, None]
    return c.cumsum(1)


def _grid_weights(alphas, rounds, unrestricted):
    """Stack `power_weights` of constant weights, shape (a, rounds, rounds)."""
    alphas = np.atleast_1d(check.weight("alphas", alphas, unrestricted=unrestricted))
    if alphas.ndim != 1:
        raise ValueError(f"alphas must be 1-dimensional, got shape {alphas.shape}")
    return np.stack([mixing.power_weights(a, rounds, unrestricted=True) for a in alphas])


def _mean_squares(W, misses):
    """Mean square of every mix: W (a, t, t), misses (l, t, N) -> (l, a, t)."""
    # The weights of a row add up to 1, so the miss of a mix is the mix of the misses.
    return ((W @ misses[:, None]) ** 2).mean(-1)
