"""Arrays in, arrays out: the data sets of the book.

The sinusoid and the clusters are generated, and scikit-learn brings diabetes and digits. MNIST and
CIFAR-10 are read from files; nothing is downloaded unless you ask for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes, load_digits

from distill_lib import _fetch, _images
from distill_lib import _validation as check

__all__ = [
    "CIFAR10N_LABELS",
    "CIFAR10N_SHA256",
    "CIFAR10_CLASSES",
    "CIFAR10_MIRRORS",
    "CIFAR10_SHA256",
    "MNIST_MIRRORS",
    "MNIST_SHA256",
    "Clusters",
    "NoisySplit",
    "Sinusoid",
    "Split",
    "cifar10",
    "cifar10n",
    "clusters",
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


class Clusters(NamedTuple):
    """Points `X` (n, p) on the unit sphere, their targets `y` and `cluster` (n,), and `centres`.

    Row l of `centres`, shape (number of clusters, p), is the centre of cluster l.
    """

    X: np.ndarray
    y: np.ndarray
    cluster: np.ndarray
    centres: np.ndarray


def clusters(sizes, *, n_features, radius=0.0, classes=None, centres=None, seed):
    r"""Return points of the unit sphere in clusters, each with one class.

    A point is its centre c, moved along the sphere in a random direction t tangent to it,

    .. math:: x = \Big(1-\frac{r^2}2\Big)\,c + r\sqrt{1-\frac{r^2}4}\;t,
              \qquad \|x\|=1,\quad \|x-c\| = r \le \text{radius}.

    The direction is uniform, and :math:`r = \text{radius}\cdot U^{1/(p-1)}` with U uniform in
    [0, 1]: the law of distances in a ball of dimension p - 1, the dimension of the sphere. So for
    large p most points are near the rim. With radius 0 the points are exact copies of the centre.

    Parameters
    ----------
    sizes : array_like of int, shape (k,)
        Points in each cluster, >= 1.
    n_features : int
        Dimension p of the space, >= 2.
    radius : float, default 0.0
        Largest Euclidean distance of a point from its centre, in [0, 2).
    classes : array_like, shape (k,), optional
        Target of each cluster, real numbers; 0, 1, 0, 1, ... if omitted.
    centres : array_like, shape (k, n_features), optional
        Unit vectors (to 1e-8); uniform on the sphere if omitted, and then two of them may be close.
    seed : int or numpy Generator
        Source of centres and points.

    Returns
    -------
    Clusters
        ``X (n, n_features)``, ``y (n,)``, ``cluster (n,)`` and ``centres (k, n_features)``, cluster
        after cluster. Whole `classes` give whole targets.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or has another shape, or a centre is not a unit vector.

    Notes
    -----
    Source: chapter 11; the clusterable data of Li et al. (2020).

    Examples
    --------
    >>> data = clusters([3, 2], n_features=5, radius=0.1, classes=[1, -1], seed=0)
    >>> data.y
    array([ 1,  1,  1, -1, -1])
    >>> bool((np.linalg.norm(data.X - data.centres[data.cluster], axis=1) <= 0.1).all())
    True
    """
    sizes = _vector("sizes", check.whole("sizes", sizes, minimum=1))
    n_features = check.scalar_whole("n_features", n_features, minimum=2)
    radius = check.single("radius", check.non_negative("radius", radius))
    if radius >= 2:
        raise ValueError(f"radius must be < 2, the diameter of the unit sphere, got {radius}")
    rng = np.random.default_rng(seed)
    shape = (len(sizes), n_features)
    if centres is None:
        centres = _unit(rng.standard_normal(shape))
    else:
        centres = _unit_rows("centres", centres, shape)
    classes = np.arange(len(sizes)) % 2 if classes is None else _targets(classes, len(sizes))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    X = _around(centres[cluster], radius, rng)
    return Clusters(X, classes[cluster], cluster, centres)


def _around(c, radius, rng):
    """Move each row of `c` along its sphere, by a distance of at most `radius`."""
    n, p = c.shape
    radius = max(radius - _ROUNDING, 0.0)  # the rounded point is not beyond the asked radius
    if radius == 0:
        return c
    norm = np.linalg.norm(c, axis=1, keepdims=True)  # 1, up to 1e-8
    r = radius * rng.random((n, 1)) ** (1 / (p - 1)) / norm
    t = rng.standard_normal((n, p))
    for _ in range(2):  # the second time removes what rounding leaves of c
        t = _unit(t - (t * c).sum(axis=1, keepdims=True) / norm**2 * c)
    return (1 - r**2 / 2) * c + r * np.sqrt(1 - r**2 / 4) * norm * t


#: More than a few rounding errors of a unit vector.
_ROUNDING = 16 * np.finfo(float).eps


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _unit_rows(name, rows, shape):
    """Return a copy of unit vectors, one a row."""
    rows = check.finite_array(name, rows).copy()
    if rows.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, one row a cluster, got {rows.shape}")
    norms = np.linalg.norm(rows, axis=1)
    worst = norms[np.abs(norms - 1).argmax()]
    if abs(worst - 1) > 1e-8:
        raise ValueError(f"{name} must be unit vectors (to 1e-8), got one of norm {worst}")
    return rows


def _targets(classes, k):
    """Return one target a cluster; whole numbers stay whole."""
    real = _vector("classes", check.finite_array("classes", classes))
    if len(real) != k:
        raise ValueError(f"classes must have one entry a cluster, {k}, got {len(real)}")
    return np.array(classes) if np.asarray(classes).dtype.kind in "iu" else real


def _vector(name, array):
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-dimensional, got shape {array.shape}")
    return array


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
    wanted = _part_sizes(n_train, n_validation, n_test)
    _divisor("size", size, _SIDE)
    known, fresh = (_mnist_part(part, download) for part in ("train", "t10k"))
    train, validation, test = _draw(wanted, known, fresh, np.random.default_rng(seed))
    parts = (known, train), (known, validation), (fresh, test)
    return Split(*(array for part in parts for array in _rows(*part, size)))


def _part_sizes(n_train, n_validation, n_test):
    """Return the checked sizes of the three parts."""
    return (
        check.scalar_whole("n_train", n_train, minimum=1),
        check.scalar_whole("n_validation", n_validation, minimum=0),
        check.scalar_whole("n_test", n_test, minimum=1),
    )


def _divisor(name, value, whole):
    if check.scalar_whole(name, value, minimum=1) > whole or whole % value:
        raise ValueError(f"{name} must be a divisor of {whole}, got {value}")


def _draw(wanted, known, fresh, rng):
    """Return places of the three parts: two in the known images, the last in fresh ones."""
    n_train, n_validation, n_test = wanted
    _fits("n_train + n_validation", n_train + n_validation, known.labels)
    _fits("n_test", n_test, fresh.labels)
    drawn = rng.choice(len(known.labels), n_train + n_validation, replace=False)
    test = rng.choice(len(fresh.labels), n_test, replace=False)
    return *np.split(drawn, [n_train]), test


def _fits(name, wanted, labels):
    if wanted > len(labels):
        raise ValueError(f"{name} must be <= {len(labels)}, got {wanted}")


def _rows(part, places, size):
    """Return features and classes of some images."""
    return _images.pooled(part.images[places], size), part.labels[places].astype(np.int64)


def _mnist_part(part, download):
    """Return one of the two parts."""
    arrays = []
    for kind, shape in (("images-idx3", (_SIDE, _SIDE)), ("labels-idx1", ())):
        name = f"{part}-{kind}-ubyte.gz"
        data = _fetch.content(
            name, MNIST_SHA256[name], folder="mnist", mirrors=MNIST_MIRRORS, download=download
        )
        arrays.append(_images.from_idx(name, data, shape))
    images, labels = arrays
    if len(images) != len(labels):
        raise ValueError(f"the {part} files hold {len(images)} images, but {len(labels)} labels")
    return _images.Images(images, labels)


#: Where `cifar10` looks for its archive if it is told to download it.
CIFAR10_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)

#: The archive of CIFAR-10, in the binary version, and the sha256 of the archive itself.
CIFAR10_SHA256 = {
    "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
}

#: What the classes 0 to 9 of CIFAR-10 are.
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

_CIFAR_SIDE = 32


def cifar10(n_train, n_validation, n_test, *, seed, size=_CIFAR_SIDE, download=False):
    """Return a random part of CIFAR-10, colour photographs of 32 x 32 pixels in ten classes.

    Training and validation images are drawn from the 50,000 training images, test images from the
    10,000 test images, all without repetition.

    The archive ``cifar-10-binary.tar.gz`` is read from the folder ``cifar10`` in the folder that
    the environment variable ``DISTILL_DATA`` names; if it is not there it is looked for in the
    cache (``~/.cache/distill-lib``, or under ``XDG_CACHE_HOME``). Nothing is downloaded unless you
    ask for it.

    Parameters
    ----------
    n_train : int
        Size of the training part, 1 to 50,000.
    n_validation : int
        Size of the validation part, >= 0.
    n_test : int
        Size of the test part, 1 to 10,000.
    seed : int or numpy Generator
        Source of the draw.
    size : {32, 16, 8, 4, 2, 1}
        Pixels a side; less than 32 averages square blocks of pixels.
    download : bool, default False
        Fetch a missing archive, 170 MB, from `CIFAR10_MIRRORS` into the cache, with a progress bar;
        this needs the extra ``data``.

    Returns
    -------
    Split
        Colours in [0, 1], shape (part, size * size * 3), and classes 0 to 9, shape (part,). A row
        is an image in the order (row, column, channel): ``X[i].reshape(size, size, 3)``, red first.

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or the archive is damaged. A damaged archive in the cache is
        replaced with ``download=True``; one in ``DISTILL_DATA`` is refused and left alone.
    FileNotFoundError
        If the archive is missing and `download` is False.
    ImportError
        If pooch or tqdm is needed for a download and missing.
    OSError
        If no mirror delivers the archive.

    Notes
    -----
    The sha256 of the archive is checked each time it is read. It is read in memory, and its pixels,
    184 MB, are kept; a row of 32 x 32 pixels takes 24 kB more.

    Source: chapter 12; data of Krizhevsky (2009).
    """
    wanted = _part_sizes(n_train, n_validation, n_test)
    _divisor("size", size, _CIFAR_SIDE)
    known, fresh = _cifar_archive("cifar10", download)
    train, validation, test = _draw(wanted, known, fresh, np.random.default_rng(seed))
    parts = (known, train), (known, validation), (fresh, test)
    return Split(*(array for part in parts for array in _rows(*part, size)))


def _cifar_archive(function, download):
    """Return both parts of CIFAR-10."""
    ((name, sha256),) = CIFAR10_SHA256.items()
    return _fetch.content(
        name,
        sha256,
        folder="cifar10",
        mirrors=CIFAR10_MIRRORS,
        download=download,
        read=_images.cifar_archive,
        function=function,
    )


class NoisySplit(NamedTuple):
    """A data set in three parts, with labels that may be wrong and the clean ones.

    The parts have no point in common. The labels for testing are clean. A validation part of size 0
    has arrays of length 0.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    clean_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    clean_validation: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


