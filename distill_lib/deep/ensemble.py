r"""Many small networks trained at once, as one stack: a whole grid of settings is one run.

A step of a small network on a small batch costs more time for Python than for arithmetic. A
`Stack` holds S multilayer perceptrons of one shape and makes the same step for all of them with
batched matrix products. Learning rate, weight decay, seeds, data and targets may differ between
them; none sees another: the result is that of `train.fit`, one network after another.

Shapes: a leading axis S, one entry a network. What has none is shared by all.

Source: chapters 13 to 15.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from distill_lib import _validation as check
from distill_lib.deep import _setup, models
from distill_lib.deep.train import MEASURED, Callback, Data, History, State

__all__ = ["KeepBestOfEach", "Stack", "StackHistory", "accuracies", "fit_stack"]


class Stack(nn.Module):
    """S multilayer perceptrons of one shape, each that of ``models.mlp(sizes, seed=...)``.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden widths, outputs.
    seeds : sequence of int
        One a network; equal seeds give equal weights.

    Attributes
    ----------
    weights : torch.nn.Parameter, shape (S, P)
        One row a network: all its parameters in the order of ``models.mlp(...).parameters()``.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> stack = Stack((64, 32, 10), seeds=range(5))
    >>> stack(torch.zeros(3, 64)).shape
    torch.Size([5, 3, 10])
    >>> torch.allclose(stack(torch.ones(3, 64))[4], stack.network(4)(torch.ones(3, 64)), atol=1e-6)
    True
    """

    def __init__(self, sizes, *, seeds):
        super().__init__()
        networks = [models.mlp(sizes, seed=seed) for seed in seeds]
        if not networks:
            raise ValueError("seeds is empty; a stack needs at least one network")
        self.sizes = tuple(sizes)
        rows = [parameters_to_vector(network.parameters()).detach() for network in networks]
        self.weights = nn.Parameter(torch.stack(rows))

    def __len__(self):
        return len(self.weights)

    def forward(self, X):
        """Compute the outputs of all networks.

        Parameters
        ----------
        X : torch.Tensor, shape (n, p) or (S, n, p)
            Inputs.

        Returns
        -------
        torch.Tensor, shape (S, n, C)
        """
        h = X if X.ndim == 3 else X.expand(len(self), *X.shape)
        shapes = list(pairwise(self.sizes))
        parts = iter(self.weights.split([k for a, b in shapes for k in (a * b, b)], dim=1))
        for layer, (a, b) in enumerate(shapes):
            W, bias = next(parts).view(-1, b, a), next(parts).unsqueeze(1)
            h = torch.baddbmm(bias, h.relu() if layer else h, W.mT)
        return h

    def predict(self, X, *, batch_size=1024):
        """Compute the outputs without a gradient.

        Parameters
        ----------
        X : torch.Tensor, shape (n, p) or (S, n, p)
            Inputs.
        batch_size : int, default 1024
            Points at a time, of each network.

        Returns
        -------
        torch.Tensor, shape (S, n, C)
        """
        with torch.no_grad():
            parts = X.split(batch_size, dim=-2)
            return torch.cat([self(part.to(self.weights)) for part in parts], dim=1)

    def network(self, s):
        """Return a copy of network number `s` as an ordinary module.

        Parameters
        ----------
        s : int
            From 0.

        Returns
        -------
        torch.nn.Sequential
            As from ``models.mlp``.
        """
        network = models.mlp(self.sizes, seed=0).to(self.weights)
        vector_to_parameters(self.weights.detach()[s].clone(), network.parameters())
        return network


class StackHistory(NamedTuple):
    """What `fit_stack` measured: the fields of `train.History`, each of shape (epochs, S).

    A network that diverged has NaN from then on.
    """

    loss: np.ndarray
    train_accuracy: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    lr: np.ndarray

    def network(self, s):
        """Return the history of one network, as `train.fit` does.

        Parameters
        ----------
        s : int
            From 0.

        Returns
        -------
        History
        """
        return History(*(column[:, s] for column in self))


class KeepBestOfEach(Callback):
    """Keep, for each network of a stack, the weights of its best epoch on its validation set.

    Parameters
    ----------
    score : {"validation_accuracy", "validation_loss"}, default "validation_accuracy"
        The highest accuracy or the lowest loss; of equal epochs the first.

    Attributes
    ----------
    epochs : ndarray of int, shape (S,), or None
        The best epoch of each network, from 0; -1 if it never had a score.
    weights : torch.Tensor, shape (S, P), or None
        What the networks were then; ``stack.weights.data.copy_(best.weights)`` brings them back.

    Notes
    -----
    Source: chapter 15. As for `train.KeepBest`, a new run starts anew, and a validation loss that
    is switched is refused.
    """

    def __init__(self, score="validation_accuracy"):
        self.score, self.sign = score, _setup.sign_of(score)
        self.best = self.epochs = self.weights = None

    def epoch_end(self, state):
        """Compare, and copy the rows that are better.

        Parameters
        ----------
        state : train.State
            Of `fit_stack`.
        """
        _setup.check_score(self.score, state)
        values = self.sign * np.asarray(state.history[self.score][-1])
        if state.epoch == 0:
            self.best = np.full(len(values), -np.inf)
            self.epochs = np.full(len(values), -1)
            self.weights = state.model.weights.detach().clone()
        better = values > self.best  # never true of NaN
        self.best = np.where(better, values, self.best)
        self.epochs = np.where(better, state.epoch, self.epochs)
        rows = torch.from_numpy(better).to(self.weights.device)
        self.weights[rows] = state.model.weights.detach()[rows]


def fit_stack(
    stack, data, loss, *, epochs, batch_size, optimizer="sgd", lr=0.05, weight_decay=0.0,
    schedule="cosine", seeds=0, callbacks=(),
):  # fmt: skip
    """Train every network of a stack in place, as `train.fit` would one after another.

    Parameters
    ----------
    stack : Stack
        S networks. The data move to its device and floating type.
    data : train.Data
        ``X`` (n, p) or (S, n, p); ``targets`` (n,) or (S, n) class numbers, or rows (n, C) or
        (S, n, C); labels and validation likewise.
    loss : callable
        ``loss(outputs, targets, reduction="none")`` on (S, n, C) returns (S, n), as those in
        `distill_lib.deep.losses`. Targets always come as rows.
    epochs, batch_size : int
        As for `train.fit`.
    optimizer : {"sgd", "nesterov", "adam", "adamw"}, default "sgd"
        As for `train.fit`: momentum 0.9; "adamw" shrinks the weights directly.
    lr : float or sequence of S floats, default 0.05
        Learning rate.
    weight_decay : float or sequence of S floats, default 0
        As for `train.fit`.
    schedule : str or callable, default "cosine"
        As for `train.fit`.
    seeds : int or sequence of S ints, default 0
        Seed of the order of the data.
    callbacks : sequence of train.Callback, default ()
        They get a `train.State` with the stack as ``model``, ``targets`` as rows (S, n, C),
        ``outputs`` (S, n, C), ``batch`` (S, rows) and lists of arrays (S,) as ``history``.
        Targets without the axis S are given to all networks. `KeepBestOfEach` takes the place of
        `train.KeepBest`.

    Returns
    -------
    StackHistory

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or shapes do not fit.

    Notes
    -----
    A network that diverges does not stop the others, and there are no checkpoints: a stack is for
    runs of seconds or minutes. Source: chapter 13.

    Examples
    --------
    >>> from distill_lib.deep.losses import cross_entropy
    >>> data = Data(torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> stack = Stack((4, 8, 2), seeds=[0, 0])  # one network, two learning rates
    >>> history = fit_stack(stack, data, cross_entropy, epochs=40, batch_size=2, lr=[1e-6, 0.1])
    >>> history.loss[-1] < 0.1
    array([False,  True])
    """
    if not isinstance(data, Data):
        raise TypeError(f"data must be a Data, got {type(data).__name__}")
    epochs, batch_size = _setup.whole_numbers(epochs=epochs, batch_size=batch_size)
    _setup.check_callbacks(callbacks, Callback)
    data, targets = _stacked(stack, data)
    lr = _each("lr", check.positive("lr", lr), stack)
    decay = _each("weight_decay", check.non_negative("weight_decay", weight_decay), stack)
    rates = [lr * factor for factor in _setup.learning_rates(1.0, schedule, epochs)]
    step = _steps(optimizer, stack.weights, decay)
    orders = _generators(seeds, len(stack))
    state, n = State(stack, data, _own(targets), loss, None, epochs), data.X.shape[1]
    networks = torch.arange(len(stack), device=targets.device)[:, None]

    for state.epoch in range(epochs):
        _call(callbacks, "epoch_start", state)
        total = 0.0
        order = torch.stack([torch.randperm(n, generator=g) for g in orders])
        for state.batch in order.to(targets.device).split(batch_size, dim=1):
            outputs = stack(data.X[networks, state.batch])
            rows = state.targets[networks, state.batch]
            losses = state.loss(outputs, rows, reduction="none")
            (gradient,) = torch.autograd.grad(losses.mean(1).sum(), stack.weights)
            step(gradient, rates[state.epoch])
            total = total + losses.detach().sum(1)
            state.step += 1
            _call(callbacks, "batch_end", state)
        _measure(state, total / n, rates[state.epoch])
        _call(callbacks, "epoch_end", state)
        state.outputs = None
        if state.stop:
            break
    return StackHistory(*(np.stack(state.history[name]) for name in MEASURED))


def accuracies(outputs, labels):
    """Compute the fraction of points whose largest output is the one of their label.

    Parameters
    ----------
    outputs : torch.Tensor, shape (S, n, C)
        Outputs or probabilities.
    labels : torch.Tensor of int, shape (n,) or (S, n)
        Class numbers.

    Returns
    -------
    ndarray, shape (S,)
        NaN for a network with an output that is not finite.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> outputs = torch.tensor([[[0.1, 0.9], [0.8, 0.2]], [[0.4, 0.6], [0.3, 0.7]]])
    >>> accuracies(outputs, torch.tensor([1, 0]))
    array([1. , 0.5])
    """
    right = (outputs.argmax(-1) == labels).double().mean(-1)
    finite = torch.isfinite(outputs).all(-1).all(-1)
    return right.where(finite, math.nan).cpu().numpy()


# ------------------------------------------------------------------------------- the pieces


def _stacked(stack, data):
    """Return the data with an axis for the networks everywhere, and the targets as rows."""
    X, y = _pair(stack, ("X", "targets"), data.X, data.targets)
    labels, validation = data.labels, data.validation
    if labels is None and not _setup.is_rows(y):
        labels = y
    if labels is not None:
        if not _setup.is_classes(labels):
            raise ValueError(f"labels must be class numbers, got {labels.dtype}")
        labels = _with_axis(stack, "labels", labels, (X.shape[1],))
        _rows(stack, "labels", labels, X.shape[1])
    if validation is not None:
        validation = _pair(stack, ("validation[0]", "validation[1]"), *validation)
    targets = _rows(stack, "targets", y, X.shape[1])
    return Data(X, targets, labels, validation), targets


def _pair(stack, names, X, y):
    """Check inputs and targets, and give them the axis."""
    for name, values in zip(names, (X, y), strict=True):
        if not isinstance(values, torch.Tensor):
            raise TypeError(
                f"{name} must be a torch tensor, got {type(values).__name__}; Data.from_arrays "
                "makes tensors of arrays"
            )
        if not (_setup.is_rows(values) or _setup.is_classes(values)):
            raise TypeError(f"{name} must be class numbers or real numbers, got {values.dtype}")
        if _setup.is_rows(values) and not torch.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinite numbers")
    X = _inputs(stack, names[0], X)
    rows = _rows(stack, names[1], y, X.shape[1])
    return X, rows if _setup.is_rows(y) else _with_axis(stack, names[1], y, (X.shape[1],))


def _inputs(stack, name, X):
    if not X.is_floating_point():
        raise TypeError(f"{name} must hold real numbers, got {X.dtype}")
    if X.ndim not in (2, 3) or 0 in X.shape:
        raise ValueError(f"{name} must have shape (n, p) or (S, n, p), got {tuple(X.shape)}")
    return _with_axis(stack, name, X.to(stack.weights.dtype), (X.shape[-2], stack.sizes[0]))


def _rows(stack, name, targets, n):
    """Return targets as rows (S, n, C)."""
    classes = stack.sizes[-1]
    if not _setup.is_rows(targets):
        if targets.min() < 0 or targets.max() >= classes:
            raise ValueError(
                f"{name} must lie in 0..{classes - 1}, got {targets.min()} to {targets.max()}"
            )
        targets = one_hot(targets.long(), classes)
    return _with_axis(stack, name, targets.to(stack.weights.dtype), (n, classes))


def _with_axis(stack, name, values, shape):
    """Give all networks what has the shape of one; refuse other shapes."""
    both = shape, (len(stack), *shape)
    if tuple(values.shape) not in both:
        raise ValueError(f"{name} must have shape {both[0]} or {both[1]}, got {(*values.shape,)}")
    return values.detach().to(stack.weights.device).expand(both[1])


def _each(name, values, stack):
    """Return one number a network as a column."""
    if values.shape not in ((), (len(stack),)):
        raise ValueError(
            f"{name} must be a number or {len(stack)} numbers, got shape {values.shape}"
        )
    column = torch.as_tensor(np.broadcast_to(values, len(stack)).copy())
    return column[:, None].to(stack.weights)


def _generators(seeds, size):
    """Return one source of random numbers a network."""
    seeds = check.whole("seeds", seeds, minimum=0)
    if seeds.shape not in ((), (size,)):
        raise ValueError(f"seeds must be one whole number or {size}, got shape {seeds.shape}")
    return [torch.Generator().manual_seed(s) for s in np.broadcast_to(seeds, size).tolist()]


def _steps(optimizer, weights, decay):
    """Return ``step(gradient, lr)``: PyTorch's optimizers with a column of learning rates.

    It writes into the gradient and into its own buffers: new ones every step would cost more than
    the arithmetic.
    """
    if optimizer not in _setup.OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {[*_setup.OPTIMIZERS]}, got {optimizer!r}")
    if optimizer in ("sgd", "nesterov"):
        return _sgd(weights, decay, nesterov=optimizer == "nesterov")
    return _adam(weights, decay, decoupled=optimizer == "adamw")


def _sgd(weights, decay, *, nesterov, momentum=0.9):
    velocity = torch.zeros_like(weights)

    @torch.no_grad()
    def step(gradient, lr):
        gradient.addcmul_(decay, weights)
        velocity.mul_(momentum).add_(gradient)
        direction = gradient.add_(velocity, alpha=momentum) if nesterov else velocity
        weights.addcmul_(lr, direction, value=-1)

    return step


def _adam(weights, decay, *, decoupled, betas=(0.9, 0.999), eps=1e-8):
    mean, square, ratio = (torch.zeros_like(weights) for _ in range(3))
    count = 0

    @torch.no_grad()
    def step(gradient, lr):
        nonlocal count
        count += 1
        if decoupled:
            weights.mul_(1 - lr * decay)
        else:
            gradient.addcmul_(decay, weights)
        mean.lerp_(gradient, 1 - betas[0])
        square.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
        torch.div(square, 1 - betas[1] ** count, out=ratio).sqrt_().add_(eps)
        torch.div(mean, ratio, out=ratio)
        weights.addcmul_(lr / (1 - betas[0] ** count), ratio, value=-1)

    return step


def _call(callbacks, hook, state):
    """Call one hook of every callback; new targets without the axis are given to all networks."""
    before = state.targets
    for callback in callbacks:
        getattr(callback, hook)(state)
    if state.targets is not before:
        name = f"targets after {hook}"
        state.targets = _own(_rows(state.model, name, state.targets, before.shape[1]))


def _own(targets):
    """Return targets that may be changed in place: each network its own rows, none the caller's."""
    return targets.clone(memory_format=torch.contiguous_format)


def _measure(state, loss, lr):
    """Append an epoch to the history."""
    stack, data, none = state.model, state.data, np.full(len(state.model), math.nan)
    state.outputs = stack.predict(data.X)
    values = dict.fromkeys(MEASURED, none)
    values |= {"loss": loss.cpu().numpy().astype(float), "lr": lr[:, 0].cpu().numpy().astype(float)}
    if data.labels is not None:
        values["train_accuracy"] = accuracies(state.outputs, data.labels)
    if data.validation is not None:
        X, y = data.validation
        outputs, rows = stack.predict(X), _rows(stack, "validation[1]", y, X.shape[1])
        losses = state.loss(outputs, rows, reduction="none").mean(1)
        values["validation_loss"] = losses.cpu().numpy().astype(float)
        if not _setup.is_rows(y):
            values["validation_accuracy"] = accuracies(outputs, y)
    for name, value in values.items():
        state.history[name].append(value)
