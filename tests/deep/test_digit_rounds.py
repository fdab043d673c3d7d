"""Experiments of chapter 13: what they measure, against runs of single networks."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib.deep import digit_rounds, losses, models, rounds, train
from distill_lib.deep.noisy_digits import double_precision, noisy_digits

SHORT = {"epochs": 3, "batch_size": 50}


@pytest.fixture
def double():
    with double_precision():
        yield


def one_by_one(rate, name, decay, n_rounds, s, **options):
    """The chain of seed s by `rounds.self_distill`."""
    loss, lr = digit_rounds.LOSSES[name]
    digits = noisy_digits("symmetric", rate, seeds=s + 1, seed=5)
    X, y, _, validation = digits.data
    data = train.Data(X[s], y[s], None, (validation[0][s], validation[1][s]))
    chain = rounds.self_distill(
        lambda seed: models.mlp((64, 64, 10), seed=seed), data, loss, rounds=n_rounds, seed=s,
        lr=lr, weight_decay=decay, **SHORT, **options,
    )  # fmt: skip
    return digits, chain


def test_rounds_are_those_of_single_networks(double):
    decays = [0.001, 0.02]
    found = digit_rounds.rounds_on_digits(
        rate=0.4, loss="squared error", weight_decays=decays, rounds=2, seeds=2, seed=5, **SHORT
    )
    for j, decay in enumerate(decays):
        for s in (0, 1):
            digits, chain = one_by_one(0.4, "squared error", decay, 2, s)
            for r, generation in enumerate(chain):
                says = train.predict(generation.model, digits.X_test[s])
                expected = train.accuracy(says, digits.y_test[s])
                assert found.test[r, j, s] == expected
                expected = train.accuracy(generation.outputs, digits.data.targets[s])
                assert found.train[r, j, s] == expected
                y, clean = digits.data.validation[1][s], digits.clean_validation[s]
                assert found.validation[r, j, s] == train.accuracy(generation.validation, y)
                assert found.clean_validation[r, j, s] == train.accuracy(
                    generation.validation, clean
                )


def test_memory_counts_what_is_repeated(double):
    chain = digit_rounds.chain_on_digits(
        rate=0.4, loss="squared error", weight_decays=[0.001], rounds=2, seeds=2, seed=5, **SHORT
    )
    found = digit_rounds.memory(chain)
    given, clean = (v.numpy() for v in (chain.digits.data.targets, chain.digits.clean))
    for r, generation in enumerate(chain.generations):
        for s, says in enumerate(generation.outputs.argmax(-1).numpy()):
            wrong = given[s] != clean[s]
            assert_allclose(found.true[r, s], np.mean(says == clean[s]))
            assert_allclose(found.right[r, s], np.mean((says == given[s])[~wrong]))
            assert_allclose(found.wrong[r, s], np.mean((says == given[s])[wrong]))
            total = np.where(wrong, found.wrong[r, s], found.right[r, s]).mean()
            assert_allclose(chain.accuracies.train[r, 0, s], total)


def test_memory_of_clean_labels():
    chain = digit_rounds.chain_on_digits(
        rate=0.0, loss="squared error", weight_decays=[0.001], rounds=1, seeds=2, **SHORT
    )
    found = digit_rounds.memory(chain)
    assert_array_equal(found.true, found.right)
    assert np.isnan(found.wrong).all()


def test_weights_on_the_labels_are_those_of_single_networks(double):
    alphas = [0.0, 0.5, 1.0]
    found = digit_rounds.alphas_on_digits(
        rate=0.2, loss="cross-entropy", weight_decay=0.01, alphas=alphas, seeds=2, seed=5, **SHORT
    )
    for s in (0, 1):
        digits, chain = one_by_one(0.2, "cross-entropy", 0.01, 2, s, alpha="estimate")
        assert_allclose(found.raw[s], chain[1].raw_alpha, rtol=1e-9)
        y = digits.data.validation[1][s]
        error = losses.squared_error(chain[1].validation, y).item()
        assert_allclose(found.estimated_error[s], error, rtol=1e-9)
        for k, alpha in enumerate(alphas):
            _, mixed = one_by_one(0.2, "cross-entropy", 0.01, 2, s, alpha=alpha)
            error = losses.squared_error(mixed[1].validation, y).item()
            assert_allclose(found.validation_error[k, s], error, rtol=1e-9)
            says = train.predict(mixed[1].model, digits.X_test[s])
            assert found.test[k, s] == train.accuracy(says, digits.y_test[s])
            error = losses.squared_error(mixed[1].validation, digits.clean_validation[s]).item()
            assert_allclose(found.clean_validation_error[k, s], error, rtol=1e-9)


def test_a_grid_without_zero_gives_the_same_estimate():
    settings = {"rate": 0.2, "loss": "squared error", "weight_decay": 0.01, "seeds": 2, **SHORT}
    with_zero = digit_rounds.alphas_on_digits(alphas=[0.0, 1.0], **settings)
    without = digit_rounds.alphas_on_digits(alphas=[0.5], **settings)
    assert_allclose(without.raw, with_zero.raw, rtol=1e-10)


def test_stopping_notes_the_first_best_epoch(double):
    found = digit_rounds.stopped_on_digits(
        rate=0.4, loss="squared error", weight_decays=[0.001], rounds=2, seeds=2, seed=5, **SHORT
    )
    plain = digit_rounds.rounds_on_digits(
        rate=0.4, loss="squared error", weight_decays=[0.001], rounds=2, seeds=2, seed=5, **SHORT
    )
    assert_array_equal(found.last, plain.test)
    _, chain = one_by_one(0.4, "squared error", 0.001, 2, 1)
    for r in (0, 1):
        epoch = int(chain[r].history.validation_accuracy.argmax()) + 1
        assert found.epoch[r, 0, 1] == epoch
        if epoch == SHORT["epochs"]:
            assert found.chosen[r, 0, 1] == found.last[r, 0, 1]


def test_cases_are_stacked():
    case = {"rate": 0.4, "loss": "squared error", "weight_decays": [0.003], "epochs": 3}
    cases = [case, {**case, "rate": 0.0}]
    found = digit_rounds.against_weight_decay(cases=cases, rounds=1, seeds=1)
    alone = digit_rounds.rounds_on_digits(**cases[1], rounds=1, seeds=1)
    assert found.test.shape == (1, 2, 1, 1)
    assert_array_equal(found.test[:, 1], alone.test)


def test_tuned_chooses_by_validation_only():
    rng = np.random.default_rng(0)
    validation, test = rng.uniform(size=(2, 3, 4, 5))
    for n_rounds in (1, 2, 3):
        got = digit_rounds.tuned(validation, test, rounds=n_rounds)
        for s in range(5):
            r, w = np.unravel_index(validation[:n_rounds, :, s].argmax(), (n_rounds, 4))
            assert got[s] == test[r, w, s]


def test_ties_are_averaged_or_go_to_the_first():
    validation = np.array([[[0.7, 0.7]], [[0.7, 0.6]], [[0.5, 0.7]]])  # three rounds, two seeds
    test = np.array([[[0.1, 0.2]], [[0.3, 0.9]], [[0.9, 0.6]]])
    assert_allclose(digit_rounds.tuned(validation, test), [0.1, 0.2])
    assert_allclose(digit_rounds.tuned(validation, test, ties="mean"), [0.2, 0.4])
    assert_allclose(digit_rounds.tuned(validation, test, rounds=2, ties="mean"), [0.2, 0.2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: digit_rounds.tuned(np.zeros((2, 2)), np.zeros((2, 2))), "shape"),
        (lambda: digit_rounds.tuned(*np.zeros((2, 1, 1, 1)), ties="last"), "ties"),
        (
            lambda: digit_rounds.rounds_on_digits(
                rate=0, loss="hinge", weight_decays=[0], rounds=1, seeds=1
            ),
            "loss",
        ),
        (
            lambda: digit_rounds.rounds_on_digits(
                rate=0.4, loss="cross-entropy", weight_decays=[-1], rounds=1, seeds=1
            ),
            "weight_decays",
        ),
        (
            lambda: digit_rounds.alphas_on_digits(
                rate=0.4, loss="cross-entropy", weight_decay=0, alphas=[1.5], seeds=1
            ),
            "alphas",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_default_type_is_left_as_it_was():
    before = torch.get_default_dtype()
    digit_rounds.rounds_on_digits(
        rate=0.4, loss="cross-entropy", weight_decays=[0.0], rounds=1, seeds=1, epochs=1
    )
    assert torch.get_default_dtype() is before