#: The sets of human labels, and the names of their arrays.
CIFAR10N_LABELS = {
    "aggre": "aggre_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
    "worse": "worse_label",
}

#: The two files of `cifar10n` and the sha256 of their arrays, as bytes one after another: images
#: and labels; clean labels, aggre, worse and random 1 to 3.
CIFAR10N_SHA256 = {
    "cifar10_first4000.npz": "18556ae814f395cb0f0e38c48885ea99edce78ca576ce9200d1df2920f2b3407",
    "cifar10n_human_labels.npz": "e14cd65ab126cbc76931e583d779c39e41ca4cdc91320f957d420e0777099268",
}


def cifar10n(
    n_train,
    n_validation,
    n_test,
    *,
    labels="worse",
    seed,
    size=_CIFAR_SIDE,
    images="first4000",
    download=False,
):
    """Return a random part of CIFAR-10 with labels that people gave: real label noise.

    Three people labelled each of the 50,000 training images. ``random1`` to ``random3`` are their
    single answers; ``aggre`` is the answer of most of them (any one, if all three differ);
    ``worse`` is a wrong answer wherever one of them gave one. Training and validation labels are
    human, test labels are clean.

    Files are looked for in the folder ``cifar10``, as by `cifar10`. The labels, in
    ``cifar10n_human_labels.npz``, cannot be downloaded from here: see the notes. The first 4,000
    training images are read from ``cifar10_first4000.npz``, or cut from the archive of `cifar10`.

    Parameters
    ----------
    n_train : int
        Size of the training part, >= 1.
    n_validation : int
        Size of the validation part, >= 0.
    n_test : int
        Size of the test part, >= 1.
    labels : {"worse", "aggre", "random1", "random2", "random3"}
        Which human labels.
    seed : int or numpy Generator
        Source of the draw.
    size : {32, 16, 8, 4, 2, 1}
        Pixels a side; less than 32 averages square blocks of pixels.
    images : {"first4000", "all"}
        Draw all three parts from the first 4,000 training images; or training and validation from
        all 50,000 and test from the 10,000 test images, which needs the archive.
    download : bool, default False
        Fetch a missing archive, as in `cifar10`.

    Returns
    -------
    NoisySplit
        Colours in [0, 1], shape (part, size * size * 3), in the order (row, column, channel), and
        classes 0 to 9, shape (part,).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, a file is damaged, or labels and images do not belong
        together.
    FileNotFoundError
        If a file is missing, and it is the labels or `download` is False.
    ImportError
        If pooch or tqdm is needed for a download and missing.
    OSError
        If no mirror delivers the archive.

    Notes
    -----
    The authors publish the labels as ``CIFAR-10_human.pt`` at github.com/UCSC-REAL/cifar-10-100n,
    for non-commercial use (CC BY-NC 4.0). Make the npz file with
    ``np.savez_compressed("cifar10n_human_labels.npz", ...)`` from the six arrays ``clean_label``,
    ``aggre_label``, ``worse_label``, ``random_label1``, ``random_label2`` and ``random_label3`` of
    50,000 whole numbers each, in the order of the training images. The sha256 of the *arrays* is
    checked each time the file is read, so any compression will do.

    Source: chapter 12; labels of Wei et al. (2022), images of Krizhevsky (2009).
    """
    wanted = _part_sizes(n_train, n_validation, n_test)
    _divisor("size", size, _CIFAR_SIDE)
    _one_of("labels", labels, CIFAR10N_LABELS)
    _one_of("images", images, ("first4000", "all"))
    human = _human_labels()  # first, because this one is not downloaded
    rng = np.random.default_rng(seed)
    if images == "all":
        known, fresh = _cifar_archive("cifar10n", download)
        train, validation, test = _draw(wanted, known, fresh, rng)
    else:
        known = fresh = _first_images(download)
        _fits("n_train + n_validation + n_test", sum(wanted), known.labels)
        drawn = rng.choice(len(known.labels), sum(wanted), replace=False)
        train, validation, test = np.split(drawn, np.cumsum(wanted[:2]))
    _same_order(known.labels, human["clean_label"])
    noisy = _images.Images(known.images, human[CIFAR10N_LABELS[labels]])
    parts = []
    for places in (train, validation):
        parts += [*_rows(noisy, places, size), known.labels[places].astype(np.int64)]
    return NoisySplit(*parts, *_rows(fresh, test, size))


