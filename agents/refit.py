"""The reward model before and after a label round: its opinions, its refit, how that did."""

from typing import NamedTuple

import numpy as np
import torch

from prefgym.agents.ask import Asked, candidate_queries, new_segments
from prefgym.agents.config import RunConfig
from prefgym.agents.measure import agreement, calibration_row, or_none, step_correlation
from prefgym.agents.prior import SPREADS, wide_prior
from prefgym.agents.schedule import Purpose, stage_rng, stage_seed
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.dataset import Dataset
from prefgym.feedback.fit import FitReport, fit, overall_agreement
from prefgym.feedback.fit_crowd import fit_crowd
from prefgym.feedback.personal import PersonalPrior, fit_person
from prefgym.feedback.posterior import widen
from prefgym.feedback.rater import CrowdRater, Rater, SimulatedRater
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments
from prefgym.feedback.selection import member_probabilities
from prefgym.feedback.trajectory import Trajectories


class Refit(NamedTuple):
    """A reward model that knows every answer, and what the metrics say of its round."""

    reward_model: RewardModel
    round_row: dict[str, object]
    calibration: dict[str, object] | None
    held_out: float | None


def refit(
    previous: RewardModel | None,
    dataset: Dataset,
    asked: Asked,
    pool: Trajectories,
    rater: Rater | None,
    config: RunConfig,
    inputs: RewardInputs,
    weights: np.ndarray,
    *,
    prior: PersonalPrior | None = None,
    stage: int,
    num_fits: int,
) -> Refit:
    """Fit to the whole data set; measure on the round's own answers and on fresh queries.

    Args:
        previous: the reward model of the round before; None in the first without a prior.
        dataset: every answer, this round's included.
        asked: this round's queries and answers.
        pool: recorded behaviour, from which the fresh queries are drawn.
        rater: who answers the fresh queries, if simulated; they are never fitted. Of a crowd it is
            someone who never errs. None: people.
        config: the run's configuration.
        inputs: the rows that the reward model reads.
        weights: the environment's own weights of its criteria, shape (criteria,).
        prior: what others wanted, on top of which one person's model is fitted; None: nothing.
        stage: number of the stage, from which all randomness is derived.
        num_fits: fits done before.
    """
    seed = stage_seed(config.seed, stage, Purpose.FIT)
    generator = torch.Generator().manual_seed(seed)
    model, found, reliability = _fit(
        previous, dataset, config, inputs, prior, num_fits=num_fits, generator=generator
    )
    rates = asked.rates
    held_out, calibration = None, None
    if isinstance(rater, CrowdRater):
        rater = rater.truth
    if isinstance(rater, SimulatedRater) and config.loop.held_out:
        rng = stage_rng(config.seed, stage, Purpose.HELD_OUT)
        if config.loop.feedback == "rating":
            held_out = _held_out_ratings(model, pool, rater, config, rng=rng)
        else:
            old = dataset.clips(config.loop.segment_length)
            labelled = old if config.loop.old_share > 0 else None
            held_out, calibration = _held_out(model, labelled, pool, rater, config, rng=rng)
        if calibration is not None:
            calibration |= {"round": num_fits + 1}
    row: dict[str, object] = {
        "kind": "round",
        "round": num_fits + 1,
        "error_rate": or_none(rates.error_rate) if rates else None,
        "mistake_rate": or_none(rates.mistake_rate) if rates else None,
        "tie_rate": rates.tie_rate if rates else 0.0,
        "skip_rate": rates.skip_rate if rates else 0.0,
        "agreement_before_fit": None if previous is None else agreement(previous, asked),
        "agreement_after_fit": found.agreement,
        "heldout_agreement": held_out,
        "log_likelihood": found.held_out.get(found.family),
        "family": found.family,
        "family_scores": found.held_out,
        "correlation": step_correlation(model, asked.segments, weights),
    }
    if asked.raters is not None:
        row["raters"] = len(set(asked.raters))
    if asked.seconds is not None:
        row["label_seconds"] = sum(asked.seconds)
    if reliability is not None:
        row["reliability"] = reliability
    return Refit(model, row, calibration, held_out)


