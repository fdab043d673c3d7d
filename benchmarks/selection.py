"""Choosing a setting: one decomposition (a fold) against searches that refit."""

from __future__ import annotations

import numpy as np
from scipy import linalg
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from benchmarks.grid import ALPHAS, GAMMA, LAMS, ROUNDS, problem
from benchmarks.measure import Result, assert_same, seconds
from distill_lib.kernel import SelfDistilledKernelRidgeCV, selection

_ERROR = "neg_mean_squared_error"


class Refitting(RegressorMixin, BaseEstimator):
    """Self-distillation as one writes it with scikit-learn: fit, predict, fit again."""

    def __init__(self, lam=1.0, alpha=0.0, rounds=2):
        self.lam, self.alpha, self.rounds = lam, alpha, rounds

    def fit(self, X, y):
        """Run all rounds."""
        targets = y
        for _ in range(self.rounds):
            self.model_ = KernelRidge(kernel="rbf", gamma=GAMMA, alpha=self.lam).fit(X, targets)
            targets = self.alpha * y + (1 - self.alpha) * self.model_.predict(X)
        return self

    def predict(self, X):
        """Predict with the last round."""
        return self.model_.predict(X)


def ours(p, **options):
    """Return the scores of the estimator's search, final fit included in the time."""
    model = SelfDistilledKernelRidgeCV("rbf", gamma=GAMMA, lams=LAMS, **options)
    return model.fit(p.X, p.y).cv_results_["mean_test_score"]


def five_folds(p, lam):
    """scikit-learn's search over the weights and rounds of one ridge."""
    grid = {"lam": [lam], "alpha": ALPHAS, "rounds": range(1, ROUNDS + 1)}
    search = GridSearchCV(Refitting(), grid, scoring=_ERROR, cv=5, refit=False)
    scores = search.fit(p.X, p.y).cv_results_["mean_test_score"]
    return scores.reshape(len(ALPHAS), ROUNDS)


def leave_one_out(p, lam):
    """scikit-learn's leave-one-out of one ridge: n fits."""
    model = KernelRidge(kernel="rbf", gamma=GAMMA)
    search = GridSearchCV(model, {"alpha": [lam]}, scoring=_ERROR, cv=LeaveOneOut(), refit=False)
    return search.fit(p.X, p.y).cv_results_["mean_test_score"]


def ridge_cv(p):
    """scikit-learn's efficient leave-one-out, on features whose products are the kernel."""
    features = linalg.cholesky(rbf_kernel(p.X, gamma=GAMMA), lower=True)
    model = RidgeCV(LAMS, fit_intercept=False, store_cv_results=True).fit(features, p.y)
    return -model.cv_results_.mean(0)


def loo_errors(p):
    """Our errors of the same ridges, kernel included; no final fit, as there is none to compare."""
    K = rbf_kernel(p.X, gamma=GAMMA)
    return -selection.loo_errors(K, p.y, LAMS, [1.0], 1)[:, 0, 0]


def run(n=500, lams=(1, 4, 7), repeats=7):
    """Time ours on the whole grid and theirs on some ridges in turn; then the two short cuts."""
    p = problem(n)
    size = f"n = {n:,}"
    folds = {"alphas": ALPHAS, "rounds": ROUNDS, "cv": 5}
    single = {"alphas": [1.0], "rounds": 1}
    ours(p, **folds)  # warm up
    yield _paired(
        f"grid of {len(LAMS)} x {len(ALPHAS)} x {ROUNDS} by 5 folds",
        size,
        "`GridSearchCV`, refitted each round",
        [_turn(p, i, folds, five_folds) for i in lams],
    )
    yield _paired(
        f"leave-one-out of {len(LAMS)} ridges",
        size,
        "`GridSearchCV(cv=LeaveOneOut())`",
        [_turn(p, i, single, leave_one_out) for i in lams],
    )
    ridge_cv(p)  # warm up
    pairs = []
    for _ in range(repeats):
        took, errors = seconds(lambda: loo_errors(p))
        theirs, same = seconds(lambda: ridge_cv(p))
        assert_same(errors, same, tolerance=1e-6)
        pairs.append((took, theirs))
    task = f"leave-one-out of {len(LAMS)} ridges"
    yield _result(task, size, "`RidgeCV` on exact kernel features", pairs, 2, "")


def _turn(p, i, options, search):
    """Return seconds of ours, and of theirs for the whole grid, timed on ridge number i."""
    took, scores = seconds(lambda: ours(p, **options))
    theirs, same = seconds(lambda: search(p, LAMS[i]))
    assert_same(scores[i].reshape(np.shape(same)), same)
    return took, len(LAMS) * theirs


def _paired(task, size, baseline, pairs):
    note = f"timed on {len(pairs)} of {len(LAMS)} ridges, scaled"
    return _result(task, size, baseline, pairs, 500, note)


def _result(task, size, baseline, pairs, target, note):
    took, theirs = np.transpose(pairs)
    ratios = theirs / took
    value = float(np.median(ratios))
    return Result(
        task=task,
        size=size,
        seconds=float(np.median(took)),
        baseline=baseline,
        baseline_seconds=float(np.median(theirs)),
        value=value,
        spread=(float(ratios.min()), float(ratios.max())),
        unit="x faster",
        target=f">= {target} x",
        met=value >= target,
        note=note,
    )
