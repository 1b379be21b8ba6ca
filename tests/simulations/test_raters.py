import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prefgym.simulations.raters import (
    TEACHERS,
    Answers,
    Calibration,
    Teacher,
    answer,
    calibrate,
    find_teacher,
    rater_statistics,
    segment_returns,
)

NUM_DRAWS = 100_000


def ask(teacher, returns, reference=None, *, seed=0, myopic_returns=None):
    returns = np.asarray(returns, np.float64)
    myopic_returns = returns if myopic_returns is None else np.asarray(myopic_returns, np.float64)
    calibration = calibrate(teacher, returns if reference is None else reference)
    return answer(teacher, returns, myopic_returns, calibration, rng=np.random.default_rng(seed))


def normal_queries(num_queries, seed=0, loc=-40.0, scale=3.0):
    return np.random.default_rng(seed).normal(loc, scale, (num_queries, 2))


def in_binomial_interval(rate, num_trials, probability, confidence=0.99):
    """Whether neither tail of Binomial(num_trials, probability) at the count is too thin."""
    masses = np.array(
        [
            math.comb(num_trials, k) * probability**k * (1 - probability) ** (num_trials - k)
            for k in range(num_trials + 1)
        ]
    )
    count = round(rate * num_trials)
    tail = min(masses[: count + 1].sum(), masses[count:].sum())
    return tail >= (1 - confidence) / 2


# --- returns


def test_return_by_hand():
    criteria = np.array([[1.0, -1.0], [2.0, 0.0], [3.0, -2.0]])
    weights = np.array([1.0, 0.5])
    mask = np.array([True, True, True])
    assert segment_returns(criteria, mask, weights) == 0.5 + 2.0 + 2.0
    # H = 3: the last step weighs 1, the first 0.9^2.
    myopic = segment_returns(criteria, mask, weights, discount=0.9)
    assert myopic == pytest.approx(0.81 * 0.5 + 0.9 * 2.0 + 2.0)


def test_masked_steps_count_as_reward_zero_even_if_they_hold_nan():
    criteria = np.array([[1.0], [2.0], [math.nan]])
    mask = np.array([True, True, False])
    assert segment_returns(criteria, mask, np.ones(1)) == 3.0
    assert segment_returns(criteria, mask, np.ones(1), discount=0.5) == 0.25 + 1.0


def test_equal_segments_have_equal_returns_wherever_they_stand_in_the_batch():
    rng = np.random.default_rng(0)
    criteria = rng.normal(size=(1, 1, 37, 4)).repeat(101, axis=0).repeat(2, axis=1)
    mask = np.ones((101, 2, 37), bool)
    weights = rng.normal(size=4)
    returns = segment_returns(criteria, mask, weights, discount=0.9)
    alone = segment_returns(criteria[0, 0], mask[0, 0], weights, discount=0.9)
    assert returns.shape == (101, 2)
    assert (returns == alone).all()


def test_float32_criteria_are_summed_in_float64():
    criteria = np.full((1000, 1), 0.1, np.float32)
    total = segment_returns(criteria, np.ones(1000, bool), np.ones(1))
    assert total == pytest.approx(1000 * float(np.float32(0.1)), abs=1e-10)


# --- teachers


def test_published_teachers():
    published = {
        "oracle": {},
        "stochastic": {"rationality": 1.0},
        "mistake": {"mistake": 0.1},
        "skip": {"skip": 0.1},
        "equal": {"equal": 0.1},
        "myopic": {"discount": 0.9},
        "noisy": {"rationality": 2.0},
    }
    assert {name: Teacher(name, **fields) for name, fields in published.items()} == dict(TEACHERS)


