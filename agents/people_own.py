"""A driver of one's own: PPO on the reward of a new person, and on that of the average one."""

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_drivers import POPULATIONS, compare, together
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, rows_where, span
from prefgym.agents.people_training import (
    NEW_CLIPS,
    NUM_CLIPS,
    STEPS,
    Clips,
    Trainee,
    baseline_criteria,
    driving_clips,
    driving_criteria,
    learn_pooled,
    learn_prior,
    share_of,
    train_on_weights,
)
from prefgym.agents.prior import SPREADS
from prefgym.agents.statistics import Interval
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.personal import fit_person

ROUNDS = 5
NUM_DRIVERS, ANSWERS, OWN_ANSWERS = 200, 3, 20  # in a round
HEADLINE = "like one of four profiles"
"""Drivers of the other population all want about the same of a policy."""
FLOORS = {"idm": "an IDM driver's", "random": "random actions'"}
"""What a return may be measured from, other than nothing."""
PAIRS = {"learned": ("own", "pooled"), "true": ("own, true", "mean, true")}


def cells(num_seeds: int) -> list[Cell]:
    """The headline's population first: with every seed another new driver."""
    return [
        {"part": "own", "population": population, "seed": seed}
        for population in (HEADLINE, *(set(POPULATIONS) - {HEADLINE}))
        for seed in range(num_seeds)
    ]


def measure(cell: Cell) -> Result:
    """What a new driver's own policy and the pooled one are worth to that driver, per step.

    The driver is drawn before anything is asked or trained. Beside them stand policies trained on
    the driver's true reward and on the true reward of the average driver: what could be gained.
    """
    seed = int(cell["seed"])
    rng = np.random.default_rng([12, seed])
    sample = POPULATIONS[str(cell["population"])]
    usual = driving_clips(NUM_CLIPS, seed=seed, rng=rng)
    drivers, new = (sample(count, rng=rng) for count in (NUM_DRIVERS, 1))
    theirs, mine = Answers(usual, drivers, ANSWERS), Answers(usual, new, OWN_ANSWERS)
    generator = torch.Generator().manual_seed(seed)
    trainees: dict[str, Trainee] = {}
    for stage in range(ROUNDS):
        theirs.ask(rng=rng)
        mine.ask(rng=rng)
        prior = learn_prior(theirs.clips, theirs.all, generator=generator)
        models = {
            "own": fit_person(
                prior, mine.clips.segments, [mine.all], spreads=SPREADS, generator=generator
            ),
            "pooled": learn_pooled(theirs.clips, theirs.all, generator=generator),
        }
        for name, model in models.items():
            if stage == 0:
                trainees[name] = Trainee(model, seed=seed)
            trainees[name].train(model, stage, ROUNDS)
        mine.show(trainees["own"], rng=rng)
        theirs.show(trainees["pooled"], rng=rng)
    policies = {name: trainee.policy for name, trainee in trainees.items()}
    policies["own, true"] = train_on_weights(new[0], seed=seed)
    policies["mean, true"] = train_on_weights(drivers.mean(axis=0), seed=seed)
    worth = {name: float(new[0] @ driving_criteria(policy)) for name, policy in policies.items()}
    worth |= {name: float(new[0] @ baseline_criteria(name, seed=seed)) for name in FLOORS}
    found: Result = {"weights": new[0].tolist(), "flips": float(np.mean(mine.flips)), **worth}
    for floor in FLOORS:
        for name in policies:
            found[f"{name} above {floor}"] = worth[name] - worth[floor]
    for key, (own, other) in PAIRS.items():
        found[f"cost, {key}"] = -worth[other]
        found[f"cost saved, {key}"] = worth[own] - worth[other]
    return found