def _one_of(name, value, allowed):
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _human_labels():
    """Return the six label vectors of CIFAR-10N by the names of their arrays."""
    name = "cifar10n_human_labels.npz"
    return _fetch.content(
        name,
        CIFAR10N_SHA256[name],
        folder="cifar10",
        mirrors=(),
        read=_images.human_labels,
        elsewhere=f"make it with numpy.savez_compressed from the arrays "
        f"{', '.join(_images.HUMAN_ARRAYS)} of CIFAR-10_human.pt, which the authors of CIFAR-10N "
        "publish at https://github.com/UCSC-REAL/cifar-10-100n (CC BY-NC 4.0)",
    )


def _first_images(download):
    """Return the first training images from their own file, or else cut from the archive."""
    name = "cifar10_first4000.npz"
    if _fetch.find(name, "cifar10"):
        return _fetch.content(
            name,
            CIFAR10N_SHA256[name],
            folder="cifar10",
            mirrors=(),
            read=_images.first_images,
            elsewhere="delete it to have it cut from the archive of CIFAR-10",
        )
    try:
        known, _ = _cifar_archive("cifar10n", download)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"cifar10/{name} is not on this machine, nor the archive to cut it from: {error}"
        ) from None
    first = _images.Images(*(array[: _images.FIRST] for array in known))
    return _images.verified(f"the archive's part {name}", first, CIFAR10N_SHA256[name])


def _same_order(labels, clean):
    """Refuse human labels of other images than those at hand."""
    if not np.array_equal(labels, clean[: len(labels)]):
        raise ValueError("the human labels are in another order than the images of CIFAR-10")
