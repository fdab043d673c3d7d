r"""The tangent kernel of a finite network, and how well labels align with it.

For outputs :math:`f_c(x)`, c = 1, ..., q, and parameters :math:`w` the *empirical tangent kernel*
is

.. math::
    \Theta_{cc'}(x, x') = \langle \nabla_w f_c(x), \nabla_w f_{c'}(x') \rangle .

A linear layer :math:`z = W a + b` contributes
:math:`\bigl(a^\top a' + 1\bigr)\,\langle \partial f_c / \partial z,
\partial f_{c'} / \partial z' \rangle`, so its gradients, outer products, need not be formed. All
other parameters go through their Jacobian.

How the energy of labels lies along the kernel's eigenvectors is a question to any kernel:
``kernel.retrieval.top_share(K, y, k)``, ``cumulative_share`` and ``direction_energy``.

Source: chapters 11 and 14; Jacot, Gabriel and Hongler (2018). The split of linear layers follows
Novak, Sohl-Dickstein and Schoenholz (2022).
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from distill_lib import _validation as check
from distill_lib.kernel.spectrum import check_gram

__all__ = ["FiniteReluNetwork", "alignment", "empirical_ntk", "finite_relu_network"]

#: Bytes that the derivatives of two chunks of points may take, if no chunk size is given.
_CHUNK_BYTES = 2**27


def empirical_ntk(model, X, Z=None, *, chunk_size=None, outputs="trace", dtype=None):
    r"""Tangent kernel :math:`\Theta_{cc'}(x_i, z_j)` of a network, or its trace over outputs.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (n, ...) to (n,) or (n, q), each point for itself. Parameters with
        ``requires_grad=False`` count as constants.
    X : array_like or tensor, shape (n, ...)
        Points.
    Z : array_like or tensor, shape (m, ...), optional
        Other points; `X` itself by default.
    chunk_size : int, optional
        Points differentiated at once: it bounds the memory and does not change the result. By
        default, as many as fit into 128 MiB, derivatives of two chunks counted; what PyTorch
        needs to compute them comes on top, for convolutions several times as much. Smaller chunks
        cost time: the derivatives of `Z` are computed again for every chunk of `X`.
    outputs : {"trace", "full"}, default "trace"
        Sum :math:`\sum_c \Theta_{cc}`, not divided by q, or all pairs of outputs.
    dtype : torch.dtype, optional
        Floating type to compute in, for instance ``torch.float64``; that of the parameters by
        default.

    Returns
    -------
    ndarray, shape (n, m) or (n, m, q, q)
        Entry ``[i, j, c, c']`` belongs to output c at ``X[i]`` and output c' at ``Z[j]``.

    Raises
    ------
    TypeError
        If `model` is no module.
    ValueError
        If the model has nothing to train, has layers that do not treat each point for itself
        (dropout and batch normalization in training mode, batch normalization without running
        statistics in any), or an argument is out of range.

    Notes
    -----
    Model, random state and stored gradients stay as they are. Source: chapters 11 and 14.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1)
    >>> empirical_ntk(layer, [[1.0, 2.0], [0.0, 1.0]])  # x'z + 1: weight and bias
    array([[6., 3.],
           [3., 2.]], dtype=float32)
    """
    _check_model(model)
    if outputs not in ("trace", "full"):
        raise ValueError(f"outputs must be 'trace' or 'full', got {outputs!r}")
    network = _differentiable(model, dtype)
    X = _points("X", X, network)
    Z = X if Z is None else _points("Z", Z, network)
    if X.shape[1:] != Z.shape[1:]:
        raise ValueError(f"X has points of shape {(*X.shape[1:],)}, but Z of {(*Z.shape[1:],)}")
    network = _without_outer_products(network, X[:8])
    if chunk_size is None:
        chunk_size = _largest_chunk(network, X[:1])
    chunk_size = check.scalar_whole("chunk_size", chunk_size, minimum=1)
    product = _trace if outputs == "trace" else _all_pairs
    return _in_chunks(network, X, Z, chunk_size, product).cpu().numpy()


def _in_chunks(network, X, Z, size, product):
    """Fill the kernel matrix block by block; that of X with itself is mirrored."""
    K = None
    for i in range(0, len(X), size):
        left = _factors(network, X[i : i + size])
        for j in range(i if Z is X else 0, len(Z), size):
            right = left if Z is X and j == i else _factors(network, Z[j : j + size])
            block = product(left, right)
            if K is None:
                K = block.new_empty((len(X), len(Z), *block.shape[2:]))
            K[i : i + size, j : j + size] = block
            if Z is X and j > i:
                mirrored = block.transpose(0, 1)
                K[j : j + size, i : i + size] = mirrored.mT if block.ndim == 4 else mirrored
    return K


# ---------------------------------------------------------------------- derivatives of a network


class _Network(NamedTuple):
    """A model as a function of what is differentiated, apart from everything that is not."""

    module: nn.Module
    constants: dict  # name -> tensor: buffers, fixed parameters, those of `layers`
    weights: dict  # name -> tensor, to be differentiated one by one
    layers: dict  # name -> _Layer: linear layers whose parameters are in `constants`


class _Layer(NamedTuple):
    """A linear layer without its gradients: how many outputs, and what of it is trained."""

    z_size: int
    weight: bool
    bias: bool


class _Factors(NamedTuple):
    """Derivatives at some points."""

    jacobians: list  # (points, q, ...), one a parameter
    deltas: list  # (points, q, out): derivative by the output of a linear layer
    inputs: list  # (points, in): what the layer gets
    layers: list  # of _Layer


def _differentiable(model, dtype):
    """Split the model's tensors into constants and weights, all of one floating type."""
    weights = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if not weights:
        raise ValueError("model has no parameter with requires_grad=True: nothing to differentiate")
    fixed = {name: p.detach() for name, p in model.named_parameters() if not p.requires_grad}
    fixed |= dict(model.named_buffers())
    if dtype is not None:
        if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise ValueError(f"dtype must be a floating torch.dtype, got {dtype!r}")
        weights = {name: value.to(dtype) for name, value in weights.items()}
        fixed = {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in fixed.items()
        }
    return _Network(model, fixed, weights, {})


