import itertools
import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.batching import BATCHES
from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig, new_reward_model
from prefgym.feedback.segment import Segments
from prefgym.feedback.selection import (
    SELECTIONS,
    bald,
    cover,
    disagreement,
    member_probabilities,
    select,
)

POINTS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=5, max_size=9)


def queries(returns: list[tuple[float, float]]) -> Queries:
    """Queries between segments of one step, observed as these numbers."""
    values = np.array(returns, np.float32).reshape(-1, 1, 1)
    mask = np.ones((len(values), 1), bool)
    segments = Segments(values, np.zeros_like(values), values, mask, values.astype(np.float64))
    index = np.arange(len(values)).reshape(-1, 2)
    return Queries(segments, index[:, 0], index[:, 1])


def model(*slopes: float) -> RewardModel:
    """Members whose reward is these multiples of the observation."""
    config = RewardModelConfig(InputConfig(action=False), num_members=len(slopes))
    box = spaces.Box(-99.0, 99.0, (1,))
    inputs = RewardInputs(config.inputs, box, box)
    made = new_reward_model(config, inputs, "linear", generator=torch.Generator())
    made.net.weight.copy_(torch.tensor([[[slope], [0.0], [0.0]] for slope in slopes]))
    made.informed.fill_(True)
    return made


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_members_probabilities_by_hand() -> None:
    third = math.log(3)
    got = member_probabilities(model(1.0, -1.0), queries([(third, 0.0), (1.0, 1.0)]))
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, [[0.75, 0.5], [0.25, 0.5]], atol=1e-6)


def test_disagreement_by_hand() -> None:
    probabilities = np.array([[0.2, 0.5, 0.0], [0.8, 0.5, 1.0]])
    np.testing.assert_allclose(disagreement(probabilities), [0.3, 0.0, 0.5])


def test_bald_by_hand() -> None:
    # sure and opposed: one bit; unsure alike: nothing; H(1/2) - H(1/4) in between
    probabilities = np.array([[0.0, 0.5, 0.25], [1.0, 0.5, 0.75]])
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    expected = [math.log(2), 0.0, math.log(2) - quarter]
    np.testing.assert_allclose(bald(probabilities), expected, atol=1e-9)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5))
def test_an_answer_tells_at_most_a_bit_and_never_less_than_nothing(members: list[float]) -> None:
    told = float(bald(np.array(members)[:, None])[0])
    assert -1e-9 <= told <= math.log(2) + 1e-9
    there, back = np.array(members)[:, None], 1 - np.array(members)[:, None]
    assert told == pytest.approx(float(bald(back)[0]), abs=1e-9)
    assert float(disagreement(there)[0]) == pytest.approx(float(disagreement(back)[0]), abs=1e-9)


def test_uniform_takes_the_candidates_as_they_come() -> None:
    candidates = queries([(9.0, 0.0), (0.0, 0.0), (5.0, 1.0)])
    for fitted in (None, model(1.0, -1.0)):
        assert select(candidates, 2, "uniform", fitted, rng=rng()).tolist() == [0, 1]


@pytest.mark.parametrize("method", ["disagreement", "bald", "d-optimal"])
def test_active_methods_ask_first_what_members_dispute_most(method: str) -> None:
    # members agree on the sign only where both segments are alike
    candidates = queries([(0.0, 0.0), (2.0, 0.0), (1.0, 0.0), (0.0, 4.0)])
    chosen = select(candidates, 3, method, model(1.0, -1.0), rng=rng())  # type: ignore[arg-type]
    assert chosen.tolist() == [3, 1, 2]


def test_bald_passes_over_what_is_only_noise() -> None:
    # The first pair is undecided to both members; of the second one is sure, the other is not.
    candidates = queries([(0.001, 0.0), (6.0, 0.0)])
    chosen = select(candidates, 1, "bald", model(1.0, 0.0), rng=rng())
    assert chosen.tolist() == [1]


@pytest.mark.parametrize(
    "method", ["disagreement", "bald", "d-optimal", "epig", "thompson", "entropy"]
)
def test_before_there_is_a_model_active_methods_cover(method: str) -> None:
    candidates = queries([(0.0, 0.0), (0.0, 0.1), (9.0, 0.0), (0.1, 0.0), (0.0, 9.1)])
    uninformed = model(1.0, -1.0)
    uninformed.informed.fill_(False)
    for fitted in (None, uninformed):
        for seed in range(5):
            chosen = select(candidates, 2, method, fitted, rng=rng(seed))  # type: ignore[arg-type]
            # one of the like pairs and one of the unlike, which the other way round are one
            assert len(set(chosen.tolist()) & {2, 4}) == 1


