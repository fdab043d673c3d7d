"""Arrays in, arrays out: the data sets of the book.

The sinusoid is generated, and scikit-learn brings diabetes and digits. MNIST is read from files;
nothing is downloaded unless you ask for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes, load_digits

from distill_lib import _fetch
from distill_lib import _validation as check

__all__ = [
    "MNIST_MIRRORS",
    "MNIST_SHA256",
    "Sinusoid",
    "Split",
    "diabetes",
    "digits",
    "mnist",
    "sinusoid",
]


class Sinusoid(NamedTuple):
    """A noisy sine: points `x`, targets `y`, a fine `grid` and the `truth` on it."""

    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    truth: np.ndarray


#: The targets of the illustrative example, as published with the code of Borup and Andersen (2021).
_PUBLISHED_TARGETS = (
    0.38476636465198066, 1.2333967683416893, 1.33232242218057, 0.6920159488889518,
    -0.29756145531871736, -0.24189291901377769, -0.7964485769175675, -0.9616480167034174,
    -0.49672509509916934, -0.3469066003991437, 0.5589512650600734,
)  # fmt: skip


def sinusoid(n=None, *, noise=0.5, seed=None, grid_size=201):
    r"""Return :math:`\sin 2\pi x` on [0, 1] with Gaussian noise.

    Without arguments these are the eleven published points of Mobahi et al. (2020),
    x = 0, 0.1, ..., 1, with noise of standard deviation 0.5. With `n` they are n fresh equally
    spaced points.

    Parameters
    ----------
    n : int, optional
        Number of fresh points, >= 2; the published eleven if omitted.
    noise : float, default 0.5
        Standard deviation of the noise of fresh points, >= 0.
    seed : int or numpy Generator, optional
        Source of the noise; required with `n`.
    grid_size : int, default 201
        Number of equally spaced points of `grid`, >= 2.

    Returns
    -------
    Sinusoid
        Arrays ``x (n,)``, ``y (n,)``, ``grid (grid_size,)`` and ``truth (grid_size,)``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or `n` and `seed` do not come together.

    Notes
    -----
    Source: chapter 1; targets from the public code of Borup and Andersen (2021).
    """
    grid = np.linspace(0, 1, check.scalar_whole("grid_size", grid_size, minimum=2))
    truth = np.sin(2 * np.pi * grid)
    if n is None:
        if seed is not None:
            raise ValueError(f"seed = {seed!r} needs n; the published points are not random")
        return Sinusoid(np.arange(11) / 10, np.array(_PUBLISHED_TARGETS), grid, truth)
    if seed is None:
        raise ValueError("seed is None; fresh noise needs a seed (an int or a numpy Generator)")
    x = np.linspace(0, 1, check.scalar_whole("n", n, minimum=2))
    scale = float(check.non_negative("noise", noise))
    y = np.sin(2 * np.pi * x) + scale * np.random.default_rng(seed).standard_normal(n)
    return Sinusoid(x, y, grid, truth)


class Split(NamedTuple):
    """A data set in three parts: points as rows of features, and their targets or classes.

    The parts have no point in common. A validation part of size 0 has arrays of length 0.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def digits(n_train, n_validation=0, *, seed):
    """Return scikit-learn's 1,797 digits (8 x 8 pixels) in a random three-way split.

    Parameters
    ----------
    n_train : int
        Size of the training part, >= 1.
    n_validation : int, default 0
        Size of the validation part, >= 0; all other images are for testing.
    seed : int or numpy Generator
        Source of the split.

    Returns
    -------
    Split
        Grey values in [0, 1], shape (size, 64), and classes 0 to 9, shape (size,).

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number in its range, or nothing is left for testing.

    Notes
    -----
    Source: chapter 1; data from scikit-learn's ``load_digits`` (UCI optical recognition of
    handwritten digits).
    """
    X, y = load_digits(return_X_y=True)
    return _random_split(X / 16, y, n_train, n_validation, seed)


def diabetes(n_train, n_validation=0, *, seed):
    r"""Return scikit-learn's diabetes data, 442 patients, in a random three-way split.

    Ten measurements predict how far the disease has gone a year later. Features and target are
    shifted and scaled to mean 0 and standard deviation 1 *of the training part*,
    :math:`x \mapsto (x - \bar x_{\rm train}) / s_{\rm train}`: no other patient decides the units.

    Parameters
    ----------
    n_train : int
        Size of the training part, >= 2.
    n_validation : int, default 0
        Size of the validation part, >= 0; all other patients are for testing.
    seed : int or numpy Generator
        Source of the split.

    Returns
    -------
    Split
        Arrays of shape (size, 10) and (size,). A squared error of 1 is about that of the mean.

    Raises
    ------
    TypeError, ValueError
        If a size is not a whole number in its range, nothing is left for testing, or a feature is
        constant on the training part.

    Notes
    -----
    Source: chapter 8; data of Efron et al. (2004), from scikit-learn's ``load_diabetes``.
    """
    check.scalar_whole("n_train", n_train, minimum=2)
    X, y = load_diabetes(return_X_y=True, scaled=False)
    split = _random_split(X, y, n_train, n_validation, seed)
    constant = np.flatnonzero(np.ptp(split.X_train, axis=0) == 0)
    if constant.size:
        raise ValueError(
            f"n_train = {n_train} is too small: feature {constant[0]} is constant on this split"
        )
    units = [(v.mean(axis=0), v.std(axis=0)) for v in (split.X_train, split.y_train)] * 3
    return Split(*((v - mean) / scale for v, (mean, scale) in zip(split, units, strict=True)))


