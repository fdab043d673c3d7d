"""Losses against hard, soft or mixed targets, and the penalties of the papers.

All losses take ``outputs`` of shape ``(..., C)`` and ``targets`` that are either class numbers of
shape ``(...)`` or rows of shape ``(..., C)``. They sum over the classes and take the mean over
the points, so that a loss does not depend on the batch size, and each has a gradient that can be
written down: the docstrings give it.

A target that carries a gradient is refused: it would train the teacher along with the student.

Source: chapters 13 to 15.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from distill_lib import _validation as check

__all__ = [
    "cross_entropy",
    "mixed",
    "norm_penalty",
    "probabilities",
    "squared_error",
    "squared_error_on_outputs",
]


def cross_entropy(logits, targets, *, temperature=1.0, reduction="mean"):
    r"""Compute :math:`T^2 \cdot \frac1n \sum_i \sum_c -q_{ic} \log p^T_{ic}`.

    :math:`p^T = \mathrm{softmax}(z/T)` are the student's softened probabilities, :math:`q` the
    targets. The gradient with respect to the logits is :math:`T\,(p^T - q)/n`: the factor
    :math:`T^2` makes up for the two factors :math:`1/T` that softening costs, so that for large
    T the gradient of a softened student towards a softened teacher keeps its size.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., C)
        Outputs of the network.
    targets : torch.Tensor, shape (...) or (..., C)
        Class numbers, or rows of probabilities (or of an unrestricted mixture) that sum to one. A
        teacher's rows must be softened with the same temperature already:
        ``probabilities(teacher_logits, temperature)``; nothing can notice another one.
    temperature : float, default 1
        T > 0.
    reduction : {"mean", "none"}, default "mean"
        "none" returns one loss per point, shape (...).

    Returns
    -------
    torch.Tensor
        A number, or one number per point.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If shapes do not fit, a class does not exist, rows do not sum to one (they may be logits),
        the temperature is not positive, or the targets carry a gradient.

    Notes
    -----
    On a GPU the values of the targets are not looked at, since that would wait for the device at
    every step; `train.fit` checks the class numbers beforehand.

    Source: Hinton et al. (2015) for T; chapters 13 and 14.

    Examples
    --------
    >>> z = torch.zeros(1, 2)
    >>> round(cross_entropy(z, torch.tensor([0])).item(), 6)  # log 2
    0.693147
    """
    T = _temperature(temperature)
    rows = _distributions("logits", logits, targets)
    return _reduce(-T * T * (rows * F.log_softmax(logits / T, -1)).sum(-1), reduction)


def squared_error(logits, targets, *, reduction="mean"):
    r"""Compute :math:`\frac1n \sum_i \sum_c (p_{ic} - q_{ic})^2`, the Brier score.

    :math:`p = \mathrm{softmax}(z)`. P1 and P2 use this loss for networks. The gradient with
    respect to one point's logits is :math:`\frac2n\,(\mathrm{diag}(p) - pp^\top)(p - q)`: it
    vanishes where the network is sure, right or wrong.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., C)
        Outputs of the network.
    targets : torch.Tensor, shape (...) or (..., C)
        Class numbers, or rows of probabilities.
    reduction : {"mean", "none"}, default "mean"
        "none" returns one loss per point, shape (...).

    Returns
    -------
    torch.Tensor

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`.

    Notes
    -----
    Source: Mobahi et al. (2020), Borup and Andersen (2021); chapter 13. ``torch.nn.MSELoss``
    takes the mean over the classes as well: it is C times smaller, and so is the step.

    Examples
    --------
    >>> squared_error(torch.zeros(1, 2), torch.tensor([0])).item()  # (1/2)^2 + (1/2)^2
    0.5
    """
    rows = _distributions("logits", logits, targets)
    return _reduce((F.softmax(logits, -1) - rows).square().sum(-1), reduction)


def squared_error_on_outputs(outputs, targets, *, reduction="mean"):
    r"""Compute :math:`\frac1n \sum_i \sum_c (z_{ic} - t_{ic})^2` on the outputs as they are.

    The gradient is :math:`2(z - t)/n`. This is the loss of kernel ridge regression, and of the
    tangent-kernel experiments.

    Parameters
    ----------
    outputs : torch.Tensor, shape (..., C)
        Outputs of the network.
    targets : torch.Tensor, shape (...) or (..., C)
        Class numbers (taken as one-hot rows), or rows of real numbers. For a network with one
        output the targets have shape (n, 1), not (n,).
    reduction : {"mean", "none"}, default "mean"
        "none" returns one loss per point, shape (...).

    Returns
    -------
    torch.Tensor

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`.

    Notes
    -----
    Source: chapters 11 and 14.
    """
    rows = _rows("outputs", outputs, targets)
    return _reduce((outputs - rows).square().sum(-1), reduction)


def mixed(labels, teacher, alpha, *, unrestricted=False):
    r"""Mix ground truth and teacher: :math:`\alpha\, y + (1 - \alpha)\, q`, one row per point.

    Parameters
    ----------
    labels : torch.Tensor, shape (n,) or (n, C)
        The given labels: class numbers, or rows.
    teacher : torch.Tensor, shape (n, C)
        The teacher's probabilities (or outputs), without a gradient.
    alpha : float
        Weight on the ground truth, in [0, 1]: 1 ignores the teacher, 0 the labels.
    unrestricted : bool, default False
        Allow any real `alpha`.

    Returns
    -------
    torch.Tensor, shape (n, C)
        A new tensor, which later changes of `teacher` do not reach.

    Raises
    ------
    TypeError, ValueError
        As `cross_entropy`, and if `alpha` is out of range.

    Notes
    -----
    Source: Borup and Andersen (2021); chapter 13. Cross-entropy is affine in its targets, so for
    it the mixture of targets is the mixture of the two losses. For squared errors the two differ
    by a constant, and have the same gradient.

    Both losses are then at one temperature. With :math:`T \ne 1` it is not the loss of Hinton et
    al. (2015), whose hard part stays at :math:`T = 1`:
    ``alpha * cross_entropy(z, y) + (1 - alpha) * cross_entropy(z, q, temperature=T)``.

    Examples
    --------
    >>> mixed(torch.tensor([0]), torch.tensor([[0.2, 0.8]]), 0.5)
    tensor([[0.6000, 0.4000]])
    """
    if not isinstance(teacher, torch.Tensor) or not teacher.is_floating_point():
        raise TypeError(f"teacher must be a tensor of real numbers, got {teacher!r:.80}")
    _without_gradient("teacher", teacher)
    alpha = check.single("alpha", check.weight("alpha", alpha, unrestricted=unrestricted))
    return alpha * _rows("teacher", teacher, labels, name="labels") + (1 - alpha) * teacher


def probabilities(logits, temperature=1.0):
    r"""Compute :math:`\mathrm{softmax}(z/T)` without a gradient: what a teacher hands on.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., C)
        Outputs of the teacher.
    temperature : float, default 1
        T > 0; larger is flatter.

    Returns
    -------
    torch.Tensor, shape (..., C)
        Rows that sum to one.

    Raises
    ------
    ValueError
        If the temperature is not positive.

    Notes
    -----
    Source: Hinton et al. (2015); chapter 13.

    Examples
    --------
    >>> probabilities(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    return F.softmax(logits.detach() / _temperature(temperature), -1)


def norm_penalty(model, *, squared=True, weight=1.0):
    r"""Compute :math:`w \sum_j \lVert\theta_j\rVert^2`, or the same with norms not squared.

    The sum runs over the trainable tensors of the model. Weight decay :math:`\mu` of an
    optimizer that adds :math:`\mu\theta` to the gradient is the squared penalty with
    :math:`w = \mu/2`. The published code of P2 sums norms that are *not* squared: another
    penalty, whose pull does not fade for small weights.

    Parameters
    ----------
    model : torch.nn.Module
        The model that is trained.
    squared : bool, default True
        Whether the norms are squared.
    weight : float, default 1
        The factor w >= 0.

    Returns
    -------
    torch.Tensor
        A number with a gradient; where a whole tensor is zero, the gradient of its norm is taken
        as zero.

    Raises
    ------
    TypeError, ValueError
        If the weight is no number or negative.

    Notes
    -----
    Source: Borup and Andersen (2021) and their code; chapter 13.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> _ = torch.nn.init.constant_(layer.weight, 3.0)
    >>> norm_penalty(layer).item(), round(norm_penalty(layer, squared=False).item(), 4)
    (18.0, 4.2426)
    """
    weight = check.single("weight", check.non_negative("weight", weight))
    tensors = [p for p in model.parameters() if p.requires_grad]
    norm = (lambda p: p.square().sum()) if squared else torch.linalg.vector_norm
    return weight * torch.stack([norm(p) for p in tensors]).sum()


def _rows(outputs_name, outputs, targets, *, name="targets"):
    """Return targets as rows in the shape and type of the outputs; check that they fit."""
    if not isinstance(targets, torch.Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(targets).__name__}")
    _without_gradient(name, targets)
    if targets.is_floating_point():
        if targets.shape != outputs.shape:
            raise ValueError(
                f"{name} of shape {tuple(targets.shape)} do not fit {outputs_name} of shape "
                f"{tuple(outputs.shape)}; rows must have the same shape"
            )
        return targets.to(outputs.dtype)
    if targets.dtype is torch.bool or targets.is_complex():
        raise TypeError(f"{name} must be class numbers or rows of numbers, got {targets.dtype}")
    if targets.shape != outputs.shape[:-1]:
        raise ValueError(
            f"{name} of shape {tuple(targets.shape)} do not fit {outputs_name} of shape "
            f"{tuple(outputs.shape)}; class numbers need shape {tuple(outputs.shape[:-1])}"
        )
    classes = torch.arange(outputs.shape[-1], device=targets.device)
    return _existing(name, targets, classes).to(outputs.dtype)


def _distributions(outputs_name, outputs, targets):
    """Return targets as rows; refuse those that do not sum to one (on the CPU only: it waits)."""
    rows = _rows(outputs_name, outputs, targets)
    if targets.is_floating_point() and not targets.is_cuda:
        tolerance = max(1e-3, 8 * torch.finfo(targets.dtype).eps)
        gap = (targets.detach().sum(-1) - 1).abs()
        if (gap > tolerance).any():  # never true of NaN
            worst = targets.sum(-1).flatten()[gap.argmax()].item()
            raise ValueError(
                f"each row of targets must sum to 1, one sums to {worst:.6g}: a teacher hands on "
                "losses.probabilities(logits); outputs go with squared_error_on_outputs"
            )
    return rows


def _existing(name, targets, classes):
    """Return one-hot rows; refuse class numbers that do not exist (on the CPU only: it waits)."""
    n_classes = len(classes)
    if (
        not targets.is_cuda
        and targets.numel()
        and not (0 <= targets.min() <= targets.max() < n_classes)
    ):
        worst = targets.max() if targets.max() >= n_classes else targets.min()
        raise ValueError(f"{name} must lie in 0..{n_classes - 1}, got class {worst.item()}")
    return targets[..., None] == classes


def _without_gradient(name, tensor):
    if tensor.requires_grad:
        raise ValueError(f"{name} carry a gradient; use detach() or losses.probabilities")


def _temperature(value):
    return check.single("temperature", check.positive("temperature", value))


def _reduce(per_point, reduction):
    if reduction == "none":
        return per_point
    if reduction != "mean":
        raise ValueError(f"reduction must be 'mean' or 'none', got {reduction!r}")
    return per_point.mean()
