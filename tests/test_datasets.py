"""The data sets: shapes, sources, seeds, refusals. The real MNIST only where its files are."""

import gzip
import hashlib
import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_digits
from sklearn.kernel_ridge import KernelRidge

from distill_lib import datasets


def test_the_published_sinusoid():
    x, y, grid, truth = datasets.sinusoid()
    assert_allclose(x, np.linspace(0, 1, 11), rtol=1e-15)
    assert y.shape == (11,)
    assert_allclose(grid, np.linspace(0, 1, 201))
    assert_allclose(truth, np.sin(2 * np.pi * grid))


@pytest.mark.parametrize(
    ("alpha", "published"),
    [
        (0.0, [0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251]),
        (0.25, [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011]),
        (0.35, [0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948]),
    ],
)
def test_the_published_sinusoid_gives_the_published_errors(alpha, published):
    """The table of Borup and Andersen's notebook, by scikit-learn: exp(-80 (x - x')^2), 0.2."""
    x, y, grid, truth = datasets.sinusoid(grid_size=101)
    targets, errors = y, []
    for _ in published:
        model = KernelRidge(kernel="rbf", gamma=80.0, alpha=0.2).fit(x[:, None], targets)
        targets = alpha * y + (1 - alpha) * model.predict(x[:, None])
        errors.append(np.square(model.predict(grid[:, None]) - truth).mean())
    assert_allclose(errors, published, atol=6e-6)


def test_the_caller_cannot_change_the_published_targets():
    before = datasets.sinusoid().y.copy()
    datasets.sinusoid().y[:] = 0
    assert_array_equal(datasets.sinusoid().y, before)


def test_fresh_points_have_the_asked_noise():
    x, y, grid, truth = datasets.sinusoid(20_000, noise=0.3, seed=0, grid_size=11)
    assert x.shape == y.shape == (20_000,)
    assert grid.shape == truth.shape == (11,)
    residual = y - np.sin(2 * np.pi * x)
    assert abs(residual.mean()) < 5 * 0.3 / np.sqrt(20_000)
    assert abs(residual.std() / 0.3 - 1) < 0.03
    exact = datasets.sinusoid(5, noise=0, seed=0)
    assert_allclose(exact.y, np.sin(2 * np.pi * exact.x))


