"""Top view of the driving environment, drawn by Pillow from a compact state.

One state is all that a frame needs, so any recorded moment can be drawn again. Along the road
everything is to scale; across it lanes are drawn wider (up to 2.2 x), so that a number fits into a
lane, and bodies keep the proportions of a car.
"""

import io
import math

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image, ImageDraw

from prefgym.envs.driving_sprites import (
    ASPHALT,
    EGO_COLOUR,
    FAINT,
    GRASS,
    MARK,
    SHOULDER,
    TRUCK_LENGTH,
    WHITE,
    Camera,
    body,
    header_bar,
    road,
    speed_colour,
    text,
)

__all__ = ["EGO_COLOUR", "render_segment", "render_state", "speed_colour", "to_gif"]

_TAPER = 30.0  # [m] over which a ramp widens from nothing and narrows to it


def render_state(
    state: Float32[np.ndarray, "vehicle 4"],
    *,
    num_lanes: int,
    lane_width: float = 4.0,
    road_length: float | None = None,
    trail: Float[np.ndarray, "step 2"] | None = None,
    ramp: tuple[float, float] | None = None,
    size: tuple[int, int] = (640, 160),
    view: tuple[float, float] = (-60.0, 120.0),
) -> UInt8[np.ndarray, "height width 3"]:
    """One frame: the road around the ego, everyone's speed in km/h and the ego's time gap.

    Args:
        state: x of the middle along the road [m], y to the left of lane 0's centre [m], speed
            [m/s] and length [m] of each vehicle; row 0 is the ego. Rows that are not finite, or
            lie off the road, are absent.
        num_lanes: lanes, the ramp included.
        lane_width: [m].
        road_length: length of a closed road [m], round which positions wrap; None: it is open.
        trail: past x and y of the ego [m], the oldest first.
        ramp: x where lane 0 begins to run beside the others and where it ends [m]; None: lane 0
            is a lane like the others.
        size: width and height of the picture [pixels].
        view: what is seen behind (negative) and ahead of the ego [m].

    Raises:
        ValueError: if the state is not one row of four per vehicle with an ego in the first.
    """
    if state.ndim != 2 or state.shape[1] != 4 or not np.isfinite(state[:1]).all() or not len(state):
        raise ValueError(
            "state must be (vehicle, 4) with x, y, speed, length and a finite ego in row 0, "
            f"got shape {state.shape} and ego {state[:1].tolist()}"
        )
    camera = Camera(num_lanes, lane_width, size, view)
    ego_x = float(state[0, 0])
    rows = _seen(state, camera, ego_x, road_length)

    image = road(camera, ego_x, road_length)
    draw = ImageDraw.Draw(image)
    if ramp is not None:
        _draw_ramp(draw, camera, ramp, ego_x, road_length)
    if trail is not None and len(trail):
        past = np.column_stack([_relative(trail[:, 0], ego_x, road_length), trail[:, 1]])
        _draw_trail(draw, camera, past)
    leader = _leader(rows, lane_width)
    if leader is not None:
        _draw_gap(draw, camera, rows[0], leader)
    _draw_vehicles(image, camera, rows)
    _draw_header(image, camera, rows[0], leader)
    return np.array(image)


def render_segment(
    states: Float32[np.ndarray, "step vehicle 4"],
    *,
    num_lanes: int,
    lane_width: float = 4.0,
    road_length: float | None = None,
    ramp: tuple[float, float] | None = None,
    size: tuple[int, int] = (640, 160),
    view: tuple[float, float] = (-60.0, 120.0),
) -> UInt8[np.ndarray, "step height width 3"]:
    """The frames of a recorded segment, each with the ego's trail so far; see `render_state`."""
    frames = np.empty((len(states), size[1], size[0], 3), np.uint8)
    for step, state in enumerate(states):
        frames[step] = render_state(
            state,
            num_lanes=num_lanes,
            lane_width=lane_width,
            road_length=road_length,
            trail=states[: step + 1, 0, :2],
            ramp=ramp,
            size=size,
            view=view,
        )
    return frames


