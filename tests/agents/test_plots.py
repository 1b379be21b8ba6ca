import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from prefgym.agents.plots import (
    INK,
    Curve,
    ImageFormat,
    Line,
    calibration_plot,
    curve_with_interval,
    grouped_bars,
    histograms,
    line_plot,
    score_matrix,
)
from prefgym.agents.statistics import Interval

CURVES = [
    Curve(
        "uniform",
        [25.0, 100.0, 400.0],
        [Interval(0.2, 0.1, 0.3), Interval(0.6, 0.5, 0.7), Interval(0.8, 0.75, 0.9)],
    ),
    Curve("BALD", [25.0, 100.0], [Interval(0.3, 0.1, 0.4), Interval(0.5, 0.5, 0.5)]),
]
MATRIX = np.array([[-0.097, -0.153], [-0.154, -0.114], [-0.2, -0.3]])


def one_line(name: str) -> str:
    lines = [Line("one", [0.0, 1000.0, 2000.0], [None, 1.0, 2.0])]
    return line_plot(name, lines, xlabel="environment steps", ylabel="gold <return>", marks=[500.0])


def matrix_image(image_format: ImageFormat = "png") -> bytes:
    return score_matrix(
        MATRIX,
        rows=["comfort", "hurried", "IDM driver"],
        columns=["comfort", "hurried"],
        title="Gold return per step",
        half_widths=np.full(MATRIX.shape, 0.002),
        image_format=image_format,
    )


def curve_image(image_format: ImageFormat = "png") -> bytes:
    return curve_with_interval(
        CURVES,
        title="Driving",
        xlabel="comparisons",
        ylabel="score",
        references={"PPO on gold": 1.0, "IDM driver": 0.0},
        image_format=image_format,
    )


@pytest.mark.parametrize(
    "svg",
    [
        one_line("line"),
        calibration_plot("calibration", [(0.5, 0.4, 10.0)]),
        grouped_bars("bars", ["comfort"], {"a": [-0.1], "b": [None]}, ylabel="mean"),
        histograms("densities", {"same": [1.0, 1.0], "other": [1.0]}, xlabel="time gap [s]"),
    ],
)
def test_inline_plots_are_well_formed_and_have_no_fixed_size(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert {"width", "height"}.isdisjoint(root.attrib)
    assert root.attrib["viewBox"].startswith("0 0 ")


def test_ids_begin_with_the_name_of_the_plot() -> None:
    svg = one_line("first")
    ids = re.findall(r'\bid="(.*?)"', svg)
    references = re.findall(r'url\(#(.*?)\)|href="#(.*?)"', svg)
    assert ids
    assert all(name.startswith("first-") for name in ids)
    assert {a or b for a, b in references} <= set(ids)


def test_colours_follow_the_page() -> None:
    svg = one_line("line")
    assert f"var(--ink, {INK})" in svg
    assert "var(--series-0, " in svg
    assert not re.search(r"(fill|stroke): #", svg)


def test_labels_are_escaped() -> None:
    assert "gold &lt;return&gt;" in one_line("line")


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert one_line("line") == one_line("line")
    for image_format in ("png", "svg"):
        assert matrix_image(image_format) == matrix_image(image_format)
        assert curve_image(image_format) == curve_image(image_format)


def test_a_readers_own_settings_change_nothing() -> None:
    plain = one_line("line")
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "red"}):
        assert one_line("line") == plain
        assert mpl.rcParams["font.size"] == 30.0


def test_images_are_of_their_format() -> None:
    for png in (matrix_image(), curve_image()):
        with Image.open(io.BytesIO(png)) as image:
            assert image.format == "PNG"
            assert min(image.size) > 200
    for svg in (matrix_image("svg"), curve_image("svg")):
        assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_only_the_best_of_each_column_is_bold() -> None:
    svg = matrix_image("svg").decode()
    bold = re.findall(r"<text style=\"[^\"]*(?:bold|700)[^\"]*\"[^>]*>(.*?)</text>", svg)
    assert bold == ["-0.097 ± 0.002", "-0.114 ± 0.002"]
