"""The data sets: shapes, sources, seeds, refusals. Real images only where their files are."""

import gzip
import hashlib
import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_digits
from sklearn.kernel_ridge import KernelRidge

from distill_lib import _fetch, datasets
from tests import cifar_files
from tests.cifar_files import ARCHIVE, FIRST, FIRST_IMAGES, HUMAN, TRAIN, SmallCifar


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


# ------------------------------------------------------------------------- clusters


@pytest.mark.parametrize("radius", [0, 1e-16, 1e-12, 1e-3, 0.25, 1, 1.9, np.nextafter(2, 0)])
@pytest.mark.parametrize("n_features", [2, 3, 50])
def test_points_are_unit_vectors_within_the_radius(n_features, radius):
    sizes = [7, 1, 300]
    data = datasets.clusters(sizes, n_features=n_features, radius=radius, seed=0)
    assert data.X.shape == (308, n_features)
    assert data.centres.shape == (3, n_features)
    assert_allclose(np.linalg.norm(data.X, axis=1), 1, rtol=1e-14)
    assert_allclose(np.linalg.norm(data.centres, axis=1), 1, rtol=1e-14)
    assert_array_equal(data.cluster, [0] * 7 + [1] + [2] * 300)
    assert_array_equal(data.y, [0] * 7 + [1] + [0] * 300)
    distance = np.linalg.norm(data.X - data.centres[data.cluster], axis=1)
    assert (distance <= radius).all()
    if radius >= 1e-12:
        assert distance.max() > 0.9 * radius
        assert distance.min() < 0.99 * radius


def test_radius_zero_gives_exact_copies():
    centres = np.array([[0.6, 0.8], [1.0, 0.0]])
    data = datasets.clusters([2, 3], n_features=2, centres=centres, seed=0)
    assert_array_equal(data.X, centres[[0, 0, 1, 1, 1]])
    assert_array_equal(data.centres, centres)
    data.X[:] = data.centres[:] = 0
    assert centres.any()