def within(points: np.ndarray, centres: np.ndarray) -> float:
    """The largest distance of a point or its negative to its nearest centre."""
    both = np.stack([points, -points])[:, :, None] - centres
    return float(np.sqrt((both**2).sum(axis=-1)).min(axis=(0, 2)).max())


@given(POINTS, st.integers(1, 4), st.integers(0, 9))
def test_coverage_is_at_most_twice_the_best(
    coordinates: list[tuple[int, int]], num_points: int, seed: int
) -> None:
    points = np.array(coordinates, np.float64)
    chosen = cover(points, num_points, rng=rng(seed))
    assert len(set(chosen.tolist())) == num_points
    best = min(
        within(points, points[list(centres)])
        for centres in itertools.combinations(range(len(points)), num_points)
    )
    assert within(points, points[chosen]) <= 2 * best + 1e-9


def test_coverage_takes_the_farthest_next() -> None:
    line = np.array([[0.0], [1.0], [4.0], [9.0]])
    orders = {tuple(cover(line, 4, rng=rng(seed)).tolist()) for seed in range(20)}
    assert orders == {(0, 3, 2, 1), (1, 3, 2, 0), (2, 3, 0, 1), (3, 0, 2, 1)}


def test_a_segment_that_ends_early_is_described_by_its_real_steps() -> None:
    observations = np.array([[[1.0], [99.0]], [[1.0], [1.0]], [[2.0], [2.0]]], np.float32)
    mask = np.array([[True, False], [True, True], [True, True]])
    segments = Segments(observations, 0 * observations, observations, mask, np.zeros((3, 2, 1)))
    candidates = Queries(segments, np.array([0, 0, 1]), np.array([1, 2, 2]))
    # the first pair shows no difference and the other two the same one
    for seed in range(5):
        assert 0 in select(candidates, 2, "bald", None, rng=rng(seed)).tolist()


@pytest.mark.parametrize("method", SELECTIONS)
@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("batch", BATCHES)
def test_chosen_queries_are_distinct(method: str, fitted: bool, batch: str) -> None:
    values = rng().normal(size=(40, 1, 1)).astype(np.float32)
    mask = np.ones((40, 1), bool)
    segments = Segments(values, values, values, mask, values.astype(np.float64))
    candidates = random_queries(segments, 30, num_new=40, rng=rng())
    chosen = select(
        candidates,
        30,
        method,  # type: ignore[arg-type]
        model(1.0, -1.0) if fitted else None,
        batch=batch,  # type: ignore[arg-type]
        batch_size=7,
        rng=rng(),
    )
    assert sorted(chosen.tolist()) == list(range(30))


def test_entropy_asks_what_is_only_noise_and_the_others_do_not() -> None:
    """Of the first pair all members are undecided; of the second one is sure."""
    candidates = queries([(0.001, 0.0), (6.0, 0.0)])
    members = model(1.0, 0.6)
    asked = {
        method: select(candidates, 1, method, members, rng=rng()).tolist()
        for method in ("entropy", "bald", "disagreement", "d-optimal")
    }
    assert asked == {"entropy": [0], "bald": [1], "disagreement": [1], "d-optimal": [1]}


def test_a_spread_batch_does_not_ask_the_same_twice() -> None:
    """Two like pairs are disputed most, and one unlike them a little less."""
    candidates = queries([(4.0, 0.0), (4.0, 0.0), (0.0, 2.0), *[(0.1, 0.0)] * 9])
    members = model(1.0, -1.0)
    top = select(candidates, 2, "bald", members, rng=rng())
    assert sorted(top.tolist()) == [0, 1]
    for seed in range(5):
        spread = select(candidates, 2, "bald", members, batch="spread", rng=rng(seed))
        assert len(set(spread.tolist()) & {0, 1}) == 1


def test_an_unknown_batch_is_refused() -> None:
    candidates = queries([(0.0, 1.0)])
    with pytest.raises((ValueError, TypeError), match="best"):
        select(candidates, 1, "bald", None, batch="best", rng=rng())  # type: ignore[arg-type]


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises((ValueError, TypeError), match="best"):  # a type checker may come first
        select(queries([(0.0, 1.0)]), 1, "best", None, rng=rng())  # type: ignore[arg-type]


@pytest.mark.parametrize("num_queries", [0, -1, 3])
def test_an_impossible_number_of_queries_is_refused(num_queries: int) -> None:
    candidates = queries([(0.0, 1.0), (1.0, 0.0)])
    with pytest.raises(ValueError, match=rf"in \[1, 2 candidates\], got {num_queries}"):
        select(candidates, num_queries, "uniform", None, rng=rng())
