import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from prefgym.feedback.choice import Choice
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import FitConfig, FitReport, fit
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments

NUM_STEPS = 10
INPUTS = RewardInputs(
    InputConfig(action=False), spaces.Box(-99.0, 99.0, (4,)), spaces.Box(-1.0, 1.0, (1,))
)
MODEL = RewardModelConfig(inputs=INPUTS.config)
Reward = Callable[[np.ndarray], np.ndarray]


def linear(x: np.ndarray) -> np.ndarray:
    return x @ np.array([1.0, -2.0, 0.5, 0.0])


def bowl(x: np.ndarray) -> np.ndarray:
    return -2 * x[..., 0] ** 2 - x[..., 1] ** 2 + x[..., 2]


def interaction(x: np.ndarray) -> np.ndarray:
    """Nothing that a sum of one-column features could express."""
    return 4 * x[..., 0] * x[..., 1]


def segments(
    num_segments: int,
    reward: Reward,
    *,
    offset: float = 0.0,
    terminates: bool = False,
    seed: int = 0,
) -> Segments:
    """Random steps in units of their own; the criterion is the gold reward."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_segments, 1, 4)) + 0.5 * rng.normal(size=(num_segments, NUM_STEPS, 4))
    length = rng.integers(1, 2 * NUM_STEPS, size=num_segments) if terminates else NUM_STEPS
    mask = np.arange(NUM_STEPS) < np.broadcast_to(length, num_segments)[:, None]
    observations = (x * [1.0, 10.0, 0.1, 1.0] + [0.0, 5.0, 0.0, -3.0]).astype(np.float32)
    actions = np.zeros((num_segments, NUM_STEPS, 1), np.float32)
    return Segments(observations, actions, observations, mask, (reward(x) + offset)[..., None])


def returns(some: Segments) -> np.ndarray:
    return (some.criteria[..., 0] * some.mask).sum(axis=1)


def answers(
    some: Segments, num_answers: int, *, noise: float = 0.0, tie_gap: float = 0.0, seed: int = 0
) -> Comparison:
    """Comparisons by return; `noise` is the share of coin flips."""
    rng = np.random.default_rng(seed)
    first = rng.integers(len(some), size=num_answers)
    second = (first + rng.integers(1, len(some), size=num_answers)) % len(some)
    gap = returns(some)[first] - returns(some)[second]
    preference = np.where(np.abs(gap) <= tie_gap, 0.5, (gap > 0).astype(float))
    coin = rng.integers(2, size=num_answers).astype(float)
    return Comparison(first, second, np.where(rng.random(num_answers) < noise, coin, preference))


def run(
    some: Segments,
    *feedback: object,
    previous: RewardModel | None = None,
    num_fits: int = 0,
    seed: int = 0,
    **changes: object,
) -> tuple[RewardModel, FitReport]:
    return fit(
        previous,
        some,
        feedback,  # type: ignore[arg-type]
        model_config=MODEL,
        inputs=INPUTS,
        config=FitConfig(**changes),  # type: ignore[arg-type]
        num_fits=num_fits,
        generator=torch.Generator().manual_seed(seed),
    )


def learned(model: RewardModel, some: Segments) -> np.ndarray:
    """The reward of every real step."""
    rows = some.observations[some.mask]
    return model.reward(rows, np.zeros((len(rows), 1), np.float32), rows, np.zeros(len(rows), bool))


def rank_correlation(model: RewardModel, reward: Reward, seed: int = 99) -> float:
    """Spearman's, between learned and gold reward of fresh steps."""
    fresh = segments(100, reward, seed=seed)
    pairs = np.stack([learned(model, fresh), fresh.criteria[fresh.mask][:, 0]])
    return float(np.corrcoef(pairs.argsort(axis=1).argsort(axis=1))[0, 1])


# --- what is recovered


@pytest.mark.parametrize(("family", "bound"), [("linear", 0.98), ("mlp", 0.95)])
def test_a_linear_reward_is_recovered_from_noise_free_answers(family: str, bound: float) -> None:
    some = segments(200, linear)
    model, report = run(some, answers(some, 200), family=family, steps_first=180)
    assert rank_correlation(model, linear) > bound
    assert report.agreement > 0.95


