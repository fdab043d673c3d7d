"""Wrong labels on real data: scores and choices again, by plain loops over gradient steps."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist, pdist

from distill_lib import datasets, noise
from distill_lib.kernel import noisy_data
from distill_lib.kernel.kernels import ReluNTK
from distill_lib.kernel.noisy_data import (
    CHOICES,
    METHODS,
    PATHS,
    SelfLabels,
    burn_in_map,
    error_paths,
    informative_energy,
    self_labels_against_stopping,
)

SETTINGS = {
    "data": "digits",
    "noises": [["symmetric", 0.4], ["pairs", 0.3]],
    "steps": [1, 7, 40, 200],
    "lams": [0.03, 0.3, 3.0],
    "late_lams": [0.0, 0.5],
    "burn_ins": [1, 5],
    "decays": [0.0, 0.7],
    "alphas": [0.2, 0.6],
    "temperatures": [0.1, 0.3],
    "n_train": 60,
    "n_validation": 50,
    "updates": 8,
    "epochs": 5,
    "seeds": 2,
    "seed": 3,
}
MAP = {
    "data": "digits",
    "noise_name": ["symmetric", 0.4],
    "burn_ins": [1, 4, 9],
    "decays": [0.0, 0.6],
    "n_train": 60,
    "updates": 8,
    "epochs": 5,
    "seeds": 2,
    "seed": 3,
}
ENERGY = {
    "data": "digits",
    "rates": [0.2, 0.5],
    "counts": [1, 9, 60],
    "steps": [0, 3, 50],
    "n_train": 60,
    "seeds": 2,
    "seed": 3,
}
PATH = {
    "data": "digits",
    "noise_name": ["symmetric", 0.4],
    "burn_in": 3,
    "decay": 0.6,
    "alpha": 0.2,
    "n_train": 60,
    "updates": 8,
    "epochs": 9,
    "seeds": 2,
    "seed": 3,
}


@pytest.fixture(scope="module")
def result():
    return self_labels_against_stopping(**SETTINGS)


@pytest.fixture(scope="module")
def energies():
    return informative_energy(**ENERGY)


@pytest.fixture(scope="module")
def mapped():
    return burn_in_map(**MAP)


@pytest.fixture(scope="module")
def paths():
    return error_paths(**PATH)


# ---------------------------------------------------------------- by plain gradient steps


class Plain:
    """One split with its kernel matrices; descent is a loop."""

    def __init__(self, settings, seed=0, level=0):
        noises = settings.get("noises") or [settings["noise_name"]]
        rng = np.random.default_rng(settings["seed"]).spawn(settings["seeds"])[seed]
        draw, *sources = rng.spawn(1 + len(noises))
        split = datasets.digits(settings["n_train"], settings.get("n_validation", 0), seed=draw)
        kind, rate = noises[level]
        self.given = [self.wrong(split.y_train, kind, rate, sources[level])]
        if len(split.y_validation):
            self.given.append(self.wrong(split.y_validation, kind, rate, sources[level]))
        self.split, self.y = split, np.eye(10)[self.given[0]]
        self.clean = np.eye(10)[split.y_train]
        X = split.X_train / np.sqrt((split.X_train**2).sum(1, keepdims=True))
        new = np.vstack([split.X_validation, split.X_test])
        new = new / np.sqrt((new**2).sum(1, keepdims=True))
        self.K, self.K_new = ReluNTK(depth=1)(X), ReluNTK(depth=1)(new, X)
        if "bandwidth" in settings:
            scale = settings["bandwidth"] * np.median(pdist(X) ** 2)
            self.K, self.K_new = (np.exp(-(cdist(A, X) ** 2) / scale) for A in (X, new))
        self.step = 1 / np.linalg.eigvalsh(self.K)[-1]
        self.updates = settings.get("updates")

    @staticmethod
    def wrong(labels, kind, rate, rng):
        if kind == "symmetric":
            return noise.symmetric(labels, rate, n_classes=10, rng=rng)
        flipped = np.roll(np.eye(10), 1, axis=1)
        return noise.asymmetric(labels, (1 - rate) * np.eye(10) + rate * flipped, rng=rng)

    def descend(self, u, target, steps):
        for _ in range(steps):
            u = u - self.step * self.K @ (u - target)
        return u

    def burnt_in(self, burn_in):
        return self.descend(np.zeros_like(self.y), self.y, burn_in * self.updates)

    def frozen(self, burn_in, weights, label, epochs):
        """Target after the last epoch, and all predictions from the end of the burn-in on."""
        us = [self.burnt_in(burn_in)]
        for t in range(epochs):
            alpha = weights(t, us[-1])
            target = alpha * self.y + (1 - alpha) * label(us[-1])
            us.append(self.descend(us[-1], target, self.updates))
        alpha = weights(epochs - 1, us[-2])
        return alpha * self.y + (1 - alpha) * label(us[-1]), us

    def scores(self, u):
        """(noisy, clean validation error), error, train error, distance, fitted."""
        f = self.K_new @ np.linalg.solve(self.K, u)
        m = len(self.split.y_validation)
        choices = [
            (f[:m].argmax(1) != labels).mean() if m else np.nan
            for labels in (self.given[-1], self.split.y_validation)
        ]
        error = (f[m:].argmax(1) != self.split.y_test).mean()
        train_error = (u.argmax(1) != self.split.y_train).mean()
        distance = np.linalg.norm(u - self.clean) / np.sqrt(len(u))
        return choices, (error, train_error, distance, (u.argmax(1) == self.given[0]).mean())


def hard(u):
    return np.eye(10)[u.argmax(1)]


def softmax(temperature):
    def label(u):
        e = np.exp(u / temperature)
        return e / e.sum(1, keepdims=True)

    return label


def candidates(plain, s):
    """Every method's predictions on the training points with their settings, in order."""
    K, y, epochs = plain.K, plain.y, s["epochs"]

    def ridge(targets, lam):
        return K @ np.linalg.solve(K + lam * np.eye(len(K)), targets)

    pairs = list(itertools.product(s["burn_ins"], s["decays"]))
    runs = {p: plain.frozen(p[0], lambda t, u, q=p[1]: q**t, hard, epochs) for p in pairs}
    refits = [(b, hard(plain.burnt_in(b))) for b in s["burn_ins"]]

    def disagreement(t, u):
        return (u.argmax(1) != plain.given[0]).mean() if t >= 0 else None

    adaptive = []
    for b in s["burn_ins"]:
        adaptive.append((plain.frozen(b, disagreement, hard, epochs)[0], {"burn_in": b}))
    geometric = [(runs[p][0], {"burn_in": p[0], "decay": p[1]}) for p in pairs]
    stops = sorted({0, 1, 2, 4, epochs})
    return {
        "to the end": [(y, {})],
        "stopped": [
            (plain.descend(np.zeros_like(y), y, m), {"steps": m}) for m in s["steps"]
        ],
        "ridge": [(ridge(y, lam), {"lam": lam}) for lam in s["lams"]],
        "hard refit": [(h, {"burn_in": b}) for b, h in refits],
        "hard refit, ridge": [
            (ridge(h, lam), {"burn_in": b, "lam": lam}) for b, h in refits for lam in s["late_lams"]
        ],
        "soft": [
            (plain.frozen(b, lambda t, u, q=q: q**t, lambda u: u, epochs)[0],
             {"burn_in": b, "decay": q}) for b, q in pairs
        ],
        "sharpened": [
            (plain.frozen(b, lambda t, u, q=q: q**t, softmax(T), epochs)[0],
             {"burn_in": b, "decay": q, "temperature": T})
            for b, q in pairs for T in s["temperatures"]
        ],
        "constant": [
            (plain.frozen(b, lambda t, u, a=a: a, hard, epochs)[0], {"burn_in": b, "alpha": a})
            for b in s["burn_ins"] for a in s["alphas"]
        ],
        "adaptive": adaptive,
        "geometric": geometric,
        "geometric, stopped": geometric + [
            (runs[b, q][1][e], {"burn_in": b, "decay": q, "steps": (b + e) * plain.updates})
            for b, q in pairs for e in stops
        ],
        "geometric, ridge": [
            (ridge(target, lam), setting | {"lam": lam})
            for target, setting in geometric for lam in s["late_lams"]
        ],
    }  # fmt: skip


