import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgym.simulations.answers import concatenate, rater_statistics
from prefgym.simulations.noise import Fatigue, FeatureNoise, Flip, Lapse, Situation
from prefgym.simulations.person import Drift, Latency, Person, Shown, answer_as, answer_prob
from prefgym.simulations.raters import TEACHERS, Calibration, Teacher, answer, calibrate

NUM_DRAWS = 100_000
SOFT = Teacher("soft", rationality=1.5)
SD = 2.0
GAP = 1.0  # of the shown pair, in the first criterion
MEANT = 1 / (1 + math.exp(-1.5 * GAP / SD))  # 0.679: how often SOFT means the first


def pair(num_queries=NUM_DRAWS, gap=GAP):
    """The same pair again and again, two criteria; only the first differs."""
    criteria = np.tile([[5.0 + gap, 3.0], [5.0, 3.0]], (num_queries, 1, 1))
    return Shown(criteria, criteria)


def alike(num_queries=NUM_DRAWS, number=0, rank=0.5):
    ranks = np.full((num_queries, 2), rank)
    return Situation(np.full(num_queries, number), ranks, ranks)


def ask(person, shown=None, situation=None, *, weights=(1.0, 0.0), sd=SD, seed=0):
    shown = pair() if shown is None else shown
    num_queries = len(shown.criteria)
    situation = alike(num_queries) if situation is None else situation
    weights = np.tile(weights, (num_queries, 1))
    scales = Calibration(sd, 0.0, -math.inf)
    arguments = person, weights, shown, scales, situation
    return answer_as(*arguments, rng=np.random.default_rng(seed)), answer_prob(*arguments)


def logistic(x):
    return 1 / (1 + math.exp(-x))


