"""A stack against networks trained one after another, by `train.fit` and by plain PyTorch."""

import functools

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn.functional import one_hot
from torch.nn.utils import parameters_to_vector

from distill_lib.deep import ensemble, losses, models, train
from distill_lib.deep.ensemble import Stack, fit_stack
from distill_lib.deep.train import Data

SIZES, N = (5, 8, 7, 3), 23


def vector(network):
    return parameters_to_vector(network.parameters()).detach()


def data(seed=0, *, rows=False, n=N):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    targets = rng.dirichlet(np.ones(3), size=n) if rows else labels
    new = rng.standard_normal((9, 5)), rng.integers(3, size=9)
    X = rng.standard_normal((n, 5))
    return Data.from_arrays(X, targets, labels=labels, validation=new)


def one_after_another(seeds, datasets, loss, callbacks=lambda s: (), **settings):
    """Train by `train.fit`; settings may be one value or a list with one a network."""
    weights, histories = [], []
    for s, (seed, given) in enumerate(zip(seeds, datasets, strict=True)):
        own = {k: v[s] if isinstance(v, list | range) else v for k, v in settings.items()}
        network = models.mlp(SIZES, seed=seed)
        histories.append(train.fit(network, given, loss, callbacks=callbacks(s), **own))
        weights.append(vector(network))
    return torch.stack(weights), histories


def assert_same_histories(found, histories, atol=1e-5):
    for s, expected in enumerate(histories):
        for name, values in found.network(s)._asdict().items():
            if name != "notes":
                assert_allclose(values, getattr(expected, name), atol=atol, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.squared_error])
def test_it_is_fit_one_after_another(optimizer, loss):
    """Own seeds, learning rates and weight decays, a last batch that is smaller."""
    seeds, rates = [3, 3, 5, 6], [0.01, 0.05, 0.02, 0.03]
    lr = rates if "sgd" in optimizer or optimizer == "nesterov" else [r / 5 for r in rates]
    settings = {
        "epochs": 4, "batch_size": 5, "optimizer": optimizer,
        "lr": lr, "weight_decay": [0.0, 1e-2, 0.1, 0.0],
    }  # fmt: skip
    stack = Stack(SIZES, seeds=seeds)
    start = stack.weights.detach().clone()
    found = fit_stack(stack, data(), loss, seeds=[0, 1, 2, 2], **settings)
    weights, histories = one_after_another(seeds, [data()] * 4, loss, seed=[0, 1, 2, 2], **settings)
    assert (stack.weights - start).abs().amax(1).min() > 0.01  # every network has moved
    assert_allclose(stack.weights.detach(), weights, atol=1e-6)
    assert_same_histories(found, histories)
    assert found.loss.shape == (4, 4)


def test_every_network_has_its_own_data():
    loss = functools.partial(losses.cross_entropy, temperature=2.0)
    given = [data(s, rows=True) for s in range(3)]

    def stacked(get):
        return torch.stack([get(d) for d in given])

    together = Data(
        stacked(lambda d: d.X), stacked(lambda d: d.targets), stacked(lambda d: d.labels),
        (stacked(lambda d: d.validation[0]), stacked(lambda d: d.validation[1])),
    )  # fmt: skip
    settings = {"epochs": 3, "batch_size": 10, "schedule": "constant"}
    stack = Stack(SIZES, seeds=range(3))
    found = fit_stack(stack, together, loss, **settings)
    weights, histories = one_after_another(range(3), given, loss, **settings)
    assert_allclose(stack.weights.detach(), weights, atol=1e-6)
    assert_same_histories(found, histories)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_it_is_plain_pytorch(dtype, name):
    """The loop that everybody writes, with no code of this wing but the first weights."""
    given, C = data(), 3
    X, y = given.X.to(dtype), given.targets
    stack = Stack(SIZES, seeds=[4]).to(dtype)
    network = torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 7), torch.nn.ReLU(),
        torch.nn.Linear(7, C),
    ).to(dtype)  # fmt: skip
    network.load_state_dict(models.mlp(SIZES, seed=4).to(dtype).state_dict())
    make = {"sgd": functools.partial(torch.optim.SGD, momentum=0.9), "adam": torch.optim.Adam}
    optimizer = make[name](network.parameters(), lr=0.01, weight_decay=0.02)
    order = torch.Generator().manual_seed(7)
    for _ in range(5):
        for rows in torch.randperm(N, generator=order).split(6):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
            optimizer.step()
    fit_stack(
        stack, given, losses.cross_entropy, epochs=5, batch_size=6, optimizer=name, lr=0.01,
        weight_decay=0.02, schedule="constant", seeds=7,
    )  # fmt: skip
    tolerance = 1e-6 if dtype == torch.float32 else 1e-13
    assert_allclose(stack.weights[0].detach(), vector(network), atol=tolerance)