def assert_same_choices(result, settings, seed, level):
    plain = Plain(settings, seed, level)
    assert_allclose(result.wrong[seed, level], (plain.given[0] != plain.split.y_train).mean())
    for k, (method, found) in enumerate(candidates(plain, settings).items()):
        assert method == METHODS[k]
        scored = [plain.scores(u) for u, _ in found]
        for c in range(len(CHOICES)):
            errors = [choices[c] for choices, _ in scored]
            i = int(np.argmin(errors))
            got = [getattr(result, f)[seed, level, c, k] for f in SelfLabels._fields[:5]]
            assert_allclose(got, [*scored[i][1], errors[i]], rtol=1e-7, err_msg=method)
            for name in noisy_data.SETTINGS:
                value = getattr(result, name)[seed, level, c, k]
                assert_allclose(value, found[i][1].get(name, np.nan), err_msg=f"{method}, {name}")


@pytest.mark.parametrize(("seed", "level"), [(0, 0), (1, 0), (1, 1)])
def test_every_choice_and_score(result, seed, level):
    assert_same_choices(result, SETTINGS, seed, level)


def test_every_choice_and_score_of_a_gaussian_kernel():
    settings = SETTINGS | {"bandwidth": 0.3, "seeds": 1, "noises": SETTINGS["noises"][:1]}
    assert_same_choices(self_labels_against_stopping(**settings), settings, 0, 0)


