import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch

from prefgym.feedback import fit_linear as module
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit_linear import (
    CONSTANT_SHRINKAGE,
    RATER_PRIOR_SD,
    LinearFit,
    fit_linear,
    held_out_linear,
    posterior_members,
    return_features,
)
from prefgym.feedback.rating import Rating

NUM_SEGMENTS, NUM_FEATURES = 40, 4


def features() -> torch.Tensor:
    """The last column is the constant's, as long as the segment lasts."""
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(NUM_SEGMENTS, NUM_FEATURES))
    columns[:, -1] = rng.uniform(0.5, 2.0, NUM_SEGMENTS)
    return torch.from_numpy(columns)


def answers(num_answers: int = 60, tie_share: float = 0.2, seed: int = 1) -> Comparison:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(NUM_SEGMENTS, size=(2, num_answers))
    returns = features().numpy() @ np.array([1.0, -0.5, 0.0, 0.3])
    prefers = rng.random(num_answers) < 1 / (1 + np.exp(returns[second] - returns[first]))
    tied = rng.random(num_answers) < tie_share
    return Comparison(first, second, np.where(tied, 0.5, prefers.astype(float)))


def penalties(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def objective(point: np.ndarray, kind: Comparison, l2: float, weights: np.ndarray) -> float:
    """What is minimised, in NumPy; the last coordinate is log nu where anyone ties."""
    x = features().numpy()
    w, log_tie = point[:NUM_FEATURES], point[NUM_FEATURES:]
    half = (x[kind.first] - x[kind.second]) @ w / 2
    outcomes = [half, -half, *(np.full_like(half, value) for value in log_tie)]
    log_first, log_second, *log_tied = np.stack(outcomes) - np.logaddexp.reduce(outcomes, axis=0)
    log_prob = kind.preference * log_first + (1 - kind.preference) * log_second
    if log_tied:
        log_prob = np.where(kind.preference == 0.5, log_tied[0], log_prob)
    shrink = np.full(NUM_FEATURES, l2)
    shrink[-1] *= CONSTANT_SHRINKAGE
    penalty = (shrink * w**2).sum() / 2 + (log_tie**2).sum() / RATER_PRIOR_SD**2 / 2
    return float(penalty - (weights * log_prob).sum())


@pytest.mark.parametrize("tie_share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("l2", [0.03, 3.0])
def test_newton_finds_what_a_general_optimiser_finds(l2: float, tie_share: float) -> None:
    kind = answers(tie_share=tie_share)
    weights = np.random.default_rng(2).uniform(0.0, 2.0, len(kind))
    solution = fit_linear(features(), [kind], penalties(l2), torch.from_numpy(weights)[None])
    point = torch.cat([solution.weight.flatten(1), *solution.parameters], dim=1)[0].numpy()
    assert len(point) == NUM_FEATURES + (tie_share > 0)

    found = scipy.optimize.minimize(objective, np.zeros_like(point), (kind, l2, weights), tol=1e-10)
    np.testing.assert_allclose(point, found.x, atol=1e-4)
    slope = scipy.optimize.approx_fprime(point, objective, 1e-6, kind, l2, weights)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


def test_the_precision_is_the_curvature() -> None:
    kind = answers()
    solution = fit_linear(features(), [kind], penalties(1.0))
    point = torch.cat([solution.weight.flatten(1), *solution.parameters], dim=1)[0].numpy()

    def slope(at: np.ndarray) -> np.ndarray:
        return scipy.optimize.approx_fprime(at, objective, 1e-5, kind, 1.0, np.ones(len(kind)))

    curvature = [
        (slope(point + step) - slope(point - step)) / 2e-3 for step in 1e-3 * np.eye(len(point))
    ]
    expected = np.array(curvature)[:NUM_FEATURES, :NUM_FEATURES]
    np.testing.assert_allclose(solution.precision[0].numpy(), expected, atol=1e-2, rtol=1e-3)


def test_members_are_solved_together_as_they_would_be_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = answers()
    weights = torch.rand(2, len(kind), generator=torch.Generator().manual_seed(0)).double()
    together = fit_linear(features(), [kind], penalties(0.1, 10.0), weights)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)  # and column by column
    for member, l2 in enumerate([0.1, 10.0]):
        alone = fit_linear(features(), [kind], penalties(l2), weights[member : member + 1])
        torch.testing.assert_close(alone.weight[0], together.weight[member])
        torch.testing.assert_close(alone.precision[0], together.precision[member])


def test_a_perfectly_separable_set_has_a_finite_fit() -> None:
    # one answer and no noise: the likelihood alone would push the weight to infinity
    x = torch.tensor([[1000.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    kind = Comparison(np.array([0]), np.array([1]), np.array([1.0]))
    solution = fit_linear(x, [kind], penalties(0.03))
    assert torch.isfinite(solution.weight).all()
    assert 0 < solution.weight[0, 0, 0] < 1


@pytest.mark.parametrize("seed", [2, 35, 64])
def test_heavy_tails_do_not_make_newton_overshoot(seed: int) -> None:
    # on these, whole Newton steps do not arrive
    rng = np.random.default_rng(seed)
    x = np.clip(3 * rng.standard_cauchy(size=(30, 3)), -100, 100)
    first = rng.integers(30, size=20)
    second = (first + rng.integers(1, 30, size=20)) % 30
    returns = x.sum(axis=1)
    kind = Comparison(first, second, (returns[first] > returns[second]).astype(float))
    weight = fit_linear(torch.from_numpy(x), [kind], penalties(0.03)).weight[0, :, 0].numpy()
    surprise = scipy.special.expit(-np.abs((x[first] - x[second]) @ weight))
    towards = np.sign(returns[first] - returns[second])[:, None] * (x[first] - x[second])
    slope = 0.03 * weight * [1, 1, CONSTANT_SHRINKAGE] - (surprise[:, None] * towards).sum(axis=0)
    assert ((x[first] - x[second]) @ weight * np.sign(returns[first] - returns[second]) > 0).all()
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


def test_all_ties_leave_the_weights_at_nothing() -> None:
    kind = Comparison(np.array([0, 2]), np.array([1, 3]), np.array([0.5, 0.5]))
    solution = fit_linear(features(), [kind], penalties(1.0))
    assert solution.weight.abs().max() < 1e-6
    assert 0 < float(solution.parameters[0]) < 9


def test_the_offset_is_learned_from_lengths() -> None:
    # Segments that end early lose, and nothing else tells them apart: each step must be worth > 0.
    length = torch.arange(1.0, 11.0).double()[:, None]
    x = torch.cat([torch.zeros(10, 1).double(), length], dim=1)
    first, second = np.arange(1, 10), np.arange(9)
    kind = Comparison(first, second, np.ones(9))
    weight = fit_linear(x, [kind], penalties(1.0)).weight[0, :, 0]
    assert weight[0] == 0
    assert weight[1] > 3  # hardly shrunk: with the penalty of the others it would be 1.6
    worse = Comparison(second, first, np.ones(9))
    assert torch.allclose(fit_linear(x, [worse], penalties(1.0)).weight[0, :, 0], -weight)


def test_cross_validation_scores_answers_that_were_not_fitted() -> None:
    kind = answers(num_answers=30)
    fold = np.arange(30) % 3
    train = torch.from_numpy((fold[None] != np.arange(3)[:, None]).astype(np.float64))
    got = held_out_linear(features(), [kind], [0.1, 10.0], train)
    for number, l2 in enumerate([0.1, 10.0]):
        total = 0.0
        for left_out in range(3):
            inside, outside = np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)
            solution = fit_linear(features(), [kind.take(inside)], penalties(l2))
            returns = solution.returns(features())
            likelihood = kind.take(outside).log_likelihood(returns, solution.parameters[0])
            total += float(likelihood.sum())
        assert float(got[number]) == pytest.approx(total / 30, abs=1e-6)


def test_members_are_spread_like_the_posterior_around_the_fit() -> None:
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    solution = LinearFit(
        torch.tensor([[[3.0], [-1.0]]]).double(),
        [],
        torch.from_numpy(np.linalg.inv(covariance))[None],
    )
    generator = torch.Generator().manual_seed(0)
    draws = posterior_members(solution, 20_000, generator=generator)[..., 0].numpy()
    np.testing.assert_allclose(draws.mean(axis=0), [3.0, -1.0], atol=1e-9)
    np.testing.assert_allclose(np.cov(draws.T), covariance, rtol=0.05)

    # of three as well, over many triples: centring must not make them too sure
    triples = [posterior_members(solution, 3, generator=generator) for _ in range(4000)]
    deviations = torch.stack(triples)[..., 0].numpy() - [3.0, -1.0]
    np.testing.assert_allclose(deviations.mean(axis=1), 0.0, atol=1e-9)
    realised = np.einsum("tmi,tmj->ij", deviations, deviations) / (3 * 4000)
    np.testing.assert_allclose(realised, covariance, rtol=0.1)


def test_a_single_member_is_the_fit_itself() -> None:
    solution = fit_linear(features(), [answers()], penalties(1.0))
    member = posterior_members(solution, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(member, solution.weight)


def test_features_of_a_return_by_hand() -> None:
    inputs = torch.tensor([[[1.0], [2.0], [5.0], [5.0]], [[1.0], [1.0], [1.0], [3.0]]])
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    got = return_features(inputs, mask)
    assert got.dtype == torch.float64
    assert got.tolist() == [[3 / 2, 5 / 2, 2 / 2], [6 / 2, 12 / 2, 4 / 2]]


def test_features_of_many_segments_are_those_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(300, 3, 2, generator=generator)
    mask = torch.rand(300, 3, generator=generator) < 0.5
    each = [return_features(inputs[i : i + 1], mask[i : i + 1]) for i in range(300)]
    torch.testing.assert_close(return_features(inputs, mask), torch.cat(each))


def test_two_heads_rated_apart_are_two_fits() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(NUM_SEGMENTS, 2))
    segment, rater = np.arange(NUM_SEGMENTS), np.zeros(NUM_SEGMENTS, np.int64)
    fixed = torch.tensor([[1.0, 0.0]], dtype=torch.float64)  # scale 1, offset 0

    def solve(kind: Rating, num_heads: int) -> torch.Tensor:
        x = features()
        with_raters = fit_linear(x, [kind], penalties(0.5), num_heads=num_heads)
        assert with_raters.parameters[0].shape == fixed.shape
        return with_raters.weight[0]

    both = solve(Rating(segment, values, rater), 2)
    only_first = values.copy()
    only_first[:, 1] = np.nan
    first = solve(Rating(segment, only_first, rater), 2)
    assert first[:, 1].abs().max() < 1e-9
    assert both.shape == (NUM_FEATURES, 2)
    single = solve(Rating(segment, values[:, :1], rater), 1)
    torch.testing.assert_close(first[:, :1], single)


def test_ratings_and_comparisons_of_the_same_taste_agree() -> None:
    rng = np.random.default_rng(4)
    truth = features().numpy() @ np.array([2.0, -1.0, 0.5, 0.0])
    values = (3.0 + 0.5 * truth + 0.25 * rng.normal(size=NUM_SEGMENTS))[:, None]
    rating = Rating(np.arange(NUM_SEGMENTS), values, np.zeros(NUM_SEGMENTS, np.int64))
    first, second = rng.integers(NUM_SEGMENTS, size=(2, 400))
    prefers = rng.random(400) < 1 / (1 + np.exp(truth[second] - truth[first]))
    comparison = Comparison(first, second, prefers.astype(float))
    for feedback in ([rating], [comparison], [rating, comparison]):
        returns = fit_linear(features(), feedback, penalties(0.1)).returns(features())[0, :, 0]
        assert np.corrcoef(returns.numpy(), truth)[0, 1] > 0.97
