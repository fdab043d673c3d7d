"""Digits with wrong labels: splits, noise, numbers, and what is refused."""

import pytest
import torch
from numpy.testing import assert_array_equal

from distill_lib import datasets
from distill_lib.deep.noisy_digits import double_precision, joined, noisy_digits


def test_digits_are_split_and_wrong_as_asked():
    digits = noisy_digits("symmetric", 0.25, seeds=3, seed=4)
    for labels, clean in (
        (digits.data.targets, digits.clean),
        (digits.data.validation[1], digits.clean_validation),
    ):
        assert ((labels != clean).sum(1) == round(0.25 * labels.shape[1])).all()
    rows = {tuple(row) for row in datasets.digits(400, 300, seed=0).X_train.round(6)}
    everything = torch.cat([digits.data.X, digits.data.validation[0], digits.X_test], 1)
    assert everything.shape == (3, 1797, 64)
    assert len({tuple(row) for row in everything[0].numpy().round(6)}) > 1790
    assert rows <= {tuple(row) for row in everything[0].numpy().round(6)}
    again = noisy_digits("symmetric", 0.25, seeds=1, seed=4)
    assert_array_equal(again.data.targets[0], digits.data.targets[0])


def test_pairs_go_to_the_next_class():
    digits = noisy_digits("pairs", 0.4, seeds=2)
    wrong = digits.data.targets != digits.clean
    assert_array_equal(digits.data.targets[wrong], (digits.clean[wrong] + 1) % 10)
    assert 0.38 < wrong.double().mean() < 0.42


def test_data_sets_do_not_depend_on_how_many_follow():
    few, many = (noisy_digits("symmetric", 0.4, seeds=k, seed=3) for k in (2, 3))
    for a, b in zip(few[1:], many[1:], strict=True):
        assert_array_equal(a, b[:2])
    assert_array_equal(few.data.targets, many.data.targets[:2])
    assert (few.data.targets != few.clean).sum(1).tolist() == [160, 160]
    assert (few.data.validation[1] != few.clean_validation).sum(1).tolist() == [120, 120]
    assert few.X_test.shape == (2, 1097, 64)


@pytest.mark.parametrize("kind", ["symmetric", "pairs"])
def test_numbers_are_of_the_default_type_and_labels_do_not_depend_on_it(kind):
    single = noisy_digits(kind, 0.4, seeds=2)
    with double_precision():
        double = noisy_digits(kind, 0.4, seeds=2)
    for digits, dtype in ((single, torch.float32), (double, torch.float64)):
        assert {t.dtype for t in (digits.data.X, digits.data.validation[0], digits.X_test)} == {
            dtype
        }
    assert_array_equal(single.data.targets, double.data.targets)
    assert_array_equal(single.y_test, double.y_test)


def test_double_precision_ends_with_the_block_even_after_an_error():
    with pytest.raises(KeyError), double_precision():
        raise KeyError
    assert torch.get_default_dtype() is torch.float32


def test_joined_data_sets_stand_side_by_side():
    parts = [noisy_digits("symmetric", 0.4, seeds=2), noisy_digits("pairs", 0.3, seeds=1)]
    both = joined(parts)
    for part, rows in zip(parts, (slice(2), slice(2, 3)), strict=True):
        assert_array_equal(both.data.X[rows], part.data.X)
        assert_array_equal(both.data.targets[rows], part.data.targets)
        assert_array_equal(both.data.validation[1][rows], part.data.validation[1])
        for got, expected in zip(both[1:], part[1:], strict=True):
            assert_array_equal(got[rows], expected)


def test_repeated_data_sets_follow_one_another():
    digits = noisy_digits("pairs", 0.4, seeds=2)
    twice = digits.repeated(2)
    assert_array_equal(twice.data.targets[2:], digits.data.targets)
    assert_array_equal(twice.y_test[:2], twice.y_test[2:])


@pytest.mark.parametrize(
    ("arguments", "seeds", "message"),
    [
        (("human", 0.4), 1, r"kind must be one of .* got 'human'"),
        (("pairs", 0.4), 0, "seeds must be"),
        (("pairs", 1.4), 1, "rate must"),
        (("symmetric", float("nan")), 1, "rate contains nan"),
    ],
)
def test_bad_input_is_named(arguments, seeds, message):
    with pytest.raises(ValueError, match=message):
        noisy_digits(*arguments, seeds=seeds)
