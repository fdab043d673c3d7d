"""Checkpoints that survive a power cut: written beside, read back, then moved into place.

A checkpoint is one file of ``torch.save``. The one before it is kept beside it, as
``name.previous``. Reading unpickles nothing but tensors, numbers, text, lists and dictionaries,
and the check sums of the file are compared first. While a run writes to ``name``, it holds
``name.lock``: a second one is refused.

Source: chapter 13.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import io
import os
import shutil
import sys
import zipfile
from numbers import Number
from pathlib import Path

import numpy as np
import torch

try:
    import fcntl
except ImportError:  # Windows: two runs on one file are not noticed there
    fcntl = None

__all__ = [
    "alone",
    "architecture",
    "differences",
    "digest",
    "fingerprint",
    "read",
    "resume",
    "save",
]


def save(path, content):
    """Write a checkpoint so that at every moment a complete one is on the disk.

    The content goes to ``name.partial``, is flushed to the disk and read back. Then the
    checkpoint that is there becomes ``name.previous`` as well, and the new one takes its place:
    at no moment is ``name`` missing.

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
    OSError
        If the file cannot be written or read back, for instance on a full disk.

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
        _copy(path, _beside(path, ".previous"))
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
    OSError
        If there is no such file, or it cannot be read: that says nothing about its content.
    ValueError
        If the file is damaged: cut off, or any of its check sums is wrong.

    Notes
    -----
    Source: chapter 13. ``torch.load(path, weights_only=True)`` reads the same file, without the
    check sums.
    """
    content = io.BytesIO(Path(path).read_bytes())  # what fails after this is no matter of the disk
    try:
        with zipfile.ZipFile(content) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"the check sum of {damaged} is wrong")
        content.seek(0)
        return torch.load(content, map_location="cpu", weights_only=True)
    except MemoryError:
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
        What was damaged and passed over. A damaged file is kept as ``name.damaged``, and the good
        one before it takes its place.

    Raises
    ------
    OSError
        If a file is there and cannot be read.
    ValueError
        If there are checkpoints and all are damaged, or ``name`` is gone and ``name.previous`` is
        not: `save` never leaves them like that.

    Notes
    -----
    Source: chapter 13.
    """
    path, previous = Path(path), _beside(Path(path), ".previous")
    if not path.exists():
        if previous.exists():
            raise ValueError(
                f"{path} is gone, but {previous.name} is there: remove it to start again, or "
                f"rename it to {path.name} to go on from it"
            )
        return None, None
    try:
        return read(path), None
    except ValueError as error:
        damaged = error
    try:
        content = read(previous)
    except (FileNotFoundError, ValueError) as error:
        also = f"; {error}" if isinstance(error, ValueError) else ""
        raise ValueError(
            f"no checkpoint can be read; remove the files to start again: {damaged}{also}"
        ) from damaged
    _copy(path, _beside(path, ".damaged"))
    _copy(previous, path)
    return content, f"{damaged}; used {previous.name}"


@contextlib.contextmanager
def alone(path):
    """Keep others from writing to a checkpoint at the same time.

    Parameters
    ----------
    path : path-like or None
        The path given to `save`; for None nothing happens.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written to.
    RuntimeError
        If another run holds the checkpoint. A run that was killed holds nothing.

    Notes
    -----
    Source: chapter 13. The lock is the operating system's; on Windows there is none.
    """
    if path is None or fcntl is None:
        yield
        return
    lock = _beside(Path(path), ".lock")
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(path) from error
        except OSError:  # a file system without locks
            pass
        # A run that ends removes its file; whoever opened it just before holds one without a name.
        if not (lock.exists() and os.path.samestat(os.fstat(file.fileno()), lock.stat())):
            raise _in_use(path)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _in_use(path):
    return RuntimeError(f"another run is using checkpoint {path}; give each its own")