class Answers:
    """What some drivers said so far, and of what."""

    def __init__(
        self, clips: Clips, weight: Float64[np.ndarray, "person criterion"], number: int
    ) -> None:
        self.clips = clips
        self.flips: list[float] = []
        self._weight = weight
        self._number = number
        self._said: list[Comparison] = []

    @property
    def all(self) -> Comparison:
        """Of every round."""
        return together(self._said)

    def ask(self, *, rng: np.random.Generator) -> None:
        """One more round, about the newest clips beside any."""
        segments, begin = self.clips.segments, self.clips.begin
        said, flips = compare(
            segments, self._weight, self._number, begin=begin, usual=NUM_CLIPS, rng=rng
        )
        self._said.append(said)
        self.flips.append(flips)

    def show(self, trainee: Trainee, *, rng: np.random.Generator) -> None:
        """The next round is about what this policy did last."""
        self.clips = self.clips.with_new([trainee], rng=rng)


def section(results: list[Result]) -> Section:
    """A table for each population, and the gate."""
    title = "A driver of one's own"
    if not results:
        return Section(title, [])
    paragraphs = [
        f"{NUM_DRIVERS} drivers compare clips in {ROUNDS} rounds, {ANSWERS} pairs each in a round, "
        "which teach one pooled reward, and the population as a prior; a new driver, drawn with "
        f"the seed, answers {OWN_ANSWERS} in a round, and may be as unlike the others as the "
        f"answers have it (`spreads` of `fit_person`). The first round is about {NUM_CLIPS} clips "
        f"of diverse driving, the later ones about {NEW_CLIPS} new clips of the pooled policy, or "
        "of the driver's own, beside any seen before. PPO has "
        f"{STEPS:,} steps in all on the pooled reward and on the driver's own; shown is what "
        "either policy earns of the driver's true reward per step, over 256 episodes. `true` are "
        "policies trained as long on the driver's true reward and on the average driver's true "
        "weights: with answers one can hardly hope for more. Returns are sums of costs, so that a "
        "share of them needs something to measure from: nothing, so that less cost is more return, "
        "which the gate is about; an IDM driver's return, as the scores of driving are; or random "
        "actions'. More is the mean of the own policy over the mean of the other, less 1, with "
        "drivers resampled, and blank where the other earns nothing that could be multiplied."
    ]
    gates = []
    for population in POPULATIONS:
        rows = rows_where(results, population=population)
        if not rows:
            continue
        lines = [line for key in PAIRS for line in _lines(rows, key)]
        header = ["return per step", "own policy", "the other", "more", "own is better"]
        paragraphs += [f"### Drivers: {population}", markdown_table(header, lines)]
        if population == HEADLINE:
            gates.append(_gate(rows, population))
    return Section(title, paragraphs, gates)


def _lines(rows: list[Result], key: str) -> list[list[str]]:
    names = PAIRS[key]
    won = f"{_wins(rows, key)} of {len(rows)}"
    found = []
    for floor, words in FLOORS.items():
        each = [over_seeds(rows, f"{name} above {floor}") for name in names]
        share = span(_more(rows, key, floor)) if each[1].low > 0 else ""
        found.append([f"{key}, above {words}", *map(span, each), share, won])
    saved = share_of(rows, f"cost saved, {key}", rows, f"cost, {key}")
    cost = [over_seeds(rows, name) for name in names]
    return [*found, [f"{key}, a cost", *map(span, cost), f"{span(saved)} less cost", won]]


def _more(rows: list[Result], key: str, floor: str) -> Interval:
    own, other = (f"{name} above {floor}" for name in PAIRS[key])
    share = share_of(rows, own, rows, other)
    return Interval(share.estimate - 1, share.low - 1, share.high - 1)


def _wins(rows: list[Result], key: str) -> int:
    return sum(float(str(row[f"cost saved, {key}"])) > 0 for row in rows)


def _gate(rows: list[Result], population: str) -> Gate:
    saved = share_of(rows, "cost saved, learned", rows, "cost, learned")
    best = share_of(rows, "cost saved, true", rows, "cost, true")
    won = f"better for {_wins(rows, 'learned')} of {len(rows)} drivers"
    what = f"4. drivers {population}: less cost of the own kind than by the pooled policy"
    beside = f"with true rewards {span(best)}; {won}"
    return Gate(what, ">= 0.15", saved, saved.estimate >= 0.15, beside)


PART = Part(cells, measure, section, num_seeds=10)
