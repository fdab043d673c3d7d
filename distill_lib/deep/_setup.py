"""What `train.fit` does before its loop: check the arguments, choose the device, seed."""

from __future__ import annotations

import contextlib
import functools
import math
import os

import torch

from distill_lib import _validation as check
from distill_lib.deep import checkpoints, distributed

#: The names that `fit` takes for `optimizer`. Weight decay is added to the gradient; "adamw"
#: shrinks the weights directly.
OPTIMIZERS = {
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9),
    "nesterov": functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
#: The names that `fit` takes for `schedule`: the factor of the learning rate in epoch e of E.
SCHEDULES = {
    "constant": lambda epoch, epochs: 1.0,
    "cosine": lambda epoch, epochs: 0.5 * (1 + math.cos(math.pi * epoch / epochs)),
}
DEVICES = ("cpu", "cuda", "mps")
#: Where mixed precision is allowed.
MIXED_PRECISION = {"cuda"}


def whole_numbers(minimum=1, **values):
    """Return ints >= `minimum`, in the order given."""
    return [check.scalar_whole(name, value, minimum=minimum) for name, value in values.items()]


def choose_device(name, amp):
    """Return the device, with the number of this process's GPU; refuse one that is not there."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be one of {DEVICES}, got {name!r}") from error
    if device.type not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {name!r}")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    there = {
        "cpu": lambda: True,
        "cuda": lambda: device.index < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
    }
    if not there[device.type]():
        raise ValueError(f"device {name!r} is not available on this machine; 'cpu' always is")
    if amp and device.type not in MIXED_PRECISION:
        raise ValueError(f"amp=True needs device 'cuda', got {name!r}")
    return device


def check_data(data):
    """Refuse tensors that do not fit together; fill in the labels."""
    _check_tensors("X", data.X, "targets", data.targets)
    if data.validation is not None:
        _check_tensors("validation[0]", data.validation[0], "validation[1]", data.validation[1])
    if len(data.X) < distributed.world():
        raise ValueError(f"{distributed.world()} processes need as many points, got {len(data.X)}")
    if data.labels is None:
        return data if is_rows(data.targets) else data._replace(labels=data.targets)
    if not isinstance(data.labels, torch.Tensor):
        raise TypeError(f"labels must be a torch tensor, got {type(data.labels).__name__}")
    if not is_classes(data.labels) or data.labels.shape != (len(data.X),):
        raise ValueError(
            f"labels must be {len(data.X)} class numbers, got {data.labels.dtype} of shape "
            f"{tuple(data.labels.shape)}"
        )
    return data


def is_rows(targets):
    """Tell rows of numbers from class numbers."""
    return targets.is_floating_point()


def is_classes(targets):
    """Tell class numbers from everything else."""
    return not (targets.is_floating_point() or targets.is_complex() or targets.dtype is torch.bool)


def _check_tensors(x_name, X, y_name, y):
    for name, tensor in ((x_name, X), (y_name, y)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{name} must be a torch tensor, got {type(tensor).__name__}; "
                "Data.from_arrays makes tensors of arrays"
            )
    if not X.is_floating_point():
        raise TypeError(f"{x_name} must hold real numbers, got {X.dtype}")
    if not (is_rows(y) or is_classes(y)):
        raise TypeError(f"{y_name} must be class numbers or rows of real numbers, got {y.dtype}")
    if len(X) == 0 or len(X) != len(y):
        raise ValueError(f"{x_name} has {len(X)} points and {y_name} {len(y)}: same number, >= 1")
    if y.ndim != (2 if is_rows(y) else 1):
        raise ValueError(
            f"{y_name} must be class numbers (n,) or rows (n, C), got {y.dtype} of shape "
            f"{tuple(y.shape)}"
        )
    for name, tensor in ((x_name, X), (y_name, y)):
        if is_rows(tensor) and not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds NaN or infinite numbers")
        if tensor.requires_grad:
            raise ValueError(f"{name} carries a gradient; detach() it")


def check_model(model, data, predict, batch_size):
    """Try the model on one point; check the class numbers against its number of outputs.

    Returns a check of targets that callbacks set.
    """
    _check_processes(model, data, batch_size)
    try:
        outputs = predict(model, data.X[:1])
    except RuntimeError as error:
        types = {p.dtype for p in model.parameters()} - {data.X.dtype}
        if types:
            raise TypeError(
                f"X is {data.X.dtype} and the model {types.pop()}: use Data.from_arrays(dtype=...) "
                f"or model.to(...). PyTorch says: {error}"
            ) from error
        raise
    classes = outputs.shape[1] if outputs.ndim == 2 and outputs.shape[1] > 1 else None
    check_targets = functools.partial(_check_targets, n=len(data.X), classes=classes)
    check_targets("targets", data.targets)
    if data.labels is not None:
        check_targets("labels", data.labels)
    if data.validation is not None:
        y = data.validation[1]
        check_targets("validation[1]", y, n=len(y))
    return check_targets


def _check_targets(name, y, *, n, classes):
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(y).__name__}")
    if len(y) != n:
        raise ValueError(f"{name}: there are {len(y)} for {n} points")
    if is_rows(y) and not torch.isfinite(y).all():
        raise ValueError(f"{name} holds NaN or infinite numbers")
    if classes and is_classes(y) and not 0 <= y.min() <= y.max() < classes:
        raise ValueError(
            f"{name} must lie in 0..{classes - 1}, as the model has {classes} outputs; "
            f"got {y.min()} to {y.max()}"
        )


def _digest(data):
    return checkpoints.digest(data.X, data.targets, data.labels, *(data.validation or ()))


def _check_processes(model, data, batch_size):
    """Refuse what several processes cannot train: other data, or shares that are too small."""
    world, n = distributed.world(), len(data.X)
    if world == 1:
        return
    found = distributed.gather(_digest(data))
    if len(set(found)) > 1:
        raise ValueError(f"data must be the same in all processes, got fingerprints {found}")
    last = n % batch_size or min(n, batch_size)
    normalized = [k for k, m in model.named_modules() if isinstance(m, torch.nn.BatchNorm1d)]
    if last // world < 2 and normalized:
        raise ValueError(
            f"batch_size {batch_size} leaves a last batch of {last} of {n} points for {world} "
            f"processes; batch normalization ({normalized[0]!r}) needs two points in each"
        )


def move(data, device):
    """Return the data on a device."""
    on = functools.partial(torch.Tensor.to, device=device)
    validation = data.validation and tuple(map(on, data.validation))
    labels = None if data.labels is None else on(data.labels)
    return type(data)(on(data.X), on(data.targets), labels, validation)


def learning_rates(lr, schedule, epochs):
    """Return the learning rate of every epoch."""
    lr = check.single("lr", check.positive("lr", lr))
    if not callable(schedule) and schedule not in SCHEDULES:
        raise ValueError(f"schedule must be callable or one of {[*SCHEDULES]}, got {schedule!r}")
    factor = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    factors = [float(factor(epoch, epochs)) for epoch in range(epochs)]
    check.non_negative("schedule", factors)
    return [lr * factor for factor in factors]


def make_optimizer(optimizer, model, lr, weight_decay):
    """Return an optimizer of the trainable tensors, with settings in plain floats."""
    if not callable(optimizer) and optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be callable or one of {[*OPTIMIZERS]}, got {optimizer!r}")
    lr = check.single("lr", check.positive("lr", lr))
    weight_decay = check.single("weight_decay", check.non_negative("weight_decay", weight_decay))
    make = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    trainable = [p for p in model.parameters() if p.requires_grad]
    return make(trainable, lr=lr, weight_decay=weight_decay)


def sign_of(score):
    """Return 1 if more of a validation score is better, -1 if less is."""
    signs = {"validation_accuracy": 1, "validation_loss": -1}
    if score not in signs:
        raise ValueError(f"score must be 'validation_accuracy' or 'validation_loss', got {score!r}")
    return signs[score]


def check_score(score, state):
    """Refuse to compare two different losses."""
    if score == "validation_loss" and state.loss is not state.first_loss:
        raise ValueError(
            f"the loss has been switched by epoch {state.epoch}: score 'validation_loss' would "
            "compare two different losses; use 'validation_accuracy'"
        )


def check_callbacks(callbacks, kind):
    """Refuse what is no callback."""
    for callback in callbacks:
        if not isinstance(callback, kind):
            raise TypeError(f"callbacks must be Callback objects, got {callback!r:.80}")


def describe(model, data, callbacks, **settings):
    """Return what must agree between a checkpoint and the call that resumes it."""
    return {
        **{name: checkpoints.fingerprint(value, name) for name, value in settings.items()},
        "callbacks": [
            checkpoints.fingerprint(c, f"callback {type(c).__name__}") for c in callbacks
        ],
        "processes": distributed.world(),
        "data": _digest(data),
        "model": checkpoints.architecture(model),
        "starting weights": checkpoints.digest(*model.state_dict().values()),
    }


@contextlib.contextmanager
def random_numbers(seed, device):
    """Seed everything; yield the generator of the order of the data; restore at the end.

    Each process has its own dropout and augmentation, but the order is the same in all of them.
    The state of "mps" is not restored. The order and the first process's dropout start from one
    seed, on two generators; so do the weights of ``models.mlp(seed=seed)``.
    """
    gpus = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        own = seed + 1_000_003 * distributed.rank()
        torch.default_generator.manual_seed(own)
        if device.type == "cuda":
            torch.cuda.default_generators[device.index].manual_seed(own)
        if device.type == "mps":
            torch.mps.manual_seed(own)
        yield torch.Generator().manual_seed(seed)


def random_states(order, device):
    """Return the states of all random numbers of this process."""
    states = {"order": order.get_state(), "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states, order, device):
    """Take them up again."""
    order.set_state(states["order"])
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
