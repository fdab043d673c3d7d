"""Readers of image files: exact formats, and whatever is not one of them is refused.

The idx format of MNIST is tested through `datasets.mnist`.
"""

import gzip
import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from distill_lib import _images
from tests.cifar_files import (
    FIRST,
    FIRST_IMAGES,
    HUMAN,
    LABEL_ORDER,
    RECORDS,
    TRAIN,
    SmallCifar,
    npz,
    tar,
)


@pytest.fixture
def small(tmp_path, monkeypatch):
    return SmallCifar(tmp_path, monkeypatch)


def read_archive(path, data):
    path.write_bytes(data)
    return _images.cifar_archive(path, hashlib.sha256(data).hexdigest())


# ------------------------------------------------------------------------- the archive


def test_the_archive_holds_images_by_row_column_channel(small, tmp_path):
    parts = read_archive(tmp_path / "x.tar.gz", tar(small.members()))
    for part in ("train", "test"):
        got = getattr(parts, part)
        assert_array_equal(got.images, small.images[part])
        assert_array_equal(got.labels, small.labels[part])
        for array in got:
            assert array.dtype == np.uint8
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0


def test_the_sum_is_that_of_the_archive_itself(small, tmp_path):
    """The same content, compressed differently, is another file."""
    path, good = tmp_path / "x.tar.gz", tar(small.members())
    other = gzip.compress(gzip.decompress(good), compresslevel=1)
    path.write_bytes(other)
    with pytest.raises(ValueError, match=r"x\.tar\.gz is damaged: its content has sha256"):
        _images.cifar_archive(path, hashlib.sha256(good).hexdigest())


def renamed(members, old, new):
    return [(new if name.endswith(old) else name, data) for name, data in members]


def resized(members, old, change):
    return [(name, change(data) if name.endswith(old) else data) for name, data in members]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m[:-1], "has no file cifar-10-batches-bin/data_batch_5.bin"),
        (lambda m: renamed(m, "test_batch.bin", "test_batch.bin"), "has no file .*test_batch"),
        (lambda m: renamed(m, "batch_2.bin", "../data_batch_2.bin"), "has no file .*data_batch_2"),
        (lambda m: resized(m, "batch_1.bin", lambda _: (tarfile.SYMTYPE, "/etc/hosts")),
         "has no file .*data_batch_1"),
        (lambda m: resized(m, "batch_1.bin", lambda _: (tarfile.DIRTYPE, "")), "has no file"),
        (lambda m: resized(m, "batch_3.bin", lambda d: d[:-1]),
         "data_batch_3.bin must hold 8 records of 3073 bytes, got 24583 bytes"),
        (lambda m: resized(m, "batch_3.bin", lambda d: d + d), "must hold 8 records"),
        (lambda m: resized(m, "batch_3.bin", lambda _: b""), "got 0 bytes"),
        (lambda m: resized(m, "batch_4.bin", lambda d: b"\x0a" + d[1:]),
         "data_batch_4.bin holds classes from . to 10, expected 0 to 9"),
    ],
)  # fmt: skip
def test_archives_of_another_form_are_refused(small, tmp_path, spoil, message):
    """Even if the sum were right."""
    with pytest.raises(ValueError, match=message):
        read_archive(tmp_path / "x.tar.gz", tar(spoil(small.members())))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d[: len(d) // 2],
        lambda d: d[:-6],
        lambda d: d + b"\0",
        lambda d: d[:500] + bytes([d[500] ^ 1]) + d[501:],
    ],
)
def test_a_damaged_archive_is_refused_before_it_is_read(small, tmp_path, spoil, monkeypatch):
    good = tar(small.members())
    monkeypatch.setattr(_images.tarfile, "open", lambda **_: pytest.fail("it was read"))
    (tmp_path / "x.tar.gz").write_bytes(spoil(good))
    with pytest.raises(ValueError, match=r"x\.tar\.gz is damaged: its content has sha256"):
        _images.cifar_archive(tmp_path / "x.tar.gz", hashlib.sha256(good).hexdigest())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d[: len(d) // 2],
        lambda d: d[:12] + b"\xff" * 40 + d[52:],
        lambda d: b"",
        lambda d: b"<html>Not found</html>",
        lambda d: gzip.compress(b"no archive" * 100),
    ],
)
def test_what_is_no_archive_is_damaged(small, tmp_path, spoil):
    """Even if the sum were right."""
    with pytest.raises(ValueError, match=r"x\.tar\.gz (is damaged|has no file)"):
        read_archive(tmp_path / "x.tar.gz", spoil(tar(small.members())))


def test_nothing_of_an_archive_reaches_the_disk(small, tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    evil = [("../evil", b"x"), (str(tmp_path / "evil"), b"x"), *small.members()]
    parts = read_archive(inside / "x.tar.gz", tar(evil))
    assert_array_equal(parts.test.images, small.images["test"])
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "x.tar.gz"]


# ------------------------------------------------------------------------ the npz files


def content_sum(arrays):
    return hashlib.sha256(b"".join(a.astype(np.uint8).tobytes() for a in arrays)).hexdigest()


def human_sum(human):
    return content_sum([human[name] for name in LABEL_ORDER])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.int32, ">i4"])
