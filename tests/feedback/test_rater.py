import dataclasses
import math

import numpy as np
import pytest

from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.rater import CrowdRater, Rater, SimulatedRater
from prefgym.feedback.segment import Segments
from prefgym.simulations.crowd import Crowd
from prefgym.simulations.judges import JUDGES, Judge
from prefgym.simulations.noise import Fatigue, Flip
from prefgym.simulations.person import Person
from prefgym.simulations.raters import TEACHERS, Answers, Teacher, rater_statistics

WEIGHTS = np.array([1.0, -0.5])


def segments(num_segments: int = 400, *, scale: float = 1.0, offset: float = 0.0) -> Segments:
    rng = np.random.default_rng(0)
    criteria = offset + scale * rng.normal(size=(num_segments, 8, 2))
    steps = np.zeros((num_segments, 8, 1), np.float32)
    return Segments(steps, steps, steps, np.ones((num_segments, 8), bool), criteria)


def ask(teacher: Teacher, some: Segments, num_queries: int = 4000) -> tuple[Queries, Answers]:
    queries = random_queries(some, num_queries, num_new=len(some), rng=np.random.default_rng(1))
    rater = SimulatedRater(teacher, WEIGHTS)
    rater.prepare(queries)
    return queries, rater.answer(queries, rng=np.random.default_rng(2))


def near(realised: float, expected: float, num_trials: int) -> bool:
    return abs(realised - expected) <= 4 * (expected * (1 - expected) / num_trials) ** 0.5


def test_a_simulated_person_is_a_rater() -> None:
    rater = SimulatedRater(TEACHERS["oracle"], WEIGHTS)
    assert isinstance(rater, Rater)
    assert rater.name == "oracle"


def test_an_oracle_prefers_the_higher_weighted_return_of_real_steps() -> None:
    criteria = np.array([[[1.0, 0.0], [1.0, 4.0]], [[0.5, 0.0], [9.0, 0.0]], [[0.5, 0.0]] * 2])
    mask = np.array([[True, True], [True, False], [True, True]])
    steps = np.zeros((3, 2, 1), np.float32)
    some = Segments(steps, steps, steps, mask, criteria)  # returns 0, 0.5 and 1
    queries = Queries(some, np.array([0, 2, 1]), np.array([1, 1, 1]))
    rater = SimulatedRater(TEACHERS["oracle"], WEIGHTS)
    assert rater.returns(some).tolist() == [0.0, 0.5, 1.0]
    rater.prepare(queries)
    answers = rater.answer(queries, rng=np.random.default_rng(0))
    assert answers.preference.tolist() == [0.0, 1.0, 0.5]


def test_a_myopic_person_minds_the_end_more() -> None:
    # 2 then 0 against 0 then 1.9: more in all, and less to who halves what lies a step back
    criteria = np.array([[[2.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.9, 0.0]]])
    steps = np.zeros((2, 2, 1), np.float32)
    some = Segments(steps, steps, steps, np.ones((2, 2), bool), criteria)
    queries = Queries(some, np.array([0]), np.array([1]))
    for teacher, expected in ((Teacher("calm"), 1.0), (Teacher("hasty", discount=0.5), 0.0)):
        rater = SimulatedRater(teacher, WEIGHTS)
        rater.prepare(queries)
        answers = rater.answer(queries, rng=np.random.default_rng(0))
        assert answers.preference.tolist() == [expected]
        assert answers.better.tolist() == [1.0]


@pytest.mark.parametrize("name", sorted(TEACHERS))
def test_realised_rates_are_the_requested_ones(name: str) -> None:
    teacher = TEACHERS[name]
    _, answers = ask(teacher, segments())
    rates = rater_statistics(answers)
    assert rates.skip_rate == pytest.approx(teacher.skip, abs=1e-3)
    assert rates.tie_rate == pytest.approx(teacher.equal, abs=1e-3)
    assert near(rates.mistake_rate, teacher.mistake, rates.num_decided)
    if teacher.deterministic and teacher.discount == 1:
        assert near(rates.error_rate, teacher.mistake, rates.num_decided)


