"""Sequential targets: the kernel trajectory, stacks, plain definitions, and a real kill."""

import functools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from torch import nn
from torch.nn import functional as F

from distill_lib.deep import losses, models, train
from distill_lib.deep.ensemble import Stack, fit_stack
from distill_lib.deep.self_labels import SequentialTargets, own_labels
from distill_lib.kernel import self_labels as kernel_labels
from distill_lib.kernel.self_labels import Adaptive, constant_weights, geometric_weights
from tests.deep import distillation_run
from tests.deep.distillation_run import make_data, make_model

ROOT = Path(__file__).parents[2]
EPOCHS = 6


class Watch(train.Callback):
    """Keep the outputs after every epoch and the targets of every epoch."""

    def __init__(self):
        self.outputs, self.targets = [], []

    def epoch_start(self, state):
        targets = state.targets
        if not targets.is_floating_point():
            targets = F.one_hot(targets, 3).float()
        self.targets.append(targets.clone())

    def epoch_end(self, state):
        self.outputs.append(state.outputs.clone())


def fit(callbacks, data=None, seed=3, **settings):
    model = make_model(seed)
    settings = {"epochs": EPOCHS, "batch_size": 10, "lr": 0.1, **settings}
    data = make_data() if data is None else data
    train.fit(model, data, losses.cross_entropy, callbacks=callbacks, **settings)
    return model(data.X).detach()


# ------------------------------------------------------------------------------- labels


def test_own_labels():
    z = torch.randn(20, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z[0] = 1.0
    assert_allclose(own_labels(z), softmax(z, axis=1))
    assert_allclose(own_labels(z, "sharpened", 0.3), kernel_labels.sharpened(z, 0.3))
    assert_allclose(own_labels(z, "hard"), kernel_labels.hard(z))
    assert torch.equal(own_labels(z, "outputs"), z)
    assert torch.equal(own_labels(z[None], "hard")[0], own_labels(z, "hard"))
    assert not own_labels(z.requires_grad_(), "outputs").requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("firm",), "target must be one of"),
        (("sharpened",), "needs a temperature"),
        (("sharpened", -1.0), "temperature must be > 0"),
        (("hard", 2.0), "temperature goes with"),
    ],
)
def test_refused_labels(arguments, message):
    with pytest.raises(ValueError, match=message):
        own_labels(torch.zeros(2, 2), *arguments)
    with pytest.raises(ValueError, match=message):
        SequentialTargets([1.0], target=arguments[0], temperature=(*arguments, None)[1])
    with pytest.raises(ValueError, match="two classes"):
        own_labels(torch.zeros(2, 1), "hard")


# ------------------------------------------------------------------- the definition, plainly


@pytest.mark.parametrize(
    ("target", "temperature"), [("hard", None), ("soft", None), ("sharpened", 0.5)]
)
def test_targets_are_those_of_the_epoch_before(target, temperature):
    weights = np.array([1.0, 0.9, 0.6, 0.0, 1.0, 0.3])
    labels, watch = SequentialTargets(weights, target=target, temperature=temperature), Watch()
    fit([labels, watch])
    y = F.one_hot(make_data().targets, 3)
    assert len(watch.targets) == EPOCHS
    for e in range(EPOCHS):
        own = 0
        if e:
            z = watch.outputs[e - 1]
            soft = torch.softmax(z / (temperature or 1), 1)
            own = F.one_hot(z.argmax(1), 3) if target == "hard" else soft
        assert_allclose(watch.targets[e], weights[e] * y + (1 - weights[e]) * own, atol=1e-6)
    assert labels.used == weights.tolist()


def test_the_first_epoch_may_look_at_the_fresh_network():
    watch = Watch()
    fit([SequentialTargets(constant_weights(EPOCHS, 0.25), target="soft"), watch])
    data = make_data()
    own = make_model(3)(data.X).softmax(1).detach()
    assert_allclose(
        watch.targets[0], 0.25 * F.one_hot(data.targets, 3) + 0.75 * own, atol=1e-6
    )  # fmt: skip


def test_the_adaptive_weight_is_the_disagreement():
    labels, watch = SequentialTargets(Adaptive(EPOCHS, burn_in=2)), Watch()
    fit([labels, watch])
    y = make_data().targets
    expected = [(z.argmax(1) != y).double().mean().item() for z in watch.outputs[:-1]]
    assert labels.used == [1.0, 1.0, *expected[1:]]
    assert 0 < labels.used[-1] < 1


def test_full_weight_is_ordinary_training():
    ordinary = fit([])
    assert torch.equal(fit([SequentialTargets(np.ones(EPOCHS))]), ordinary)
    assert torch.equal(fit([SequentialTargets(Adaptive(9, burn_in=9))]), ordinary)
    assert not torch.equal(fit([SequentialTargets(constant_weights(9, 0.9))]), ordinary)


def test_labels_may_be_rows():
    data = make_data()
    rows = data._replace(targets=F.one_hot(data.targets, 3).float())
    callbacks = [SequentialTargets(geometric_weights(EPOCHS, 0.5, burn_in=1))]
    assert torch.equal(fit(callbacks, rows), fit(callbacks, data))
    adaptive = SequentialTargets(Adaptive(EPOCHS, burn_in=1))
    with pytest.raises(ValueError, match="class numbers, got rows only"):
        fit([adaptive], rows)
    kept = rows._replace(labels=data.targets)
    assert torch.equal(fit([adaptive], kept), fit([adaptive], data))


# ------------------------------------------------------------------- the kernel trajectory

