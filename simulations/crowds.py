"""Ready-made crowds: experts, crowd workers, and a crowd in which some are no help."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.simulations.crowd import Crowd
from prefgym.simulations.judges import EXPERT, JUDGES, Judge
from prefgym.simulations.noise import Fatigue, Flip, Lapse
from prefgym.simulations.person import Latency, Person
from prefgym.simulations.population import Population
from prefgym.simulations.raters import Teacher

CrowdName = Literal["expert", "crowd", "mixed", "drivers", "diverse-drivers"]
BadName = Literal["adversary", "contrary", "clicker", "sided", "tired"]

# Two of SummEval's experts agree on 80 % of pairs, the mean of its four criteria (0.70 to 0.90),
# and a worker with the experts on 50.4 %: chance. On normally distributed returns that takes
# these rationalities. The judges, for ratings, are fitted to the same data.
EXPERT_PERSON = Person(Teacher("expert", rationality=2.5), judge=EXPERT)
WORKER = Person(
    Teacher("crowd", rationality=0.014), latency=Latency(median=2.0), judge=JUDGES["crowd"]
)
DRIVER = Person(Teacher("driver", rationality=2.0))
_BLIND = Judge("blind", noise=1.0, insight=0.0)
BAD_PEOPLE: Mapping[BadName, Person] = {
    "adversary": Person(
        Teacher("adversary"), noises=(Flip(),), judge=Judge("adversary", insight=-1.0)
    ),
    "contrary": Person(
        Teacher("contrary"), noises=(Flip(0.75),), judge=Judge("contrary", insight=-0.5)
    ),
    "clicker": Person(
        Teacher("clicker", rationality=0.0), latency=Latency(median=1.0), judge=_BLIND
    ),
    "sided": Person(
        Teacher("sided", rationality=0.0),
        noises=(Lapse(1.0, first=0.9),),
        latency=Latency(median=1.0),
        judge=_BLIND,
    ),
    "tired": Person(
        Teacher("tired", rationality=2.0), noises=(Fatigue(most=1.0, scale=20.0),), judge=_BLIND
    ),
}
"""People who are no help: always the opposite, three times in four the opposite, anything at all,
nearly always the first shown, and anything at all after a few dozen answers."""

LENIENCY_SD = 0.2
"""How far experts' mean ratings lie apart [levels]: the mean over SummEval's four criteria."""


@dataclass(frozen=True, slots=True)
class CrowdConfig:
    """Who the raters are.

    Args:
        name: "expert" and "crowd" agree as SummEval's experts and crowd workers do; in a "mixed"
            crowd the run's own teacher or judge answers, but for those who are no help. "drivers"
            of the published range and "diverse-drivers", each like one of the four profiles, all
            want something of their own, and err as much as the teacher "noisy" does.
        num_raters: how many there are.
        bad_share: of a mixed crowd who are no help, to the nearest rater.
        bad: what kinds of no help, in equal shares.
        groups: whether they come from two cultures that want different things, not all what the
            environment's own person wants.
        minority: share of the second culture.
    """

    name: CrowdName = "mixed"
    num_raters: int = 20
    bad_share: float = 0.3
    bad: tuple[BadName, ...] = ("adversary",)
    groups: bool = False
    minority: float = 0.2

    def __post_init__(self) -> None:
        if self.name not in get_args(CrowdName):
            raise ValueError(
                f"crowd must be one of {', '.join(get_args(CrowdName))}, got {self.name!r}"
            )
        if self.own_wishes and self.groups:
            raise ValueError("drivers each want something of their own: leave out the groups")
        if self.num_raters < 1:
            raise ValueError(f"num_raters must be at least 1, got {self.num_raters}")
        if not (0 <= self.bad_share < 1 and 0 < self.minority < 1):
            raise ValueError(
                "bad_share must be in [0, 1) and minority in (0, 1), "
                f"got {self.bad_share} and {self.minority}"
            )
        unknown = sorted(set(self.bad) - set(BAD_PEOPLE))
        if unknown or not self.bad:
            raise ValueError(
                f"bad must be some of {', '.join(BAD_PEOPLE)}, got {', '.join(unknown) or 'none'}"
            )

    @property
    def own_wishes(self) -> bool:
        """Whether they are drivers who each want something of their own."""
        return self.name in ("drivers", "diverse-drivers")


def make_crowd(
    config: CrowdConfig, population: Population, good: Person, *, rng: np.random.Generator
) -> Crowd:
    """A crowd of these people, who may be good or bad raters whatever they want.

    Args:
        config: who they are.
        population: what each of `config.num_raters` wants.
        good: how those answer who are a help, in a mixed crowd.
        rng: decides who is bad, and how lenient each is.

    Raises:
        ValueError: if there are more or fewer people than raters.
    """
    if len(population.weights) != config.num_raters:
        raise ValueError(
            f"population must be of {config.num_raters} people, got {len(population.weights)}"
        )
    kinds = {"expert": EXPERT_PERSON, "crowd": WORKER, "mixed": good}
    helpful = DRIVER if config.own_wishes else kinds[config.name]
    num_bad = round(config.bad_share * config.num_raters) if config.name == "mixed" else 0
    kind = np.zeros(config.num_raters, np.int64)
    kind[:num_bad] = 1 + np.arange(num_bad) % len(config.bad)
    kind = rng.permutation(kind)
    return Crowd(
        kinds=(helpful, *(BAD_PEOPLE[name] for name in config.bad)),
        kind=kind,
        weights=population.weights,
        activity=np.ones(config.num_raters),
        leniency=LENIENCY_SD * rng.standard_normal(config.num_raters),
        bad=kind > 0,
        group=population.group,
    )


def alike(weights: Float64[np.ndarray, " criterion"], num_people: int) -> Population:
    """People who all want the same."""
    group: Int64[np.ndarray, " person"] = np.zeros(num_people, np.int64)
    return Population(np.tile(weights, (num_people, 1)), group)
