"""Simulated judges beside the people of SummEval: agreement, spread, bias and levels used."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prefgym.agents.agreement import (
    Ratio,
    agreement_with,
    copied,
    intervals,
    level_share,
    offsets,
    pair_agreement,
    rater_agreement,
    within_item_sd,
)
from prefgym.agents.benchmark import BenchmarkOptions, markdown_table
from prefgym.agents.judge_fit import fit_crowd, fit_expert
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.statistics import Interval
from prefgym.agents.summeval import CRITERIA, summeval_folder
from prefgym.simulations.judges import LEVELS, Judge, find_judge, rate

NUM_REPEATS = 50


class RatedSummaries(NamedTuple):
    """Raw ratings with the axes (article, summary, rater, criterion)."""

    experts: NDArray[np.float64]
    crowd: NDArray[np.float64]
    criteria: NDArray[np.float64]
    """The human experts' mean in [0, 1], which simulated judges are shown."""


Statistic = Callable[[RatedSummaries], Ratio]
EXPERT_STATISTICS: dict[str, Statistic] = {
    "two experts agree": lambda rated: rater_agreement(rated.experts),
    "SD of the experts' ratings of an item": lambda rated: within_item_sd(rated.experts),
}
CROWD_STATISTICS: dict[str, Statistic] = {
    "one worker agrees with the experts' mean": lambda rated: agreement_with(
        rated.criteria, rated.crowd
    ),
    "five workers' mean agrees with the experts' mean": lambda rated: pair_agreement(
        rated.criteria, rated.crowd.mean(axis=2)
    ),
    "SD of the workers' ratings of an item, without copies": lambda rated: within_item_sd(
        rated.crowd, ~copied(rated.crowd)
    ),
    "SD of the workers' ratings of an item, all items": lambda rated: within_item_sd(rated.crowd),
    "two workers agree, without copies": lambda rated: rater_agreement(
        rated.crowd, ~copied(rated.crowd)
    ),
    "two workers agree, all items": lambda rated: rater_agreement(rated.crowd),
}


class Row(NamedTuple):
    """One statistic of one criterion: of people, with its interval, and of simulated judges."""

    statistic: str
    criterion: str
    measured: Interval
    simulated: float

    @property
    def verdict(self) -> str:
        inside = self.measured.low <= self.simulated <= self.measured.high
        return "INSIDE" if inside else "OUTSIDE"


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Measure people and simulated judges alike, and write both."""
    rated = read_summeval(summeval_folder() / "ratings.jsonl")
    rng = np.random.default_rng(0)
    draws = [simulated(rated, rng=rng) for _ in range(5 if options.quick else NUM_REPEATS)]
    rows = compare(rated, draws, EXPERT_STATISTICS | CROWD_STATISTICS, rng=rng)
    usage = compare(rated, draws, usage_statistics(), rng=rng)
    fits = fitted(rated)
    text = _document(rated, rows, usage, fits, rng=rng)
    write_atomically(out / "judges.md", (text + "\n").encode())
    found = [row._asdict() | {"verdict": row.verdict} for row in (*rows, *usage)]
    judges = {name: [asdict(judge) for judge in pair] for name, pair in fits.items()}
    write_json(out / "judges.json", {"rows": found, "fits": judges})
    return [out / "judges.md", out / "judges.json"]


def read_summeval(path: Path) -> RatedSummaries:
    """The summaries that experts and crowd workers rated one by one.

    Raises:
        ValueError: if no summary has such ratings, or articles have different numbers of them.
    """
    articles: dict[str, list[dict[str, list[list[float]]]]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["experts"] and row["turkers"]:
            articles.setdefault(row["id"], []).append(row)
    lengths = {len(rows) for rows in articles.values()}
    if len(lengths) != 1:
        raise ValueError(
            f"{path} must have equally many rated summaries of every article, got {lengths or 0}"
        )
    experts, crowd = (
        np.array([[row[who] for row in rows] for rows in articles.values()], dtype=np.float64)
        for who in ("experts", "turkers")
    )
    low, high = LEVELS
    return RatedSummaries(experts, crowd, (experts.mean(axis=2) - low) / (high - low))


def simulated(rated: RatedSummaries, *, rng: np.random.Generator) -> RatedSummaries:
    """The same summaries rated by as many simulated judges, who are shown the experts' mean."""

    def ratings(judge: Judge, like: NDArray[np.float64]) -> NDArray[np.float64]:
        shown = np.broadcast_to(rated.criteria[:, :, None], like.shape)
        return rate(judge, shown.reshape(-1, len(CRITERIA)), rng=rng).reshape(like.shape)

    experts = ratings(find_judge("expert"), rated.experts)
    return RatedSummaries(experts, ratings(find_judge("crowd"), rated.crowd), rated.criteria)


def compare(
    rated: RatedSummaries,
    draws: list[RatedSummaries],
    statistics: dict[str, Statistic],
    *,
    rng: np.random.Generator,
) -> list[Row]:
    """Every statistic of people, and its mean over simulated draws."""
    rows = []
    for name, statistic in statistics.items():
        measured = intervals(statistic(rated), rng=rng)
        values = np.mean([statistic(draw).value for draw in draws], axis=0)
        rows += [
            Row(name, criterion, interval, float(value))
            for criterion, interval, value in zip(CRITERIA, measured, values, strict=True)
        ]
    return rows


def usage_statistics() -> dict[str, Statistic]:
    """Share of every level among the experts' and the crowd's ratings."""

    def share(who: str, level: int) -> Statistic:
        return lambda rated: level_share(rated.experts if who == "expert" else rated.crowd, level)

    low, high = LEVELS
    return {
        f"{who} says {level}": share(who, level)
        for who in ("expert", "crowd")
        for level in range(low, high + 1)
    }


