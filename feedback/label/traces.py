"""Drives as a browser draws them: positions over time as JSON, or an animated image."""

import io
import json

import numpy as np
from jaxtyping import Float32
from PIL import Image

from prefgym.envs.driving import RAMP, DrivingConfig
from prefgym.envs.driving_render import render_segment
from prefgym.simulations.drivers import LANE_MIX
from prefgym.simulations.traffic_layout import LANE_WIDTH

DT = 0.5  # [s] between states
BEHIND, AHEAD = -150.0, 250.0  # [m] from the ego: nobody farther away is sent

States = Float32[np.ndarray, "time vehicle 4"]


def driving_trace(config: DrivingConfig, states: States) -> str:
    """The JSON of `DrivingView.trace`; vehicles that are never near are left out.

    Args:
        config: of the environment that was driven in.
        states: x and y [m], speed [m/s] and length [m] of each vehicle; the ego is the first.
    """
    ahead = states[:, :, 0] - states[:, :1, 0]
    # on the ring road everyone far behind comes back far ahead: nobody may be seen to fly there
    near = np.isfinite(states).all(axis=2) & (ahead > BEHIND) & (ahead < AHEAD)
    near[:, 0] = True
    ever = near.any(axis=0)
    rounded = states[:, ever].astype(np.float64).round(2).tolist()
    rows = [
        [row if seen else None for row, seen in zip(moment, present, strict=True)]
        for moment, present in zip(rounded, near[:, ever].tolist(), strict=True)
    ]
    trace = {
        "dt": DT,
        "num_lanes": num_lanes(config),
        "lane_width": LANE_WIDTH,
        "ramp": list(RAMP) if config.scenario == "merge" else None,
        "states": rows,
    }
    return json.dumps(trace, separators=(",", ":"), allow_nan=False)


def driving_picture(config: DrivingConfig, states: States) -> bytes:
    """The same drive as an endless animated WebP, for browsers without scripts."""
    frames = render_segment(
        states,
        num_lanes=num_lanes(config),
        lane_width=LANE_WIDTH,
        ramp=RAMP if config.scenario == "merge" else None,
    )
    images = [Image.fromarray(frame) for frame in frames]
    content = io.BytesIO()
    images[0].save(
        content,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 * DT),
        loop=0,
        lossless=True,
        method=4,
    )
    return content.getvalue()


def num_lanes(config: DrivingConfig) -> int:
    """Lanes of the road, the ramp included."""
    if config.traffic is not None:
        return config.make_traffic(1).settings.num_lanes
    return len(LANE_MIX) + (config.scenario == "merge")
