"""The page of the text benchmark: tables and pictures of finished cells."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prefgym.agents.benchmark import Result, markdown_table, with_range
from prefgym.agents.overoptimisation import fit_gao
from prefgym.agents.plots import Curve, Line, curve_with_interval
from prefgym.agents.statistics import spread
from prefgym.agents.text_news_page import news_paragraphs
from prefgym.simulations.text_gold import CRITERIA

NAMES = {"en": "English", "zh": "Chinese", "both": "both languages"}


@dataclass(slots=True)
class Page:
    """Paragraphs in order, pictures by file name, and the numbers behind them."""

    results: list[Result]
    paragraphs: list[str] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)


def pages(results: list[Result]) -> Page:
    """The page of all parts of which a cell is finished."""
    page = Page(results)
    page.paragraphs += [
        "# Summaries and scenes",
        "`prefgym benchmark text`, with `PREFGYM_DATA` set. Mean and range over seeds "
        "[lowest, highest].",
    ]
    parts = {"agreement": _agreement, "news": _news, "rounds": _rounds, "hacking": _hacking}
    for part, write in parts.items():
        rows = [row for row in results if row["part"] == part]
        if rows:
            write(page, rows)
    return page


def _agreement(page: Page, rows: list[Result]) -> None:
    found: list[Any] = rows
    numbers = found[0]["numbers"]
    kinds = list(found[0]["curves"])
    table = [
        [f"{number:,}", *(with_range([row["curves"][kind][i] for row in found]) for kind in kinds)]
        for i, number in enumerate(numbers)
    ]
    worst = min(
        float(np.mean([row["curves"]["both"][i] for row in found]))
        - max(float(np.mean([row["curves"][k][i] for row in found])) for k in kinds[:2])
        for i in range(len(numbers))
    )
    models = list(found[0]["worth"])
    worth = [
        [name, *(with_range([row["worth"][model][name] for row in found], 2) for model in models)]
        for name in found[0]["worth"][models[0]]
    ]
    curves = [
        Curve(kind, numbers, [spread([r["curves"][kind][i] for r in found]) for i in range(4)])
        for kind in kinds
    ]
    page.pictures["text-agreement.png"] = curve_with_interval(
        curves,
        title="SummEval: pairs of held-out articles ordered as by the experts",
        xlabel="answers",
        ylabel="agreement",
        references={"chance": 0.5},
    )
    page.paragraphs += [
        "## A reward model of SummEval's experts",
        "Fitted on 50 articles, measured on the other 20: share of pairs of summaries of one "
        "article that are ordered as by the experts' mean over four criteria. Ratings count "
        "summaries rated (there are 800), comparisons pairs.",
        markdown_table(["answers", *kinds], table),
        "All ratings: "
        + "; ".join(
            f"{model} {with_range([row['agreement'][model] for row in found])}" for model in models
        )
        + f". Both kinds together are at worst {worst:+.3f} from the better one.",
        "![agreement](text-agreement.png)",
        "What each model holds the first two sentences worth, and known attacks, on average over "
        "the 20 articles:",
        markdown_table(["text", *models], worth),
    ]


def _news(page: Page, rows: list[Result]) -> None:
    page.paragraphs += news_paragraphs(rows)


def _rounds(page: Page, rows: list[Result]) -> None:
    found: list[Any] = rows
    page.paragraphs += [
        "## Five rounds of ratings",
        "The shipped settings (`prefgym train prefgym/TextSummary-v0`): 1,500 ratings by a "
        "simulated expert in five rounds. Gold of the texts of sources kept for measuring, each "
        "written once, after each round of ratings and the training on it; round 0 is the policy "
        "before any.",
    ]
    conditions = list(dict.fromkeys((r["corpus"], r["language"], r["units"]) for r in found))
    table, curves, criteria = [], [], []
    groups = {
        condition: [r for r in found if (r["corpus"], r["language"], r["units"]) == condition]
        for condition in conditions
    }
    for condition, part in groups.items():
        golds = np.array([row["gold"] for row in part])
        name = f"{condition[0]}, {NAMES[condition[1]]}" + (
            "" if condition[2] == "all" else ", own sentences"
        )
        seconds = [row["seconds"] for row in part]
        table.append(
            [name, *(with_range(list(column), 2) for column in golds.T), f"{max(seconds):.0f}"]
        )
        if condition[1] != "both" and condition[2] == "all":
            points = [spread(list(column)) for column in golds.T]
            curves.append(Curve(name, range(golds.shape[1]), points))
        final = np.array([row["criteria"] for row in part])
        criteria.append([name, *(with_range(list(column), 2) for column in final.T)])
    rounds = [f"round {i}" for i in range(len(found[0]["gold"]))]
    page.pictures["text-rounds.png"] = curve_with_interval(
        curves,
        title="Gold on sources kept for measuring",
        xlabel="rounds of ratings",
        ylabel="gold (mean, range over seeds)",
        logarithmic=False,
    )
    page.paragraphs += [
        markdown_table(["texts", *rounds, "slowest run, s"], table),
        "![rounds](text-rounds.png)",
        "Criteria of the final texts:",
        markdown_table(["texts", *CRITERIA], criteria),
        "### Beside baselines",
        *(_beside(condition, part) for condition, part in groups.items()),
        "### Zero-shot: writers trained in one language read the other, and one trained on both",
        _transfer(groups),
        "### Texts before the first round and after the last",
        *(
            _shown(condition, part[0])
            for condition, part in groups.items()
            if condition[1] != "both" and condition[2] == "all"
        ),
        *_own(groups),
    ]


def _beside(condition: tuple[str, str, str], part: list[Any]) -> str:
    scores = {"PPO": [row["gold"][-1] for row in part]} | {
        name: [row["baselines"][name] for row in part] for name in part[0]["baselines"]
    }
    if "topic" in part[0]:
        scores["PPO, on a topic never trained on"] = [row["topic"] for row in part]
    order = sorted(scores, key=lambda name: -np.mean(scores[name]))
    title = f"{condition[0]}, {NAMES[condition[1]]}, {condition[2]}"
    return markdown_table([title, "gold"], [[name, with_range(scores[name])] for name in order])


def _transfer(groups: dict[tuple[str, str, str], list[Any]]) -> str:
    names = list(
        dict.fromkeys(
            n
            for part in groups.values()
            for found in part[0]["by_language"].values()
            for n in found
        )
    )
    rows = []
    for (corpus, language, units), part in groups.items():
        for read in part[0]["by_language"]:
            title = f"{corpus} ({units}): trained on {NAMES[language]}, reads {NAMES[read]}"
            scores = {n: [r["by_language"][read].get(n) for r in part] for n in names}
            rows.append([title, *("" if None in s else with_range(s, 2) for s in scores.values())])
    return markdown_table(["gold", *names], rows)


def _shown(condition: tuple[str, str, str], row: Any) -> str:
    lines = [
        f"{number}. {before}\n   - **after:** {after}"
        for number, (before, after) in enumerate(zip(row["before"], row["after"], strict=True), 1)
    ]
    return f"{condition[0]}, {NAMES[condition[1]]}, seed 0:\n\n" + "\n".join(lines)


def _own(groups: dict[tuple[str, str, str], list[Any]]) -> list[str]:
    for (corpus, language, units), part in groups.items():
        if corpus == "articles" and language == "en" and units == "own sentences":
            lines = [
                f"- {text}\n  - **summary:** {summary}"
                for text, found in part[0]["own"].items()
                for _, summary in found
            ]
            return [
                "### Texts of nobody's corpus (`prefgym summarize`, the English writer, seed 0)",
                "\n".join(lines),
            ]
    return []


def _hacking(page: Page, rows: list[Result]) -> None:
    found: list[Any] = rows
    variants = list(dict.fromkeys(row["variant"] for row in found))
    means = {
        variant: {
            name: np.mean(
                [[look[name] for look in r["looks"]] for r in found if r["variant"] == variant],
                axis=0,
            )
            for name in ("kl", "proxy", "gold", "accuracy")
        }
        for variant in variants
    }
    plain = means["plain"]
    peak, end = float(plain["gold"].max()), float(plain["gold"][-1])
    table, curves, lines = [], [], []
    for variant in variants:
        mean = means[variant]
        golds = np.array(
            [[look["gold"] for look in r["looks"]] for r in found if r["variant"] == variant]
        )
        distance = np.sqrt(mean["kl"])
        gao = fit_gao(distance, mean["gold"] - mean["gold"][0])
        recovered = (mean["gold"][-1] - end) / (peak - end) if peak > end else np.nan
        table.append(
            [
                variant,
                f"{mean['gold'].max():.3f}",
                with_range(list(golds[:, -1])),
                f"{mean['accuracy'][-1]:.2f}",
                f"{mean['proxy'][-1]:.2f}",
                f"{mean['kl'][-1]:.1f}",
                f"{gao.alpha:.3f}, {gao.beta:.3f}",
                f"{gao.r_squared:.2f}",
                "" if variant == "plain" else f"{recovered:+.0%}",
            ]
        )
        order = np.argsort(distance)
        bars = [spread(list(column)) for column in golds.T]
        curves.append(Curve(variant, distance[order].tolist(), [bars[i] for i in order]))
        if variant == "plain":
            at = np.linspace(0, float(distance.max()), 60)
            lines.append(
                Line("Gao's curve", at.tolist(), (mean["gold"][0] + gao.gain(at)).tolist())
            )
    page.pictures["text-hacking.png"] = curve_with_interval(
        curves,
        title="Gold as a reward model of 60 ratings is pursued",
        xlabel="square root of the KL divergence from the start, per text",
        ylabel="gold (mean, range over seeds)",
        lines=lines,
        logarithmic=False,
    )
    header = ["variant", "best gold", "final gold", "final accuracy", "final proxy", "final KL"]
    page.paragraphs += [
        "## Pursued too far",
        "Sunsets. A writer is cloned from honest texts (true units, each fact once, plain or "
        "vivid); 60 such texts are rated, once each and as a whole, and the reward model is never "
        "refitted. The proxy keeps rising while gold, on held-out scenes, rises and falls: among "
        "honest texts the vivid ones stray farthest from the notes' words, and a lie strays "
        "farther. Gao's curve R = d "
        "(alpha - beta log d), d = sqrt(KL), is fitted to the mean over seeds; recovered is the "
        "share of plain's fall from its best gold that a variant does not suffer.",
        markdown_table([*header, "alpha, beta", "R2", "recovered"], table),
        "![hacking](text-hacking.png)",
    ]