def test_squares_are_recovered_too() -> None:
    some = segments(200, lambda x: -(x[..., 0] ** 2))
    model, report = run(some, answers(some, 200))
    assert report.family == "linear"
    assert rank_correlation(model, lambda x: -(x[..., 0] ** 2)) > 0.95


def test_an_interaction_is_left_to_the_mlp() -> None:
    some = segments(300, interaction)
    model, report = run(some, answers(some, 300), steps_first=200, learning_rate=1e-2)
    assert report.family == "mlp"
    assert report.held_out["mlp"] > -0.4
    assert report.held_out["linear"] < -0.6
    assert rank_correlation(model, interaction) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_few_noisy_answers_about_a_bowl_are_left_to_the_linear_family(seed: int) -> None:
    some = segments(200, bowl, seed=seed)
    model, report = run(some, answers(some, 100, noise=0.3, seed=seed), seed=seed)
    assert report.family == "linear"
    assert report.held_out["linear"] > report.held_out["mlp"]
    assert rank_correlation(model, bowl) > 0.75


def test_the_penalty_grows_with_the_noise() -> None:
    some = segments(120, linear)
    coin_flips = answers(some, 80, noise=1.0)
    model, chosen = run(some, coin_flips, family="linear")
    careless, weakest = run(some, coin_flips, family="linear", l2=(0.03,))
    assert model.net.weight.mean(dim=0).norm() < 0.5 * careless.net.weight.mean(dim=0).norm()
    assert chosen.held_out["linear"] > -0.75  # hardly worse than not knowing, log(1/2) = -0.69
    assert weakest.held_out["linear"] < -0.85
    clear = answers(some, 80)
    _, chosen = run(some, clear, family="linear")
    _, strongest = run(some, clear, family="linear", l2=(30.0,))
    assert chosen.held_out["linear"] > strongest.held_out["linear"] + 0.1


def test_ties_are_no_hindrance_to_either_family() -> None:
    some = segments(200, linear)
    tied = answers(some, 200, tie_gap=2.0)
    assert 0.05 < np.mean(tied.preference == 0.5) < 0.3
    _, report = run(some, tied, steps_first=180)
    assert report.held_out["linear"] > -0.35
    assert report.held_out["mlp"] > -0.7  # three outcomes: not knowing is log(1/3) = -1.1
    for family in ("linear", "mlp"):
        model, _ = run(some, tied, family=family, steps_first=180)
        assert rank_correlation(model, linear) > 0.93


# --- offset and scale


@pytest.mark.parametrize("family", ["linear", "mlp"])
def test_where_no_episode_ends_the_reward_is_centred(family: str) -> None:
    some = segments(100, linear, offset=7.0)
    model, _ = run(some, answers(some, 100), family=family)
    reward = learned(model, some)
    assert abs(reward.mean()) < 0.02  # not exactly: a step may be clipped
    assert reward.std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("family", ["linear", "mlp"])
@pytest.mark.parametrize("offset", [3.0, -3.0])
def test_where_episodes_end_the_offset_is_learned_and_kept(family: str, offset: float) -> None:
    small = segments(150, lambda x: 0.5 * linear(x), offset=offset, terminates=True)
    model, _ = run(small, answers(small, 150), family=family, steps_first=120)
    reward = learned(model, small)
    assert np.sign(reward.mean()) == np.sign(offset)
    assert abs(reward.mean()) > 0.5
    assert np.sqrt((reward**2).mean()) == pytest.approx(1.0, abs=0.02)
    assert float(model.output_offset) == 0.0


def test_takeovers_beside_clips_leave_the_offset_free() -> None:
    some = segments(100, linear, offset=7.0)
    mask = some.mask.copy()
    mask[50:, 4:] = False  # shorter, but not because an episode ended
    mixed = replace(some, mask=mask)
    clips = answers(mixed.take(np.arange(50)), 50)
    better = np.argsort(returns(mixed)[50:].reshape(-1, 2), axis=1)[:, ::-1]
    takeovers = Choice("intervention", 50 + 2 * np.arange(25)[:, None] + better)
    model, _ = run(mixed, clips, takeovers, family="linear")
    assert abs(learned(model, mixed).mean()) < 0.02
    rated = Rating(np.arange(100), returns(mixed)[:, None], np.zeros(100, np.int64))
    model, _ = run(mixed, rated, family="linear")  # ratings of both do tell of the offset
    assert float(model.output_offset) == 0.0


