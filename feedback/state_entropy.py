"""An intrinsic reward for going where nobody has been: the entropy of the states, by particles.

PEBBLE (Lee, Smith & Abbeel 2021) trains on it before the first label, so that the first queries
show different behaviours. No label is in it, and nothing of it stays: what was recorded is judged
by whatever reward model is fitted later, as a replay buffer would be relabelled.
"""

import numpy as np
from jaxtyping import Float64

NEIGHBOUR = 5


def particle_entropy(
    states: Float64[np.ndarray, "state feature"],
    memory: Float64[np.ndarray, "memory feature"],
    *,
    neighbour: int = NEIGHBOUR,
) -> Float64[np.ndarray, " state"]:
    """log(1 + distance of each state to its k-th neighbour in memory): its share of the entropy.

    The k-nearest-neighbour estimate of an entropy is a mean of log distances (Singh et al. 2003);
    the 1 keeps a state that was met before from minus infinity, as in APT (Liu & Abbeel 2021).
    Where fewer than k are remembered the farthest of them counts.

    >>> memory = np.array([[0.0], [1.0], [4.0]])
    >>> np.expm1(particle_entropy(np.array([[0.0], [9.0]]), memory, neighbour=2)).round(6)
    array([1., 8.])
    """
    squares = (states**2).sum(axis=1)[:, None] + (memory**2).sum(axis=1)[None, :]
    distance = np.sqrt(np.maximum(squares - 2 * states @ memory.T, 0.0))
    k = min(neighbour, len(memory)) - 1
    return np.log1p(np.partition(distance, k, axis=1)[:, k])


class Novelty:
    """Rates states by how far they lie from all it was shown before; it remembers them."""

    def __init__(self, capacity: int) -> None:
        """Remember nothing yet.

        Args:
            capacity: states that will be shown in all; the newest replace the oldest beyond it.
        """
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 state, got {capacity}")
        self._capacity = capacity
        self._memory: Float64[np.ndarray, "memory feature"] | None = None
        self._rewards: list[float] = []

    def rate(self, states: Float64[np.ndarray, "state feature"]) -> Float64[np.ndarray, " state"]:
        """Intrinsic rewards of a batch, in units of their own standard deviation so far.

        Distances are in standard deviations of each feature over what is remembered; a state is
        its own first neighbour, so the k-th is the k-th other one.
        """
        kept = [states] if self._memory is None else [self._memory, states]
        self._memory = np.concatenate(kept)[-self._capacity :]
        sd = self._memory.std(axis=0)
        scale = np.where(sd > 1e-6, sd, 1.0)
        found = particle_entropy(states / scale, self._memory / scale, neighbour=NEIGHBOUR + 1)
        self._rewards += found.tolist()
        spread = float(np.std(self._rewards))
        return found / (spread if spread > 1e-6 else 1.0)
