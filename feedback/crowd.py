"""How far each rater can be trusted, learned beside the reward from comparisons alone.

Rater k prefers the first segment with probability

    P_k = h_k s(c_k gap + b_k) + (1 - h_k) s(-c_k gap + b_k)

where gap = R_first - R_second and s is the logistic function. h is how often the rater answers by
the reward rather than against it, c how much weight the reward has, negative for an adversary, and
b how far the rater favours the side shown first. "honesty" learns h with c = 1 (Crowd-BT, Chen et
al. 2013) by EM; "trust" learns c with h = 1 (TriTrust, arXiv 2601.18751), where a tight prior
matters: with a loose one, raters who are all equally noisy are weighed by chance.

Trust needs answers: below some 30 a rater stays near the prior. Where all raters err alike there
is nobody to trust more, and nothing is gained over plain Bradley-Terry.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float64

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.logistic import answer_log_likelihood, fit_logistic, item_rows, sigmoid

Reliability = Literal["honesty", "trust"]
_STEPS = 5  # of a rater's own parameters in one round
_FIXED_SD = 1e-6  # a prior this narrow keeps a parameter where it is


@dataclass(frozen=True, slots=True)
class CrowdConfig:
    """What is learned about raters, and what is believed of them before they answer.

    Args:
        reliability: "honesty" or "trust".
        honest: honest answers of the Beta prior on honesty.
        dishonest: dishonest answers of that prior.
        trust_sd: standard deviation of the normal prior on trust, whose mean is 1.
        side_bias_sd: standard deviation of the normal prior on the side bias; 0: there is none.
        num_rounds: at most so many rounds of EM.
        tolerance: a round that gains less log-posterior per answer is the last.
    """

    reliability: Reliability = "honesty"
    honest: float = 8.0
    dishonest: float = 2.0
    trust_sd: float = 0.5
    side_bias_sd: float = 0.5
    num_rounds: int = 200
    tolerance: float = 1e-7

    def __post_init__(self) -> None:
        if self.reliability not in get_args(Reliability):
            raise ValueError(
                f"reliability must be one of {', '.join(get_args(Reliability))}, "
                f"got {self.reliability!r}"
            )
        if min(self.honest, self.dishonest) < 1:
            raise ValueError(
                f"honest and dishonest must be at least 1, got {self.honest} and {self.dishonest}"
            )
        if not (self.trust_sd > 0 and self.side_bias_sd >= 0 and self.num_rounds > 0):
            raise ValueError(
                "trust_sd and num_rounds must be positive and side_bias_sd >= 0, got "
                f"{self.trust_sd}, {self.num_rounds} and {self.side_bias_sd}"
            )


class Crowd(NamedTuple):
    """What is known of every rater."""

    honesty: Float64[np.ndarray, " rater"]
    trust: Float64[np.ndarray, " rater"]
    side_bias: Float64[np.ndarray, " rater"]

    @property
    def reliability(self) -> Float64[np.ndarray, " rater"]:
        """One number per rater: 0 answers at random, negative against the reward."""
        return (2 * self.honesty - 1) * self.trust


class ItemCrowd(NamedTuple):
    """Scores of items, what is known of the raters, and the log-posterior round by round."""

    score: Float64[np.ndarray, " item"]
    crowd: Crowd
    log_posterior: list[float]


def new_crowd(num_raters: int, config: CrowdConfig) -> Crowd:
    """What is believed of raters before they answer."""
    prior = config.honest / (config.honest + config.dishonest)
    honesty = prior if config.reliability == "honesty" else 1.0
    return Crowd(np.full(num_raters, honesty), np.ones(num_raters), np.zeros(num_raters))


def honest_prob(
    comparison: Comparison, gap: Float64[np.ndarray, " answer"], crowd: Crowd
) -> Float64[np.ndarray, " answer"]:
    """Probability that each answer was given by the reward and not against it: the E-step."""
    honesty, toward, away = _branches(comparison, gap, crowd)
    with np.errstate(divide="ignore"):  # who is honest for certain
        odds = np.log(honesty) - np.log1p(-honesty)
    return sigmoid(odds + toward - away)


def crowd_log_likelihood(
    comparison: Comparison, gap: Float64[np.ndarray, " answer"], crowd: Crowd
) -> Float64[np.ndarray, " answer"]:
    """Log-probability of each answer, given the gap and who gave it."""
    honesty, toward, away = _branches(comparison, gap, crowd)
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(honesty) + toward, np.log1p(-honesty) + away)


def crowd_log_prior(crowd: Crowd, config: CrowdConfig) -> float:
    """Log-density of the raters' parameters, up to a constant."""
    value = -float((crowd.side_bias**2).sum()) / (2 * max(config.side_bias_sd, _FIXED_SD) ** 2)
    if config.reliability == "trust":
        return value - float(((crowd.trust - 1) ** 2).sum()) / (2 * config.trust_sd**2)
    honest = (config.honest - 1) * np.log(crowd.honesty)
    return value + float((honest + (config.dishonest - 1) * np.log1p(-crowd.honesty)).sum())


