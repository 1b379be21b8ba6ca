"""What a reward model reads of a step: state, action, next state, or a few named quantities."""

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from jaxtyping import Float32

from prefgym.feedback.encoding import Batch, encode, encoded_size


@dataclass(frozen=True, slots=True)
class InputConfig:
    """Which parts of (state, action, next state) the reward model reads.

    The default, state and a down-weighted action, is the measured choice for control tasks: with
    `action_scale` 1 a quarter of Pendulum runs were lost, without the action a task whose only
    cost is the action cannot be learned. `names` picks columns of the (next) state by the
    environment's `observation_names`: the consequence of a step in a driver's own quantities.
    """

    state: bool = True
    action: bool = True
    next_state: bool = False
    names: tuple[str, ...] = ()
    action_scale: float = 0.2

    def __post_init__(self) -> None:
        if not (self.state or self.action or self.next_state):
            raise ValueError("a reward model must read state, action or next_state, got none")
        if not self.action_scale > 0:
            raise ValueError(f"action_scale must be positive, got {self.action_scale}")


class RewardInputs:
    """An `InputConfig` resolved for the spaces of one environment."""

    def __init__(
        self,
        config: InputConfig,
        observation_space: spaces.Space[object],
        action_space: spaces.Space[object],
        observation_names: tuple[str, ...] = (),
    ) -> None:
        """Resolve column names.

        Raises:
            ValueError: if a name is not among `observation_names`, or those are not one a column.
        """
        self.config = config
        self.observation_space = observation_space
        self.action_space = action_space
        missing = [name for name in config.names if name not in observation_names]
        if missing:
            known = ", ".join(observation_names) or "none (the environment names no columns)"
            raise ValueError(
                f"reward inputs must be named observations, got {missing}; known: {known}"
            )
        num_observed = encoded_size(observation_space)
        if config.names and len(observation_names) != num_observed:
            raise ValueError(
                f"observation_names must name each of the {num_observed} observed columns, "
                f"got {len(observation_names)} names"
            )
        self.columns = (
            np.array([observation_names.index(name) for name in config.names])
            if config.names
            else np.arange(num_observed)
        )
        num_columns, num_actions = len(self.columns), encoded_size(action_space)
        self.column_scale = np.concatenate(
            [
                np.ones(num_columns * (config.state + config.next_state), np.float32),
                np.full(num_actions * config.action, config.action_scale, np.float32),
            ]
        )

    @property
    def size(self) -> int:
        """Number of columns that the reward model reads."""
        return len(self.column_scale)

    def rows(
        self, state: Batch, action: Batch, next_state: Batch
    ) -> Float32[np.ndarray, "batch input"]:
        """Rows for a batch of steps as the environment gives them; unused parts are not read."""
        parts = []
        if self.config.state:
            parts.append(encode(self.observation_space, state)[:, self.columns])
        if self.config.next_state:
            encoded = encode(self.observation_space, next_state, name="next observation")
            parts.append(encoded[:, self.columns])
        if self.config.action:
            parts.append(encode(self.action_space, action, name="action"))
        return np.concatenate(parts, axis=1)

    def select(
        self,
        observations: Float32[np.ndarray, "*batch observation"],
        actions: Float32[np.ndarray, "*batch action"],
        next_observations: Float32[np.ndarray, "*batch observation"],
    ) -> Float32[np.ndarray, "*batch input"]:
        """The same rows from arrays that are encoded already."""
        parts = []
        if self.config.state:
            parts.append(observations[..., self.columns])
        if self.config.next_state:
            parts.append(next_observations[..., self.columns])
        if self.config.action:
            parts.append(actions)
        return np.concatenate(parts, axis=-1)