def test_distances_and_directions_follow_their_laws():
    """For p = 3 the law is the uniform one on the cap: the height is uniform too."""
    e = np.eye(3)[:1]
    X = datasets.clusters([40_000], n_features=3, radius=1.2, centres=e, seed=0).X
    height = X[:, 0]  # a cap of chord r is as high as r^2 / 2
    assert_allclose(np.quantile(height, [0.25, 0.5, 0.75]), 1 - 0.72 * np.array([0.75, 0.5, 0.25]),
                    atol=0.01)  # fmt: skip
    angle = np.arctan2(X[:, 2], X[:, 1]) / (2 * np.pi) % 1
    assert_allclose(np.quantile(angle, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02)
    many = datasets.clusters([40_000], n_features=9, radius=0.5, centres=np.eye(9)[4:5], seed=1)
    share = (np.linalg.norm(many.X - many.centres, axis=1) <= 0.45).mean()
    assert abs(share - 0.9**8) < 0.015


def test_centres_are_uniform_on_the_sphere():
    """In three dimensions every coordinate of a uniform unit vector is uniform in [-1, 1]."""
    centres = datasets.clusters([1] * 30_000, n_features=3, seed=0).centres
    for coordinate in centres.T:
        assert_allclose(np.quantile(coordinate, [0.25, 0.5, 0.75]), [-0.5, 0, 0.5], atol=0.04)


def test_centres_that_are_almost_unit_vectors_are_kept():
    centres = np.array([[0.6, 0.8]]) * (1 + 9e-9)
    data = datasets.clusters([500], n_features=2, radius=0.1, centres=centres, seed=0)
    assert_array_equal(data.centres, centres)
    assert (np.linalg.norm(data.X - centres, axis=1) <= 0.1).all()
    assert_allclose(np.linalg.norm(data.X, axis=1), 1 + 9e-9, rtol=1e-14)  # on their sphere


def test_directions_close_to_the_centre_lose_no_digits():
    """In the plane a random vector often points almost at the centre."""
    data = datasets.clusters([200_000], n_features=2, radius=1.9, seed=0)
    assert_allclose(np.linalg.norm(data.X, axis=1), 1, rtol=1e-14)
    assert (np.linalg.norm(data.X - data.centres, axis=1) <= 1.9).all()


def test_classes_of_clusters():
    whole = datasets.clusters([1, 2, 1], n_features=2, classes=[1, -1, 1], seed=0)
    assert whole.y.tolist() == [1, -1, -1, 1]
    assert whole.y.dtype.kind == "i"
    real = datasets.clusters([1, 2], n_features=2, classes=[0.5, -1], seed=0)
    assert real.y.tolist() == [0.5, -1, -1]


def test_clusters_seeds():
    a, b, c = (
        datasets.clusters([5, 6], n_features=4, radius=0.5, seed=s)
        for s in (0, np.random.default_rng(0), 1)
    )
    for first, second in zip(a, b, strict=True):
        assert_array_equal(first, second)
    assert (a.X != c.X).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [3, 0]}, "sizes must be >= 1, got 0"),
        ({"sizes": [3.0, 1.0]}, "sizes must be a whole number"),
        ({"sizes": 3}, "sizes must be 1-dimensional"),
        ({"sizes": []}, "sizes is empty"),
        ({"n_features": 1}, "n_features must be >= 2, got 1"),
        ({"radius": -0.1}, "radius must be >= 0, got -0.1"),
        ({"radius": 2}, "radius must be < 2.* got 2"),
        ({"radius": [0.1, 0.1]}, "radius must be one number"),
        ({"radius": np.inf}, "radius contains inf"),
        ({"classes": [1]}, "classes must have one entry a cluster, 2, got 1"),
        ({"classes": [[1, 2]]}, "classes must be 1-dimensional"),
        ({"classes": ["a", "b"]}, "classes must be an array of real numbers"),
        ({"centres": np.eye(3)}, r"centres must have shape \(2, 3\).*got \(3, 3\)"),
        ({"centres": np.eye(2)}, r"centres must have shape \(2, 3\).*got \(2, 2\)"),
        ({"centres": [[1, 0, 0], [1, 0, 2e-4]]}, "centres must be unit vectors .* of norm 1.0000"),
        ({"centres": [[1, 0, 0], [0, 0, 0]]}, "of norm 0.0"),
        ({"centres": [[1, 0, 0], [0, 0, np.nan]]}, "centres contains nan"),
        ({"seed": -1}, "non-negative"),
    ],
)
def test_clusters_refuses(change, message):
    good = {"sizes": [3, 2], "n_features": 3, "radius": 0.1, "seed": 0}
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.clusters(**(good | change))


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


