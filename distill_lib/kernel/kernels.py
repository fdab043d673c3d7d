"""Kernels that scikit-learn lacks, and the one door through which every kernel comes in.

A kernel is a callable ``k(X, Z=None) -> (n, m)``. `as_kernel` also accepts any scikit-learn kernel
name and any ``sklearn.gaussian_process.kernels`` object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from distill_lib import _validation as check

__all__ = ["ReluNTK", "SplineGreen", "as_kernel"]


def _points(name, X):
    """Return `X` as a finite (n, p) array; a vector is read as n points on the line."""
    X = check.finite_array(name, X, ndim=(1, 2))
    return X[:, None] if X.ndim == 1 else X


def _pair(X, Z):
    X = _points("X", X)
    Z = X if Z is None else _points("Z", Z)
    if X.shape[1] != Z.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features a point, but Z has {Z.shape[1]}")
    return X, Z


@dataclass(frozen=True)
class SplineGreen:
    r"""Green's function of the bending energy on [0, 1].

    It is the kernel whose norm is :math:`\|f\|^2 = \int_0^1 f''(x)^2\,dx` on the functions with
    :math:`f(0) = f(1) = 0`; as a function of either point it also has :math:`f''(0) = f''(1) = 0`:

    .. math::
        g(x, x') = \tfrac16\,x_<\,(1 - x_>)\,\bigl(1 - (1-x_>)^2 - x_<^2\bigr)
        = \sum_{m\ge1} \frac{2\sin(m\pi x)\sin(m\pi x')}{(m\pi)^4},

    with :math:`x_< = \min(x, x')` and :math:`x_> = \max(x, x')`. It vanishes at the end points.

    Notes
    -----
    Source: chapters 1 and 2; the illustrative example of Mobahi et al. (2020).

    Examples
    --------
    >>> SplineGreen()([0.0, 0.5, 1.0]).round(6)
    array([[0.      , 0.      , 0.      ],
           [0.      , 0.020833, 0.      ],
           [0.      , 0.      , 0.      ]])
    """

    def __call__(self, X, Z=None):
        """Return the kernel matrix.

        Parameters
        ----------
        X : array_like, shape (n,) or (n, 1)
            Points in [0, 1].
        Z : array_like, shape (m,) or (m, 1), optional
            Other points in [0, 1]; `X` itself by default.

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        ValueError
            If a point is not finite, lies outside [0, 1] or has more than one coordinate.
        """
        X, Z = _pair(X, Z)
        for name, points in (("X", X), ("Z", Z)):
            if points.shape[1] != 1:
                raise ValueError(f"{name} must have one coordinate a point, got {points.shape[1]}")
            if points.min() < 0 or points.max() > 1:
                raise ValueError(
                    f"{name} must lie in [0, 1], got values from {points.min()} to {points.max()}"
                )
        low, high = np.minimum(X, Z.T), np.maximum(X, Z.T)
        return low * (1 - high) * (1 - (1 - high) ** 2 - low**2) / 6


@dataclass(frozen=True)
class ReluNTK:
    r"""Neural tangent kernel of an infinitely wide ReLU network, weights without biases.

    For :math:`f(x) = w^\top h^{(L)}` with
    :math:`h^{(l)} = \sqrt{2/m}\,\mathrm{relu}(W^{(l)} h^{(l-1)})`, :math:`h^{(0)} = x`, standard
    normal weights and :math:`L` = `depth` hidden layers, the kernel is :math:`\Theta^{(L)}` of

    .. math::
        \Sigma^{(0)} = \Theta^{(0)} = x^\top x', \qquad
        \Sigma^{(l)} = \|x\|\|x'\|\,\kappa_1(\theta_{l-1}), \qquad
        \Theta^{(l)} = \Sigma^{(l)} + \kappa_0(\theta_{l-1})\,\Theta^{(l-1)},

    where :math:`\theta_l` is the angle with cosine :math:`\Sigma^{(l)}/(\|x\|\|x'\|)`,
    :math:`\kappa_0(\theta) = (\pi-\theta)/\pi` and
    :math:`\kappa_1(\theta) = (\sin\theta + (\pi-\theta)\cos\theta)/\pi`.

    Parameters
    ----------
    depth : int, default 1
        Number of hidden layers, >= 1.
    output_layer : bool, default True
        Whether the last layer is trained too. With ``depth=1, output_layer=False`` the kernel is
        :math:`x^\top x'(\pi-\theta)/\pi`, twice the one of a network without the factor 2 in its
        layers.

    Raises
    ------
    TypeError, ValueError
        If `depth` is not a whole number >= 1.

    Notes
    -----
    Source: chapter 11; Jacot, Gabriel and Hongler (2018); Cho and Saul (2009) for the two
    arc-cosine functions.

    Examples
    --------
    >>> ReluNTK(depth=1)([[1.0, 0.0]])
    array([[2.]])
    """

    depth: int = 1
    output_layer: bool = True

    def __post_init__(self):
        check.scalar_whole("depth", self.depth, minimum=1)

    def __call__(self, X, Z=None):
        """Return the kernel matrix.

        Parameters
        ----------
        X : array_like, shape (n, p)
        Z : array_like, shape (m, p), optional
            `X` itself by default.

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        ValueError
            If a point is not finite or the numbers of coordinates differ.
        """
        same = Z is None
        X, Z = _pair(X, Z)
        U, V = _directions(X), _directions(Z)
        norms = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(Z, axis=1)
        angle, theta = _angles(U, V), X @ Z.T
        for layer in range(1, self.depth + 1):
            sigma = norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
            trained = self.output_layer or layer < self.depth
            theta = (np.pi - angle) / np.pi * theta + (sigma if trained else 0.0)
            angle = _next_angles(angle)
        return (theta + theta.T) / 2 if same else theta


def _directions(X):
    """Return the rows of `X` at length 1; a zero row stays zero."""
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1.0)


def _angles(U, V):
    """Return the angles between unit vectors, near 0 and pi too.

    There the cosine loses half of the digits, which duplicate points would turn into an error of
    1e-8 in the kernel. The chord between the two points loses none.
    """
    cosine = np.clip(U @ V.T, -1, 1)
    angle = np.arccos(cosine)
    for i, near in enumerate(np.abs(cosine) > 1 - 1e-6):
        if near.any():
            sign = np.sign(cosine[i, near])
            chord = np.linalg.norm(V[near] - sign[:, None] * U[i], axis=1)
            small = 2 * np.arcsin(chord / 2)
            angle[i, near] = np.where(sign > 0, small, np.pi - small)
    return angle


def _next_angles(angle):
    """Return the angles with cosine kappa_1(angle), from 1 - kappa_1 for the same reason."""
    gap = 2 * np.sin(angle / 2) ** 2 - (np.sin(angle) - angle * np.cos(angle)) / np.pi
    return 2 * np.arcsin(np.sqrt(np.maximum(gap, 0) / 2))


def as_kernel(kernel, **params):
    """Turn any accepted kernel into a callable ``k(X, Z=None) -> (n, m)`` that checks its output.

    Parameters
    ----------
    kernel : str, sklearn.gaussian_process.kernels.Kernel or callable
        A name of scikit-learn's ``pairwise_kernels``, a Gaussian-process kernel, or a callable
        ``k(X, Z=None)`` that returns an (n, m) matrix.
    **params
        Passed on to the kernel; a Gaussian-process kernel carries its own and takes none.

    Returns
    -------
    callable

    Raises
    ------
    TypeError
        If `kernel` is none of the three.
    ValueError
        If the name is unknown, or the kernel returns a wrong shape or a value that is not finite.

    Notes
    -----
    Source: chapter 2; the named kernels are those of scikit-learn (Pedregosa et al., 2011).

    Examples
    --------
    >>> as_kernel("rbf", gamma=1.0)([[0.0], [1.0]]).round(3)
    array([[1.   , 0.368],
           [0.368, 1.   ]])
    """
    if isinstance(kernel, str):
        if kernel not in PAIRWISE_KERNEL_FUNCTIONS:
            names = ", ".join(sorted(PAIRWISE_KERNEL_FUNCTIONS))
            raise ValueError(f"kernel must be one of {names}, got {kernel!r}")

        def evaluate(X, Z):
            return pairwise_kernels(X, Z, metric=kernel, **params)
    elif isinstance(kernel, Kernel):
        if params:
            raise ValueError(f"kernel {kernel} carries its own parameters, got also {params}")
        evaluate = kernel
    elif callable(kernel):

        def evaluate(X, Z):
            return kernel(X, Z, **params)
    else:
        raise TypeError(
            "kernel must be a scikit-learn kernel name, a Gaussian-process kernel or a callable "
            f"k(X, Z=None), got {kernel!r:.80}"
        )

    def checked(X, Z=None):
        matrix = check.finite_array("kernel matrix", evaluate(X, Z))
        expected = (len(X), len(X if Z is None else Z))
        if matrix.shape != expected:
            raise ValueError(
                f"kernel {kernel!r:.80} must return shape {expected}, got {matrix.shape}"
            )
        return matrix

    return checked
