"""Models: parameter counts by independent arithmetic, shapes, seeds, shortcuts."""

import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

from distill_lib.deep import models


def convolution(n_in, n_out, size):
    return n_in * n_out * size * size


def resnet_by_arithmetic(blocks, widths, *, in_channels, n_classes, projected):
    """Convolutions without bias, two numbers a channel for each normalization, a linear layer."""
    total = convolution(in_channels, widths[0], 3) + 2 * widths[0]
    n_in = widths[0]
    for count, width in zip(blocks, widths, strict=True):
        for _ in range(count):
            total += convolution(n_in, width, 3) + convolution(width, width, 3) + 4 * width
            if projected and n_in != width:
                total += convolution(n_in, width, 1) + 2 * width
            n_in = width
    return total + n_in * n_classes + n_classes


SMALL = {"widths": [16, 32, 64], "projected": False}
LARGE = {"widths": [64, 128, 256, 512], "projected": True}


@pytest.mark.parametrize(
    ("make", "blocks", "plan", "published"),
    [
        (models.resnet20, [3] * 3, SMALL, 0.27),
        (models.resnet56, [9] * 3, SMALL, 0.85),
        (models.resnet18, [2] * 4, LARGE, 11.17),
    ],
)
@pytest.mark.parametrize(("n_classes", "in_channels"), [(10, 3), (100, 1)])
def test_residual_networks_have_the_published_size(
    make, blocks, plan, published, n_classes, in_channels
):
    got = models.count_parameters(make(n_classes, in_channels=in_channels, seed=0))
    expected = resnet_by_arithmetic(blocks, in_channels=in_channels, n_classes=n_classes, **plan)
    assert got == expected
    if (n_classes, in_channels) == (10, 3):
        assert round(got / 1e6, 2) == published


@pytest.mark.parametrize(
    ("make", "depth"), [(models.resnet20, 20), (models.resnet56, 56), (models.resnet18, 18)]
)
def test_the_depth_is_in_the_name(make, depth):
    layers = [m for m in make(seed=0).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sum(not (isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)) for m in layers) == depth


@pytest.mark.parametrize("make", [models.resnet20, models.resnet18])
def test_residual_networks_give_logits_and_halve_the_image(make):
    model = make(7, seed=0).eval()
    sizes = []
    model.blocks.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    halvings = 2 if make is models.resnet20 else 3
    assert sizes[0][2:] == (32 >> halvings, 32 >> halvings)


