"""Checked arguments of everything that is said about exact clusters."""

from __future__ import annotations

import numpy as np

from distill_lib import _validation as check


def cluster_sizes(sizes):
    """Return the sizes as an int64 array, shape (K,), each >= 1."""
    sizes = check.whole("sizes", sizes, minimum=1)
    if sizes.ndim != 1:
        raise ValueError(f"sizes must be 1-dimensional, got shape {sizes.shape}")
    return sizes


def flip_rates(rates, sizes, *, below_half=False):
    """Return one flipped fraction a cluster, shape (K,), in [0, 1] or in [0, 1/2)."""
    rates = check.weight("rates", rates)
    if below_half and (rates >= 0.5).any():
        raise ValueError(f"rates must be < 0.5, got {rates.max()}")
    if rates.ndim and rates.shape != sizes.shape:
        raise ValueError(
            f"rates must be one number or one a cluster, {sizes.shape}, got shape {rates.shape}"
        )
    return np.broadcast_to(rates, sizes.shape)


def weighted_norm(values, sizes):
    """Length on all points of what is constant on clusters: sqrt(sum_l n_l |v_l|^2)."""
    values = np.asarray(values, dtype=np.float64)
    return float(np.linalg.norm(np.sqrt(sizes).reshape((-1,) + (1,) * (values.ndim - 1)) * values))
