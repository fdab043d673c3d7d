r"""Sequential self-distillation: each epoch learns from the network of the epoch before.

The target of epoch e, counted from 0, is

.. math:: y_e = a_e\,y + (1 - a_e)\,h(\text{outputs after epoch } e-1),

with the given labels :math:`y`, a weight :math:`a_e` on them, and no gradient through the target.
`distill_lib.kernel.self_labels` is the same procedure with a fixed kernel; its schedules serve
here, with one weight an epoch. What it warns of holds here too: after the burn-in the network
locks in what it predicts, right or wrong.

Source: chapter 15; Dong, Hou, Lu and Zhang (2019).
"""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot

from distill_lib import _validation as check
from distill_lib.deep import _setup, losses
from distill_lib.deep.ensemble import Stack
from distill_lib.deep.train import Callback, predict
from distill_lib.kernel.self_labels import Adaptive

__all__ = ["TARGETS", "SequentialTargets", "own_labels"]

#: What a network can hand on: see `own_labels`.
TARGETS = ("hard", "soft", "sharpened", "outputs")


def own_labels(outputs, target="soft", temperature=None):
    r"""Turn outputs into what a network hands on.

    ======================= =======================================================
    ``"soft"``              the probabilities :math:`\mathrm{softmax}(z)`
    ``"sharpened"``         :math:`\mathrm{softmax}(z/T)`, sharper for T < 1
    ``"hard"``              the one-hot arg max; equal largest outputs share the 1
    ``"outputs"``           the outputs as they are, for squared errors on outputs
    ======================= =======================================================

    Parameters
    ----------
    outputs : torch.Tensor, shape (..., C)
        Outputs of a network, C >= 2 unless `target` is "outputs".
    target : {"soft", "sharpened", "hard", "outputs"}, default "soft"
        Which of them.
    temperature : float, optional
        T > 0 of ``"sharpened"``; needed there and refused elsewhere.

    Returns
    -------
    torch.Tensor, shape (..., C)
        Without a gradient.

    Raises
    ------
    TypeError, ValueError
        If the target is unknown, the temperature out of place or out of range, or there is one
        class only.

    Notes
    -----
    Source: chapter 15.

    Examples
    --------
    >>> own_labels(torch.tensor([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]), "hard")
    tensor([[0.0000, 1.0000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    temperature = _temperature(target, temperature)
    outputs = outputs.detach()
    if target == "outputs":
        return outputs
    if outputs.shape[-1] < 2:
        raise ValueError(
            f"target {target!r} needs at least two classes, got outputs of shape "
            f"{tuple(outputs.shape)}"
        )
    if target != "hard":
        return losses.probabilities(outputs, temperature)
    top = (outputs == outputs.amax(-1, keepdim=True)).to(outputs.dtype)
    return top / top.sum(-1, keepdim=True)


class SequentialTargets(Callback):
    r"""Mix the given labels with what the network of the epoch before says.

    .. math:: y_e = a_e\,y + (1 - a_e)\,h(\text{outputs after epoch } e-1)

    For `train.fit` and, network by network, for `ensemble.fit_stack`. Epoch 0 sees the outputs
    before the training if :math:`a_0 < 1`.

    Parameters
    ----------
    weights : array_like, shape (epochs,), or kernel.self_labels.Adaptive
        Weight :math:`a_e` on the given labels in each epoch, in [0, 1]: for example
        ``geometric_weights(100, 0.97, burn_in=15)`` or ``constant_weights(100, 0.3, burn_in=15)``
        of `distill_lib.kernel.self_labels`. ``Adaptive(100, burn_in=15)`` takes, after the
        burn-in, the share of training points whose prediction differs from the given label. More
        weights than epochs are allowed.
    target : {"hard", "soft", "sharpened", "outputs"}, default "hard"
        :math:`h`, see `own_labels`.
    temperature : float, optional
        Of ``"sharpened"``, > 0.

    Attributes
    ----------
    used : list
        The weights of the epochs so far; for a stack, one array (S,) an epoch with ``Adaptive``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; at the start of the training if there are fewer weights
        than epochs, or if adaptive weights meet labels that are rows.

    Notes
    -----
    The targets are in the checkpoint of `train.fit`, and so are the weights used: a run that is
    killed resumes to the same bits. Source: chapter 15; Dong et al. (2019). The adaptive rule is
    that of known re-implementations, which take the agreement on a batch.

    Examples
    --------
    >>> from distill_lib.kernel.self_labels import geometric_weights
    >>> callback = SequentialTargets(geometric_weights(5, 0.5, burn_in=2))
    >>> callback.plan
    [1.0, 1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, weights, *, target="hard", temperature=None):
        _temperature(target, temperature)
        self.target, self.temperature, self.used = target, temperature, []
        if isinstance(weights, Adaptive):
            start = min(weights.burn_in, weights.steps)
            self.plan = [1.0] * start + [None] * (weights.steps - start)
        else:
            weights = check.weight("weights", weights)
            if weights.ndim != 1:
                raise ValueError(f"weights must be 1-dimensional, got shape {weights.shape}")
            self.plan = weights.tolist()

    def settings(self):
        """Return weights (None where the run decides), target and temperature."""
        return {"weights": self.plan, "target": self.target, "temperature": self.temperature}

    def epoch_start(self, state):
        """Check the weights and set the targets of the first epoch.

        Parameters
        ----------
        state : train.State
            Of `train.fit` or `ensemble.fit_stack`.
        """
        if state.epoch > 0:
            return
        if len(self.plan) < state.epochs:
            raise ValueError(f"weights has {len(self.plan)} entries for {state.epochs} epochs")
        if None in self.plan and state.data.labels is None:
            raise ValueError("adaptive weights need labels that are class numbers, got rows only")
        self._set(state, 0)

    def epoch_end(self, state):
        """Set the targets of the next epoch.

        Parameters
        ----------
        state : train.State
            Of `train.fit` or `ensemble.fit_stack`.
        """
        if state.epoch + 1 < state.epochs:
            self._set(state, state.epoch + 1)

    def state_dict(self):
        """Return the weights used."""
        return {"used": list(self.used)}

    def load_state_dict(self, content):
        """Take them up again.

        Parameters
        ----------
        content : dict
            What `state_dict` returned.
        """
        self.used = list(content["used"])

    def _set(self, state, epoch):
        """Set the targets of an epoch; with full weight on the given labels, just these."""
        weight = self.plan[epoch]
        if weight == 1:
            state.targets = state.data.targets
        else:
            outputs = _outputs(state)
            if weight is None:
                weight = _disagreement(outputs, state.data.labels)
            given = _rows(state.data.targets, outputs)
            own = own_labels(outputs, self.target, self.temperature)
            column = torch.as_tensor(weight, dtype=own.dtype, device=own.device)[..., None, None]
            state.targets = column * given + (1 - column) * own
        self.used.append(weight)


# ------------------------------------------------------------------------------- the pieces


def _temperature(target, temperature):
    """Return the temperature of a named target, 1 for "soft" and None where there is none."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}, got {target!r}")
    if target == "sharpened":
        if temperature is None:
            raise ValueError("target='sharpened' needs a temperature > 0")
        return check.single("temperature", check.positive("temperature", temperature))
    if temperature is not None:
        raise ValueError(f"temperature goes with target='sharpened' only, got {temperature!r}")
    return 1.0 if target == "soft" else None


def _outputs(state):
    """Return the outputs on the training points, of one network or of a stack."""
    if state.outputs is not None:
        return state.outputs
    if isinstance(state.model, Stack):
        return state.model.predict(state.data.X)
    return predict(state.model, state.data.X)


def _disagreement(outputs, labels):
    """Return the share of points whose hard label differs from the given one, per network."""
    share = (outputs.argmax(-1) != labels).double().mean(-1).cpu().numpy()
    return share if share.ndim else float(share)


def _rows(targets, outputs):
    """Return given labels as rows like the outputs."""
    if _setup.is_rows(targets):
        return targets.to(outputs.dtype)
    return one_hot(targets, outputs.shape[-1]).to(outputs.dtype)