def learn_crowd(
    comparison: Comparison,
    gap: Float64[np.ndarray, " answer"],
    honest: Float64[np.ndarray, " answer"],
    crowd: Crowd,
    config: CrowdConfig,
) -> Crowd:
    """The raters' parameters that fit the answers better, gaps being as they are: the M-step.

    Trust and side bias climb by Newton steps with the curvature's bound in place of the curvature
    (Bohning & Lindsay 1988), which never overshoot.

    Args:
        comparison: all answers.
        gap: of the returns of each pair, first less second.
        honest: probability that each answer was given by the reward.
        crowd: what was known before.
        config: priors.
    """
    rater, num_raters = comparison.raters, comparison.num_raters

    def total(values: Float64[np.ndarray, " answer"]) -> Float64[np.ndarray, " rater"]:
        return np.bincount(rater, values, num_raters)

    honesty, trust, bias = crowd
    if config.reliability == "honesty":
        prior = config.honest + config.dishonest - 2
        honesty = (total(honest) + config.honest - 1) / (total(np.ones_like(gap)) + prior)
    trust_sd = config.trust_sd if config.reliability == "trust" else _FIXED_SD
    prior_precision = np.array([trust_sd, max(config.side_bias_sd, _FIXED_SD)]) ** -2.0
    bound = np.empty((num_raters, 2, 2))
    bound[:, 0, 0] = total(gap**2) / 4 + prior_precision[0]
    bound[:, 0, 1] = bound[:, 1, 0] = total((2 * honest - 1) * gap) / 4
    bound[:, 1, 1] = total(np.ones_like(gap)) / 4 + prior_precision[1]
    for _ in range(_STEPS):
        logit, shift = trust[rater] * gap, bias[rater]
        toward = honest * (comparison.preference - sigmoid(logit + shift))
        away = (1 - honest) * (comparison.preference - sigmoid(-logit + shift))
        slope = np.stack([total(gap * (toward - away)), total(toward + away)], axis=1)
        slope -= prior_precision * np.stack([trust - 1, bias], axis=1)
        step = np.linalg.solve(bound, slope[:, :, None])[:, :, 0]
        trust, bias = trust + step[:, 0], bias + step[:, 1]
    return Crowd(honesty, trust, bias)


def fit_item_crowd(
    comparison: Comparison, num_items: int, config: CrowdConfig, *, l2: float = 0.5
) -> ItemCrowd:
    """Scores of items and the reliability of raters, by EM; items of no answer score 0.

    Args:
        comparison: answers about items, by number.
        num_items: how many there are.
        config: what is learned about raters.
        l2: inverse variance of the normal prior on scores.
    """
    rows = item_rows(comparison.first, comparison.second, num_items)
    precision = np.eye(num_items) * l2
    crowd = new_crowd(comparison.num_raters, config)
    honest = crowd.honesty[comparison.raters]
    score, history = np.zeros((1, num_items)), [-np.inf]
    for _ in range(config.num_rounds):
        trust, bias = crowd.trust[comparison.raters], crowd.side_bias[comparison.raters]
        # an answer is one by the reward, and one against it, each to the extent that it is likely
        score = fit_logistic(
            np.concatenate([rows * trust[:, None], rows * -trust[:, None]]),
            np.tile(comparison.preference, 2),
            prior_precision=precision,
            counts=np.concatenate([honest, 1 - honest])[None],
            offset=np.tile(bias, 2),
            start=score,
            max_iterations=3,
        ).weight
        gap = rows @ score[0]
        crowd = learn_crowd(comparison, gap, honest, crowd, config)
        honest = honest_prob(comparison, gap, crowd)
        likelihood = float(crowd_log_likelihood(comparison, gap, crowd).sum())
        prior = crowd_log_prior(crowd, config) - l2 * float((score**2).sum()) / 2
        history.append(likelihood + prior)
        if history[-1] - history[-2] <= config.tolerance * len(comparison):
            break
    return ItemCrowd(score[0], crowd, history[1:])


def _branches(
    comparison: Comparison, gap: Float64[np.ndarray, " answer"], crowd: Crowd
) -> tuple[
    Float64[np.ndarray, " answer"],
    Float64[np.ndarray, " answer"],
    Float64[np.ndarray, " answer"],
]:
    """Every answer's honesty, and its log-probability by the reward and against it."""
    honesty, trust, bias = (of_rater[comparison.raters] for of_rater in crowd)
    toward = answer_log_likelihood(trust * gap + bias, comparison.preference)
    away = answer_log_likelihood(-trust * gap + bias, comparison.preference)
    return honesty, toward, away
