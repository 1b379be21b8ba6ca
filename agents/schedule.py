"""When labels are asked and environment steps are spent: the stages of a run, and their seeds."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from prefgym.agents.config import LoopConfig, PPOConfig

FINAL_PARTS = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """Train for `rollouts` PPO rollouts, then ask for `labels` answers and refit (0: neither)."""

    rollouts: int
    labels: int


def stages(loop: LoopConfig, ppo: PPOConfig) -> tuple[Stage, ...]:
    """The stages that spend all labels and never more than `loop.steps` environment steps.

    Label rounds are spread evenly from the warm-up to `label_fraction` of the rollouts; the rest
    of the training follows in parts, because a stage is the unit of a checkpoint.

    Raises:
        ValueError: if the steps do not suffice for one rollout after the warm-up.
    """
    total = (loop.steps - loop.exploration) // ppo.rollout
    warmup = -(-loop.warmup_steps // ppo.rollout)
    if total <= warmup:
        need = (warmup + 1) * ppo.rollout + loop.exploration
        raise ValueError(
            f"steps must be at least {need} (exploration, warm-up and one rollout of "
            f"{ppo.rollout}), got {loop.steps}"
        )
    last = max(warmup, int(loop.label_fraction * total))
    spans = max(loop.rounds - 1, 1)
    marks = [warmup + round((last - warmup) * i / spans) for i in range(loop.rounds)]
    found = [
        Stage(mark - before, labels)
        for before, mark, labels in zip([0, *marks[:-1]], marks, label_shares(loop), strict=True)
    ]
    rest = total - marks[-1]
    parts = [rest * (i + 1) // FINAL_PARTS - rest * i // FINAL_PARTS for i in range(FINAL_PARTS)]
    return (*found, *(Stage(part, 0) for part in parts if part))


def label_shares(loop: LoopConfig) -> list[int]:
    """Labels of each round; they add up to `loop.labels`."""
    if loop.rounds == 1:
        return [loop.labels]
    first = min(max(round(loop.labels * loop.first_share), 1), loop.labels - loop.rounds + 1)
    rest, spans = loop.labels - first, loop.rounds - 1
    return [first, *(rest * (i + 1) // spans - rest * i // spans for i in range(spans))]


class Purpose(IntEnum):
    """What splits a stage's randomness; the numbers are part of the format of a run."""

    TRAIN = 0
    EXPLORE = 1
    ASK = 2
    FIT = 3
    HELD_OUT = 4
    CROWD = 5
    PRIOR = 6


def stage_seed(seed: int, stage: int, purpose: Purpose) -> int:
    """A seed below 2^31 for one purpose of one stage of the run with this seed."""
    return int(np.random.SeedSequence([seed, stage, purpose]).generate_state(1)[0] >> 1)


def stage_rng(seed: int, stage: int, purpose: Purpose) -> np.random.Generator:
    """A generator for one purpose of one stage of the run with this seed."""
    return np.random.default_rng([seed, stage, purpose])