def _without_outer_products(network, X):
    """Move the parameters of plain linear layers to the constants: `_factors` shifts outputs.

    A layer is plain if the model calls it once, with one row a point, and uses its parameters for
    nothing else: then the gradient is the outer product. The uses are counted; that the gradients
    are the outer products at the points X is checked as well.
    """
    modules = network.module.named_modules()
    linear = [n for n, layer in modules if type(layer) is nn.Linear and not layer._forward_hooks]
    seen, plain = {name: [] for name in linear if _trained(network, name)}, {}

    def record(name, a, z):
        shift = torch.zeros_like(z, requires_grad=True)
        seen[name].append((a, shift))
        return z + shift

    weights = {name: value.clone().requires_grad_() for name, value in network.weights.items()}
    uses = _Uses(weights.values())
    with torch.enable_grad(), _hooked(network, seen, record), uses:
        out = functional_call(network.module, {**network.constants, **weights}, (X,))
        total = (out * torch.linspace(1, 2, out.numel()).to(out).reshape(out.shape)).sum()
    for name, calls in seen.items():
        parameters = {kind: weights[full] for kind, full in _trained(network, name).items()}
        once = len(calls) == 1 and all(uses.of(p) == [F.linear] for p in parameters.values())
        if once and calls[0][0].shape[:-1] == X.shape[:1]:
            (a, shift), names = calls[0], _trained(network, name)
            if _gradients_are_products(total, a, shift, parameters):
                trained = {kind: kind in names for kind in ("weight", "bias")}
                plain[name] = _Layer(shift.shape[1], **trained)
    moved = {full for name in plain for full in _trained(network, name).values()}
    constants = network.constants | {full: network.weights[full] for full in moved}
    left = {full: value for full, value in network.weights.items() if full not in moved}
    return _Network(network.module, constants, left, plain)


class _Uses(TorchFunctionMode):
    """Note every operation that one of some tensors goes into."""

    def __init__(self, tensors):
        super().__init__()
        self.operations = {id(tensor): [] for tensor in tensors}

    def __torch_function__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for thing in tree_leaves((args, kwargs)):
            if id(thing) in self.operations:
                self.operations[id(thing)].append(operation)
        return operation(*args, **kwargs)

    def of(self, tensor):
        """Return the operations that a tensor went into."""
        return self.operations[id(tensor)]


def _gradients_are_products(total, a, shift, parameters):
    """Whether the gradients of a layer's parameters are those of one use on the inputs `a`."""
    wanted = [shift, *parameters.values()]
    delta, *found = torch.autograd.grad(total, wanted, retain_graph=True, materialize_grads=True)
    products = {"weight": delta.T @ a, "bias": delta.sum(0)}
    return all(map(_close, found, (products[kind] for kind in parameters)))


def _trained(network, name):
    """Full names of the parameters of a layer that are to be differentiated, by kind."""
    full = {kind: f"{name}.{kind}" if name else kind for kind in ("weight", "bias")}
    return {kind: n for kind, n in full.items() if n in network.weights}