def test_a_block_that_computes_nothing_is_its_shortcut():
    """Option A: every other pixel, zeros in the new channels, half of them on either side."""
    model = models.resnet20(seed=0).eval()
    widening = next(block for block in model.blocks if block.conv1.stride == (2, 2))
    for norm in (widening.norm1, widening.norm2):
        nn.init.zeros_(norm.weight)
    x = torch.rand(1, 16, 8, 8)
    with torch.no_grad():
        out = widening(x)
    assert torch.equal(out[:, 8:24], x[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


@pytest.mark.parametrize("sizes", [(3, 2), (5, 7, 2), (4, 3, 3, 1)])
def test_mlp_computes_what_it_says(sizes):
    model = models.mlp(sizes, seed=3).double()
    x = h = torch.rand(6, sizes[0], dtype=torch.float64)
    weights = list(model.parameters())
    for i in range(0, len(weights), 2):
        h = h @ weights[i].T + weights[i + 1]
        if i < len(weights) - 2:
            h = h.clamp(min=0)
    torch.testing.assert_close(model(x), h)
    expected = sum((a + 1) * b for a, b in pairwise(sizes))
    assert models.count_parameters(model) == expected


@pytest.mark.parametrize("hidden", [0, 20])
def test_small_cnn(hidden):
    model = models.small_cnn((2, 13, 9), 5, channels=(4, 6, 8), hidden=hidden, seed=0)
    assert model(torch.zeros(3, 2, 13, 9)).shape == (3, 5)
    convolutions = (2 * 4 + 4 * 6 + 6 * 8) * 9 + 18
    features = 8 * 1 * 1
    dense = features * 20 + 20 + 20 * 5 + 5 if hidden else features * 5 + 5
    assert models.count_parameters(model) == convolutions + dense


MAKERS = [
    lambda seed: models.mlp((4, 8, 3), seed=seed),
    lambda seed: models.small_cnn((1, 8, 8), 3, channels=(2,), seed=seed),
    lambda seed: models.resnet20(seed=seed),
    lambda seed: models.resnet18(seed=seed),
]


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_and_the_global_state_stays(make):
    before = torch.get_rng_state()
    one, two, other = (nn.utils.parameters_to_vector(make(s).parameters()) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(one, nn.utils.parameters_to_vector(make(1).parameters()))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_frozen_weights_are_not_counted():
    model = models.mlp((4, 3, 2), seed=0)
    model[0].weight.requires_grad_(False)
    assert models.count_parameters(model) == 3 + 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: models.mlp((4,), seed=0), ValueError, "at least two"),
        (lambda: models.mlp((4, 0), seed=0), ValueError, "sizes must be >= 1"),
        (lambda: models.mlp((4, 2.5), seed=0), TypeError, "sizes must be a whole"),
        (lambda: models.mlp((4, 2), seed=None), TypeError, "seed"),
        (lambda: models.mlp((4, 2), seed=-1), ValueError, "seed must be >= 0"),
        (lambda: models.small_cnn((1, 3, 3), 2, seed=0), ValueError, "too small"),
        (lambda: models.small_cnn((8, 8), 2, seed=0), ValueError, "shape must hold 3"),
        (lambda: models.resnet20(0, seed=0), ValueError, "n_classes"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_without_torch_the_message_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import distill_lib.deep"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode
    assert "pip install 'distill-lib[deep]'" in run.stderr


# What the networks compute, from their weights alone


def by_weights(state, stage_starts):
    """Return a function that computes an option-A residual network from its state dictionary."""

    def convolve(x, name, stride=1):
        return nn.functional.conv2d(x, state[f"{name}.weight"], stride=stride, padding=1)

    def normalize(x, name):
        mean, var, gain, shift = (
            state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * gain + shift

    def network(x):
        x = normalize(convolve(x, "stem.0"), "stem.1").clamp(min=0)
        count = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks."))
        for i in range(count):
            name, stride = f"blocks.{i}", 2 if i in stage_starts else 1
            h = normalize(convolve(x, f"{name}.conv1", stride), f"{name}.norm1").clamp(min=0)
            h = normalize(convolve(h, f"{name}.conv2"), f"{name}.norm2")
            if stride == 2:
                small = x[:, :, ::2, ::2]
                x = torch.zeros_like(h)
                x[:, small.shape[1] // 2 : -(small.shape[1] // 2)] = small
            x = (x + h).clamp(min=0)
        pixels = x.flatten(2).sum(2) / (x.shape[2] * x.shape[3])
        return pixels @ state["head.weight"].T + state["head.bias"]

    return network


def test_resnet20_computes_what_the_paper_says():
    model, rng = models.resnet20(4, in_channels=2, seed=0).double(), torch.Generator()
    rng.manual_seed(0)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):  # numbers that are not 0 and 1
                for tensor in (layer.weight, layer.bias, layer.running_mean):
                    tensor.normal_(generator=rng)
                layer.running_var.uniform_(0.5, 2, generator=rng)
    x = torch.randn(3, 2, 12, 12, generator=rng, dtype=torch.float64)
    expected = by_weights(model.state_dict(), stage_starts={3, 6})(x)
    got = model.eval()(x).detach()
    assert got.abs().max() > 1e-3
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("hidden", [0, 20])
def test_small_cnn_computes_what_it_says(hidden):
    model = models.small_cnn((2, 9, 8), 3, channels=(4, 5), hidden=hidden, seed=1).double()
    rng = torch.Generator().manual_seed(0)
    x = h = torch.randn(6, 2, 9, 8, generator=rng, dtype=torch.float64)
    weights = [p.detach() for p in model.parameters()]
    for _ in range(2):
        h = nn.functional.conv2d(h, weights.pop(0), weights.pop(0), padding=1).clamp(min=0)
        h = h[..., : h.shape[2] // 2 * 2, : h.shape[3] // 2 * 2]
        h = h.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).amax((3, 5))
    h = h.flatten(1)
    while weights:
        h = h @ weights.pop(0).T + weights.pop(0)
        h = h.clamp(min=0) if weights else h
    torch.testing.assert_close(model(x).detach(), h)


@pytest.mark.parametrize("make", [models.resnet20, models.resnet18])
def test_convolutions_start_with_the_variance_of_the_paper(make):
    """2 / (outputs x 9) for 3x3: where a stage begins, the number of inputs is another one."""
    for name, layer in make(seed=0).named_modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 4000:
            fan_out = layer.out_channels * layer.kernel_size[0] ** 2
            expected = (2 / fan_out) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.06), name
