"""Losses: values against PyTorch's own, gradients against closed forms, and teachers that count."""

import math

import pytest
import torch
from torch.nn import functional as F

from distill_lib.deep import losses, models, train

SHAPES = [(1, 2), (7, 3), (4, 10), (2, 5, 3)]


def instance(shape, seed, *, scale=3.0):
    """Logits with a gradient, rows of probabilities, class numbers."""
    rng = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(shape, generator=rng, dtype=torch.float64)
    rows = torch.softmax(torch.randn(shape, generator=rng, dtype=torch.float64), -1)
    labels = torch.randint(shape[-1], shape[:-1], generator=rng)
    return logits.requires_grad_(), rows, labels


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits)[0]


def points(shape):
    return math.prod(shape[:-1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("T", [1.0, 4.0, 0.5])
def test_the_gradient_of_cross_entropy_is_p_minus_q(shape, seed, T):
    logits, rows, labels = instance(shape, seed)
    for targets, q in [(rows, rows), (labels, F.one_hot(labels, shape[-1]))]:
        got = gradient(losses.cross_entropy(logits, targets, temperature=T), logits)
        expected = T * (torch.softmax(logits / T, -1) - q) / points(shape)
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_of_the_squared_error_has_the_closed_form(shape, seed):
    logits, rows, labels = instance(shape, seed)
    p = torch.softmax(logits, -1).detach()
    for targets, q in [(rows, rows), (labels, F.one_hot(labels, shape[-1]).double())]:
        got = gradient(losses.squared_error(logits, targets), logits)
        jacobian = torch.diag_embed(p) - p[..., :, None] * p[..., None, :]
        expected = 2 / points(shape) * (jacobian @ (p - q)[..., None])[..., 0]
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_on_outputs(shape):
    outputs, rows, _ = instance(shape, 0)
    got = gradient(losses.squared_error_on_outputs(outputs, rows), outputs)
    torch.testing.assert_close(got, 2 * (outputs.detach() - rows) / points(shape))


@pytest.mark.parametrize("seed", range(5))
def test_values_agree_with_pytorch(seed):
    logits, rows, labels = instance((9, 4), seed)
    for targets in (labels, rows):
        torch.testing.assert_close(
            losses.cross_entropy(logits, targets), F.cross_entropy(logits, targets)
        )
    soft = losses.cross_entropy(logits, rows, temperature=3.0)
    torch.testing.assert_close(soft, 9 * F.cross_entropy(logits / 3, rows))
    probabilities = torch.softmax(logits, -1)
    # PyTorch's mean goes over the classes too
    torch.testing.assert_close(
        losses.squared_error(logits, rows), 4 * F.mse_loss(probabilities, rows)
    )
    torch.testing.assert_close(
        losses.squared_error_on_outputs(logits, rows), 4 * F.mse_loss(logits, rows)
    )


ALL = [losses.cross_entropy, losses.squared_error, losses.squared_error_on_outputs]


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("shape", SHAPES)
def test_one_number_a_point_and_its_mean(loss, shape):
    logits, rows, labels = instance(shape, 1)
    for targets in (rows, labels):
        each = loss(logits, targets, reduction="none")
        assert each.shape == shape[:-1]
        torch.testing.assert_close(each.mean(), loss(logits, targets))
    hard = F.one_hot(labels, shape[-1]).double()
    assert torch.equal(loss(logits, labels), loss(logits, hard))


@pytest.mark.parametrize("loss", ALL)
def test_repeating_the_points_changes_nothing(loss):
    logits, rows, _ = instance((5, 3), 2)
    torch.testing.assert_close(loss(logits.repeat(4, 1), rows.repeat(4, 1)), loss(logits, rows))


def test_a_high_temperature_matches_centred_logits():
    """Hinton's limit: for large T the gradient is (z - v) / (n C) for centred logits z and v."""
    z, _, _ = instance((6, 5), 3, scale=1.0)
    v = instance((6, 5), 4, scale=1.0)[0].detach()
    T = 1e4
    got = gradient(
        losses.cross_entropy(z, losses.probabilities(v, T), temperature=T), z
    )  # without the factor T^2 it would vanish
    centred = [a.detach() - a.detach().mean(-1, keepdim=True) for a in (z, v)]
    torch.testing.assert_close(got, (centred[0] - centred[1]) / 30, atol=1e-4, rtol=0)


def test_large_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    for loss in ALL[:2]:
        assert torch.isfinite(gradient(loss(logits, torch.tensor([1])), logits)).all()


# Mixed targets


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_mixed_targets_by_hand(alpha):
    _, rows, labels = instance((8, 4), 0)
    got = losses.mixed(labels, rows, alpha)
    for i, label in enumerate(labels):
        for c in range(4):
            assert got[i, c].item() == pytest.approx(
                alpha * (c == label.item()) + (1 - alpha) * rows[i, c].item()
            )


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_of_the_mixture_is_the_mixture_of_the_losses(seed):
    logits, rows, labels = instance((6, 4), seed)
    alpha = 0.3

    def both(loss):
        parts = alpha * loss(logits, labels) + (1 - alpha) * loss(logits, rows)
        return loss(logits, losses.mixed(labels, rows, alpha)), parts

    torch.testing.assert_close(*both(losses.cross_entropy))
    whole, parts = both(losses.squared_error)
    torch.testing.assert_close(gradient(whole, logits), gradient(parts, logits))
    hard = F.one_hot(labels, 4).double()
    constant = alpha * (1 - alpha) * (hard - rows).square().sum(-1).mean()
    torch.testing.assert_close(parts - whole, constant)


def swapped(labels, teacher, alpha):
    return losses.mixed(labels, teacher, 1 - alpha)


def ignored(labels, teacher, alpha):
    return losses.mixed(labels, F.one_hot(labels, teacher.shape[1]).to(teacher), alpha)


def truth_ignored(labels, teacher, alpha):
    return losses.mixed(teacher, teacher, alpha)


def expected_optimum(labels, teacher, alpha):
    """What a network of logits alone converges to: the mixture, computed with numpy."""
    one_hot = torch.eye(teacher.shape[1], dtype=teacher.dtype)[labels].numpy()
    return torch.from_numpy(alpha * one_hot + (1 - alpha) * teacher.numpy())


def learnt(targets):
    """Train one free row of logits per point; return its probabilities."""
    logits = torch.zeros_like(targets, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=300, tolerance_grad=1e-10)

    def closure():
        optimizer.zero_grad()
        loss = losses.cross_entropy(logits, targets)
        loss.backward()
        return loss

    optimizer.step(closure)
    return torch.softmax(logits, -1).detach()


def test_a_free_student_learns_the_mixture_and_mutants_do_not():
    _, rows, labels = instance((6, 4), 5)
    alpha = 0.3
    goal = expected_optimum(labels, rows, alpha)
    assert (learnt(losses.mixed(labels, rows, alpha)) - goal).abs().max() < 1e-3
    for mutant in (swapped, ignored, truth_ignored):
        assert (learnt(mutant(labels, rows, alpha)) - goal).abs().max() > 0.05


def test_the_mixture_is_a_copy():
    _, rows, labels = instance((6, 4), 6)
    for alpha in (0.0, 0.5, 1.0):
        got = losses.mixed(labels, rows, alpha)
        before = got.clone()
        rows.zero_()
        assert torch.equal(got, before)


def test_a_teacher_that_is_the_student_is_refused():
    """Its gradient would move the targets: p - q loses the part that comes through q."""
    logits, _, labels = instance((5, 3), 0)
    own = torch.softmax(logits, -1)
    for call in (
        lambda: losses.mixed(labels, own, 0.5),
        lambda: losses.cross_entropy(logits, own),
        lambda: losses.squared_error(logits, own),
    ):
        with pytest.raises(ValueError, match="carry a gradient"):
            call()
    assert not losses.probabilities(logits).requires_grad


def test_targets_do_not_move_when_the_teacher_trains_on():
    """Distil a model into itself: its targets are those of the moment they were computed."""
    X = torch.rand(20, 3)
    model = models.mlp((3, 16, 2), seed=0)
    targets = losses.probabilities(train.predict(model, X), 2.0)
    before = targets.clone()
    data = train.Data(X, losses.mixed(torch.ones(20, dtype=torch.int64), targets, 0.5))
    train.fit(model, data, losses.cross_entropy, epochs=2, batch_size=5)
    assert torch.equal(targets, before)
    assert not torch.equal(losses.probabilities(train.predict(model, X), 2.0), before)


# Penalty


@pytest.mark.parametrize("squared", [True, False])
def test_norm_penalty(squared):
    model = models.mlp((4, 3, 2), seed=0).double()
    got = losses.norm_penalty(model, squared=squared, weight=0.7)
    norms = [p.detach().numpy() for p in model.parameters()]
    expected = 0.7 * sum((p**2).sum() if squared else (p**2).sum() ** 0.5 for p in norms)
    assert got.item() == pytest.approx(expected)
    got.backward()
    for p in model.parameters():
        direction = 2 * p.detach() if squared else p.detach() / p.detach().norm()
        torch.testing.assert_close(p.grad, 0.7 * direction)


def test_the_squared_penalty_is_weight_decay():
    rate, decay = 0.1, 0.03
    model = models.mlp((4, 3, 2), seed=0).double()
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses.norm_penalty(model, weight=decay / 2).backward()
    optimizer.step()
    for p, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p.detach(), old * (1 - rate * decay))


def test_norms_of_zeros_and_frozen_tensors():
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.zeros_(layer.bias)
    layer.weight.requires_grad_(False)
    penalty = losses.norm_penalty(layer, squared=False)
    penalty.backward()
    assert penalty.item() == 0
    assert not layer.bias.grad.any()


# Bad input

LOGITS = torch.zeros(4, 3)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (torch.zeros(3, 3), ValueError, "do not fit"),
        (torch.zeros(4), ValueError, "do not fit"),
        (torch.zeros(4, 1), ValueError, "do not fit"),
        (torch.zeros(4, 1, dtype=torch.int64), ValueError, "do not fit"),
        (torch.tensor([0, 1, 2, 3]), ValueError, "got class 3"),
        (torch.tensor([0, 1, 2, -1]), ValueError, "got class -1"),
        (torch.zeros(4, dtype=torch.bool), TypeError, "class numbers"),
        ([0, 1, 2, 0], TypeError, "must be a torch tensor"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss, targets, error, message):
    with pytest.raises(error, match=message):
        loss(LOGITS, targets)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), True])
