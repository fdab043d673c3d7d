"""The loop: against PyTorch by hand, bits, pieces, callbacks, history, refusals."""

import ast
import contextlib
import inspect
import json
import math
import textwrap
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from distill_lib.deep import _setup, checkpoints, losses, models, train


def make_data(n=30, p=4, n_classes=3, seed=0, dtype=torch.float32):
    rng = torch.Generator().manual_seed(seed)
    X = torch.randn(n + 20, p, generator=rng).to(dtype)
    y = (X @ torch.randn(p, n_classes, generator=rng).to(dtype)).argmax(1)
    return train.Data(X[:n], y[:n], validation=(X[n:], y[n:]))


def make_model(seed=0, dtype=torch.float32):
    return models.mlp((4, 8, 3), seed=seed).to(dtype)


def run(model=None, data=None, loss=losses.cross_entropy, **settings):
    """Train; return the weights as one vector and the history."""
    model = make_model() if model is None else model
    settings = {"epochs": 3, "batch_size": 7, **settings}
    history = train.fit(model, make_data() if data is None else data, loss, **settings)
    return nn.utils.parameters_to_vector(model.parameters()).detach(), history


def code_lines(function):
    """Lines of a function without its docstring."""
    source = textwrap.dedent(inspect.getsource(function))
    doc = ast.parse(source).body[0].body[0]
    return len(source.splitlines()) - (doc.end_lineno - doc.lineno + 1)


def test_the_loop_fits_on_a_page():
    assert code_lines(train.fit) <= 60


# Against a loop by hand


def by_hand(
    loss, *, epochs, batch_size, lr, factor, make, weight_decay=0.0, penalty=None, seed=0, dtype
):
    """Train without any of the library's loop."""
    data, model = make_data(dtype=dtype), make_model(dtype=dtype)
    optimizer = make(model.parameters(), lr=lr, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    means = []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = lr * factor(epoch)
        permutation, total = torch.randperm(len(data.X), generator=order), 0.0
        for start in range(0, len(data.X), batch_size):
            rows = permutation[start : start + batch_size]
            value = loss(model(data.X[rows]), data.targets[rows])
            value = value + (penalty(model) if penalty else 0)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += len(rows) * value.item()
        means.append(total / len(data.X))
    return nn.utils.parameters_to_vector(model.parameters()).detach(), np.array(means)


SGD = partial(torch.optim.SGD, momentum=0.9)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", SGD),
        ("nesterov", partial(torch.optim.SGD, momentum=0.9, nesterov=True)),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        (torch.optim.RMSprop, torch.optim.RMSprop),
    ],
)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_it_is_the_loop_that_one_writes_by_hand(name, make, schedule):
    epochs = 4
    factor = (
        (lambda e: 1.0)
        if schedule == "constant"
        else (lambda e: (1 + math.cos(e / epochs * math.pi)) / 2)
    )
    common = {"epochs": epochs, "batch_size": 7, "lr": 0.02, "weight_decay": 0.01, "seed": 3}
    penalty = partial(losses.norm_penalty, squared=False, weight=0.01)
    expected, means = by_hand(
        losses.squared_error, make=make, factor=factor, penalty=penalty, dtype=torch.float64,
        **common,
    )  # fmt: skip
    got, history = run(
        make_model(dtype=torch.float64), make_data(dtype=torch.float64), losses.squared_error,
        optimizer=name, schedule=schedule, penalty=penalty, **common,
    )  # fmt: skip
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(history.loss, means, rtol=1e-12)
    np.testing.assert_allclose(history.lr, [0.02 * factor(e) for e in range(epochs)])


def test_weight_decay_acts_on_weights_and_biases():
    """One full-batch step from zero gradients: every tensor shrinks by lr times the decay."""
    before = nn.utils.parameters_to_vector(make_model().parameters()).detach()
    after, _ = run(
        loss=lambda outputs, targets: 0 * outputs.sum(),
        epochs=1, batch_size=30, lr=0.1, weight_decay=0.5,
    )  # fmt: skip
    torch.testing.assert_close(after, before * 0.95)


def test_a_schedule_of_ones_own():
    _, history = run(schedule=lambda epoch, epochs: [0.1, 1, 0.5][epoch], lr=2e-3)
    np.testing.assert_allclose(history.lr, [2e-4, 2e-3, 1e-3])


