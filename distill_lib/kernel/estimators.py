"""Self-distilled kernel ridge regression behind scikit-learn's contract.

`SelfDistilledKernelRidge` fits one setting with one Cholesky factorisation, however many rounds.
`SelfDistilledKernelRidgeCV` chooses the setting from a grid: by exact leave-one-out with one
eigendecomposition, or by folds with one eigendecomposition a fold.
"""

from __future__ import annotations

import numbers

import numpy as np
from scipy import linalg
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS
from sklearn.model_selection import check_cv
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from distill_lib import _validation as check
from distill_lib.kernel import filters, mixing, selection
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum, check_gram

__all__ = ["SelfDistilledKernelRidge", "SelfDistilledKernelRidgeCV"]

_REAL = Interval(numbers.Real, None, None, closed="neither")
_POSITIVE = Interval(numbers.Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(numbers.Real, 0, None, closed="left")


class _KernelRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """What both estimators share: input checks and the kernel matrix."""

    _parameter_constraints: dict = {  # noqa: RUF012 (scikit-learn reads it from the class)
        "kernel": [StrOptions({*PAIRWISE_KERNEL_FUNCTIONS, "precomputed"}), callable],
        "gamma": [_NOT_NEGATIVE, None],
        "degree": [_NOT_NEGATIVE],
        "coef0": [_REAL],
        "kernel_params": [dict, None],
        "unrestricted": ["boolean"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags

    @property
    def _precomputed(self):
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    @property
    def _dtypes(self):
        """A single-precision kernel matrix stays one, so that its rounding is judged as such."""
        return (np.float64, np.float32) if self._precomputed else np.float64

    def _training_data(self, X, y):
        X, y = validate_data(self, X, y, dtype=self._dtypes, multi_output=True, y_numeric=True)
        return X, y.astype(np.float64, copy=False)

    def _new_data(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=self._dtypes, reset=False)

    def _kernel(self):
        if not isinstance(self.kernel, str):
            return as_kernel(self.kernel, **(self.kernel_params or {}))
        if self.kernel_params:
            raise ValueError(
                f"kernel_params must be None for kernel={self.kernel!r}, got "
                f"{self.kernel_params}; a named kernel takes gamma, degree and coef0"
            )
        return as_kernel(
            self.kernel, filter_params=True, gamma=self.gamma, degree=self.degree, coef0=self.coef0
        )

    def _gram(self, X):
        """Kernel matrix of the training points, checked unless scikit-learn made it."""
        if self._precomputed:
            check_gram(X, name="X (the precomputed kernel matrix)")
            return X
        K = self._kernel()(X)
        return K if isinstance(self.kernel, str) else check_gram(K, name="kernel matrix")

    def _cross_gram(self, X):
        """Kernel matrix between new points (rows) and the training points (columns)."""
        return X if self._precomputed else self._kernel()(X, self.X_fit_)


class SelfDistilledKernelRidge(_KernelRegressor):
    r"""Kernel ridge regression, refitted on a mix of the targets and its own last fit.

    Round :math:`\tau` solves

    .. math::
        \min_f \tfrac12\|f(X) - t^{(\tau)}\|^2 + \tfrac\lambda2\|f\|_{\mathcal H}^2,
        \qquad t^{(\tau)} = \alpha^{(\tau)} y + (1-\alpha^{(\tau)})\,f^{(\tau-1)}(X),
        \qquad t^{(1)} = y.

    A fit costs one Cholesky factorisation of :math:`K + \lambda I` and, for each round, two
    triangular solves. ``rounds=1`` is scikit-learn's ``KernelRidge(alpha=lam)``.

    Parameters
    ----------
    kernel : str, callable or Gaussian-process kernel, default "rbf"
        A name of scikit-learn's ``pairwise_kernels``; ``"precomputed"``, if X is the kernel
        matrix; a ``sklearn.gaussian_process.kernels`` object; or a callable ``k(X, Z=None)`` that
        returns an (n, m) matrix. It must be symmetric.
    lam : float, default 1.0
        Ridge :math:`\lambda > 0`, the same in every round (not divided by n).
    alpha : float or array_like of shape (rounds,), default 0.0
        Weight on the ground truth, in [0, 1]; 1 - alpha is the weight on the teacher. With one
        weight a round, the first is unused, because the first fit has no teacher.
    rounds : int, default 2
        Number of fits, >= 1; 1 is the ordinary fit.
    gamma : float, optional
        Parameter of the kernels "rbf", "laplacian", "poly", "sigmoid" and "chi2"; their own
        default if omitted. Other kernels ignore it.
    degree : float, default 3
        Degree of the kernel "poly". Other kernels ignore it.
    coef0 : float, default 1
        Constant of the kernels "poly" and "sigmoid". Other kernels ignore it.
    kernel_params : dict, optional
        Keyword arguments for a callable kernel.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Attributes
    ----------
    dual_coef_ : ndarray, shape (n,) or (n, q)
        Dual coefficients of the last round: predictions are ``k(X, X_fit_) @ dual_coef_``.
    staged_dual_coef_ : ndarray, shape (rounds, n) or (rounds, n, q)
        Dual coefficients of every round.
    targets_ : ndarray, shape (n,) or (n, q)
        Targets of the last round.
    X_fit_ : ndarray, shape (n, p)
        Training points; the kernel matrix itself if it is precomputed.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame.

    See Also
    --------
    SelfDistilledKernelRidgeCV : chooses `lam`, `alpha` and `rounds`.

    Notes
    -----
    Fitted values come from :math:`f(X) = t - \lambda c`, with dual coefficients :math:`c`. The
    rounding error of a round is therefore about 1e-16 of the size of its *targets*; if
    :math:`\lambda` exceeds the largest eigenvalue of :math:`K` a thousandfold, three digits of the
    next round's targets are lost. `Spectrum` has no such loss.

    Source: chapters 1 and 3; Mobahi et al. (2020) for ``alpha=0``, with a fixed ridge in place of
    their tolerance; Borup and Andersen (2021) for the mix.

    Examples
    --------
    >>> import numpy as np
    >>> from distill_lib.kernel import SelfDistilledKernelRidge
    >>> X, y = np.array([[0.0], [1.0]]), np.array([0.0, 2.0])
    >>> model = SelfDistilledKernelRidge("linear", lam=1.0, rounds=3).fit(X, y)
    >>> [round(float(f[1]), 12) for f in model.staged_predict(X)]
    [1.0, 0.5, 0.25]
    """

    _parameter_constraints: dict = {  # noqa: RUF012
        **_KernelRegressor._parameter_constraints,
        "lam": [_POSITIVE],
        "alpha": [_REAL, "array-like"],
        "rounds": [Interval(numbers.Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        kernel="rbf",
        *,
        lam=1.0,
        alpha=0.0,
        rounds=2,
        gamma=None,
        degree=3,
        coef0=1,
        kernel_params=None,
        unrestricted=False,
    ):
        self.kernel = kernel
        self.lam = lam
        self.alpha = alpha
        self.rounds = rounds
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.unrestricted = unrestricted

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        r"""Run all rounds.

        Parameters
        ----------
        X : array_like, shape (n, p)
            Training points; the (n, n) kernel matrix if ``kernel="precomputed"``.
        y : array_like, shape (n,) or (n, q)
            Targets.

        Returns
        -------
        SelfDistilledKernelRidge
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or an array is refused, the kernel matrix is not symmetric, or
            :math:`K + \lambda I` is not positive definite.
        """
        lam, weights = check.positive("lam", self.lam), self._weights()
        X, y = self._training_data(X, y)
        factor = _cholesky(self._gram(X), lam)
        self.staged_dual_coef_, self.targets_ = _refit(factor, y, lam, weights)
        self.dual_coef_ = self.staged_dual_coef_[-1]
        self.X_fit_ = X
        return self

    def predict(self, X):
        """Predict with the last round.

        Parameters
        ----------
        X : array_like, shape (m, p)
            New points; if ``kernel="precomputed"``, the (m, n) kernel matrix between them and the
            training points.

        Returns
        -------
        ndarray, shape (m,) or (m, q)
            As the targets of `fit`.

        Raises
        ------
        TypeError, ValueError
            If `X` is refused; ``NotFittedError`` before `fit`.
        """
        return self._cross_gram(self._new_data(X)) @ self.dual_coef_

    def staged_predict(self, X):
        """Predict with every round in turn, from the ordinary fit to the last.

        Parameters
        ----------
        X : array_like, shape (m, p)
            As for `predict`.

        Yields
        ------
        ndarray, shape (m,) or (m, q)
            Predictions of round 1, 2, ..., `rounds`.

        Raises
        ------
        TypeError, ValueError
            If `X` is refused; ``NotFittedError`` before `fit`.
        """
        K = self._cross_gram(self._new_data(X))
        for dual_coef in self.staged_dual_coef_:
            yield K @ dual_coef

    def _weights(self):
        """Weight on the ground truth in each round, shape (rounds,)."""
        rounds = check.scalar_whole("rounds", self.rounds, minimum=1)
        alpha = check.weight("alpha", self.alpha, unrestricted=self.unrestricted)
        if alpha.ndim and alpha.shape != (rounds,):
            raise ValueError(
                f"alpha must be one number or one weight a round, shape ({rounds},), "
                f"got shape {alpha.shape}"
            )
        return np.broadcast_to(alpha, (rounds,))


def _cholesky(K, lam):
    """Factorise K + lam I, O(n^3 / 3)."""
    A = np.array(K, dtype=np.float64, order="F")  # a copy: K may be the caller's
    np.fill_diagonal(A, A.diagonal() + lam)
    largest = A.diagonal().max()
    try:
        factor = linalg.cho_factor(A, lower=True, overwrite_a=True, check_finite=False)
        # The condition number is at least the ratio of the pivots: past 1 / eps no digit is left.
        singular = (factor[0].diagonal() ** 2).min() <= np.finfo(float).eps * largest
    except linalg.LinAlgError:
        singular = True
    if singular:
        raise ValueError(
            f"K + lam I must be positive definite in double precision, but is not for lam = {lam}: "
            "choose a larger lam, or check that the kernel is positive semidefinite"
        )
    return factor


def _refit(factor, y, lam, weights):
    """Return the dual coefficients of every round and the targets of the last."""
    duals, targets = np.empty((len(weights), *y.shape)), y
    for tau, alpha in enumerate(weights):
        if tau > 0:
            fitted = targets - lam * duals[tau - 1]  # (K + lam I) c = t, so K c = t - lam c
            targets = alpha * y + (1 - alpha) * fitted
        duals[tau] = linalg.cho_solve(factor, targets, check_finite=False)
    return duals, targets


class SelfDistilledKernelRidgeCV(_KernelRegressor):
    r"""Self-distilled kernel ridge with `lam`, `alpha` and `rounds` chosen by cross-validation.

    By default every setting is judged by its exact leave-one-out predictions, all of which come
    from one eigendecomposition (`distill_lib.kernel.selection`). With folds, all fits of a fold
    share one eigendecomposition of its kernel matrix. The winner is then refitted on all data by
    `SelfDistilledKernelRidge`.

    Parameters
    ----------
    kernel : str, callable or Gaussian-process kernel, default "rbf"
        As for `SelfDistilledKernelRidge`. It must be positive semidefinite and is evaluated once,
        on all points; folds are cut from that matrix.
    lams : array_like of float, default (1e-6, 1e-5, ..., 1e3)
        Ridges to try, > 0.
    alphas : array_like of float or "optimal", default (0, 0.25, 0.5, 0.75)
        Weights on the ground truth to try, in [0, 1], each the same in every round. ``"optimal"``
        takes for every ridge and number of rounds the weights, one a round, of least leave-one-out
        error; it needs ``cv=None`` and no `scoring`.
    rounds : int or array_like of int, default 10
        Numbers of fits to try: an int means 1, 2, ..., `rounds`, a sequence exactly its entries.
        With 1 among them, the ordinary tuned ridge is one of the candidates.
    cv : None, "loo", int, splitter or iterable, default None
        None and ``"loo"`` mean exact leave-one-out. Otherwise a number of consecutive folds, a
        scikit-learn splitter, or (train, test) index pairs.
    scoring : str or callable, optional
        Name of a scikit-learn scorer, or a callable ``scorer(estimator, X, y)``; higher is better.
        The negative mean squared error if omitted. It must look at predictions only. With
        leave-one-out it judges the predictions of all points at once.
    gamma, degree, coef0, kernel_params
        As for `SelfDistilledKernelRidge`.
    unrestricted : bool, default False
        Allow weights outside [0, 1]. With ``alphas="optimal"`` and more than two rounds they can
        exploit the leave-one-out predictions and do harm (chapter 8).

    Attributes
    ----------
    lam_, alpha_, rounds_ : float, float or ndarray of shape (rounds_,), int
        The winner; its weight is an array with ``alphas="optimal"``. Ties, up to rounding, go to
        the fewest rounds, then to the largest ridge, then to the first weight.
    best_score_ : float
        Its mean score over the folds.
    best_estimator_ : SelfDistilledKernelRidge
        The winner, fitted to all data.
    cv_results_ : dict
        ``mean_test_score`` and ``std_test_score``, shape (lams, alphas, rounds);
        ``split_test_scores``, shape (folds, lams, alphas, rounds), where with leave-one-out every
        point is a fold (and with `scoring` all points together are one); and the axes ``lams``,
        ``alphas``, ``rounds``. With ``alphas="optimal"`` that axis has length 1, and ``alphas`` is
        a list of lists, one array of weights for each ridge and number of rounds.
    n_splits_ : int
        Number of folds; with leave-one-out the number of points.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame.

    See Also
    --------
    SelfDistilledKernelRidge : one setting.

    Notes
    -----
    With n points leave-one-out costs one eigendecomposition and O(n^2) for each ridge and round;
    F folds cost F eigendecompositions and, for a grid of g settings, O(g n^2) for all predictions.
    The final fit is one Cholesky factorisation.

    Source: chapters 1, 3 and 8; the filters are those of Borup and Andersen (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from distill_lib.kernel import SelfDistilledKernelRidgeCV
    >>> X = np.linspace(0, 1, 20)[:, None]
    >>> model = SelfDistilledKernelRidgeCV(lams=[0.1, 1.0], alphas=[0.0], rounds=3)
    >>> model.fit(X, np.sin(6 * X[:, 0])).cv_results_["mean_test_score"].shape
    (2, 1, 3)
    """

    _parameter_constraints: dict = {  # noqa: RUF012
        **_KernelRegressor._parameter_constraints,
        "lams": ["array-like"],
        "alphas": ["array-like", StrOptions({"optimal"})],
        "rounds": [Interval(numbers.Integral, 1, None, closed="left"), "array-like"],
        "cv": [
            None,
            StrOptions({"loo"}),
            Interval(numbers.Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
            "array-like",
        ],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
    }

    def __init__(
        self,
        kernel="rbf",
        *,
        lams=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3),
        alphas=(0.0, 0.25, 0.5, 0.75),
        rounds=10,
        cv=None,
        scoring=None,
        gamma=None,
        degree=3,
        coef0=1,
        kernel_params=None,
        unrestricted=False,
    ):
        self.kernel = kernel
        self.lams = lams
        self.alphas = alphas
        self.rounds = rounds
        self.cv = cv
        self.scoring = scoring
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.unrestricted = unrestricted

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Score the grid on every fold and refit the winner on all data.

        Parameters
        ----------
        X : array_like, shape (n, p)
            Training points; the (n, n) kernel matrix if ``kernel="precomputed"``.
        y : array_like, shape (n,) or (n, q)
            Targets.
        groups : array_like, shape (n,), optional
            Group labels for splitters that need them.

        Returns
        -------
        SelfDistilledKernelRidgeCV
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or an array is refused, or the kernel matrix is not symmetric positive
            semidefinite.
        """
        lams, alphas, rounds = self._grid()
        X, y = self._training_data(X, y)
        K = self._gram(X)
        if self._leaves_one_out:
            scores, alphas = self._loo_scores(K, y, lams, alphas, rounds)
            self.n_splits_ = len(y)
        else:
            folds = list(check_cv(self.cv, y, classifier=False).split(X, y, groups))
            scores = [self._fold_scores(K, y, *fold, lams, alphas, rounds) for fold in folds]
            self.n_splits_ = len(folds)
        scores = np.asarray(scores)
        if not np.isfinite(scores).all():
            raise ValueError(
                f"scoring must give finite numbers, got {scores[~np.isfinite(scores)][0]} "
                f"from {self.scoring!r:.80}"
            )
        self.cv_results_ = {
            "lams": lams,
            "alphas": alphas,
            "rounds": rounds,
            "mean_test_score": scores.mean(axis=0),
            "std_test_score": scores.std(axis=0),
            "split_test_scores": scores,
        }
        self._choose()
        self.best_estimator_ = SelfDistilledKernelRidge(
            lam=self.lam_,
            alpha=self.alpha_,
            rounds=self.rounds_,
            **{name: getattr(self, name) for name in _KernelRegressor._parameter_constraints},
        ).fit(X, y)
        return self

    def predict(self, X):
        """Predict with the winner, fitted to all data.

        Parameters
        ----------
        X : array_like, shape (m, p)
            New points; if ``kernel="precomputed"``, the (m, n) kernel matrix between them and the
            training points.

        Returns
        -------
        ndarray, shape (m,) or (m, q)
            As the targets of `fit`.

        Raises
        ------
        TypeError, ValueError
            If `X` is refused; ``NotFittedError`` before `fit`.
        """
        X = self._new_data(X)
        return self.best_estimator_.predict(X)

    @property
    def _leaves_one_out(self):
        return self.cv is None or (isinstance(self.cv, str) and self.cv == "loo")

    @property
    def _optimal(self):
        return isinstance(self.alphas, str)

    def _grid(self):
        """Return the three axes of the grid as checked vectors."""
        lams = check.positive("lams", self.lams)
        if self._optimal and not (self._leaves_one_out and self.scoring is None):
            raise ValueError(
                f"alphas='optimal' needs cv=None and scoring=None, got cv={self.cv!r:.80} and "
                f"scoring={self.scoring!r:.80}"
            )
        alphas = [0.0] if self._optimal else self.alphas  # a place for the weights to be found
        alphas = check.weight("alphas", alphas, unrestricted=self.unrestricted)
        rounds = check.whole("rounds", self.rounds, minimum=1)
        rounds = np.arange(1, rounds + 1) if rounds.ndim == 0 else rounds
        for name, axis in (("lams", lams), ("alphas", alphas), ("rounds", rounds)):
            if axis.ndim != 1:
                raise ValueError(f"{name} must be 1-dimensional, got shape {axis.shape}")
        return lams, alphas, rounds

    def _fold_scores(self, K, y, train, test, lams, alphas, rounds):
        """Score every grid point on one fold, shape (lams, alphas, rounds)."""
        spectrum = Spectrum.from_gram(K[np.ix_(train, train)])
        b = filters.distilled(
            spectrum.eigenvalues,
            lam=lams[:, None, None, None],
            alpha=alphas[:, None, None],
            rounds=rounds[:, None],
            unrestricted=self.unrestricted,
        )
        predictions = spectrum.predict(K[np.ix_(test, train)], b, y[train])
        return self._score(predictions, y[test])

    def _score(self, predictions, y):
        """Score predictions (lams, alphas, rounds, ...) of the targets `y`."""
        if self.scoring is None:
            return -((predictions - y) ** 2).mean(axis=tuple(range(3, predictions.ndim)))
        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        identity, scores = _Identity(), np.empty(predictions.shape[:3])
        for point in np.ndindex(scores.shape):
            scores[point] = scorer(identity, predictions[point], y)
        return scores

    def _loo_scores(self, K, y, lams, alphas, rounds):
        """Score every grid point by leave-one-out, (points or 1, lams, alphas, rounds)."""
        last = int(rounds.max())
        refits = selection.loo_refits(K, y, lams, last)  # (lams, last, n, ...)
        W = [[mixing.power_weights(a, last, unrestricted=True) for a in alphas]] * len(lams)
        if self._optimal:
            clip = not self.unrestricted
            paths = [mixing.path_from_refits(r, y, clip=clip).joint_alphas for r in refits]
            alphas = [[path[tau - 1] for tau in rounds] for path in paths]
            W = [[[_last_weights(path[k], last) for k in range(last)]] for path in paths]
        predictions = np.stack([np.tensordot(w, r, axes=1) for w, r in zip(W, refits, strict=True)])
        predictions = predictions[:, :, rounds - 1]
        if self.scoring is not None:
            return self._score(predictions, y)[None], alphas
        misses = ((predictions - y) ** 2).reshape(*predictions.shape[:4], -1).mean(axis=-1)
        return -np.moveaxis(misses, 3, 0), alphas

    def _choose(self):
        """Set the winner; among equals the simplest."""
        mean, rounds = self.cv_results_["mean_test_score"], self.cv_results_["rounds"]
        i, j, k = selection.simplest(mean, self.cv_results_["lams"], rounds)
        self.best_score_ = float(mean.max())
        self.lam_, self.rounds_ = float(self.cv_results_["lams"][i]), int(rounds[k])
        alphas = self.cv_results_["alphas"]
        self.alpha_ = alphas[i][k] if self._optimal else float(alphas[j])


def _last_weights(alphas, size):
    """Return the weights of plain refits after the last round of these, filled up with zeros."""
    w = np.zeros(size)
    w[: len(alphas)] = mixing.power_weights(alphas, len(alphas), unrestricted=True)[-1]
    return w


class _Identity(RegressorMixin, BaseEstimator):
    """Hands predictions to a scikit-learn scorer, which wants an estimator."""

    def predict(self, X):
        return X
