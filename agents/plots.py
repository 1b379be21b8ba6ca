"""Plots as pure functions of numbers: to inline SVG for the report, to files for the benchmarks.

The only module that uses matplotlib, and only its Figure objects, so that nothing depends on a
display or on pyplot's global state. The same numbers give the same bytes.
"""

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from prefgym.agents.statistics import Interval

ImageFormat = Literal["png", "svg"]

INK, FAINT = "#24292f", "#d0d7de"
# The colours of Okabe & Ito, which colour-blind readers can tell apart, darkened for thin lines.
SERIES = ("#0067a5", "#d55e00", "#00805e", "#b5518f", "#8a6d00", "#4c5561")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("--", ":", "-.")
# In a page each colour is a CSS variable, so that its dark theme recolours the plots too.
CSS_NAMES = {INK: "--ink", FAINT: "--faint", **{c: f"--series-{i}" for i, c in enumerate(SERIES)}}

# after_reset: a reader's own matplotlibrc changes nothing.
_styled = style.context(
    {
        "axes.axisbelow": True,
        "axes.edgecolor": FAINT,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.unicode_minus": False,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "legend.fontsize": 9.5,
        "legend.frameon": False,
        "lines.linewidth": 1.7,
        "lines.markersize": 4.5,
        "svg.fonttype": "none",
        "svg.hashsalt": "prefgym",
        "text.color": INK,
        "xtick.color": FAINT,
        "xtick.labelcolor": INK,
        "ytick.color": FAINT,
        "ytick.labelcolor": INK,
    },
    after_reset=True,
)