def test_the_comparison_sees_different_choices(result):
    assert len(np.unique(result.steps[..., METHODS.index("stopped")])) > 1
    assert len(np.unique(result.burn_in[..., METHODS.index("geometric")])) > 1
    assert (result.error[:, :, 0] != result.error[:, :, 1]).any()
    assert_allclose(result.wrong, [[0.4, 0.3]] * 2, atol=0.05)


def test_the_map_by_gradient_steps(mapped):
    for seed in range(2):
        plain = Plain(MAP, seed)
        for i, burn_in in enumerate(MAP["burn_ins"]):
            _, stopped = plain.scores(plain.burnt_in(burn_in))
            assert_allclose([field[seed, i] for field in mapped[4:]], stopped, rtol=1e-7)
            for j, q in enumerate(MAP["decays"]):
                target, _ = plain.frozen(burn_in, lambda t, u, q=q: q**t, hard, MAP["epochs"])
                _, end = plain.scores(target)
                assert_allclose([field[seed, i, j] for field in mapped[:4]], end, rtol=1e-7)
    assert len(np.unique(mapped.error)) > 6


def test_the_paths_by_gradient_steps(paths):
    burn_in, q, alpha = PATH["burn_in"], PATH["decay"], PATH["alpha"]
    after = {
        "descent": (lambda t, u: 1.0, hard),
        "soft": (lambda t, u: q**t, lambda u: u),
        "constant": (lambda t, u: alpha, hard),
        "adaptive": (None, hard),
        "geometric": (lambda t, u: q**t, hard),
    }
    for seed in range(2):
        plain = Plain(PATH, seed)
        for k, name in enumerate(PATHS):
            weights, label = after[name]
            if weights is None:
                weights = lambda t, u: (u.argmax(1) != plain.given[0]).mean()  # noqa: E731, B023
            _, us = plain.frozen(burn_in, weights, label, PATH["epochs"] - burn_in)
            us = [plain.burnt_in(b) for b in range(burn_in)] + us
            scores = np.array([plain.scores(u)[1] for u in us])
            for field, expected in zip(paths[:4], scores.T, strict=True):
                # At the start all predictions are equal; the rest is what training makes of it.
                assert_allclose(field[seed, k, 1:], expected[1:], rtol=1e-7, err_msg=name)
            used = [1.0] * burn_in + [weights(t, u) for t, u in enumerate(us[burn_in:-1])]
            assert_allclose(paths.weight[seed, k], used)