def test_a_network_does_not_see_the_others():
    settings = {"epochs": 3, "batch_size": 6, "schedule": "cosine"}
    together = Stack(SIZES, seeds=range(5))
    fit_stack(together, data(), losses.cross_entropy, lr=[0.1, 0.2, 0.3, 0.1, 0.2], **settings)
    alone = Stack(SIZES, seeds=[2])
    fit_stack(alone, data(), losses.cross_entropy, lr=0.3, **settings)
    assert_allclose(alone.weights[0].detach(), together.weights[2].detach(), atol=1e-6)


def test_a_network_that_diverges_stops_nobody():
    settings = {"epochs": 6, "batch_size": 5, "callbacks": [SelfLabels()]}  # NaN targets, too
    loss = losses.squared_error_on_outputs
    stack, calm = Stack(SIZES, seeds=[0, 0]), Stack(SIZES, seeds=[0])
    found = fit_stack(stack, data(), loss, lr=[1e6, 0.01], **settings)
    expected = fit_stack(calm, data(), loss, lr=0.01, **settings)
    for name in ("loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        values = getattr(found, name)
        assert np.isnan(values[-1, 0])
        assert_allclose(values[:, 1], getattr(expected, name)[:, 0], atol=1e-5)
    assert torch.isfinite(stack.weights[1]).all()


# --- callbacks -----------------------------------------------------------------------------------


class SelfLabels(train.Callback):
    """From the second epoch on, train on the network's own predictions, mixed in."""

    def epoch_end(self, state):
        own = losses.probabilities(state.outputs)
        state.targets = 0.5 * state.targets + 0.5 * own if state.targets.ndim == own.ndim else own


def test_targets_may_be_replaced():
    settings = {"epochs": 4, "batch_size": 6, "lr": [0.1, 0.2]}
    given = data(rows=True)
    stack = Stack(SIZES, seeds=[0, 1])
    found = fit_stack(stack, given, losses.cross_entropy, callbacks=[SelfLabels()], **settings)
    weights, histories = one_after_another(
        [0, 1], [given] * 2, losses.cross_entropy, lambda s: [SelfLabels()], **settings
    )
    assert_allclose(stack.weights.detach(), weights, atol=1e-6)
    assert_same_histories(found, histories)
    plain = Stack(SIZES, seeds=[0, 1])
    fit_stack(plain, given, losses.cross_entropy, **settings)
    assert (plain.weights - stack.weights).abs().max() > 1e-3


def test_switch_gives_classes_to_all_networks():
    labels = data().targets
    other, settings = (labels + 1) % 3, {"epochs": 4, "batch_size": 6, "lr": 0.1}

    def switch(s=None):
        return [train.Switch(2, targets=other, loss=losses.squared_error)]

    stack = Stack(SIZES, seeds=[0, 1])
    fit_stack(stack, data(), losses.cross_entropy, callbacks=switch(), **settings)
    weights, _ = one_after_another([0, 1], [data()] * 2, losses.cross_entropy, switch, **settings)
    assert_allclose(stack.weights.detach(), weights, atol=1e-6)


@pytest.mark.parametrize("score", ["validation_accuracy", "validation_loss"])
def test_the_best_epoch_of_each(score):
    settings = {"epochs": 12, "batch_size": 6, "lr": [0.3, 0.01, 0.1], "schedule": "constant"}
    best, stack = ensemble.KeepBestOfEach(score), Stack(SIZES, seeds=range(3))
    fit_stack(stack, data(), losses.cross_entropy, callbacks=[best], **settings)
    each = [train.KeepBest(score) for _ in range(3)]
    one_after_another(
        range(3), [data()] * 3, losses.cross_entropy, lambda s: [each[s]], **settings
    )  # fmt: skip
    assert best.epochs.tolist() == [k.epoch for k in each]
    assert len(set(best.epochs)) > 1
    assert min(best.epochs) < 11
    for s, one in enumerate(each):
        network = models.mlp(SIZES, seed=0)
        network.load_state_dict(one.weights)
        assert_allclose(best.weights[s], vector(network), atol=1e-5)
    with pytest.raises(ValueError, match="score must be"):
        ensemble.KeepBestOfEach("loss")


def test_without_validation_there_is_no_best():
    best, stack = ensemble.KeepBestOfEach(), Stack(SIZES, seeds=range(2))
    given = data()._replace(validation=None, labels=None)
    found = fit_stack(
        stack, given, losses.cross_entropy, epochs=2, batch_size=6, callbacks=[best]
    )  # fmt: skip
    assert best.epochs.tolist() == [-1, -1]
    assert np.isnan(found.validation_loss).all()
    assert np.isfinite(found.train_accuracy).all()  # targets that are classes are the labels


class Recorder(train.Callback):
    def __init__(self, stop_after):
        self.stop_after, self.seen = stop_after, []

    def epoch_start(self, state):
        self.seen.append(("start", state.epoch, state.outputs is None))

    def batch_end(self, state):
        self.seen.append(("batch", state.step, state.batch.shape))

    def epoch_end(self, state):
        self.seen.append(("end", state.outputs.shape, len(state.history["loss"])))
        state.stop = state.epoch == self.stop_after


def test_hooks_come_in_order_and_may_stop():
    stack, recorder = Stack(SIZES, seeds=range(2)), Recorder(stop_after=1)
    found = fit_stack(
        stack, data(), losses.cross_entropy, epochs=9, batch_size=20, callbacks=[recorder]
    )  # fmt: skip
    assert recorder.seen == [
        ("start", 0, True), ("batch", 1, (2, 20)), ("batch", 2, (2, 3)), ("end", (2, N, 3), 1),
        ("start", 1, True), ("batch", 3, (2, 20)), ("batch", 4, (2, 3)), ("end", (2, N, 3), 2),
    ]  # fmt: skip
    assert found.loss.shape == (2, 2)


# --- the stack -----------------------------------------------------------------------------------


def test_rows_are_networks():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    stack, X = Stack(SIZES, seeds=[3, 0, 3]), data().X
    assert torch.equal(state, torch.get_rng_state())
    assert len(stack) == 3
    assert stack.weights.shape == (3, models.count_parameters(models.mlp(SIZES, seed=0)))
    assert torch.equal(stack.weights[0], stack.weights[2])
    own = torch.stack([X, 2 * X, 3 * X])
    for s, seed in enumerate([3, 0, 3]):
        network = models.mlp(SIZES, seed=seed)
        assert torch.equal(vector(stack.network(s)), vector(network))
        assert_allclose(stack(X)[s].detach(), network(X).detach(), atol=1e-6)
        assert_allclose(stack.predict(own)[s], network(own[s]).detach(), atol=1e-6)
    copy = stack.network(0)
    copy[0].weight.data.zero_()
    assert torch.equal(stack.weights[0], stack.weights[2])
    assert not stack.predict(X.double()).requires_grad  # the inputs are converted


def test_accuracies():
    rng = np.random.default_rng(0)
    outputs, labels = torch.from_numpy(rng.standard_normal((4, 30, 3))), torch.arange(30) % 3
    expected = [(o.argmax(1) == labels).double().mean().item() for o in outputs]
    assert_allclose(ensemble.accuracies(outputs, labels), expected)
    assert_allclose(ensemble.accuracies(outputs, labels.expand(4, 30)), expected)
    outputs[2, 5, 1] = float("inf")
    assert_array_equal(np.isnan(ensemble.accuracies(outputs, labels)), [0, 0, 1, 0])


def test_the_last_learning_rate_is_in_the_history():
    stack = Stack(SIZES, seeds=range(2))
    found = fit_stack(
        stack, data(), losses.cross_entropy, epochs=4, batch_size=9, lr=[0.1, 0.2]
    )  # fmt: skip
    cosine = 0.5 * (1 + np.cos(np.pi * np.arange(4) / 4))
    assert_allclose(found.lr, cosine[:, None] * [0.1, 0.2], rtol=1e-6)


def test_refusals():
    stack, given = Stack(SIZES, seeds=range(2)), data()
    fit = functools.partial(fit_stack, stack, loss=losses.cross_entropy, epochs=1, batch_size=5)
    before = stack.weights.detach().clone()
    with pytest.raises(ValueError, match="seeds is empty"):
        Stack(SIZES, seeds=[])
    with pytest.raises(ValueError, match=r"lr must be a number or 2 numbers, got shape \(3,\)"):
        fit(data=given, lr=[0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"lr must be > 0, got 0\.0"):
        fit(data=given, lr=[0.1, 0.0])
    with pytest.raises(ValueError, match="weight_decay must be >= 0"):
        fit(data=given, weight_decay=-0.1)
    with pytest.raises(ValueError, match="seeds must be one whole number or 2, got shape"):
        fit(data=given, seeds=[0, 1, 2])
    with pytest.raises(ValueError, match="optimizer must be one of"):
        fit(data=given, optimizer="lbfgs")
    with pytest.raises(ValueError, match="schedule must be"):
        fit(data=given, schedule="linear")
    with pytest.raises(ValueError, match="batch_size must be >= 1"):
        fit(data=given, batch_size=0)
    with pytest.raises(TypeError, match="callbacks must be Callback objects"):
        fit(data=given, callbacks=[print])
    with pytest.raises(ValueError, match=r"X must have shape \(23, 5\) or \(2, 23, 5\)"):
        fit(data=given._replace(X=given.X[:, :4].contiguous()))
    with pytest.raises(TypeError, match="X must be a torch tensor"):
        fit(data=given._replace(X=given.X.numpy()))
    with pytest.raises(ValueError, match="X holds NaN or infinite"):
        fit(data=given._replace(X=given.X / 0))
    with pytest.raises(TypeError, match="X must hold real numbers"):
        fit(data=given._replace(X=given.X.long()))
    with pytest.raises(ValueError, match=r"targets must have shape \(23, 3\) or \(2, 23, 3\)"):
        fit(data=given._replace(targets=one_hot(given.targets[:-1]).float()))
    with pytest.raises(ValueError, match=r"targets must lie in 0\.\.2, got 1 to 3"):
        fit(data=given._replace(targets=given.targets + 1))
    with pytest.raises(ValueError, match=r"labels must have shape \(23,\) or \(2, 23\)"):
        fit(data=given._replace(labels=given.labels[:5]))
    with pytest.raises(ValueError, match=r"validation\[1\] must have shape \(9, 3\)"):
        fit(data=given._replace(validation=(given.validation[0], given.validation[1][:3])))
    assert torch.equal(before, stack.weights)


# --- what the networks do not share ---------------------------------------------------------------


class OneByOne(train.Callback):
    """Give each network its own targets by writing into the common tensor."""

    def __init__(self, own):
        self.own = own

    def epoch_start(self, state):
        for s, rows in enumerate(self.own):
            state.targets[s] = rows


@pytest.mark.parametrize("rows", [True, False])
def test_targets_may_be_written_to_network_by_network(rows):
    given = data(rows=rows)
    before = given.targets.clone()
    own = torch.stack([data(s, rows=True).targets for s in (1, 2)])
    settings = {"epochs": 3, "batch_size": 6, "lr": 0.1}
    stack, expected = Stack(SIZES, seeds=[0, 1]), Stack(SIZES, seeds=[0, 1])
    fit_stack(stack, given, losses.cross_entropy, callbacks=[OneByOne(own)], **settings)
    separate = given._replace(targets=own)
    fit_stack(expected, separate, losses.cross_entropy, **settings)
    assert_allclose(stack.weights.detach(), expected.weights.detach(), atol=1e-6)
    assert torch.equal(given.targets, before)
    assert torch.equal(separate.targets, own)


def test_a_switch_on_rows_of_all_can_be_written_to():
    then = data(3, rows=True).targets
    kept, own = then.clone(), torch.stack([data(s, rows=True).targets for s in (1, 2)])
    stack, expected = Stack(SIZES, seeds=[0, 1]), Stack(SIZES, seeds=[0, 1])
    settings = {"epochs": 1, "batch_size": 6, "lr": 0.1}

    class Later(OneByOne):
        def batch_end(self, state):
            super().epoch_start(state)

    class Both(train.Callback):
        def batch_end(self, state):
            state.targets = own

    for network, late in ((stack, Later(own)), (expected, Both())):
        late.epoch_start = lambda state: None
        use = [train.Switch(0, targets=then), late]
        fit_stack(network, data(), losses.cross_entropy, callbacks=use, **settings)
    assert_allclose(stack.weights.detach(), expected.weights.detach(), atol=1e-6)
    assert torch.equal(then, kept)


def test_the_best_of_each_is_that_of_the_last_run():
    best = ensemble.KeepBestOfEach("validation_loss")
    settings = {"batch_size": 6, "callbacks": [best]}
    fit_stack(
        Stack(SIZES, seeds=[0, 1]), data(), losses.cross_entropy, epochs=9, lr=0.1, **settings
    )
    other = Stack(SIZES, seeds=[5, 6, 7])  # of another size, even
    fit_stack(other, data(), losses.cross_entropy, epochs=1, lr=1e-6, **settings)
    assert torch.equal(best.weights, other.weights.detach())
    assert best.epochs.tolist() == [0, 0, 0]


def test_scores_that_mean_nothing_are_refused():
    fit = functools.partial(
        fit_stack, Stack(SIZES, seeds=[0, 1]), data(), losses.cross_entropy, epochs=3, batch_size=9
    )
    with pytest.raises(TypeError, match=r"a stack needs ensemble\.KeepBestOfEach"):
        fit(callbacks=[train.KeepBest()])
    switch = train.Switch(1, loss=losses.squared_error)
    with pytest.raises(ValueError, match="switched by epoch 1"):
        fit(callbacks=[switch, ensemble.KeepBestOfEach("validation_loss")])


def test_labels_and_data_are_checked_as_for_one_network():
    stack, given = Stack(SIZES, seeds=[0, 1]), data()
    fit = functools.partial(fit_stack, stack, loss=losses.cross_entropy, epochs=1, batch_size=5)
    for labels, message in [
        (given.labels + 0.5, "labels must be class numbers, got torch.float32"),
        (given.labels > 0, "labels must be class numbers, got torch.bool"),
        (given.labels + 50, r"labels must lie in 0\.\.2"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit(data=given._replace(labels=labels))
    with pytest.raises(TypeError, match="targets must be class numbers or real numbers"):
        fit(data=given._replace(targets=given.targets > 0))
    with pytest.raises(TypeError, match="data must be a Data, got tuple"):
        fit(data=tuple(given))


def test_prediction_goes_by_pieces(monkeypatch):
    stack, X = Stack(SIZES, seeds=[0, 1]).double(), data().X.double()
    sizes, forward = [], Stack.forward
    monkeypatch.setattr(
        Stack, "forward", lambda s, X: (sizes.append(X.shape[-2]), forward(s, X))[1]
    )
    for points in (X, torch.stack([X, 2 * X])):
        sizes.clear()
        pieces = stack.predict(points, batch_size=10)
        assert sizes == [10, 10, 3]
        assert_allclose(pieces, forward(stack, points).detach(), rtol=1e-12)
