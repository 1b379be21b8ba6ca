"""highway-env's speed, alone and inside PPO with the settings of its own example script.

Runs in an environment of its own (README.md beside it), imports nothing of prefgym, and prints
one JSON line for `prefgym benchmark speed`.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.metadata import version

import gymnasium as gym
import highway_env  # type: ignore[import-untyped]  # highway-env ships no types
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

ENV_ID = "highway-fast-v0"
NUM_WORLDS = 16
ROLLOUT = 768  # steps between two updates, over all worlds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="timed turns")
    parser.add_argument("--decisions", type=int, default=200, help="random actions in a turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    gym.register_envs(highway_env)
    name = f"{ENV_ID} of highway-env {version('highway-env')}"
    speeds = [
        {"name": f"{name}, one world", "unit": "decisions"}
        | timed(one_world(options.decisions), options.turns),
        {"name": f"{name}, the same PPO loop", "unit": "steps"} | timed(ppo_loop(), options.turns),
    ]
    print(json.dumps({"speeds": speeds}))


def timed(job: Callable[[], int], num_turns: int) -> dict[str, list[float]]:
    """What the job gets done per second, once per turn.

    A first turn is no slower than later ones: there is nothing to compile.
    """
    cpu_rates, wall_rates = [], []
    for _ in range(num_turns):
        cpu, wall = time.process_time(), time.perf_counter()
        amount = job()
        cpu_rates.append(amount / (time.process_time() - cpu))
        wall_rates.append(amount / (time.perf_counter() - wall))
    return {"cpu_rates": cpu_rates, "wall_rates": wall_rates}


def one_world(num_decisions: int) -> Callable[[], int]:
    """Random actions drawn beforehand, resets included."""
    env = gym.make(ENV_ID)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(num_decisions)]

    def play() -> int:
        env.reset()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return play


def ppo_loop() -> Callable[[], int]:
    """One rollout and update of `scripts/sb3_highway_ppo.py`, its worlds in one process."""
    ppo = PPO(
        "MlpPolicy",
        make_vec_env(ENV_ID, n_envs=NUM_WORLDS),
        policy_kwargs={"net_arch": {"pi": [256, 256], "vf": [256, 256]}},
        n_steps=ROLLOUT // NUM_WORLDS,
        batch_size=64,
        n_epochs=10,
        learning_rate=5e-4,
        gamma=0.8,
        seed=0,
        device="cpu",
    )

    def turn() -> int:
        ppo.learn(ROLLOUT, reset_num_timesteps=False)
        return ROLLOUT

    return turn


if __name__ == "__main__":
    main()
