"""Self-distilled kernel ridge: scikit-learn's contract, and the same numbers by other routes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from distill_lib.kernel import (
    SelfDistilledKernelRidge,
    SelfDistilledKernelRidgeCV,
    Spectrum,
    filters,
)
from distill_lib.kernel.kernels import ReluNTK, SplineGreen

BOTH = [SelfDistilledKernelRidge, SelfDistilledKernelRidgeCV]

# --- scikit-learn's contract ---------------------------------------------------------------------


@parametrize_with_checks(
    [
        SelfDistilledKernelRidge(),
        SelfDistilledKernelRidge("linear", alpha=[1.0, 0.5, 0.2], rounds=3),
        SelfDistilledKernelRidge(RBF(2.0)),
        SelfDistilledKernelRidge(ReluNTK(depth=2)),
        SelfDistilledKernelRidgeCV(),
        SelfDistilledKernelRidgeCV(lams=(0.1, 1.0), rounds=[1, 3], scoring="r2"),
        SelfDistilledKernelRidgeCV(alphas="optimal", rounds=2, unrestricted=True),
        SelfDistilledKernelRidgeCV(cv=3),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


#: These hand over a "kernel matrix" that is none: shifted, or cut to integers or single precision,
#: it has eigenvalues far below zero, and both estimators refuse it by design.
NO_KERNEL_MATRIX = {
    "check_positive_only_tag_during_fit",
    "check_estimators_dtypes",
    "check_regressors_train",
}


@pytest.mark.parametrize("Estimator", BOTH)
def test_scikit_learn_contract_precomputed(Estimator):
    names = set()
    for estimator, check in estimator_checks_generator(Estimator("precomputed"), mark="skip"):
        name = getattr(check, "func", check).__name__
        if name not in NO_KERNEL_MATRIX:
            check(estimator)
            names.add(name)
    assert {"check_estimators_pickle", "check_fit2d_1sample", "check_nonsquare_error"} <= names


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(40, 2))
    Y = np.stack([np.sin(5 * X[:, 0]), X[:, 0] * X[:, 1]], axis=1)
    return X, Y + 0.1 * rng.standard_normal(Y.shape), rng.uniform(size=(9, 2))


@pytest.mark.parametrize("Estimator", BOTH)
def test_targets_come_back_in_their_shape(Estimator, data):
    X, Y, X_new = data
    for y in (Y[:, 0], Y[:, :1], Y):
        assert Estimator().fit(X, y).predict(X_new).shape == (9, *y.shape[1:])


def test_outputs_are_fitted_one_by_one(data):
    X, Y, X_new = data
    together = SelfDistilledKernelRidge(rounds=3, alpha=0.3).fit(X, Y).predict(X_new)
    for j in range(2):
        alone = SelfDistilledKernelRidge(rounds=3, alpha=0.3).fit(X, Y[:, j]).predict(X_new)
        assert_allclose(together[:, j], alone, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["rbf", RBF(0.5), ReluNTK(), "precomputed"])
def test_the_order_of_the_points_does_not_matter(kernel, data):
    X, Y, X_new = data
    order = np.random.default_rng(1).permutation(len(X))
    given, shuffled, new = X, X[order], X_new
    if kernel == "precomputed":
        given, shuffled = rbf_kernel(X), rbf_kernel(X[order])
        new = rbf_kernel(X_new, X)
    one = SelfDistilledKernelRidge(kernel, rounds=3).fit(given, Y)
    two = SelfDistilledKernelRidge(kernel, rounds=3).fit(shuffled, Y[order])
    new_shuffled = new[:, order] if kernel == "precomputed" else new
    assert_allclose(two.predict(new_shuffled), one.predict(new), rtol=1e-9)
    assert_allclose(two.dual_coef_, one.dual_coef_[order], rtol=1e-9)


@pytest.mark.parametrize("Estimator", BOTH)
def test_clone_pickle_and_parameters(Estimator, data):
    X, Y, X_new = data
    model = Estimator(RBF(0.5), gamma=None, unrestricted=True).fit(X, Y)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X_new), model.predict(X_new))
    copy = clone(model)
    assert not hasattr(copy, "X_fit_")
    assert copy.get_params()["unrestricted"] is True
    copy.set_params(kernel__length_scale=2.0)
    assert copy.kernel.length_scale == 2.0
    assert model.kernel.length_scale == 0.5


@pytest.mark.parametrize("Estimator", BOTH)
def test_data_frames(Estimator, data):
    X, Y, X_new = data
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = Estimator().fit(frame, pd.DataFrame(Y))
    assert model.n_features_in_ == 2
    assert_array_equal(model.feature_names_in_, ["a", "b"])
    plain = Estimator().fit(X, Y)
    assert_array_equal(model.predict(pd.DataFrame(X_new, columns=["a", "b"])), plain.predict(X_new))
    assert not hasattr(plain, "feature_names_in_")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pd.DataFrame(X_new, columns=["b", "a"]))


def test_inside_pipelines_and_searches(data):
    X, Y, _ = data
    pipe = make_pipeline(StandardScaler(), SelfDistilledKernelRidge())
    assert cross_val_score(pipe, X, Y).shape == (5,)
    grid = {"lam": [0.1, 1.0], "kernel": ["rbf", SplineGreen(), "linear"]}
    search = GridSearchCV(SelfDistilledKernelRidge(), grid).fit(X[:, :1], Y)
    assert search.best_params_["lam"] == 0.1


@pytest.mark.parametrize("Estimator", BOTH)
def test_the_precomputed_matrix_is_left_alone(Estimator, data):
    X, Y, _ = data
    K, y = rbf_kernel(X), Y[:, 0]
    before_K, before_y = K.copy(), y.copy()
    Estimator("precomputed").fit(K, y)
    assert_array_equal(K, before_K)
    assert_array_equal(y, before_y)


def test_a_matrix_that_a_callable_keeps_is_left_alone(data):
    X, Y, _ = data
    kept = rbf_kernel(X)
    before = kept.copy()
    SelfDistilledKernelRidge(lambda X, Z=None: kept).fit(X, Y)
    assert_array_equal(kept, before)


# --- one setting ---------------------------------------------------------------------------------

KERNELS = [
    ("rbf", {}),
    ("rbf", {"gamma": 7.0}),
    ("linear", {}),
    ("poly", {"degree": 2, "coef0": 0.5, "gamma": 2.0}),
    ("laplacian", {}),
    ("cosine", {}),
]


@pytest.mark.parametrize(("kernel", "params"), KERNELS)
@pytest.mark.parametrize("lam", [0.01, 1.0, 100.0])
def test_one_round_is_scikit_learns_kernel_ridge(kernel, params, lam, data):
    X, Y, X_new = data
    ours = SelfDistilledKernelRidge(kernel, lam=lam, rounds=1, **params).fit(X, Y)
    theirs = KernelRidge(kernel=kernel, alpha=lam, **params).fit(X, Y)
    assert_allclose(ours.predict(X_new), theirs.predict(X_new), atol=1e-10)
    assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=1e-9)
    assert_array_equal(ours.targets_, Y)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, [0.9, 0.1, 0.5, 0.0]])
def test_rounds_are_refits_of_kernel_ridge(alpha, data):
    """Each round by scikit-learn on the mixed targets, predictions through its own predict."""
    X, Y, X_new = data
    model = SelfDistilledKernelRidge(lam=0.1, alpha=alpha, rounds=4).fit(X, Y)
    stages = list(model.staged_predict(X_new))
    assert len(stages) == 4
    teacher, targets = None, Y
    for tau, stage in enumerate(stages):
        if tau:
            weight = np.broadcast_to(alpha, 4)[tau]
            targets = weight * Y + (1 - weight) * teacher.predict(X)
        teacher = KernelRidge(kernel="rbf", alpha=0.1).fit(X, targets)
        assert_allclose(stage, teacher.predict(X_new), atol=1e-11)
    assert_allclose(model.targets_, targets, atol=1e-11)
    assert_allclose(model.predict(X_new), stages[-1], rtol=1e-14)


@pytest.mark.parametrize("lam", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_rounds_are_spectral_filters(lam, alpha, data):
    X, Y, X_new = data
    spectrum = Spectrum.from_gram(rbf_kernel(X, gamma=4.0))
    K_new = rbf_kernel(X_new, X, gamma=4.0)
    model = SelfDistilledKernelRidge(gamma=4.0, lam=lam, alpha=alpha, rounds=6).fit(X, Y)
    for tau, stage in enumerate(model.staged_predict(X_new), start=1):
        b = filters.distilled(spectrum.eigenvalues, lam, tau, alpha)
        expected = spectrum.predict(K_new, b, Y)
        assert_allclose(stage, expected, atol=1e-9 * np.abs(expected).max())


def test_weights_outside_the_unit_interval(data):
    X, Y, _ = data
    K = rbf_kernel(X)
    model = SelfDistilledKernelRidge(alpha=-0.5, unrestricted=True).fit(X, Y)
    S = linalg.solve(K + np.eye(40), K)
    assert_allclose(model.predict(X), S @ (-0.5 * Y + 1.5 * S @ Y), atol=1e-12)


def test_every_kind_of_kernel(data):
    X, Y, X_new = data
    reference = SelfDistilledKernelRidge("rbf", gamma=0.5).fit(X, Y).predict(X_new)

    def function(X, Z=None, width=3.0):
        return rbf_kernel(X, Z, gamma=1 / (2 * width**2))

    same = [
        SelfDistilledKernelRidge(RBF(1.0)).fit(X, Y).predict(X_new),
        SelfDistilledKernelRidge(function, kernel_params={"width": 1.0}).fit(X, Y).predict(X_new),
        SelfDistilledKernelRidge("precomputed")
        .fit(function(X, width=1.0), Y)
        .predict(function(X_new, X, width=1.0)),
    ]
    assert_allclose(same, [reference] * 3, rtol=1e-10)


def test_a_fit_factorises_once(data, monkeypatch):
    X, Y, _ = data
    calls = []
    factorise = linalg.cho_factor
    monkeypatch.setattr(linalg, "cho_factor", lambda *a, **k: calls.append(1) or factorise(*a, **k))
    SelfDistilledKernelRidge(rounds=20, alpha=0.3).fit(X, Y)
    assert len(calls) == 1


def test_a_single_precision_kernel_matrix(data):
    X, Y, X_new = data
    K, K_new = rbf_kernel(X), rbf_kernel(X_new, X)
    double = SelfDistilledKernelRidge("precomputed").fit(K, Y).predict(K_new)
    single = SelfDistilledKernelRidge("precomputed").fit(K.astype(np.float32), Y)
    assert single.dual_coef_.dtype == np.float64
    assert_allclose(single.predict(K_new.astype(np.float32)), double, atol=1e-5)
    SelfDistilledKernelRidgeCV("precomputed").fit(K.astype(np.float32), Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lam": 0.0}, "'lam' .* Got 0.0"),
        ({"lam": -1.0}, "'lam' .* Got -1.0"),
        ({"lam": np.inf}, "'lam' .* Got inf"),
        ({"lam": np.nan}, "'lam' .* Got nan"),
        ({"lam": "1"}, "'lam' .* Got '1'"),
        ({"lam": True}, "lam must be a number, got True"),
        ({"rounds": 0}, "'rounds' .* Got 0"),
        ({"rounds": 1.0}, "'rounds' .* Got 1.0"),
        ({"rounds": True}, "rounds must be a whole number"),
        ({"alpha": 1.1}, r"alpha must lie in \[0, 1\], got 1.1; pass unrestricted"),
        ({"alpha": -0.1}, r"alpha must lie in \[0, 1\], got -0.1; pass unrestricted"),
        ({"alpha": [0.1] * 3}, r"alpha must be .* shape \(2,\), got shape \(3,\)"),
        ({"alpha": [[0.1, 0.2]]}, r"alpha must be .* shape \(2,\), got shape \(1, 2\)"),
        ({"alpha": [0.1, np.nan]}, "alpha contains nan"),
        ({"alpha": None}, "'alpha' .* Got None"),
        ({"kernel": "gauss"}, "'kernel' .* Got 'gauss'"),
        ({"kernel": 3}, "'kernel' .* Got 3"),
        ({"gamma": -1.0}, "'gamma' .* Got -1.0"),
        ({"degree": -1}, "'degree' .* Got -1"),
        ({"coef0": np.nan}, "'coef0' .* Got nan"),
        ({"kernel_params": {"gamma": 1.0}}, "kernel_params must be None for kernel='rbf'"),
        ({"kernel_params": 3}, "'kernel_params' .* Got 3"),
        ({"unrestricted": 1}, "'unrestricted' .* Got 1"),
        ({"kernel": lambda X, Z=None: X}, r"must return shape \(40, 40\), got \(40, 2\)"),
        ({"kernel": lambda X, Z=None: np.tri(40)}, "kernel matrix must be symmetric"),
        ({"kernel": lambda X, Z=None: np.full((40, 40), np.inf)}, "kernel matrix contains inf"),
        ({"kernel": lambda X, Z=None: -2 * np.eye(40)}, "K .* lam I must be positive definite"),
        ({"kernel": "linear", "lam": 1e-17}, "positive definite .* lam = 1e-17: choose a larger"),
    ],
)
def test_refused_parameters(params, message, data):
    with pytest.raises((ValueError, TypeError), match=message):
        SelfDistilledKernelRidge(**params).fit(*data[:2])


@pytest.mark.parametrize("Estimator", BOTH)
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.full((20, 2), np.nan), np.ones(20), "X contains NaN"),
        (np.ones((20, 2)), np.full(20, np.inf), "y contains infinity"),
        (np.ones((20, 2)), np.ones(19), "inconsistent numbers of samples"),
        (np.ones((0, 2)), np.ones(0), "0 sample"),
        (np.ones((20, 0)), np.ones(20), "0 feature"),
        (np.ones(20), np.ones(20), "Expected 2D array"),
        (np.ones((20, 2)), np.ones((20, 2, 2)), "dim"),
        ([["a"]] * 20, np.ones(20), "could not convert string"),
    ],
)
def test_refused_data(Estimator, X, y, message):
    with pytest.raises(ValueError, match=message):
        Estimator().fit(X, y)


@pytest.mark.parametrize("Estimator", BOTH)
@pytest.mark.parametrize(
    ("K", "message"),
    [
        (np.ones((20, 19)), r"must be square, got shape \(20, 19\)"),
        (np.eye(20) + np.eye(20, k=1), "must be symmetric"),
        (-5 * np.eye(20), "positive"),
    ],
)
def test_refused_kernel_matrices(Estimator, K, message):
    with pytest.raises(ValueError, match=message):
        Estimator("precomputed").fit(K, np.ones(20))


@pytest.mark.parametrize("Estimator", BOTH)
def test_predictions_need_as_many_columns_as_the_fit(Estimator, data):
    X, Y, _ = data
    with pytest.raises(ValueError, match=r"3 features, but .* expecting 2"):
        Estimator().fit(X, Y).predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"39 features, but .* expecting 40"):
        Estimator("precomputed").fit(rbf_kernel(X), Y).predict(np.ones((4, 39)))


# --- cross-validation ----------------------------------------------------------------------------

LAMS, ALPHAS = (1e-3, 0.1, 3.0), (0.0, 0.4)


def fold_errors(X, Y, splits, lam, alpha, rounds, **params):
    """Negative mean squared error of a refit on every fold."""
    errors = []
    for train, test in splits:
        model = SelfDistilledKernelRidge(lam=lam, alpha=alpha, rounds=rounds, **params)
        prediction = model.fit(X[train], Y[train]).predict(X[test])
        errors.append(-((prediction - Y[test]) ** 2).mean())
    return errors


@pytest.mark.parametrize("cv", [3, KFold(4, shuffle=True, random_state=0), ShuffleSplit(3)])
@pytest.mark.parametrize("kernel", ["rbf", RBF(0.4) + WhiteKernel(0.01)])
def test_scores_are_those_of_refits(cv, kernel, data):
    X, Y, _ = data
    if isinstance(cv, ShuffleSplit):
        cv.random_state = 3
    search = SelfDistilledKernelRidgeCV(kernel, lams=LAMS, alphas=ALPHAS, rounds=3, cv=cv)
    search.fit(X, Y)
    splits = list((KFold(cv) if cv == 3 else cv).split(X))
    assert search.n_splits_ == len(splits)
    result = search.cv_results_
    assert result["mean_test_score"].shape == (3, 2, 3)
    for i, j, k in np.ndindex(3, 2, 3):
        expected = fold_errors(X, Y, splits, LAMS[i], ALPHAS[j], k + 1, kernel=kernel)
        assert_allclose(result["split_test_scores"][:, i, j, k], expected, rtol=1e-8)
        assert_allclose(result["mean_test_score"][i, j, k], np.mean(expected), rtol=1e-8)
        assert_allclose(result["std_test_score"][i, j, k], np.std(expected), rtol=1e-6)


@pytest.mark.parametrize("cv", [None, 5])
def test_precomputed_folds_slice_both_axes(cv, data):
    X, Y, X_new = data
    settings = {"lams": LAMS, "alphas": ALPHAS, "rounds": 4, "cv": cv}
    points = SelfDistilledKernelRidgeCV("rbf", **settings).fit(X, Y)
    matrix = SelfDistilledKernelRidgeCV("precomputed", **settings).fit(rbf_kernel(X), Y)
    for key in points.cv_results_:
        assert_array_equal(points.cv_results_[key], matrix.cv_results_[key])
    assert_allclose(matrix.predict(rbf_kernel(X_new, X)), points.predict(X_new), rtol=1e-12)


def test_the_winner_is_the_best_grid_point_fitted_to_all_data(data):
    X, Y, X_new = data
    rounds = [5, 3]  # not 1, so that forgetting them shows
    model = SelfDistilledKernelRidgeCV(lams=LAMS, alphas=ALPHAS, rounds=rounds).fit(X, Y)
    scores = model.cv_results_["mean_test_score"]
    assert model.best_score_ == scores.max()
    i, j, k = LAMS.index(model.lam_), ALPHAS.index(model.alpha_), rounds.index(model.rounds_)
    assert_allclose(scores[i, j, k], model.best_score_, rtol=1e-12)
    refit = SelfDistilledKernelRidge(lam=model.lam_, alpha=model.alpha_, rounds=model.rounds_)
    assert_array_equal(model.predict(X_new), refit.fit(X, Y).predict(X_new))


def test_agreement_with_grid_search(data):
    X, Y, _ = data
    grid = {"lam": LAMS, "alpha": ALPHAS, "rounds": [2, 5]}
    slow = GridSearchCV(SelfDistilledKernelRidge(), grid, scoring="r2").fit(X, Y)
    fast = SelfDistilledKernelRidgeCV(
        lams=LAMS, alphas=ALPHAS, rounds=grid["rounds"], scoring="r2", cv=5
    ).fit(X, Y)
    assert_allclose(fast.best_score_, slow.best_score_, rtol=1e-8)
    chosen = {"lam": fast.lam_, "alpha": fast.alpha_, "rounds": fast.rounds_}
    assert chosen == slow.best_params_


def test_scorers_by_name_and_as_callables(data):
    X, Y, _ = data
    default = SelfDistilledKernelRidgeCV(lams=LAMS, rounds=2).fit(X, Y)
    named = clone(default).set_params(scoring="neg_mean_squared_error").fit(X, Y)

    def scorer(estimator, X, y):
        return -np.square(estimator.predict(X) - y).mean()

    own = clone(default).set_params(scoring=scorer).fit(X, Y)
    for other in (named, own):
        assert_allclose(
            other.cv_results_["mean_test_score"], default.cv_results_["mean_test_score"], rtol=1e-12
        )


@pytest.mark.parametrize(("rounds", "tried"), [(3, [1, 2, 3]), (1, [1]), ([2, 7], [2, 7])])
def test_rounds_are_a_maximum_or_a_list(rounds, tried, data):
    X, Y, _ = data
    model = SelfDistilledKernelRidgeCV(rounds=rounds).fit(X, Y)
    assert_array_equal(model.cv_results_["rounds"], tried)
    assert model.cv_results_["mean_test_score"].shape == (10, 4, len(tried))


def test_ties_go_to_the_simplest(data):
    """With alpha = 1 all rounds are the same fit; a constant score ties the whole grid."""
    X, Y, _ = data
    same = SelfDistilledKernelRidgeCV(lams=[0.1], alphas=[1.0], rounds=[9, 4, 2]).fit(X, Y)
    assert same.rounds_ == 2
    tied = SelfDistilledKernelRidgeCV(
        lams=[0.1, 10.0, 1.0], alphas=[0.5, 0.2], scoring=lambda estimator, X, y: 1.0
    ).fit(X, Y)
    assert (tied.rounds_, tied.lam_, tied.alpha_) == (1, 10.0, 0.5)


def test_splitters_of_every_kind(data):
    X, Y, _ = data
    groups = np.arange(40) % 4
    grouped = SelfDistilledKernelRidgeCV(cv=GroupKFold(4)).fit(X, Y, groups=groups)
    pairs = list(GroupKFold(4).split(X, groups=groups))
    listed = SelfDistilledKernelRidgeCV(cv=pairs).fit(X, Y)
    assert grouped.best_score_ == listed.best_score_
    repeated = SelfDistilledKernelRidgeCV(cv=RepeatedKFold(n_splits=2, n_repeats=3)).fit(X, Y)
    assert repeated.n_splits_ == 6


def test_weights_outside_the_unit_interval_can_be_tried(data):
    X, Y, _ = data
    model = SelfDistilledKernelRidgeCV(
        lams=[0.1], alphas=[-1.0, 2.0], unrestricted=True, rounds=3, cv=5
    )
    scores = model.fit(X, Y).cv_results_["split_test_scores"]
    splits = list(KFold(5).split(X))
    for j, alpha in enumerate((-1.0, 2.0)):
        expected = fold_errors(X, Y, splits, 0.1, alpha, 3, unrestricted=True)
        assert_allclose(scores[:, 0, j, 2], expected, rtol=1e-8)


def test_one_decomposition_a_fold(data, monkeypatch):
    X, Y, _ = data
    calls = []
    decompose = linalg.eigh
    monkeypatch.setattr(linalg, "eigh", lambda *a, **k: calls.append(1) or decompose(*a, **k))
    SelfDistilledKernelRidgeCV(cv=4).fit(X, Y)
    assert len(calls) == 4


def leave_one_out(X, Y, lam, alpha, rounds, **params):
    """Predictions of a chain that is run anew without each point."""
    model = SelfDistilledKernelRidge(lam=lam, alpha=alpha, rounds=rounds, **params)
    return cross_val_predict(model, X, Y, cv=LeaveOneOut())


@pytest.mark.parametrize("cv", [None, "loo"])
def test_leave_one_out_is_that_of_refits(cv, data):
    X, Y, _ = data
    search = SelfDistilledKernelRidgeCV(lams=LAMS, alphas=ALPHAS, rounds=[1, 3], cv=cv).fit(X, Y)
    scores = search.cv_results_["split_test_scores"]
    assert search.n_splits_ == len(scores) == len(X)
    for i, j, k in np.ndindex(3, 2, 2):
        out = leave_one_out(X, Y, LAMS[i], ALPHAS[j], [1, 3][k])
        expected = -((out - Y) ** 2).reshape(len(X), -1).mean(1)
        assert_allclose(scores[:, i, j, k], expected, rtol=1e-8)
    assert_allclose(search.cv_results_["mean_test_score"], scores.mean(0), rtol=1e-12)


def test_leave_one_out_judges_all_predictions_at_once(data):
    X, Y, _ = data
    search = SelfDistilledKernelRidgeCV(lams=LAMS, alphas=ALPHAS, rounds=2, scoring="r2").fit(X, Y)
    out = leave_one_out(X, Y, LAMS[1], ALPHAS[0], 2)
    assert_allclose(search.cv_results_["mean_test_score"][1, 0, 1], r2_score(Y, out), rtol=1e-8)
    assert search.cv_results_["split_test_scores"].shape == (1, 3, 2, 2)
    assert search.n_splits_ == len(X)


@pytest.mark.parametrize("unrestricted", [False, True])
def test_optimal_weights_are_the_best_of_all(unrestricted, data):
    X, Y, X_new = data
    Y = Y + np.random.default_rng(5).standard_normal(Y.shape)
    settings = {"lams": LAMS, "rounds": [2, 3], "unrestricted": unrestricted}
    best = SelfDistilledKernelRidgeCV(alphas="optimal", **settings).fit(X, Y)
    assert best.alpha_.shape == (best.rounds_,)
    alphas, mean = best.cv_results_["alphas"], best.cv_results_["mean_test_score"]
    assert mean.shape == (3, 1, 2)
    for i, k in np.ndindex(3, 2):
        out = leave_one_out(X, Y, LAMS[i], alphas[i][k], k + 2, unrestricted=unrestricted)
        assert_allclose(mean[i, 0, k], -((out - Y) ** 2).mean(), rtol=1e-7)
    grid = SelfDistilledKernelRidgeCV(alphas=np.linspace(0, 1, 21), **settings).fit(X, Y)
    assert (mean >= grid.cv_results_["mean_test_score"].max(1, keepdims=True) - 1e-9).all()
    refit = SelfDistilledKernelRidge(
        lam=best.lam_, alpha=best.alpha_, rounds=best.rounds_, unrestricted=unrestricted
    )
    assert_array_equal(best.predict(X_new), refit.fit(X, Y).predict(X_new))


def test_leave_one_out_decomposes_once(data, monkeypatch):
    X, Y, _ = data
    calls = []
    decompose = linalg.eigh
    monkeypatch.setattr(linalg, "eigh", lambda *a, **k: calls.append(1) or decompose(*a, **k))
    SelfDistilledKernelRidgeCV().fit(X, Y)
    assert len(calls) == 1


def test_leave_one_out_needs_two_points():
    with pytest.raises(ValueError, match="n_samples = 1"):
        SelfDistilledKernelRidgeCV().fit([[1.0]], [1.0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lams": [0.1, 0.0]}, "lams must be > 0, got 0.0"),
        ({"lams": []}, "lams is empty"),
        ({"lams": 1.0}, "'lams' .* Got 1.0"),
        ({"lams": [[0.1]]}, "lams must be 1-dimensional"),
        ({"lams": [0.1, None]}, "lams must be an array of real numbers"),
        ({"alphas": [0.5, 1.5]}, r"alphas must lie in \[0, 1\], got 1.5; pass unrestricted"),
        ({"alphas": []}, "alphas is empty"),
        ({"alphas": [np.nan]}, "alphas contains nan"),
        ({"rounds": 0}, "'rounds' .* Got 0"),
        ({"rounds": [1, 0]}, "rounds must be >= 1, got 0"),
        ({"rounds": [1.0]}, "rounds must be a whole number"),
        ({"rounds": []}, "rounds is empty"),
        ({"cv": 1}, "'cv' .* Got 1"),
        ({"cv": 41}, "n_splits=41"),
        ({"cv": "five"}, "'cv' .* Got 'five'"),
        ({"alphas": "best"}, "'alphas' .* Got 'best'"),
        ({"alphas": "optimal", "cv": 5}, "alphas='optimal' needs cv=None and scoring=None, got"),
        ({"alphas": "optimal", "scoring": "r2"}, "alphas='optimal' needs cv=None"),
        ({"scoring": "best"}, "'scoring' .* Got 'best'"),
        ({"scoring": lambda estimator, X, y: np.nan}, "scoring must give finite numbers, got nan"),
        ({"kernel": lambda X, Z=None: np.ones((40, 1))}, "must return shape"),
        ({"kernel": "sigmoid", "gamma": 20.0}, "positive semidefinite"),
    ],
)
def test_refused_search_parameters(params, message, data):
    with pytest.raises((ValueError, TypeError), match=message):
        SelfDistilledKernelRidgeCV(**params).fit(*data[:2])