def test_human_labels_are_known_by_their_values(small, tmp_path, save, kind):
    path = tmp_path / HUMAN
    arrays = {name: a.astype(kind) for name, a in reversed(small.human.items())}
    path.write_bytes(npz({"more": np.zeros(3)} | arrays, save))
    got = _images.human_labels(path, human_sum(small.human))
    assert list(got) == LABEL_ORDER
    for name, labels in got.items():
        assert labels.dtype == np.uint8
        assert_array_equal(labels, small.human[name])
        with pytest.raises(ValueError, match="read-only"):
            labels[0] = 0


def test_one_wrong_label_or_two_swapped_sets_are_another_content(small, tmp_path):
    path, right = tmp_path / HUMAN, human_sum(small.human)
    one = small.human["random_label3"].copy()
    one[-1] = (one[-1] + 1) % 10
    swapped = {"random_label1": small.human["random_label2"],
               "random_label2": small.human["random_label1"]}  # fmt: skip
    for change in ({"random_label3": one}, swapped):
        path.write_bytes(npz(small.human | change))
        with pytest.raises(ValueError, match="is damaged: its content has sha256"):
            _images.human_labels(path, right)


class Unpickled:
    """Code that would run if the file were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def objects(n):
    array = np.empty(n, dtype=object)
    array[:] = [Unpickled()] * n
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"worse_label": np.zeros(TRAIN - 1, np.uint8)}, "worse_label must be 40 whole numbers"),
        ({"worse_label": np.zeros((TRAIN, 1), np.uint8)}, r"got uint8 of shape \(40, 1\)"),
        ({"worse_label": np.array(3)}, r"got int64 of shape \(\)"),
        ({"worse_label": np.zeros(TRAIN)}, "worse_label must be 40 whole numbers, got float64"),
        ({"worse_label": np.full(TRAIN, -1)}, "worse_label holds classes from -1 to -1"),
        ({"worse_label": np.full(TRAIN, 10)}, "classes from 10 to 10, expected 0 to 9"),
        ({"worse_label": np.full(TRAIN, 256)}, "classes from 256 to 256"),
        ({"worse_label": objects(TRAIN)}, "is damaged: .*allow_pickle"),
    ],
)
def test_human_labels_of_another_form_are_refused(small, tmp_path, change, message):
    path = tmp_path / HUMAN
    path.write_bytes(npz(small.human | change))
    with pytest.raises(ValueError, match=message):
        _images.human_labels(path, human_sum(small.human))


def test_a_missing_array_is_named(small, tmp_path):
    path, part = tmp_path / HUMAN, dict(small.human)
    del part["aggre_label"]
    path.write_bytes(npz(part))
    with pytest.raises(ValueError, match=r"it has no array 'aggre_label', expected clean_label, "):
        _images.human_labels(path, human_sum(small.human))


def plain_array():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(TRAIN, np.uint8))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: b"",
        lambda d: d[:-10],
        lambda d: d[: len(d) // 2],
        lambda d: d[: len(d) // 2] + b"\xff" * 8 + d[len(d) // 2 + 8 :],
        lambda d: b"<html>Not found</html>",
        lambda d: plain_array(),
        lambda d: pickle.dumps(Unpickled()),
    ],
)
@pytest.mark.parametrize("name", [FIRST, HUMAN])
def test_what_is_no_npz_file_is_damaged(small, tmp_path, name, spoil):
    arrays = small.human if name == HUMAN else small.first()
    read = _images.human_labels if name == HUMAN else _images.first_images
    path = tmp_path / name
    path.write_bytes(spoil(npz(arrays)))
    with pytest.raises(ValueError, match="npz is damaged"):
        read(path, content_sum(arrays.values()))


def test_the_first_images_are_known_by_their_values(small, tmp_path):
    path, arrays = tmp_path / FIRST, small.first()
    path.write_bytes(npz(arrays | {"labels": arrays["labels"].astype(np.int64)}, np.savez))
    got = _images.first_images(path, content_sum(arrays.values()))
    assert_array_equal(got.images, arrays["images"])
    assert_array_equal(got.labels, arrays["labels"])
    with pytest.raises(ValueError, match="read-only"):
        got.images[0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((FIRST_IMAGES, 3, 32, 32), np.uint8)}, r"of shape \(12, 32, 32, 3\)"),
        ({"images": np.zeros((FIRST_IMAGES, 32, 32, 3))}, "images must be bytes .* got float64"),
        ({"images": np.zeros((3, 32, 32, 3), np.uint8)}, r"got uint8 of shape \(3, 32, 32, 3\)"),
        ({"labels": np.zeros(RECORDS, np.uint8)}, "labels must be 12 whole numbers"),
        ({"labels": np.array(1)}, "labels must be 12 whole numbers"),
    ],
)
def test_first_images_of_another_form_are_refused(small, tmp_path, change, message):
    path = tmp_path / FIRST
    path.write_bytes(npz(small.first() | change))
    with pytest.raises(ValueError, match=message):
        _images.first_images(path, "")


# ----------------------------------------------------------------------------- averages


@pytest.mark.parametrize("size", [32, 16, 2, 1])
def test_blocks_of_pixels_are_averaged_channel_by_channel(size):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    step = 32 // size
    got = _images.pooled(images, size).reshape(3, size, size, 3)
    for (i, row, column, channel), value in np.ndenumerate(got):
        block = images[i, step * row : step * (row + 1), step * column : step * (column + 1)]
        assert_allclose(value, block[..., channel].mean() / 255, rtol=1e-13)


def test_no_images_are_no_rows():
    assert _images.pooled(np.zeros((0, 32, 32, 3), np.uint8), 16).shape == (0, 768)