class Line(NamedTuple):
    """A named series; None is a gap."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]


class Curve(NamedTuple):
    """A named series of estimates, each with its confidence interval."""

    label: str
    x: Sequence[float]
    y: Sequence[Interval]


@_styled
def line_plot(
    name: str,
    lines: Sequence[Line],
    *,
    xlabel: str,
    ylabel: str,
    marks: Sequence[float] = (),
    references: Mapping[str, float] | None = None,
    xlim: tuple[float, float] | None = None,
) -> str:
    """Lines over a count of steps or rounds, as inline SVG.

    Args:
        name: begins every id in the SVG, so that several can stand in one page.
        marks: places on the x axis marked by a dotted upright line.
        references: named level lines.
    """
    figure, axes = _new_figure(4.9, 2.9)
    for mark in marks:
        axes.axvline(mark, color=SERIES[5], linestyle=":", linewidth=1)
    axes.grid(visible=not marks, axis="x")
    for i, line in enumerate(lines):
        marker = MARKERS[i % len(MARKERS)] if len(line.x) <= 20 else ""
        values = np.array(line.y, dtype=np.float64)  # None becomes nan, which is not drawn
        axes.plot(line.x, values, color=_colour(i), marker=marker, label=line.label)
    for i, (label, level) in enumerate((references or {}).items()):
        dash = DASHES[i % len(DASHES)]
        axes.axhline(level, color=_colour(i + 1), linestyle=dash, linewidth=1.3, label=label)
    _label(axes, xlabel, ylabel)
    if xlim is not None:
        axes.set_xlim(xlim)
    _legend(figure, len(lines) + len(references or {}))
    return _inline_svg(figure, name, f"{ylabel} over {xlabel}")


@_styled
def calibration_plot(name: str, bins: Sequence[tuple[float, float, float]]) -> str:
    """Observed frequency over predicted probability, as inline SVG; areas follow the counts.

    Args:
        bins: (predicted probability, observed frequency, count) of each.
    """
    figure, axes = _new_figure(4.9, 2.9)
    probability, frequency, count = np.array(bins, dtype=np.float64).reshape(-1, 3).T
    axes.plot([0, 1], [0, 1], color=SERIES[5], linestyle="--", linewidth=1.2)
    axes.plot(probability, frequency, color=SERIES[0])
    axes.scatter(probability, frequency, 12 + 100 * count / count.max(), color=SERIES[0])
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.05, 1.05)
    axes.set_xlabel("predicted probability that the first is preferred")
    axes.set_ylabel("share of answers")
    return _inline_svg(figure, name, "answers observed over answers predicted")


@_styled
def grouped_bars(
    name: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]], *, ylabel: str
) -> str:
    """One bar for each series in each group, as inline SVG."""
    figure, axes = _new_figure(4.9, 2.9)
    width = 0.82 / len(series)
    centres = np.arange(len(groups))
    for i, (label, heights) in enumerate(series.items()):
        places = centres + (i - (len(series) - 1) / 2) * width
        values = np.array(heights, dtype=np.float64)  # None becomes nan, which is not drawn
        axes.bar(places, values, 0.9 * width, color=_colour(i), label=label)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(centres, groups)
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(ylabel)
    _legend(figure, len(series))
    return _inline_svg(figure, name, f"{ylabel}: {', '.join(groups)}")


@_styled
def histograms(name: str, samples: Mapping[str, Sequence[float]], *, xlabel: str) -> str:
    """Overlaid densities of several samples, as inline SVG.

    Bins are shared and span the middle 99 % of all values; the rest is not drawn, but counts.
    """
    figure, axes = _new_figure(4.9, 2.6)
    arrays = {label: np.array(values, dtype=np.float64) for label, values in samples.items()}
    low, high = np.quantile(np.concatenate(list(arrays.values())), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, 41)
    for i, (label, values) in enumerate(arrays.items()):
        density = np.histogram(values, edges)[0] / (len(values) * np.diff(edges))
        axes.stairs(density, edges, fill=True, color=_colour(i), alpha=0.25)
        axes.stairs(density, edges, color=_colour(i), linewidth=1.5, label=label)
    axes.set_ylim(bottom=0)
    _label(axes, xlabel, "density")
    _legend(figure, len(arrays))
    return _inline_svg(figure, name, f"density of {xlabel}")


@_styled
def curve_with_interval(
    curves: Sequence[Curve],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    references: Mapping[str, float] | None = None,
    lines: Sequence[Line] = (),
    logarithmic: bool = True,
    image_format: ImageFormat = "png",
) -> bytes:
    """Scores over a budget, with interval bars, as an image file.

    Over a logarithmic axis the curves stand a little apart, so that bars at one budget do not
    hide each other.

    Args:
        curves: estimates with their intervals.
        references: named level lines.
        lines: drawn thin and broken beside the curves, in the same colours, such as a fit.
        logarithmic: whether the budgets are far apart and each is a tick of a logarithmic axis.
    """
    figure, axes = _new_figure(7.0, 4.2)
    budgets = sorted({x for curve in curves for x in curve.x})
    for i, curve in enumerate(curves):
        y = np.array(curve.y, dtype=np.float64).reshape(-1, 3)
        apart = 1.025 ** (i - (len(curves) - 1) / 2) if logarithmic else 1.0
        places = np.array(curve.x, dtype=np.float64) * apart
        axes.errorbar(
            places,
            y[:, 0],
            yerr=np.maximum([y[:, 0] - y[:, 1], y[:, 2] - y[:, 0]], 0),
            color=_colour(i),
            marker=MARKERS[i % len(MARKERS)],
            capsize=3,
            elinewidth=1.1,
            label=curve.label,
        )
    for i, (label, level) in enumerate((references or {}).items()):
        axes.axhline(level, color=INK, linestyle=DASHES[i % len(DASHES)], linewidth=1, label=label)
    for i, line in enumerate(lines):
        y_line = np.array(line.y, dtype=np.float64)
        axes.plot(line.x, y_line, color=_colour(i), linestyle=":", linewidth=1, label=line.label)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xticks(budgets, [f"{budget:,.0f}" for budget in budgets])
        axes.minorticks_off()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    figure.legend(loc="outside lower center", ncols=4)
    return _image(figure, image_format)


@_styled
def score_matrix(
    scores: NDArray[np.float64],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    half_widths: NDArray[np.float64] | None = None,
    image_format: ImageFormat = "png",
) -> bytes:
    """A table of scores as an image file; each column's best is framed and set in bold.

    Columns may have different scales, so each is shaded from its own worst to its own best.

    Args:
        scores: (row, column), for instance policy by the person who judges it.
        half_widths: (row, column) of the confidence intervals, shown after a plus-minus sign.
    """
    low, high = scores.min(axis=0), scores.max(axis=0)
    shade = (scores - low) / np.where(high > low, high - low, 1)
    colours = LinearSegmentedColormap.from_list("score", ["#f6f9fc", "#b9d8ee"])
    figure, axes = _new_figure(1.6 + 1.45 * len(columns), 1.1 + 0.5 * len(rows))
    axes.imshow(shade, cmap=colours, aspect="auto", vmin=0, vmax=1)
    for (row, column), score in np.ndenumerate(scores):
        best = bool(score == high[column])
        text = f"{score:.3f}"
        if half_widths is not None:
            text += f" ± {half_widths[row, column]:.3f}"
        weight = "bold" if best else "normal"
        axes.text(column, row, text, ha="center", va="center", fontweight=weight)
        if best:
            corner = (column - 0.48, row - 0.46)
            axes.add_patch(Rectangle(corner, 0.96, 0.92, fill=False, edgecolor=SERIES[0]))
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, pad=10)
    return _image(figure, image_format)


def _new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one plot [inch]; 4.9 inches of 10 point type stay legible on a phone."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _colour(index: int) -> str:
    return SERIES[index % len(SERIES)]


def _label(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=xlabel == "round"))
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)


def _short(value: float, _position: int | None) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def _legend(figure: Figure, num_labels: int) -> None:
    if num_labels > 1:
        figure.legend(loc="outside lower center", ncols=min(num_labels, 2))


def _image(figure: Figure, image_format: ImageFormat) -> bytes:
    buffer = io.BytesIO()
    # Without these matplotlib writes the time and its version.
    metadata = {"Date": None} if image_format == "svg" else {"Software": None}
    figure.savefig(buffer, format=image_format, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _inline_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an element for HTML: ids of its own, themed colours, no size but a shape."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg)
    for colour, css_name in CSS_NAMES.items():
        svg = svg.replace(colour, f"var({css_name}, {colour})")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
