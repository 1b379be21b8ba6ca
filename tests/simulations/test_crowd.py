import math
from dataclasses import replace

import numpy as np
import pytest

from prefgym.simulations.answers import rater_statistics
from prefgym.simulations.crowd import Crowd, answer_crowd, count_before, crowd_prob, rate_crowd
from prefgym.simulations.crowds import (
    BAD_PEOPLE,
    EXPERT_PERSON,
    WORKER,
    CrowdConfig,
    alike,
    make_crowd,
)
from prefgym.simulations.judges import JUDGES
from prefgym.simulations.noise import Fatigue, FeatureNoise, Flip
from prefgym.simulations.person import Drift, Person
from prefgym.simulations.population import DRIVER_GROUPS, sample_population
from prefgym.simulations.raters import TEACHERS, Teacher, answer, calibrate

NUM_DRAWS = 100_000
ORACLE, NOISY = Person(TEACHERS["oracle"]), Person(TEACHERS["noisy"])


def crowd_of(*people, weights=((1.0, 0.0),)):
    """One rater of each kind; weights are repeated."""
    num = len(people)
    return Crowd(
        kinds=people,
        kind=np.arange(num),
        weights=np.resize(np.array(weights, float), (num, len(weights[0]))),
        activity=np.ones(num),
        leniency=np.zeros(num),
        bad=np.zeros(num, bool),
        group=np.zeros(num, np.int64),
    )


def clips(num_queries, seed=0, num_criteria=2):
    return np.random.default_rng(seed).normal(-3.0, 2.0, (num_queries, 2, num_criteria))


def ask(crowd, rater, shown, *, given=None, reference=None, seed=0):
    given = np.zeros(len(crowd), np.int64) if given is None else np.array(given)
    reference = shown if reference is None else reference
    return answer_crowd(
        crowd,
        np.array(rater),
        lambda discount: shown,
        reference,
        given,
        rng=np.random.default_rng(seed),
    )


def test_a_crowd_of_one_answers_like_the_teacher_alone():
    shown = clips(500)
    returns = shown @ [1.0, 0.0]
    for teacher in TEACHERS.values():
        plain = answer(
            teacher, returns, returns, calibrate(teacher, returns), rng=np.random.default_rng(0)
        )
        found = ask(crowd_of(Person(teacher)), np.zeros(500, int), shown)
        for one, other in zip(found[:5], plain[:5], strict=True):
            np.testing.assert_array_equal(one, other)
        assert set(found.rater) == {"rater-1"}


def test_each_answers_by_their_own_weights_and_of_their_own_kind():
    shown = np.array([[[2.0, 0.0], [1.0, 5.0]]] * 4)
    crowd = crowd_of(
        ORACLE, ORACLE, Person(TEACHERS["oracle"], noises=(Flip(),)), weights=((1, 0), (0, 1))
    )
    found = ask(crowd, [0, 1, 2, 0], shown)  # the third weighs as the first, and says the opposite
    assert found.preference.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert found.better.tolist() == [1.0, 0.0, 1.0, 1.0]
    assert found.flipped.tolist() == [False, False, True, False]
    assert found.rater.tolist() == ["rater-1", "rater-2", "rater-3", "rater-1"]


def test_everybody_has_scales_of_their_own():
    """Who weighs a hundred times as much is no surer; ties are shares of one's own gaps."""
    shown = clips(4000)
    person = Person(Teacher("both", rationality=2.0, equal=0.3))
    crowd = crowd_of(person, person, weights=((1, 0), (100, 0)))
    for number in (0, 1):
        found = ask(crowd, np.full(4000, number), shown)
        assert found.tied.mean() == pytest.approx(0.3, abs=1e-3)
    one, other = (ask(crowd, np.full(4000, number), shown) for number in (0, 1))
    np.testing.assert_array_equal(one.preference, other.preference)


