"""Short clips of a policy at work, for the report: the same start for every policy."""

from pathlib import Path

import numpy as np
from gymnasium.error import DependencyNotInstalled

from prefgym.agents.config import RunConfig
from prefgym.agents.evaluate import EVALUATION_SEED
from prefgym.agents.policies import Policy
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.vec_env import make_single
from prefgym.envs.driving_render import to_gif

CLIP_STEPS = 40
FRAMES_PER_SECOND = 4.0


def record_clip(config: RunConfig, policy: Policy, *, seed: int = EVALUATION_SEED) -> bytes | None:
    """A GIF of the first steps of an episode; None where the environment cannot draw frames."""
    plain = make_single(config.env_id, config.env_kwargs)
    drawable = "rgb_array" in plain.metadata.get("render_modes", [])
    plain.close()
    if not drawable:
        return None
    env = make_single(config.env_id, config.env_kwargs, render_mode="rgb_array")
    observation, _ = env.reset(seed=seed)
    frames = []
    for _ in range(CLIP_STEPS):
        batch = (
            {key: value[None] for key, value in observation.items()}
            if isinstance(observation, dict)
            else np.asarray(observation)[None]
        )
        observation, _, terminated, truncated, _ = env.step(policy(batch)[0])
        try:
            frames.append(np.asarray(env.render()))
        except DependencyNotInstalled:  # Gymnasium's own draw with pygame, which may be absent
            return None
        if terminated or truncated:
            break
    env.close()
    return to_gif(np.stack(frames), fps=FRAMES_PER_SECOND)


def write_clips(folder: Path, config: RunConfig, policies: dict[str, Policy]) -> None:
    """Save one clip per policy and their list, where the environment can be drawn."""
    listed = []
    for number, (title, policy) in enumerate(policies.items()):
        gif = record_clip(config, policy)
        if gif is None:
            return
        write_atomically(folder / f"{number}.gif", gif)
        caption = f"The first {CLIP_STEPS} steps from one held-out start."
        listed.append({"title": title, "file": f"{number}.gif", "caption": caption})
    write_json(folder / "clips.json", listed)