def _fit(
    previous: RewardModel | None,
    dataset: Dataset,
    config: RunConfig,
    inputs: RewardInputs,
    prior: PersonalPrior | None,
    *,
    num_fits: int,
    generator: torch.Generator,
) -> tuple[RewardModel, FitReport, dict[str, float] | None]:
    """A fit as the configuration has it; and by name how far those who compared can be trusted."""
    if prior is not None:
        told = dataset.segments, dataset.feedback
        model = fit_person(prior, *told, spreads=SPREADS, generator=generator)
        share = overall_agreement(dataset.feedback, model.returns(dataset.segments).mean(dim=0))
        return model, FitReport("linear", {}, share, l2=float("nan")), None
    rater_model = config.rater_model
    if rater_model is None or not any(isinstance(kind, Comparison) for kind in dataset.feedback):
        found = fit(
            previous,
            dataset.segments,
            dataset.feedback,
            model_config=config.reward_model,
            inputs=inputs,
            config=config.fit,
            num_fits=num_fits,
            generator=generator,
        )
        return *found, None
    model, report, crowd = fit_crowd(
        previous,
        dataset.segments,
        dataset.feedback,
        crowd_config=rater_model,
        model_config=config.reward_model,
        inputs=inputs,
        config=config.fit,
        num_fits=num_fits,
        generator=generator,
    )
    return model, report, dict(zip(dataset.raters, crowd.reliability.tolist(), strict=True))


def opinions(
    model: RewardModel,
    before: Dataset | None,
    prior: PersonalPrior | None,
    config: RunConfig,
    *,
    seed: int,
) -> RewardModel:
    """The reward model with as many posterior draws as members as active selection looks at.

    Args:
        model: that knows of every answer so far.
        before: these answers; None: there are none.
        prior: what others wanted; None: nothing is known of it.
        config: the run's configuration.
        seed: of the draws.
    """
    draws = config.loop.posterior_draws
    generator = torch.Generator().manual_seed(seed)
    if prior is not None:
        wide = wide_prior(prior, draws, seed=seed)
        if before is None:
            return wide.model
        told = before.segments, before.feedback
        return fit_person(wide, *told, spreads=SPREADS, generator=generator)
    if before is None:
        return model
    l2 = config.fit.l2
    return widen(model, before.segments, before.feedback, l2, draws, generator=generator)


def _held_out(
    model: RewardModel,
    labelled: Segments | None,
    pool: Trajectories,
    rater: SimulatedRater,
    config: RunConfig,
    *,
    rng: np.random.Generator,
) -> tuple[float | None, dict[str, object] | None]:
    """Agreement and calibration on fresh queries; None where nothing is decided."""
    queries = candidate_queries(pool, labelled, config.loop.held_out, config.loop, rng=rng)
    answers = rater.answer(queries, rng=rng)
    decided = ~answers.skipped & ~answers.tied
    if not decided.any():
        return None, None
    probability = member_probabilities(model, queries).mean(axis=0)[decided]
    preference = answers.preference[decided]
    right = float(np.mean((probability > 0.5) == (preference > 0.5)))
    return right, calibration_row(probability, preference)


def _held_out_ratings(
    model: RewardModel,
    pool: Trajectories,
    rater: SimulatedRater,
    config: RunConfig,
    *,
    rng: np.random.Generator,
) -> float | None:
    """Share of pairs of fresh segments, rated apart, that the model orders as the ratings do."""
    segments = new_segments(pool, config.loop.held_out, config.loop, rng=rng)
    values = rater.rate(segments, config.reward_model.heads, rng=rng)
    ratings = Rating(np.arange(len(values)), values, np.zeros(len(values), np.int64))
    return or_none(ratings.agreement(model.returns(segments).mean(dim=0)))