# what each piece makes of a person who means the first with probability MEANT, worked by hand
CLOSED_FORMS = {
    "nothing": (Person(SOFT), 0, MEANT),
    "side bias": (Person(SOFT, side_bias=-0.8), 0, logistic(1.5 * GAP / SD - 0.8)),
    "mistake": (Person(dataclasses.replace(SOFT, mistake=0.2)), 0, 0.8 * MEANT + 0.2 * (1 - MEANT)),
    "adversary": (Person(SOFT, noises=(Flip(),)), 0, 1 - MEANT),
    "sometimes": (Person(SOFT, noises=(Flip(0.3),)), 0, 0.7 * MEANT + 0.3 * (1 - MEANT)),
    "clicker": (Person(SOFT, noises=(Lapse(1.0),)), 0, 0.5),
    "sided clicker": (Person(SOFT, noises=(Lapse(1.0, first=0.9),)), 0, 0.9),
    "lapse": (Person(SOFT, noises=(Lapse(0.4),)), 0, 0.6 * MEANT + 0.2),
    "fresh": (Person(SOFT, noises=(Fatigue(0.8, 50.0),)), 0, MEANT),
    "tired": (
        Person(SOFT, noises=(Fatigue(0.8, 50.0),)),
        100,
        MEANT + 0.8 * (1 - math.exp(-2)) * (0.5 - MEANT),
    ),
    "feature noise": (
        Person(SOFT, noises=(FeatureNoise(1, "high", 0.6, 0.9),)),
        0,
        0.1 * MEANT + 0.9 * (1 - MEANT),
    ),
    "feature elsewhere": (Person(SOFT, noises=(FeatureNoise(1, "low", 0.4, 0.9),)), 0, MEANT),
    "changed mind": (Person(SOFT, drift=Drift((-1.0, 0.0), 10, 10)), 10, 1 - MEANT),
    "half way": (Person(SOFT, drift=Drift((-1.0, 0.0), 10, 30)), 20, 0.5),
    "everything": (
        Person(
            dataclasses.replace(SOFT, mistake=0.1),
            side_bias=0.5,
            noises=(Flip(0.2), Lapse(0.3, first=0.8)),
        ),
        0,
        0.7 * (0.2 + 0.6 * (0.1 + 0.8 * logistic(1.5 * GAP / SD + 0.5))) + 0.3 * 0.8,
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_answers_come_as_often_as_the_closed_form_says(name):
    person, number, expected = CLOSED_FORMS[name]
    answers, prob = ask(person, situation=alike(number=number))
    np.testing.assert_allclose(prob, expected, atol=1e-12)
    error = math.sqrt(expected * (1 - expected) / NUM_DRAWS)
    assert abs(answers.preference.mean() - expected) < 4 * error


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_same_seed_same_bytes_and_the_stream_does_not_depend_on_the_person(name):
    person, number, _ = CLOSED_FORMS[name]
    shown, situation = pair(50), alike(50, number)
    first, _ = ask(person, shown, situation, seed=3)
    again, _ = ask(person, shown, situation, seed=3)
    for one, other in zip(first[:5], again[:5], strict=True):
        assert one.tobytes() == other.tobytes()
    assert first.seconds.tobytes() == again.seconds.tobytes()
    rng, plain = np.random.default_rng(3), np.random.default_rng(3)
    scales = Calibration(SD, 0.0, -math.inf)
    answer_as(person, np.ones((50, 2)), shown, scales, situation, rng=rng)
    answer_as(Person(SOFT), np.ones((50, 2)), shown, scales, situation, rng=plain)
    assert rng.random() == plain.random()


def test_a_person_without_pieces_answers_like_the_teacher():
    returns = np.random.default_rng(0).normal(size=(400, 2))
    shown = Shown(returns[:, :, None], returns[:, :, None])
    for teacher in TEACHERS.values():
        scales = calibrate(teacher, returns)
        plain = answer(teacher, returns, returns, scales, rng=np.random.default_rng(1))
        rng = np.random.default_rng(1)
        found = answer_as(Person(teacher), np.ones((400, 1)), shown, scales, alike(400), rng=rng)
        for one, other in zip(found[:5], plain[:5], strict=True):
            np.testing.assert_array_equal(one, other)


def test_ties_and_skips_stay_what_they_are():
    returns = np.random.default_rng(0).normal(size=(1000, 2))
    shown = Shown(returns[:, :, None], returns[:, :, None])
    person = Person(Teacher("both", skip=0.2, equal=0.3), noises=(Flip(), Fatigue(1.0, 1.0)))
    scales = calibrate(person.teacher, returns)
    situation = alike(1000, number=100)
    rng = np.random.default_rng(0)
    found = answer_as(person, np.ones((1000, 1)), shown, scales, situation, rng=rng)
    rates = rater_statistics(found)
    assert rates.skip_rate == pytest.approx(0.2)
    assert rates.tie_rate == pytest.approx(0.3)
    assert not (found.flipped & (found.tied | found.skipped)).any()
    np.testing.assert_array_equal(np.isnan(found.preference), found.skipped)
    np.testing.assert_array_equal(found.preference == 0.5, found.tied)


def test_flipped_are_the_answers_that_are_not_what_was_meant():
    person = Person(TEACHERS["oracle"], noises=(Flip(0.25),))
    answers, _ = ask(person, pair(1000))
    np.testing.assert_array_equal(answers.flipped, answers.preference == 0.0)
    # turned over by mistake, and turned back by the next piece
    twice = Person(Teacher("mistaken", mistake=1.0), noises=(Flip(),))
    answers, _ = ask(twice, pair(1000))
    assert not answers.flipped.any()
    assert (answers.preference == 1.0).all()


PERSONS = [
    Person(
        Teacher("anyone", rationality=rationality, mistake=mistake, skip=share, equal=share),
        side_bias=side_bias,
        noises=noises,
        drift=drift,
    )
    for rationality, mistake, share, side_bias, noises, drift in itertools.product(
        (0.0, 0.5, 2.0, math.inf),
        (0.0, 0.3),
        (0.0, 0.3),
        (0.0, -0.7),
        ((), (Flip(0.4),), (Lapse(0.3, 0.9), Fatigue(0.7, 3.0))),
        (None, Drift((0.0, 1.0), 1, 4)),
    )
    if not (share and drift)
]


@settings(max_examples=150)
@given(st.sampled_from(PERSONS), st.integers(-6, 6), st.integers(-500, 500), st.integers(0, 2**31))
def test_answers_do_not_change_when_reward_is_scaled_and_shifted(person, power, shift, seed):
    """Integers times a power of two keep every sum exact, so answers agree bit for bit."""
    rng = np.random.default_rng(seed)
    criteria = rng.integers(-50, 50, (12, 2, 2)).astype(np.float64)
    weights = np.tile([1.0, 0.5], (12, 1))
    situation = Situation(np.arange(12), np.full((12, 2), 0.5), np.full((12, 2), 0.5))

    def answers(criteria):
        scales = calibrate(person.teacher, criteria @ [1.0, 0.5])
        shown = Shown(criteria, criteria)
        return answer_as(person, weights, shown, scales, situation, rng=np.random.default_rng(seed))

    before, after = answers(criteria), answers((criteria + shift) * 2.0**power)
    for one, other in zip(before[:5], after[:5], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(before.seconds, after.seconds, rtol=1e-12)


def test_scales_may_differ_from_query_to_query():
    """Of two people who want the same, the one used to smaller differences errs less."""
    shown = pair(2)
    sd = np.array([1.0, 4.0])
    scales = Calibration(sd, np.zeros(2), np.full(2, -math.inf))
    prob = answer_prob(Person(SOFT), np.tile([1.0, 0.0], (2, 1)), shown, scales, alike(2))
    np.testing.assert_allclose(prob, [logistic(1.5 / 1.0), logistic(1.5 / 4.0)])


def test_drift_by_hand():
    drift = Drift((0.0, 4.0), begin=2, end=6)
    own = np.tile([2.0, 0.0], (5, 1))
    found = drift.weights(own, np.array([0, 2, 3, 6, 99]))
    np.testing.assert_allclose(found, [[2, 0], [2, 0], [1.5, 1], [0, 4], [0, 4]])
    sudden = Drift((0.0, 4.0), begin=3, end=3)
    np.testing.assert_allclose(sudden.weights(own[:2], np.array([2, 3])), [[2, 0], [0, 4]])


def test_seconds_are_log_normal_and_longer_where_undecided():
    person = Person(SOFT, latency=Latency(median=3.0, spread=0.4, hesitation=1.0))
    for gap, seed in ((0.0, 0), (GAP, 1)):
        answers, _ = ask(person, pair(gap=gap), seed=seed)
        p = logistic(1.5 * gap / SD)
        median = 3.0 * (1 + 4 * p * (1 - p))
        logs = np.log(answers.seconds)
        assert logs.mean() == pytest.approx(math.log(median), abs=4 * 0.4 / math.sqrt(NUM_DRAWS))
        assert logs.std() == pytest.approx(0.4, rel=0.02)
    assert ask(person, pair(gap=0.0))[0].seconds.mean() > 1.05 * answers.seconds.mean()


def test_who_is_sure_of_everything_never_hesitates():
    person = Person(TEACHERS["oracle"], latency=Latency(median=3.0, spread=0.0, hesitation=9.0))
    answers, _ = ask(person, pair(10))
    np.testing.assert_allclose(answers.seconds, 3.0)


def test_batches_of_answers_follow_each_other():
    one, _ = ask(Person(SOFT), pair(3))
    other, _ = ask(Person(SOFT), pair(2), seed=1)
    both = concatenate([one, other])
    np.testing.assert_array_equal(both.preference[3:], other.preference)
    np.testing.assert_array_equal(both.seconds[:3], one.seconds)
    assert both.rater is None
    assert concatenate([one, other._replace(seconds=None)]).seconds is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Drift((1.0,), 5, 4), "0 <= begin <= end, got 5 and 4"),
        (lambda: Latency(median=0.0), "median > 0, .* got 0.0"),
        (lambda: Person(SOFT, side_bias=math.inf), "side_bias of 'soft' must be finite, got inf"),
    ],
)
def test_impossible_people_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_drift_towards_other_criteria_is_refused():
    with pytest.raises(ValueError, match="drift must be towards 2 weights, got 1"):
        ask(Person(SOFT, drift=Drift((1.0,), 0, 1)), pair(3))