# Bits


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_state():
    model = partial(training_dropout, 0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, history = run(model())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    two, again = run(model())
    assert torch.equal(one, two)
    np.testing.assert_array_equal(history.loss, again.loss)
    assert not torch.equal(one, run(model(), seed=1)[0])
    assert torch.equal(one, run(model().eval())[0])  # dropout is on, whatever the mode before


def training_dropout(seed):
    layers = list(models.mlp((4, 8, 3), seed=seed))
    return nn.Sequential(*layers[:-1], nn.Dropout(0.5), layers[-1])


@pytest.mark.parametrize("accumulate", [2, 3, 100])
def test_pieces_of_a_batch_add_up_to_the_batch(accumulate):
    settings = {"batch_size": 16, "lr": 0.05, "penalty": losses.norm_penalty}
    whole, history = run(**settings)
    pieces, again = run(accumulate=accumulate, **settings)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-6)
    np.testing.assert_allclose(again.loss, history.loss, rtol=1e-6)


def test_pieces_of_unequal_size_are_weighted():
    """A batch of 7 in 2 pieces of 4 and 3: the plain mean of the two would be another step."""
    settings = {"model": make_model(dtype=torch.float64), "data": make_data(dtype=torch.float64)}
    whole, _ = run(**settings)
    settings["model"] = make_model(dtype=torch.float64)
    pieces, _ = run(**settings, accumulate=2)
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-12)


def test_steps_are_counted_by_batch():
    seen = []

    class Count(train.Callback):
        def batch_end(self, state):
            seen.append((state.epoch, state.step, len(state.batch)))

    run(epochs=2, batch_size=12, accumulate=3, callbacks=[Count()])
    assert seen == [(0, 1, 12), (0, 2, 12), (0, 3, 6), (1, 4, 12), (1, 5, 12), (1, 6, 6)]


# Distillation


def test_the_student_learns_the_teacher_not_the_labels():
    """Swap, ignore or confuse the teacher and the student's probabilities are far from it."""
    data = make_data()
    other = torch.roll(data.targets, 1)  # labels that have nothing to do with the inputs
    teacher = make_model(seed=1)
    run(teacher, data, epochs=60)
    soft = losses.probabilities(train.predict(teacher, data.X))
    student = make_model(seed=2)
    both = data._replace(targets=losses.mixed(other, soft, 0.0), labels=other)
    _, history = run(student, both, epochs=100)
    got = losses.probabilities(train.predict(student, data.X))
    assert (got - soft).abs().mean() < 0.05
    assert train.accuracy(got, data.targets) > 0.9
    assert history.train_accuracy[-1] == pytest.approx(train.accuracy(got, other))
    assert history.train_accuracy[-1] < 0.6
    ignoring = make_model(seed=2)
    run(ignoring, data._replace(targets=losses.mixed(other, soft, 1.0)), epochs=100)
    ignored = losses.probabilities(train.predict(ignoring, data.X))
    assert (ignored - soft).abs().mean() > 0.1
    assert torch.equal(losses.probabilities(train.predict(teacher, data.X)), soft)


# Callbacks


class Recorder(train.Callback):
    def __init__(self):
        self.events, self.outputs = [], []

    def epoch_start(self, state):
        self.events.append("start")
        assert state.outputs is None
        assert len(state.history["loss"]) == state.epoch

    def batch_end(self, state):
        self.events.append("batch")
        assert state.outputs is None

    def epoch_end(self, state):
        self.events.append("end")
        self.outputs.append(state.outputs)
        assert len(state.history["loss"]) == state.epoch + 1


def test_the_order_of_the_hooks_and_what_they_see():
    recorder, model = Recorder(), training_dropout(0)
    _, history = run(model, epochs=2, batch_size=15, callbacks=[recorder])
    assert recorder.events == ["start", "batch", "batch", "end"] * 2
    data = make_data()
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(recorder.outputs[-1], model(data.X))
    for outputs, value in zip(recorder.outputs, history.train_accuracy, strict=True):
        assert value == (outputs.argmax(1) == data.targets).double().mean()


