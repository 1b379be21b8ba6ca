"""A policy at work, for the report: the same starts for every policy, as pictures or as texts."""

from pathlib import Path

import numpy as np
from gymnasium.error import DependencyNotInstalled

from prefgym.agents.config import RunConfig
from prefgym.agents.evaluate import EVALUATION_SEED
from prefgym.agents.policies import Policy
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.summarize import read
from prefgym.agents.vec_env import make_single
from prefgym.envs.driving_render import to_gif
from prefgym.envs.text_summary import TextSummaryEnv

CLIP_STEPS = 40
FRAMES_PER_SECOND = 4.0
NUM_TEXTS = 3


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


def record_texts(config: RunConfig, policy: Policy, *, seed: int = EVALUATION_SEED) -> str | None:
    """What a policy writes of a few sources; None where the environment is not one of texts."""
    env = make_single(config.env_id, config.env_kwargs).unwrapped
    if not isinstance(env, TextSummaryEnv):
        return None
    found = []
    for number in range(NUM_TEXTS):
        env.reset(seed=seed + number)
        opened = env.sources.index(env.opened)
        found.append(f"{env.source}\n\u2192 {read(env, policy, opened)}")
    return "\n\n".join(found) + "\n"


def write_clips(folder: Path, config: RunConfig, policies: dict[str, Policy]) -> None:
    """Save one clip or text per policy and their list, where the environment has either."""
    listed = []
    for number, (title, policy) in enumerate(policies.items()):
        text = record_texts(config, policy)
        content = record_clip(config, policy) if text is None else text.encode()
        if content is None:
            return
        name = f"{number}.gif" if text is None else f"{number}.txt"
        write_atomically(folder / name, content)
        caption = f"The first {CLIP_STEPS} steps from one held-out start."
        if text is not None:
            caption = "Sources, and what was made of each."
        listed.append({"title": title, "file": name, "caption": caption})
    write_json(folder / "clips.json", listed)