def _close(gradient, expected):
    size = gradient.abs().max()
    return torch.allclose(gradient, expected, rtol=1e-3, atol=1e-4 * float(size))


@contextmanager
def _hooked(network, names, hook):
    """Let ``hook(name, input, output)`` replace the outputs of the named linear layers."""
    handles = [
        network.module.get_submodule(name).register_forward_hook(
            lambda layer, args, z, name=name: hook(name, args[0], z)
        )
        for name in names
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _factors(network, X):
    """Differentiate by the weights, and by shifts of the linear layers' outputs, at every point."""
    some = next(iter({**network.constants, **network.weights}.values()))
    shifts = {name: some.new_zeros(layer.z_size) for name, layer in network.layers.items()}

    def outputs(weights, shifts, x):
        inputs = {}

        def shift(name, a, z):
            inputs[name] = a[0]
            return z + shifts[name]

        with _hooked(network, shifts, shift):
            out = functional_call(network.module, {**network.constants, **weights}, (x[None],))
        return out.reshape(-1), inputs

    derivative = jacrev(outputs, argnums=(0, 1), has_aux=True)
    (jacobians, deltas), inputs = vmap(derivative, (None, None, 0))(network.weights, shifts, X)
    names = list(network.layers)
    return _Factors(
        list(jacobians.values()),
        [deltas[name] for name in names],
        [inputs[name] for name in names],
        list(network.layers.values()),
    )


def _trace(left, right):
    """Return sum_c Theta_cc between the points of `left` and those of `right`."""
    K = sum(
        j.flatten(1) @ k.flatten(1).T for j, k in zip(left.jacobians, right.jacobians, strict=True)
    )
    for a, b, delta, epsilon, layer in _pairs(left, right):
        K = K + _gram(a, b, layer) * (delta.flatten(1) @ epsilon.flatten(1).T)
    return K


def _all_pairs(left, right):
    """Return Theta, shape (points, points, q, q)."""
    product = "icw,jdw->ijcd"
    K = sum(
        torch.einsum(product, j.flatten(2), k.flatten(2))
        for j, k in zip(left.jacobians, right.jacobians, strict=True)
    )
    for a, b, delta, epsilon, layer in _pairs(left, right):
        K = K + _gram(a, b, layer)[:, :, None, None] * torch.einsum(product, delta, epsilon)
    return K


def _pairs(left, right):
    return zip(left.inputs, right.inputs, left.deltas, right.deltas, left.layers, strict=True)


def _gram(a, b, layer):
    """Return a'b of the layer's inputs if its weight is trained, plus 1 if its bias is."""
    return layer.weight * (a @ b.T) + float(layer.bias)


def _largest_chunk(network, x):
    """Return how many points' derivatives fit into `_CHUNK_BYTES`."""
    one = _factors(network, x)
    numbers = sum(t.numel() for t in (*one.jacobians, *one.deltas, *one.inputs))
    return max(1, _CHUNK_BYTES // (2 * numbers * x.element_size()))


# ---------------------------------------------------------------------------------- the checks


def _check_model(model):
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    moody = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    for name, layer in model.named_modules():
        if isinstance(layer, moody[0]) and layer.running_mean is None:
            raise ValueError(
                f"layer {name!r} ({type(layer).__name__}) has no running statistics: it normalizes "
                "by the other points of a batch, and there is no kernel of two points"
            )
        if layer.training and isinstance(layer, moody):
            raise ValueError(
                f"model is in training mode, in which its layer {name!r} ({type(layer).__name__}) "
                "does not treat each point for itself: call model.eval() first"
            )


def _points(name, X, network):
    """Return points as a tensor of the network's floating type, on its device."""
    weight = next(iter(network.weights.values()))
    if not isinstance(X, torch.Tensor):
        X = torch.from_numpy(np.array(check.finite_array(name, X)))
    X = X.detach().to(weight)
    if X.ndim < 2 or not len(X):
        raise ValueError(f"{name} must have shape (n, ...) with n >= 1, got {tuple(X.shape)}")
    if not torch.isfinite(X).all():
        raise ValueError(f"{name} contains values that are not finite")
    return X


# ------------------------------------------------------------------------- a network with a limit


class FiniteReluNetwork(nn.Module):
    r"""A ReLU network in the parametrisation of the tangent kernel; see `finite_relu_network`.

    Attributes
    ----------
    hidden : torch.nn.ModuleList
        Linear layers without bias.
    last : torch.nn.Linear
    """

    def __init__(self, sizes):
        super().__init__()
        layers = [nn.utils.skip_init(nn.Linear, a, b, bias=False) for a, b in pairwise(sizes)]
        self.hidden, self.last = nn.ModuleList(layers[:-1]), layers[-1]

    def forward(self, x):
        r"""Return :math:`V h^{(L)}`, :math:`h^{(l)} = \sqrt{2/m}\,\mathrm{relu}(W h^{(l-1)})`.

        Parameters
        ----------
        x : tensor, shape (n, p)

        Returns
        -------
        tensor, shape (n, q)
        """
        for layer in self.hidden:
            x = math.sqrt(2 / layer.out_features) * torch.relu(layer(x))
        return self.last(x)


def finite_relu_network(
    width, n_features, *, depth=1, outputs=1, output_layer=True, seed, dtype=torch.float32
):
    r"""Draw a network whose tangent kernel tends to that of `kernel.ReluNTK` as it gets wide.

    .. math::
        f(x) = V h^{(L)}, \qquad h^{(l)} = \sqrt{2/m}\;\mathrm{relu}(W^{(l)} h^{(l-1)}),
        \qquad h^{(0)} = x,

    with m = `width`, L = `depth` and independent standard normal weights. The error of the kernel
    falls like :math:`1/\sqrt m`; for one hidden layer its expectation is exact at every width.

    Parameters
    ----------
    width : int
        Units in each hidden layer.
    n_features : int
        Coordinates of a point.
    depth : int, default 1
        Hidden layers.
    outputs : int, default 1
        Outputs q; the kernel between two different ones tends to 0.
    output_layer : bool, default True
        Whether V is trained (``requires_grad``), as in ``ReluNTK(output_layer=...)``.
    seed : int
        Same seed, same network; the global random state is not touched.
    dtype : torch.dtype, default torch.float32

    Returns
    -------
    FiniteReluNetwork

    Raises
    ------
    TypeError, ValueError
        If a size or `seed` is not a whole number, or out of range.

    Notes
    -----
    Source: chapter 11; Jacot, Gabriel and Hongler (2018).

    Examples
    --------
    >>> network = finite_relu_network(64, 2, seed=0)
    >>> network(torch.ones(3, 2)).shape
    torch.Size([3, 1])
    """
    sizes = {"n_features": n_features, "depth": depth, "width": width, "outputs": outputs}
    p, depth, width, q = (check.scalar_whole(n, v, minimum=1) for n, v in sizes.items())
    generator = torch.Generator().manual_seed(check.scalar_whole("seed", seed, minimum=0))
    network = FiniteReluNetwork([p, *[width] * depth, q]).to(dtype)
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(generator=generator)
    network.last.weight.requires_grad_(bool(output_layer))
    return network


# ------------------------------------------------------------------------ labels and the kernel


def alignment(K, y, *, centred=True):
    r"""Return :math:`\langle K, YY^\top\rangle_F\,/\,(\|K\|_F\,\|YY^\top\|_F)`, in [0, 1].

    It is 1 if K is a multiple of :math:`YY^\top`: then labels are all that the kernel sees.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Symmetric positive semidefinite kernel matrix.
    y : array_like, shape (n,) or (n, q)
        Labels, for instance -1 and 1, or one-hot rows.
    centred : bool, default True
        Subtract the means first: K becomes CKC and Y becomes CY with :math:`C = I - \frac1n
        11^\top`. Otherwise the constant direction counts, which says nothing about classes.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes do not match, K is not symmetric, or K or the labels vanish (after centring).

    Notes
    -----
    Source: chapter 14; Cortes, Mohri and Rostamizadeh (2012) for the centred form, Cristianini et
    al. (2001) for the other.

    Examples
    --------
    >>> print(round(alignment([[1.0, -1.0], [-1.0, 1.0]], [1.0, -1.0]), 6))
    1.0
    >>> print(round(alignment([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], centred=False), 6))
    0.707107
    """
    K, Y = check_gram(K), check.finite_array("y", y, ndim=(1, 2))
    if len(Y) != len(K):
        raise ValueError(f"y must have {len(K)} rows, as K, got shape {Y.shape}")
    Y = Y.reshape(len(Y), -1)
    scale = np.abs(K).max(), np.abs(Y).max()
    if centred:
        K, Y = K - K.mean(0), Y - Y.mean(0)
        K = K - K.mean(1, keepdims=True)
    for name, part, size in zip("Ky", (K, Y), scale, strict=True):
        if np.abs(part).max() <= 1e-12 * size:
            raise ValueError(f"{name} is zero{' after centring' * centred}: no alignment")
    inner = np.einsum("ij,ik,jk->", K, Y, Y, optimize=True)
    return float(inner / (np.linalg.norm(K) * np.linalg.norm(Y.T @ Y)))
