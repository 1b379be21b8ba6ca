"""What the driving view is made of: its camera, and the parts that look alike in every frame.

Road, bodies, digits and header are drawn once with sub-pixels, so that they are smooth, and kept.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

EGO_COLOUR: Colour = (255, 92, 170)
WHITE, ASPHALT, GRASS = (255, 255, 255), (58, 61, 66), (74, 93, 71)
HEADER, MARK, FAINT = (24, 26, 30), (222, 222, 214), (150, 154, 160)
# Orange over cream to blue: the order and the ends survive every common colour blindness.
SPEED_STOPS = (0.0, 12.0, 22.0, 30.0, 40.0)  # [m/s]
SPEED_COLOURS = ((225, 80, 20), (245, 160, 60), (246, 236, 200), (130, 190, 235), (60, 130, 235))
LEGEND_SPEED = 140 / 3.6  # [m/s]

SMOOTHING = 4  # sub-pixels per pixel side
DASH_PERIOD, DASH = 12.0, 4.0  # [m]
DASHES_PER_POST = 4
SHOULDER = 1.6  # [m] on either side
TRUCK_LENGTH = 8.0  # [m]


def speed_colour(speed: float) -> Colour:
    """Colour of a vehicle at `speed` [m/s]: orange stands, cream flows, blue is fast."""
    channels = zip(*SPEED_COLOURS, strict=True)
    red, green, blue = (round(float(np.interp(speed, SPEED_STOPS, c))) for c in channels)
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Camera:
    """Where metres fall on the picture; x is relative to the ego, y to lane 0's centre."""

    num_lanes: int
    lane_width: float
    size: tuple[int, int]
    view: tuple[float, float]

    def __post_init__(self) -> None:
        if self.num_lanes < 1:
            raise ValueError(f"num_lanes must be at least 1, got {self.num_lanes}")
        if min(self.size) < 32:
            raise ValueError(f"size must be at least 32 pixels either way, got {self.size}")
        if not self.view[0] < 0 < self.view[1]:
            raise ValueError(
                "view must be (metres behind, metres ahead) with the ego at 0 in between, "
                f"got {self.view}"
            )

    @property
    def unit(self) -> float:
        """Pixels that a line of unit thickness takes."""
        return max(1.0, self.size[1] / 160)

    @property
    def header(self) -> int:
        """Height of the header [pixels]."""
        return max(14, self.size[1] // 8)

    @property
    def along(self) -> float:
        """Scale along the road [pixel/m]."""
        return self.size[0] / (self.view[1] - self.view[0])

    @property
    def across(self) -> float:
        """Scale across the road [pixel/m]."""
        road = self.num_lanes * self.lane_width + 2 * SHOULDER
        return min(2.2 * self.along, (self.size[1] - self.header) / road)

    @property
    def label_size(self) -> float:
        """Font size of the speeds, for which there is a third of a lane [pixels]."""
        return min(0.5 * self.header, 0.32 * self.lane_width * self.across)

    @property
    def right_edge(self) -> float:
        """Outer edge of lane 0 [m]."""
        return -self.lane_width / 2

    @property
    def left_edge(self) -> float:
        """Outer edge of the left-most lane [m]."""
        return self.right_edge + self.num_lanes * self.lane_width

    def column(self, x: float) -> float:
        """Pixel column of a place `x` metres ahead of the ego."""
        return (x - self.view[0]) * self.along

    def row(self, y: float) -> float:
        """Pixel row of a place `y` metres to the left of lane 0's centre."""
        middle = (self.right_edge + self.left_edge) / 2
        return (self.header + self.size[1]) / 2 - (y - middle) * self.across

    def body_size(self, length: float) -> tuple[int, int]:
        """Width and height in pixels of a vehicle `length` metres long."""
        thickness = 0.31 * self.lane_width * self.across
        return max(3, round(length * self.along)), max(3, round(thickness))


def road(camera: Camera, ego_x: float, road_length: float | None) -> Image.Image:
    """The road around the ego: a window on a strip that repeats with the lane marks.

    On a closed road marks are a little nearer or farther, so that they close up, too.
    """
    dash_period = DASH_PERIOD
    if road_length is not None:
        dash_period = road_length / max(1, round(road_length / DASH_PERIOD / DASHES_PER_POST))
        dash_period /= DASHES_PER_POST
    left = (ego_x + camera.view[0]) % (dash_period * DASHES_PER_POST)
    offset = round(left * camera.along)
    return _strip(camera, dash_period).crop((offset, 0, offset + camera.size[0], camera.size[1]))


@lru_cache(maxsize=64)
def _strip(camera: Camera, dash_period: float) -> Image.Image:
    """The picture's width of road plus one period of its marks, from x = 0."""
    period = dash_period * DASHES_PER_POST
    width, height = camera.size[0] + math.ceil(period * camera.along) + 1, camera.size[1]
    image = Image.new("RGB", (width * SMOOTHING, height * SMOOTHING), GRASS)
    draw = ImageDraw.Draw(image)

    def box(x: float, length: float, y: float, thick: float, colour: Colour) -> None:
        left, right = x * camera.along, (x + length) * camera.along
        corners = (left, camera.row(y) - thick / 2, right, camera.row(y) + thick / 2)
        draw.rectangle([round(corner * SMOOTHING) for corner in corners], colour)

    right_edge, left_edge = camera.right_edge, camera.left_edge
    middle, length = (left_edge + right_edge) / 2, width / camera.along
    box(0.0, length, middle, (left_edge - right_edge + 2 * SHOULDER) * camera.across, ASPHALT)
    for edge in (left_edge, right_edge):
        box(0.0, length, edge, 1.5 * camera.unit, MARK)
    for index in range(math.ceil(length / dash_period) + 1):
        x = index * dash_period
        for lane in range(1, camera.num_lanes):
            box(x, DASH, right_edge + lane * camera.lane_width, 1.25 * camera.unit, MARK)
        if index % DASHES_PER_POST == 0:
            for edge in (left_edge + SHOULDER, right_edge - SHOULDER):
                box(x, 1.0, edge, 4.0 * camera.unit, WHITE)
    return image.resize((width, height), Image.Resampling.BOX)


@lru_cache(maxsize=4096)
def body(size: tuple[int, int], colour: Colour, *, truck: bool, ego: bool) -> Image.Image:
    """A vehicle seen from above, heading right, with a pixel of outline around `size`."""
    width, height = (SMOOTHING * (pixels + 2) for pixels in size)
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    pixel, radius = SMOOTHING, 0.3 * height
    outline = (*WHITE, 255) if ego else (20, 22, 26, 190)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius, outline)
    inner = (pixel, pixel, width - 1 - pixel, height - 1 - pixel)
    draw.rounded_rectangle(inner, radius - pixel, (*colour, 255))
    glass, top, bottom = (30, 34, 42, 220), 0.24 * height, 0.76 * height
    if truck:
        cab = width - 0.9 * height
        draw.rectangle((cab - pixel, pixel, cab, height - 1 - pixel), glass)
        draw.rectangle((width - 0.5 * height, top, width - 0.3 * height, bottom), glass)
    else:
        draw.rounded_rectangle((0.62 * width, top, 0.76 * width, bottom), pixel, glass)
        draw.rectangle((0.14 * width, top, 0.21 * width, bottom), glass)
    return image.resize((size[0] + 2, size[1] + 2), Image.Resampling.BOX)


@lru_cache(maxsize=4096)
def text(line: str, font_size: float) -> Image.Image:
    """Opacity of a line of text, from the top of its digits to the feet of its letters."""
    font = ImageFont.load_default(font_size)
    left, _, right, bottom = font.getbbox(line)
    top = font.getbbox("0")[1]
    image = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), line, 255, font)
    return image


@lru_cache(maxsize=64)
def header_bar(camera: Camera) -> Image.Image:
    """The bar behind the header, with the legend of the colours at its right end."""
    width, height = camera.size[0], camera.header
    image = Image.new("RGB", (width, height), HEADER)
    draw = ImageDraw.Draw(image)
    low, high = (text(line, 0.5 * height) for line in ("0", f"{3.6 * LEGEND_SPEED:.0f} km/h"))
    scale, space = width // 6, height // 3
    left = width - 2 * space - high.width - scale
    for column in range(scale):
        colour = speed_colour(LEGEND_SPEED * column / scale)
        box = (left + column, round(0.32 * height), left + column, round(0.66 * height))
        draw.rectangle(box, colour)
    image.paste(FAINT, (left - space - low.width, round(0.3 * height)), low)
    image.paste(FAINT, (left + scale + space, round(0.3 * height)), high)
    return image
