"""Rounds: against a plain loop, ridge regression in closed form, and after a real kill."""

import functools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from torch import nn
from torch.nn import functional as F

from distill_lib.deep import losses, models, rounds, train
from tests.deep import distillation_run
from tests.deep.distillation_run import make_data, make_model

ROOT = Path(__file__).parents[2]
QUICK = {"epochs": 4, "batch_size": 10, "lr": 0.1}


def distil(data=None, loss=losses.squared_error, make=make_model, **settings):
    data = make_data() if data is None else data
    return rounds.self_distill(make, data, loss, **{**QUICK, "seed": 2, **settings})


def plain_training(model, X, rows, loss, seed, *, epochs, batch_size, lr):
    """Write out SGD with momentum and a cosine schedule."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = lr * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        for batch in torch.randperm(len(X), generator=order).split(batch_size):
            optimizer.zero_grad()
            loss(model(X[batch]), rows[batch]).backward()
            optimizer.step()
    return model(X).detach()


def brier(z, q):
    return ((F.softmax(z, 1) - q) ** 2).sum(1).mean()


def softened(z, q, T=3.0):
    return T * T * -(q * F.log_softmax(z / T, 1)).sum(1).mean()


# ------------------------------------------------------------------------ one after another


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_rounds_are_those_of_a_plain_loop(temperature):
    data, alphas = make_data(), [0.3, 0.7, 0.2]
    given = F.one_hot(data.targets, 3).float()
    hot = temperature != 1
    found = distil(
        loss=losses.cross_entropy if hot else losses.squared_error,
        rounds=3, alpha=alphas, temperature=temperature,
    )  # fmt: skip
    cold = functools.partial(softened, T=1.0)
    rows = given
    for number, generation in enumerate(found):
        seed = 2 + 1000 * number
        loss = brier if not hot else softened if number else cold
        z = plain_training(make_model(seed), data.X, rows, loss, seed, **QUICK)
        assert_allclose(generation.outputs, z, atol=2e-5)
        assert generation.alpha == (alphas[number] if number else 1)
        if number + 1 < len(found):
            alpha = alphas[number + 1]
            rows = alpha * given + (1 - alpha) * F.softmax(z / temperature, 1)


def test_what_a_round_holds():
    data = make_data()
    _, second = distil(data, rounds=2, alpha=0.5)
    with torch.no_grad():
        assert torch.equal(second.outputs, second.model(data.X))
        assert torch.equal(second.validation, second.model(data.validation[0]))
    assert torch.equal(second.probabilities, second.outputs.softmax(1))
    assert torch.equal(second.validation_probabilities, second.validation.softmax(1))
    right = (second.outputs.argmax(1) == data.targets).double().mean()
    assert second.history.train_accuracy[-1] == right  # on the given labels, not the teacher's
    assert second.raw_alpha is None
    assert second.trainings == 1
    assert second.seconds > 0


def test_full_weight_on_the_labels_forgets_the_teacher():
    found = distil(rounds=2, alpha=1.0)
    fresh = distil(rounds=1, seed=1002)[0]
    assert_allclose(found[1].outputs, fresh.outputs, atol=1e-6)
    teacher_only = distil(rounds=2, alpha=0.0)[1]
    assert (teacher_only.outputs - fresh.outputs).abs().max() > 0.01


def test_warm_students_start_where_their_teacher_ended():
    still = {"lr": 1e-12, "rounds": 2, "alpha": 0.5}
    first, warm = distil(warm_start=True, **still)
    assert_allclose(warm.outputs, first.outputs, atol=1e-6)
    assert warm.model is not first.model
    first, fresh = distil(**still)
    assert (fresh.outputs - first.outputs).abs().max() > 0.05


def test_hard_labels_are_one_hot():
    seen = []

    def spy(outputs, targets):
        seen.append(targets)
        return losses.cross_entropy(outputs, targets)

    data = make_data()._replace(validation=None)
    first, _ = distil(data, spy, rounds=2, target="hard", batch_size=40, epochs=1)
    assert_array_equal(seen[1].argmax(1).sort().values, first.outputs.argmax(1).sort().values)
    assert set(seen[1].unique().tolist()) == {0.0, 1.0}


def test_targets_may_be_rows():
    data = make_data()
    rows = data._replace(targets=F.one_hot(data.targets, 3).float(), labels=data.targets)
    for a, b in zip(*(distil(d, rounds=2, alpha=0.4) for d in (data, rows)), strict=True):
        assert torch.equal(a.outputs, b.outputs)
        assert_array_equal(a.history.train_accuracy, b.history.train_accuracy)


# ------------------------------------------------------------------- the linear case: ridge


def linear(alpha, **settings):
    """Ridge regression by gradient descent, and what it needs in closed form."""
    rng = np.random.default_rng(0)
    X, V = rng.standard_normal((12, 4)), rng.standard_normal((30, 4))
    truth = rng.standard_normal((4, 3))
    y, v = X @ truth + 2 * rng.standard_normal((12, 3)), V @ truth
    data = train.Data.from_arrays(X, y, validation=(V, v), dtype=torch.float64)

    def make(seed):
        model = nn.Linear(4, 3, bias=False, dtype=torch.float64)
        return model

    settings = {
        "epochs": 450, "batch_size": 12, "lr": 0.1, "weight_decay": 0.5, "schedule": "constant",
        "target": "outputs", "seed": 0, **settings,
    }  # fmt: skip
    K, lam = X @ X.T, 12 * 0.5 / 2
    dual = np.linalg.inv(K + lam * np.eye(12))
    return (make, data, losses.squared_error_on_outputs), settings, (K, V @ X.T, dual, y, v)


def test_rounds_of_ridge_regression():
    alphas = [1.0, 0.3, 0.8]
    arguments, settings, (K, K_new, dual, y, _) = linear(alphas)
    found = rounds.self_distill(*arguments, rounds=3, alpha=alphas, **settings)
    rows = y
    for number, generation in enumerate(found):
        assert_allclose(generation.outputs, K @ dual @ rows, atol=1e-9)
        assert_allclose(generation.validation, K_new @ dual @ rows, atol=1e-9)
        if number < 2:
            alpha = alphas[number + 1]
            rows = alpha * y + (1 - alpha) * K @ dual @ rows


def test_the_estimate_is_exact_for_ridge_regression():
    arguments, settings, (K, K_new, dual, y, v) = linear("estimate")
    teacher, student = rounds.self_distill(
        *arguments, rounds=2, alpha="estimate", unrestricted=True, **settings
    )

    def error(alpha):
        f = K_new @ dual @ (alpha * y + (1 - alpha) * K @ dual @ y)
        return ((f - v) ** 2).sum(1).mean()

    best = minimize_scalar(error, bracket=(-1, 2), tol=1e-12).x
    assert student.raw_alpha == student.alpha == pytest.approx(best, abs=1e-6)
    assert student.trainings == 2
    grid = rounds.alpha_grid(*arguments, teacher, alphas=[-1, best - 0.1, best, 2.0], **settings)
    assert_allclose(grid.errors, [error(a) for a in grid.alphas], rtol=1e-8)
    assert grid.best == best
    assert grid.trainings == 4


# ---------------------------------------------------------------------------- estimates


def test_estimate_alpha():
    rng = np.random.default_rng(0)
    f, g = rng.dirichlet(np.ones(3), (2, 20))
    y = rng.integers(0, 3, 20)
    found = rounds.estimate_alpha(torch.from_numpy(y), torch.from_numpy(f), g)
    rows = np.eye(3)[y]
    best = minimize_scalar(lambda a: ((a * f + (1 - a) * g - rows) ** 2).sum()).x
    assert found.raw == pytest.approx(best, abs=1e-6)
    assert found.raw == rounds.estimate_alpha(rows, f, g).raw
    assert rounds.estimate_alpha(y, g, f).raw == pytest.approx(1 - best, abs=1e-6)
    past = rounds.estimate_alpha(1.5 * f - 0.5 * g, f, g)
    assert past.raw == pytest.approx(1.5)
    assert past.clipped == 1
    assert rounds.estimate_alpha(1.5 * g - 0.5 * f, f, g).clipped == 0
    with pytest.raises(ValueError, match="coincide"):
        rounds.estimate_alpha(y, f, f)
    with pytest.raises(ValueError, match="y holds class 3"):
        rounds.estimate_alpha([3] * 20, f, g)
    with pytest.raises(ValueError, match="shape"):
        rounds.estimate_alpha(y[:5], f, g)


def test_the_estimate_in_a_network():
    data = make_data()
    first, second, third = distil(data, rounds=3, alpha="estimate", unrestricted=True)
    pure = distil(data, rounds=2, alpha=0.0)[1]
    arguments = (data.validation[1], first.validation.softmax(1), pure.validation.softmax(1))
    assert second.raw_alpha == second.alpha == rounds.estimate_alpha(*arguments).raw
    again = distil(data, rounds=3, alpha=[1, second.alpha, third.alpha], unrestricted=True)
    for a, b in zip((first, second, third), again, strict=True):
        assert torch.equal(a.outputs, b.outputs)
    assert [g.trainings for g in (first, second, third)] == [1, 2, 2]


@pytest.mark.parametrize(("best", "trainings"), [(-1.0, 1), (2.0, 2)])
def test_estimates_outside_are_clipped(best, trainings):
    """Validation labels beyond one of the two networks make the estimate what we want."""
    data = make_data()
    first, pure = distil(data, rounds=2, alpha=0.0)
    f, g = first.validation.softmax(1), pure.validation.softmax(1)
    made_up = data._replace(validation=(data.validation[0], best * f + (1 - best) * g))
    student = distil(made_up, rounds=2, alpha="estimate")[1]
    assert student.raw_alpha == pytest.approx(best, abs=1e-3)
    assert student.alpha == min(max(best, 0), 1)
    assert student.trainings == trainings
    expected = pure if trainings == 1 else distil(data, rounds=2, alpha=1.0)[1]
    assert torch.equal(student.outputs, expected.outputs)


def test_grid_students_are_those_of_round_two():
    data = make_data()
    teacher = distil(data, rounds=1)[0]
    grid = rounds.alpha_grid(
        make_model, data, losses.squared_error, teacher, alphas=[0, 0.5, 1], seed=2, **QUICK
    )
    for alpha, student in zip(grid.alphas, grid.students, strict=True):
        assert torch.equal(student.outputs, distil(data, rounds=2, alpha=float(alpha))[1].outputs)
    rows = F.one_hot(data.validation[1], 3)
    errors = [((s.validation.softmax(1) - rows) ** 2).sum(1).mean() for s in grid.students]
    assert_allclose(grid.errors, errors, rtol=1e-6)
    assert grid.best == grid.alphas[int(np.argmin(errors))]
    assert grid.trainings == 3
    assert grid.seconds == pytest.approx(sum(s.seconds for s in grid.students))


def test_an_ensemble_averages_probabilities():
    data = make_data()
    found = distil(data, rounds=3, alpha=0.5)
    expected = sum(g.validation.softmax(1) for g in found) / 3
    assert_allclose(rounds.ensemble(found, data.validation[0]), expected, atol=1e-6)
    with pytest.raises(ValueError, match="at least one round"):
        rounds.ensemble([], data.X)


# ------------------------------------------------------------------------------- stacks


STACKED = [
    {"alpha": 0.0},
    {"alpha": [1.0, 0.3, 0.9], "warm_start": True},
    {"alpha": "estimate"},
    {"alpha": 0.4, "target": "hard"},
    {"alpha": 0.4, "temperature": 2.0},
]


@pytest.mark.parametrize("settings", STACKED, ids=str)
def test_a_stack_does_what_its_networks_do_alone(settings):
    loss = losses.cross_entropy if "temperature" in settings else losses.squared_error
    data, seeds = make_data(), [2, 9]
    stacked = rounds.stacked_self_distill(
        (5, 12, 3), data, loss, rounds=3, seeds=seeds, **QUICK, **settings
    )
    for s, seed in enumerate(seeds):
        alone = distil(data, loss, rounds=3, seed=seed, **settings)
        for one, all_ in zip(alone, stacked, strict=True):
            assert_allclose(all_.outputs[s], one.outputs, atol=5e-5)
            assert_allclose(all_.validation[s], one.validation, atol=5e-5)
            assert all_.alpha[s] == pytest.approx(one.alpha, abs=1e-3)
            got = all_.history.network(s).train_accuracy
            assert_allclose(got, one.history.train_accuracy, atol=1e-9)
            if one.raw_alpha is not None:
                assert all_.raw_alpha[s] == pytest.approx(one.raw_alpha, abs=1e-3)
    mean = rounds.ensemble(stacked, data.X)
    assert_allclose(mean, sum(r.outputs.softmax(-1) for r in stacked) / 3, atol=1e-5)


def test_a_stack_with_own_data_and_weights():
    data = make_data()
    flipped = data._replace(
        X=torch.stack([data.X, -data.X]),
        targets=torch.stack([data.targets, 2 - data.targets]),
        validation=tuple(torch.stack([v, v]) for v in data.validation),
    )
    alphas = np.array([[1, 1], [0.9, 0.1]])
    stacked = rounds.stacked_self_distill(
        (5, 12, 3), flipped, losses.squared_error, rounds=2, alpha=alphas, seeds=[2, 2], **QUICK
    )
    for s in range(2):
        own = data._replace(X=flipped.X[s], targets=flipped.targets[s])
        alone = distil(own, rounds=2, alpha=alphas[:, s])[1]
        assert_allclose(stacked[1].outputs[s], alone.outputs, atol=5e-5)
    assert_array_equal(stacked[1].alpha, alphas[1])


# ------------------------------------------------------------------------------- killed


@pytest.fixture(scope="module")
def uninterrupted():
    return distillation_run.run_rounds(None)


def test_killed_rounds_resume_to_the_same_bits(tmp_path, uninterrupted):
    command = [sys.executable, "-m", "tests.deep.distillation_run", "rounds", str(tmp_path)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    written = {path.name for path in tmp_path.iterdir()}
    assert {"round-2-teacher-only-outputs.pt", "round-2.pt"} <= written
    assert "round-2-outputs.pt" not in written  # killed before the end of this training
    for a, b in zip(distillation_run.run_rounds(tmp_path), uninterrupted, strict=True):
        assert torch.equal(a.outputs, b.outputs)
        assert torch.equal(a.validation, b.validation)
        assert (a.alpha, a.raw_alpha, a.trainings) == (b.alpha, b.raw_alpha, b.trainings)
        assert_array_equal(a.history.loss, b.history.loss)
        for one, other in zip(a.model.parameters(), b.model.parameters(), strict=True):
            assert torch.equal(one, other)


def test_what_is_done_is_not_done_again(tmp_path, uninterrupted):
    first = distillation_run.run_rounds(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    again = distillation_run.run_rounds(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
    assert [g.seconds for g in again] == [g.seconds for g in first]  # of the time it was trained
    assert torch.equal(again[-1].outputs, uninterrupted[-1].outputs)
    with pytest.raises(ValueError, match=r"other settings: .*lr \(0\.1 then, 0\.2 now\)"):
        distillation_run.run_rounds(tmp_path, lr=0.2)


# ----------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rounds": 0}, "rounds must be >= 1"),
        ({"rounds": 2, "alpha": 1.1}, r"alpha must lie in \[0, 1\].*unrestricted"),
        ({"rounds": 2, "alpha": [1, 0.5, 0.5]}, r"shape \(2,\)"),
        ({"rounds": 2, "alpha": "guess"}, "'estimate', got 'guess'"),
        ({"rounds": 2, "target": "sharpened"}, "target must be 'soft', 'hard' or 'outputs'"),
        ({"rounds": 2, "target": "hard", "temperature": 2.0}, "temperature goes with"),
        ({"rounds": 2, "temperature": 0.0}, "temperature must be > 0"),
    ],
)
def test_refusals(settings, message):
    def never(seed):
        raise AssertionError("refused too late: a network was made")

    with pytest.raises(ValueError, match=message):
        distil(make=never, **settings)


def test_an_estimate_needs_a_validation_set():
    data = make_data()._replace(validation=None)
    with pytest.raises(ValueError, match="validation set"):
        distil(data, rounds=2, alpha="estimate")
    with pytest.raises(ValueError, match=r"shape \(2,\) or \(2, 2\), got shape \(3, 2\)"):
        rounds.stacked_self_distill(
            (5, 12, 3), data, losses.squared_error, rounds=2, alpha=np.ones((3, 2)), seeds=[0, 1],
            **QUICK,
        )  # fmt: skip


def test_a_convolutional_network_goes_the_same_way():
    rng = torch.Generator().manual_seed(0)
    X, y = torch.randn(12, 1, 4, 4, generator=rng), torch.randint(2, (12,), generator=rng)

    def make(seed):
        return models.small_cnn((1, 4, 4), 2, channels=(2,), hidden=0, seed=seed)

    data = train.Data(X, y, validation=(X, y))
    found = distil(data, losses.cross_entropy, make, rounds=2, alpha="estimate")
    assert found[1].outputs.shape == (12, 2)
