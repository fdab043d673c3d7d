"""Several processes, one training: each takes its share of every batch.

Start a script with ``torchrun --nproc_per_node=2 script.py`` and put the training inside
``with distributed.processes():``. `train.fit` then sees the processes by itself: rows
``rank, rank + world, ...`` of each batch go to process ``rank``, gradients are averaged so that
they are those of the whole batch, and checkpoints are written by the first process. Alone, all
functions here do nothing.

Batch normalization takes its statistics from each process's own share; wrap the model with
``torch.nn.SyncBatchNorm.convert_sync_batchnorm`` on GPUs if that matters.

Source: chapter 13.
"""

from __future__ import annotations

import contextlib
import os

import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

__all__ = [
    "broadcast",
    "gather",
    "join",
    "pieces",
    "processes",
    "rank",
    "same_buffers",
    "share",
    "sync",
    "world",
    "wrap",
]


@contextlib.contextmanager
def processes(backend=None):
    """Join the processes that ``torchrun`` started; leave them at the end.

    Parameters
    ----------
    backend : str, optional
        "nccl" for GPUs, "gloo" for CPUs. By default the one that fits the machine.

    Raises
    ------
    RuntimeError
        If the script was not started by ``torchrun``.

    Notes
    -----
    Source: chapter 13.
    """
    if "RANK" not in os.environ:
        raise RuntimeError("start the script with torchrun: torchrun --nproc_per_node=2 script.py")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(backend or ("nccl" if torch.cuda.is_available() else "gloo"))
    try:
        yield
    finally:
        dist.destroy_process_group()


def _several():
    return dist.is_available() and dist.is_initialized()


def rank():
    """Return the number of this process, from 0. Source: chapter 13."""
    return dist.get_rank() if _several() else 0


def world():
    """Return the number of processes. Source: chapter 13."""
    return dist.get_world_size() if _several() else 1


def wrap(model, device):
    """Let the processes average the gradients of a model; alone, return the model itself.

    Parameters
    ----------
    model : torch.nn.Module
        On `device`. All processes start from the weights of the first.
    device : torch.device
        The device of this process.

    Returns
    -------
    torch.nn.Module
        Call this one in training. The weights are shared with `model`.

    Notes
    -----
    Source: chapter 13.
    """
    if not _several():
        return model
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids)


def pieces(batch, accumulate=1):
    """Split a batch between the processes, and each share into pieces that fit into memory.

    Parameters
    ----------
    batch : torch.Tensor, shape (b,)
        Row numbers, the same in all processes.
    accumulate : int, default 1
        Number of pieces; fewer if the share is smaller.

    Returns
    -------
    list of (torch.Tensor, float)
        Row numbers, and the weight of their mean loss. Averaged over the processes the weights
        sum to 1, so that the weighted sum of means is the mean over the batch.

    Notes
    -----
    Source: chapter 13. A process without a row computes one with weight 0, since all of them
    must take part in every average.

    Examples
    --------
    >>> [(rows.tolist(), weight) for rows, weight in pieces(torch.arange(4), accumulate=2)]
    [([0, 1], 0.5), ([2, 3], 0.5)]
    """
    share = batch[rank() :: world()]
    if not len(share):
        return [(batch[:1], 0.0)]
    scale = world() / len(batch)
    return [(rows, len(rows) * scale) for rows in share.chunk(accumulate)]


def sync(wrapped, *, last):
    """Return a context in which gradients are averaged only for the last piece of a batch.

    Parameters
    ----------
    wrapped : torch.nn.Module
        What `wrap` returned.
    last : bool
        Whether this is the last piece.

    Returns
    -------
    context manager

    Notes
    -----
    Source: chapter 13.
    """
    if last or not isinstance(wrapped, DistributedDataParallel):
        return contextlib.nullcontext()
    return wrapped.no_sync()


def share(X):
    """Return the rows of this process: ``rank``, ``rank + world``, ...

    Parameters
    ----------
    X : torch.Tensor, shape (n, ...)
        The same in all processes.

    Returns
    -------
    torch.Tensor
        All rows if there are fewer rows than processes.

    Notes
    -----
    Source: chapter 13.
    """
    return X[rank() :: world()] if len(X) >= world() else X


def join(rows, n):
    """Put the processes' rows together again: the inverse of `share`.

    Parameters
    ----------
    rows : torch.Tensor
        What this process made of its share.
    n : int
        Number of rows of all processes.

    Returns
    -------
    torch.Tensor, shape (n, ...)
        The same in all processes.

    Notes
    -----
    Source: chapter 13.
    """
    if len(rows) == n:  # alone, or too few rows to share
        return rows
    whole = rows.new_zeros((n, *rows.shape[1:]))
    whole[rank() :: world()] = rows
    dist.all_reduce(whole)
    return whole


def same_buffers(model):
    """Give all processes the first one's running means and variances.

    Parameters
    ----------
    model : torch.nn.Module
        The model, changed in place.

    Notes
    -----
    Source: chapter 13. Their weights agree already.
    """
    if _several():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


def broadcast(thing):
    """Hand the first process's object to all of them.

    Parameters
    ----------
    thing : object
        Anything that can be pickled; only the first process's counts.

    Returns
    -------
    object

    Notes
    -----
    Source: chapter 13.
    """
    if not _several():
        return thing
    box = [thing]
    dist.broadcast_object_list(box)
    return box[0]


def gather(thing):
    """Collect one object from each process.

    Parameters
    ----------
    thing : object
        Anything that can be pickled.

    Returns
    -------
    list
        One object per process, by rank.

    Notes
    -----
    Source: chapter 13.
    """
    if not _several():
        return [thing]
    box = [None] * world()
    dist.all_gather_object(box, thing)
    return box
