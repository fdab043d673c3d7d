"""Digits with wrong labels, networks that learn from themselves, and how they are compared."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib import results
from distill_lib.deep import losses, models
from distill_lib.deep.digit_noise import (
    METHODS,
    AgainstDecay,
    BurnIns,
    Curves,
    HardRefits,
    against_decay,
    burn_in_grid,
    chosen,
    hard_refits,
    paired,
    train_digits,
)
from distill_lib.deep.noisy_digits import joined, noisy_digits
from distill_lib.deep.self_labels import SequentialTargets
from distill_lib.deep.train import fit, predict
from distill_lib.kernel.self_labels import constant_weights, geometric_weights


def test_joined_networks_train_as_alone():
    parts = [noisy_digits("symmetric", 0.4, seeds=2), noisy_digits("pairs", 0.3, seeds=2)]
    both = joined(parts)
    together = train_digits(both, epochs=3)
    alone = train_digits(parts[0], epochs=3)
    for name in ("given", "repaired", "validation", "clean_validation", "test"):
        assert_allclose(getattr(together, name)[:, :2], getattr(alone, name), atol=1e-12)
    assert_array_equal(together.part(slice(2)).test, together.test[:, :2])


def test_what_is_measured_is_what_one_network_does_alone():
    digits = noisy_digits("symmetric", 0.4, seeds=2)
    own = SequentialTargets(geometric_weights(6, 0.5, burn_in=2))
    found = train_digits(digits, own=own, epochs=6, every=4, keep=True, weight_decay=0.01, seed=3)
    assert_array_equal(found.epochs, [4, 6])
    model = models.mlp((64, 64, 10), seed=4)  # network 1
    data = digits.data._replace(X=digits.data.X[1], targets=digits.data.targets[1], validation=None)
    fit(
        model, data, losses.cross_entropy, epochs=6, batch_size=50, lr=0.05, weight_decay=0.01,
        schedule="constant", seed=4,
        callbacks=[SequentialTargets(geometric_weights(6, 0.5, burn_in=2))],
    )  # fmt: skip
    outputs = predict(model, data.X)
    assert_allclose(found.outputs[-1, 1], outputs, atol=1e-4)
    right = (predict(model, digits.X_test[1]).argmax(1) == digits.y_test[1]).double().mean()
    assert abs(found.test[-1, 1] - right) < 0.003
    clean = torch.nn.functional.one_hot(digits.clean[1], 10)
    rows = (torch.softmax(outputs, 1) - clean).square().sum(1)
    assert_allclose(found.distance[-1, 1], rows.mean().sqrt(), atol=1e-4)
    assert_allclose(found.given[-1, 1], (outputs.argmax(1) == data.targets).double().mean())
    assert_allclose(found.repaired[-1, 1], (outputs.argmax(1) == digits.clean[1]).double().mean())


def test_a_teacher_takes_the_place_of_the_labels():
    digits = noisy_digits("symmetric", 0.4, seeds=2)
    taught = train_digits(digits, targets=digits.clean, epochs=30)
    assert (taught.repaired[-1] > 0.95).all()
    assert_allclose(taught.given[-1], 0.6, atol=0.05)  # counted on the given labels all the same


def test_several_weight_decays_are_as_many_stacks():
    digits = noisy_digits("pairs", 0.4, seeds=2)
    grid = train_digits(digits, weight_decay=[0.0, 0.1], epochs=4, every=4)
    for k, decay in enumerate((0.0, 0.1)):
        one = train_digits(digits, weight_decay=decay, epochs=4, every=4)
        assert_allclose(grid.test[:, 2 * k : 2 * k + 2], one.test, atol=1e-12)
        assert_allclose(grid.distance[:, 2 * k : 2 * k + 2], one.distance, atol=1e-4)
    soft = torch.full((2, 400, 10), 0.1)
    flat = train_digits(digits, weight_decay=[0.0, 0.1], targets=soft, epochs=2)
    assert flat.test.shape == (2, 4)


def curves(validation, clean, test):
    none = np.zeros_like(np.asarray(test))
    return Curves(np.arange(len(none)) + 1, none, none, *map(np.asarray, (validation, clean, test)),
                  none)  # fmt: skip


def test_chosen_takes_the_first_best_of_each_seed():
    # two epochs, two settings of two seeds
    found = curves(
        [[0.5, 0.1, 0.4, 0.3], [0.5, 0.2, 0.6, 0.3]],
        [[0.9, 0.1, 0.4, 0.3], [0.5, 0.9, 0.6, 0.3]],
        [[0.01, 0.02, 0.03, 0.04], [0.05, 0.06, 0.07, 0.08]],
    )
    test, epoch, setting = chosen(found, 2)
    assert_array_equal(test, [0.07, 0.04])
    assert_array_equal(epoch, [1, 0])
    assert_array_equal(setting, [1, 1])
    assert_array_equal(chosen(found, 2, clean=True)[0], [0.01, 0.06])
    assert_array_equal(chosen(found, 2, last=True)[0], [0.07, 0.08])
    assert_array_equal(chosen(found, 4)[0], [0.01, 0.06, 0.07, 0.04])
    diverged = found._replace(validation=np.where(found.validation == 0.6, np.nan, 0.3))
    assert_array_equal(chosen(diverged, 2)[2], [0, 0])
    with pytest.raises(ValueError, match="networks must divide the size of the stack, 4, got 3"):
        chosen(found, 3)


def test_paired():
    a, b = np.array([0.9, 0.8, 0.7]), np.array([0.8, 0.8, 0.75])
    mean, error, better = paired(a, b)
    assert_allclose(mean, np.mean(a - b))
    assert_allclose(error, np.std(a - b, ddof=1) / np.sqrt(3))
    assert better == 1
    for wrong in ([0.1], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="vectors of at least 2 seeds"):
            paired(wrong, wrong)


def test_bad_input_is_named():
    digits = noisy_digits("pairs", 0.4, seeds=1)
    with pytest.raises(ValueError, match="weight_decay must"):
        train_digits(digits, weight_decay=-1.0)
    with pytest.raises(ValueError, match="every must"):
        train_digits(digits, every=0)
    with pytest.raises(ValueError, match="weights has 3 entries for 4 epochs"):
        train_digits(digits, own=SequentialTargets(constant_weights(3, 0.5)), epochs=4)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


SMALL = {"noises": [["pairs", 0.4]], "weight_decays": [0.001, 0.02], "burn_in": 2, "epochs": 4}


def test_the_default_type_is_put_back():
    against_decay(**SMALL, seeds=1)
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(ValueError, match="kind must be"):
        against_decay(**SMALL | {"noises": [["human", 0.4]]}, seeds=1)
    assert torch.get_default_dtype() == torch.float32


def test_against_decay_is_made_of_single_runs(double):
    found = against_decay(**SMALL, seeds=2, seed=7)
    digits = noisy_digits("pairs", 0.4, seeds=2, seed=7)
    settings = {"weight_decay": 0.02, "schedule": "cosine", "epochs": 4}
    plain = train_digits(digits, **settings)
    assert_allclose(found.test[0, 0, 1], plain.test[-1], atol=1e-12)
    test, epoch, _ = chosen(plain, 2)
    assert_allclose(found.stopped_test[0, 1], test, atol=1e-12)
    assert_allclose(found.stopped_validation[0, 1], plain.validation[epoch, [0, 1]], atol=1e-12)
    own = SequentialTargets(geometric_weights(4, 0.97, burn_in=2))
    slow = train_digits(digits, own=own, **settings)
    assert_allclose(found.test[0, METHODS.index("hard, slow"), 1], slow.test[-1], atol=1e-12)
    assert len(np.unique(found.test[0, :, 1, 0])) == len(METHODS)
    assert_array_equal(against_decay(**SMALL, seeds=1, seed=7).test[..., 0], found.test[..., 0])


def test_tuned_is_chosen_on_validation_alone():
    shape = (1, len(METHODS), 3, 2)
    rng = np.random.default_rng(0)
    test, validation, clean = rng.permuted(np.arange(3 * np.prod(shape))).reshape(3, *shape)
    stopped, score = rng.random((2, 1, 3, 2))
    found = AgainstDecay(test, validation, clean, stopped, score)
    for m, name in enumerate(METHODS):
        for values, by_clean in ((validation, False), (clean, True)):
            best = values[0, m].argmax(0)
            expected = [test[0, m, best[0], 0], test[0, m, best[1], 1]]
            assert_array_equal(found.tuned(0, name, clean=by_clean), expected)
    two = validation[0, 0, [0, 2]].argmax(0)
    expected = test[0, 0, [0, 2]][two, [0, 1]]
    assert_array_equal(found.tuned(0, "given labels", decays=[0, 2]), expected)
    assert_array_equal(found.tuned(0, "stopped"), stopped[0][score[0].argmax(0), [0, 1]])


def test_stored_result_is_complete_and_begins_again(double):
    stored = results.load("digits_self_labels")
    settings, found = stored.about["settings"], AgainstDecay(**stored.arrays)
    shape = len(settings["noises"]), len(settings["weight_decays"]), settings["seeds"]
    assert found.test.shape == (shape[0], len(METHODS), *shape[1:])
    assert found.stopped_test.shape == shape
    assert all(np.isfinite(field).all() for field in found)
    # Its first network, without the others.
    digits = noisy_digits(*settings["noises"][1], seeds=1, seed=settings["seed"])
    decay = settings["weight_decays"][4]
    again = train_digits(digits, weight_decay=decay, schedule="cosine", every=100)
    assert_allclose(again.test[-1], found.test[1, 0, 4, :1], atol=1e-6)


def test_hard_refits_hand_on_what_the_network_before_says(double):
    noises, decays = [["symmetric", 0.4], ["pairs", 0.4]], [0.001, 0.02]
    settings = {"noises": noises, "weight_decays": decays, "epochs": 4, "seed": 7}
    found = hard_refits(**settings, refits=2, seeds=2)
    digits = noisy_digits(*noises[1], seeds=2, seed=7)
    same = {"weight_decay": decays, "schedule": "cosine", "epochs": 4, "keep": True}
    labels = None
    for r in range(3):
        one = train_digits(digits, targets=labels, seed=1000 * r, **same)
        assert_allclose(found.test[1, r], one.test[-1].reshape(2, 2), atol=1e-12)
        assert_allclose(found.validation[1, r], one.validation[-1].reshape(2, 2), atol=1e-12)
        test, _, best = chosen(one, 2, last=True)
        assert_array_equal(found.tuned(1, r), test)
        labels = one.outputs[-1].reshape(2, 2, 400, 10)[torch.tensor(best), [0, 1]].argmax(-1)
    assert_array_equal(hard_refits(**settings, refits=1, seeds=1).test, found.test[:, :2, :, :1])
    both = against_decay(**settings, seeds=2)
    assert_array_equal(both.test[:, METHODS.index("hard refit")], found.test[:, 1])
    with pytest.raises(ValueError, match="refits must"):
        hard_refits(**settings, refits=0, seeds=1)


def test_burn_in_grid_is_made_of_single_runs(double):
    settings = {"noises": [["symmetric", 0.4], ["pairs", 0.4]], "factors": [0.5, 0.9], "seed": 7}
    settings |= {"burn_ins": [1, 2, 3], "epochs": 6}
    found = burn_in_grid(**settings, seeds=2)
    assert found.test.shape == (2, 2, 3, 2)
    digits = noisy_digits("pairs", 0.4, seeds=2, seed=7)
    own = SequentialTargets(geometric_weights(6, 0.9, burn_in=2))
    one = train_digits(digits, own=own, epochs=6, keep=True)
    says = one.outputs[-1].argmax(-1).numpy()
    clean, given = digits.clean.numpy(), digits.data.targets.numpy()
    for field in ("test", "validation", "repaired"):
        assert_allclose(getattr(found, field)[1, 1, 1], getattr(one, field)[-1], atol=1e-12)
    for s in range(2):
        wrong = says[s] != clean[s]
        assert_allclose(found.as_given[1, 1, 1, s], (says[s] == given[s])[wrong].mean())
        assert_allclose(found.commonest[1, 1, 1, s], np.bincount(says[s]).max() / 400)
    plain = train_digits(digits, epochs=6)
    assert_allclose(found.plain_repaired[1], plain.repaired, atol=1e-12)
    assert_allclose(found.stopped(1), chosen(plain, 2)[0], atol=1e-12)
    first = burn_in_grid(**settings, seeds=1)
    assert_array_equal(first.test, found.test[..., :1])


def test_a_burn_in_is_chosen_on_validation_alone():
    rng = np.random.default_rng(0)
    test, validation = rng.permuted(np.arange(48)).reshape(2, 1, 2, 4, 3)
    found = BurnIns(test, validation, *[None] * 6)
    accuracy, burn_in = found.tuned(0)
    for s in range(3):
        q, b = np.unravel_index(validation[0, :, :, s].argmax(), (2, 4))
        assert (accuracy[s], burn_in[s]) == (test[0, q, b, s], b)
    accuracy, burn_in = found.tuned(0, [1])
    best = validation[0, 1].argmax(0)
    assert_array_equal(burn_in, best)
    assert_array_equal(accuracy, test[0, 1][best, np.arange(3)])


def test_stored_burn_ins_and_refits_are_complete_and_begin_again(double):
    stored = results.load("digits_burn_in")
    settings, found = stored.about["settings"], BurnIns(**stored.arrays)
    lengths = [len(settings[name]) for name in ("noises", "factors", "burn_ins")]
    assert found.test.shape == (*lengths, settings["seeds"])
    assert all(np.isfinite(field).all() for field in found)
    again = burn_in_grid(
        **settings | {"noises": settings["noises"][:1], "factors": [0.97], "seeds": 1}
        | {"burn_ins": [15]}
    )  # fmt: skip
    k = settings["factors"].index(0.97), settings["burn_ins"].index(15)
    assert_allclose(again.test[0, 0, 0], found.test[0, *k, :1], atol=1e-6)

    stored = results.load("digits_refits")
    settings, found = stored.about["settings"], HardRefits(**stored.arrays)
    sizes = settings["refits"] + 1, len(settings["weight_decays"]), settings["seeds"]
    assert found.test.shape == (len(settings["noises"]), *sizes)
    rival = AgainstDecay(**results.load("digits_self_labels").arrays)
    assert_allclose(found.test[:, 1], rival.test[1:, METHODS.index("hard refit")], atol=1e-6)
