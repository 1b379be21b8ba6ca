"""Keeps a policy near the one it started from: a price on every action's change of probability."""

import copy

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy


class KLPenalty(BaseCallback):
    """Takes coefficient x log(pi(a|s) / pi_0(a|s)) from each reward of a rollout.

    Its mean over actions drawn from pi is the KL divergence from the frozen starting policy
    (Ziegler et al. 2019, eq. 2). Stable-Baselines3 has computed the advantages by the time a
    rollout ends, so they are computed again. `start` is the frozen copy, `divergence` the last
    rollout's mean per step.
    """

    def __init__(self, start: ActorCriticPolicy, coefficient: float) -> None:
        """Freeze a copy of the policy to stay near to.

        Raises:
            ValueError: if the coefficient is negative or not finite.
        """
        super().__init__()
        if not 0 <= coefficient < np.inf:
            raise ValueError(f"coefficient of the KL penalty must be >= 0, got {coefficient}")
        self.coefficient = coefficient
        self.divergence = 0.0
        # the last batch's distribution hangs on a policy, with a graph that cannot be copied
        vars(start.action_dist).pop("distribution", None)
        self.start = copy.deepcopy(start)
        self.start.set_training_mode(False)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        model = self.model
        assert isinstance(model, OnPolicyAlgorithm)
        buffer = model.rollout_buffer
        change = buffer.log_probs - self._log_probs(model)
        self.divergence = float(change.mean())
        buffer.rewards -= self.coefficient * change
        buffer.compute_returns_and_advantage(
            last_values=self.locals["values"], dones=self.locals["dones"]
        )

    @torch.inference_mode()
    def _log_probs(self, model: OnPolicyAlgorithm) -> np.ndarray:
        """What the starting policy thinks of the rollout's actions, shape (step, env)."""
        buffer = model.rollout_buffer
        shape = buffer.log_probs.shape
        observations = torch.from_numpy(buffer.observations).flatten(0, 1)
        actions = torch.from_numpy(buffer.actions).flatten(0, 1)
        if actions.shape[1] == 1:
            actions = actions[:, 0]
        _, log_probs, _ = self.start.evaluate_actions(observations, actions)
        found: np.ndarray = log_probs.numpy().reshape(shape)
        return found


def clone_behaviour(
    model: PPO,
    observations: np.ndarray,
    actions: np.ndarray,
    *,
    num_epochs: int = 10,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    generator: torch.Generator,
) -> list[float]:
    """Warm start: train a PPO's policy to act as shown; returns the loss of each epoch.

    Args:
        model: its policy is trained in place, by an optimiser of its own.
        observations: shape (step, column).
        actions: what was done, shape (step,) or (step, part).
        num_epochs: passes over the steps.
        batch_size: steps per gradient step.
        learning_rate: Adam's.
        generator: source of the minibatches.

    Raises:
        ValueError: if there is no step, or not as many actions as observations.
    """
    if not 0 < len(observations) == len(actions):
        raise ValueError(
            "behaviour to clone must have one action per observation and at least one, "
            f"got {len(observations)} observations and {len(actions)} actions"
        )
    policy = model.policy
    seen, done = torch.as_tensor(observations), torch.as_tensor(actions)
    optimiser = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    losses = []
    policy.set_training_mode(True)
    for _ in range(num_epochs):
        order = torch.randperm(len(seen), generator=generator)
        total = 0.0
        for chosen in order.split(batch_size):
            _, log_probs, _ = policy.evaluate_actions(seen[chosen], done[chosen])
            loss = -log_probs.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(chosen)
        losses.append(total / len(seen))
    policy.set_training_mode(False)
    return losses
