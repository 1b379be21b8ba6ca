"""Drives as pictures that move, for browsers without scripts."""

import io

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from prefgym.envs.driving import RAMP, DrivingConfig
from prefgym.envs.driving_render import render_segment
from prefgym.simulations.traffic_layout import LANE_WIDTH


def driving_picture(config: DrivingConfig, states: Float32[np.ndarray, "time vehicle 4"]) -> bytes:
    """A drive as an endless animated WebP, at the pace at which it was driven."""
    settings = config.make_traffic(1).settings
    frames = render_segment(
        states,
        num_lanes=settings.num_lanes,
        lane_width=LANE_WIDTH,
        ramp=RAMP if config.scenario == "merge" else None,
    )
    return moving_picture(frames, seconds=settings.decision_time)


def moving_picture(frames: UInt8[np.ndarray, "frame height width 3"], *, seconds: float) -> bytes:
    """Frames as an endless animated WebP.

    Args:
        frames: one or more.
        seconds: for which each is shown.
    """
    first, *others = (Image.fromarray(frame) for frame in frames)
    content = io.BytesIO()
    first.save(
        content,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 * seconds),
        loop=0,
        lossless=True,
        method=4,
    )
    return content.getvalue()