def test_the_noisy_teacher_errs_as_often_as_its_rationality_says() -> None:
    # E[sigmoid(-2 |g| / SD)] over gaps g that are normal with variance 2 SD^2
    z = np.random.default_rng(0).normal(size=400_000) * math.sqrt(2)
    expected = float(np.mean(1 / (1 + np.exp(2 * np.abs(z)))))
    _, answers = ask(TEACHERS["noisy"], segments(2000), num_queries=20_000)
    assert rater_statistics(answers).error_rate == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", sorted(TEACHERS))
def test_answers_do_not_depend_on_the_units_of_reward(name: str) -> None:
    _, plain = ask(TEACHERS[name], segments())
    _, other = ask(TEACHERS[name], segments(scale=1000.0, offset=-7.0))
    assert np.array_equal(plain.preference, other.preference, equal_nan=True)


def test_thresholds_are_those_of_the_round() -> None:
    rater = SimulatedRater(Teacher("ties", equal=0.5), WEIGHTS)
    first, _ = ask(TEACHERS["oracle"], segments())
    second, _ = ask(TEACHERS["oracle"], segments(scale=100.0))
    for queries in (first, second):
        rater.prepare(queries)
        answers = rater.answer(queries, rng=np.random.default_rng(0))
        assert answers.tied.mean() == pytest.approx(0.5, abs=1e-3)
    # judged by the thresholds of larger returns, nearly all of the first round is a tie
    assert rater.answer(first, rng=np.random.default_rng(0)).tied.mean() > 0.95


def test_the_order_of_a_pair_does_not_matter_to_who_is_sure() -> None:
    queries, there = ask(TEACHERS["equal"], segments())
    rater = SimulatedRater(TEACHERS["equal"], WEIGHTS)
    rater.prepare(queries)
    turned = Queries(queries.segments, queries.second, queries.first)
    back = rater.answer(turned, rng=np.random.default_rng(2))
    assert np.array_equal(back.preference, 1 - there.preference)


def test_a_rater_must_see_the_round_first() -> None:
    queries, _ = ask(TEACHERS["oracle"], segments())
    with pytest.raises(RuntimeError, match="prepare"):
        SimulatedRater(TEACHERS["oracle"], WEIGHTS).answer(queries, rng=np.random.default_rng(0))


@pytest.mark.parametrize("num_weights", [1, 3])
def test_weights_must_be_one_per_criterion(num_weights: int) -> None:
    queries, _ = ask(TEACHERS["oracle"], segments())
    rater = SimulatedRater(TEACHERS["oracle"], np.ones(num_weights))
    message = f"'oracle' weighs {num_weights} criteria, got segments with 2"
    with pytest.raises(ValueError, match=message):
        rater.prepare(queries)


# --- crowds


def crowd(*people: Person, weights: tuple[tuple[float, ...], ...]) -> Crowd:
    num = len(people)
    nothing = np.zeros(num)
    kind = np.arange(num)
    return Crowd(people, kind, np.array(weights), np.ones(num), nothing, kind > 9, kind * 0)


TRUTH = SimulatedRater(Teacher("truth"), WEIGHTS, judge=JUDGES["exact"], criteria=("a", "b"))


def test_a_crowd_is_a_rater_and_its_answers_have_names() -> None:
    oracle, contrary = Person(TEACHERS["oracle"]), Person(TEACHERS["oracle"], noises=(Flip(),))
    rater = CrowdRater(crowd(oracle, contrary, weights=((1.0, -0.5),) * 2), TRUTH)
    assert isinstance(rater, Rater)
    some = segments()
    queries = random_queries(some, 1000, num_new=len(some), rng=np.random.default_rng(1))
    rater.prepare(queries)
    answers = rater.answer(queries, rng=np.random.default_rng(2))
    assert answers.rater is not None
    assert answers.seconds is not None
    right = answers.preference == TRUTH.answer(queries, rng=np.random.default_rng(0)).preference
    np.testing.assert_array_equal(right, answers.rater == "rater-1")
    assert 400 < right.sum() < 600


