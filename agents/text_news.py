"""PPO on a reward fitted to SummEval's experts, judged by ROUGE against references it never saw."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.config import EnvValue
from prefgym.agents.policies import trained_policy
from prefgym.agents.presets import preset
from prefgym.agents.summeval import (
    CRITERIA,
    NUM_TRAIN,
    Articles,
    n_grams,
    read_articles,
    read_judged,
    rouge,
    summeval_folder,
)
from prefgym.agents.writer import (
    ENV_ID,
    add_negatives,
    fit_texts,
    text_reward,
    train_writer,
    value_by,
)
from prefgym.envs.text_summary import REWARD_INPUTS, TextConfig
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_model import RewardModel
from prefgym.simulations.attacks import NEGATIVES, rambling
from prefgym.simulations.playback import demonstrate, play, write
from prefgym.simulations.reading import Reading
from prefgym.simulations.summarizers import (
    Picks,
    Value,
    best_of,
    greedy,
    lead,
    lexrank,
    random_picks,
)

# Two sentences of news are about as long as the summaries that the experts rated (60 words).
BUDGET = 2
WIDEST = 3
NUM_SHUFFLES = 5
STEPS = 60_000
# lead-2 is hard to improve on and worth staying near to, LexRank is not: a policy that began as
# its clone learned the training articles only
KL_PENALTY = 0.3
# Whole sentences of the source are all consistent with it and equally fluent: what a model says of
# those two of sentences that were copied, it has from summaries that were not.
HEADS = ("coherence", "relevance")
NUM_SAMPLES = 64
LEXRANK_LENGTH = 80
OF_ORDER = ("position", "backward")


def measure(cell: Cell) -> Result:
    """Mean ROUGE of PPO and of every baseline on the articles kept for measuring."""
    seed, shuffled = int(cell["seed"]), cell["order"] == "shuffled"
    articles = read_articles(summeval_folder())
    train, test = articles.take(slice(NUM_TRAIN)), articles.take(slice(NUM_TRAIN, None))
    model = news_reward(train, shuffled=shuffled, seed=seed)
    if shuffled:
        train, test = train.shuffles(NUM_SHUFFLES, 1), test.shuffles(NUM_SHUFFLES, 2)
    with tempfile.TemporaryDirectory() as folder:
        kwargs: dict[str, EnvValue] = {
            "text": _files(train, Path(folder) / "train"),
            "budget": BUDGET,
        }
        test_text = _files(test, Path(folder) / "test")
        reading = TextConfig(text=test_text, budget=BUDGET).reading(len(test.ids))
        wide = TextConfig(text=test_text, budget=WIDEST).reading(512)
        own = TextConfig(text=str(kwargs["text"]), budget=BUDGET).reading(len(train.ids))
        start = None if shuffled else demonstrate(own, lead(own, BUDGET))
        references = [[n_grams(text) for text in texts] for texts in test.references]

        def gold(numbers: np.ndarray, picks: np.ndarray) -> np.ndarray:
            states = play(wide, numbers, picks).states
            texts = [wide.text(state) for state in states]
            return np.array([rouge(t, references[n]) for t, n in zip(texts, numbers, strict=True)])

        looks: list[np.ndarray] = []

        def watch(ppo: PPO, _: object) -> None:
            states = write(reading, np.arange(len(test.ids)), trained_policy(ppo)).states
            texts = map(reading.text, states)
            looks.append(np.array([rouge(*pair) for pair in zip(texts, references, strict=True)]))

        config = replace(preset(ENV_ID, kwargs).ppo, kl_penalty=0.0 if shuffled else KL_PENALTY)
        begin = time.perf_counter()
        train_writer(
            kwargs, model, config, steps=STEPS, seed=seed, parts=4, start=start, watch=watch
        )
        seconds = time.perf_counter() - begin
        picks = baselines(wide, gold, seed=seed) | by_reward(reading, model, seed=seed)
        found = {name: gold(np.arange(len(chosen)), chosen) for name, chosen in picks.items()}
    name = "PPO before training" if shuffled else "lead-2 cloned"
    found |= {name: looks[0], "PPO": looks[-1]}
    num_articles = len(articles.ids) - NUM_TRAIN
    by_article = {n: s.reshape(-1, num_articles).mean(axis=0).tolist() for n, s in found.items()}
    return {
        "scores": {name: float(scores.mean()) for name, scores in found.items()},
        "by_article": by_article,
        "looks": [float(look.mean()) for look in looks],
        "steps": STEPS,
        "seconds": seconds,
    }


def news_reward(train: Articles, *, shuffled: bool, seed: int) -> RewardModel:
    """What experts said of an article's summaries beside each other, and made-up bad texts.

    Where order means nothing, it is not read.
    """
    judged = read_judged(summeval_folder(), train, budget=BUDGET)
    rng = np.random.default_rng(seed)
    names = [n for n in REWARD_INPUTS if not (shuffled and any(word in n for word in OF_ORDER))]
    segments, bad = add_negatives(
        judged.segments,
        judged.article,
        train.texts,
        "en",
        budget=BUDGET,
        rng=rng,
        attacks={**NEGATIVES, "rambling": rambling},
    )
    given = judged.within_article[:, [CRITERIA.index(head) for head in HEADS]]
    rating = Rating(np.arange(len(given)), given, np.zeros(len(given), np.int64))
    return fit_texts(segments, [rating, bad], text_reward(HEADS, names=names), seed=seed)


def baselines(wide: Reading, gold: Value, *, seed: int) -> dict[str, Picks]:
    """Picks of those who know no reward model, and of the one who knows the references."""
    return {
        "random-2": random_picks(wide, BUDGET, rng=np.random.default_rng(seed)),
        **{f"lead-{k}": lead(wide, k) for k in (1, 2, 3)},
        f"LexRank, {LEXRANK_LENGTH} words": lexrank(wide, WIDEST, max_length=LEXRANK_LENGTH),
        **{f"LexRank-{k}": lexrank(wide, k) for k in (1, 2, 3)},
        "oracle on ROUGE": greedy(wide, gold, insert=True),
    }


def by_reward(reading: Reading, model: RewardModel, *, seed: int) -> dict[str, Picks]:
    """Picks of those who search for the text that the reward model likes best."""
    rng, value = np.random.default_rng(seed), value_by(model, reading)
    return {
        "greedy on the reward model": greedy(reading, value),
        f"best of {NUM_SAMPLES} by the reward model": best_of(
            reading, NUM_SAMPLES, BUDGET, value, rng=rng
        ),
    }


def _files(articles: Articles, folder: Path) -> str:
    """The articles as files, which is how the environment takes texts of one's own."""
    folder.mkdir()
    for number, text in enumerate(articles.texts):
        (folder / f"{number:04}.txt").write_text(text, "utf-8")
    return str(folder)
