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
    """Refuse what is not a whole number >= `minimum`."""
    for name, value in values.items():
        check.scalar_whole(name, value, minimum=minimum)


def choose_device(name, amp):
    """Return the device, with the number of this process's GPU; refuse one that is not there."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be one of {DEVICES}, got {name!r}") from error
    if device.type not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {name!r}")
    there = {
        "cpu": lambda: True,
        "cuda": lambda: (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available,
    }
    if not there[device.type]():
        raise ValueError(f"device {name!r} is not available on this machine; 'cpu' always is")
    if amp and device.type not in MIXED_PRECISION:
        raise ValueError(f"amp=True needs device 'cuda', got {name!r}")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
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
    if is_rows(data.labels) or data.labels.shape != (len(data.X),):
        raise ValueError(
            f"labels must be {len(data.X)} class numbers, got {data.labels.dtype} of shape "
            f"{tuple(data.labels.shape)}"
        )
    return data


def is_rows(targets):
    """Tell rows of numbers from class numbers."""
    return targets.is_floating_point()


def _check_tensors(x_name, X, y_name, y):
    for name, tensor in ((x_name, X), (y_name, y)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{name} must be a torch tensor, got {type(tensor).__name__}; "
                "Data.from_arrays makes tensors of arrays"
            )
    if not X.is_floating_point():
        raise TypeError(f"{x_name} must hold real numbers, got {X.dtype}")
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


def move(data, device):
    """Return the data on a device."""
    on = functools.partial(torch.Tensor.to, device=device)
    validation = data.validation and tuple(map(on, data.validation))
    labels = None if data.labels is None else on(data.labels)
    return type(data)(on(data.X), on(data.targets), labels, validation)


def learning_rates(lr, schedule, epochs):
    """Return the learning rate of every epoch."""
    check.single("lr", check.positive("lr", lr))
    if not callable(schedule) and schedule not in SCHEDULES:
        raise ValueError(f"schedule must be callable or one of {[*SCHEDULES]}, got {schedule!r}")
    factor = SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    factors = [float(factor(epoch, epochs)) for epoch in range(epochs)]
    check.non_negative("schedule", factors)
    return [lr * factor for factor in factors]


def make_optimizer(optimizer, model, lr, weight_decay):
    """Return an optimizer of the trainable tensors."""
    if not callable(optimizer) and optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be callable or one of {[*OPTIMIZERS]}, got {optimizer!r}")
    check.single("weight_decay", check.non_negative("weight_decay", weight_decay))
    make = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
    trainable = [p for p in model.parameters() if p.requires_grad]
    return make(trainable, lr=lr, weight_decay=weight_decay)


def describe(model, data, callbacks, **settings):
    """Return what must agree between a checkpoint and the call that resumes it."""
    plain = {
        name: value if isinstance(value, int | float | str | list | None) else name_of(value)
        for name, value in settings.items()
    }
    used = [{"name": type(c).__name__, **c.settings()} for c in callbacks]
    tensors = (data.X, data.targets, data.labels, *(data.validation or ()))
    return {
        **plain,
        "callbacks": used,
        "processes": distributed.world(),
        "data": checkpoints.digest(*tensors),
        "starting weights": checkpoints.digest(*model.state_dict().values()),
    }


def name_of(function):
    """Return a name that is the same in the next process: no address in it."""
    if isinstance(function, functools.partial):
        bound = [repr(a) for a in function.args]
        bound += [f"{k}={_argument(v)}" for k, v in sorted(function.keywords.items())]
        return f"{name_of(function.func)}({', '.join(bound)})"
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _argument(value):
    return checkpoints.digest(value) if isinstance(value, torch.Tensor) else repr(value)


@contextlib.contextmanager
def random_numbers(seed, device):
    """Seed everything; yield the generator of the order of the data; restore at the end.

    Each process has its own dropout and augmentation, but the order is the same in all of them.
    The state of "mps" is not restored.
    """
    gpus = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        own = seed + 1_000_003 * distributed.rank()
        torch.default_generator.manual_seed(own)
        if device.type in ("cuda", "mps"):
            getattr(torch, device.type).manual_seed(own)
        yield torch.Generator().manual_seed(seed)


def random_states(order, device):
    """Return the states of all random numbers of this process."""
    states = {"order": order.get_state(), "cpu": torch.get_rng_state()}
    if device.type in ("cuda", "mps"):
        states[device.type] = getattr(torch, device.type).get_rng_state()
    return states


def restore_random_states(states, order, device):
    """Take them up again."""
    order.set_state(states["order"])
    torch.set_rng_state(states["cpu"])
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).set_rng_state(states[device.type])