def test_a_crowd_gets_tired_from_round_to_round_and_is_fresh_when_told() -> None:
    tired = Person(TEACHERS["oracle"], noises=(Fatigue(1.0, 1e-3),))  # after a single answer
    rater = CrowdRater(crowd(tired, weights=((1.0, -0.5),)), TRUTH)
    some = segments()
    queries = random_queries(some, 1, num_new=len(some), rng=np.random.default_rng(1))
    rater.prepare(queries)
    right = TRUTH.answer(queries, rng=np.random.default_rng(0)).preference

    def wrong(given: int) -> float:
        found = []
        for seed in range(200):
            rater.recall({"rater-1": given, "somebody else": 9})
            answers = rater.answer(queries, rng=np.random.default_rng(seed))
            found.append(answers.preference[0] != right[0])
        return float(np.mean(found))

    assert wrong(0) == 0.0
    assert 0.35 < wrong(1) < 0.65
    rater.recall({})
    two = Queries(some, np.repeat(queries.first, 200), np.repeat(queries.second, 200))
    answers = rater.answer(two, rng=np.random.default_rng(0))
    assert answers.preference[0] == right[0]
    assert 0.35 < (answers.preference != right[0]).mean() < 0.65


def test_style_is_weighed_by_how_far_a_column_rises() -> None:
    """Two clips of equal criteria; the second ends higher in the observation's second column."""
    before = np.zeros((2, 2, 2), np.float32)
    after = before.copy()
    after[0, :, 1] = (0.25, 0.0)
    after[1, :, 1] = (0.5, 0.25)
    before[:, 1, 1] = after[:, 0, 1]
    after[:, 1, 1] += before[:, 1, 1]  # 0.25 and 0.75 in the end
    some = Segments(before, before, after, np.ones((2, 2), bool), np.zeros((2, 2, 1)))
    queries = Queries(some, np.array([0, 0]), np.array([1, 1]))
    oracle = Person(TEACHERS["oracle"])
    long = CrowdRater(crowd(oracle, weights=((1.0, 0.3),)), TRUTH1, style_columns=[1])
    short = CrowdRater(crowd(oracle, weights=((1.0, -0.3),)), TRUTH1, style_columns=[1])
    for rater, expected in ((long, 0.0), (short, 1.0)):
        rater.prepare(queries)
        answers = rater.answer(queries, rng=np.random.default_rng(0))
        assert answers.preference.tolist() == [expected] * 2


TRUTH1 = SimulatedRater(Teacher("truth"), np.ones(1))


def test_ratings_of_a_crowd_are_by_each_ones_own_judge() -> None:
    exact = Person(TEACHERS["oracle"], judge=JUDGES["exact"])
    contrary = Person(TEACHERS["oracle"], judge=Judge("contrary", noise=0.0, insight=-1.0))
    names = ("a", "b")
    rater = CrowdRater(crowd(exact, contrary, weights=((1.0, 1.0),) * 2), TRUTH, criteria=names)
    some = segments(60)
    share = np.broadcast_to(np.linspace(0, 1, 60)[:, None, None] / 8, (60, 8, 2)).copy()
    some = dataclasses.replace(some, criteria=share)
    values, who = rater.rate_each(some, names, rng=np.random.default_rng(0))
    honest = TRUTH.rate(some, names, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(values[who == "rater-1"], honest[who == "rater-1"])
    np.testing.assert_array_equal(values[who == "rater-2"], 6 - honest[who == "rater-2"])
    again = rater.rate(some, names, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(values, again)
    with pytest.raises(ValueError, match="heads must be criteria of the environment"):
        rater.rate(some, ("c",), rng=np.random.default_rng(0))


def test_a_crowd_must_see_the_round_first_and_weigh_what_is_there() -> None:
    queries, _ = ask(TEACHERS["oracle"], segments())
    rater = CrowdRater(crowd(Person(TEACHERS["oracle"]), weights=((1.0,),)), TRUTH)
    with pytest.raises(RuntimeError, match="prepare"):
        rater.answer(queries, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="the crowd weighs 1 criteria, got segments with 2"):
        rater.prepare(queries)
