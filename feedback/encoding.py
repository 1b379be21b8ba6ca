"""Batches of observations or actions as flat float32 rows, for any common Gymnasium space.

A reward model reads rows of numbers. Box is flattened, Discrete and MultiDiscrete become one-hot
columns, Dict and Tuple are laid side by side in the space's own order.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from jaxtyping import Float32
from numpy.typing import NDArray

Batch = np.ndarray | Mapping[str, object] | Sequence[object]
"""What a batched environment gives: an array, or a dict or tuple of batches, at any depth."""


def encoded_size(space: spaces.Space[object]) -> int:
    """Number of columns that `encode` gives for one element of `space`.

    Raises:
        TypeError: for a space with no flat form (Sequence, Graph, Text).
    """
    match space:
        case spaces.Box():
            return int(np.prod(space.shape, dtype=int))
        case spaces.Discrete():
            return int(space.n)
        case spaces.MultiDiscrete():
            return int(space.nvec.sum())
        case spaces.MultiBinary():
            return int(np.prod(space.shape, dtype=int))
        case spaces.Dict():
            return sum(encoded_size(part) for part in space.spaces.values())
        case spaces.Tuple():
            return sum(encoded_size(part) for part in space.spaces)
    raise _no_flat_form(space)


def encode(
    space: spaces.Space[object], batch: Batch, *, name: str = "observation"
) -> Float32[np.ndarray, "batch feature"]:
    """Rows of float32, one per element of a batch from `space` (leading axis: batch).

    Args:
        space: the space of one element.
        batch: what a vectorised environment returns.
        name: what the batch is called in an error.

    Raises:
        ValueError: if the batch does not fit the space, or holds NaN or infinity.
        TypeError: if the space has no flat form.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused
        rows = _encode(space, batch, name)
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(
            f"{name} must be finite in float32, got {rows[bad]} in row {bad} of the batch; "
            "the environment produced NaN or infinity"
        )
    return rows


def _encode(space: spaces.Space[object], batch: object, name: str) -> NDArray[np.float32]:
    match space:
        case spaces.Dict():
            if not isinstance(batch, Mapping) or set(batch) != set(space.spaces):
                keys = list(batch) if isinstance(batch, Mapping) else type(batch).__name__
                raise ValueError(f"{name} must be a dict with {sorted(space.spaces)}, got {keys}")
            parts = [
                _encode(part, batch[key], f"{name}[{key!r}]") for key, part in space.spaces.items()
            ]
            return np.concatenate(parts, axis=1)
        case spaces.Tuple():
            if not isinstance(batch, Sequence) or len(batch) != len(space.spaces):
                got = len(batch) if isinstance(batch, Sequence) else type(batch).__name__
                raise ValueError(f"{name} must be a tuple of {len(space.spaces)} arrays, got {got}")
            parts = [
                _encode(part, value, f"{name}[{i}]")
                for i, (part, value) in enumerate(zip(space.spaces, batch, strict=True))
            ]
            return np.concatenate(parts, axis=1)
        case spaces.Box() | spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary():
            return _encode_array(space, np.asarray(batch), name)
    raise _no_flat_form(space)


def _encode_array(space: spaces.Space[object], array: np.ndarray, name: str) -> NDArray[np.float32]:
    shape = space.shape or ()
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    if array.ndim != 1 + len(shape) or array.shape[1:] != shape:
        raise ValueError(
            f"{name} must have shape (batch, *{shape}) for {space}, got {array.shape}; "
            "was the reward model made for another environment?"
        )
    match space:
        case spaces.Discrete():
            start, size = np.array([space.start]), np.array([space.n])
            return _one_hot(array[:, None], start, size, name)
        case spaces.MultiDiscrete():
            flat = array.reshape(len(array), -1)
            return _one_hot(flat, space.start.reshape(-1), space.nvec.reshape(-1), name)
    return array.reshape(len(array), -1).astype(np.float32)


def _one_hot(
    values: np.ndarray,
    starts: NDArray[np.integer],
    sizes: NDArray[np.integer],
    name: str,
) -> NDArray[np.float32]:
    """One group of columns per column of `values`, whole numbers in [start, start + size)."""
    starts, sizes = starts.astype(np.int64), sizes.astype(np.int64)
    wrong = ~((values >= starts) & (values < starts + sizes) & (values == np.floor(values)))
    if wrong.any():
        bad = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise ValueError(
            f"{name} must be whole numbers from {starts} to {starts + sizes - 1}, "
            f"got {values[bad]} in row {bad} of the batch"
        )
    offsets = np.cumsum(sizes) - sizes
    rows = np.zeros((len(values), int(sizes.sum())), np.float32)
    rows[np.arange(len(values))[:, None], values.astype(np.int64) - starts + offsets] = 1.0
    return rows


def _no_flat_form(space: spaces.Space[object]) -> TypeError:
    return TypeError(
        "space must be Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple, "
        f"got {space}; flatten it with a Gymnasium wrapper first"
    )
