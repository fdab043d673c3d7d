"""Tangent kernels against a loop over the points, stacks against one network after another."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector

from benchmarks.measure import Result, assert_same, seconds
from distill_lib.deep import losses, models, train
from distill_lib.deep.ensemble import Stack, fit_stack
from distill_lib.deep.ntk import empirical_ntk

FEATURES, BATCH, NETWORKS, LR = 64, 50, 11, 1e-3


def run(n=500, widths=(32, 64, 128), epochs=5, repeats=7):
    """Yield the lines of both comparisons."""
    yield from tangent_kernels(n, repeats)
    for width in widths:
        yield from stacks(n, width, epochs, repeats)


# ------------------------------------------------------------------------------ tangent kernels


def tangent_kernels(n, repeats):
    """Alternate the two routes for three networks."""
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(n, FEATURES, generator=generator)
    images = flat[: n // 5].view(-1, 1, 8, 8)
    cnn = models.small_cnn((1, 8, 8), 10, channels=(8,), hidden=32, seed=0)
    cases = (
        ("MLP 64-128-1", models.mlp((FEATURES, 128, 1), seed=0), flat, 10),
        ("MLP 64-128-10", models.mlp((FEATURES, 128, 10), seed=0), flat, 10),
        ("a CNN, 10 outputs", cnn, images, None),
    )
    for name, model, X, target in cases:
        pairs = []
        for _ in range(repeats + 1):
            took, K = seconds(lambda m=model, X=X: empirical_ntk(m, X))
            theirs, same = seconds(lambda m=model, X=X: by_loop(m, X))
            assert_same(K, same, tolerance=1e-4)  # single precision
            pairs.append((took, theirs))
        baseline = "one backward pass a point and output"
        yield _result(f"tangent kernel, {name}", len(X), baseline, pairs[1:], target)


def by_loop(model, X):
    """Tangent kernel, summed over the outputs, from one gradient after another."""
    parameters = list(model.parameters())
    rows = []
    for x in X:
        for output in model(x[None])[0]:
            gradients = torch.autograd.grad(output, parameters, retain_graph=True)
            rows.append(torch.cat([g.flatten() for g in gradients]))
    J = torch.stack(rows).view(len(X), -1)
    return (J @ J.T).numpy()


# --------------------------------------------------------------------------------------- stacks


def stacks(n, width, epochs, repeats):
    """Alternate a stack, `train.fit` for each network, and a bare loop for each."""
    sizes, seeds = (FEATURES, width, 10), range(NETWORKS)
    rng = np.random.default_rng(0)
    data = train.Data.from_arrays(rng.standard_normal((n, FEATURES)), rng.integers(10, size=n))
    settings = {
        "epochs": epochs, "batch_size": BATCH, "optimizer": "adam", "lr": LR,
        "schedule": "constant",
    }  # fmt: skip

    def together():
        stack = Stack(sizes, seeds=seeds)
        fit_stack(stack, data, losses.cross_entropy, seeds=seeds, **settings)
        return stack.weights.detach().numpy()

    def by_fit(network, seed):
        train.fit(network, data, losses.cross_entropy, seed=seed, **settings)

    def by_bare_loop(network, seed):
        optimizer = torch.optim.Adam(network.parameters(), lr=LR)
        order = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            for rows in torch.randperm(n, generator=order).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(network(data.X[rows]), data.targets[rows]).backward()
                optimizer.step()

    def one_after_another(train_one):
        networks = [models.mlp(sizes, seed=seed) for seed in seeds]
        for seed, network in enumerate(networks):
            train_one(network, seed)
        vectors = [parameters_to_vector(network.parameters()).detach() for network in networks]
        return torch.stack(vectors).numpy()

    routes = {
        "`train.fit`, one after another": (by_fit, 4),
        "a bare loop that measures nothing, one after another": (by_bare_loop, None),
    }
    pairs = {name: [] for name in routes}
    for _ in range(repeats + 1):
        took, weights = seconds(together)
        for name, (train_one, _) in routes.items():
            theirs, same = seconds(lambda train_one=train_one: one_after_another(train_one))
            assert_same(weights, same, tolerance=1e-3)  # single precision, Adam
            pairs[name].append((took, theirs))
    task = f"{NETWORKS} MLPs of width {width}, batches of {BATCH}"
    for name, (_, target) in routes.items():
        yield _result(task, n, name, pairs[name][1:], target)


def _result(task, n, baseline, pairs, target):
    """Return a line; the first pair, which warms up, is not among them."""
    took, theirs = np.transpose(pairs)
    ratios = theirs / took
    value = float(np.median(ratios))
    return Result(
        task=task,
        size=f"n = {n:,}",
        seconds=float(np.median(took)),
        baseline=baseline,
        baseline_seconds=float(np.median(theirs)),
        value=value,
        spread=(float(ratios.min()), float(ratios.max())),
        unit="x faster",
        target=None if target is None else f">= {target} x",
        met=None if target is None else value >= target,
        note=f"{len(pairs)} pairs",
    )