SCHEDULES = {
    "geometric": geometric_weights(60, 0.9, burn_in=4),
    "constant": constant_weights(60, 0.3),
    "adaptive": Adaptive(60, burn_in=5),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("target", "kernel", "temperature"),
    [("outputs", "soft", None), ("hard", "hard", None), ("sharpened", "sharpened", 0.2)],
)
def test_a_linear_model_follows_the_kernel(schedule, target, kernel, temperature):
    """Descent on squared error: K = X X', and a step of 2 lr / n."""
    rng = np.random.default_rng(4)
    X, classes = rng.standard_normal((15, 6)), rng.integers(0, 3, 15)
    lr = 0.9 * 15 / (2 * np.linalg.norm(X, 2) ** 2)
    model = nn.Linear(6, 3, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    labels = SequentialTargets(SCHEDULES[schedule], target=target, temperature=temperature)
    watch = Watch()
    train.fit(
        model, train.Data.from_arrays(X, classes, dtype=torch.float64),
        losses.squared_error_on_outputs, epochs=60, batch_size=15, lr=lr, schedule="constant",
        optimizer=functools.partial(torch.optim.SGD, momentum=0.0), callbacks=[labels, watch],
    )  # fmt: skip
    path = kernel_labels.run(
        X @ X.T, np.eye(3)[classes], SCHEDULES[schedule], step=2 * lr / 15, target=kernel,
        temperature=temperature,
    )  # fmt: skip
    assert_allclose(torch.stack(watch.outputs), path.predictions[1:], atol=1e-9)
    assert_allclose(labels.used, path.weights)


# ------------------------------------------------------------------------------- stacks


@pytest.mark.parametrize("weights", [geometric_weights(EPOCHS, 0.5, burn_in=1), Adaptive(9, 1)])
@pytest.mark.parametrize("target", ["hard", "soft"])
def test_a_stack_does_what_its_networks_do_alone(weights, target):
    data, seeds, rates = make_data(), [3, 8], [0.1, 0.03]
    labels = SequentialTargets(weights, target=target)
    stack = Stack((5, 12, 3), seeds=seeds)
    fit_stack(
        stack, data, losses.cross_entropy, epochs=EPOCHS, batch_size=10, lr=rates,
        callbacks=[labels],
    )  # fmt: skip
    for s, seed in enumerate(seeds):
        alone = SequentialTargets(weights, target=target)
        assert_allclose(
            stack.predict(data.X)[s], fit([alone], seed=seed, lr=rates[s]), atol=5e-5
        )  # fmt: skip
        assert_allclose([np.broadcast_to(w, 2)[s] for w in labels.used], alone.used)


def test_a_stack_may_look_at_fresh_networks():
    data, watch = make_data(), Watch()
    stack = Stack((5, 12, 3), seeds=[3, 8])
    own = stack.predict(data.X).softmax(-1)
    labels = SequentialTargets(constant_weights(EPOCHS, 0.25), target="soft")
    settings = {"epochs": EPOCHS, "batch_size": 10, "callbacks": [labels, watch]}
    fit_stack(stack, data, losses.cross_entropy, **settings)
    given = F.one_hot(data.targets, 3)
    assert_allclose(watch.targets[0], 0.25 * given + 0.75 * own, atol=1e-6)


# ----------------------------------------------------------------- what it is for, and limits


def test_hard_targets_unlearn_wrong_labels_after_a_burn_in():
    rng = torch.Generator().manual_seed(0)
    clean = torch.arange(300) % 3
    X = torch.randn(300, 20, generator=rng) + 3 * F.one_hot(clean, 20)
    wrong = torch.rand(300, generator=rng) < 0.3
    y = torch.where(wrong, (clean + 1) % 3, clean)
    data, right = train.Data(X, y), {}
    for name, callbacks in {
        "ordinary": [],
        "hard": [SequentialTargets(geometric_weights(60, 0.8, burn_in=4))],
    }.items():
        model = models.mlp((20, 64, 3), seed=0)
        train.fit(
            model, data, losses.cross_entropy, epochs=60, batch_size=20, lr=0.01,
            callbacks=callbacks,
        )  # fmt: skip
        right[name] = train.accuracy(train.predict(model, X), clean)
    assert right["ordinary"] < 0.75  # it has learned the wrong labels
    assert right["hard"] > right["ordinary"] + 0.1


def test_refused_weights():
    with pytest.raises(ValueError, match=r"weights must lie in \[0, 1\], got 1.5"):
        SequentialTargets([1.0, 1.5])
    with pytest.raises(ValueError, match="1-dimensional"):
        SequentialTargets(0.5)
    with pytest.raises(ValueError, match="5 entries for 6 epochs"):
        fit([SequentialTargets(np.ones(EPOCHS - 1))])


# ------------------------------------------------------------------------------- killed


def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    command = [sys.executable, "-m", "tests.deep.distillation_run", "labels", str(tmp_path)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    weights, history, used = distillation_run.run_labels(tmp_path)
    expected, uninterrupted, expected_used = distillation_run.run_labels(None)
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())
    assert_array_equal(history.loss, uninterrupted.loss)
    assert used == expected_used
    assert len(used) == distillation_run.EPOCHS


def test_other_weights_are_refused_on_resumption(tmp_path):
    path = tmp_path / "run.pt"
    fit([SequentialTargets(np.ones(EPOCHS))], checkpoint=path)
    for other in (SequentialTargets(np.full(EPOCHS, 0.5)), SequentialTargets(Adaptive(9, 1))):
        with pytest.raises(ValueError, match="other settings: callbacks"):
            fit([other], checkpoint=path)
