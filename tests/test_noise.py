"""Label noise: exact counts, true flips, uniform targets, seeds."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

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
    assert_array_equal(clean, before)


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
        assert_allclose(np.delete(shares, c), 1 / (n_classes - 1), atol=0.04)


def test_a_seed_and_its_generator_agree_and_seeds_differ():
    clean = labels(200, 3)
    one, two, other = (
        noise.symmetric(clean, 0.4, n_classes=3, rng=rng)
        for rng in (7, np.random.default_rng(7), 8)
    )
    assert_array_equal(one, two)
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
        ({"redraw": "no"}, TypeError, "redraw must be True or False, got 'no'"),
        ({"redraw": 1}, TypeError, "redraw must be True or False, got 1"),
        ({"labels": np.array([1, 2], np.int8), "n_classes": 129}, ValueError,
         "labels of type int8 cannot hold class 128"),
    ],
)  # fmt: skip
def test_refusals(change, error, message):
    good = {"labels": [0, 1, 2], "rate": 0.5, "n_classes": 3, "rng": 0}
    with pytest.raises(error, match=message):
        noise.symmetric(**(good | change))


# ---------------------------------------------------------------- drawn from all classes


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("rate", [0, 0.4, 1])
def test_a_redraw_may_draw_the_true_class(n_classes, rate):
    n = 40_000
    clean = labels(n, n_classes)
    noisy = noise.symmetric(clean, rate, n_classes=n_classes, rng=2, redraw=True)
    changed = (noisy != clean).mean()
    expected = rate * (n_classes - 1) / n_classes
    assert abs(changed - expected) < 5 * np.sqrt(0.25 * rate / n) + 1e-12
    if rate == 1:  # nothing is left of the clean labels: every class is as likely after every class
        assert_allclose(
            noise.transition_matrix(clean, noisy, n_classes=n_classes), 1 / n_classes, atol=0.04
        )


def test_a_redraw_draws_exactly_as_many_labels():
    """With very many classes hardly any draw hits the true one."""
    clean = labels(1000, 10**9)
    noisy = noise.symmetric(clean, 0.25, n_classes=10**9, rng=0, redraw=True)
    assert (noisy != clean).sum() == 250


# ------------------------------------------------------------------------- in clusters


@pytest.mark.parametrize("seed", range(20))
def test_every_cluster_has_its_own_exact_rate(seed):
    rng = np.random.default_rng(seed)
    k, n_classes = int(rng.integers(1, 12)), int(rng.integers(2, 5))
    clusters = rng.permutation(np.repeat(np.arange(k), rng.integers(1, 40, k)))
    rates = rng.choice([0, 0.5, 1, *rng.random(5)], k)
    clean = labels(len(clusters), n_classes, seed)
    before = clean.copy()
    noisy = noise.clustered(clean, clusters, rates, n_classes=n_classes, rng=seed)
    for c, rate in enumerate(rates):
        inside = clusters == c
        assert (noisy != clean)[inside].sum() == round(rate * inside.sum())
    assert noisy.min() >= 0
    assert noisy.max() < n_classes
    assert_array_equal(clean, before)


def test_flips_in_clusters_are_uniform_over_members_and_other_classes():
    clusters = np.repeat([0, 1], [10, 15])
    clean = np.zeros(25, dtype=np.int32)
    rng = np.random.default_rng(0)
    draws = np.stack(
        [noise.clustered(clean, clusters, [0.3, 0.6], n_classes=4, rng=rng) for _ in range(4000)]
    )
    assert draws.dtype == np.int32
    assert_allclose((draws != 0).mean(0), np.repeat([0.3, 0.6], [10, 15]), atol=0.04)
    assert_allclose(np.bincount(draws[draws != 0])[1:] / (draws != 0).sum(), 1 / 3, atol=0.02)


def test_one_rate_is_a_rate_for_every_cluster_and_clusters_may_be_empty():
    clusters, clean = np.array([0, 3, 3, 0, 5, 5]), np.zeros(6, dtype=int)
    one = noise.clustered(clean, clusters, 0.5, n_classes=2, rng=1)
    many = noise.clustered(clean, clusters, [0.5] * 9, n_classes=2, rng=1)
    assert_array_equal(one, many)
    assert_array_equal(np.bincount(clusters, weights=one), [1, 0, 0, 1, 0, 1])


def test_clustered_seeds():
    clusters, clean = labels(100, 3, seed=1), labels(100, 3)
    one, two, other = (
        noise.clustered(clean, clusters, 0.5, n_classes=3, rng=rng)
        for rng in (7, np.random.default_rng(7), 8)
    )
    assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": [0, 1, 3]}, ValueError, "labels must be < n_classes = 3, got 3"),
        ({"clusters": [0, 1]}, ValueError, "clusters must have one entry a label, 3, got 2"),
        ({"clusters": [[0, 0, 1]]}, ValueError, "clusters must be 1-dimensional"),
        ({"clusters": [0, -1, 1]}, ValueError, "clusters must be >= 0, got -1"),
        ({"clusters": [0.0, 1.0, 1.0]}, TypeError, "clusters must be a whole number"),
        ({"rates": [0.5]}, ValueError, "rates must be one number or one a cluster, 2, got 1"),
        ({"rates": [0.5, 1.5]}, ValueError, r"rates must lie in \[0, 1\], got 1.5"),
        ({"rates": [[0.5, 0.5]]}, ValueError, "rates must be 1-dimensional"),
        ({"rates": np.nan}, ValueError, "rates contains nan"),
        ({"n_classes": 1}, ValueError, "n_classes must be >= 2, got 1"),
        ({"rng": None}, TypeError, "rng must be a whole number"),
    ],
)
def test_clustered_refuses(change, error, message):
    good = {"labels": [0, 1, 2], "clusters": [0, 0, 1], "rates": [0.5, 0.0], "n_classes": 3,
            "rng": 0}  # fmt: skip
    with pytest.raises(error, match=message):
        noise.clustered(**(good | change))


# ------------------------------------------------------------------ by a transition matrix


def counts(clean, noisy, n_classes):
    """How many labels of each class became which, by comparison."""
    return np.array(
        [[((clean == c) & (noisy == j)).sum() for j in range(n_classes)] for c in range(n_classes)]
    )


def seats(shares, size):
    """Largest remainders with exact fractions, one seat after another."""
    wanted = [Fraction(share) * size for share in shares]
    given = [int(w) for w in wanted]
    while sum(given) < size:
        left = [w - g if g == int(w) else Fraction(-1) for w, g in zip(wanted, given, strict=True)]
        given[left.index(max(left))] += 1
    return given


@pytest.mark.parametrize("seed", range(40))
def test_counts_are_the_asked_shares_made_whole(seed):
    """Shares are multiples of 1/64, so that products and ties are exact in floating point."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 8))
    transition = rng.multinomial(64, rng.dirichlet(np.full(n_classes, 0.5)), n_classes) / 64
    sizes = rng.integers(0, 60, n_classes)
    sizes[rng.integers(n_classes)] = 1
    clean = rng.permutation(np.repeat(np.arange(n_classes), sizes)).astype(np.uint8)
    before = clean.copy()
    noisy = noise.asymmetric(clean, transition, rng=seed)
    got = counts(clean, noisy, n_classes)
    assert_array_equal(got, [seats(*row) for row in zip(transition, sizes.tolist(), strict=True)])
    assert (abs(got - transition * sizes[:, None]) < 1).all()
    assert (got[transition == 0] == 0).all()
    assert noisy.dtype == np.uint8
    assert_array_equal(clean, before)


