"""A Stable-Baselines3 policy that scores every candidate with one and the same network.

For observations that begin with the columns of N candidates, one after the other, and end with
columns of the situation as a whole; actions are the candidates' numbers, and N for "stop". What is
learned of one candidate holds for all, in whatever order and number they come, so a policy trained
on some texts reads others.
"""

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

CLOSED = -1e4  # logit of a candidate that cannot be chosen


class SharedScorer(nn.Module):
    """Logits of the candidates and of stopping, and the features of the value."""

    def __init__(
        self, num_candidates: int, candidate_size: int, context_size: int, hidden: int
    ) -> None:
        super().__init__()
        self.shape = (num_candidates, candidate_size)
        self.latent_dim_pi = num_candidates + 1
        self.latent_dim_vf = hidden
        self.embed = nn.Sequential(nn.Linear(candidate_size, hidden), nn.Tanh())
        self.situation = nn.Sequential(nn.Linear(context_size + hidden, hidden), nn.Tanh())
        self.score = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.stop = nn.Linear(hidden, 1)
        self.value = nn.Sequential(nn.Linear(context_size + hidden, hidden), nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # nearly equal logits at the start: everything is tried
                gain = 0.01 if module.out_features == 1 else 2**0.5
                nn.init.orthogonal_(module.weight, gain=gain)
                nn.init.zeros_(module.bias)

    def forward(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, shape (batch, candidate + 1), and value features, shape (batch, hidden)."""
        return self.forward_actor(columns), self.forward_critic(columns)

    def forward_actor(self, columns: Tensor) -> Tensor:
        """Logits; a candidate whose last column, "valid", is 0 cannot be chosen."""
        candidates, embedded, pooled = self._read(columns)
        situation = self.situation(pooled)
        around = situation[:, None].expand(-1, self.shape[0], -1)
        scores = self.score(torch.cat([embedded, around], dim=2))[..., 0]
        scores = scores.masked_fill(candidates[..., -1] < 0.5, CLOSED)
        return torch.cat([scores, self.stop(situation)], dim=1)

    def forward_critic(self, columns: Tensor) -> Tensor:
        """What the value is linear in."""
        value: Tensor = self.value(self._read(columns)[2])
        return value

    def _read(self, columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Candidates, their embeddings, and the context with the mean embedding of open ones."""
        num_columns = self.shape[0] * self.shape[1]
        candidates = columns[:, :num_columns].unflatten(1, self.shape)
        embedded = self.embed(candidates)
        weight = candidates[..., -1:]
        mean = (embedded * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1.0)
        return candidates, embedded, torch.cat([columns[:, num_columns:], mean], dim=1)


class SharedScorerPolicy(ActorCriticPolicy):
    """`SharedScorer` as a policy: `PPO(SharedScorerPolicy, env, policy_kwargs={...})`."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        *args: Any,
        candidates: tuple[int, int],
        hidden: int = 64,
        **kwargs: Any,
    ) -> None:
        """Build the networks.

        Args:
            candidates: how many there are and how many columns each has.
            hidden: width of every layer.

        Raises:
            ValueError: if the spaces do not fit.
        """
        number, size = candidates
        if not isinstance(action_space, spaces.Discrete) or action_space.n != number + 1:
            raise ValueError(
                f"the action space must be Discrete({number + 1}): {number} candidates and stop, "
                f"got {action_space}"
            )
        num_columns = observation_space.shape[0] if observation_space.shape else 0
        if not isinstance(observation_space, spaces.Box) or num_columns <= number * size:
            raise ValueError(
                f"the observation space must be a Box of more than {number * size} columns, "
                f"got {observation_space}"
            )
        self._scorer_shape = (number, size, num_columns - number * size, hidden)
        kwargs.setdefault("ortho_init", False)  # the scorer starts as it should
        super().__init__(observation_space, action_space, *args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = SharedScorer(*self._scorer_shape)  # type: ignore[assignment]  # SB3 types its own class

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()  # the scorer's output is the logits already
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]  # torch types the abstract class
            **self.optimizer_kwargs,
        )
