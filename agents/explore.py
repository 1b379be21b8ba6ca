"""Behaviour for the first label round, recorded before there is a policy worth showing."""

import numpy as np

from prefgym.agents.config import RunConfig
from prefgym.agents.intrinsic import seek_novelty
from prefgym.agents.policies import explorer
from prefgym.agents.recorder import Recorder
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.trajectory import Trajectories


def explore(config: RunConfig, *, seed: int, rng: np.random.Generator) -> Trajectories:
    """Act by the configuration's exploring rule for its `loop.exploration` steps in all.

    Args:
        config: the run's configuration.
        seed: of the environments.
        rng: of the actions.
    """
    num_envs = config.loop.explore_envs
    venv = make_vec_env(config.env_id, config.env_kwargs, num_envs)
    num_steps = config.loop.exploration // num_envs
    recorder = Recorder(venv, num_steps)
    if config.loop.explore == "entropy":
        info = describe(config.env_id, config.env_kwargs)
        seek_novelty(config.ppo, recorder, info.candidates, num_steps, seed=seed)
    else:
        policy = explorer(config.loop.explore, venv.action_space, num_envs, rng=rng)
        recorder.record(policy, num_steps, seed=seed)
    found = recorder.trajectories()
    recorder.close()
    return found
