"""Small networks and the residual networks of the papers, each determined by its seed.

Every function returns a freshly initialised ``torch.nn.Module`` that maps ``(n, ...)`` inputs to
``(n, n_classes)`` *logits*; no softmax at the end. The same seed gives the same weights, and
PyTorch's global random state is left as it was.

Source: chapters 13 to 15; the residual networks are those of He et al. (2016).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from distill_lib import _validation as check

__all__ = ["count_parameters", "mlp", "resnet18", "resnet20", "resnet56", "small_cnn"]


def mlp(sizes, *, seed):
    r"""Make a multilayer perceptron: :math:`f(x) = W_L\,\sigma(\dots\sigma(W_1 x + b_1)) + b_L`.

    :math:`\sigma` is the ReLU. Weights and biases start uniformly in
    :math:`\pm 1/\sqrt{\text{number of inputs of the layer}}`, PyTorch's default.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden widths, outputs: ``(64, 32, 10)`` has one hidden layer. At least two.
    seed : int
        Seed of the weights, >= 0.

    Returns
    -------
    torch.nn.Sequential
        Linear layers with ReLUs between them.

    Raises
    ------
    TypeError
        If a size or the seed is not a whole number.
    ValueError
        If there are fewer than two sizes, or one is < 1.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> count_parameters(mlp((64, 32, 10), seed=0))  # 64 * 32 + 32 + 32 * 10 + 10
    2410
    """
    sizes = _sizes("sizes", sizes)
    if len(sizes) < 2:
        raise ValueError(f"sizes needs inputs and outputs, at least two numbers, got {sizes}")

    def build():
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return _seeded(build, seed)


def small_cnn(shape, n_classes, *, channels=(16, 32), hidden=128, seed):
    """Make a small convolutional network: 3x3 convolution, ReLU and 2x2 pooling, repeated; dense.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of an image, for example ``(1, 14, 14)``. Each block halves
        height and width, rounded down; one pixel at least must remain.
    n_classes : int
        Number of outputs.
    channels : sequence of int, default (16, 32)
        Channels of the blocks, one number a block.
    hidden : int, default 128
        Width of the dense layer before the output; 0 leaves it out.
    seed : int
        Seed of the weights, >= 0.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    TypeError
        If a size is not a whole number.
    ValueError
        If a size is out of range, or the image is too small for so many blocks.

    Notes
    -----
    Source: chapters 14 and 15.

    Examples
    --------
    >>> count_parameters(small_cnn((1, 14, 14), 10, channels=(8, 16), hidden=0, seed=0))
    2698
    """
    depth, height, width = _sizes("shape", shape, length=3)
    channels = _sizes("channels", channels)
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=1)
    hidden = check.scalar_whole("hidden", hidden, minimum=0)
    smallest = min(height, width) >> len(channels)
    if smallest < 1:
        raise ValueError(f"shape {tuple(shape)} is too small for {len(channels)} poolings by two")
    pixels = (height >> len(channels)) * (width >> len(channels))

    def build():
        layers = []
        for n_in, n_out in pairwise([depth, *channels]):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        features = channels[-1] * pixels
        dense = [nn.Linear(features, hidden), nn.ReLU()] if hidden else []
        return nn.Sequential(
            *layers, nn.Flatten(), *dense, nn.Linear(hidden or features, n_classes)
        )

    return _seeded(build, seed)


def resnet20(n_classes=10, *, in_channels=3, seed):
    """Make the residual network with 20 layers for 32x32 images: 0.27 million parameters.

    One 3x3 convolution, three stages of three blocks with 16, 32 and 64 channels, the mean over
    the pixels, one linear layer. Shortcuts have no parameters (option A): where a stage begins
    they take every other pixel and fill the new channels with zeros.

    Parameters
    ----------
    n_classes : int, default 10
        Number of outputs.
    in_channels : int, default 3
        Channels of the images.
    seed : int
        Seed of the weights, >= 0.

    Returns
    -------
    torch.nn.Module
        Any image size from 4x4 on is accepted.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of range.

    Notes
    -----
    Source: He et al. (2016), the networks for CIFAR-10; Nagarajan et al. (2023) and chapter 14
    distil them. Convolutions start from normal numbers with variance 2 / (outputs x 9).

    Examples
    --------
    >>> count_parameters(resnet20(seed=0))
    269722
    """
    return _resnet([3, 3, 3], [16, 32, 64], n_classes, in_channels, seed, project=False)


def resnet56(n_classes=10, *, in_channels=3, seed):
    """Make the residual network with 56 layers for 32x32 images: 0.85 million parameters.

    As `resnet20`, with nine blocks a stage.

    Parameters
    ----------
    n_classes : int, default 10
        Number of outputs.
    in_channels : int, default 3
        Channels of the images.
    seed : int
        Seed of the weights, >= 0.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of range.

    Notes
    -----
    Source: He et al. (2016), the networks for CIFAR-10; chapter 14.
    """
    return _resnet([9, 9, 9], [16, 32, 64], n_classes, in_channels, seed, project=False)


def resnet18(n_classes=10, *, in_channels=3, seed):
    """Make the residual network with 18 layers and a 3x3 stem: 11.17 million parameters.

    Four stages of two blocks with 64, 128, 256 and 512 channels. The stem of the ImageNet network
    (a 7x7 convolution with stride 2 and a pooling) is replaced by one 3x3 convolution, as usual
    for 32x32 images. Where a stage begins the shortcut is a 1x1 convolution (option B).

    Parameters
    ----------
    n_classes : int, default 10
        Number of outputs.
    in_channels : int, default 3
        Channels of the images.
    seed : int
        Seed of the weights, >= 0.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of range.

    Notes
    -----
    Source: He et al. (2016), with the stem for small images; chapter 15.
    """
    return _resnet([2, 2, 2, 2], [64, 128, 256, 512], n_classes, in_channels, seed, project=True)


def count_parameters(model):
    """Count the trainable numbers of a model.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.

    Returns
    -------
    int

    Notes
    -----
    Source: chapter 13. Running means and variances of batch normalization are no parameters.
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