# ------------------------------------------------------------------------- CIFAR-10


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A small CIFAR-10 in the exact formats, in the folder that DISTILL_DATA names."""
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "CIFAR10_MIRRORS", ())
    return SmallCifar(tmp_path / "given", monkeypatch)


def numbers(X):
    """Which image each row is, from its first pixel."""
    return np.rint(X[:, 0] * 255).astype(int)


def test_cifar10_parts_come_from_the_archive(small):
    small.write(ARCHIVE)
    split = datasets.cifar10(25, 15, 8, seed=0)
    assert [part.shape for part in split[::2]] == [(25, 3072), (15, 3072), (8, 3072)]
    for X, y, part in (
        (np.concatenate(split[:3:2]), np.concatenate(split[1:4:2]), "train"),
        (split.X_test, split.y_test, "test"),
    ):
        drawn = numbers(X)
        assert len(set(drawn)) == len(drawn)  # without repetition
        assert (np.diff(drawn) < 0).any()  # and shuffled
        assert_allclose(X.reshape(-1, 32, 32, 3), small.images[part][drawn] / 255, rtol=1e-15)
        assert_array_equal(y, small.labels[part][drawn])
    assert split.y_train.dtype == np.int64


def test_cifar10_blocks_of_pixels_are_averaged(small):
    small.write(ARCHIVE)
    full, half = (datasets.cifar10(9, 0, 5, seed=3, size=s) for s in (32, 16))
    assert half.X_validation.shape == (0, 768)
    blocks = full.X_test.reshape(5, 16, 2, 16, 2, 3)
    assert_allclose(half.X_test.reshape(5, 16, 16, 3), blocks.mean((2, 4)), rtol=1e-13)
    assert_array_equal(full.y_train, half.y_train)


def test_cifar10_seeds_and_changes_by_the_caller(small):
    small.write(ARCHIVE)
    a, b, c = (datasets.cifar10(20, 5, 8, seed=s) for s in (0, np.random.default_rng(0), 1))
    for first, second in zip(a, b, strict=True):
        assert_array_equal(first, second)
    assert (numbers(a.X_train) != numbers(c.X_train)).any()
    a.X_train[:] = 0
    assert_array_equal(datasets.cifar10(20, 5, 8, seed=0).X_train, b.X_train)


def test_the_archive_is_read_once(small, monkeypatch):
    small.write(ARCHIVE)
    datasets.cifar10(1, 0, 1, seed=0)
    monkeypatch.setattr("tarfile.open", lambda **_: pytest.fail("it was read again"))
    datasets.cifar10(1, 0, 1, seed=1)


CIFAR_REFUSED = [
    ((0, 0, 1), {}, "n_train must be >= 1, got 0"),
    ((1, -1, 1), {}, "n_validation must be >= 0, got -1"),
    ((1, 0, 0), {}, "n_test must be >= 1, got 0"),
    ((1.0, 0, 1), {}, "n_train must be a whole number"),
    ((1, 0, 1), {"size": 0}, "size must be >= 1, got 0"),
    ((1, 0, 1), {"size": 28}, "size must be a divisor of 32, got 28"),
    ((1, 0, 1), {"size": 64}, "size must be a divisor of 32, got 64"),
]


@pytest.mark.parametrize(
    ("sizes", "more", "message"),
    [
        *CIFAR_REFUSED,
        ((30, 11, 1), {}, r"n_train \+ n_validation must be <= 40, got 41"),
        ((1, 0, 9), {}, "n_test must be <= 8, got 9"),
    ],
)
def test_cifar10_refuses(small, sizes, more, message):
    small.write(ARCHIVE)
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.cifar10(*sizes, seed=0, **more)


def test_cifar10_that_differs_in_one_bit_is_refused(small):
    small.write(ARCHIVE)
    path = small.folder / "cifar10" / ARCHIVE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for download in (False, True):
        with pytest.raises(ValueError, match=f"{ARCHIVE} is damaged: its content has sha256"):
            datasets.cifar10(1, 0, 1, seed=0, download=download)
    assert path.read_bytes() == data


def test_a_damaged_cifar10_in_the_cache_is_refused_too(small, tmp_path, monkeypatch):
    monkeypatch.delenv("DISTILL_DATA")
    small.folder = tmp_path / "cache" / "distill-lib"
    small.put(ARCHIVE, b"part of an archive")
    with pytest.raises(ValueError, match=r"is damaged.*pass download=True to replace it"):
        datasets.cifar10(1, 0, 1, seed=0)
    with pytest.raises(OSError, match=f"no mirror delivers {ARCHIVE}"):
        datasets.cifar10(1, 0, 1, seed=0, download=True)


def test_cifar10_is_not_downloaded_unasked(small):
    with pytest.raises(FileNotFoundError, match=r"DISTILL_DATA.*cifar10\(\.\.\., download=True"):
        datasets.cifar10(1, 0, 1, seed=0)
    with pytest.raises(OSError, match=f"no mirror delivers {ARCHIVE}"):
        datasets.cifar10(1, 0, 1, seed=0, download=True)


# ------------------------------------------------------------------------ CIFAR-10N


def check_noisy_part(small, X, y, clean, array):
    """Labels, human and clean, are those of the images."""
    drawn = numbers(X)
    assert_allclose(X.reshape(-1, 32, 32, 3), small.images["train"][drawn] / 255, rtol=1e-15)
    assert_array_equal(y, small.human[array][drawn])
    assert_array_equal(clean, small.labels["train"][drawn])
    assert y.dtype == clean.dtype == np.int64
    return drawn


@pytest.mark.parametrize(
    ("labels", "array"),
    [
        ("worse", "worse_label"),
        ("aggre", "aggre_label"),
        ("random1", "random_label1"),
        ("random2", "random_label2"),
        ("random3", "random_label3"),
    ],
)
def test_cifar10n_labels_belong_to_their_images(small, labels, array):
    small.write(FIRST, HUMAN)
    split = datasets.cifar10n(6, 3, 3, labels=labels, seed=0)
    assert (split.y_train != split.clean_train).all()  # in these files every human is wrong
    drawn = [
        *check_noisy_part(small, split.X_train, split.y_train, split.clean_train, array),
        *check_noisy_part(
            small, split.X_validation, split.y_validation, split.clean_validation, array
        ),
        *numbers(split.X_test),
    ]
    assert sorted(drawn) == list(range(FIRST_IMAGES))  # the parts have no image in common
    assert drawn != sorted(drawn)
    assert_array_equal(split.y_test, small.labels["train"][numbers(split.X_test)])  # clean
    assert split.y_test.dtype == np.int64


def test_worse_labels_are_the_default(small):
    small.write(FIRST, HUMAN)
    split = datasets.cifar10n(6, 0, 3, seed=0, size=8)
    assert split.X_train.shape == (6, 192)
    assert split.X_validation.shape == (0, 192)
    assert split.y_validation.shape == split.clean_validation.shape == (0,)
    assert_array_equal((split.y_train - split.clean_train) % 10, 2)  # the place in LABEL_ORDER


def test_all_images_of_cifar10n(small):
    small.write(ARCHIVE, HUMAN)
    split = datasets.cifar10n(30, 10, 8, seed=0, images="all")
    train = check_noisy_part(small, split.X_train, split.y_train, split.clean_train, "worse_label")
    rest = check_noisy_part(
        small, split.X_validation, split.y_validation, split.clean_validation, "worse_label"
    )
    assert sorted([*train, *rest]) == list(range(TRAIN))
    test = numbers(split.X_test)
    assert_allclose(split.X_test.reshape(-1, 32, 32, 3), small.images["test"][test] / 255)
    assert_array_equal(split.y_test, small.labels["test"][test])
    same = datasets.cifar10(30, 10, 8, seed=0)  # the same draw
    assert_array_equal(same.X_train, split.X_train)
    assert_array_equal(same.X_test, split.X_test)


def test_the_first_images_are_cut_from_the_archive_if_there_is_no_file(small):
    small.write(FIRST, HUMAN)
    from_file = datasets.cifar10n(6, 3, 3, seed=0)
    (small.folder / "cifar10" / FIRST).unlink()
    small.write(ARCHIVE)
    for one, other in zip(from_file, datasets.cifar10n(6, 3, 3, seed=0), strict=True):
        assert_array_equal(one, other)


def test_cifar10n_seeds(small):
    small.write(FIRST, HUMAN)
    a, b, c = (datasets.cifar10n(6, 3, 3, seed=s) for s in (0, np.random.default_rng(0), 1))
    for first, second in zip(a, b, strict=True):
        assert_array_equal(first, second)
    assert (numbers(a.X_train) != numbers(c.X_train)).any()


@pytest.mark.parametrize(
    ("sizes", "more", "message"),
    [
        *CIFAR_REFUSED,
        ((8, 3, 2), {}, r"n_train \+ n_validation \+ n_test must be <= 12, got 13"),
        ((30, 11, 1), {"images": "all"}, r"n_train \+ n_validation must be <= 40, got 41"),
        ((1, 0, 9), {"images": "all"}, "n_test must be <= 8, got 9"),
        ((1, 0, 1), {"labels": "worst"}, "labels must be one of 'aggre'.*'worse', got 'worst'"),
        ((1, 0, 1), {"labels": None}, "labels must be one of .* got None"),
        ((1, 0, 1), {"labels": ["worse"]}, "labels must be one of"),
        ((1, 0, 1), {"images": 4000}, "images must be one of 'first4000', 'all', got 4000"),
    ],
)
def test_cifar10n_refuses(small, sizes, more, message):
    small.write(ARCHIVE, FIRST, HUMAN)
    with pytest.raises((ValueError, TypeError), match=message):
        datasets.cifar10n(*sizes, seed=0, **more)


def test_missing_human_labels_are_not_downloaded_and_say_where_they_are(small):
    """Nor is the archive, before they are there."""
    for download in (False, True):
        with pytest.raises(FileNotFoundError) as error:
            datasets.cifar10n(1, 0, 1, seed=0, images="all", download=download)
        message = str(error.value)
        for part in ("DISTILL_DATA", f"cifar10/{HUMAN}", "put it into", *cifar_files.LABEL_ORDER,
                     "github.com/UCSC-REAL/cifar-10-100n", "CC BY-NC 4.0"):  # fmt: skip
            assert part in message
        assert "download=True" not in message


def test_damaged_human_labels_are_refused_with_the_same_advice_in_the_cache(small, tmp_path):
    small.write(FIRST)
    small.put(HUMAN, b"part of a file")
    with pytest.raises(ValueError, match=r"npz is damaged: [^;]*$"):
        datasets.cifar10n(1, 0, 1, seed=0)
    (small.folder / "cifar10" / HUMAN).unlink()
    small.folder = tmp_path / "cache" / "distill-lib"
    small.put(HUMAN, b"part of a file")
    for download in (False, True):
        with pytest.raises(ValueError, match=r"npz is damaged: .*; make it with numpy"):
            datasets.cifar10n(1, 0, 1, seed=0, download=download)


def test_missing_images_of_cifar10n_name_both_files(small):
    small.write(HUMAN)
    message = rf"cifar10/{FIRST} is not on this machine, nor .*: {ARCHIVE}.*datasets\.cifar10n\("
    with pytest.raises(FileNotFoundError, match=message):
        datasets.cifar10n(1, 0, 1, seed=0)
    with pytest.raises(FileNotFoundError, match=r"distill_lib\.datasets\.cifar10n\(\.\.\., down"):
        datasets.cifar10n(1, 0, 1, seed=0, images="all")
    with pytest.raises(OSError, match=f"no mirror delivers {ARCHIVE}"):
        datasets.cifar10n(1, 0, 1, seed=0, download=True)


def test_a_damaged_small_file_is_not_replaced_by_the_archive(small):
    small.write(ARCHIVE, FIRST, HUMAN)
    small.put(FIRST, b"part of a file")
    with pytest.raises(ValueError, match=f"{FIRST} is damaged"):
        datasets.cifar10n(1, 0, 1, seed=0)


def test_human_labels_in_another_order_than_the_images_are_refused(small):
    """As those for another release of the images would be."""
    small.human = {name: labels[::-1] for name, labels in small.human.items()}
    small.write(ARCHIVE, FIRST, HUMAN)
    for images in ("first4000", "all"):
        with pytest.raises(ValueError, match="another order than the images"):
            datasets.cifar10n(1, 0, 1, seed=0, images=images)


def test_an_archive_in_another_order_than_the_small_file_is_refused(small):
    """Labels alone would not show that two images of one class are swapped."""
    small.labels["train"][:] = small.human["clean_label"][:] = 3
    right = small.first()
    small.images["train"] = small.images["train"][::-1]
    archive = cifar_files.tar(small.members())
    small.put(ARCHIVE, archive)
    small.put(HUMAN, cifar_files.npz(small.human))
    small.accept(archive, first=right)
    with pytest.raises(ValueError, match=f"the archive's part {FIRST} is damaged"):
        datasets.cifar10n(1, 0, 1, seed=0)


real_cifar = pytest.mark.skipif(
    not all(_fetch.find(name, "cifar10") for name in (FIRST, HUMAN)),
    reason=f"set DISTILL_DATA to a folder with {FIRST} and {HUMAN} in the subfolder cifar10",
)


@real_cifar
@pytest.mark.parametrize(
    ("labels", "wrong"),
    [("aggre", 0.0901), ("random1", 0.1723), ("random2", 0.1812), ("random3", 0.1764),
     ("worse", 0.4021)],
)  # fmt: skip
def test_how_often_the_real_human_labels_are_wrong(labels, wrong):
    """Shares counted in the file, once."""
    arrays = datasets._human_labels()
    noisy, clean = arrays[datasets.CIFAR10N_LABELS[labels]], arrays["clean_label"]
    assert abs((noisy != clean).mean() - wrong) < 1e-4
    assert_array_equal(np.bincount(clean), [5000] * 10)
    split = datasets.cifar10n(3000, 500, 500, labels=labels, seed=0, size=1)
    # of 3,500 images: four standard deviations are below 0.035
    noisy = np.concatenate([split.y_train, split.y_validation])
    clean = np.concatenate([split.clean_train, split.clean_validation])
    assert abs((noisy != clean).mean() - wrong) < 0.035


@real_cifar
def test_the_real_sets_of_labels_are_what_they_are_said_to_be():
    arrays = datasets._human_labels()
    answers = np.stack([arrays[f"random_label{i}"] for i in (1, 2, 3)])
    clean, worse, aggre = (arrays[f"{name}_label"] for name in ("clean", "worse", "aggre"))
    assert_array_equal(worse != clean, (answers != clean).any(0))
    assert (answers == worse).any(0).all()
    votes = (answers == aggre).sum(0)
    agree = (answers[0] == answers[1]) | (answers[1] == answers[2]) | (answers[2] == answers[0])
    assert (votes[agree] >= 2).all()
    assert (votes[~agree] == 1).all()


@real_cifar
def test_the_real_first_images():
    """The well-known frog comes first; colours and labels belong to the images."""
    split = datasets.cifar10n(3999, 0, 1, seed=0)
    X = np.concatenate([split.X_train, split.X_test]).reshape(4000, 32, 32, 3)
    y = np.concatenate([split.clean_train, split.y_test])
    pixels = np.rint(X * 255).astype(int)
    (frog,) = np.flatnonzero((pixels[:, 0, :3] == [[59, 62, 63], [43, 46, 45], [50, 48, 43]])
                             .all((1, 2)))  # fmt: skip
    assert datasets.CIFAR10_CLASSES[y[frog]] == "frog"
    sea_and_sky = [X[y == c][..., 2].mean() - X[y == c][..., 0].mean() for c in range(10)]
    assert {datasets.CIFAR10_CLASSES[c] for c in np.argsort(sea_and_sky)[-2:]} == {
        "airplane",
        "ship",
    }


@pytest.mark.skipif(
    not _fetch.find(ARCHIVE, "cifar10"),
    reason=f"set DISTILL_DATA to a folder with {ARCHIVE} (170 MB) in the subfolder cifar10",
)
def test_the_real_cifar10():
    """Its class counts and its mean colours, which everyone who normalizes CIFAR-10 knows."""
    split = datasets.cifar10(50_000, 0, 10_000, seed=0, size=1)
    assert_array_equal(np.bincount(split.y_train), [5000] * 10)
    assert_array_equal(np.bincount(split.y_test), [1000] * 10)
    assert_allclose(split.X_train.mean(0), [0.4914, 0.4822, 0.4465], atol=2e-4)
    if _fetch.find(HUMAN, "cifar10"):  # the order of the archive is that of the human labels
        datasets.cifar10n(1, 0, 1, seed=0, images="all")