def test_sinusoid_seeds():
    draws = [datasets.sinusoid(9, seed=s).y for s in (3, np.random.default_rng(3), 4)]
    assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 5}, "seed is None"),
        ({"seed": 3}, "seed = 3 needs n"),
        ({"n": 1, "seed": 0}, "n must be >= 2, got 1"),
        ({"n": 5.0, "seed": 0}, "n must be a whole number"),
        ({"n": 5, "seed": 0, "noise": -1}, "noise must be >= 0, got -1"),
        ({"n": 5, "seed": 0, "noise": np.nan}, "noise contains nan"),
        ({"grid_size": 1}, "grid_size must be >= 2, got 1"),
        ({"grid_size": 2.5}, "grid_size must be a whole number"),
    ],
)
def test_sinusoid_refuses(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.sinusoid(**arguments)


def test_digits_are_a_partition_of_scikit_learns():
    parts = datasets.digits(500, 300, seed=0)
    X = np.concatenate([parts.X_train, parts.X_validation, parts.X_test])
    y = np.concatenate([parts.y_train, parts.y_validation, parts.y_test])
    assert [len(parts.X_train), len(parts.X_validation), len(parts.X_test)] == [500, 300, 997]
    assert [len(parts.y_train), len(parts.y_validation), len(parts.y_test)] == [500, 300, 997]
    assert X.min() == 0
    assert X.max() == 1

    def rows(X, y):
        return sorted(map(tuple, np.column_stack([X, y])))

    raw_X, raw_y = load_digits(return_X_y=True)
    assert rows(X, y) == rows(raw_X / 16, raw_y)  # each image once, with its own label


def test_digits_seeds():
    a, b, c = (datasets.digits(50, 50, seed=s) for s in (0, np.random.default_rng(0), 1))
    assert_array_equal(a.X_test, b.X_test)
    assert (a.y_train != c.y_train).any()
    assert np.bincount(a.y_test, minlength=10).min() > 100  # all classes are mixed


def test_digits_without_validation_are_the_same_images():
    two, three = datasets.digits(50, seed=0), datasets.digits(50, 100, seed=0)
    assert two.X_validation.shape == (0, 64)
    assert two.y_validation.shape == (0,)
    assert_array_equal(two.X_train, three.X_train)
    assert_array_equal(two.X_test, np.concatenate([three.X_validation, three.X_test]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "n_train must be >= 1, got 0"),
        ((5, -1), "n_validation must be >= 0, got -1"),
        ((5.0, 5), "n_train must be a whole number"),
        ((1000, 797), r"n_train \+ n_validation must be < 1797, got 1797"),
    ],
)
def test_digits_refuses(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.digits(*arguments, seed=0)


# ------------------------------------------------------------------------- diabetes


def test_diabetes_is_a_partition_in_units_of_the_training_part():
    split = datasets.diabetes(200, 100, seed=0)
    assert [len(part) for part in split[1::2]] == [200, 100, 142]
    for train in (split.X_train, split.y_train):
        assert_allclose(train.mean(axis=0), 0, atol=1e-12)
        assert_allclose(train.std(axis=0), 1)
    # In units of the whole data set, by scikit-learn, rows and targets are the same up to one
    # shift and one scale a column, which the training part alone decides.
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(442)
    train = order[:200]
    got_X, got_y = np.concatenate(split[::2]), np.concatenate(split[1::2])
    assert_allclose(got_X, ((X - X[train].mean(0)) / X[train].std(0))[order], atol=1e-9)
    assert_allclose(got_y, ((y - y[train].mean()) / y[train].std())[order], atol=1e-9)


def test_the_units_do_not_look_at_the_test_part():
    split = datasets.diabetes(200, seed=1)
    assert split.X_validation.shape == (0, 10)
    assert abs(split.y_test.mean()) > 1e-3
    assert (abs(split.X_test.std(axis=0) - 1) > 1e-3).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "n_train must be >= 2, got 1"),
        ((5, -1), "n_validation must be >= 0, got -1"),
        ((5.0,), "n_train must be a whole number"),
        ((400, 42), r"n_train \+ n_validation must be < 442, got 442"),
        ((2,), "n_train = 2 is too small: feature 1 is constant"),
    ],
)
def test_diabetes_refuses(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.diabetes(*arguments, seed=0)


# ---------------------------------------------------------------------------- MNIST


def idx(array):
    """Bytes of an array in the idx format, written from its description."""
    head = b"\0\0\x08" + bytes([array.ndim])
    return head + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A small MNIST in the exact format: arrays by file name, and a function that writes them."""
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 40), ("t10k", 15)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        images[:, 0, 0] = np.arange(n)  # tells the images apart
        arrays[f"{part}-images-idx3-ubyte.gz"] = images
        arrays[f"{part}-labels-idx1-ubyte.gz"] = np.arange(n, dtype=np.uint8) % 10

    def write(**changes):
        contents = {name: idx(array) for name, array in arrays.items()} | changes
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        monkeypatch.setattr(datasets, "MNIST_SHA256", sums)
        (tmp_path / "mnist").mkdir(exist_ok=True)
        for name, data in contents.items():
            (tmp_path / "mnist" / name).write_bytes(gzip.compress(data))

    write()
    return arrays, write, tmp_path / "mnist"


def test_mnist_parts_come_from_their_files(fake):
    arrays, _, _ = fake
    split = datasets.mnist(20, 15, 10, seed=0)
    assert [part.shape for part in split[::2]] == [(20, 784), (15, 784), (10, 784)]
    known = np.concatenate([split.X_train, split.X_validation])
    for X, y, part in ((known, np.concatenate([split.y_train, split.y_validation]), "train"),
                       (split.X_test, split.y_test, "t10k")):  # fmt: skip
        numbers = np.rint(X[:, 0] * 255).astype(int)
        assert len(set(numbers)) == len(numbers)  # drawn without repetition
        assert (np.diff(numbers) < 0).any()  # and shuffled
        images = arrays[f"{part}-images-idx3-ubyte.gz"][numbers]
        assert_allclose(X, images.reshape(len(X), -1) / 255, rtol=1e-15)
        assert_array_equal(y, arrays[f"{part}-labels-idx1-ubyte.gz"][numbers])
    assert split.y_train.dtype == np.int64


@pytest.mark.parametrize("size", [14, 7, 1])
def test_mnist_blocks_of_pixels_are_averaged(fake, size):
    full, small = (datasets.mnist(9, 0, 5, seed=3, size=s) for s in (28, size))
    assert_array_equal(full.y_train, small.y_train)
    assert small.X_validation.shape == (0, size * size)
    step = 28 // size
    for image, pooled in zip(full.X_test, small.X_test, strict=True):
        image, pooled = image.reshape(28, 28), pooled.reshape(size, size)
        for i in range(size):
            for j in range(size):
                block = image[step * i : step * (i + 1), step * j : step * (j + 1)]
                assert_allclose(pooled[i, j], block.mean())


def test_mnist_seeds(fake):
    a, b, c = (datasets.mnist(20, 5, 9, seed=s) for s in (0, np.random.default_rng(0), 1))
    for first, second in zip(a, b, strict=True):
        assert_array_equal(first, second)
    assert (a.X_train[:, 0] != c.X_train[:, 0]).any()


def test_mnist_cannot_be_changed_by_the_caller(fake):
    datasets.mnist(40, 0, 15, seed=0).X_train[:] = 0
    assert datasets.mnist(40, 0, 15, seed=0).X_train.max() > 0.9


@pytest.mark.parametrize(
    ("sizes", "more", "message"),
    [
        ((0, 0, 1), {}, "n_train must be >= 1, got 0"),
        ((1, -1, 1), {}, "n_validation must be >= 0, got -1"),
        ((1, 0, 0), {}, "n_test must be >= 1, got 0"),
        ((1, 0, None), {}, "n_test must be a whole number"),
        ((30, 11, 1), {}, r"n_train \+ n_validation must be <= 40, got 41"),
        ((1, 0, 16), {}, "n_test must be <= 15, got 16"),
        ((1, 0, 1), {"size": 0}, "size must be >= 1, got 0"),
        ((1, 0, 1), {"size": 10}, "size must be a divisor of 28, got 10"),
        ((1, 0, 1), {"size": 56}, "size must be a divisor of 28, got 56"),
        ((1, 0, 1), {"size": 14.0}, "size must be a whole number"),
    ],
)
def test_mnist_refuses(fake, sizes, more, message):
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.mnist(*sizes, seed=0, **more)


LABELS, IMAGES = "train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        (LABELS, lambda data: b"\0\0\x08\x03" + data[4:], "magic number 00000801"),
        (IMAGES, lambda data: b"\0\0\x0d\x03" + data[4:], "magic number 00000803"),
        (IMAGES, lambda data: data[:9], "magic number 00000803 and 3 sizes"),
        (IMAGES, lambda data: data[:-1], r"shape \(40, 28, 28\), expected"),
        (LABELS, lambda data: data + b"\0", r"shape \(40,\), expected"),
        (IMAGES, lambda data: idx(np.zeros((40, 14, 56), np.uint8)), "expected .'n', 28, 28."),
        (LABELS, lambda data: idx(np.zeros(39, np.uint8)), "40 images, but 39 labels"),
    ],
)
def test_mnist_files_of_another_form_are_refused(fake, name, spoil, message):
    """Even if the sum of the content were right."""
    arrays, write, _ = fake
    write(**{name: spoil(idx(arrays[name]))})
    with pytest.raises(ValueError, match=message):
        datasets.mnist(1, 0, 1, seed=0)


def test_mnist_content_that_differs_in_one_bit_is_refused(fake):
    arrays, _, folder = fake
    images = arrays[IMAGES].copy()
    images[7, 14, 14] ^= 1
    (folder / IMAGES).write_bytes(gzip.compress(idx(images)))
    with pytest.raises(ValueError, match=f"{IMAGES} is damaged: its content has sha256"):
        datasets.mnist(1, 0, 1, seed=0)


def test_mnist_is_not_downloaded_unasked(tmp_path, monkeypatch):
    monkeypatch.delenv("DISTILL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(datasets, "MNIST_MIRRORS", ())
    with pytest.raises(FileNotFoundError, match=r"DISTILL_DATA.*mnist\(\.\.\., download=True"):
        datasets.mnist(1, 0, 1, seed=0)
    with pytest.raises(OSError, match="no mirror delivers train-images"):
        datasets.mnist(1, 0, 1, seed=0, download=True)


@pytest.mark.skipif(
    not os.environ.get("DISTILL_DATA"),
    reason="set DISTILL_DATA to a folder with the four files of MNIST in the subfolder mnist",
)
def test_the_real_mnist():
    """Its class counts and its mean grey value, which everyone who normalizes MNIST knows."""
    split = datasets.mnist(60_000, 0, 10_000, seed=0, size=7)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(split.y_train).tolist() == counts
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(split.y_test).tolist() == counts
    assert_allclose(split.X_train.mean(), 0.1307, atol=5e-5)
    # Images and labels belong together: the nearest class mean is right four times out of five.
    means = np.stack([split.X_train[split.y_train == c].mean(0) for c in range(10)])
    nearest = ((split.X_test[:, None] - means) ** 2).sum(-1).argmin(-1)
    assert (nearest == split.y_test).mean() > 0.75
