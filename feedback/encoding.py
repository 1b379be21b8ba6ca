"""Batches of observations or actions as flat float32 rows, for any common Gymnasium space.

A reward model reads rows of numbers. Box is flattened, Discrete and MultiDiscrete become one-hot
columns, Dict and Tuple are laid side by side in the space's own order.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from jaxtyping import Float32
from numpy.typing import ArrayLike, NDArray

Batch = ArrayLike | Mapping[str, "Batch"] | Sequence["Batch"]


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
    raise TypeError(
        "space must be Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple, "
        f"got {space}; flatten it with a Gymnasium wrapper first"
    )


def encode(
    space: spaces.Space[object], batch: Batch, *, name: str = "observation"
) -> Float32[np.ndarray, "batch feature"]:
    """Rows of float32, one per element of a batch from `space` (leading axis: batch).

    Args:
        space: the space of one element.
        batch: what a vectorised environment returns: an array, or a dict or tuple of arrays.
        name: what the batch is called in an error.

    Raises:
        ValueError: if the batch does not fit the space, or holds NaN or infinity.
        TypeError: if the space has no flat form.
    """
    rows = _encode(space, batch, name)
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(
            f"{name} must be finite, got {rows[bad]} in row {bad} of the batch; "
            "the environment produced NaN or infinity"
        )
    return rows


def _encode(space: spaces.Space[object], batch: Batch, name: str) -> NDArray[np.float32]:
    match space:
        case spaces.Dict():
            if not isinstance(batch, Mapping) or set(batch) != set(space.spaces):
                keys = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
                raise ValueError(f"{name} must be a dict with {sorted(space.spaces)}, got {keys}")
            parts = [
                _encode(part, batch[key], f"{name}[{key!r}]") for key, part in space.spaces.items()
            ]
            return np.concatenate(parts, axis=1)
        case spaces.Tuple():
            if not isinstance(batch, Sequence) or len(batch) != len(space.spaces):
                raise ValueError(f"{name} must be a tuple of {len(space.spaces)} arrays")
            parts = [
                _encode(part, value, f"{name}[{i}]")
                for i, (part, value) in enumerate(zip(space.spaces, batch, strict=True))
            ]
            return np.concatenate(parts, axis=1)
    array = np.asarray(batch)
    shape = space.shape or ()
    if array.ndim != 1 + len(shape) or array.shape[1:] != shape:
        raise ValueError(
            f"{name} must have shape (batch, *{shape}) for {space}, got {array.shape}; "
            "was the reward model made for another environment?"
        )
    match space:
        case spaces.Discrete():
            return _one_hot(array[:, None] - int(space.start), np.array([space.n]), name)
        case spaces.MultiDiscrete():
            flat = array.reshape(len(array), -1) - space.start.reshape(-1)
            return _one_hot(flat, space.nvec.reshape(-1), name)
    return array.reshape(len(array), -1).astype(np.float32)


def _one_hot(
    index: NDArray[np.integer], sizes: NDArray[np.integer], name: str
) -> NDArray[np.float32]:
    index = index.astype(np.int64)
    if ((index < 0) | (index >= sizes)).any():
        raise ValueError(f"{name} must lie in [0, {sizes}), got {index[0]}")
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rows = np.zeros((len(index), int(sizes.sum())), np.float32)
    rows[np.arange(len(index))[:, None], index + offsets] = 1.0
    return rows
