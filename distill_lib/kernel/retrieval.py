r"""Informative first: where the labels' energy lies, exact clusters, what no early stop passes.

Gradient descent :math:`u_{t+1} = u_t - \eta H(u_t - y)` from :math:`u_0 = 0` with a fixed kernel
matrix :math:`H = \sum_j d_j v_j v_j^\top` (the tangent kernel of a wide network) fits the labels
one eigenvector at a time, those with a large eigenvalue first. Labels with their energy in the top
eigenvectors are learned early, the rest late or never.

*Exact clusters*: points of one cluster coincide, so that :math:`H = Z H^C Z^\top` is constant on
blocks (:math:`Z` says which point is in which cluster, :math:`N = \mathrm{diag}(n_\ell)` holds the
sizes). Points are ordered by cluster. In cluster :math:`\ell` all clean labels are
:math:`s_\ell = \pm1`, and the exact fraction :math:`\rho_\ell` of the given ones is flipped.

Source: chapter 11; Dong, Hou, Lu and Zhang (2019) for the view, Li, Soltanolkotabi and Oymak (2019)
for clusters. What is stated about exact clusters and stopping times is derived in the book.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from distill_lib import _validation as check
from distill_lib.kernel._clusters import cluster_sizes, flip_rates, weighted_norm
from distill_lib.kernel.spectrum import Spectrum, as_spectrum, check_gram

__all__ = [
    "Energy",
    "Errors",
    "block_kernel",
    "block_labels",
    "cluster_eigenvalues",
    "cluster_means",
    "cumulative_share",
    "direction_energy",
    "errors",
    "flipped_labels",
    "limit_error",
    "noise_share",
    "residual_path",
    "stopping_bound",
    "top_share",
]


class Energy(NamedTuple):
    """Squared coefficients of targets; together with ``outside`` they add up to the square."""

    directions: np.ndarray  # (r,) or (r, q)
    outside: float | np.ndarray  # a float or (q,): what lies outside the range of the kernel


class Errors(NamedTuple):
    """Two distances to the clean labels: the share of wrong classes, and the length in l2."""

    zero_one: float | np.ndarray
    distance: float | np.ndarray


# ------------------------------------------------------------------------ energy of the labels


def direction_energy(spectrum, y):
    r"""Energy :math:`(v_j^\top y)^2` of targets along every eigenvector.

    An eigenvector with eigenvalue 0 gets 0, since its direction is arbitrary; what lies there
    counts as outside the range. Of equal eigenvalues only the sum has a meaning. So
    ``directions.sum() + outside`` is :math:`\|y\|^2`.

    Parameters
    ----------
    spectrum : Spectrum or array_like, shape (n, n)
        Of the kernel matrix.
    y : array_like, shape (n,) or (n, q)

    Returns
    -------
    Energy
        ``directions``, shape (r,) or (r, q), and ``outside``, a float or shape (q,), >= 0; it is
        the square of a projection, not a difference of squares, and exactly 0 at full rank.

    Raises
    ------
    ValueError
        If shapes do not match or a value is not finite.

    Notes
    -----
    Source: chapter 11; Dong et al. (2019).

    Examples
    --------
    >>> direction_energy(np.diag([3.0, 1.0, 0.0]), [1.0, 2.0, 4.0])
    Energy(directions=array([1., 4., 0.]), outside=16.0)
    """
    spectrum = as_spectrum(spectrum)
    z = spectrum.expand(y)
    z[spectrum.eigenvalues == 0] = 0.0
    return Energy(z**2, _outside(spectrum, np.asarray(y, dtype=np.float64)))


def cumulative_share(spectrum, y):
    r"""Share of :math:`\|y\|^2` in the top 1, 2, ..., r eigenvectors, all columns together.

    Parameters
    ----------
    spectrum : Spectrum or array_like, shape (n, n)
        Of the kernel matrix.
    y : array_like, shape (n,) or (n, q)
        Not all 0.

    Returns
    -------
    ndarray, shape (r,)
        Non-decreasing, in [0, 1]. From the rank on it is the share inside the range.

    Raises
    ------
    ValueError
        If `y` is 0, shapes do not match or a value is not finite.

    Notes
    -----
    Source: chapter 11; Dong et al. (2019).

    Examples
    --------
    >>> cumulative_share(np.diag([3.0, 2.0, 1.0]), [2.0, 1.0, 1.0]).round(3)
    array([0.667, 0.833, 1.   ])
    """
    y = check.finite_array("y", y, ndim=(1, 2))
    size = np.abs(y).max()
    if size == 0:
        raise ValueError("y is zero; it has no energy to share out")
    directions, outside = direction_energy(spectrum, y / size)
    directions = directions.reshape(len(directions), -1).sum(axis=1)
    collected = np.cumsum(directions)
    return np.minimum(collected / (collected[-1] + np.sum(outside)), 1.0)


def top_share(spectrum, y, k):
    r"""Share of :math:`\|y\|^2` in the top `k` eigenvectors, all columns together.

    Parameters
    ----------
    spectrum : Spectrum or array_like, shape (n, n)
        Of the kernel matrix.
    y : array_like, shape (n,) or (n, q)
        Not all 0.
    k : int
        Number of eigenvectors, 1 <= k <= r.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    TypeError
        If `k` is not whole.
    ValueError
        If `k` is out of range, `y` is 0, shapes do not match or a value is not finite.

    Notes
    -----
    Source: chapter 11; Dong et al. (2019).
    """
    k = check.scalar_whole("k", k, minimum=1)
    shares = cumulative_share(spectrum, y)
    if k > len(shares):
        raise ValueError(f"k must be <= {len(shares)}, the number of eigenvectors, got {k}")
    return float(shares[k - 1])


def residual_path(d, energy, *, step, steps, outside=0.0):
    r"""Squared residual of gradient descent from 0 at every step.

    .. math:: \|u_t - y\|^2 = \sum_j (1-\eta d_j)^{2t}\,(v_j^\top y)^2 + \text{outside}

    This holds for every step :math:`\eta`, stable or not. If :math:`\eta d_1 < 2` it never rises.

    Parameters
    ----------
    d : array_like, shape (r,)
        Eigenvalues, >= 0.
    energy : array_like, shape (r,) or (r, q)
        Energy of the labels along each eigenvector, >= 0, from `direction_energy`. Columns are
        added up.
    step : float
        Step size :math:`\eta` > 0.
    steps : int or array_like of int, shape (m,)
        An int T >= 0 stands for the times 0, 1, ..., T; else the times, each >= 0.
    outside : float or array_like, shape (q,), default 0
        Energy outside the range, >= 0; it stays.

    Returns
    -------
    ndarray, shape (T + 1,) or (m,)
        Infinite where a diverging descent exceeds the largest double.

    Raises
    ------
    TypeError
        If `steps` is not whole.
    ValueError
        If an argument is out of range or a shape does not match.

    Notes
    -----
    Source: chapter 11, derived there; Dong et al. (2019) name the effect.

    Examples
    --------
    >>> residual_path([1.0, 0.5], [4.0, 1.0], step=0.5, steps=2).round(4)
    array([5.    , 1.5625, 0.5664])
    """
    d, energy = _one_dimensional("d", check.non_negative("d", d)), _energy(energy, d)
    x = check.single("step", check.positive("step", step)) * d
    times = check.whole("steps", steps, minimum=0)
    times = np.arange(times + 1) if times.ndim == 0 else _one_dimensional("steps", times)
    stays = check.non_negative("outside", outside).sum()
    active = energy > 0
    with np.errstate(divide="ignore", over="ignore"):
        # log |1 - x| through log1p on either side of x = 1, where the factor changes its sign
        log_factor = np.where(x <= 1, np.log1p(-np.minimum(x, 1)), np.log1p(np.maximum(x, 1) - 2))
        exponent = np.multiply.outer(2.0 * np.maximum(times, 1), log_factor[active])
        left = np.where(times[:, None] == 0, 1.0, np.exp(exponent))
        return left @ energy[active] + stays


# ------------------------------------------------------------------------------ exact clusters


def block_kernel(centre_kernel, sizes):
    r"""Kernel matrix of exact clusters, :math:`H = Z H^C Z^\top`: constant on blocks.

    Parameters
    ----------
    centre_kernel : array_like, shape (K, K)
        Kernel matrix :math:`H^C` of the centres, symmetric.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.

    Returns
    -------
    ndarray, shape (n, n)
        Points are ordered by cluster.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If `centre_kernel` is not symmetric or shapes do not match.

    Notes
    -----
    Source: chapter 11.

    Examples
    --------
    >>> block_kernel([[2.0, 1.0], [1.0, 3.0]], [1, 2])
    array([[2., 1., 1.],
           [1., 3., 3.],
           [1., 3., 3.]])
    """
    kernel, sizes = _centres(centre_kernel, sizes)
    return np.repeat(np.repeat(kernel, sizes, axis=0), sizes, axis=1)


def block_labels(values, sizes):
    """Give every point of a cluster the cluster's value.

    Parameters
    ----------
    values : array_like, shape (K,) or (K, q)
        One value (or row) a cluster.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.

    Returns
    -------
    ndarray, shape (n,) or (n, q)
        Points are ordered by cluster.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If the numbers of clusters differ or a value is not finite.

    Notes
    -----
    Source: chapter 11.

    Examples
    --------
    >>> block_labels([1.0, -1.0], [1, 3])
    array([ 1., -1., -1., -1.])
    """
    values, sizes = check.finite_array("values", values, ndim=(1, 2)), cluster_sizes(sizes)
    if len(values) != len(sizes):
        raise ValueError(f"values has {len(values)} rows, but there are {len(sizes)} clusters")
    return np.repeat(values, sizes, axis=0)


def flipped_labels(signs, sizes, rates, *, rng=None):
    r"""Labels of exact clusters, the exact fraction :math:`\rho_\ell` of each cluster flipped.

    Parameters
    ----------
    signs : array_like, shape (K,)
        Clean label of each cluster, 1 or -1.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions, in [0, 1]; ``rates * sizes`` must be whole.
    rng : numpy.random.Generator, optional
        Draws which points of a cluster are flipped; by default the first ones.

    Returns
    -------
    ndarray, shape (n,)
        1.0 or -1.0; points are ordered by cluster.

    Raises
    ------
    TypeError
        If `sizes` is not whole or `rng` is no generator.
    ValueError
        If an argument is out of range, ``rates * sizes`` is not whole or shapes do not match.

    Notes
    -----
    Source: chapter 11.

    Examples
    --------
    >>> flipped_labels([1, -1], [2, 3], [0.5, 0.0])
    array([-1.,  1., -1., -1., -1.])
    """
    sizes, signs = cluster_sizes(sizes), _signs(signs)
    if signs.shape != sizes.shape:
        raise ValueError(f"signs must be one a cluster, {sizes.shape}, got shape {signs.shape}")
    clean = block_labels(signs, sizes)
    counts = flip_rates(rates, sizes) * sizes
    if (np.abs(counts - np.round(counts)) > 1e-9 * sizes).any():
        raise ValueError(f"rates * sizes must be whole numbers of flipped labels, got {counts}")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    places = [np.arange(n) if rng is None else rng.permutation(n) for n in sizes]
    flipped = np.concatenate(places) < np.repeat(np.round(counts), sizes)
    return np.where(flipped, -clean, clean)


def cluster_eigenvalues(centre_kernel, sizes):
    r"""Eigenvalues of :math:`H^C N`: those of :math:`H = Z H^C Z^\top` that belong to its range.

    They are the eigenvalues of the symmetric :math:`N^{1/2} H^C N^{1/2}`; all other eigenvalues of
    the n x n matrix :math:`H` are 0.

    Parameters
    ----------
    centre_kernel : array_like, shape (K, K)
        Kernel matrix :math:`H^C` of the centres.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.

    Returns
    -------
    ndarray, shape (K,)
        In descending order, >= 0; the first is :math:`\mu_{\max}`, the last :math:`\mu`.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If `centre_kernel` is no kernel matrix or shapes do not match.

    Notes
    -----
    Source: chapter 11.

    Examples
    --------
    >>> cluster_eigenvalues([[1.0, 0.0], [0.0, 2.0]], [50, 10])
    array([50., 20.])
    """
    kernel, sizes = _centres(centre_kernel, sizes)
    root = np.sqrt(sizes)
    return Spectrum.from_gram(root[:, None] * kernel * root).eigenvalues


def cluster_means(rates, signs=1):
    r"""Limit of gradient descent on exact clusters: the means :math:`(1-2\rho_\ell)\,s_\ell`.

    For :math:`H^C` positive definite, :math:`0 < \eta < 2/\mu_{\max}` and a start that is constant
    on clusters. All signs are right if every :math:`\rho_\ell < \frac12`.

    Parameters
    ----------
    rates : array_like
        Flipped fractions :math:`\rho_\ell`, in [0, 1].
    signs : array_like, default 1
        Clean labels :math:`s_\ell`, 1 or -1.

    Returns
    -------
    ndarray
        Shape of the broadcast arguments.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 11, derived there.

    Examples
    --------
    >>> cluster_means([0.4, 0.0], [1, -1]).round(3)
    array([ 0.2, -1. ])
    """
    return (1 - 2 * check.weight("rates", rates)) * _signs(signs)


def limit_error(sizes, rates, alpha=1.0):
    r"""Distance :math:`2\alpha\sqrt{\sum_\ell n_\ell\rho_\ell^2}` of the limit to the clean labels.

    With :math:`\alpha = 1` it is that of gradient descent on the given labels, which ends at the
    cluster means. With :math:`\alpha < 1` it is that of self-labels whose weight on the given
    labels ends at :math:`\alpha`, *if* all signs stay right.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1].
    alpha : array_like, default 1
        Final weight on the given labels, in [0, 1].

    Returns
    -------
    ndarray
        Shape of `alpha`.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapters 11 and 12, derived there.

    Examples
    --------
    >>> print(f"{limit_error([50, 50], [0.4, 0.0]):.3f}")
    5.657
    """
    sizes = cluster_sizes(sizes)
    return 2 * check.weight("alpha", alpha) * weighted_norm(flip_rates(rates, sizes), sizes)


def stopping_bound(sizes, rates):
    r"""Distance to the clean labels that no stopping time of gradient descent passes.

    .. math::
        \|u_t - \tilde y\| \ge \sqrt n - \sqrt{\textstyle\sum_\ell n_\ell(1-2\rho_\ell)^2}
            \qquad (u_0 = 0,\ \eta \le 1/\mu_{\max})

    For equal rates up to 1/2 it is :math:`2\rho\sqrt n`, the limit; for unequal ones an early stop
    may come closer than the limit does.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1].

    Returns
    -------
    float
        Positive as soon as one rate lies in (0, 1).

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 11, derived there.

    Examples
    --------
    >>> print(f"{stopping_bound([50, 50], [0.4, 0.0]):.3f} {stopping_bound([50, 50], 0.4):.3f}")
    2.789 8.000
    """
    sizes = cluster_sizes(sizes)
    rates = flip_rates(rates, sizes)
    # the difference of the two roots without cancellation: 1 - (1 - 2 rho)^2 = 4 rho (1 - rho)
    gap = 4 * (sizes * rates * (1 - rates)).sum()
    return float(gap / (np.sqrt(sizes.sum()) + weighted_norm(1 - 2 * rates, sizes)))


def noise_share(sizes, rates):
    r"""Share of the noise's energy that lies inside the range when clusters are exact.

    The noise is the given minus the clean labels; its energy is :math:`4\sum n_\ell\rho_\ell`, and

    .. math:: \frac{\sum_\ell n_\ell\rho_\ell^2}{\sum_\ell n_\ell\rho_\ell}

    of it cannot be told from signal: one-sided flips shift the cluster means. For equal rates the
    share is :math:`\rho`.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1], not all 0.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range, all rates are 0 or shapes do not match.

    Notes
    -----
    Source: chapter 11, derived there.

    Examples
    --------
    >>> print(f"{noise_share([10, 90], [0.4, 0.1]):.4f}")
    0.1923
    """
    sizes = cluster_sizes(sizes)
    rates = flip_rates(rates, sizes)
    scale = rates.max()
    if scale == 0:
        raise ValueError("rates are all 0; there is no noise to share out")
    rates = rates / scale
    return float(scale * (sizes * rates**2).sum() / (sizes * rates).sum())


# ------------------------------------------------------------------------------------- errors


def errors(u, clean):
    r"""0-1 error and distance in :math:`\ell_2` of predictions to the clean labels.

    An exact tie (a prediction 0, or two largest entries in a row) counts as wrong.

    Parameters
    ----------
    u : array_like, shape (..., n) or (..., n, q)
        Predictions; leading axes are times or a grid. Its last axes are those of `clean`.
    clean : array_like, shape (n,) or (n, q)
        Clean labels: nonzero numbers whose sign counts (1 and -1), or rows with one largest entry
        (one-hot), q >= 2.

    Returns
    -------
    Errors
        ``zero_one`` and ``distance``, each of shape (...), floats if `u` has no leading axes.

    Raises
    ------
    ValueError
        If shapes do not match, a clean label names no class or a value is not finite.

    Notes
    -----
    Source: chapter 11.

    Examples
    --------
    >>> wrong, far = errors([[0.0, 0.0], [0.6, -0.2]], clean=[1.0, -1.0])
    >>> wrong, far.round(3)
    (array([1., 0.]), array([1.414, 0.894]))
    """
    u, clean = check.finite_array("u", u), check.finite_array("clean", clean, ndim=(1, 2))
    if u.ndim < clean.ndim or u.shape[u.ndim - clean.ndim :] != clean.shape:
        raise ValueError(f"the last axes of u must be those of clean, {clean.shape}, got {u.shape}")
    right = _right_signs(u, clean) if clean.ndim == 1 else _right_classes(u, clean)
    gap = (u - clean).reshape(*u.shape[: u.ndim - clean.ndim], -1)
    found = (~right).mean(axis=-1), np.linalg.norm(gap, axis=-1)
    return Errors(*(value if value.ndim else float(value) for value in found))


# --------------------------------------------------------------------------------- the pieces


def _right_signs(u, clean):
    if (clean == 0).any():
        raise ValueError("clean must hold nonzero numbers, whose signs count, got 0")
    return u * np.sign(clean) > 0


def _right_classes(u, clean):
    if clean.shape[1] < 2:
        raise ValueError(f"clean must have at least two classes, got shape {clean.shape}")
    top = clean == clean.max(axis=1, keepdims=True)
    if (top.sum(axis=1) != 1).any():
        raise ValueError("each row of clean must have one largest entry, got a tie")
    return u[..., top] > np.where(top, -np.inf, u).max(axis=-1)


def _outside(spectrum, y):
    """Return the squared length of the part of `y` outside the range."""
    if spectrum.rank == len(spectrum.eigenvectors):
        return 0.0 if y.ndim == 1 else np.zeros(y.shape[1])
    basis = spectrum.eigenvectors[:, spectrum.eigenvalues > 0]
    rest = y - basis @ (basis.T @ y)
    outside = (rest**2).sum(axis=0)
    return float(outside) if y.ndim == 1 else outside


def _energy(energy, d):
    """Return the energy of all columns together, shape (r,)."""
    energy = check.finite_array("energy", check.non_negative("energy", energy), ndim=(1, 2))
    if len(energy) != len(d):
        raise ValueError(f"energy has {len(energy)} rows, but there are {len(d)} eigenvalues")
    return energy.reshape(len(d), -1).sum(axis=1)


def _centres(centre_kernel, sizes):
    kernel, sizes = check_gram(centre_kernel, "centre_kernel"), cluster_sizes(sizes)
    if len(kernel) != len(sizes):
        raise ValueError(
            f"centre_kernel has {len(kernel)} centres, but there are {len(sizes)} sizes"
        )
    return kernel, sizes


def _signs(signs):
    signs = check.finite_array("signs", signs)
    if (np.abs(signs) != 1).any():
        raise ValueError(f"signs must be 1 or -1, got {signs[np.abs(signs) != 1].flat[0]}")
    return signs


def _one_dimensional(name, array):
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-dimensional, got shape {array.shape}")
    return array
