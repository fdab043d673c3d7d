"""Checkpoints that survive a power cut: written beside, read back, then moved into place.

A checkpoint is one file of ``torch.save``. The one before it is kept beside it, as
``name.previous``. Reading unpickles nothing but tensors, numbers, text, lists and dictionaries,
and the check sums of the file are compared first.

Source: chapter 13.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import torch

__all__ = ["differences", "digest", "read", "resume", "save"]


def save(path, content):
    """Write a checkpoint so that at every moment a complete one is on the disk.

    The content goes to ``name.partial``, is flushed to the disk and read back. Then the
    checkpoint that was there becomes ``name.previous``, and the new one takes its place; both
    are single renamings.

    Parameters
    ----------
    path : path-like
        Where the checkpoint goes. The folder must exist.
    content : dict
        Tensors, numbers, text, None, and lists and dictionaries of them.

    Raises
    ------
    TypeError
        If the content holds anything else. The checkpoints on the disk are left alone.

    Notes
    -----
    Source: chapter 13.
    """
    path = Path(path)
    partial = _beside(path, ".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        read(partial)
    except ValueError as error:
        raise TypeError(
            "a checkpoint holds tensors, numbers, text, None, lists and dictionaries only; "
            f"this content cannot be read back: {error.__cause__}"
        ) from error
    if path.exists():
        os.replace(path, _beside(path, ".previous"))
    os.replace(partial, path)
    _flush_folder(path.parent)


def read(path):
    """Read one checkpoint file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        What was saved, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged: cut off, or any of its check sums is wrong.

    Notes
    -----
    Source: chapter 13. ``torch.load(path, weights_only=True)`` reads the same file, without the
    check sums.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"the check sum of {damaged} is wrong")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # what a damaged file raises depends on where the damage is
        raise ValueError(f"{path} is damaged: {error}") from error


def resume(path):
    """Read the newest checkpoint that is whole.

    Parameters
    ----------
    path : path-like
        The path given to `save`.

    Returns
    -------
    content : dict or None
        None if there is no checkpoint yet.
    note : str or None
        What was damaged and passed over. A damaged file is renamed to ``name.damaged``, so that
        it cannot take the place of the good one before it.

    Raises
    ------
    ValueError
        If there are checkpoints and all are damaged.

    Notes
    -----
    Source: chapter 13.
    """
    path = Path(path)
    problems = []
    for candidate in (path, _beside(path, ".previous")):
        try:
            content = read(candidate)
        except FileNotFoundError:
            continue
        except ValueError as error:
            problems.append(error)
            continue
        if problems:
            os.replace(path, _beside(path, ".damaged"))
        return content, "; ".join(f"{p}; used {candidate.name}" for p in problems) or None
    if problems:
        raise ValueError(
            "no checkpoint can be read; remove the files to start again: "
            + "; ".join(map(str, problems))
        )
    return None, None


def differences(saved, now):
    """List by name what differs between two dictionaries of settings.

    Parameters
    ----------
    saved, now : dict
        Settings of the checkpoint and of this call.

    Returns
    -------
    list of str
        Empty if they agree.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> differences({"lr": 0.1, "seed": 0}, {"lr": 0.2, "seed": 0})
    ['lr (0.1 then, 0.2 now)']
    """
    names = [*now, *(name for name in saved if name not in now)]
    return [
        f"{name} ({saved.get(name)!r:.60} then, {now.get(name)!r:.60} now)"
        for name in names
        if saved.get(name) != now.get(name)
    ]


def digest(*tensors):
    """Return a short fingerprint of tensors: types, shapes and every bit.

    Parameters
    ----------
    *tensors : torch.Tensor or None
        On any device.

    Returns
    -------
    str
        Twelve characters of a sha256 sum.

    Notes
    -----
    Source: chapter 13.
    """
    total = hashlib.sha256()
    for tensor in tensors:
        if tensor is None:
            total.update(b"none")
            continue
        plain = tensor.detach().cpu().contiguous()
        total.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
        total.update(plain.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()[:12]


def _beside(path, ending):
    return path.with_name(path.name + ending)


def _flush_folder(folder):
    """Make the renamings themselves last; where a folder cannot be opened there is no need to."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
