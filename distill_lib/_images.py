"""Read the file formats of image data: idx (MNIST), records in a tar archive, npz (CIFAR-10).

What these functions return is read-only, because `_fetch` keeps and shares it.
"""

from __future__ import annotations

import hashlib
import math
import tarfile
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from distill_lib import _fetch

CIFAR_SHAPE = (32, 32, 3)
#: Images in each file of the CIFAR-10 archive.
CIFAR_RECORDS = 10_000
#: Images of CIFAR-10 that people labelled again: all that are for training.
HUMAN_LABELS = 50_000
#: Their classes, and the names under which CIFAR-10N publishes what people said.
HUMAN_ARRAYS = (
    "clean_label",
    "aggre_label",
    "worse_label",
    "random_label1",
    "random_label2",
    "random_label3",
)
#: Images in the small file.
FIRST = 4_000
CIFAR_CLASSES = 10
_CIFAR_FOLDER = "cifar-10-batches-bin/"
_CIFAR_TRAIN = tuple(f"{_CIFAR_FOLDER}data_batch_{i}.bin" for i in range(1, 6))
_CIFAR_TEST = f"{_CIFAR_FOLDER}test_batch.bin"


class Images(NamedTuple):
    """Pixels `images`, (n, rows, columns[, channels]) bytes, and their classes `labels`, (n,)."""

    images: np.ndarray
    labels: np.ndarray


class Cifar(NamedTuple):
    """The two parts of CIFAR-10."""

    train: Images
    test: Images


def from_idx(name, data, shape):
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


def cifar_archive(path, sha256):
    """Return the `Cifar` in a gzipped tar archive; the sha256 is that of the archive itself.

    The six members are read in memory, one at a time. Nothing is unpacked to the disk.
    """
    with path.open("rb") as file:
        _fetch.verify(path, hashlib.file_digest(file, "sha256").hexdigest(), sha256)
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:gz") as archive:
                return _cifar_parts(path, archive)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error


def _cifar_parts(path, archive):
    """Fill one array a part, so that no more than one member is in memory twice."""
    train = _no_images(CIFAR_RECORDS * len(_CIFAR_TRAIN))
    test = _no_images(CIFAR_RECORDS)
    places = {
        name: Images(*(a[i * CIFAR_RECORDS : (i + 1) * CIFAR_RECORDS] for a in train))
        for i, name in enumerate(_CIFAR_TRAIN)
    } | {_CIFAR_TEST: test}
    for member in archive:
        if member.isreg() and (place := places.pop(member.name, None)):
            _fill(place, f"{path}: {member.name}", archive.extractfile(member).read())
    if places:
        raise ValueError(f"{path} has no file {min(places)}")
    for array in (*train, *test):
        array.setflags(write=False)
    return Cifar(train, test)


def _no_images(n):
    return Images(np.empty((n, *CIFAR_SHAPE), np.uint8), np.empty(n, np.uint8))


def _fill(place, name, data):
    """Read records of one byte for the class, then one plane of pixels a channel."""
    rows, columns, channels = CIFAR_SHAPE
    size = 1 + math.prod(CIFAR_SHAPE)
    n = len(place.labels)
    if len(data) != n * size:
        raise ValueError(f"{name} must hold {n} records of {size} bytes, got {len(data)} bytes")
    records = np.frombuffer(data, np.uint8).reshape(n, size)
    place.labels[:] = _classes(name, records[:, 0])
    place.images[:] = records[:, 1:].reshape(n, channels, rows, columns).transpose(0, 2, 3, 1)


def first_images(path, sha256):
    """Return the `Images` in an npz file; the sha256 is that of their bytes, not of the file."""
    images, labels = _from_npz(path, Images._fields)
    if images.dtype != np.uint8 or images.shape != (FIRST, *CIFAR_SHAPE):
        raise ValueError(
            f"{path} is damaged: images must be bytes of shape {(FIRST, *CIFAR_SHAPE)}, got "
            f"{images.dtype} of shape {images.shape}"
        )
    return verified(path, Images(images, _class_vector(path, "labels", labels, FIRST)), sha256)


def human_labels(path, sha256):
    """Return a dict of the vectors `HUMAN_ARRAYS` of an npz file, hashed as bytes in this order.

    How the file is compressed, other arrays in it and their integer type make no difference.
    """
    arrays = zip(HUMAN_ARRAYS, _from_npz(path, HUMAN_ARRAYS), strict=True)
    vectors = [_class_vector(path, name, array, HUMAN_LABELS) for name, array in arrays]
    return dict(zip(HUMAN_ARRAYS, verified(path, vectors, sha256), strict=True))


def verified(path, arrays, sha256):
    """Return the arrays of bytes, made read-only, if their content has the sum; or refuse them."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(np.ascontiguousarray(array))
        array.setflags(write=False)
    _fetch.verify(path, content.hexdigest(), sha256)
    return arrays


def _from_npz(path, names):
    """Return arrays, in the order of `names`. Pickled objects are refused: they would run code."""
    try:
        with zipfile.ZipFile(path) as file:  # a plain array is no npz file, nor is a pickle
            known = {member.removesuffix(".npy") for member in file.namelist()}
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"it has no array {missing[0]!r}, expected {', '.join(names)}")
        with np.load(path, allow_pickle=False) as file:
            return [np.asarray(file[name]) for name in names]
    except (ValueError, EOFError, OSError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _class_vector(path, name, labels, n):
    """Return `n` classes as bytes."""
    if labels.dtype.kind not in "iu" or labels.shape != (n,):
        raise ValueError(
            f"{path} is damaged: {name} must be {n} whole numbers, got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    return _classes(f"{path}: {name}", labels).astype(np.uint8)


def _classes(name, labels):
    if labels.size and not 0 <= labels.min() <= labels.max() < CIFAR_CLASSES:
        raise ValueError(
            f"{name} holds classes from {labels.min()} to {labels.max()}, expected 0 to "
            f"{CIFAR_CLASSES - 1}"
        )
    return labels


def pooled(images, size):
    """Return values in [0, 1] of images averaged to size x size pixels, one row an image.

    A row runs over rows of pixels, then columns, then channels.
    """
    n, side, _, *channels = images.shape
    block = side // size
    blocks = images.reshape(n, size, block, size, block, *channels)
    rows = blocks.mean(axis=(2, 4)).reshape(n, size**2 * math.prod(channels))
    rows /= 255
    return rows
