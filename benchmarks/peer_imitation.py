"""imitation's speed at fitting an ensemble of reward networks to comparisons.

Runs in an environment of its own (README.md beside it), imports nothing of prefgym, and prints
one JSON line for `prefgym benchmark speed`.
"""

import argparse
import json
import time
from importlib.metadata import version

import numpy as np
import torch
from gymnasium import spaces
from imitation.algorithms.preference_comparisons import (
    CrossEntropyRewardLoss,
    EnsembleTrainer,
    PreferenceDataset,
    PreferenceModel,
)
from imitation.data.types import TrajectoryWithRew
from imitation.rewards.reward_nets import BasicRewardNet, RewardEnsemble
from imitation.util import logger

NUM_INPUTS = 16
NUM_MEMBERS = 3
HIDDEN = (64, 64)
BATCH_SIZE = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="timed passes; one more not counted")
    parser.add_argument("--comparisons", type=int, default=1000)
    parser.add_argument("--length", type=int, default=50, help="steps in a segment")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    dataset = comparisons(options.comparisons, options.length, rng=rng)
    trainer = ensemble_trainer(rng=rng)
    visits = options.comparisons * NUM_MEMBERS
    trainer.train(dataset)
    cpu_rates, wall_rates = [], []
    for _ in range(options.turns):
        cpu, wall = time.process_time(), time.perf_counter()
        trainer.train(dataset)
        cpu_rates.append(visits / (time.process_time() - cpu))
        wall_rates.append(visits / (time.perf_counter() - wall))
    speed = {
        "name": f"imitation {version('imitation')}, one pass of {options.comparisons} comparisons",
        "unit": "pair visits",
        "cpu_rates": cpu_rates,
        "wall_rates": wall_rates,
    }
    print(json.dumps({"speeds": [speed]}))


def comparisons(num: int, length: int, *, rng: np.random.Generator) -> PreferenceDataset:
    """Pairs of random segments, answered by a reward that is linear in the observation."""
    weights = rng.standard_normal(NUM_INPUTS)
    segments = [segment(length, weights, rng=rng) for _ in range(2 * num)]
    pairs = list(zip(segments[:num], segments[num:], strict=True))
    first_wins = [first.rews.sum() > second.rews.sum() for first, second in pairs]
    dataset = PreferenceDataset()
    dataset.push(pairs, np.array(first_wins, np.float32))
    return dataset


def segment(length: int, weights: np.ndarray, *, rng: np.random.Generator) -> TrajectoryWithRew:
    """One random segment; imitation keeps the observation after the last step too."""
    observations = rng.standard_normal((length + 1, NUM_INPUTS), dtype=np.float32)
    return TrajectoryWithRew(
        obs=observations,
        acts=np.zeros((length, 1), np.float32),
        infos=None,
        terminal=False,
        rews=observations[:-1] @ weights,
    )


def ensemble_trainer(*, rng: np.random.Generator) -> EnsembleTrainer:
    """Its documented ensemble, with the batch and step size that are its defaults."""
    observation_space = spaces.Box(-5.0, 5.0, (NUM_INPUTS,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    members = [
        BasicRewardNet(observation_space, action_space, use_action=False, hid_sizes=HIDDEN)
        for _ in range(NUM_MEMBERS)
    ]
    return EnsembleTrainer(
        PreferenceModel(RewardEnsemble(observation_space, action_space, members)),
        CrossEntropyRewardLoss(),
        rng=rng,
        batch_size=BATCH_SIZE,
        epochs=1,
        lr=1e-3,
        custom_logger=logger.configure(format_strs=()),
    )


if __name__ == "__main__":
    main()
