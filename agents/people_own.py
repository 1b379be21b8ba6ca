"""A driver of one's own: PPO on the reward of a new person, and on that of the average one."""

import numpy as np
import torch

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_drivers import ANSWERS, NUM_CLIPS, NUM_DRIVERS, compare
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, span
from prefgym.agents.people_training import (
    STEPS,
    baseline_criteria,
    driving_clips,
    driving_criteria,
    share_of,
    train_on_reward,
)
from prefgym.agents.statistics import Interval
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.personal import fit_person, fit_prior
from prefgym.simulations.population import sample_drivers

OWN_ANSWERS = 40
FLOORS = {"random": "random actions'", "idm": "an IDM driver's"}
"""What a return is measured from; the first is the headline."""


def cells(num_seeds: int) -> list[Cell]:
    """Seed by seed: another new driver each."""
    return [{"part": "own", "seed": seed} for seed in range(num_seeds)]


def measure(cell: Cell) -> Result:
    """What a new driver's own policy and the pooled one are worth to that driver, per step.

    The driver is drawn before anything is asked or trained.
    """
    seed = int(cell["seed"])
    rng = np.random.default_rng([11, seed])
    clips = driving_clips(NUM_CLIPS, seed=seed, rng=rng)
    segments, inputs, config = clips
    drivers, new = (sample_drivers(count, rng=rng) for count in (NUM_DRIVERS, 1))
    told, _ = compare(segments, drivers, ANSWERS, rng=rng)
    said, flips = compare(segments, new, OWN_ANSWERS, rng=rng)
    generator = torch.Generator().manual_seed(seed)
    prior = fit_prior(
        segments,
        told,
        model_config=config.reward_model,
        inputs=inputs,
        config=PopulationConfig(),
        generator=generator,
    )
    pooled, _ = fit(
        None,
        segments,
        [told],
        model_config=config.reward_model,
        inputs=inputs,
        config=FitConfig(family="linear"),
        generator=generator,
    )
    own = fit_person(prior, segments, [said], generator=generator)
    worth = {
        name: float(new[0] @ driving_criteria(train_on_reward(model, seed=seed)))
        for name, model in (("own", own), ("pooled", pooled))
    }
    worth |= {name: float(new[0] @ baseline_criteria(name, seed=seed)) for name in FLOORS}
    found: Result = {"weights": new[0].tolist(), "flips": flips, **worth}
    for floor in FLOORS:
        for name in ("own", "pooled"):
            found[f"{name} above {floor}"] = worth[name] - worth[floor]
    found["cost of pooled"] = -worth["pooled"]
    found["cost saved"] = worth["own"] - worth["pooled"]
    return found


def section(results: list[Result]) -> Section:
    """Table and gate."""
    title = "A driver of one's own"
    if not results:
        return Section(title, [])
    rows = []
    more = {}
    for floor, words in FLOORS.items():
        names = [f"{name} above {floor}" for name in ("own", "pooled")]
        share = share_of(results, names[0], results, names[1])
        more[floor] = Interval(share.estimate - 1, share.low - 1, share.high - 1)
        both = [over_seeds(results, name) for name in names]
        each = [span(found, 4) for found in both]
        rows.append([f"above {words}", *each, span(more[floor]) if both[1].low > 0 else ""])
    saved = share_of(results, "cost saved", results, "cost of pooled")
    rows.append(
        ["as it is (a cost)", *(span(over_seeds(results, n), 4) for n in ("own", "pooled"))]
    )
    rows[-1].append(f"{span(saved)} less cost")
    won = sum(float(str(row["cost saved"])) > 0 for row in results)
    text = (
        f"{NUM_DRIVERS} drivers x {ANSWERS} comparisons of clips teach one pooled reward, and the "
        f"population as a prior; a new driver, drawn with the seed, answers {OWN_ANSWERS}. PPO for "
        f"{STEPS:,} steps on the pooled reward and on the driver's own; what either policy earns "
        "of the driver's true reward per step, over 256 episodes. Returns are sums of costs, so "
        "that a share of them needs something to measure from: above random actions' return; "
        "above an IDM driver's, as the scores of driving are; or the cost itself. More is the mean "
        "of the own policy over the mean of the pooled one, less 1, with drivers resampled, and "
        "blank where the pooled policy earns nothing that could be multiplied. The "
        f"own policy is the better one for {won} of {len(results)} drivers."
    )
    headline = next(iter(FLOORS))
    gate = Gate(
        f"4. driving: more of the own return than by the pooled policy, above {FLOORS[headline]}",
        ">= 0.15",
        more[headline],
        more[headline].estimate >= 0.15,
        f"cost saved {span(saved)}; better for {won} of {len(results)} drivers",
    )
    header = ["return per step", "own policy", "pooled policy", "more"]
    return Section(title, [text, markdown_table(header, rows)], [gate])


PART = Part(cells, measure, section, num_seeds=10)