def test_targets_set_by_a_callback_are_trained_on():
    class Swap(train.Callback):
        def epoch_start(self, state):
            state.targets = torch.roll(state.data.labels, 1)

    rolled = make_data()
    rolled = rolled._replace(targets=torch.roll(rolled.targets, 1), labels=rolled.targets)
    got, history = run(callbacks=[Swap()])
    expected, other = run(data=rolled)
    assert torch.equal(got, expected)
    np.testing.assert_array_equal(history.train_accuracy, other.train_accuracy)
    assert not torch.equal(got, run()[0])


def test_switching_targets_and_loss_at_an_epoch():
    data = make_data()
    soft = torch.full((30, 3), 1 / 3)
    both = train.Switch(1, targets=soft, loss=losses.squared_error)
    switched, _ = run(data=data, epochs=2, schedule="constant", callbacks=[both])

    class ByHand(train.Callback):
        def epoch_start(self, state):
            late = state.epoch == 1
            state.targets = soft if late else data.targets
            state.loss = losses.squared_error if late else losses.cross_entropy

    assert torch.equal(switched, run(epochs=2, schedule="constant", callbacks=[ByHand()])[0])
    for other in (
        [train.Switch(0, targets=soft, loss=losses.squared_error)],
        [train.Switch(1, targets=soft)],
        [train.Switch(1, loss=losses.squared_error)],
        [train.Switch(2, targets=soft)],
    ):
        assert not torch.equal(switched, run(epochs=2, schedule="constant", callbacks=other)[0])


@pytest.mark.parametrize("score", ["validation_accuracy", "validation_loss"])
def test_the_best_epoch_is_kept(score):
    best, model = train.KeepBest(score), make_model()
    _, history = run(model, epochs=8, lr=0.5, schedule="constant", callbacks=[best])
    values = getattr(history, score)
    assert best.epoch == (np.argmin(values) if score == "validation_loss" else np.argmax(values))
    assert best.epoch < 7  # otherwise the next line proves little
    model.load_state_dict(best.weights)
    X, y = make_data().validation
    outputs = train.predict(model, X)
    again = {
        "validation_accuracy": train.accuracy(outputs, y),
        "validation_loss": losses.cross_entropy(outputs, y).item(),
    }
    assert again[score] == pytest.approx(values[best.epoch])


def test_the_best_epoch_without_a_validation_set_is_none():
    best = train.KeepBest()
    run(data=make_data()._replace(validation=None), callbacks=[best])
    assert best.epoch is None
    with pytest.raises(ValueError, match="score must be"):
        train.KeepBest("test_accuracy")


def test_a_callback_stops_the_run_and_it_stays_stopped(tmp_path):
    class Stop(train.Callback):
        def epoch_end(self, state):
            state.stop = state.epoch == 1

    settings = {"epochs": 5, "checkpoint": tmp_path / "run.pt", "every": 4, "callbacks": [Stop()]}
    one, history = run(**settings)
    two, again = run(**settings)
    assert len(history.loss) == len(again.loss) == 2
    assert torch.equal(one, two)


# History


def test_history_through_json():
    _, history = run(data=make_data()._replace(validation=None))
    assert np.isnan(history.validation_loss).all()
    text = json.dumps(history.to_dict(), allow_nan=False)
    back = train.History.from_dict(json.loads(text))
    for name in train.MEASURED:
        np.testing.assert_array_equal(getattr(back, name), getattr(history, name))
    assert back.notes == ()


def test_validation_numbers_are_those_of_the_epochs_end():
    model = training_dropout(0)
    _, history = run(model, loss=losses.squared_error)
    X, y = make_data().validation
    p = torch.softmax(train.predict(model, X), -1)
    assert history.validation_accuracy[-1] == pytest.approx((p.argmax(1) == y).double().mean())
    expected = (p - nn.functional.one_hot(y)).square().sum(1).mean()
    assert history.validation_loss[-1] == pytest.approx(expected.item())


def test_regression_has_no_accuracy():
    data = make_data()
    rows = train.Data(data.X, data.X[:, :3], validation=(data.X, data.X[:, :3]))
    _, history = run(data=rows, loss=losses.squared_error_on_outputs, epochs=30, lr=0.02)
    assert np.isnan(history.train_accuracy).all()
    assert np.isnan(history.validation_accuracy).all()
    assert history.validation_loss[-1] < 0.5 * history.validation_loss[0]