def test_ties_alone_leave_the_model_uninformed() -> None:
    some = segments(20, linear)
    ties = Comparison(np.arange(10), np.arange(10, 20), np.full(10, 0.5))
    model, report = run(some, ties)
    assert not bool(model.informed)
    assert (learned(model, some) == -1.0).all()
    assert math.isnan(report.agreement)
    assert bool(run(some, answers(some, 10))[0].informed)


# --- laws


@pytest.mark.parametrize("family", ["linear", "mlp", "auto"])
def test_a_fit_follows_from_its_generator(family: str) -> None:
    some = segments(50, linear)
    told = answers(some, 50, noise=0.3)
    documents = [run(some, told, family=family, seed=seed)[0].to_bytes() for seed in (0, 0, 1)]
    assert documents[0] == documents[1]
    assert documents[0] != documents[2]


@pytest.mark.parametrize("family", ["linear", "mlp"])
def test_the_order_of_a_pair_does_not_matter(family: str) -> None:
    some = segments(50, linear, terminates=True)
    there = answers(some, 50, tie_gap=1.0)
    back = Comparison(there.second, there.first, 1 - there.preference)
    models = [run(some, told, family=family)[0] for told in (there, back)]
    np.testing.assert_allclose(*(learned(model, some) for model in models), atol=2e-3)


def test_answers_in_two_batches_are_as_good_as_in_one() -> None:
    some = segments(50, linear)
    told = answers(some, 50)
    parts = [told.take(np.arange(20)), told.take(np.arange(20, 50))]
    nothing = told.take(np.arange(0))
    whole, split = run(some, told), run(some, parts[0], nothing, parts[1])
    np.testing.assert_allclose(learned(whole[0], some), learned(split[0], some), atol=1e-5)
    assert whole[1].held_out == pytest.approx(split[1].held_out, abs=1e-5)
    assert whole[1].agreement == pytest.approx(split[1].agreement)


def test_members_agree_on_average_with_the_fit_and_differ_where_little_is_known() -> None:
    some = segments(100, linear)
    few, _ = run(some, answers(some, 20), family="linear")
    many, _ = run(some, answers(some, 600), family="linear")
    spread = [
        model.net.weight.std(dim=0).median() / model.net.weight.abs().max() for model in (few, many)
    ]
    assert spread[0] > 2 * spread[1] > 0


# --- rounds


def test_an_mlp_goes_on_from_the_round_before_and_leaves_it_alone() -> None:
    some = segments(100, linear)
    told = answers(some, 100)
    first, _ = run(some, told, family="mlp")
    document = first.to_bytes()
    second, _ = run(some, told, previous=first, num_fits=1, family="mlp", seed=1)
    fresh, _ = run(some, told, num_fits=1, family="mlp", seed=1)
    assert first.to_bytes() == document

    def distance(model: RewardModel) -> float:
        pairs = zip(model.net.parameters(), first.net.parameters(), strict=True)
        return sum(float((ours - theirs).detach().square().sum()) for ours, theirs in pairs)

    assert 0 < distance(second) < 0.2 * distance(fresh)


def test_a_fresh_mlp_trains_as_long_as_one_that_was_there_all_along() -> None:
    some = segments(100, linear)
    told = answers(some, 100)
    late, _ = run(some, told, family="mlp", num_fits=2, steps_first=10, steps=5)
    same, _ = run(some, told, family="mlp", num_fits=0, steps_first=20, steps=5)
    assert late.to_bytes() == same.to_bytes()


def test_a_linear_model_is_solved_anew() -> None:
    some = segments(100, linear)
    told = answers(some, 100)
    previous, _ = run(some, answers(some, 100, noise=1.0), family="linear")
    there, _ = run(some, told, previous=previous, num_fits=1, family="linear")
    assert there.to_bytes() == run(some, told, family="linear")[0].to_bytes()


# --- what is reported, and what is refused


def test_what_was_tried_is_reported() -> None:
    some = segments(50, linear)
    told = answers(some, 50)
    assert set(run(some, told)[1].held_out) == {"linear", "mlp"}
    assert set(run(some, told, family="linear")[1].held_out) == {"linear"}
    assert run(some, told, family="mlp")[1].held_out == {}


