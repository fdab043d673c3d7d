"""A small CIFAR-10 in the exact formats of the real files, written from their descriptions."""

import hashlib
import io
import tarfile

import numpy as np

from distill_lib import _images, datasets

ARCHIVE = "cifar-10-binary.tar.gz"
FIRST = "cifar10_first4000.npz"
HUMAN = "cifar10n_human_labels.npz"
RECORDS, FIRST_IMAGES = 8, 12
TRAIN = 5 * RECORDS
MEMBERS = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
LABEL_ORDER = ["clean_label", "aggre_label", "worse_label", "random_label1", "random_label2",
               "random_label3"]  # fmt: skip


def record(image, label):
    """One byte for the class, then the red, the green and the blue plane, row by row."""
    return bytes([label]) + b"".join(image[:, :, c].tobytes() for c in range(3))


def tar(members):
    """A gzipped tar archive of names and bytes (or ready-made entries) in the given order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            else:
                entry.type, entry.linkname = data
                archive.addfile(entry)
    return buffer.getvalue()


class SmallCifar:
    """Arrays `images` and `labels`, by part, `human` labels by name; `write` puts the files."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder, monkeypatch
        rng = np.random.default_rng(0)
        self.images, self.labels = {}, {}
        for part, n in (("train", TRAIN), ("test", RECORDS)):
            images = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
            images[:, 0, 0] = np.arange(n)[:, None]  # tells the images apart
            self.images[part] = images
            self.labels[part] = rng.integers(10, size=n).astype(np.uint8)
        clean = self.labels["train"]
        # Each set is wrong everywhere, and by another amount, so that none is taken for another.
        self.human = {
            name: ((clean.astype(int) + i) % 10).astype(np.uint8)
            for i, name in enumerate(LABEL_ORDER)
        }
        monkeypatch.setattr(_images, "CIFAR_RECORDS", RECORDS)
        monkeypatch.setattr(_images, "FIRST", FIRST_IMAGES)
        monkeypatch.setattr(_images, "HUMAN_LABELS", TRAIN)
        self.accept()

    def members(self):
        """Names and bytes in the archive."""
        records = [
            record(image, label)
            for part in ("train", "test")
            for image, label in zip(self.images[part], self.labels[part].tolist(), strict=True)
        ]
        batches = [b"".join(records[i : i + RECORDS]) for i in range(0, len(records), RECORDS)]
        named = [
            (f"cifar-10-batches-bin/{name}", batch)
            for name, batch in zip(MEMBERS, batches, strict=True)
        ]
        # Mixed order, and other entries, as in the real archive.
        return [("cifar-10-batches-bin", (tarfile.DIRTYPE, "")), named[3], named[5],
                ("cifar-10-batches-bin/batches.meta.txt", b"airplane\n"), *named[:3],
                named[4]]  # fmt: skip

    def first(self):
        """Arrays of the small file."""
        return {
            "images": self.images["train"][:FIRST_IMAGES],
            "labels": self.labels["train"][:FIRST_IMAGES],
        }

    def accept(self, archive=b"", first=None, human=None):
        """Take the sums of this content for the right ones."""
        first, human = first or self.first(), human or self.human
        joined = b"".join(human[name].astype(np.uint8).tobytes() for name in LABEL_ORDER)
        images = first["images"].tobytes() + first["labels"].astype(np.uint8).tobytes()
        sums = [hashlib.sha256(data).hexdigest() for data in (archive, images, joined)]
        self.patch.setattr(datasets, "CIFAR10_SHA256", {ARCHIVE: sums[0]})
        self.patch.setattr(datasets, "CIFAR10N_SHA256", {FIRST: sums[1], HUMAN: sums[2]})

    def write(self, *names):
        """Put files into the folder, and take them for the right ones."""
        archive = tar(self.members()) if ARCHIVE in names else b""
        self.accept(archive)
        if archive:
            self.put(ARCHIVE, archive)
        if FIRST in names:
            self.put(FIRST, npz(self.first()))
        if HUMAN in names:
            self.put(HUMAN, npz(self.human))

    def put(self, name, data):
        path = self.folder / "cifar10" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def npz(arrays, save=np.savez_compressed):
    """Bytes of an npz file."""
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()
