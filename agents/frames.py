"""Recorded pictures of an environment that cannot be drawn again from a recording of its states."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from gymnasium.error import DependencyNotInstalled
from jaxtyping import UInt8
from PIL import Image
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from prefgym.agents.config import RunConfig
from prefgym.agents.policies import Policy
from prefgym.agents.recorder import Recorder
from prefgym.agents.vec_env import make_single
from prefgym.feedback.trajectory import Trajectories

MEDIA_TYPE = "image/webp"
MAX_SIDE = 320  # [pixels]
FRAMES_PER_SECOND = 12.0

Frames = list[UInt8[np.ndarray, "height width 3"]]


class Filmed(NamedTuple):
    """What one environment did, and a picture of the moment before each step."""

    trajectories: Trajectories
    frames: Frames


def film(config: RunConfig, policy: Policy, num_steps: int, *, seed: int) -> Filmed | None:
    """Let a policy act in one environment and film it; None where it cannot be drawn."""
    plain = make_single(config.env_id, config.env_kwargs)
    drawable = "rgb_array" in plain.metadata.get("render_modes", [])
    plain.close()
    if not drawable:
        return None
    single = make_single(config.env_id, config.env_kwargs, render_mode="rgb_array")
    recorder = Recorder(DummyVecEnv([lambda: Monitor(single)]), num_steps)
    recorder.seed(seed)
    observations = recorder.reset()
    frames = []
    try:
        for _ in range(num_steps):
            frames.append(_shrink(np.asarray(single.render())))
            observations, *_ = recorder.step(policy(observations))
    except DependencyNotInstalled:  # Gymnasium's own draw with pygame, which may be absent
        return None
    finally:
        recorder.close()
    return Filmed(recorder.trajectories(), frames)


def to_webp(frames: Sequence[UInt8[np.ndarray, "height width 3"]]) -> bytes:
    """An animated picture of the frames, in a loop."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=round(1000 / FRAMES_PER_SECOND),
        loop=0,
        quality=70,
        method=2,
    )
    return buffer.getvalue()


def _shrink(frame: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "h w 3"]:
    picture = Image.fromarray(frame)
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    return np.asarray(picture)
