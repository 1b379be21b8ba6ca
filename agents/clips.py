"""A policy at work, for the report: the same starts for every policy, as pictures or as texts."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from gymnasium.error import DependencyNotInstalled
from jaxtyping import UInt8

from prefgym.agents.config import RunConfig
from prefgym.agents.evaluate import EVALUATION_SEED
from prefgym.agents.policies import Policy
from prefgym.agents.roads import Roads
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.summarize import read
from prefgym.agents.vec_env import make_single
from prefgym.envs.driving_render import to_gif
from prefgym.envs.text_summary import TextSummaryEnv
from prefgym.feedback.encoding import encode

CLIP_STEPS = 40
FRAMES_PER_SECOND = 4.0
NUM_TEXTS = 3


class Film(NamedTuple):
    """Pictures of an episode's first steps, and what was measured meanwhile."""

    frames: UInt8[np.ndarray, "step height width 3"]
    road: Roads


def record_frames(
    config: RunConfig, policy: Policy, num_steps: int, *, seed: int = EVALUATION_SEED
) -> Film | None:
    """The first steps of an episode; None where the environment cannot draw frames."""
    plain = make_single(config.env_id, config.env_kwargs)
    drawable = "rgb_array" in plain.metadata.get("render_modes", [])
    plain.close()
    if not drawable:
        return None
    env = make_single(config.env_id, config.env_kwargs, render_mode="rgb_array")
    observation, _ = env.reset(seed=seed)
    frames, seen, gold = [], [], []
    for _ in range(num_steps):
        action = policy(_batch(observation))[0]
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append(encode(env.observation_space, _batch(observation)))
        gold.append(np.asarray(info.get("criteria", [reward]), np.float64)[None])
        try:
            frames.append(np.asarray(env.render()))
        except DependencyNotInstalled:  # Gymnasium's own draw with pygame, which may be absent
            return None
        if terminated or truncated:
            break
    env.close()
    road = Roads(np.stack(seen), np.stack(gold), np.ones((len(seen), 1), bool))
    return Film(np.stack(frames), road)


def _batch(observation: object) -> dict[str, np.ndarray] | np.ndarray:
    """One observation as a batch of one."""
    if isinstance(observation, dict):
        return {key: np.asarray(value)[None] for key, value in observation.items()}
    return np.asarray(observation)[None]


def record_clip(config: RunConfig, policy: Policy, *, seed: int = EVALUATION_SEED) -> bytes | None:
    """A GIF of the first steps of an episode; None where the environment cannot draw frames."""
    film = record_frames(config, policy, CLIP_STEPS, seed=seed)
    return None if film is None else to_gif(film.frames, fps=FRAMES_PER_SECOND)


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