def to_gif(frames: UInt8[np.ndarray, "step height width 3"], *, fps: float) -> bytes:
    """The frames as an endless GIF; its clock ticks in 1/100 s, so `fps` is rounded to that.

    Raises:
        ValueError: if there is no frame or `fps` is not in (0, 50], all that browsers play.
    """
    if len(frames) == 0:
        raise ValueError("a GIF needs at least one frame, got none")
    if not 0 < fps <= 50:
        raise ValueError(f"fps must be in (0, 50], got {fps}")
    # One palette for all frames, from the first and the last: colours do not flicker.
    sample = Image.fromarray(np.concatenate([frames[0], frames[-1]]))
    palette = sample.quantize(255, method=Image.Quantize.MEDIANCUT)
    images = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=images[1:],
        duration=10 * round(100 / fps),
        loop=0,
    )
    return buffer.getvalue()


def _relative(
    x: Float[np.ndarray, " point"], ego_x: float, road_length: float | None
) -> Float[np.ndarray, " point"]:
    """Distance ahead of the ego [m], on a closed road the shorter way round."""
    ahead = x.astype(np.float64) - ego_x
    if road_length is None:
        return ahead
    return np.asarray((ahead + road_length / 2) % road_length - road_length / 2)


def _seen(
    state: Float32[np.ndarray, "vehicle 4"],
    camera: Camera,
    ego_x: float,
    road_length: float | None,
) -> Float[np.ndarray, "present 4"]:
    """The ego and all who are on the road and near enough, with x relative to the ego."""
    rows = state.astype(np.float64)
    rows[:, 0] = _relative(rows[:, 0], ego_x, road_length)
    x, y, length = rows[:, 0], rows[:, 1], rows[:, 3]
    present = np.isfinite(rows).all(axis=1)
    present &= (x > camera.view[0] - length) & (x < 3 * camera.view[1])
    present &= (y > camera.right_edge) & (y < camera.left_edge)
    present[0] = True
    return rows[present]


def _leader(
    rows: Float[np.ndarray, "vehicle 4"], lane_width: float
) -> Float[np.ndarray, " 4"] | None:
    """The next vehicle ahead that overlaps the ego's lane, if any."""
    ahead = (rows[:, 0] > 0) & (np.abs(rows[:, 1] - rows[0, 1]) < lane_width / 2)
    if not ahead.any():
        return None
    leader: Float[np.ndarray, " 4"] = rows[np.where(ahead, rows[:, 0], np.inf).argmin()]
    return leader


def _draw_ramp(
    draw: ImageDraw.ImageDraw,
    camera: Camera,
    ramp: tuple[float, float],
    ego_x: float,
    road_length: float | None,
) -> None:
    """Lane 0 as a ramp: grass where it has ended, up to where it begins again."""
    start = float(_relative(np.array([ramp[0]]), ego_x, road_length)[0])
    length = ramp[1] - ramp[0]
    if road_length is None:
        endless = 10 * (camera.view[1] - camera.view[0])
        _draw_grass(draw, camera, start + length, endless)
        _draw_grass(draw, camera, -endless, start)
        return
    for turn in (-2, -1, 0, 1):
        begin = start + turn * road_length
        _draw_grass(draw, camera, begin + length, begin + road_length)