def test_energies_and_errors_by_plain_sums(energies):
    n = ENERGY["n_train"]
    for seed in range(2):
        for v, rate in enumerate(ENERGY["rates"]):
            noises = [("symmetric", r) for r in ENERGY["rates"]]
            plain = Plain(ENERGY | {"noises": noises}, seed, v)
            values, vectors = np.linalg.eigh(plain.K)
            clean = plain.clean - plain.clean.mean(0)
            given = plain.y - plain.y.mean(0)
            chance = np.full((10, 10), rate / 9) + (1 - rate - rate / 9) * np.eye(10)
            expected = chance[plain.split.y_train]
            parts = {
                "clean_share": clean,
                "given_share": given,
                "noise_share": given - clean,
                "fluctuation_share": given - (expected - expected.mean(0)),
            }
            for i, k in enumerate(ENERGY["counts"]):
                assert_allclose(energies.eigenvalues[seed, i], values[n - k])
                for name, part in parts.items():
                    top = sum(((vectors[:, n - j] @ part) ** 2).sum() for j in range(1, k + 1))
                    field = getattr(energies, name)[seed]
                    got = field[i] if name == "clean_share" else field[v, i]
                    assert_allclose(got, top / (part**2).sum(), atol=1e-10, err_msg=name)
            for t, steps in enumerate(ENERGY["steps"]):
                u = plain.descend(np.zeros_like(plain.y), plain.y, steps)
                _, (error, train_error, distance, fitted) = plain.scores(u)
                assert_allclose(energies.distance[seed, v, t], distance)
                if steps:
                    got = [f[seed, v, t] for f in (energies.error, energies.train_error)]
                    assert_allclose([*got, energies.fitted[seed, v, t]],
                                    [error, train_error, fitted])  # fmt: skip


def test_noise_is_shrinkage_and_a_fluctuation_without_direction():
    """With all of the noise's two parts: their energies add up as they should, share by share."""
    run = informative_energy(**ENERGY | {"n_train": 300, "counts": [9, 30, 300], "seeds": 4})
    mean = {name: getattr(run, name).mean(0) for name in run._fields}
    k_over_n = np.array([9, 30, 300]) / 300
    assert_allclose(mean["fluctuation_share"][1], k_over_n, atol=0.03)
    assert (mean["noise_share"][1, :2] > mean["fluctuation_share"][1, :2]).all()
    assert (mean["clean_share"][:2] > mean["given_share"][1, :2]).all()
    s = 1 - np.array(ENERGY["rates"]) * 10 / 9
    spread = 1 - (1 - np.array(ENERGY["rates"])) ** 2 - np.array(ENERGY["rates"]) ** 2 / 9
    weight = ((1 - s) ** 2 * 0.9)[:, None] / ((1 - s) ** 2 * 0.9 + spread)[:, None]
    mixed = weight * mean["clean_share"] + (1 - weight) * mean["fluctuation_share"]
    assert_allclose(mean["noise_share"], mixed, atol=0.02)


# ------------------------------------------------------------------------ what must be so


def test_shapes(result, energies, mapped, paths):
    for field in result[:-1]:
        assert field.shape == (2, 2, len(CHOICES), len(METHODS))
    assert result.wrong.shape == (2, 2)
    assert energies.clean_share.shape == (2, 3)
    assert energies.noise_share.shape == energies.error.shape == (2, 2, 3)
    assert mapped.error.shape == (2, 3, 2)
    assert mapped.stopped_error.shape == (2, 3)
    assert paths.error.shape == (2, len(PATHS), 10)
    assert paths.weight.shape == (2, len(PATHS), 9)


