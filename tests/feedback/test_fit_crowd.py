import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.crowd import Crowd, CrowdConfig
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.fit_crowd import CrowdFit, fit_crowd
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments
from prefgym.feedback.trusted import TrustedComparison, trusted

NUM_RATERS = 20
INPUTS = RewardInputs(
    InputConfig(action=False), spaces.Box(-99.0, 99.0, (3,)), spaces.Box(-1.0, 1.0, (1,))
)
MODEL = RewardModelConfig(inputs=INPUTS.config)
SLOPE = np.array([1.0, -2.0, 0.5])


def segments(count: int = 120, seed: int = 0) -> Segments:
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(count, 1, 3)) + 0.5 * rng.normal(size=(count, 5, 3))
    seen, done = steps.astype(np.float32), np.zeros((count, 5, 1), np.float32)
    return Segments(seen, done, seen, np.ones((count, 5), bool), (steps @ SLOPE)[..., None])


def answers(some: Segments, *, bad: int = 0, flips: float = 0.0, per_rater: int = 30, seed=0):
    """Comparisons of a crowd in which the first `bad` say the opposite of what they see."""
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(NUM_RATERS), per_rater)
    first, step = rng.integers([len(some), len(some) - 1], size=(len(rater), 2)).T
    second = (first + 1 + step) % len(some)
    returns = some.criteria.sum(axis=(1, 2))
    logit = 2 * (returns[first] - returns[second]) / returns.std()
    prob = sigmoid(np.where(rater < bad, -logit, logit))
    said = (rng.random(len(rater)) < prob) ^ (rng.random(len(rater)) < flips)
    return Comparison(first, second, said.astype(float), rater, NUM_RATERS)


def run(some: Segments, *feedback: Feedback, seed: int = 0, **changes) -> CrowdFit:
    return fit_crowd(
        None,
        some,
        feedback,
        crowd_config=changes.pop("crowd_config", CrowdConfig()),
        model_config=changes.pop("model_config", MODEL),
        inputs=changes.pop("inputs", INPUTS),
        config=FitConfig(**({"family": "linear"} | changes)),
        generator=torch.Generator().manual_seed(seed),
    )


def plain(some: Segments, *feedback: Feedback, **changes) -> RewardModel:
    return fit(
        None,
        some,
        feedback,
        model_config=changes.pop("model_config", MODEL),
        inputs=changes.pop("inputs", INPUTS),
        config=FitConfig(**({"family": "linear"} | changes)),
        generator=torch.Generator().manual_seed(0),
    )[0]


def accuracy(model: RewardModel, fresh: Segments | None = None) -> float:
    """Share of pairs of fresh segments that the model orders rightly."""
    fresh = fresh or segments(100, seed=99)
    found = model.returns(fresh).mean(dim=(0, 2)).numpy()
    true = fresh.criteria.sum(axis=(1, 2))
    i, j = np.triu_indices(100, 1)
    return float(((found[i] > found[j]) == (true[i] > true[j])).mean())


@pytest.mark.parametrize("reliability", ["honesty", "trust"])
def test_a_reward_is_learned_in_spite_of_adversaries(reliability):
    some = segments()
    crowd = answers(some, bad=6)
    found = run(some, crowd, crowd_config=CrowdConfig(reliability=reliability))
    assert accuracy(found.model) > max(0.93, accuracy(plain(some, crowd)) + 0.03)
    assert found.crowd.reliability[:6].max() < 0.1 < 0.4 < found.crowd.reliability[6:].min()
    # the answers that adversaries gave are predicted too: the opposite of what the model prefers
    assert found.report.agreement > 0.75


def test_few_answers_of_each_tell_who_is_an_adversary_where_much_can_be_fitted():
    inputs = RewardInputs(
        InputConfig(action=False), spaces.Box(-99.0, 99.0, (14,)), spaces.Box(-1.0, 1.0, (1,))
    )
    how = {"model_config": RewardModelConfig(inputs=inputs.config), "inputs": inputs}
    fresh = padded(segments(100, seed=99), 14, seed=99)
    gaps, gains = [], []
    for seed in range(4):
        some = padded(segments(seed=seed), 14, seed=seed)
        crowd = answers(some, bad=6, per_rater=10, seed=seed)
        found = run(some, crowd, seed=seed, **how)
        gains.append(accuracy(found.model, fresh) - accuracy(plain(some, crowd, **how), fresh))
        reliability = found.crowd.reliability
        gaps.append(reliability[6:].mean() - reliability[:6].mean())
    # judged by the model that was fitted to their own answers: 0.33 and 0.03
    assert np.mean(gaps) > 0.45
    assert np.mean(gains) > 0.05


def padded(some: Segments, num_columns: int, *, seed: int) -> Segments:
    """The same with columns of noise, which is something to mistake for a reward."""
    rng = np.random.default_rng([1, seed])
    shape = (*some.mask.shape, num_columns - some.observations.shape[-1])
    seen = np.concatenate([some.observations, rng.normal(size=shape)], axis=-1, dtype=np.float32)
    return replace(some, observations=seen, next_observations=seen)