class _Block(nn.Module):
    """Two 3x3 convolutions, each with batch normalization, beside a shortcut."""

    def __init__(self, n_in, n_out, stride, *, project):
        super().__init__()
        self.conv1 = _conv(n_in, n_out, 3, stride)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = _conv(n_out, n_out, 3, 1)
        self.norm2 = nn.BatchNorm2d(n_out)
        if stride == 1 and n_in == n_out:
            self.shortcut = nn.Identity()
        elif project:
            self.shortcut = nn.Sequential(_conv(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))
        else:
            self.shortcut = _PadChannels(n_out - n_in, stride)

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class _PadChannels(nn.Module):
    """The shortcut without parameters: fewer pixels, and zeros in the new channels."""

    def __init__(self, extra, stride):
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x):
        below = self.extra // 2
        small = x[:, :, :: self.stride, :: self.stride]
        return F.pad(small, (0, 0, 0, 0, below, self.extra - below))


class _ResNet(nn.Module):
    """Stem, stages of blocks, mean over the pixels, linear layer."""

    def __init__(self, blocks, widths, n_classes, in_channels, *, project):
        super().__init__()
        self.stem = nn.Sequential(
            _conv(in_channels, widths[0], 3, 1), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        stages, n_in = [], widths[0]
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(_Block(n_in, width, stride, project=project))
                n_in = width
        self.blocks = nn.Sequential(*stages)
        self.head = nn.Linear(n_in, n_classes)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def _conv(n_in, n_out, size, stride):
    """Return a convolution without bias (batch normalization has one), He-initialised."""
    conv = nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def _resnet(blocks, widths, n_classes, in_channels, seed, *, project):
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=1)
    in_channels = check.scalar_whole("in_channels", in_channels, minimum=1)
    return _seeded(lambda: _ResNet(blocks, widths, n_classes, in_channels, project=project), seed)


def _seeded(build, seed):
    """Call `build` with PyTorch's random numbers started from `seed`; restore them afterwards."""
    seed = check.scalar_whole("seed", seed, minimum=0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also moves the GPUs' states
        return build()


def _sizes(name, values, *, length=None):
    """Return a list of whole numbers >= 1."""
    values = [check.scalar_whole(name, value, minimum=1) for value in values]
    if not values or (length and len(values) != length):
        raise ValueError(f"{name} must hold {length or 'some'} whole numbers, got {values}")
    return values