def test_which_settings_a_method_has(result):
    for name, methods in {
        "steps": {"stopped", "geometric, stopped"},
        "lam": {"ridge", "hard refit, ridge", "geometric, ridge"},
        "alpha": {"constant"},
        "temperature": {"sharpened"},
    }.items():
        known = np.isfinite(getattr(result, name)).any(axis=(0, 1, 2))
        assert {m for m, k in zip(METHODS, known, strict=True) if k} <= methods
    assert np.isnan(result.burn_in[..., :3]).all()
    assert np.isfinite(result.burn_in[..., 3:]).all()


def test_more_candidates_never_have_a_larger_validation_error(result):
    by = dict(zip(METHODS, np.moveaxis(result.validation, -1, 0), strict=True))
    assert (by["hard refit, ridge"] <= by["hard refit"]).all()
    assert (by["geometric, stopped"] <= by["geometric"]).all()
    assert (by["geometric, ridge"] <= by["geometric"]).all()


def test_the_end_learns_all_wrong_labels(result):
    assert_allclose(result.fitted[..., 0], 1)
    assert_allclose(result.train_error[..., 0], np.repeat(result.wrong[:, :, None], 2, axis=2))
    assert_allclose(result.distance[..., 0] ** 2, 2 * result.train_error[..., 0])


def test_nothing_is_chosen_on_the_test_part(result, monkeypatch):
    original = datasets.digits

    def other_test_part(*sizes, seed):
        split = original(*sizes, seed=seed)
        return split._replace(X_test=split.X_test[::3] + 1, y_test=9 - split.y_test[::3])

    monkeypatch.setattr(datasets, "digits", other_test_part)
    other = self_labels_against_stopping(**SETTINGS)
    for name in SelfLabels._fields[1:]:
        assert_allclose(getattr(other, name), getattr(result, name), rtol=1e-12, err_msg=name)
    assert (other.error != result.error).all()