def test_bad_temperatures(value):
    with pytest.raises((ValueError, TypeError), match="temperature"):
        losses.cross_entropy(LOGITS, torch.zeros(4, 3), temperature=value)
    with pytest.raises((ValueError, TypeError), match="temperature"):
        losses.probabilities(LOGITS, value)


def test_other_bad_arguments():
    labels, rows = torch.zeros(4, dtype=torch.int64), torch.full((4, 3), 1 / 3)
    with pytest.raises(ValueError, match="reduction"):
        losses.cross_entropy(LOGITS, labels, reduction="sum")
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1.5"):
        losses.mixed(labels, rows, 1.5)
    assert losses.mixed(labels, rows, 1.5, unrestricted=True)[0, 0] > 1
    with pytest.raises(TypeError, match="teacher must be"):
        losses.mixed(labels, labels, 0.5)
    with pytest.raises(ValueError, match="labels of shape"):
        losses.mixed(labels[:2], rows, 0.5)
    with pytest.raises(ValueError, match="weight must be >= 0"):
        losses.norm_penalty(torch.nn.Linear(1, 1), weight=-1.0)


def test_rows_must_be_distributions_up_to_rounding():
    rows = torch.softmax(LOGITS.detach(), -1)
    for loss in (losses.cross_entropy, losses.squared_error):
        for targets in (0.9 * rows, rows + 0.01, LOGITS.detach()):
            with pytest.raises(ValueError, match="each row of targets must sum to 1, one sums to"):
                loss(LOGITS, targets)
        for targets in (rows, rows.half(), rows.bfloat16(), rows * math.nan):
            loss(LOGITS, targets)  # NaN: a network of a stack that diverged
        loss(
            LOGITS, losses.mixed(torch.zeros_like(rows[:, 0]).long(), rows, 1.7, unrestricted=True)
        )
    losses.squared_error_on_outputs(LOGITS, LOGITS.detach())


def test_mixed_targets_with_a_temperature_are_not_the_mixture_with_hard_labels_at_one():
    """The formula in the notes of `mixed`: only at T = 1 are the two the same."""
    z, q, y = instance((6, 3), 0)
    for T in (1.0, 4.0):
        own = losses.cross_entropy(z, losses.mixed(y, q, 0.3), temperature=T)
        soft = losses.cross_entropy(z, q, temperature=T)
        at_one = 0.3 * losses.cross_entropy(z, y) + 0.7 * soft
        at_T = 0.3 * losses.cross_entropy(z, y, temperature=T) + 0.7 * soft
        torch.testing.assert_close(own, at_T)
        assert torch.isclose(own, at_one) == (T == 1)
