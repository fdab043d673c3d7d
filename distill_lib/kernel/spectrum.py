r"""The eigenbasis of a kernel matrix: decompose once, then apply any filter.

A linear fit with filter :math:`b` sends targets :math:`y` to :math:`U\,\mathrm{diag}(b)\,U^\top y`.
`Spectrum` holds :math:`U` and :math:`d`, so a whole grid of ridges, weights and rounds costs one
decomposition and one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from distill_lib import _validation as check

__all__ = ["Spectrum", "as_spectrum", "check_gram"]


def check_gram(K, name="K"):
    """Return `K` as a float64 array if it is a finite, square, symmetric matrix.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix of the training points.
    name : str
        What the message calls it.

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    ValueError
        If `K` is not a finite, square and symmetric matrix. Nothing is repaired: an asymmetry
        above rounding usually means that the kernel function has an error.

    Notes
    -----
    Source: chapter 2.
    """
    eps = np.finfo(_precision(K)).eps
    K = check.finite_array(name, K, ndim=2)
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"{name} must be square, got shape {K.shape}")
    gap, scale = _largest_gap(K), max(K.max(), -K.min())
    if gap > 1e4 * eps * scale:
        raise ValueError(
            f"{name} must be symmetric, got two mirrored entries that differ by {gap:.3g} "
            f"(the largest entry is {scale:.3g})"
        )
    return K


def _precision(K):
    """Return the floating type that `K` comes in: it sets how much rounding `K` may carry."""
    dtype = np.asarray(K).dtype
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(np.float64)


def _largest_gap(K, block=512):
    """Return max |K - K.T| without a second n x n array."""
    return max(
        np.abs(K[i : i + block, i:] - K[i:, i : i + block].T).max() for i in range(0, len(K), block)
    )


def _fix_signs(U, *others):
    """Make the largest entry of each eigenvector positive: the same signs on every machine.

    Symmetric designs tie two entries in modulus; the first one within 1e-6 decides, not rounding.
    """
    size = np.abs(U)
    deciding = (size >= (1 - 1e-6) * size.max(axis=0)).argmax(axis=0)
    signs = np.where(U[deciding, np.arange(U.shape[1])] < 0, -1.0, 1.0)
    for matrix in (U, *others):
        matrix *= signs


def _rounding(size, dtype=np.float64):
    """Return the relative size below which an eigenvalue or singular value is rounding noise.

    It is that of a backward stable decomposition with errors that add up like a random walk; the
    noise that LAPACK leaves in rank-deficient matrices is less than half of it.
    """
    return 2 * np.sqrt(size) * np.finfo(dtype).eps


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""Eigenvalues and eigenvectors of a kernel matrix :math:`K = U\,\mathrm{diag}(d)\,U^\top`.

    Make one with `Spectrum.from_gram` or `Spectrum.from_features`.

    Attributes
    ----------
    eigenvalues : ndarray, shape (r,)
        In descending order, >= 0. Those not above rounding, 2 sqrt(n) eps of the largest, are
        exactly 0.
    eigenvectors : ndarray, shape (n, r)
        Orthonormal columns; in each the entry of largest modulus, the first of equals, is positive.
    feature_vectors : ndarray, shape (p, r), or None
        Right singular vectors of the feature matrix, if it was made from one.

    Notes
    -----
    Source: chapter 2.

    Examples
    --------
    >>> import numpy as np
    >>> from distill_lib.kernel import filters
    >>> s = Spectrum.from_gram(np.diag([3.0, 1.0]))
    >>> s.apply(filters.ridge(s.eigenvalues, lam=1.0), np.array([4.0, 4.0]))
    array([3., 2.])
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    feature_vectors: np.ndarray | None = None

    @classmethod
    def from_gram(cls, K):
        """Decompose a symmetric positive semidefinite kernel matrix, O(n^3).

        Parameters
        ----------
        K : array_like, shape (n, n)
            Kernel matrix, not divided by n.

        Returns
        -------
        Spectrum
            With r = n.

        Raises
        ------
        ValueError
            If `K` is not finite, square, symmetric, or has an eigenvalue that is negative beyond
            rounding.
        """
        precision = _precision(K)
        K = check_gram(K)
        d, U = linalg.eigh(K, driver="evd", check_finite=False)
        d, U = d[::-1].copy(), U[:, ::-1].copy(order="F")
        allowed = max(1e-10, 10 * len(d) * np.finfo(precision).eps)
        if d[-1] < -allowed * max(d[0], 0.0) or d[0] < 0:
            raise ValueError(
                f"K must be positive semidefinite, got an eigenvalue {d[-1]:.3g} "
                f"(the largest is {d[0]:.3g})"
            )
        d[d <= _rounding(len(d), precision) * d[0]] = 0.0
        _fix_signs(U)
        return cls(d, U)

    @classmethod
    def from_features(cls, Phi):
        r"""Decompose :math:`K = \Phi\Phi^\top` by a thin SVD of the features.

        O(n p min(n, p)) time and O(n min(n, p)) memory: no n x n matrix is formed when n > p.

        Parameters
        ----------
        Phi : array_like, shape (n, p)
            One row of features a point.

        Returns
        -------
        Spectrum
            With r = min(n, p).

        Raises
        ------
        ValueError
            If `Phi` is not a finite matrix.
        """
        Phi = check.finite_array("Phi", Phi, ndim=2)
        U, s, Vt = linalg.svd(Phi, full_matrices=False, check_finite=False)
        s[s <= _rounding(max(Phi.shape)) * s[0]] = 0.0
        V = Vt.T.copy(order="F")
        _fix_signs(U, V)
        return cls(s**2, U, V)

    @property
    def rank(self):
        """Number of positive eigenvalues."""
        return int(np.count_nonzero(self.eigenvalues))

    def expand(self, y):
        r"""Coefficients of targets in the eigenbasis, :math:`z = U^\top y`.

        Parameters
        ----------
        y : array_like, shape (n,) or (n, q)

        Returns
        -------
        ndarray, shape (r,) or (r, q)

        Raises
        ------
        ValueError
            If `y` has not n rows or is not finite.
        """
        y = check.finite_array("y", y, ndim=(1, 2))
        n = len(self.eigenvectors)
        if len(y) != n:
            raise ValueError(f"y has {len(y)} rows, but the kernel matrix has {n}")
        return self.eigenvectors.T @ y

    def apply(self, b, y):
        r"""Fitted values on the training points, :math:`U\,\mathrm{diag}(b)\,U^\top y`.

        Parameters
        ----------
        b : array_like, shape (..., r)
            Filter values; leading axes are a grid.
        y : array_like, shape (n,) or (n, q)

        Returns
        -------
        ndarray, shape (..., n) or (..., n, q)

        Raises
        ------
        ValueError
            If shapes do not match or a value is not finite.
        """
        return self._combine(self.eigenvectors, self._filter(b), y)

    def dual(self, b, y):
        r"""Dual coefficients :math:`c = U\,\mathrm{diag}(b/d)\,U^\top y`.

        Predictions are ``K_new @ c``.

        Directions with eigenvalue 0 get coefficient 0. No prediction changes by that, because for
        a positive semidefinite kernel every row of ``K_new`` is orthogonal to them.

        Parameters
        ----------
        b : array_like, shape (..., r)
            Filter values; leading axes are a grid.
        y : array_like, shape (n,) or (n, q)

        Returns
        -------
        ndarray, shape (..., n) or (..., n, q)

        Raises
        ------
        ValueError
            If shapes do not match or a value is not finite.
        """
        return self._combine(self.eigenvectors, self._over_eigenvalues(b), y)

    def predict(self, K_new, b, y):
        """Predictions at new points for a whole grid of filters, as one matrix product.

        Parameters
        ----------
        K_new : array_like, shape (m, n)
            Kernel between the new points (rows) and the training points (columns).
        b : array_like, shape (..., r)
            Filter values; leading axes are a grid.
        y : array_like, shape (n,) or (n, q)

        Returns
        -------
        ndarray, shape (..., m) or (..., m, q)

        Raises
        ------
        ValueError
            If shapes do not match or a value is not finite.
        """
        K_new = check.finite_array("K_new", K_new, ndim=2)
        if K_new.shape[1] != len(self.eigenvectors):
            raise ValueError(
                f"K_new must have one column a training point ({len(self.eigenvectors)}), "
                f"got shape {K_new.shape}"
            )
        return self._combine(K_new @ self.eigenvectors, self._over_eigenvalues(b), y)

    def weights(self, b, y):
        r"""Feature weights :math:`w = \Phi^\top c`: predictions are ``Phi_new @ w``.

        Parameters
        ----------
        b : array_like, shape (..., r)
            Filter values; leading axes are a grid.
        y : array_like, shape (n,) or (n, q)

        Returns
        -------
        ndarray, shape (..., p) or (..., p, q)

        Raises
        ------
        ValueError
            If the spectrum was not made by `from_features`, or shapes do not match.
        """
        if self.feature_vectors is None:
            raise ValueError("weights needs features: make the spectrum with from_features")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.eigenvalues > 0, self._filter(b) / np.sqrt(self.eigenvalues), 0)
        return self._combine(self.feature_vectors, ratio, y)

    def _filter(self, b):
        b = check.finite_array("b", b)
        r = len(self.eigenvalues)
        if b.ndim == 0 or b.shape[-1] != r:
            raise ValueError(f"b must have shape (..., {r}), got {b.shape}")
        return b

    def _over_eigenvalues(self, b):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.eigenvalues > 0, self._filter(b) / self.eigenvalues, 0.0)

    def _combine(self, basis, b, y):
        """Basis @ diag(b) @ z for every filter of the grid, as one product of two matrices."""
        z = self.expand(y)
        grid, q = b.shape[:-1], z.shape[1:]
        columns = b.reshape(-1, len(z), 1) * z.reshape(1, len(z), -1)  # (g, r, q)
        out = basis @ columns.transpose(1, 0, 2).reshape(len(z), -1)  # (m, g * q)
        out = out.reshape(len(basis), *columns.shape[::2]).transpose(1, 0, 2)
        return out.reshape(*grid, len(basis), *q)


def as_spectrum(K):
    """Return `K` itself if it is a `Spectrum`, else the spectrum of the kernel matrix `K`.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If `K` is neither a spectrum nor a kernel matrix that `Spectrum.from_gram` takes.

    Notes
    -----
    Source: chapter 2.
    """
    return K if isinstance(K, Spectrum) else Spectrum.from_gram(K)