def test_progress_goes_to_stderr(capsys):
    run(progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err
    run()
    assert capsys.readouterr() == ("", "")


def test_prediction_restores_the_mode_and_does_not_depend_on_its_batches():
    model, X = training_dropout(0), make_data().X
    for mode in (True, False):
        model.train(mode)
        whole = train.predict(model, X)
        assert model.training is mode
        torch.testing.assert_close(train.predict(model, X, batch_size=4), whole)
        assert not whole.requires_grad


# Devices, precision, numbers that run away


def test_devices():
    for name in ("tpu", "xpu", "meta", 3.5):
        with pytest.raises(ValueError, match="device must be one of"):
            run(device=name)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="'cuda' is not available on this machine"):
            run(device="cuda")
    with pytest.raises(ValueError, match=r"'cuda:99' is not available"):
        run(device="cuda:99")
    if not torch.backends.mps.is_available():
        with pytest.raises(ValueError, match="'mps' is not available"):
            run(device="mps")
    assert torch.equal(run(device=torch.device("cpu"))[0], run()[0])


def test_mixed_precision_is_for_gpus():
    with pytest.raises(ValueError, match="amp=True needs device 'cuda', got 'cpu'"):
        run(amp=True)


def seeing(outputs, targets):
    train.SEEN.append((outputs.dtype, torch.equal(outputs, outputs.half().float())))
    return losses.cross_entropy(outputs, targets)


def test_the_path_of_mixed_precision(monkeypatch, tmp_path):
    """The same code on a CPU: float16 inside, float32 weights, nearly the same result."""
    monkeypatch.setattr(_setup, "MIXED_PRECISION", {"cpu"})
    monkeypatch.setattr(train, "SEEN", [], raising=False)
    half, history = run(loss=seeing, amp=True, checkpoint=tmp_path / "run.pt")
    assert train.SEEN[0] == (torch.float32, True)  # float32 that went through float16
    assert half.dtype == torch.float32
    scaler = torch.load(tmp_path / "run.pt", weights_only=True)["scaler"]
    assert scaler["_growth_tracker"] > 10  # steps since the last overflow
    full, expected = run()
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, rtol=0, atol=5e-3)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-2)


class Break(train.Callback):
    """Leave `fit` at the start of an epoch, as a signal would; note the steps before it."""

    def __init__(self, epoch=None):
        self.epoch, self.steps = epoch, []

    def settings(self):
        return {}

    def epoch_start(self, state):
        self.steps.append(state.step)
        if state.epoch == self.epoch:
            raise InterruptedError


@pytest.mark.parametrize("amp", [False, True])
def test_steps_and_the_scale_of_gradients_are_resumed(monkeypatch, tmp_path, amp):
    monkeypatch.setattr(_setup, "MIXED_PRECISION", {"cpu"})
    whole, _ = run(amp=amp, checkpoint=tmp_path / "whole.pt", callbacks=[Break()])
    with pytest.raises(InterruptedError):
        run(amp=amp, checkpoint=tmp_path / "run.pt", callbacks=[Break(2)])
    last = Break()
    resumed, _ = run(amp=amp, checkpoint=tmp_path / "run.pt", callbacks=[last])
    assert torch.equal(whole, resumed)
    assert last.steps == [10]  # two epochs of five batches
    one, two = (checkpoints.read(tmp_path / name) for name in ("whole.pt", "run.pt"))
    assert one["step"] == two["step"] == 15
    assert one["scaler"] == two["scaler"]
    assert bool(one["scaler"]) == amp


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("amp", [False, True])
def test_a_gpu_gives_nearly_the_same(amp):
    got, history = run(device="cuda", amp=amp)
    full, expected = run()
    torch.testing.assert_close(got.cpu(), full, rtol=0, atol=5e-3 if amp else 1e-4)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-2 if amp else 1e-4)


class Poison(train.Callback):
    def __init__(self, at):
        self.at = at

    def batch_end(self, state):
        if state.epoch == self.at:
            next(state.model.parameters()).data.fill_(math.nan)