def test_unknown_teacher_is_named_with_those_that_exist():
    assert find_teacher("myopic").discount == 0.9
    with pytest.raises(ValueError, match=r"one of oracle, .*, got 'orakel'"):
        find_teacher("orakel")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rationality": -1.0}, r"rationality .* >= 0 .*got -1.0"),
        ({"rationality": math.nan}, r"rationality .*got nan"),
        ({"discount": 0.0}, r"discount .* \(0, 1\], got 0.0"),
        ({"discount": 1.1}, r"discount .*got 1.1"),
        ({"mistake": 1.5}, r"mistake .* \[0, 1\], got 1.5"),
        ({"skip": 1.0}, r"skip .* \[0, 1\), got 1.0"),
        ({"equal": -0.1}, r"equal .*got -0.1"),
        ({"name": ""}, "must not be empty"),
    ],
)
def test_impossible_teachers_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Teacher(**{"name": "someone", **fields})


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_returns_that_are_not_finite_are_refused(bad):
    oracle = TEACHERS["oracle"]
    returns = np.array([[0.0, bad], [1.0, 2.0]])
    with pytest.raises(ValueError, match=r"returns must be finite, got 1 of 4"):
        calibrate(oracle, returns)
    with pytest.raises(ValueError, match="must be finite"):
        answer(oracle, returns, returns, Calibration(1.0, 0.0, 0.0), rng=np.random.default_rng(0))


def test_calibration_needs_a_query():
    with pytest.raises(ValueError, match="at least one query"):
        calibrate(TEACHERS["oracle"], np.zeros((0, 2)))


# --- golden answers


