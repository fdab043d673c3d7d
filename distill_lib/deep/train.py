"""One training loop for all networks of the book.

The data
    `Data` holds tensors: inputs ``X`` of shape ``(n, ...)``; ``targets``, which the loss is
    computed against: class numbers ``(n,)`` or rows ``(n, C)``; ``labels``, the given classes
    ``(n,)`` that training accuracy is measured on (by default the targets, if these are
    classes); and ``validation = (X, y)``. There is no place for test data: nothing can be chosen
    on it. Predict on it after the training.
The loss
    ``loss(outputs, targets)`` returns the mean over the points, as in `distill_lib.deep.losses`;
    bind settings with ``functools.partial(losses.cross_entropy, temperature=4.0)``.
Callbacks
    Subclasses of `Callback`. `fit` calls ``epoch_start(state)``, ``batch_end(state)`` and
    ``epoch_end(state)``, each with the `State` of the run. A callback may replace or change
    ``state.targets`` (self-labels), replace ``state.loss`` (loss switching), or set
    ``state.stop``. What it must remember goes through ``state_dict`` and ``load_state_dict`` into
    the checkpoint. ``state.outputs``, the outputs on all training points, are there in
    ``epoch_end``; targets set there serve the next epoch and are part of the checkpoint. A loss is
    not: set it in ``epoch_start`` of every epoch that it serves, as `Switch` does.
Checkpoints
    With ``checkpoint="run.pt"`` the run is saved after every ``every`` epochs and at its end. The
    same call resumes it, on a CPU to the same bits, and returns at once when the run is complete.
    Other settings, data, callbacks or starting weights are refused by name. Functions are compared
    by their names, so they need one: a module's function, with what it needs bound by
    ``functools.partial``, no lambda. The first checkpoint is written before the training, so that
    what cannot be saved is noticed at once.

Source: chapters 13 to 15.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib.deep import _setup, checkpoints, distributed

__all__ = [
    "Callback",
    "Data",
    "History",
    "KeepBest",
    "State",
    "Switch",
    "accuracy",
    "crop_and_flip",
    "fit",
    "predict",
]


class Data(NamedTuple):
    """Training data, and a validation set if there is one.

    Fields: inputs `X` (n, ...); `targets`, class numbers (n,) or rows (n, C); `labels` (n,), the
    given classes for the training accuracy, None for the targets themselves; `validation`, a
    pair (X, y).

    Examples
    --------
    >>> data = Data.from_arrays([[0.0], [1.0]], [0, 1])
    >>> data.targets
    tensor([0, 1])
    >>> data._replace(targets=torch.tensor([[0.9, 0.1], [0.2, 0.8]]), labels=data.targets).labels
    tensor([0, 1])
    """

    X: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor | None = None
    validation: tuple[torch.Tensor, torch.Tensor] | None = None

    @classmethod
    def from_arrays(cls, X, targets, *, labels=None, validation=None, dtype=torch.float32):
        """Make tensors of arrays: whole numbers become int64, all others `dtype`.

        Parameters
        ----------
        X, targets : array_like
            As the fields.
        labels : array_like of int, optional
            As the field.
        validation : pair of array_like, optional
            As the field.
        dtype : torch.dtype, default torch.float32
            Type of the inputs and of targets that are rows.

        Returns
        -------
        Data

        Raises
        ------
        TypeError
            If an array holds anything but whole or real numbers.
        """

        def tensor(name, values, *, inputs=False):
            values = np.asarray(values)
            if values.dtype.kind not in "iuf":
                raise TypeError(f"{name} must hold whole or real numbers, got {values.dtype}")
            whole = values.dtype.kind in "iu" and not inputs
            return torch.tensor(values, dtype=torch.int64 if whole else dtype)

        return cls(
            tensor("X", X, inputs=True),
            tensor("targets", targets),
            None if labels is None else tensor("labels", labels),
            validation
            and (
                tensor("validation[0]", validation[0], inputs=True),
                tensor("validation[1]", validation[1]),
            ),
        )


class History(NamedTuple):
    """What `fit` measured, one number an epoch.

    `loss` is the mean of what was minimised, penalty included, over the batches of the epoch;
    `train_accuracy`, on the given labels, and the two validation numbers are measured at the end
    of the epoch. What could not be measured is NaN. `lr` is the learning rate; `notes` say what
    happened to checkpoints.
    """

    loss: np.ndarray
    train_accuracy: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    lr: np.ndarray
    notes: tuple[str, ...] = ()

    def to_dict(self):
        """Return plain lists for JSON, None for NaN; `from_dict` reads them."""
        lists = {
            name: [None if math.isnan(v) else float(v) for v in getattr(self, name)]
            for name in MEASURED
        }
        return {**lists, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, content):
        """Read what `to_dict` returned.

        Parameters
        ----------
        content : dict
            Lists by the name of the field.

        Returns
        -------
        History
        """
        arrays = {name: np.array(content[name], dtype=float) for name in MEASURED}
        return cls(**arrays, notes=tuple(content.get("notes", ())))


MEASURED = History._fields[:-1]


@dataclass
class State:
    """What a callback sees of the run, and may change.

    Change `targets`, `loss` and `stop` only. `targets` are the run's own copy. `first_loss` is the
    loss that the run was started with. `epoch` counts from 0; `step` counts optimizer steps;
    `batch` holds the row numbers of the last batch. `outputs` are the outputs on
    ``data.X`` in evaluation mode, and None outside ``epoch_end``. `history` maps the fields of
    `History` to lists, the current epoch included in ``epoch_end``.

    Source: chapters 13 to 15.
    """

    model: torch.nn.Module
    data: Data
    targets: torch.Tensor
    loss: object
    optimizer: torch.optim.Optimizer
    epochs: int
    epoch: int = 0
    step: int = 0
    stop: bool = False
    outputs: torch.Tensor | None = None
    batch: torch.Tensor | None = None
    history: dict[str, list[float]] = field(default_factory=lambda: {k: [] for k in MEASURED})
    first_loss: object = None

    def __post_init__(self):
        self.first_loss = self.loss


class Callback:
    """Hooks of `fit` that do nothing; override what you need.

    Each takes the `State` of the run. With several processes every process calls them.

    Source: chapters 13 to 15.
    """

    def __new__(cls, *args, **keywords):
        """Remember what the callback was made with, for `settings`."""
        self = super().__new__(cls)
        self._made_with = args, keywords
        return self

    def epoch_start(self, state):
        """Before the first batch of an epoch.

        Parameters
        ----------
        state : State
            The run.
        """

    def batch_end(self, state):
        """After an optimizer step.

        Parameters
        ----------
        state : State
            The run.
        """

    def epoch_end(self, state):
        """After the epoch is measured, before it is saved.

        Parameters
        ----------
        state : State
            The run.
        """

    def settings(self):
        """Return the settings that must be the same when a run is resumed.

        By default all arguments that the callback was made with. Override it if one of them may
        change, or is nothing that `checkpoints.fingerprint` can compare.
        """
        args, keywords = self._made_with
        return {"args": args, **keywords} if args else dict(keywords)

    def state_dict(self):
        """Return what must be remembered: tensors, numbers, text, lists, dictionaries."""
        return {}

    def load_state_dict(self, content):
        """Take up what `state_dict` returned.

        Parameters
        ----------
        content : dict
            What `state_dict` returned.
        """


class Switch(Callback):
    """Train against other targets, or with another loss, from an epoch on.

    Parameters
    ----------
    epoch : int
        First epoch, from 0, of the new targets. After the last epoch: the switch never comes.
    targets : torch.Tensor, optional
        The new targets; None keeps them.
    loss : callable, optional
        The new loss; None keeps it.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or the epoch is negative.

    Notes
    -----
    Source: Nagarajan et al. (2023), loss switching; chapter 14. One-hot first and the teacher
    later, or the other way round.
    """

    def __init__(self, epoch, *, targets=None, loss=None):
        self.epoch = check.scalar_whole("epoch", epoch, minimum=0)
        if not isinstance(targets, torch.Tensor | None):
            raise TypeError(f"targets must be a torch tensor, got {type(targets).__name__}")
        if loss is not None and not callable(loss):
            raise TypeError(f"loss must be callable, got {loss!r:.80}")
        self.targets, self.loss = targets, loss

    def settings(self):
        """Return epoch, targets and loss."""
        return {"epoch": self.epoch, "targets": self.targets, "loss": self.loss}

    def epoch_start(self, state):
        """Switch; after a resumption too.

        Parameters
        ----------
        state : State
            The run.
        """
        if state.epoch == self.epoch and self.targets is not None:
            state.targets = self.targets.to(state.targets.device, copy=True)
        if state.epoch >= self.epoch and self.loss is not None:
            state.loss = self.loss


class KeepBest(Callback):
    """Keep the weights of the epoch with the best validation score: early stopping afterwards.

    Parameters
    ----------
    score : {"validation_accuracy", "validation_loss"}, default "validation_accuracy"
        The highest accuracy or the lowest loss; of equal epochs the first.

    Attributes
    ----------
    epoch : int or None
        The best epoch, from 0.
    weights : dict or None
        Its ``model.state_dict()``: ``model.load_state_dict(best.weights)`` brings it back.

    Notes
    -----
    Source: chapter 15. Report the last epoch too: the best of many noisy scores flatters itself
    on the validation set, though not on test data. A new run starts anew. The validation loss is
    that of the training, temperature and all; where a callback switches the loss it is no score,
    and refused with a ValueError.
    """

    def __init__(self, score="validation_accuracy"):
        self.score, self.sign = score, _setup.sign_of(score)
        self.epoch, self.best, self.weights = None, -math.inf, None

    def epoch_end(self, state):
        """Compare, and copy the weights if they are better.

        Parameters
        ----------
        state : State
            The run.
        """
        _setup.check_score(self.score, state)
        value = self.sign * state.history[self.score][-1]
        if np.ndim(value):
            raise TypeError("KeepBest is for one network; a stack needs ensemble.KeepBestOfEach")
        if state.epoch == 0:
            self.epoch, self.best, self.weights = None, -math.inf, None
        if value > self.best:  # never true of NaN
            self.epoch, self.best = state.epoch, value
            self.weights = {
                k: v.detach().cpu().clone() for k, v in state.model.state_dict().items()
            }

    def state_dict(self):
        """Return epoch, score and weights."""
        return {"epoch": self.epoch, "best": self.best, "weights": self.weights}

    def load_state_dict(self, content):
        """Take them up again.

        Parameters
        ----------
        content : dict
            What `state_dict` returned.
        """
        self.epoch, self.best = content["epoch"], content["best"]
        self.weights = content["weights"]


def fit(
    model, data, loss, *, epochs, batch_size, optimizer="sgd", lr=0.05, weight_decay=0.0,
    schedule="cosine", seed=0, device="cpu", callbacks=(), penalty=None, augment=None,
    checkpoint=None, every=1, amp=False, accumulate=1, progress=False,
):  # fmt: skip
    """Minimise ``loss(model(X), targets)`` over mini-batches; train the model in place.

    Parameters
    ----------
    model : torch.nn.Module
        Maps inputs to outputs (n, C). It is moved to the device and left there, in evaluation
        mode.
    data : Data
        Inputs, targets and a validation set; moved to the device as a whole. Not changed.
    loss : callable
        ``loss(outputs, targets)``, the mean over the points: a sum would make steps that grow with
        the batch, and what `accumulate` and several processes put together would be wrong.
    epochs : int
        Number of passes over the data.
    batch_size : int
        Points per optimizer step, all processes together; the last batch may be smaller.
    optimizer : str or callable, default "sgd"
        "sgd" (momentum 0.9), "nesterov", "adam", "adamw", or a callable
        ``optimizer(parameters, lr=, weight_decay=)``.
    lr : float, default 0.05
        Learning rate.
    weight_decay : float, default 0
        Added to the gradient times the weights ("adamw": shrinks them directly).
    schedule : str or callable, default "cosine"
        "constant", "cosine" (towards 0) or ``schedule(epoch, epochs)``: the factor of the learning
        rate during an epoch.
    seed : int, default 0
        Seed of the order of the data, of dropout and augmentation. PyTorch's global random state
        is restored afterwards.
    device : str or torch.device, default "cpu"
        "cpu", "cuda" or "mps".
    callbacks : sequence of Callback, default ()
        See the module's description.
    penalty : callable, optional
        ``penalty(model)`` is added to the loss of every batch.
    augment : callable, optional
        ``augment(X)`` changes the inputs of every batch, with PyTorch's global random numbers.
    checkpoint : path-like, optional
        File to save to and to resume from, in a folder that exists.
    every : int, default 1
        Epochs between checkpoints.
    amp : bool, default False
        Mixed precision (float16 with scaled gradients); on "cuda" only.
    accumulate : int, default 1
        Compute each batch in so many pieces: the same step with less memory. With batch
        normalization (the residual networks) it is another step: each piece has its own mean and
        variance.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    FloatingPointError
        If the loss or an output is no longer finite. The last checkpoint stays.
    TypeError, ValueError
        If an argument is wrong, the device is not there, or the checkpoint belongs to another
        run or is damaged and so is the one before.
    OSError, RuntimeError
        If the checkpoint cannot be written or read, or another run is using it.

    Notes
    -----
    Source: chapter 13. Two calls with the same arguments and models of the same seed give the same
    bits on a CPU with the same number of threads; on GPUs some sums have no fixed order.
    """
    if not isinstance(data, Data):
        raise TypeError(f"data must be a Data, got {type(data).__name__}")
    epochs, batch_size, every, accumulate = _setup.whole_numbers(
        epochs=epochs, batch_size=batch_size, every=every, accumulate=accumulate
    )
    (seed,) = _setup.whole_numbers(seed=seed, minimum=0)
    _setup.check_callbacks(callbacks, Callback)
    device, data = _setup.choose_device(device, amp), _setup.check_data(data)
    rates = _setup.learning_rates(lr, schedule, epochs)
    settings = checkpoint and _setup.describe(
        model, data, callbacks, loss=loss, epochs=epochs, batch_size=batch_size, lr=lr,
        optimizer=optimizer, weight_decay=weight_decay, schedule=rates, seed=seed,
        penalty=penalty, augment=augment, device=device.type, amp=amp, accumulate=accumulate,
    )  # fmt: skip
    data, model = _setup.move(data, device), model.to(device)
    optimizer = _setup.make_optimizer(optimizer, model, lr, weight_decay)
    check_targets = _setup.check_model(model, data, predict, batch_size)
    state = State(model, data, data.targets.clone(), loss, optimizer, epochs)
    scaler = torch.amp.GradScaler(device.type, enabled=amp)
    wrapped = distributed.wrap(model, device)
    lock = checkpoints.alone(None if distributed.rank() else checkpoint)

    with lock, _setup.random_numbers(seed, device) as order:
        run = _Run(state, callbacks, scaler, order, checkpoint, settings, check_targets)
        for state.epoch in run.bar(range(run.resume(), epochs), progress):
            for group in optimizer.param_groups:
                group["lr"] = rates[state.epoch]
            run.call("epoch_start")
            model.train()
            losses = []
            for state.batch in torch.randperm(len(data.X), generator=order).split(batch_size):
                optimizer.zero_grad()
                pieces = distributed.pieces(state.batch.to(device), accumulate)
                for i, (rows, weight) in enumerate(pieces, start=1):
                    X = augment(data.X[rows]) if augment else data.X[rows]
                    with distributed.sync(wrapped, last=i == len(pieces)):
                        with torch.autocast(device.type, torch.float16, enabled=amp):
                            outputs = wrapped(X)
                        outputs = outputs.float() if amp else outputs
                        value = state.loss(outputs, state.targets[rows])
                        if penalty:
                            value = value + penalty(model)
                        scaler.scale(weight * value).backward()
                    losses.append(weight * value.detach() * len(state.batch))
                scaler.step(optimizer)
                scaler.update()
                state.step += 1
                run.call("batch_end")
            run.measure(losses, rates[state.epoch])
            run.call("epoch_end")
            run.save(every)
            if state.stop:
                break
    model.eval()
    return History.from_dict({**state.history, "notes": run.notes})


class _Run:
    """What `fit` does around its loop: call the callbacks, measure, save and resume."""

    def __init__(self, state, callbacks, scaler, order, checkpoint, settings, check_targets):
        self.state, self.callbacks, self.scaler, self.order = state, callbacks, scaler, order
        self.checkpoint, self.settings, self.notes = checkpoint, settings, []
        self.device, self.check_targets = state.data.X.device, check_targets

    def bar(self, epochs, progress):
        """Yield the epochs, with a progress bar if one is wanted."""
        if not progress or distributed.rank():
            yield from epochs
            return
        from tqdm import tqdm

        with tqdm(total=self.state.epochs, initial=epochs.start, unit="epoch") as bar:
            for epoch in epochs:
                yield epoch
                shown = {name: values[-1] for name, values in self.state.history.items()}
                bar.set_postfix(loss=shown["loss"], validation=shown["validation_accuracy"])
                bar.update()

    def call(self, hook):
        """Call one hook of every callback, and check what they have set."""
        state, before = self.state, self.state.targets
        for callback in self.callbacks:
            getattr(callback, hook)(state)
        if state.targets is state.data.targets:
            state.targets = state.targets.clone()
        if state.targets is not before or hook != "batch_end":
            self.check_targets(f"targets after {hook}", state.targets)
        if state.loss is None:
            raise ValueError(
                f"the loss was {self.forgotten} at the end of epoch {state.epoch - 1} and a "
                "checkpoint does not keep it: the callback must set it in epoch_start"
            )

    def measure(self, losses, lr):
        """Append an epoch to the history; refuse to go on when numbers are no longer finite."""
        state, n = self.state, len(self.state.data.X)
        distributed.same_buffers(state.model)
        parts = distributed.gather(torch.stack(losses).cpu().double().sum().item())
        loss = sum(parts) / (n * distributed.world())
        state.outputs = predict(state.model, state.data.X)
        if not (math.isfinite(loss) and torch.isfinite(state.outputs).all()):
            raise FloatingPointError(
                f"the loss is {loss:g} in epoch {state.epoch} at lr={lr:g}, and the outputs are "
                f"{'' if torch.isfinite(state.outputs).all() else 'not '}finite: try a smaller lr"
            )
        row = [loss, accuracy(state.outputs, state.data.labels), *self._validation(), lr]
        for name, value in zip(MEASURED, row, strict=True):
            state.history[name].append(value)

    def _validation(self):
        """Return loss and accuracy on the validation set."""
        if self.state.data.validation is None:
            return math.nan, math.nan
        X, y = self.state.data.validation
        outputs = predict(self.state.model, X)
        return self.state.loss(outputs, y).item(), accuracy(outputs, y)

    def save(self, every):
        """Write a checkpoint if one is due. Only the first process writes."""
        state = self.state
        state.outputs = None
        done = state.epoch + 1
        if self.checkpoint and (not done % every or done == state.epochs or state.stop):
            self._write(state.epochs if state.stop else done)

    def _write(self, done):
        state = self.state
        random = distributed.gather(_setup.random_states(self.order, self.device))
        if distributed.rank() == 0:
            content = {
                "settings": self.settings,
                "epochs done": done,
                "loss": None if state.loss is state.first_loss else _name(state.loss),
                "step": state.step,
                "model": state.model.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "random": random,
                "targets": state.targets,
                "callbacks": [callback.state_dict() for callback in self.callbacks],
                "history": state.history,
                "notes": self.notes,
                "torch": str(torch.__version__),
            }
            checkpoints.save(self.checkpoint, content)

    def resume(self):
        """Take up the newest checkpoint that is whole; return the first epoch to run."""
        if not self.checkpoint:
            return 0
        found = checkpoints.resume(self.checkpoint) if distributed.rank() == 0 else None
        saved, note = distributed.broadcast(found)
        if saved is not None and "settings" not in saved:
            raise ValueError(f"{self.checkpoint} is not a checkpoint of fit; use another file")
        self.notes = [*(saved["notes"] if saved else ()), *([note] if note else ())]
        if saved is None or not saved["epochs done"]:  # nothing to go on from
            self._write(0)
            return 0
        now = distributed.broadcast(self.settings)  # the first process's weights count
        if different := checkpoints.differences(saved["settings"], now):
            raise ValueError(
                f"checkpoint {self.checkpoint} belongs to a run with other settings: "
                f"{'; '.join(different)}. Use another file, or the same settings"
            )
        state = self.state
        state.model.load_state_dict(saved["model"])
        state.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        state.targets = saved["targets"].to(self.device)
        if saved["loss"]:
            state.loss, self.forgotten = None, saved["loss"]
        for callback, content in zip(self.callbacks, saved["callbacks"], strict=True):
            callback.load_state_dict(content)
        state.step, state.history = saved["step"], saved["history"]
        own = saved["random"][distributed.rank()]
        _setup.restore_random_states(own, self.order, self.device)
        return saved["epochs done"]


def _name(loss):
    """Return the name of a loss for a message."""
    return repr(getattr(loss, "__qualname__", loss))


def predict(model, X, *, batch_size=1024, share=True):
    """Compute the outputs of a model in evaluation mode, without a gradient.

    Parameters
    ----------
    model : torch.nn.Module
        The model; the mode of each of its modules is restored, whatever happens.
    X : torch.Tensor, shape (n, ...)
        Inputs.
    batch_size : int, default 1024
        Points at a time.
    share : bool, default True
        With several processes, compute a share in each: all of them must call this function. Pass
        False where only one does.

    Returns
    -------
    torch.Tensor, shape (n, C)
        On the device of `X`.

    Raises
    ------
    TypeError
        If `X` is no tensor.

    Notes
    -----
    Source: chapter 13.
    """
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"X must be a torch tensor, got {type(X).__name__}")
    device = next(model.parameters()).device
    training = [module for module in model.modules() if module.training]
    rows = distributed.share(X) if share else X
    try:
        model.eval()
        with torch.no_grad():
            mine = torch.cat([model(part.to(device)) for part in rows.split(batch_size)])
    finally:
        for module in training:
            module.training = True
    return (distributed.join(mine, len(X)) if share else mine).to(X.device)


def accuracy(outputs, labels):
    """Compute the fraction of points whose largest output is the one of their label.

    Parameters
    ----------
    outputs : torch.Tensor, shape (n, C)
        Outputs or probabilities.
    labels : torch.Tensor of int, shape (n,), or None
        Class numbers. For None, or rows, there is no accuracy: NaN.

    Returns
    -------
    float

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    0.5
    """
    if labels is None or _setup.is_rows(labels):
        return math.nan
    return (outputs.argmax(-1) == labels).double().mean().item()


def crop_and_flip(X, *, pad=4):
    """Shift images by up to `pad` pixels, filling with zeros, and mirror half of them.

    Parameters
    ----------
    X : torch.Tensor, shape (n, channels, height, width)
        Images.
    pad : int, default 4
        Largest shift, each way.

    Returns
    -------
    torch.Tensor, shape as X

    Notes
    -----
    Source: He et al. (2016); Borup and Andersen (2021) and chapter 15 use it for CIFAR-10. All
    randomness is PyTorch's global one, which `fit` seeds.
    """
    n, _, height, width = X.shape
    down, right = torch.randint(0, 2 * pad + 1, (2, n, 1))
    mirrored = torch.rand(n, 1) < 0.5
    rows = torch.arange(height) + down
    columns = torch.arange(width).expand(n, width)
    columns = torch.where(mirrored, width - 1 - columns, columns) + right
    padded = torch.nn.functional.pad(X, (pad, pad, pad, pad))
    points = torch.arange(n)[:, None, None]
    picked = padded[points, :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)