def test_answers_are_numbered_over_rounds_and_within_one():
    assert count_before(np.array([1, 1, 0, 1, 0])).tolist() == [0, 1, 0, 2, 1]
    assert count_before(np.zeros(0, np.int64)).tolist() == []
    drift = Person(TEACHERS["oracle"], drift=Drift((-1.0, 0.0), 3, 3))
    crowd = crowd_of(drift, drift)
    shown = np.array([[[2.0, 0.0], [1.0, 0.0]]] * 6)
    found = ask(crowd, [0, 1, 0, 1, 0, 1], shown, given=[2, 0])
    # rater 0 has given 2 before: their second answer here is their fourth in all
    assert found.preference.tolist() == [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]


def test_realised_answers_follow_the_closed_form_of_each():
    """Every rater of a motley crowd, each on one pair of their own, over and over."""
    people = (
        NOISY,
        Person(Teacher("soft", rationality=1.0), side_bias=0.7),
        Person(TEACHERS["noisy"], noises=(Fatigue(0.9, 1e9), Flip(0.2))),
        Person(TEACHERS["noisy"], noises=(FeatureNoise(1, "alike", 0.5, 0.8),)),
    )
    crowd = crowd_of(*people, weights=((1.0, 0.3), (0.2, 1.0)))
    reference = clips(1000)
    pairs = clips(len(people), seed=5)
    rater = np.tile(np.arange(len(people)), NUM_DRAWS // len(people))
    given = np.zeros(len(people), np.int64)
    found = ask(crowd, rater, pairs[rater], reference=reference)
    prob = crowd_prob(crowd, rater, lambda discount: pairs[rater], reference, given)
    for number in range(len(people)):
        mine = rater == number
        (expected,) = np.unique(prob[mine].round(3))
        error = math.sqrt(expected * (1 - expected) / mine.sum())
        assert abs(found.preference[mine].mean() - expected) < 4 * error + 1e-3


def test_feature_noise_strikes_the_share_asked_for():
    shown = clips(10_000)
    shown[:, :, 1] **= 3  # whatever the distribution
    for where in ("high", "low", "alike"):
        person = Person(TEACHERS["oracle"], noises=(FeatureNoise(1, where, 0.3, 1.0),))
        found = ask(crowd_of(person), np.zeros(10_000, int), shown)
        assert found.flipped.mean() == pytest.approx(0.3, abs=1e-3)
    struck = ask(
        crowd_of(Person(TEACHERS["oracle"], noises=(FeatureNoise(1, "high", 0.3, 1.0),))),
        np.zeros(10_000, int),
        shown,
    ).flipped
    level = shown[:, :, 1].mean(axis=1)
    assert level[struck].min() > level[~struck].max()


def test_clips_that_are_equally_alike_are_struck_together():
    """Six in ten pairs do not differ at all in the criterion: half of the pairs means those."""
    shown = clips(1000)
    shown[:600, :, 1] = 0.0
    person = Person(TEACHERS["oracle"], noises=(FeatureNoise(1, "alike", 0.5, 1.0),))
    found = ask(crowd_of(person), np.zeros(1000, int), shown)
    np.testing.assert_array_equal(found.flipped, np.arange(1000) < 600)


def test_a_myopic_kind_looks_for_itself():
    full = np.array([[[3.0], [2.0]]])
    late = np.array([[[1.5], [2.0]]])
    crowd = crowd_of(ORACLE, Person(Teacher("myopic", discount=0.5)), weights=((1.0,),))
    found = answer_crowd(
        crowd,
        np.array([0, 1]),
        lambda discount: np.repeat(full if discount == 1 else late, 2, axis=0),
        np.repeat(full, 2, axis=0),
        np.zeros(2, np.int64),
        rng=np.random.default_rng(0),
    )
    assert found.preference.tolist() == [1.0, 0.0]


def test_work_goes_by_activity():
    crowd = replace(crowd_of(ORACLE, ORACLE, ORACLE), activity=np.array([3.0, 1.0, 0.0]))
    counts = np.bincount(crowd.assign(NUM_DRAWS, rng=np.random.default_rng(0)), minlength=3)
    assert counts[2] == 0
    assert abs(counts[0] / NUM_DRAWS - 0.75) < 4 * math.sqrt(0.75 * 0.25 / NUM_DRAWS)


def test_same_seed_same_bytes():
    crowd = crowd_of(NOISY, Person(TEACHERS["noisy"], noises=(Flip(0.3),)))
    rater = crowd.assign(200, rng=np.random.default_rng(3))
    one, other = ask(crowd, rater, clips(200)), ask(crowd, rater, clips(200))
    for first, second in zip(one, other, strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_same_rewards_in_other_units_are_answered_the_same():
    shown = np.random.default_rng(0).integers(-50, 50, (300, 2, 2)).astype(float)
    person = Person(
        Teacher("both", rationality=2.0, equal=0.2, skip=0.1),
        noises=(FeatureNoise(0, "alike", 0.4, 0.7), Fatigue(0.5, 50.0)),
    )
    crowd = crowd_of(person, person, weights=((1.0, 0.5), (0.25, 1.0)))
    rater = crowd.assign(300, rng=np.random.default_rng(1))
    one, other = ask(crowd, rater, shown), ask(crowd, rater, (shown + 7.0) * 8.0)
    for first, second in zip(one[:6], other[:6], strict=True):
        np.testing.assert_array_equal(first, second)


def test_hundred_thousand_answers_of_many_are_a_matter_of_seconds():
    population = sample_population(DRIVER_GROUPS, 500, rng=np.random.default_rng(0))
    crowd = make_crowd(CrowdConfig(num_raters=500), population, NOISY, rng=np.random.default_rng(1))
    shown = clips(NUM_DRAWS, num_criteria=4)
    rater = crowd.assign(NUM_DRAWS, rng=np.random.default_rng(2))
    found = ask(crowd, rater, shown, reference=shown[:1000])
    rates = rater_statistics(found)
    assert rates.num_answers == NUM_DRAWS
    # 70 % err on 17 % of the pairs, and 30 % on all of them
    assert rates.error_rate == pytest.approx(0.7 * 0.171 + 0.3, abs=0.01)


# --- presets


def preset(name, num_raters=20, **fields):
    config = CrowdConfig(name, num_raters, **fields)
    population = alike(np.array([1.0]), num_raters)
    return make_crowd(config, population, ORACLE, rng=np.random.default_rng(0))


def test_three_in_ten_of_a_mixed_crowd_are_no_help():
    crowd = preset("mixed")
    assert crowd.bad.sum() == 6
    assert (crowd.kind[crowd.bad] > 0).all()
    assert crowd.kinds[0] == ORACLE
    assert preset("mixed", bad_share=0.0).bad.sum() == 0
    assert not preset("expert").bad.any()
    assert not np.array_equal(
        crowd.bad,
        make_crowd(
            CrowdConfig(), alike(np.array([1.0]), 20), ORACLE, rng=np.random.default_rng(1)
        ).bad,
    )


def test_bad_raters_are_of_the_kinds_asked_for_in_equal_shares():
    crowd = preset("mixed", 40, bad=("adversary", "clicker", "sided"))
    names = [crowd.kinds[kind].teacher.name for kind in crowd.kind[crowd.bad]]
    assert {name: names.count(name) for name in set(names)} == dict.fromkeys(
        ("adversary", "clicker", "sided"), 4
    )


def test_names_tell_nothing_of_the_person():
    crowd = preset("mixed")
    assert crowd.names == tuple(f"rater-{number:02d}" for number in range(1, 21))


@pytest.mark.parametrize(("name", "low", "high"), [("expert", 0.78, 0.82), ("crowd", 0.49, 0.51)])
def test_two_of_a_preset_agree_as_people_did(name, low, high):
    """SummEval's experts agree on 0.70 to 0.90 of pairs by criterion, 0.80 on average."""
    crowd = preset(name, 2)
    shown = clips(50_000, num_criteria=1)
    one, two = (
        ask(crowd, np.full(50_000, number), shown, seed=number).preference for number in (0, 1)
    )
    assert low < (one == two).mean() < high


def test_a_worker_and_an_expert_agree_by_chance():
    crowd = crowd_of(EXPERT_PERSON, WORKER, weights=((1.0,),))
    shown = clips(NUM_DRAWS, num_criteria=1)
    expert, worker = (
        ask(crowd, np.full(NUM_DRAWS, number), shown, seed=number).preference for number in (0, 1)
    )
    # people: 0.499 to 0.508 with the experts' mean
    assert (expert == worker).mean() == pytest.approx(0.503, abs=0.006)


@pytest.mark.parametrize(
    ("name", "error"),
    [("adversary", 1.0), ("contrary", 0.75), ("clicker", 0.5), ("sided", 0.5)],
)
def test_bad_people_err_as_described(name, error):
    shown = clips(NUM_DRAWS, num_criteria=1)
    found = ask(crowd_of(BAD_PEOPLE[name], weights=((1.0,),)), np.zeros(NUM_DRAWS, int), shown)
    assert rater_statistics(found).error_rate == pytest.approx(error, abs=0.007)
    if name == "sided":
        assert (found.preference == 1).mean() == pytest.approx(0.9, abs=0.004)


def test_a_tired_rater_is_of_help_at_first():
    """Three thousand people of this kind, by their first and by their hundredth answer."""
    num = 3000
    config = CrowdConfig("mixed", num, bad_share=0.0)
    crowd = make_crowd(
        config, alike(np.array([1.0]), num), BAD_PEOPLE["tired"], rng=np.random.default_rng(0)
    )
    shown = clips(num, num_criteria=1)
    errors = [
        rater_statistics(
            ask(crowd, np.arange(num), shown, given=np.full(num, number), reference=shown[:50])
        ).error_rate
        for number in (0, 100)
    ]
    assert errors[0] == pytest.approx(0.171, abs=0.03)
    assert errors[1] == pytest.approx(0.5, abs=0.03)


def test_an_adversary_rates_the_wrong_way_round_and_a_lenient_rater_higher():
    kinds = (Person(TEACHERS["oracle"], judge=JUDGES["exact"]), BAD_PEOPLE["adversary"])
    crowd = replace(
        crowd_of(kinds[0], kinds[1], kinds[0]),
        leniency=np.array([0.0, 0.0, 1.0]),
    )
    criteria = np.tile(np.linspace(0, 1, 5), 3)[:, None]
    rater = np.repeat(np.arange(3), 5)
    found = rate_crowd(crowd, rater, criteria, rng=np.random.default_rng(0))[:, 0]
    assert found[:5].tolist() == [1, 2, 3, 4, 5]
    assert found[10:].tolist() == [2, 3, 4, 5, 5]
    many = rate_crowd(crowd, np.ones(2000, int), np.repeat([[0.0], [1.0]], 1000, 0),
                      rng=np.random.default_rng(0))  # fmt: skip
    assert many[:1000].mean() > 4 > 2 > many[1000:].mean()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrowdConfig(num_raters=0), "num_raters must be at least 1, got 0"),
        (lambda: CrowdConfig(bad_share=1.0), r"bad_share must be in \[0, 1\)"),
        (lambda: CrowdConfig(minority=0.0), r"minority in \(0, 1\), got 0.3 and 0.0"),
        (lambda: CrowdConfig(bad=()), "bad must be some of adversary, .* got none"),
        (
            lambda: make_crowd(
                CrowdConfig(), alike(np.ones(2), 3), ORACLE, rng=np.random.default_rng(0)
            ),
            "population must be of 20 people, got 3",
        ),
        (lambda: replace(preset("mixed"), kind=np.full(20, 7)), "of one of its 2 kinds"),
        (lambda: replace(preset("mixed"), activity=np.zeros(20)), "must be active"),
        (lambda: replace(preset("mixed"), activity=np.full(20, np.nan)), "finite and at least 0"),
    ],
)
def test_impossible_crowds_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_unknown_crowd_is_refused():
    with pytest.raises((ValueError, TypeError), match="class"):
        CrowdConfig("class")  # type: ignore[arg-type]  # a type checker may come first