@pytest.mark.parametrize("at", [2, 3])
def test_numbers_that_run_away_stop_the_run(tmp_path, at):
    """Poisoned in an epoch that is followed by another, and in the last batch of all."""
    path = tmp_path / "run.pt"
    with pytest.raises(FloatingPointError, match=rf"in epoch {at} at lr=0\.3.*smaller lr"):
        run(epochs=4, batch_size=30, lr=0.3, schedule="constant", checkpoint=path,
            callbacks=[Poison(at)])  # fmt: skip
    saved = torch.load(path, weights_only=True)
    assert saved["epochs done"] == at
    assert all(torch.isfinite(w).all() for w in saved["model"].values())


def test_a_step_that_is_too_long_is_named():
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) in epoch"):
        run(loss=losses.squared_error_on_outputs, lr=1e6, epochs=20)


# Bad input


def changed(**fields):
    return make_data()._replace(**fields)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be >= 1"),
        ({"epochs": 2.5}, TypeError, "epochs"),
        ({"batch_size": 0}, ValueError, "batch_size must be >= 1"),
        ({"every": 0}, ValueError, "every"),
        ({"accumulate": 0}, ValueError, "accumulate"),
        ({"seed": -1}, ValueError, "seed must be >= 0"),
        ({"seed": None}, TypeError, "seed"),
        ({"lr": 0}, ValueError, "lr must be > 0"),
        ({"lr": [0.1, 0.2]}, ValueError, "lr must be one number"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be >= 0"),
        ({"optimizer": "lbfgs"}, ValueError, "optimizer must be callable or one of .*'lbfgs'"),
        ({"schedule": "linear"}, ValueError, "schedule must be callable or one of .*'linear'"),
        ({"schedule": lambda e, E: -1}, ValueError, "schedule must be >= 0"),
        ({"callbacks": [print]}, TypeError, "callbacks must be Callback objects"),
        ({"data": (1, 2)}, TypeError, "data must be a Data"),
        ({"data": changed(X=np.zeros((30, 4)))}, TypeError, "X must be a torch tensor.*from_arr"),
        ({"data": changed(X=torch.zeros(30, 4).long())}, TypeError, "X must hold real numbers"),
        ({"data": changed(X=torch.zeros(29, 4))}, ValueError, "X has 29 points and targets 30"),
        ({"data": changed(X=torch.full((30, 4), math.nan))}, ValueError, "X holds NaN"),
        ({"data": changed(targets=torch.zeros(30))}, ValueError, r"class numbers \(n,\) or rows"),
        ({"data": changed(targets=torch.full((30, 3), math.inf))}, ValueError, "targets holds"),
        (
            {"data": changed(targets=torch.zeros(30, 3, requires_grad=True))},
            ValueError,
            "targets carries a gradient",
        ),
        ({"data": changed(labels=torch.zeros(30))}, ValueError, "labels must be 30 class numbers"),
        ({"data": changed(labels=torch.zeros(3).long())}, ValueError, "labels must be 30"),
        (
            {"data": changed(validation=(torch.zeros(2, 4), torch.zeros(3).long()))},
            ValueError,
            r"validation\[0\] has 2 points and validation\[1\] 3",
        ),
    ],
)
def test_bad_input_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        run(**settings)


def test_a_callback_with_too_few_targets_is_refused():
    class Short(train.Callback):
        def epoch_start(self, state):
            state.targets = state.targets[:5]

    with pytest.raises(ValueError, match="targets after epoch_start: there are 5 for 30 points"):
        run(callbacks=[Short()])


def test_arrays_become_data():
    data = train.Data.from_arrays(
        np.zeros((3, 2)),
        np.full((3, 2), 0.5),
        labels=np.array([0, 1, 1], dtype=np.int32),
        validation=(np.zeros((1, 2)), [1]),
        dtype=torch.float64,
    )
    types = [data.X, data.targets, data.labels, *data.validation]
    f, i = torch.float64, torch.int64
    assert [t.dtype for t in types] == [f, f, i, f, i]


# Augmentation


