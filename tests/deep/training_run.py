"""One training run for the tests of checkpoints: dropout, augmentation, Adam, moving targets.

``python -m tests.deep.training_run CHECKPOINT MOMENT`` kills itself for good at a moment:
"batch" in the middle of an epoch, "write" while the new checkpoint is half written, "rename"
after the old checkpoint has been set aside and before the new one has taken its place.
"""

import os
import signal
import sys
from functools import partial

import torch
from torch import nn

from distill_lib.deep import checkpoints, losses, train

EPOCHS = 6
KILLED_IN = 3


class SelfLabels(train.Callback):
    """Targets from the network of the epoch before, with a memory of its own."""

    def __init__(self):
        self.calls = 0

    def epoch_end(self, state):
        self.calls += 1
        teacher = losses.probabilities(state.outputs)
        state.targets = losses.mixed(state.data.labels, teacher, 1 / (1 + self.calls))

    def state_dict(self):
        return {"calls": self.calls}

    def load_state_dict(self, content):
        self.calls = content["calls"]


class Interrupted(Exception):
    pass


class Kill(train.Callback):
    """End the process as a power cut would: no clean-up, no buffers written.

    A number is an epoch: leave it at its start by an exception.
    """

    def __init__(self, moment):
        self.moment = moment

    def settings(self):
        return {}  # a run that is killed is the same run

    def epoch_start(self, state):
        if state.epoch == self.moment:
            raise Interrupted

    def batch_end(self, state):
        if state.epoch == KILLED_IN and len(state.batch) == 7 and self.moment == "batch":
            os.kill(os.getpid(), signal.SIGKILL)

    def epoch_end(self, state):
        if state.epoch == KILLED_IN and self.moment == "write":
            checkpoints.os.fsync = lambda handle: (
                os.ftruncate(handle, 1000),
                os.kill(os.getpid(), signal.SIGKILL),
            )
        if state.epoch == KILLED_IN and self.moment == "rename":
            replace = os.replace

            def and_die(source, target):
                replace(source, target)
                os.kill(os.getpid(), signal.SIGKILL)

            checkpoints.os.replace = and_die


def jitter(X):
    """Augment by noise from the global random numbers."""
    return X + 0.1 * torch.randn_like(X)


def make_model(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )


def make_data():
    rng = torch.Generator().manual_seed(1)
    X = torch.randn(67, 5, generator=rng)
    y = torch.randint(3, (67,), generator=rng)
    return train.Data(X[:47], y[:47], validation=(X[47:], y[47:]))


def run(checkpoint, *, moment=None, **settings):
    """Train; return the weights, the history and what the callbacks remember."""
    model, labels, best = make_model(), SelfLabels(), train.KeepBest("validation_loss")
    settings = {"epochs": EPOCHS, "lr": 0.01, "seed": 5, **settings}
    history = train.fit(
        model,
        make_data(),
        partial(losses.cross_entropy, temperature=2.0),
        batch_size=10,
        optimizer="adam",
        weight_decay=1e-3,
        augment=jitter,
        checkpoint=checkpoint,
        callbacks=[labels, best, Kill(moment)],
        **settings,
    )
    return model.state_dict(), history, {**labels.state_dict(), **best.state_dict()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(sys.argv[1], moment=sys.argv[2])