def fitted(rated: RatedSummaries) -> dict[str, tuple[Judge, Judge]]:
    """Expert and crowd of all articles, and of each half of them."""
    parts = {
        "all articles": slice(None),
        "articles 1, 3, 5 ...": slice(0, None, 2),
        "articles 2, 4, 6 ...": slice(1, None, 2),
    }
    return {
        name: (
            fit_expert(rated.experts[part], rated.criteria[part]),
            fit_crowd(rated.crowd[part], rated.criteria[part]),
        )
        for name, part in parts.items()
    }


def _document(
    rated: RatedSummaries,
    rows: list[Row],
    usage: list[Row],
    fits: dict[str, tuple[Judge, Judge]],
    *,
    rng: np.random.Generator,
) -> str:
    num_articles, num_summaries, num_experts, _ = rated.experts.shape
    num_workers = rated.crowd.shape[2]
    share = copied(rated.crowd).mean()
    inside = sum(row.verdict == "INSIDE" for row in rows)
    return "\n\n".join(
        [
            "# Simulated judges beside SummEval",
            f"`prefgym benchmark judges`. SummEval (Fabbri et al. 2021): {num_articles} articles "
            f"x {num_summaries} summaries, each rated 1 to 5 by {num_experts} experts and "
            f"{num_workers} crowd workers on {len(CRITERIA)} criteria. Simulated judges are shown "
            "the experts' mean as the true criterion of each summary, and are measured in the same "
            "way. Agreement is the share of pairs of summaries of one article that a rater orders "
            "as the reference does; pairs that the reference ties do not count, a tie of the rater "
            "counts half. In brackets the central 95 % of 2,000 bootstrap resamples of the "
            "articles; INSIDE if the simulated figure, a mean over repeated draws, lies there.",
            _table(["measured on", "criterion", "people", "simulated", "verdict"], rows),
            f"{inside} of {len(rows)} inside.",
            "## What the presets are",
            "Rounded from the fit to all articles; fits to every other article show how far the "
            "numbers hang on the sample. Least squares over the criteria; an error of agreement "
            "counts twice as much as one of within-item SD (of the crowd: without copies) or of "
            "the share of a level.",
            _judge_table(fits),
            "## What is not matched",
            "One noise and one set of thresholds serve all criteria. Experts are unanimous on "
            f"{_unanimous(rated, 'consistency'):.0%} of summaries for consistency and "
            f"{_unanimous(rated, 'fluency'):.0%} for fluency, but on "
            f"{_unanimous(rated, 'coherence'):.0%} for coherence: the fitted expert is a "
            "compromise, a little too unsure of consistency and too sure of coherence. Part of the "
            "experts' spread on coherence are offsets between them (below), which the three "
            "simulated experts, all of one bias, do not have. The thresholds lie closer together "
            "than 1 level to fit the agreement, so on coherence and relevance the levels 1 and 5 "
            "are used more often than by people.",
            f"On {share:.0%} of summaries all five crowd workers gave the same ratings on all four "
            "criteria, which independent people would not. That makes two workers agree; on the "
            "other summaries they agree little more than by chance. Simulated workers are "
            "independent, and stand for those: compare the rows without copies.",
            "There are no Chinese texts with human ratings here, so judges of Chinese texts use "
            "the same parameters; nothing measured supports that. All figures are of the articles "
            "that the presets were fitted to.",
            "## Offsets of the raters",
            "How far the mean of each rater's ratings lies above the mean of all [levels]. The "
            "crowd's columns hardly differ, as of workers in no fixed order: no person's bias can "
            "be read from them. A judge's `bias` is one number for all criteria; `lenient` is the "
            "expert with 0.8.",
            _offset_table(rated, rng=rng),
            "## Levels used",
            _table(["who says what", "criterion", "people", "simulated", "verdict"], usage),
        ]
    )


def _table(header: list[str], rows: list[Row]) -> str:
    lines = [
        [row.statistic, row.criterion, _span(row.measured), f"{row.simulated:.3f}", row.verdict]
        for row in rows
    ]
    return markdown_table(header, lines)


def _span(found: Interval) -> str:
    return f"{found.estimate:.3f} ({found.low:.3f}..{found.high:.3f})"


def _judge_table(fits: dict[str, tuple[Judge, Judge]]) -> str:
    presets = {"preset": (find_judge("expert"), find_judge("crowd"))}
    lines = [
        [
            judge.name,
            name,
            f"{judge.noise:.2f}",
            f"{judge.bias:.2f}",
            f"{judge.insight:.3f}",
            ", ".join(f"{cut:.2f}" for cut in judge.thresholds),
        ]
        for name, pair in (presets | fits).items()
        for judge in pair
    ]
    header = ["judge", "fitted to", "noise", "bias", "insight", "thresholds"]
    return markdown_table(header, sorted(lines, key=lambda line: line[0], reverse=True))


def _unanimous(rated: RatedSummaries, criterion: str) -> float:
    ratings = rated.experts[..., CRITERIA.index(criterion)]
    return float((ratings.max(axis=2) == ratings.min(axis=2)).mean())


def _offset_table(rated: RatedSummaries, *, rng: np.random.Generator) -> str:
    lines = []
    for who, ratings in {"expert": rated.experts, "worker": rated.crowd}.items():
        found = [offsets(ratings, rater) for rater in range(ratings.shape[2])]
        lines += [
            [f"{who} {number}", *(_span(interval) for interval in intervals(ratio, rng=rng))]
            for number, ratio in enumerate(found, 1)
        ]
        spread = np.std([ratio.value for ratio in found], axis=0, ddof=1)
        lines.append([f"SD between {who}s", *(f"{value:.3f}" for value in spread)])
    return markdown_table(["rater", *CRITERIA], lines)