def test_crop_and_flip_moves_and_mirrors():
    torch.manual_seed(0)
    X = torch.rand(40, 2, 6, 5) + 1
    out = train.crop_and_flip(X, pad=2)
    assert out.shape == X.shape
    padded = nn.functional.pad(X, (2, 2, 2, 2))
    seen = set()
    for image, frame in zip(out, padded, strict=True):
        fits = [
            (down, right, mirrored)
            for down in range(5)
            for right in range(5)
            for mirrored in (False, True)
            if torch.equal(
                image,
                frame[:, down : down + 6, right : right + 5].flip(-1)
                if mirrored
                else frame[:, down : down + 6, right : right + 5],
            )
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert {mirrored for *_, mirrored in seen} == {True, False}
    assert {down for down, *_ in seen} == {right for _, right, _ in seen} == set(range(5))
    assert not torch.equal(out, train.crop_and_flip(X, pad=2))


def test_small_convolutions_and_residual_networks_train():
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(16) % 2
    X = torch.randn(16, 3, 8, 8, generator=rng) + 2 * y[:, None, None, None]
    for model in (
        models.small_cnn((3, 8, 8), 2, channels=(4,), hidden=8, seed=0),
        models.resnet20(2, seed=0),
    ):
        history = train.fit(
            model, train.Data(X, y), losses.cross_entropy, epochs=6, batch_size=8,
            augment=partial(train.crop_and_flip, pad=1),
        )  # fmt: skip
        assert history.loss[-1] < history.loss[0]
        assert history.train_accuracy[-1] > 0.9


# What is left as it was, and what is not


def test_the_callers_data_are_not_changed():
    class Flip(train.Callback):
        def epoch_end(self, state):
            state.targets.copy_(state.targets.flip(0))

    class GivenThenFlip(train.Callback):
        def epoch_start(self, state):
            state.targets = state.data.targets
            state.loss = losses.cross_entropy

        def batch_end(self, state):
            state.targets[:] = 0

    class FlipBefore(train.Callback):
        def epoch_start(self, state):
            state.targets.copy_(state.targets.flip(0))

    given, expected = make_data(), make_data()
    run(data=given, callbacks=[FlipBefore()])
    later = torch.eye(3).repeat(10, 1)
    run(data=given, callbacks=[train.Switch(1, targets=later), Flip()])
    run(data=given, callbacks=[GivenThenFlip()])
    assert torch.equal(given.targets, expected.targets)
    assert torch.equal(later, torch.eye(3).repeat(10, 1))


def test_a_trained_network_is_in_evaluation_mode(tmp_path):
    for _ in range(2):  # trained, and read from a complete checkpoint
        model = training_dropout(0)
        run(model, checkpoint=tmp_path / "run.pt")
        assert not any(module.training for module in model.modules())


def test_prediction_restores_the_mode_of_each_module_even_after_an_error():
    model, X = training_dropout(0), make_data().X
    model.train()
    model[2].eval()
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    train.predict(model, X)
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(RuntimeError, match="shapes"):
        train.predict(model, X[:, :2])
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(TypeError, match="X must be a torch tensor, got ndarray"):
        train.predict(model, X.numpy())


def test_the_best_epoch_is_that_of_the_last_run():
    best = train.KeepBest("validation_loss")
    run(epochs=10, lr=0.1, callbacks=[best])
    good = best.best
    other, alone = make_model(seed=3), train.KeepBest("validation_loss")
    run(other, epochs=1, lr=1e-6, callbacks=[best])
    run(make_model(seed=3), epochs=1, lr=1e-6, callbacks=[alone])
    assert best.best == alone.best < good
    for name, weights in other.state_dict().items():
        assert torch.equal(best.weights[name], weights)


def test_two_losses_are_not_compared():
    switch = train.Switch(2, loss=losses.squared_error)
    with pytest.raises(ValueError, match=r"switched by epoch 2: .* use 'validation_accuracy'"):
        run(epochs=4, callbacks=[switch, train.KeepBest("validation_loss")])
    best = train.KeepBest()
    _, history = run(epochs=4, callbacks=[switch, best])
    assert best.epoch == history.validation_accuracy.argmax()


def test_after_a_switch_the_validation_loss_is_the_new_one():
    model, (X, y) = make_model(), make_data().validation
    _, history = run(model, epochs=2, callbacks=[train.Switch(1, loss=losses.squared_error)])
    expected = losses.squared_error(train.predict(model, X), y).item()
    assert history.validation_loss[-1] == pytest.approx(expected)
    _, plain = run(epochs=2)
    assert history.validation_loss[0] == plain.validation_loss[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epoch": 1.5}, TypeError, "epoch must be a whole number"),
        ({"epoch": -1}, ValueError, "epoch must be >= 0"),
        ({"epoch": 1, "targets": np.zeros(30)}, TypeError, "targets must be a torch tensor"),
        ({"epoch": 1, "loss": "cross_entropy"}, TypeError, "loss must be callable"),
    ],
)
def test_a_switch_checks_what_it_gets(arguments, error, message):
    with pytest.raises(error, match=message):
        train.Switch(**arguments)