def _draw_grass(draw: ImageDraw.ImageDraw, camera: Camera, end: float, begin: float) -> None:
    """Lane 0 taken away between x = `end` and `begin` [m ahead of the ego]."""
    if not end < camera.view[1] or not begin > camera.view[0]:
        return
    taper = min(_TAPER, (begin - end) / 2)
    far, close = camera.row(camera.right_edge), camera.row(camera.right_edge + camera.lane_width)
    columns = [camera.column(x) for x in (end, end + taper, begin - taper, begin)]
    verge, line = SHOULDER * camera.across, round(2 * camera.unit)
    draw.rectangle((columns[0], close + line, columns[3], far + verge), ASPHALT)
    rows = [far + verge, close + verge, close + verge, far + verge]
    outline = [*zip(columns, rows, strict=True)]
    bottom = float(camera.size[1])
    draw.polygon([(columns[0], bottom), *outline, (columns[3], bottom)], GRASS)
    edge = [*zip(columns, (far, close, close, far), strict=True)]
    draw.line(edge, MARK, line, joint="curve")


def _draw_trail(
    draw: ImageDraw.ImageDraw, camera: Camera, past: Float[np.ndarray, "step 2"]
) -> None:
    """Dots where the ego was, fainter with age: their distance is its speed."""
    seen = past[(past[:, 0] > camera.view[0] - 10) & (past[:, 0] < 0)]
    radius = 2 * camera.unit
    for index, (x, y) in enumerate(seen):
        opacity = 0.25 + 0.75 * (index + 1) / len(seen)
        colour = tuple(
            round(a + opacity * (b - a)) for a, b in zip(ASPHALT, EGO_COLOUR, strict=True)
        )
        column, row = camera.column(x), camera.row(y)
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), colour)
        if index + 1 < len(seen):
            x_next, y_next = seen[index + 1]
            draw.line((column, row, camera.column(x_next), camera.row(y_next)), colour)


def _draw_gap(
    draw: ImageDraw.ImageDraw,
    camera: Camera,
    ego: Float[np.ndarray, " 4"],
    leader: Float[np.ndarray, " 4"],
) -> None:
    """A thin line from the ego's front bumper to its leader's rear."""
    row = camera.row(ego[1])
    front, rear = camera.column(ego[3] / 2), camera.column(leader[0] - leader[3] / 2)
    if rear > front:
        draw.line((front, row, rear, row), FAINT)


def _draw_vehicles(
    image: Image.Image, camera: Camera, rows: Float[np.ndarray, "vehicle 4"]
) -> None:
    """Bodies and, above each, the speed in km/h; the ego last, on top."""
    for index in range(len(rows) - 1, -1, -1):
        x, y, speed, length = rows[index].tolist()
        is_ego = index == 0
        # Rounded, so that few bodies are ever drawn; two metres per second look alike.
        colour = EGO_COLOUR if is_ego else speed_colour(2.0 * round(speed / 2.0))
        size = camera.body_size(length)
        sprite = body(size, colour, truck=length > TRUCK_LENGTH, ego=is_ego)
        column, row = camera.column(x), camera.row(y)
        corner = round(column - sprite.width / 2), round(row - sprite.height / 2)
        image.paste(sprite, corner, sprite)
        label = text(f"{3.6 * speed:.0f}", camera.label_size)
        above = corner[1] - label.height - 1
        image.paste(WHITE if is_ego else MARK, (round(column - label.width / 2), above), label)


def _draw_header(
    image: Image.Image,
    camera: Camera,
    ego: Float[np.ndarray, " 4"],
    leader: Float[np.ndarray, " 4"] | None,
) -> None:
    """The ego's speed and its time gap, bumper to bumper, to the leader."""
    image.paste(header_bar(camera), (0, 0))
    gap = "no leader"
    if leader is not None:
        distance = max(0.0, leader[0] - (leader[3] + ego[3]) / 2)
        time_gap = distance / ego[2] if ego[2] > 0.1 else math.inf
        gap = f"gap {time_gap:.1f} s" if time_gap < 9.95 else "gap over 10 s"
    for line, column, colour in (
        (f"{3.6 * ego[2]:.0f} km/h", 0.4, EGO_COLOUR),
        (gap, 5.0, WHITE),
    ):
        corner = round(column * camera.header), round(0.24 * camera.header)
        image.paste(colour, corner, text(line, 0.62 * camera.header))
