"""A reward model pursued too far: gold and its proxy against the distance from the start."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.distributions import Categorical, kl_divergence

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.presets import preset
from prefgym.agents.writer import (
    ENV_ID,
    add_negatives,
    fit_texts,
    text_reward,
    train_writer,
    utility,
)
from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.comparison import Feedback
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.written import finished_segments
from prefgym.simulations.judges import find_judge, rate
from prefgym.simulations.playback import Played, demonstrate, play, write
from prefgym.simulations.reading import Reading
from prefgym.simulations.summarizers import Picks
from prefgym.simulations.text_gold import ACCURACY, CRITERIA, OVERALL
from prefgym.simulations.text_worlds import STOP

LANGUAGE: Literal["en"] = "en"
NUM_RATINGS = 60
STEPS = 60_000
PARTS = 15
NUM_REPEATS = 4
KL_PENALTY, PESSIMISM = 0.3, 1.0
VARIANTS = ("plain", "KL penalty", "bounded ensemble", "bad texts", "all three")


def measure(cell: Cell) -> Result:
    """One writer against one reward model of few ratings: what each look at it finds."""
    variant, seed = str(cell["variant"]), int(cell["seed"])
    kwargs = {"corpus": "sunsets", "language": LANGUAGE}
    with_all = variant == "all three"
    model = few_ratings(
        seed=seed,
        negatives=with_all or variant == "bad texts",
        pessimism=PESSIMISM if with_all or variant == "bounded ensemble" else 0.0,
    )
    test = TextConfig(corpus="sunsets", language=LANGUAGE, split="test").reading(60)
    looks: list[dict[str, float]] = []

    def watch(ppo: PPO, start: ActorCriticPolicy) -> None:
        looks.append({"steps": ppo.num_timesteps, **look(ppo.policy, start, test, model)})

    scenes = TextConfig(corpus="sunsets", language=LANGUAGE)
    own = scenes.reading(len(scenes.sources()))
    start = demonstrate(own, honest_texts(own, rng=np.random.default_rng(seed)))
    penalty = KL_PENALTY if with_all or variant == "KL penalty" else 0.0
    config = replace(preset(ENV_ID, kwargs).ppo, kl_penalty=penalty)
    train_writer(
        kwargs, model, config, steps=STEPS, seed=seed, parts=PARTS, start=start, watch=watch
    )
    return {"looks": looks}


def honest_texts(reading: Reading, *, rng: np.random.Generator) -> Picks:
    """True units of every scene, each fact once, plain or vivid, in any number and order."""
    rows = np.full((len(reading.texts), reading.budget), STOP, np.int64)
    for row, source in zip(rows, reading.texts, strict=True):
        order = rng.permutation(len(source.units)).tolist()
        true = {source.units[i].place: i for i in order if source.units[i].states}
        chosen = rng.permutation(list(true.values()))[: rng.integers(2, reading.budget + 1)]
        row[: len(chosen)] = chosen
    return rows


def few_ratings(*, seed: int, negatives: bool, pessimism: float) -> RewardModel:
    """A reward model of honest texts, each rated once as a whole by a simulated expert."""
    rng = np.random.default_rng(seed)
    reading = TextConfig(corpus="sunsets", language=LANGUAGE).reading(256)
    own = rng.permutation(len(reading.texts))[:NUM_RATINGS]
    everyone = np.arange(len(reading.texts))
    honest = play(reading, everyone, honest_texts(reading, rng=rng))
    played = Played(*(column[own] for column in honest))
    given = rate(find_judge("expert"), played.criteria[:, OVERALL:], rng=rng)
    segments = finished_segments(played.observations)
    feedback: list[Feedback] = [
        Rating(np.arange(NUM_RATINGS), given, np.zeros(NUM_RATINGS, np.int64))
    ]
    if negatives:
        notes = [source.text for source in reading.texts]
        segments, bad = add_negatives(
            segments,
            own,
            notes,
            LANGUAGE,
            budget=reading.budget,
            rng=rng,
            others=[reading.text(state) for state in honest.states],
        )
        feedback.append(bad)
    config = text_reward([CRITERIA[OVERALL]], pessimism=pessimism)
    return fit_texts(segments, feedback, config, seed=seed)


@torch.no_grad()
def look(
    policy: ActorCriticPolicy, start: ActorCriticPolicy, test: Reading, model: RewardModel
) -> dict[str, float]:
    """KL divergence from the start per text, proxy and gold, over texts drawn from the policy."""
    sums = np.zeros(4)
    for _ in range(NUM_REPEATS):
        divergences: list[np.ndarray] = []

        def act(observations: np.ndarray) -> np.ndarray:
            now, before = (_choices(p, observations) for p in (policy, start))
            divergences.append(kl_divergence(now, before).numpy())  # noqa: B023
            chosen: np.ndarray = now.sample().numpy()
            return chosen

        played = write(test, np.arange(len(test.texts)), act)
        # a text of n units took n choices, and one more to stop unless the budget stopped it
        num_choices = np.minimum(played.states[:, 1] + 1, test.budget).astype(int)
        by_text = np.stack(divergences, axis=1)
        while_open = np.arange(by_text.shape[1]) < num_choices[:, None]
        proxy = utility(model, finished_segments(played.observations))
        sums += [
            (by_text * while_open).sum() / len(by_text),
            proxy.mean(),
            played.criteria[:, OVERALL].mean(),
            played.criteria[:, ACCURACY].mean(),
        ]
    names = ("kl", "proxy", "gold", "accuracy")
    return dict(zip(names, (sums / NUM_REPEATS).tolist(), strict=True))


def _choices(policy: ActorCriticPolicy, observations: np.ndarray) -> Categorical:
    found = policy.get_distribution(torch.from_numpy(observations)).distribution
    assert isinstance(found, Categorical)
    return found
