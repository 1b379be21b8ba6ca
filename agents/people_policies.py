"""Policies trained by a crowd in which some are no help, and by people who make mistakes."""

from dataclasses import dataclass, replace

import numpy as np

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.benchmark_driving import EPISODES, gold
from prefgym.agents.benchmark_driving import measure as measure_driving
from prefgym.agents.benchmark_run import BenchmarkRun, benchmark_run
from prefgym.agents.config import RunConfig
from prefgym.agents.crowd import crowd_rater
from prefgym.agents.evaluate import evaluate
from prefgym.agents.people_training import ENV_ID as DRIVING
from prefgym.agents.presets import preset
from prefgym.agents.rank_statistics import roc_auc
from prefgym.agents.text_rounds import held_out, written
from prefgym.agents.vec_env import describe
from prefgym.agents.writer import ENV_ID as TEXT
from prefgym.feedback.crowd import CrowdConfig as RaterModelConfig
from prefgym.simulations.crowds import CrowdConfig
from prefgym.simulations.drivers import PROFILES
from prefgym.simulations.playback import play
from prefgym.simulations.raters import Teacher
from prefgym.simulations.summarizers import greedy, random_picks
from prefgym.simulations.text_gold import OVERALL

NUM_RATERS, BAD_SHARE = 20, 0.3
LABELS = {"driving": 200, "text": 1500}
TRUST, HONESTY = RaterModelConfig("trust"), RaterModelConfig("honesty")


@dataclass(frozen=True, slots=True)
class Taught:
    """Who taught, and what is learned of them.

    Args:
        bad_share: of a crowd of `NUM_RATERS` who say the opposite.
        mistake: probability that anyone's answer is turned over.
        rater_model: what is learned of each rater; None: plain Bradley-Terry.
        labels: answers in all; 0: as many as `LABELS` says.
    """

    bad_share: float = 0.0
    mistake: float = 0.0
    rater_model: RaterModelConfig | None = None
    labels: int = 0


CLEAN, CROWD, PLAIN = "clean", "30 % bad, crowd model", "30 % bad, plain"
SLIGHT, SLIGHT_PLAIN = "mistake 0.1, crowd model", "mistake 0.1, plain"
HEAVY, HEAVY_PLAIN = "mistake 0.3, crowd model", "mistake 0.3, plain"
MORE = 700
CLEAN_MORE = f"clean, {MORE} answers"
SLIGHT_MORE, HEAVY_MORE = f"{SLIGHT}, {MORE} answers", f"{HEAVY}, {MORE} answers"
CONDITIONS = {
    CLEAN: Taught(),
    CROWD: Taught(bad_share=BAD_SHARE, rater_model=TRUST),
    PLAIN: Taught(bad_share=BAD_SHARE),
    SLIGHT: Taught(mistake=0.1, rater_model=HONESTY),
    SLIGHT_PLAIN: Taught(mistake=0.1),
    HEAVY: Taught(mistake=0.3, rater_model=HONESTY),
    HEAVY_PLAIN: Taught(mistake=0.3),
    CLEAN_MORE: Taught(labels=MORE),
    SLIGHT_MORE: Taught(mistake=0.1, rater_model=HONESTY, labels=MORE),
    HEAVY_MORE: Taught(mistake=0.3, rater_model=HONESTY, labels=MORE),
}
READ_PLAINLY = {CROWD: PLAIN, SLIGHT: SLIGHT_PLAIN, HEAVY: HEAVY_PLAIN}
"""The same answers without a model of the raters."""
REFERENCE = {SLIGHT_MORE: CLEAN_MORE, HEAVY_MORE: CLEAN_MORE}
"""What a condition is to keep of, where that is not `CLEAN`."""
OF_WORLD = {"driving": tuple(CONDITIONS), "text": (CLEAN, CROWD, PLAIN)}
REFERENCES = {"driving": ("idm", "random", "gold"), "text": ("random", "gold")}


