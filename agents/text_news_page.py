"""The news part of the text benchmark's page: PPO beside its baselines, article by article."""

from typing import Any

import numpy as np

from prefgym.agents.agreement import Ratio, intervals
from prefgym.agents.benchmark import Result, markdown_table, with_range

SIMPLE = ("lead-", "LexRank")
"""How the names of the summaries begin that know neither ratings nor references."""


def news_paragraphs(rows: list[Result]) -> list[str]:
    """What was measured, and a section for each order of the sentences."""
    found: list[Any] = rows
    paragraphs = [
        "## PPO on that reward model",
        "Articles kept for measuring, two sentences each; gold is the mean of ROUGE-1 and ROUGE-2 "
        "F against 11 human references that nothing is fitted to. The reward has the heads "
        "coherence and relevance (copied sentences are all consistent and equally fluent), reads "
        "of each rating how far it lies above the mean of its article, and is warned of one more "
        "kind of bad text, six sentences drawn at random. As given, PPO starts from a clone of "
        "lead-2 and pays for moving away from it. Shuffled: the sentences of every article in "
        "five random orders, a reward model that does not read places, and PPO from nothing.",
        "What the ratings are measured from, the bad text and how PPO starts were chosen on the 50 "
        "training articles, by ROUGE on ten of them with a reward model fitted to the other 40.",
    ]
    for order in dict.fromkeys(row["order"] for row in found):
        part = [row for row in found if row["order"] == order]
        means = {
            name: float(np.mean([row["scores"][name] for row in part]))
            for name in part[0]["scores"]
        }
        ranked = sorted(means, key=lambda name: -means[name])
        lines = [[name, with_range([row["scores"][name] for row in part])] for name in ranked]
        best = next(n for n in ranked if n.startswith(SIMPLE) and not n.endswith("cloned"))
        paragraphs += [
            f"### Sentences {'as given' if order == 'given' else 'shuffled'}",
            markdown_table(["summary", "ROUGE"], lines),
            _beside(part, best),
            f"{part[0]['steps']:,} environment steps, "
            f"{np.mean([row['seconds'] for row in part]):.0f} s.",
        ]
    return paragraphs


def _beside(part: list[Any], best: str) -> str:
    """PPO less and over the best simple summary, with the articles resampled."""
    ours, theirs = (
        np.mean([row["by_article"][name] for row in part], axis=0)[:, None]
        for name in ("PPO", best)
    )
    rng = np.random.default_rng(0)
    (gain,) = intervals(Ratio(ours - theirs, np.ones_like(ours)), rng=rng)
    (ratio,) = intervals(Ratio(ours, theirs), rng=rng)
    return (
        f"PPO beside {best}, article by article: {gain.estimate:+.3f} "
        f"[{gain.low:+.3f}, {gain.high:+.3f}], {ratio.estimate:.2f} times "
        f"[{ratio.low:.2f}, {ratio.high:.2f}] (95 % interval, {len(ours)} articles resampled)."
    )
