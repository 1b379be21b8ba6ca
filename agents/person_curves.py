"""Agreement with new people over the number of their answers: table, plot and gates."""

from collections.abc import Sequence

import numpy as np

from prefgym.agents.benchmark import Result, markdown_table
from prefgym.agents.people_page import Gate, Section, number, over_seeds, span
from prefgym.agents.plots import Curve, curve_with_interval

NUM_ANSWERS = (5, 10, 20, 40)
WANTED = {5: 0.75, 10: 0.81, 20: 0.86, 40: 0.89}


class AgreementCurves:
    """Collects the agreement of several models with several people."""

    def __init__(self, models: Sequence[str]) -> None:
        self._scores: dict[str, list[float]] = {
            _key(model, count): [] for model in models for count in NUM_ANSWERS
        }

    def add(self, model: str, num_answers: int, agreement: float) -> None:
        """Note the agreement of a model that has heard so many answers with one person."""
        self._scores[_key(model, num_answers)].append(agreement)

    def result(self) -> Result:
        """The mean over people of every model and number of answers."""
        return {key: float(np.mean(scores)) for key, scores in self._scores.items()}


def _key(model: str, num_answers: int) -> str:
    return f"{model} {num_answers}"


def curve_section(
    results: list[Result],
    *,
    title: str,
    what: str,
    models: Sequence[str],
    picture: str,
    gated: str,
) -> Section:
    """The section of a world in which new people are met.

    Args:
        results: with the keys of `AgreementCurves.result`, "pooled" and "flips".
        title: of the section.
        what: who the people are, in words.
        models: what is compared, the first of them gated.
        picture: name of the plot's file.
        gated: what the gates call the first model.
    """
    if not results:
        return Section(title, [])
    pooled = over_seeds(results, "pooled")
    rows = [
        [str(count), *(span(over_seeds(results, _key(model, count))) for model in models)]
        for count in NUM_ANSWERS
    ]
    curves = [
        Curve(model, NUM_ANSWERS, [over_seeds(results, _key(model, n)) for n in NUM_ANSWERS])
        for model in models
    ]
    plot = curve_with_interval(
        curves,
        title=title,
        xlabel="answers of the new person",
        ylabel="agreement with the person",
        references={"pooled": pooled.estimate},
    )
    flips = np.mean([number(row, "flips") for row in results])
    gates = []
    for count, least in WANTED.items():
        found = over_seeds(results, _key(models[0], count))
        alone = span(over_seeds(results, _key("alone", count)))
        beside = f"pooled {span(pooled)}, alone {alone}"
        what_for = f"{gated}, {count} answers"
        gates.append(Gate(what_for, f">= {least}", found, found.estimate >= least, beside))
    return Section(
        title,
        [
            f"{what} {flips:.0%} of answers go against what the person truly prefers. Agreement "
            "with the true preference of a new person on fresh pairs: of the person's own model "
            "with the population as its prior, of a model of the person's answers alone, and of "
            f"one model pooled over everybody, which does not change: {span(pooled)}. Mean over "
            f"new people, then over {len(results)} seeds.",
            markdown_table(["answers", *models], rows),
            f"![{title}]({picture})",
        ],
        gates,
        {picture: plot},
    )
