from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.config import EnvValue, LoopConfig, RunConfig
from prefgym.agents.explore import explore
from prefgym.agents.presets import preset
from prefgym.agents.run import read_progress
from prefgym.agents.train import load_run, resume, train
from prefgym.feedback.trajectory import Trajectories


def exploration(
    env_id: str, kind: str, *, seed: int = 0, steps: int = 3200, **kwargs: EnvValue
) -> Trajectories:
    config = preset(env_id, kwargs)
    loop = replace(config.loop, explore=kind, explore_envs=16, explore_steps=steps)
    return explore(replace(config, loop=loop), seed=seed, rng=np.random.default_rng(seed))


def places(found: Trajectories) -> int:
    """Cells of cart position and pole angle, 15 x 15 within the limits of CartPole, visited."""
    limits = np.array([2.4, 0.21])
    cells = ((found.next_observations[:, [0, 2]] / limits + 1) * 7.5).astype(int).clip(0, 14)
    return len(np.unique(cells, axis=0))


def test_seeking_new_states_meets_more_of_them() -> None:
    held = places(exploration("CartPole-v1", "held", steps=8000))
    sought = places(exploration("CartPole-v1", "entropy", steps=8000))
    assert sought > 1.3 * held  # measured over three seeds: 86 to 118 against 37 to 48


@pytest.mark.parametrize(
    "env_id", ["CartPole-v1", "MountainCarContinuous-v0", "prefgym/Driving-v0"]
)
@pytest.mark.parametrize("steps", [16, 1040])
def test_every_step_of_the_budget_is_recorded(env_id: str, steps: int) -> None:
    """Rollouts of 64 steps or fewer; with observations normalised or not."""
    found = exploration(env_id, "entropy", steps=steps)
    assert found.num_steps == steps
    assert np.isfinite(found.observations).all()


def test_exploration_is_a_function_of_its_seed() -> None:
    one, again, other = (exploration("CartPole-v1", "entropy", seed=s) for s in (1, 1, 2))
    assert one.observations.tobytes() == again.observations.tobytes()
    assert one.observations.tobytes() != other.observations.tobytes()


def test_a_run_that_sought_first_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    config = RunConfig(
        "CartPole-v1",
        loop=LoopConfig(
            labels=8,
            rounds=2,
            steps=2600,
            warmup_steps=0,
            explore="entropy",
            explore_steps=800,
            segment_length=8,
            held_out=0,
        ),
        ppo=replace(preset("CartPole-v1").ppo, num_envs=4, num_steps=64, batch_size=64),
    )

    def models(folder: Path) -> dict[str, bytes]:
        progress = read_progress(folder)
        assert progress is not None
        return {name: (folder / name).read_bytes() for name in progress.files}

    def stop(step: int) -> None:
        if step > 1200:
            raise InterruptedError

    train("CartPole-v1", out=tmp_path / "whole", config=config)
    with pytest.raises(InterruptedError):
        train("CartPole-v1", out=tmp_path / "stopped", config=config, progress=stop)
    resume(tmp_path / "stopped")
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")
    # the exploring steps are part of the budget
    assert load_run(tmp_path / "whole").env_steps == 800 + (2600 - 800) // 256 * 256
