"""The panels of a run's report: each a plot with the sentence that says how to read it.

A panel whose measurements are missing is None, or left out of its list.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prefgym.agents.plots import Line, calibration_plot, grouped_bars, histograms, line_plot
from prefgym.agents.run_log import EvaluationRow, RunLog

RANDOM, ORACLE, LEARNED = "random", "PPO on gold", "PPO on the learned reward"
QUANTITIES = {"time_gap": "time gap [s]", "acceleration": "acceleration [m/s²]"}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Panel(NamedTuple):
    """A plot (inline SVG) with its heading and how to read it."""

    title: str
    note: str
    svg: str


class TrafficRow(NamedTuple):
    """One source of a quantity: how many values, their mean and their `QUANTILES`."""

    source: str
    num_values: int
    mean: float
    quantiles: tuple[float, ...]


class TrafficPanel(NamedTuple):
    """A quantity's densities and the table beside them."""

    panel: Panel
    rows: tuple[TrafficRow, ...]


def learning_panels(log: RunLog) -> list[Panel]:
    """Learned and gold return over the run, and how much the policy still explores."""
    levels = {row.name: row.gold_return for row in log.evaluations if row.name != LEARNED}
    drawn = (
        _over_steps(
            log,
            "Learned reward",
            "What the policy is trained on. Dotted lines are rounds of questions; each refits the "
            "reward model, so the scale may jump there.",
            [row.learned_return for row in log.rollouts],
            ylabel="learned return",
        ),
        _over_steps(
            log,
            "Gold reward",
            "What the person really wants, which the policy never sees. Falling here while the "
            "learned reward rises means that the policy exploits the reward model.",
            [row.gold_return for row in log.rollouts],
            ylabel="gold return",
            references=levels,
        ),
        _over_steps(
            log,
            "Exploration",
            "Mean log standard deviation of the policy's actions. Far below zero it tries "
            "nothing that it does not know.",
            [row.log_std for row in log.rollouts],
            ylabel="log standard deviation",
        ),
    )
    return [panel for panel in drawn if panel is not None]


def _over_steps(
    log: RunLog,
    title: str,
    note: str,
    values: Sequence[float | None],
    *,
    ylabel: str,
    references: Mapping[str, float] | None = None,
) -> Panel | None:
    if all(value is None for value in values):
        return None
    steps = [float(row.step) for row in log.rollouts]
    svg = line_plot(
        title.lower().replace(" ", "-"),
        [Line("training", steps, values)],
        xlabel="environment steps",
        ylabel=ylabel,
        marks=[float(row.step) for row in log.rounds],
        references=references,
        xlim=(0.0, 1.02 * steps[-1]),
    )
    return Panel(title, note, svg)


def reward_model_panels(log: RunLog) -> list[Panel]:
    """Agreement with the rater in each round, and calibration on held-out queries."""
    rounds = [float(row.round) for row in log.rounds]
    columns = {
        "new answers, before the fit": [row.agreement_before_fit for row in log.rounds],
        "all answers, after the fit": [row.agreement_after_fit for row in log.rounds],
        "held-out queries": [row.heldout_agreement for row in log.rounds],
    }
    lines = [
        Line(label, rounds, shares)
        for label, shares in columns.items()
        if any(share is not None for share in shares)
    ]
    panels = []
    if lines:
        note = (
            "Share of answers that the reward model would have given. Before the fit it has not "
            "seen them; a wide gap to after the fit is overfitting."
        )
        svg = line_plot("agreement", lines, xlabel="round", ylabel="share that agrees")
        panels.append(Panel("Agreement with the rater", note, svg))
    if log.calibration is not None and log.calibration.bins:
        note = (
            "How often the first of two was preferred, over how often the model says so, on "
            "queries it was not fitted to. On the dashed line it is as sure as it should be."
        )
        panels.append(Panel("Calibration", note, calibration_plot("calibr", log.calibration.bins)))
    return panels


def criteria_panel(log: RunLog) -> Panel | None:
    """Criteria of all that were evaluated, or of the first and last rollouts of training."""
    # The learned policy first: it has the colour of the training curve, and the others those of
    # their level lines beside it.
    rows = sorted(log.evaluations, key=lambda row: row.name != LEARNED)
    judged = {row.name: row.criteria for row in rows if row.criteria}
    note = "Mean per step and criterion over whole episodes; higher is better."
    if len(judged) < 2:
        measured = [row.criteria for row in log.rollouts if row.criteria]
        if not measured:
            return None
        judged = {"first rollout": measured[0], "last rollout": measured[-1]}
        note = "Mean per step and criterion, before and after training; higher is better."
    names = list(dict.fromkeys(name for criteria in judged.values() for name in criteria))
    series = {label: [criteria.get(n) for n in names] for label, criteria in judged.items()}
    svg = grouped_bars("criteria", names, series, ylabel="mean per step")
    return Panel("Criteria", note, svg)


def traffic_panels(log: RunLog) -> list[TrafficPanel]:
    """Simulated beside recorded traffic, for each quantity that was measured."""
    panels: list[TrafficPanel] = []
    for quantity, sources in log.traffic.items():
        samples = {source: values for source, values in sources.items() if values}
        if not samples:
            continue
        label = QUANTITIES.get(quantity, quantity.replace("_", " "))
        svg = histograms(f"traffic-{len(panels)}", samples, xlabel=label)
        rows = tuple(_traffic_row(source, values) for source, values in samples.items())
        note = "Densities over the middle 99 % of the values."
        panels.append(TrafficPanel(Panel(label.capitalize(), note, svg), rows))
    return panels


def _traffic_row(source: str, values: Sequence[float]) -> TrafficRow:
    quantiles = tuple(np.quantile(values, QUANTILES).tolist())
    return TrafficRow(source, len(values), float(np.mean(values)), quantiles)


def baseline(log: RunLog) -> EvaluationRow | None:
    """The best behaviour that needs no training and is not random: the floor that counts."""
    simple = [r for r in log.evaluations if r.name != RANDOM and not r.name.startswith("PPO")]
    return max(simple, key=lambda row: row.gold_return, default=None)