@pytest.mark.parametrize(
    ("function", "settings", "whole"),
    [
        (self_labels_against_stopping, SETTINGS | {"noises": SETTINGS["noises"][:1]}, "result"),
        (burn_in_map, MAP, "mapped"),
        (informative_energy, ENERGY | {"rates": ENERGY["rates"][:1]}, "energies"),
        (error_paths, PATH, "paths"),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_the_first_seed_and_noise_do_not_depend_on_the_others(function, settings, whole, request):
    part, whole = function(**settings | {"seeds": 1}), request.getfixturevalue(whole)
    for name, field, all_of_them in zip(part._fields, part, whole, strict=True):
        first = all_of_them[:1, :1] if all_of_them.ndim == len(field.shape) else all_of_them
        if name in ("eigenvalues", "clean_share") or function in (burn_in_map, error_paths):
            first = all_of_them[:1]
        assert_allclose(field, first, rtol=1e-9, err_msg=name)


def test_long_training_of_clean_clusters_recovers_the_labels():
    """Enough digits, little noise: self-labels undo most of it, the end of descent nothing."""
    run = burn_in_map("digits", ["symmetric", 0.2], [4], [0.8], n_train=300, seeds=2, seed=0)
    assert (run.train_error < 0.06).all()
    assert (run.error < 0.08).all()
    assert (run.distance < 0.4).all()
    assert (run.distance < run.stopped_distance[..., None]).all()


# ----------------------------------------------------------------------------- other data


def as_mnist(wanted, rng, size):
    """Digits in the place of MNIST."""
    assert size == 14
    split = datasets.digits(*wanted[:2], seed=rng)
    return split._replace(X_test=split.X_test[: wanted[2]], y_test=split.y_test[: wanted[2]])


def test_mnist_has_a_test_part_of_its_own(monkeypatch):
    monkeypatch.setattr(datasets, "mnist", lambda *w, seed, size: as_mnist(w, seed, size))
    run = burn_in_map(**MAP | {"data": "mnist", "n_test": 50, "size": 14})
    assert (np.abs(run.error * 50 - np.round(run.error * 50)) < 1e-9).all()


def test_some_classes_only(monkeypatch):
    kernel = noisy_data._kernel(1)
    monkeypatch.setattr(datasets, "mnist", lambda *w, seed, size: as_mnist(w, seed, size))
    drawing = noisy_data._drawing("mnist", [("symmetric", 0.25)], 40, 0, 20, 14, kernel, [3, 8])
    (problem,) = noisy_data._problems(drawing, 1, 0)
    assert (problem.n_classes, len(problem.clean), len(problem.y_test)) == (2, 40, 20)
    assert set(problem.clean) == {0, 1}
    assert (problem.given[0][0] != problem.clean).sum() == 10
    assert problem.targets(0).shape == (40, 2)
    # three against eight: renumbered in ascending order
    rng = np.random.default_rng(0).spawn(1)[0].spawn(2)[0]
    split = datasets.digits(400, 0, seed=rng)
    kept = split.y_train[np.isin(split.y_train, [3, 8])][:40]
    assert_array_equal(problem.clean, (kept == 8).astype(int))
    drawing = noisy_data._drawing("mnist", [("symmetric", 0.25)], 40, 0, 20, 14, kernel, [11, 12])
    with pytest.raises(ValueError, match=r"too few images of the classes \[11, 12\]: 0 < 40"):
        next(noisy_data._problems(drawing, 1, 0))


def test_human_labels(monkeypatch):
    def small(n_train, n_validation, n_test, *, labels, seed, size):
        assert size == 8
        s = datasets.digits(n_train, n_validation, seed=seed)
        shift = {"worse": 1, "random1": 2}[labels]
        wrong = [(y + shift * (np.arange(len(y)) % 4 == 0)) % 10 for y in s[1:4:2]]
        train, validation = s[:2], s[2:4]
        test = s.X_test[:n_test], s.y_test[:n_test]
        parts = [
            (X, y_wrong, y) for (X, y), y_wrong in zip((train, validation), wrong, strict=True)
        ]
        return datasets.NoisySplit(*parts[0], *parts[1], *test)

    monkeypatch.setattr(datasets, "cifar10n", small)
    settings = SETTINGS | {"data": "cifar10n", "noises": ["worse", "random1"], "n_test": 90,
                           "size": 8}  # fmt: skip
    run = self_labels_against_stopping(**settings)
    assert_allclose(run.wrong, 0.25)
    assert (np.abs(run.error * 90 - np.round(run.error * 90)) < 1e-9).all()
    assert (run.error[:, 0] != run.error[:, 1]).any()
    assert_allclose(run.distance[..., 0], np.sqrt(0.5))


def test_a_blank_image_has_no_direction(monkeypatch):
    def blank(*sizes, seed):
        split = original(*sizes, seed=seed)
        split.X_test[3] = 0
        return split

    original = datasets.digits
    monkeypatch.setattr(datasets, "digits", blank)
    with pytest.raises(ValueError, match="an image is blank"):
        burn_in_map(**MAP)


# ---------------------------------------------------------------------------- the summary


def made_up(error):
    """A result with errors (s, methods) for one noise and both choices."""
    error = np.repeat(np.array(error, float)[:, None, None], 2, axis=2)
    return SelfLabels(*[error] * 11, np.zeros((len(error), 1)))


def test_paired_differences():
    error = np.zeros((3, len(METHODS)))
    error[:, 1] = [5, 6, 7]  # stopped
    error[:, 9] = [4, 6 - 1e-14, 9]
    paired = made_up(error).paired()
    assert_allclose(paired.mean[0, 0, [1, 9]], [0, 1 / 3], atol=1e-12)
    assert_allclose(paired.standard_error[0, 0, 9], np.std([-1, 0, 2], ddof=1) / np.sqrt(3))
    assert (paired.better[0, 0, 9], paired.worse[0, 0, 9]) == (1, 1)
    other = made_up(error).paired("geometric", "distance")
    assert_allclose(other.mean[0, 1, [1, 9]], [-1 / 3, 0], atol=1e-12)


def test_summaries_refuse(result):
    with pytest.raises(ValueError, match=r"baseline must be one of to the end, .*, got 'none'"):
        result.paired("none")
    with pytest.raises(ValueError, match=r"measure must be 'error', .*, got 'fitted'"):
        result.paired(measure="fitted")
    with pytest.raises(ValueError, match="at least 2 seeds, got 1"):
        made_up(np.zeros((1, len(METHODS)))).paired()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "iris"}, "data must be one of digits, mnist, cifar10n, got 'iris'"),
        ({"noises": []}, "noises is empty"),
        (
            {"noises": ["worse"]},
            r"a noise must be a pair \(symmetric or pairs, rate\), got 'worse'",
        ),
        ({"noises": [["odd", 0.1]]}, "a noise must be a pair"),
        ({"noises": [["symmetric", 1.5]]}, "rate must lie in"),
        ({"steps": [0]}, "steps must be >= 1"),
        ({"lams": [0.0]}, "lams must be > 0"),
        ({"late_lams": [-1.0]}, "late_lams must be >= 0"),
        ({"burn_ins": [0]}, "burn_ins must be >= 1"),
        ({"decays": [1.5]}, "decays must lie in"),
        ({"alphas": [-0.5]}, "alphas must lie in"),
        ({"temperatures": [0.0]}, "temperatures must be > 0"),
        ({"n_validation": 0}, "n_validation must be >= 1"),
        ({"n_test": 10}, "not for digits"),
        ({"size": 8}, "not for digits"),
        ({"depth": 0}, "depth must be >= 1"),
        ({"bandwidth": 0.0}, "bandwidth must be > 0"),
        ({"updates": 0}, "updates must be >= 1"),
        ({"epochs": 0}, "epochs must be >= 1"),
        ({"seeds": 0}, "seeds must be >= 1"),
        ({"seed": None}, "seed must be a whole number"),
        ({"data": "mnist", "size": 5, "n_test": 9}, "size must be a divisor of 28"),
    ],
)
def test_refuses(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        self_labels_against_stopping(**SETTINGS | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": [0.0]}, "rates must be > 0"),
        ({"rates": [1.1]}, "rates must lie in"),
        ({"rates": 0.2}, "rates must be 1-dimensional"),
        ({"counts": [0]}, "counts must be >= 1"),
        ({"counts": [61]}, "counts must be <= n_train = 60, got 61"),
        ({"steps": [-1]}, "steps must be >= 0"),
        ({"data": "cifar10n"}, "symmetric noise is for digits and mnist"),
    ],
)
def test_energy_refuses(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        informative_energy(**ENERGY | change)


def test_map_and_paths_refuse():
    with pytest.raises(ValueError, match="burn_ins must be >= 1"):
        burn_in_map(**MAP | {"burn_ins": [0]})
    with pytest.raises(ValueError, match="decays must lie in"):
        burn_in_map(**MAP | {"decays": [2.0]})
    with pytest.raises(ValueError, match="decays must be 1-dimensional"):
        burn_in_map(**MAP | {"decays": 0.5})
    with pytest.raises(ValueError, match="burn_in must be >= 0"):
        error_paths(**PATH | {"burn_in": -1})
    with pytest.raises(ValueError, match="alpha must lie in"):
        error_paths(**PATH | {"alpha": 2.0})
    with pytest.raises(ValueError, match="epochs must be >= 1"):
        error_paths(**PATH | {"epochs": 0})