@pytest.mark.parametrize("seed", range(40))
def test_rounded_shares_lose_no_label(seed):
    """Shares like 0.1 and 1/3, sizes for which the products are almost whole."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 12))
    transition = rng.integers(0, 8, (n_classes, n_classes)) + np.eye(n_classes)
    totals = transition.sum(axis=1).astype(int)
    sizes = totals * rng.integers(1, 50, n_classes)
    clean = np.repeat(np.arange(n_classes), sizes)
    shares = transition / totals[:, None]
    noisy = noise.asymmetric(clean, shares * (1 + 5e-9 * rng.uniform(-1, 1)), rng=seed)
    assert_array_equal(counts(clean, noisy, n_classes), transition * (sizes / totals)[:, None])


def test_members_are_drawn_uniformly():
    clean = np.repeat([0, 1], [4, 6])
    rng = np.random.default_rng(0)
    T = [[0.5, 0.5], [1 / 3, 2 / 3]]
    draws = np.stack([noise.asymmetric(clean, T, rng=rng) for _ in range(4000)])
    assert_allclose((draws != clean).mean(0), np.repeat([0.5, 1 / 3], [4, 6]), atol=0.04)


def test_all_flips_are_drawn_from_the_original_labels():
    """Every class moves on by one, none by two."""
    clean = labels(300, 5)
    noisy = noise.asymmetric(clean, noise.pair_transition(5, 1.0), rng=0)
    assert_array_equal(noisy, (clean + 1) % 5)
    assert_array_equal(noise.asymmetric(clean, np.eye(5), rng=0), clean)


@pytest.mark.parametrize("true", [0, 1])
def test_one_label_goes_where_most_goes(true):
    T = [[0.4, 0.6], [0.6, 0.4]]
    assert noise.asymmetric([true], T, rng=0).tolist() == [1 - true]
    tie = [[0.5, 0.5], [0.5, 0.5]]
    assert noise.asymmetric([true], tie, rng=0).tolist() == [0]  # the smaller class, as promised


def test_asymmetric_seeds():
    clean, T = labels(200, 3), noise.pair_transition(3, 0.4)
    one, two, other = (
        noise.asymmetric(clean, T, rng=rng) for rng in (7, np.random.default_rng(7), 8)
    )
    assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": [0, 2]}, ValueError, "labels must be < n_classes = 2, got 2"),
        ({"labels": []}, ValueError, "labels is empty"),
        ({"transition": [1.0, 0.0]}, ValueError, r"transition must be square.*got shape \(2,\)"),
        ({"transition": np.ones((2, 3)) / 3}, ValueError, r"must be square.*got shape \(2, 3\)"),
        ({"transition": [[1.0]]}, ValueError, "2 x 2 or larger"),
        ({"transition": [[1.5, -0.5], [0, 1]]}, ValueError, "transition must be >= 0, got -0.5"),
        ({"transition": [[1, 0], [0.5, 0.4]]}, ValueError, "sum to 1 .*got 0.9 in row 1"),
        ({"transition": [[1, 0], [0.5, 0.5 + 2e-8]]}, ValueError, "in row 1"),
        ({"transition": [[1, 0], [np.nan, 1]]}, ValueError, "transition contains nan"),
        ({"transition": [["a", 0], [0, 1]]}, TypeError, "transition must be"),
        ({"rng": None}, TypeError, "rng must be a whole number"),
    ],
)
def test_asymmetric_refuses(change, error, message):
    good = {"labels": [0, 1], "transition": np.eye(2), "rng": 0}
    with pytest.raises(error, match=message):
        noise.asymmetric(**(good | change))


# ------------------------------------------------------------------------ pairs, matrices


@pytest.mark.parametrize("rate", [0, 0.3, 1])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_pairs_in_a_circle(n_classes, rate):
    T = noise.pair_transition(n_classes, rate)
    assert_allclose(T.sum(axis=1), 1, rtol=1e-15)
    for c in range(n_classes):
        expected = np.zeros(n_classes)
        expected[c] = 1 - rate
        expected[(c + 1) % n_classes] = rate
        assert_array_equal(T[c], expected)


def test_the_pairs_of_cifar10_are_those_that_look_alike():
    from distill_lib.datasets import CIFAR10_CLASSES

    names = {CIFAR10_CLASSES[a]: CIFAR10_CLASSES[b] for a, b in noise.CIFAR10_PAIRS.items()}
    assert names == {"truck": "automobile", "bird": "airplane", "cat": "dog", "dog": "cat",
                     "deer": "horse"}  # fmt: skip
    T = noise.pair_transition(10, 0.4, noise.CIFAR10_PAIRS)
    clean = np.repeat(np.arange(10), 50)
    noisy = noise.asymmetric(clean, T, rng=0)
    assert (noisy != clean).sum() == 5 * 20  # half of the classes have a partner
    assert_allclose(noise.transition_matrix(clean, noisy, n_classes=10), T, atol=1e-15)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_classes": 1}, ValueError, "n_classes must be >= 2, got 1"),
        ({"rate": 1.2}, ValueError, r"rate must lie in \[0, 1\], got 1.2"),
        ({"pairs": [1, 2]}, TypeError, "pairs must be a dict"),
        ({"pairs": {0: 0}}, ValueError, "pairs must be of different classes .* got 0 to 0"),
        ({"pairs": {0: 3}}, ValueError, "below n_classes = 3, got 0 to 3"),
        ({"pairs": {3: 0}}, ValueError, "below n_classes = 3, got 3 to 0"),
        ({"pairs": {0: -1}}, ValueError, "pairs must be >= 0, got -1"),
        ({"pairs": {0: 1.0}}, TypeError, "pairs must be a whole number"),
    ],
)
def test_pair_transition_refuses(change, error, message):
    with pytest.raises(error, match=message):
        noise.pair_transition(**({"n_classes": 3, "rate": 0.5} | change))


def test_a_transition_matrix_counts_pairs():
    clean, noisy = labels(500, 4), labels(500, 4, seed=1)
    T = noise.transition_matrix(clean.astype(np.uint8), noisy.astype(np.int8), n_classes=4)
    by_hand = counts(clean, noisy, 4)
    assert_allclose(T, by_hand / by_hand.sum(axis=1, keepdims=True), rtol=1e-15)
    assert (T != T.T).any()  # rows are true classes


def test_many_classes_in_a_narrow_type_do_not_overflow():
    clean = np.arange(200, dtype=np.uint8)
    assert_array_equal(noise.transition_matrix(clean, clean, n_classes=200), np.eye(200))


@pytest.mark.parametrize(
    ("clean", "noisy", "message"),
    [
        ([0, 2], [0, 1], "clean must hold every class, got no sample of class 1"),
        ([0, 1, 2], [0, 1], "noisy must have one entry a clean label, 3, got 2"),
        ([0, 3], [0, 1], "clean must be < n_classes = 3, got 3"),
        ([0, 1], [0, 3], "noisy must be < n_classes = 3, got 3"),
        ([0, 1], [[0, 1]], "noisy must be 1-dimensional"),
        ([0.5, 1], [0, 1], "clean must be a whole number"),
    ],
)
def test_transition_matrix_refuses(clean, noisy, message):
    with pytest.raises((ValueError, TypeError), match=message):
        noise.transition_matrix(clean, noisy, n_classes=3)


def test_a_million_labels():
    """Exact counts at a size where a loop over labels, or over classes, would be slow."""
    n, n_classes = 1_000_000, 1000
    clean = labels(n, n_classes)
    pairs = noise.asymmetric(clean, noise.pair_transition(n_classes, 0.25), rng=0)
    sizes = np.bincount(clean)
    wrong = np.bincount(clean[pairs != clean], minlength=n_classes)
    assert (abs(wrong - 0.25 * sizes) < 1).all()
    flips = noise.clustered(clean, clean, 0.1, n_classes=n_classes, rng=0) != clean
    assert_array_equal(np.bincount(clean[flips], minlength=n_classes), np.rint(0.1 * sizes))
    assert (noise.symmetric(clean, 0.3, n_classes=n_classes, rng=0) != clean).sum() == 300_000