def cells(num_seeds: int) -> list[Cell]:
    """What scores are measured against, then all conditions seed by seed.

    Driving is for another profile with every seed, one oracle each; texts are sunsets in English.
    """
    names = list(PROFILES)

    def cell(world: str, condition: str, seed: int) -> Cell:
        profile = names[seed % len(names)] if world == "driving" else "-"
        where: Cell = {"part": "policies", "world": world, "profile": profile}
        return where | {"condition": condition, "seed": seed}

    once = {"driving": min(num_seeds, len(names)), "text": 1}
    found = [cell(w, c, seed) for w in OF_WORLD for seed in range(once[w]) for c in REFERENCES[w]]
    for seed in range(num_seeds):
        found += [cell(world, c, seed) for world in OF_WORLD for c in OF_WORLD[world]]
    return found


def measure(cell: Cell) -> Result:
    """Gold of one policy, and how the answers were."""
    world, condition, seed = str(cell["world"]), str(cell["condition"]), int(cell["seed"])
    if condition in REFERENCES[world]:
        return _text_reference(condition) if world == "text" else _driving_reference(cell)
    taught = CONDITIONS[condition]
    kwargs = {"profile": str(cell["profile"])} if world == "driving" else {}
    config = replace(
        preset(DRIVING if world == "driving" else TEXT, kwargs),
        seed=seed,
        teacher=Teacher(condition, mistake=taught.mistake),
        crowd=CrowdConfig("mixed", NUM_RATERS, bad_share=taught.bad_share),
    )
    # a model of raters needs comparisons, of texts too
    heads = replace(config.reward_model, heads=("overall",), combine="mean")
    loop = replace(config.loop, feedback="comparison")
    config = replace(config, loop=loop, reward_model=heads, rater_model=taught.rater_model)
    run = benchmark_run(config, labels=taught.labels or LABELS[world], seed=seed)
    found = _noticed(config, run)
    if world == "text":
        played = written(held_out({}, "en", "test"), run.policy)
        return found | {"gold": float(played.criteria[:, OVERALL].mean())}
    info = describe(DRIVING, kwargs)
    evaluation = evaluate(run.policy, DRIVING, kwargs, info, num_episodes=EPISODES, num_envs=64)
    criteria = evaluation.criteria.tolist()
    return found | {"gold": gold({"criteria": criteria}, str(cell["profile"]))}


def _driving_reference(cell: Cell) -> Result:
    method: Cell = {"method": cell["condition"], "profile": cell["profile"], "seed": cell["seed"]}
    return {"gold": gold(measure_driving(method), str(cell["profile"]))}


def _text_reference(condition: str) -> Result:
    """Gold on the held-out scenes of random picks, or of greedy ones by gold itself."""
    reading = held_out({}, "en", "test")

    def value(numbers: np.ndarray, picks: np.ndarray) -> np.ndarray:
        return np.asarray(play(reading, numbers, picks).criteria[:, OVERALL])

    if condition == "gold":
        picks = greedy(reading, value, insert=True)
    else:
        picks = random_picks(reading, reading.budget, rng=np.random.default_rng(0))
    return {"gold": float(value(np.arange(len(reading.texts)), picks).mean())}


def _noticed(config: RunConfig, run: BenchmarkRun) -> Result:
    """Share of answers that are wrong, agreement with who never errs, and who was seen through."""
    rounds = run.of_kind("round")
    wrong = [float(str(row["error_rate"])) for row in rounds]
    found: Result = {
        "wrong": float(np.mean(wrong)),
        "agreement": rounds[-1]["heldout_agreement"],
    }
    reliability = rounds[-1].get("reliability")
    if config.crowd is not None and isinstance(reliability, dict):
        crowd = crowd_rater(config, config.crowd, describe(config.env_id, config.env_kwargs)).crowd
        bad = {name for name, is_bad in zip(crowd.names, crowd.bad, strict=True) if is_bad}
        trust = np.array([float(value) for value in reliability.values()])
        if bad:
            found["auc"] = roc_auc(-trust, np.array([name in bad for name in reliability]))
        found["reliability"] = reliability
    return found
