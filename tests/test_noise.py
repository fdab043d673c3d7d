"""Label noise: exact counts, true flips, uniform targets, seeds."""

import numpy as np
import pytest

from distill_lib import noise


def labels(n, n_classes, seed=0):
    return np.random.default_rng(seed).integers(n_classes, size=n)


@pytest.mark.parametrize("n", [1, 7, 100, 1001])
@pytest.mark.parametrize("rate", [0, 0.05, 0.3, 0.5, 0.999, 1])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_exactly_the_asked_fraction_truly_changes(n, rate, n_classes):
    clean = labels(n, n_classes)
    noisy = noise.symmetric(clean, rate, n_classes=n_classes, rng=1)
    assert (noisy != clean).sum() == round(rate * n)
    assert noisy.min() >= 0
    assert noisy.max() < n_classes
    assert noisy.dtype == clean.dtype


def test_the_original_is_left_alone():
    clean = labels(50, 4)
    before = clean.copy()
    noisy = noise.symmetric(clean, 0.0, n_classes=4, rng=0)
    noisy[:] = 0
    np.testing.assert_array_equal(clean, before)


def test_new_classes_and_flipped_places_are_uniform():
    n_classes, n = 5, 40_000
    clean = labels(n, n_classes)
    noisy = noise.symmetric(clean, 0.5, n_classes=n_classes, rng=3)
    flipped = noisy != clean
    for c in range(n_classes):
        of_class = clean == c
        # hypergeometric and binomial spreads are below 0.006 and 0.008 here: five of them
        assert abs(flipped[of_class].mean() - 0.5) < 0.03
        shares = (
            np.bincount(noisy[of_class & flipped], minlength=n_classes) / (of_class & flipped).sum()
        )
        assert shares[c] == 0
        np.testing.assert_allclose(np.delete(shares, c), 1 / (n_classes - 1), atol=0.04)


def test_a_seed_and_its_generator_agree_and_seeds_differ():
    clean = labels(200, 3)
    one, two, other = (
        noise.symmetric(clean, 0.4, n_classes=3, rng=rng)
        for rng in (7, np.random.default_rng(7), 8)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    clean = labels(200, 3)
    first, second = (noise.symmetric(clean, 0.4, n_classes=3, rng=rng) for _ in range(2))
    assert (first != second).any()


def test_narrow_integer_types_do_not_overflow():
    clean = np.full(500, 250, dtype=np.uint8)
    noisy = noise.symmetric(clean, 1.0, n_classes=256, rng=0)
    assert noisy.dtype == np.uint8
    assert (noisy != clean).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": [0.0, 1.0]}, TypeError, "labels must be a whole number"),
        ({"labels": [0, -1]}, ValueError, "labels must be >= 0, got -1"),
        ({"labels": [0, 3]}, ValueError, "labels must be < n_classes = 3, got 3"),
        ({"labels": [[0, 1]]}, ValueError, "labels must be 1-dimensional"),
        ({"labels": []}, ValueError, "labels is empty"),
        ({"rate": -0.1}, ValueError, r"rate must lie in \[0, 1\], got -0.1"),
        ({"rate": 1.1}, ValueError, r"rate must lie in \[0, 1\], got 1.1"),
        ({"rate": np.nan}, ValueError, "rate contains nan"),
        ({"rate": [0.1, 0.2]}, ValueError, "rate must be one number"),
        ({"rate": "much"}, TypeError, "rate must be"),
        ({"n_classes": 1}, ValueError, "n_classes must be >= 2, got 1"),
        ({"n_classes": 2.0}, TypeError, "n_classes must be a whole number"),
        ({"rng": None}, TypeError, "rng must be a whole number"),
        ({"rng": -1}, ValueError, "rng must be >= 0"),
    ],
)
def test_refusals(change, error, message):
    good = {"labels": [0, 1, 2], "rate": 0.5, "n_classes": 3, "rng": 0}
    with pytest.raises(error, match=message):
        noise.symmetric(**(good | change))
