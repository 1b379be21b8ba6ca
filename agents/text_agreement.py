"""How well a reward model fitted to SummEval's experts orders summaries of other articles."""

import numpy as np
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.summeval import (
    CRITERIA,
    NUM_TRAIN,
    Articles,
    Judged,
    read_articles,
    read_judged,
    summeval_folder,
)
from prefgym.agents.writer import add_negatives, fit_texts, text_reward, utility
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.written import written_segments
from prefgym.simulations.attacks import ATTACKS, attacked
from prefgym.simulations.source import join
from prefgym.simulations.tokens import split_sentences

NUMBERS = (50, 200, 500, 1000)
BUDGET = 4


def measure(cell: Cell) -> Result:
    """Held-out agreement by kind and number of answers, and what attacks are held worth."""
    seed = int(cell["seed"])
    rng = np.random.default_rng(seed)
    articles = read_articles(summeval_folder())
    train, test = articles.take(slice(NUM_TRAIN)), articles.take(slice(NUM_TRAIN, None))
    judged = read_judged(summeval_folder(), train, budget=BUDGET)
    unseen = read_judged(summeval_folder(), test, budget=BUDGET)
    config = text_reward(CRITERIA)
    everything = ratings(judged)
    curves: dict[str, list[float]] = {"ratings": [], "comparisons": [], "both": []}
    for number in NUMBERS:
        few = everything.take(rng.permutation(len(everything))[:number])
        pairs = comparisons(judged, number, rng=rng)
        kinds: dict[str, list[Feedback]] = {
            "ratings": [few],
            "comparisons": [pairs],
            "both": [few, pairs],
        }
        for name, feedback in kinds.items():
            model = fit_texts(judged.segments, feedback, config, seed=seed)
            curves[name].append(agreement(model, unseen))
    plain = fit_texts(judged.segments, [everything], config, seed=seed)
    segments, bad = add_negatives(
        judged.segments, judged.article, train.texts, "en", budget=BUDGET, rng=rng
    )
    shipped = fit_texts(segments, [everything, bad], config, seed=seed)
    models = {"ratings alone": plain, "ratings and bad texts": shipped}
    return {
        "numbers": list(NUMBERS),
        "curves": curves,
        "agreement": {name: agreement(model, unseen) for name, model in models.items()},
        "worth": {name: worth(model, test, rng=rng) for name, model in models.items()},
    }


def ratings(judged: Judged) -> Rating:
    """The experts' means as the ratings of one person."""
    number = len(judged.ratings)
    return Rating(np.arange(number), judged.ratings, np.zeros(number, np.int64))


def comparisons(judged: Judged, number: int, *, rng: np.random.Generator) -> Comparison:
    """Random pairs of summaries of one article; the mean of the four criteria decides."""
    first, second = np.empty(number, np.int64), np.empty(number, np.int64)
    for i, article in enumerate(rng.choice(np.unique(judged.article), number)):
        first[i], second[i] = rng.choice(
            np.flatnonzero(judged.article == article), 2, replace=False
        )
    lead = judged.overall[first] - judged.overall[second]
    return Comparison(first, second, np.where(np.abs(lead) < 1e-9, 0.5, lead > 0).astype(float))


def agreement(model: RewardModel, judged: Judged) -> float:
    """Share of decided pairs of summaries of one article that the model orders as the experts."""
    return pair_agreement(utility(model, judged.segments), judged)


def pair_agreement(scores: Float64[np.ndarray, " summary"], judged: Judged) -> float:
    """As above, for any scores; equal scores count half."""
    right = decided = 0.0
    for article in np.unique(judged.article):
        chosen = judged.article == article
        wanted = np.sign(judged.overall[chosen][:, None] - judged.overall[chosen])
        found = np.sign(scores[chosen][:, None] - scores[chosen])
        pairs = np.triu(wanted != 0, 1)
        decided += pairs.sum()
        right += ((wanted * found)[pairs] + 1).sum() / 2
    return float(right / decided)


def worth(model: RewardModel, articles: Articles, *, rng: np.random.Generator) -> dict[str, float]:
    """Mean worth of the first two sentences of each article, and of every attack on it."""
    lead = [(text, join(split_sentences(text)[:2], "en")) for text in articles.texts]
    texts = {"lead-2": lead} | {
        name: attacked(attack, articles.texts, "en", rng) for name, attack in ATTACKS.items()
    }
    return {
        name: float(utility(model, written_segments(pairs)).mean()) for name, pairs in texts.items()
    }