def test_teacher_outputs_in_place_of_probabilities_are_refused():
    data, model = make_data(), make_model()
    outputs = train.predict(make_model(seed=1), data.X)
    for loss in (losses.cross_entropy, losses.squared_error):
        with pytest.raises(ValueError, match=r"must sum to 1, .* losses\.probabilities"):
            run(model, data._replace(targets=outputs), loss)
    run(model, data._replace(targets=outputs), losses.squared_error_on_outputs)


class Give(train.Callback):
    def __init__(self, change):
        self.change = change

    def epoch_end(self, state):
        state.targets = self.change(state.targets)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"data": {"targets": lambda y: y + 7}}, ValueError, r"targets must lie in 0\.\.2, as the"),
        ({"data": {"labels": lambda y: y + 50}}, ValueError, r"labels must lie in 0\.\.2"),
        ({"data": {"labels": lambda y: y - 1}}, ValueError, r"labels must lie in 0\.\.2"),
        ({"data": {"labels": lambda y: y > 0}}, ValueError, "labels must be 30 class numbers"),
        ({"data": {"labels": lambda y: y.tolist()}}, TypeError, "labels must be a torch tensor"),
        ({"data": {"targets": lambda y: y > 0}}, TypeError, "targets must be class numbers or"),
        ({"give": lambda y: y + 7}, ValueError, r"targets after epoch_end must lie in 0\.\.2"),
        ({"give": lambda y: torch.full((30, 3), math.nan)}, ValueError, "epoch_end holds NaN"),
        ({"give": lambda y: y.tolist()}, TypeError, "targets after epoch_end must be a torch"),
    ],
)
def test_classes_and_rows_are_checked_for_any_loss(settings, error, message):
    given = make_data()
    changes = {k: change(given.targets) for k, change in settings.get("data", {}).items()}
    use = [Give(settings["give"])] if "give" in settings else []
    for loss in (losses.cross_entropy, careless):
        with pytest.raises(error, match=message):
            run(data=given._replace(**changes), loss=loss, callbacks=use)


def careless(outputs, targets):
    """A loss that looks at no target, as those on a GPU do not."""
    return outputs.square().mean()


def test_a_class_in_the_validation_set_is_checked():
    data = make_data()
    X, y = data.validation
    with pytest.raises(ValueError, match=r"validation\[1\] must lie in 0\.\.2"):
        run(data=data._replace(validation=(X, y + 3)))


def test_another_floating_type_is_named():
    with pytest.raises(TypeError, match=r"X is torch\.float64 and the model torch\.float32"):
        run(data=make_data(dtype=torch.float64))


@pytest.mark.parametrize("targets", [np.array([True, False]), np.array([1j, 0])])
def test_arrays_of_other_things_are_refused(targets):
    with pytest.raises(TypeError, match="targets must hold whole or real numbers"):
        train.Data.from_arrays(np.zeros((2, 1)), targets)
    with pytest.raises(TypeError, match="X must hold whole or real numbers"):
        train.Data.from_arrays(targets[:, None], [0, 1])


# GPUs, as far as one can see without one


def test_every_process_takes_its_own_gpu_and_its_random_numbers(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    device = _setup.choose_device("cuda", amp=True)
    assert device == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="'cuda' is not available"):
        _setup.choose_device("cuda", amp=False)

    gpus, asked = (torch.Generator(), torch.Generator()), []
    untouched = gpus[0].get_state()
    monkeypatch.setattr(torch.cuda, "default_generators", gpus)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda d: gpus[d.index].get_state())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda s, d: asked.append((s, d)))
    before = torch.get_rng_state()
    with _setup.random_numbers(5, device) as order:
        assert gpus[1].initial_seed() == 5
        states = _setup.random_states(order, device)
        assert torch.equal(states["cuda"], gpus[1].get_state())
        _setup.restore_random_states(states, order, device)
        assert [d for _, d in asked] == [device]
    assert torch.equal(gpus[0].get_state(), untouched)
    torch.set_rng_state(before)
