"""Numbers as text: mean and spread over seeds, paired differences, choices on validation."""

from __future__ import annotations

import numpy as np


def percent(values):
    """Mean and standard deviation over seeds, in percent."""
    values = 100 * np.asarray(values)
    spread = f"±{values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def number(values):
    """Mean and standard deviation over seeds."""
    values = np.asarray(values)
    spread = f"±{values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def paired(ones, others):
    """Mean difference in points with its standard error, and how many seeds are better."""
    gaps = 100 * (np.asarray(ones) - np.asarray(others))
    error = f"±{gaps.std(ddof=1) / np.sqrt(len(gaps)):.2f}" if len(gaps) > 1 else ""
    return f"{gaps.mean():+.2f}{error} ({(gaps > 0).sum()}/{len(gaps)})"


def chosen(values, by):
    """Entry of every seed's best setting on validation; axes (seeds, settings ...)."""
    seeds = len(values)
    best = np.asarray(by).reshape(seeds, -1).argmax(1)
    return np.asarray(values).reshape(seeds, -1)[np.arange(seeds), best]


def table(header, rows):
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