@pytest.mark.parametrize("family", ["linear", "mlp", "auto"])
def test_a_single_answer_is_enough(family: str) -> None:
    some = segments(2, linear)
    told = answers(some, 1)
    model, report = run(some, told, family=family)
    assert report[:3] == (("linear" if family == "auto" else family), {}, 1.0)
    assert bool(model.informed)
    assert np.isfinite(learned(model, some)).all()


def test_inputs_are_standardised_on_real_steps() -> None:
    some = segments(50, linear, terminates=True)
    some.observations[~some.mask] = 90.0
    model, _ = run(some, answers(some, 50))
    real = some.observations[some.mask].astype(np.float64)
    np.testing.assert_allclose(model.input_mean.numpy(), real.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(model.input_sd.numpy(), real.std(axis=0), rtol=1e-5)


def test_a_column_that_never_changes_does_no_harm() -> None:
    some = segments(50, linear)
    some.observations[..., 3] = 7.0
    model, _ = run(some, answers(some, 50))
    assert float(model.input_sd[3]) == 1.0
    assert np.isfinite(learned(model, some)).all()


@pytest.mark.parametrize("kinds", [0, 1, 2])
def test_no_answers_are_refused(kinds: int) -> None:
    some = segments(3, linear)
    nothing = Comparison(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    with pytest.raises(ValueError, match="at least one answer is needed"):
        run(some, *[nothing] * kinds)


@pytest.mark.parametrize("wrong", [3, -1])
def test_answers_about_segments_that_are_not_there_are_refused(wrong: int) -> None:
    told = Comparison(np.array([0, wrong]), np.array([1, 2]), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="segments 0 to 2, got indices from"):
        run(segments(3, linear), told)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("family", ["linear", "mlp"])
@pytest.mark.parametrize("padded", [True, False])
def test_bad_steps_are_refused_and_leave_the_model_alone(
    family: str, value: float, padded: bool
) -> None:
    some = segments(30, linear, terminates=True)
    told = answers(some, 30)
    previous, _ = run(some, told, family=family)
    document = previous.to_bytes()
    some.observations[np.argmax(some.mask != padded, axis=0)[-1], -1, 0] = value
    with pytest.raises(ValueError, match="labelled segments must be finite"):
        run(some, told, previous=previous, num_fits=1, family=family)
    assert previous.to_bytes() == document


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps_first, steps and batch_size"),
        ({"batch_size": 0}, "steps_first, steps and batch_size"),
        ({"num_folds": 1}, "num_folds"),
        ({"l2": ()}, "l2"),
        ({"l2": (0.0, 1.0)}, "l2"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FitConfig(**wrong)  # type: ignore[arg-type]


# --- other kinds of feedback


@dataclass(frozen=True)
class Ratings:
    """Marks for single segments, normally distributed about the return with an offset to learn."""

    segment: np.ndarray
    mark: np.ndarray

    def __len__(self) -> int:
        return len(self.mark)

    def take(self, index: np.ndarray) -> "Ratings":
        return Ratings(self.segment[index], self.mark[index])

    def localise(self) -> tuple[np.ndarray, "Ratings"]:
        used, local = np.unique(self.segment, return_inverse=True)
        return used, Ratings(local, self.mark)

    @property
    def informative(self) -> bool:
        return bool(np.ptp(self.mark) > 0)

    def initial_parameters(self) -> torch.Tensor:
        return torch.zeros(1)

    def log_likelihood(self, returns: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        error = torch.from_numpy(self.mark) - returns[:, self.segment, 0] - parameters
        return (-error.square() / 2).to(returns.dtype)

    def agreement(self, returns: torch.Tensor) -> float:
        pairs = np.stack([returns[self.segment, 0].numpy(), self.mark])
        return float((1 + np.corrcoef(pairs)[0, 1]) / 2)


@pytest.mark.parametrize("family", ["linear", "mlp"])
def test_another_kind_of_feedback_needs_only_its_likelihood(family: str) -> None:
    some = segments(120, linear)
    marks = 2 + np.tanh(returns(some) / 20)
    rated = Ratings(np.arange(100), marks[:100])
    for feedback in ([rated], [answers(some, 30), rated]):
        model, report = run(some, *feedback, family=family, steps_first=200, learning_rate=3e-3)
        assert rank_correlation(model, linear) > 0.9
        assert report.agreement > 0.9