def test_oracle_by_hand():
    answers = ask(TEACHERS["oracle"], [[2.0, 1.0], [-5.0, -4.0], [3.0, 3.0]])
    np.testing.assert_array_equal(answers.preference, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(answers.better, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(answers.tied, [False, False, True])
    assert not answers.skipped.any()
    assert not answers.flipped.any()


def test_skip_and_tie_thresholds_by_hand():
    # Best clips 1, 2, .., 10: a skip share of 0.2 puts the threshold at 3 (1 and 2 lie below).
    # Gaps of the eight that remain 3, 4, .., 10 halved: a quarter tied puts it at 2.5.
    best = np.arange(1.0, 11.0)
    returns = np.stack([best, best / 2], axis=1)
    teacher = Teacher("both", skip=0.2, equal=0.25)
    calibration = calibrate(teacher, returns)
    assert calibration.skip_return == 3.0
    assert calibration.equal_gap == 2.5
    answers = ask(teacher, returns)
    np.testing.assert_array_equal(
        answers.preference, [math.nan, math.nan, 0.5, 0.5, 1, 1, 1, 1, 1, 1]
    )
    np.testing.assert_array_equal(answers.better, np.ones(10))


def test_return_sd_is_that_of_all_reference_segments():
    returns = normal_queries(50)
    calibration = calibrate(TEACHERS["stochastic"], returns)
    assert calibration.return_sd == pytest.approx(returns.std())
    assert calibration.skip_return == -math.inf


def test_myopic_person_goes_by_the_end_of_the_clip():
    # First clip: good start. Second: good end. Equal sums.
    criteria = np.array([[[3.0], [0.0]], [[0.0], [2.0]]])[None]
    mask = np.ones((1, 2, 2), bool)
    teacher = Teacher("very myopic", discount=0.5)
    returns = segment_returns(criteria, mask, np.ones(1))
    myopic = segment_returns(criteria, mask, np.ones(1), discount=teacher.discount)
    np.testing.assert_array_equal(returns, [[3.0, 2.0]])
    np.testing.assert_array_equal(myopic, [[1.5, 2.0]])
    answers = ask(teacher, returns, myopic_returns=myopic)
    assert answers.preference[0] == 0.0
    assert answers.better[0] == 1.0
    assert rater_statistics(answers).error_rate == 1.0


def test_a_certain_mistake_turns_every_decided_answer_over_and_no_tie():
    answers = ask(Teacher("contrary", mistake=1.0), [[2.0, 1.0], [1.0, 2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(answers.preference, [0.0, 1.0, 0.5])
    np.testing.assert_array_equal(answers.flipped, [True, True, False])


def test_golden_answers_of_a_person_with_every_weakness():
    teacher = Teacher("human", rationality=1.0, discount=0.9, mistake=0.2, skip=0.2, equal=0.2)
    answers = ask(teacher, normal_queries(12, seed=1), seed=7)
    text = "".join({1.0: "1", 0.0: "0", 0.5: "="}.get(float(p), "-") for p in answers.preference)
    assert text == GOLDEN


GOLDEN = "0100=0-00-=0"


# --- degenerate rewards


@pytest.mark.parametrize("teacher", TEACHERS.values(), ids=lambda teacher: teacher.name)
@pytest.mark.parametrize("level", [0.0, 500.0, -0.3])
def test_when_all_returns_are_equal_everybody_ties(teacher, level):
    answers = ask(teacher, np.full((20, 2), level))
    np.testing.assert_array_equal(answers.preference, np.full(20, 0.5))
    assert answers.tied.all()
    statistics = rater_statistics(answers)
    assert statistics.tie_rate == 1.0
    assert math.isnan(statistics.error_rate)


def test_sums_of_the_same_rewards_in_another_order_are_a_tie():
    forwards, backwards = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert forwards != backwards
    for teacher in TEACHERS.values():
        assert ask(teacher, [[forwards, backwards]] * 3).tied.all()


def test_a_difference_outside_a_degenerate_reference_is_seen():
    answers = ask(TEACHERS["noisy"], [[1.0, 2.0], [2.0, 1.0]], reference=np.zeros((5, 2)))
    np.testing.assert_array_equal(answers.preference, [0.0, 1.0])


def test_equal_returns_are_a_coin_flip_for_a_stochastic_person_who_knows_no_ties():
    answers = ask(TEACHERS["stochastic"], np.zeros((NUM_DRAWS, 2)), reference=normal_queries(10))
    assert not answers.tied.any()
    assert abs(answers.preference.mean() - 0.5) < 4 * 0.5 / math.sqrt(NUM_DRAWS)


def test_returns_in_few_steps_never_skip_more_than_asked():
    returns = np.random.default_rng(0).integers(0, 3, (1000, 2)).astype(np.float64)
    answers = ask(TEACHERS["skip"], returns)
    assert answers.skipped.mean() <= 0.1


def test_no_queries_give_no_answers():
    answers = ask(TEACHERS["noisy"], np.zeros((0, 2)), reference=normal_queries(5))
    assert len(answers.preference) == 0
    statistics = rater_statistics(answers)
    assert statistics.num_queries == 0
    assert math.isnan(statistics.skip_rate)


# --- statistics


@pytest.mark.parametrize("gap_in_sd", [-2.0, -0.5, 0.1, 1.0])
@pytest.mark.parametrize("rationality", [0.0, 1.0, 2.0])
def test_choices_follow_the_closed_form(gap_in_sd, rationality):
    reference = normal_queries(1000)
    teacher = Teacher("person", rationality=rationality)
    sd = calibrate(teacher, reference).return_sd
    returns = np.tile([sd * gap_in_sd, 0.0], (NUM_DRAWS, 1))
    expected = 1 / (1 + math.exp(-rationality * gap_in_sd))
    for mistake in (0.0, 0.1):
        person = dataclasses.replace(teacher, mistake=mistake)
        answers = ask(person, returns, reference, seed=3)
        target = expected * (1 - mistake) + (1 - expected) * mistake
        standard_error = math.sqrt(target * (1 - target) / NUM_DRAWS)
        assert abs(answers.preference.mean() - target) < 4 * standard_error


@pytest.mark.parametrize("loc", [-1000.0, 0.0, 1000.0])
@pytest.mark.parametrize("seed", range(10))
def test_requested_rates_are_realised_in_every_round(loc, seed):
    candidates = normal_queries(4000, seed, loc)
    asked = normal_queries(400, seed + 100, loc)
    for teacher in (
        TEACHERS["mistake"],
        TEACHERS["skip"],
        TEACHERS["equal"],
        Teacher("all", mistake=0.1, skip=0.2, equal=0.3),
    ):
        found = rater_statistics(ask(teacher, asked, candidates, seed=seed))
        assert in_binomial_interval(found.mistake_rate, found.num_decided, teacher.mistake)
        assert in_binomial_interval(found.tie_rate, found.num_answers, teacher.equal)
        assert in_binomial_interval(found.skip_rate, found.num_queries, teacher.skip)


def test_noisy_person_errs_about_once_in_six_on_normal_returns_and_more_when_clips_are_alike():
    normal = normal_queries(NUM_DRAWS, loc=0.0)
    assert rater_statistics(ask(TEACHERS["noisy"], normal)).error_rate == pytest.approx(
        0.171, abs=0.005
    )
    heavy_tails = normal**3
    assert 0.2 < rater_statistics(ask(TEACHERS["noisy"], heavy_tails)).error_rate < 0.35


def test_a_mistake_does_not_show_as_a_tie_or_a_skip():
    answers = ask(Teacher("all", mistake=0.5, skip=0.3, equal=0.3), normal_queries(2000), seed=5)
    assert not (answers.flipped & (answers.tied | answers.skipped)).any()
    assert not (answers.tied & answers.skipped).any()
    np.testing.assert_array_equal(np.isnan(answers.preference), answers.skipped)
    np.testing.assert_array_equal(answers.preference == 0.5, answers.tied)
    wrong = (answers.preference != answers.better) & ~answers.tied & ~answers.skipped
    np.testing.assert_array_equal(answers.flipped, wrong)


def test_statistics_by_hand():
    answers = Answers(
        preference=np.array([1.0, 0.0, 0.5, math.nan, 1.0]),
        better=np.array([1.0, 1.0, 1.0, 0.0, 0.5]),
        flipped=np.array([False, True, False, False, False]),
        tied=np.array([False, False, True, False, False]),
        skipped=np.array([False, False, False, True, False]),
    )
    found = rater_statistics(answers)
    assert found == (5, 4, 3, 0.5, 1 / 3, 0.25, 0.2)


# --- laws


TEACHER_STRATEGY = st.builds(
    Teacher,
    name=st.just("anyone"),
    rationality=st.sampled_from([0.0, 0.5, 2.0, math.inf]),
    mistake=st.sampled_from([0.0, 0.3]),
    skip=st.sampled_from([0.0, 0.1, 0.5]),
    equal=st.sampled_from([0.0, 0.1, 0.5]),
)
RETURN_STRATEGY = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(-50, 50)
)


@settings(deadline=None, max_examples=200)
@given(TEACHER_STRATEGY, RETURN_STRATEGY, st.integers(-8, 8), st.integers(-1000, 1000))
def test_answers_do_not_change_when_reward_is_scaled_and_shifted(teacher, returns, power, shift):
    # Integers times a power of two keep every sum exact, so the answers must agree bit for bit.
    transformed = returns * 2.0**power + shift * 2.0**power
    before, after = ask(teacher, returns), ask(teacher, transformed)
    for first, second in zip(before, after, strict=True):
        np.testing.assert_array_equal(first, second)


@settings(deadline=None, max_examples=100)
@given(
    TEACHER_STRATEGY,
    hnp.arrays(np.float64, (6, 2, 4, 1), elements=st.integers(-9, 9)),
    st.sampled_from([0.25, 1.0, 8.0]),
    st.integers(-20, 20),
)
def test_answers_do_not_change_with_the_reward_of_each_step(teacher, rewards, scale, shift):
    # As above, through the sums; a dyadic discount keeps them exact.
    mask = np.ones(rewards.shape[:-1], bool)

    def answers(values):
        returns = segment_returns(values, mask, np.ones(1))
        myopic = segment_returns(values, mask, np.ones(1), discount=0.5)
        return ask(teacher, returns, myopic_returns=myopic)

    for first, second in zip(answers(rewards), answers(rewards * scale + shift), strict=True):
        np.testing.assert_array_equal(first, second)


@settings(deadline=None)
@given(RETURN_STRATEGY, st.sampled_from(["oracle", "equal", "skip"]))
def test_swapping_the_clips_swaps_the_answer_of_a_deterministic_person(returns, name):
    forward = ask(TEACHERS[name], returns).preference
    np.testing.assert_array_equal(ask(TEACHERS[name], returns[:, ::-1]).preference, 1 - forward)


def test_same_seed_same_bytes_and_the_stream_does_not_depend_on_the_answers():
    returns = normal_queries(30)
    positions = set()
    for teacher in TEACHERS.values():
        rng = np.random.default_rng(5)
        calibration = calibrate(teacher, returns)
        first = answer(teacher, returns, returns, calibration, rng=rng)
        positions.add(rng.random())
        again = ask(teacher, returns, seed=5)
        assert first.preference.tobytes() == again.preference.tobytes()
    assert len(positions) == 1