def test_raters_who_all_err_alike_lose_nothing():
    gains = []
    for seed in range(3):
        some = segments(seed=seed)
        crowd = answers(some, flips=0.3, seed=seed)
        gains.append(accuracy(run(some, crowd).model) - accuracy(plain(some, crowd)))
    assert abs(np.mean(gains)) < 0.03


def test_an_mlp_learns_in_spite_of_adversaries_in_as_many_steps():
    some = segments()
    crowd = answers(some, bad=6)
    found = run(some, crowd, family="mlp", steps_first=240, learning_rate=3e-3)
    straight = plain(some, crowd, family="mlp", steps_first=240, learning_rate=3e-3)
    assert found.report.family == found.model.family == "mlp"
    assert accuracy(found.model) > accuracy(straight) + 0.02
    assert found.crowd.reliability[:6].max() < found.crowd.reliability[6:].min()


def test_other_kinds_of_feedback_join_in():
    some = segments()
    returns = some.criteria.sum(axis=(1, 2))
    index = np.arange(60)
    rating = Rating(index, returns[index, None], np.zeros(60, np.int64))
    crowd = answers(some, bad=6, per_rater=5)
    found = run(some, rating, crowd)
    assert accuracy(found.model) > accuracy(run(some, crowd).model) + 0.02


def test_the_same_generator_gives_the_same_bytes():
    some = segments(40)
    crowd = answers(some, bad=3, per_rater=10)
    there, back = (run(some, crowd, seed=5).model.to_bytes() for _ in range(2))
    assert there == back


def test_there_must_be_one_batch_of_comparisons():
    some = segments(10)
    crowd = answers(some, per_rater=1)
    for feedback in ([], [crowd, crowd]):
        with pytest.raises(ValueError, match=f"one batch of comparisons, got {len(feedback)}"):
            run(some, *feedback)


# --- the likelihood


def column(*returns: float) -> torch.Tensor:
    return torch.tensor(returns, dtype=torch.float64)[None, :, None]


def one(preference: float, *, honest=1.0, trust=1.0, bias=0.0) -> TrustedComparison:
    pair = np.array([0]), np.array([1])
    comparison = Comparison(*pair, np.array([preference]))
    return TrustedComparison(comparison, np.array([honest]), np.array([trust]), np.array([bias]))


NO_TIES = torch.zeros(1, 0, dtype=torch.float64)


def test_a_trusted_answer_by_hand():
    returns = column(math.log(3), 0.0)
    assert one(1.0).log_likelihood(returns, NO_TIES).exp().item() == pytest.approx(0.75)
    twice = one(1.0, trust=2.0).log_likelihood(returns, NO_TIES)
    assert twice.exp().item() == pytest.approx(0.9)
    against = one(1.0, trust=-1.0).log_likelihood(returns, NO_TIES)
    assert against.exp().item() == pytest.approx(0.25)
    biased = one(1.0, bias=math.log(2)).log_likelihood(returns, NO_TIES)
    assert biased.exp().item() == pytest.approx(6 / 7)
    half = one(1.0, honest=0.25).log_likelihood(returns, NO_TIES).item()
    assert half == pytest.approx(0.25 * math.log(0.75) + 0.75 * math.log(0.25))


def test_a_tie_stays_a_tie_whoever_gave_it():
    tie = torch.tensor([[math.log(2.0)]], dtype=torch.float64)
    for honest in (0.0, 0.5, 1.0):
        value = one(0.5, honest=honest).log_likelihood(column(0.0, 0.0), tie)
        assert value.exp().item() == pytest.approx(0.5)


def test_answers_keep_who_gave_them_when_taken_and_localised():
    comparison = Comparison(
        np.array([7, 3, 7]), np.array([3, 9, 9]), np.ones(3), np.array([0, 1, 1]), 2
    )
    crowd = Crowd(np.ones(2), np.array([0.5, -2.0]), np.array([0.1, 0.2]))
    told = trusted(comparison, np.array([0.9, 0.8, 0.7]), crowd)
    assert isinstance(told, Feedback)
    assert told.informative
    used, local = told.take(np.array([2, 0])).localise()
    assert used.tolist() == [3, 7, 9]
    assert local.honest.tolist() == [0.7, 0.9]
    assert local.trust.tolist() == [-2.0, 0.5]
    assert local.side_bias.tolist() == [0.2, 0.1]
    assert local.comparison.second.tolist() == [2, 0]


def test_an_adversarys_answer_agrees_when_it_is_predicted():
    returns = torch.tensor([[1.0], [0.0]])
    assert one(1.0).agreement(returns) == 1.0
    assert one(1.0, honest=0.2).agreement(returns) == pytest.approx(0.2)
    assert one(1.0, trust=-1.0).agreement(returns) == 0.0
    assert math.isnan(one(0.5).agreement(returns))


def test_there_must_be_a_number_for_each_answer():
    comparison = Comparison(np.array([0]), np.array([1]), np.ones(1))
    with pytest.raises((ValueError, TypeError), match=r"one number for each|Type-check"):
        TrustedComparison(comparison, np.ones(2), np.ones(1), np.zeros(1))