def differences(saved, now):
    """List by name what differs between two dictionaries of settings.

    Parameters
    ----------
    saved, now : dict
        Settings of the checkpoint and of this call.

    Returns
    -------
    list of str
        Empty if they agree. Of a setting that is a list or a dictionary, its first difference.

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
        _first_difference(name, saved.get(name), now.get(name))
        for name in names
        if saved.get(name) != now.get(name)
    ]


def _first_difference(name, then, now):
    """Say where two settings differ, as deep inside as they are alike."""
    keys = []
    if isinstance(then, dict) and isinstance(now, dict) and then.keys() == now.keys():
        keys = [*now]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        keys = range(len(now))
    for key in keys:
        if then[key] != now[key]:
            return _first_difference(f"{name}[{key!r}]", then[key], now[key])
    return f"{name} ({then!r:.60} then, {now!r:.60} now)"


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


def fingerprint(value, name="a setting"):
    """Return plain text, numbers and lists that are equal only for equal settings.

    It is the same in the next process. Of tensors, arrays and modules every bit counts. Of
    functions and classes the name counts, with that of their module, and of ``functools.partial``
    all that is bound; the code inside is not compared.

    Parameters
    ----------
    value : object
        Number, text, None, tensor, array, module, function with a name, partial; lists, tuples
        and dictionaries of them; an object with a method ``settings()``.
    name : str, default "a setting"
        What to call it in the message.

    Returns
    -------
    object
        To be compared with ``==`` and stored.

    Raises
    ------
    TypeError
        If nothing tells the value from others of its kind: a lambda, a function inside a
        function, an object without ``settings()``.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> fingerprint({"lr": np.float64(0.1), "axes": (0, 1)})
    {'lr': 0.1, 'axes': [0, 1]}
    >>> fingerprint(functools.partial(digest, None))
    ['functools.partial', 'distill_lib.deep.checkpoints.digest', [None], {}]
    """
    inside = functools.partial(fingerprint, name=name)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Number | str | None):
        return value
    if isinstance(value, torch.Tensor):
        return f"tensor {digest(value)}"
    if isinstance(value, np.ndarray) and value.dtype != object:
        total = hashlib.sha256(np.ascontiguousarray(value)).hexdigest()[:12]
        return f"array {value.dtype}{value.shape} {total}"
    if isinstance(value, torch.nn.Module):
        return [architecture(value), digest(*value.state_dict().values())]
    if isinstance(value, functools.partial):
        bound = inside(value.args), inside(value.keywords)
        return ["functools.partial", inside(value.func), *bound]
    if isinstance(value, list | tuple | range):
        return [inside(item) for item in value]
    if isinstance(value, dict):
        return {str(key): inside(item) for key, item in value.items()}
    if isinstance(value, torch.dtype | torch.device):
        return str(value)
    if inspect.ismethod(value):
        return [inside(value.__self__), value.__name__]
    if isinstance(value, type) or inspect.isroutine(value):
        return _full_name(value, name)
    if callable(getattr(value, "settings", None)):
        return [_full_name(type(value), name), inside(value.settings())]
    raise TypeError(
        f"{name} cannot be compared with that of a checkpoint: {value!r:.80} has no settings()"
    )


def architecture(model):
    """Return what a module is apart from its weights: layers and their plain attributes.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Returns
    -------
    list
        To be compared with ``==`` and stored.

    Notes
    -----
    Source: chapter 13. Attributes that are numbers, text, None or tensors count, functions by
    their names; ``training`` does not.

    Examples
    --------
    >>> one, other = torch.nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    >>> repr(one) == repr(other), architecture(one) == architecture(other)
    (True, False)
    """

    def plain(value):
        if inspect.isroutine(value):
            return getattr(value, "__qualname__", "")
        return f"tensor {digest(value)}" if isinstance(value, torch.Tensor) else value

    found = {}
    for name, module in model.named_modules():
        public = {k: v for k, v in vars(module).items() if not k.startswith("_")}
        found[name or "itself"] = {
            key: plain(value)
            for key, value in public.items()
            if key != "training"
            and (
                isinstance(value, int | float | str | torch.Tensor | None)
                or inspect.isroutine(value)
            )
        }
    return [repr(model), found]


def _full_name(thing, name):
    """Return module and name, the same whether a file is run or imported."""
    module, own = thing.__module__, thing.__qualname__
    if not isinstance(thing, type) and ("<lambda>" in own or "<locals>" in own):
        raise TypeError(
            f"{name} cannot be compared with that of a checkpoint: {own} has no name of its own; "
            "define the function at the top of a file, and bind what it needs by functools.partial"
        )
    if module == "__main__":
        module = getattr(getattr(sys.modules[module], "__spec__", None), "name", module)
    return f"{module}.{own}"


def _beside(path, ending):
    return path.with_name(path.name + ending)


def _copy(path, target):
    """Let `target` be the same file, in one step."""
    temporary = _beside(target, ".new")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:  # a file system without links
        shutil.copyfile(path, temporary)
    os.replace(temporary, target)


def _flush_folder(folder):
    """Make the renamings themselves last; where a folder cannot be opened there is no need to."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