def _random_split(X, y, n_train, n_validation, seed):
    """Cut shuffled rows into three parts; the last one is what is left, and not empty."""
    check.scalar_whole("n_train", n_train, minimum=1)
    check.scalar_whole("n_validation", n_validation, minimum=0)
    if n_train + n_validation >= len(y):
        raise ValueError(f"n_train + n_validation must be < {len(y)}, got {n_train + n_validation}")
    order = np.random.default_rng(seed).permutation(len(y))
    parts = np.split(order, [n_train, n_train + n_validation])
    return Split(*(array[part] for part in parts for array in (X, y)))


#: Where `mnist` looks for its files if it is told to download them, in this order.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

#: The four files of MNIST and the sha256 of their *decompressed* content.
MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte.gz": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}

_SIDE = 28


def mnist(n_train, n_validation, n_test, *, seed, size=_SIDE, download=False):
    """Return a random part of MNIST, handwritten digits of 28 x 28 pixels.

    Training and validation images are drawn from the 60,000 training images, test images from the
    10,000 test images, all without repetition.

    The four gzipped idx files are read from the folder ``mnist`` in the folder that the environment
    variable ``DISTILL_DATA`` names; a file that is not there is looked for in the cache
    (``~/.cache/distill-lib``, or under ``XDG_CACHE_HOME``). Nothing is downloaded unless you ask
    for it.

    Parameters
    ----------
    n_train : int
        Size of the training part, >= 1.
    n_validation : int
        Size of the validation part, >= 0.
    n_test : int
        Size of the test part, >= 1.
    seed : int or numpy Generator
        Source of the draw.
    size : {28, 14, 7, 4, 2, 1}
        Pixels a side; less than 28 averages square blocks of pixels.
    download : bool, default False
        Fetch missing files, 11 MB in all, from `MNIST_MIRRORS` into the cache, with a progress bar;
        this needs the extra ``data``.

    Returns
    -------
    Split
        Grey values in [0, 1], shape (part, size * size), and classes 0 to 9, shape (part,).

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or a file is damaged. A damaged file in the cache is replaced
        with ``download=True``; one in ``DISTILL_DATA`` is refused and left alone.
    FileNotFoundError
        If a file is missing and `download` is False.
    ImportError
        If pooch or tqdm is needed for a download and missing.
    OSError
        If no mirror delivers a file.

    Notes
    -----
    Mirrors compress the same content differently, so the sha256 of the *decompressed* bytes is
    checked, each time a file is read.

    Source: chapter 8; data of LeCun et al. (1998).
    """
    n_train = check.scalar_whole("n_train", n_train, minimum=1)
    n_validation = check.scalar_whole("n_validation", n_validation, minimum=0)
    n_test = check.scalar_whole("n_test", n_test, minimum=1)
    if check.scalar_whole("size", size, minimum=1) > _SIDE or _SIDE % size:
        raise ValueError(f"size must be a divisor of {_SIDE}, got {size}")
    known, fresh = (_mnist_part(part, download) for part in ("train", "t10k"))
    _fits("n_train + n_validation", n_train + n_validation, known[1])
    _fits("n_test", n_test, fresh[1])
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(known[1]), n_train + n_validation, replace=False)
    train, validation = np.split(drawn, [n_train])
    test = rng.choice(len(fresh[1]), n_test, replace=False)
    parts = [(known, train), (known, validation), (fresh, test)]
    arrays = [
        array
        for (images, labels), part in parts
        for array in (_pooled(images[part], size), labels[part].astype(np.int64))
    ]
    return Split(*arrays)


def _fits(name, wanted, labels):
    if wanted > len(labels):
        raise ValueError(f"{name} must be <= {len(labels)}, got {wanted}")


def _mnist_part(part, download):
    """Return images (n, 28, 28) and labels (n,) of one of the two parts, read-only bytes."""
    arrays = []
    for kind, shape in (("images-idx3", (_SIDE, _SIDE)), ("labels-idx1", ())):
        name = f"{part}-{kind}-ubyte.gz"
        data = _fetch.content(
            name, MNIST_SHA256[name], folder="mnist", mirrors=MNIST_MIRRORS, download=download
        )
        arrays.append(_from_idx(name, data, shape))
    images, labels = arrays
    if len(images) != len(labels):
        raise ValueError(f"the {part} files hold {len(images)} images, but {len(labels)} labels")
    return images, labels


def _from_idx(name, data, shape):
    """Read an array of bytes in the idx format: magic number, sizes, values; big-endian.

    The magic number is 0, 0, 8 (unsigned bytes), number of dimensions.
    """
    ndim = 1 + len(shape)
    magic, start = bytes([0, 0, 8, ndim]), 4 + 4 * ndim
    if data[:4] != magic or len(data) < start:
        raise ValueError(
            f"{name} must begin with the magic number {magic.hex()} and {ndim} sizes of 4 bytes, "
            f"got {data[:start].hex()!r}"
        )
    sizes = tuple(int(v) for v in np.frombuffer(data[4:start], ">u4"))
    if sizes[1:] != shape or math.prod(sizes) != len(data) - start:
        raise ValueError(
            f"{name} announces an array of shape {sizes}, expected {('n', *shape)} with "
            f"{len(data) - start} values in all"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes)


def _pooled(images, size):
    """Grey values in [0, 1] of images averaged to size x size pixels, one row an image."""
    block = _SIDE // size
    blocks = images.reshape(len(images), size, block, size, block)
    return blocks.mean(axis=(2, 4)).reshape(len(images), size**2) / 255
