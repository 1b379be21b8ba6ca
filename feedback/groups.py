"""Groups of raters who want different things: a mixture of Bradley-Terry models by EM.

Every rater belongs to one of G groups, unknown to us, and a group's members share one reward:

    P(answers of rater k) = sum_g share_g prod_n s(+-x_n @ w_g)

The number of groups is that with the lowest BIC. What raters declare about themselves (a culture,
say) enters as a prior: the shares may differ from one declaration to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.logistic import answer_log_likelihood, fit_logistic

_CLIMB = 2  # Newton steps in one round; the next goes on from there


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """How groups are sought.

    Args:
        l2: inverse variance of the normal prior on weights.
        num_restarts: random beginnings, of which the likeliest end is kept.
        num_rounds: of EM, at most, from each.
        tolerance: a round that gains less log-posterior per answer is the last.
        pseudo_raters: of every declaration, spread evenly over the groups before anyone answers.
    """

    l2: float = 0.5
    num_restarts: int = 6
    num_rounds: int = 200
    tolerance: float = 1e-6
    pseudo_raters: float = 1.0

    def __post_init__(self) -> None:
        if not (self.l2 > 0 and self.pseudo_raters > 0):
            raise ValueError(
                f"l2 and pseudo_raters must be positive, got {self.l2} and {self.pseudo_raters}"
            )
        if min(self.num_restarts, self.num_rounds) < 1:
            raise ValueError("num_restarts and num_rounds must be at least 1")


class Groups(NamedTuple):
    """Groups, the largest first, and who belongs to them."""

    share: Float64[np.ndarray, "declaration group"]
    weight: Float64[np.ndarray, "group feature"]
    member_prob: Float64[np.ndarray, "rater group"]
    log_likelihood: float
    bic: float
    log_posterior: list[float]

    @property
    def assignment(self) -> Int64[np.ndarray, " rater"]:
        """Every rater's likeliest group."""
        return self.member_prob.argmax(axis=1)


@dataclass(frozen=True, slots=True)
class GroupAnswers:
    """Answers as rows of feature differences, who gave them, and what each rater declares."""

    rows: Float64[np.ndarray, "answer feature"]
    preference: Float64[np.ndarray, " answer"]
    rater: Int64[np.ndarray, " answer"]
    declared: Int64[np.ndarray, " rater"]

    def __post_init__(self) -> None:
        if not len(self.rater) or self.rater.min() < 0 or self.rater.max() >= self.num_raters:
            raise ValueError(
                f"there must be an answer, and raters in [0, {self.num_raters}), for each of whom "
                "`declared` has a number"
            )
        if self.declared.min() < 0:
            raise ValueError(f"declarations must be at least 0, got {self.declared.min()}")

    @property
    def num_raters(self) -> int:
        """How many raters there are."""
        return len(self.declared)

    @property
    def num_declarations(self) -> int:
        """How many different things raters may declare."""
        return int(self.declared.max()) + 1


def choose_groups(
    answers: GroupAnswers,
    num_groups: Sequence[int],
    config: GroupConfig,
    *,
    rng: np.random.Generator,
) -> list[Groups]:
    """A fit for each number of groups, the one with the lowest BIC first."""
    fits = [fit_groups(answers, number, config, rng=rng) for number in num_groups]
    return sorted(fits, key=lambda groups: groups.bic)


def fit_groups(
    answers: GroupAnswers, num_groups: int, config: GroupConfig, *, rng: np.random.Generator
) -> Groups:
    """The likeliest of several mixtures of so many groups, each begun at random.

    Raises:
        ValueError: if there are fewer raters than groups.
    """
    if not 1 <= num_groups <= answers.num_raters:
        raise ValueError(
            f"num_groups must be in [1, {answers.num_raters} raters], got {num_groups}"
        )
    restarts = config.num_restarts if num_groups > 1 else 1
    begin = rng.dirichlet(np.full(num_groups, 0.5), size=(restarts, answers.num_raters))
    fits = [_climb(answers, member_prob, config) for member_prob in begin]
    best = max(fits, key=lambda groups: groups.log_posterior[-1])
    order = np.argsort(-best.member_prob.sum(axis=0), kind="stable")
    return best._replace(
        share=best.share[:, order],
        weight=best.weight[order],
        member_prob=best.member_prob[:, order],
    )


def member_prob(groups: Groups, answers: GroupAnswers) -> Float64[np.ndarray, "rater group"]:
    """To which group raters belong who were not among those fitted.

    From a rater without answers only the declaration is known, which must not be a new one.
    """
    log_joint = _log_joint(answers, groups.weight, groups.share)
    return np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))


def _climb(
    answers: GroupAnswers, begin: Float64[np.ndarray, "rater group"], config: GroupConfig
) -> Groups:
    num_groups, num_features = begin.shape[1], answers.rows.shape[1]
    precision = np.eye(num_features) * config.l2
    member, weight = begin, np.zeros((num_groups, num_features))
    history = [-np.inf]
    for _ in range(config.num_rounds):
        share = _shares(answers, member, config)
        fit = fit_logistic(
            answers.rows,
            answers.preference,
            prior_precision=precision,
            counts=member.T[:, answers.rater],
            start=weight,
            max_iterations=_CLIMB,
        )
        weight = fit.weight
        log_joint = _log_joint(answers, weight, share)
        evidence = np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
        member = np.exp(log_joint - evidence)
        likelihood = float(evidence.sum())
        pseudo = config.pseudo_raters / num_groups
        prior = pseudo * float(np.log(share).sum()) - config.l2 * float((weight**2).sum()) / 2
        history.append(likelihood + prior)
        if history[-1] - history[-2] <= config.tolerance * len(answers.rater):
            break
    # a weight that the prior alone decides is no parameter
    decided = num_features - config.l2 * np.trace(np.linalg.inv(fit.precision), axis1=1, axis2=2)
    num_parameters = float(decided.sum()) + (num_groups - 1) * answers.num_declarations
    bic = num_parameters * np.log(len(answers.rater)) - 2 * likelihood
    return Groups(share, weight, member, likelihood, float(bic), history[1:])


def _shares(
    answers: GroupAnswers, member: Float64[np.ndarray, "rater group"], config: GroupConfig
) -> Float64[np.ndarray, "declaration group"]:
    counts = np.zeros((answers.num_declarations, member.shape[1]))
    np.add.at(counts, answers.declared, member)
    counts += config.pseudo_raters / member.shape[1]
    return counts / counts.sum(axis=1, keepdims=True)


def _log_joint(
    answers: GroupAnswers,
    weight: Float64[np.ndarray, "group feature"],
    share: Float64[np.ndarray, "declaration group"],
) -> Float64[np.ndarray, "rater group"]:
    """Log-probability of every rater's group and answers."""
    likelihood = answer_log_likelihood(weight @ answers.rows.T, answers.preference)
    of_rater = [np.bincount(answers.rater, each, answers.num_raters) for each in likelihood]
    return np.stack(of_rater, axis=1) + np.log(share)[answers.declared]
