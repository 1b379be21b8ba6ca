"""The parts of the benchmark on people that train policies: what they make of their results."""

import numpy as np
import pytest

from prefgym.agents import (
    people_cultures,
    people_own,
    people_policies_page,
    people_training,
)
from prefgym.agents.benchmark import Result
from prefgym.agents.people_cultures import (
    ANSWERS,
    ROUNDS,
    culture_people,
    group_models,
    verdicts,
)
from prefgym.agents.people_drivers import compare, own_returns, together
from prefgym.agents.people_own import FLOORS, PAIRS
from prefgym.agents.people_policies import (
    CLEAN,
    CROWD,
    HEAVY,
    HEAVY_PLAIN,
    OF_WORLD,
    PLAIN,
    cells,
)
from prefgym.agents.people_policies_page import kept, scored
from prefgym.agents.people_training import (
    NEW_CLIPS,
    Trainee,
    driving_clips,
    driving_criteria,
    share_of,
)
from prefgym.agents.policies import random_policy
from prefgym.agents.rank_statistics import adjusted_rand
from prefgym.agents.vec_env import describe
from prefgym.feedback.reward_model import RewardModel
from prefgym.simulations.population import Population


def row(condition: str, gold: float, seed: int = 0, **more: object) -> Result:
    base: Result = {"world": "driving", "profile": "hurried", "condition": condition}
    return base | {"gold": gold, "seed": seed, "wrong": 0.3, "agreement": 0.9} | more


REFERENCES = [row("idm", -2.0), row("random", -5.0), row("gold", -1.0)]


def test_a_score_is_0_at_the_floor_and_1_at_the_oracle() -> None:
    results = [*REFERENCES, row(CLEAN, -1.25), row(CROWD, -2.0, profile="courteous")]
    assert [r["score"] for r in scored(results, "driving", CLEAN, "idm")] == [0.75]
    assert [r["score"] for r in scored(results, "driving", CLEAN, "random")] == [0.9375]
    assert scored(results, "driving", CROWD, "idm") == []  # nothing to measure it against


def test_what_is_kept_is_a_share_of_the_clean_score_of_the_same_seeds() -> None:
    golds = {CLEAN: (-1.2, -1.4, -1.0), CROWD: (-1.28, -1.46)}  # scores .8 .6 1; .72 .54
    results = REFERENCES + [row(c, g, s) for c, of in golds.items() for s, g in enumerate(of)]
    found = kept(results, "driving", CROWD, "idm")
    assert found is not None
    assert found == pytest.approx((0.9, 0.9, 0.9))
    assert kept(results, "driving", PLAIN, "idm") is None


def test_a_share_is_of_means_with_seeds_resampled_together() -> None:
    rows: list[Result] = [{"a": 1.0, "b": 2.0}, {"a": 4.0, "b": 4.0}]
    found = share_of(rows, "a", rows, "b")
    assert found.estimate == pytest.approx(5 / 6)
    assert (found.low, found.high) == pytest.approx((0.5, 1.0))


def test_the_section_has_a_gate_for_what_has_been_run() -> None:
    taught = [row(CLEAN, -1.2), row(CROWD, -1.24, auc=1.0), row(HEAVY, -1.7)]
    results = [*REFERENCES, *taught, row(HEAVY_PLAIN, -1.92)]
    section = people_policies_page.section(results)
    assert [(gate.what[:2], gate.met) for gate in section.gates] == [("2.", True), ("5.", False)]
    assert section.gates[0].found.estimate == pytest.approx(0.95)
    assert section.gates[1].beside.startswith("plain Bradley-Terry 0.100")
    text = "\n".join(section.paragraphs)
    assert "### Driving" in text
    assert "### Text" not in text
    assert people_policies_page.section([]).gates == []


def test_every_seed_has_every_condition_and_every_profile_its_oracle() -> None:
    found = cells(10)
    for world, conditions in OF_WORLD.items():
        for condition in conditions:
            mine = [c for c in found if (c["world"], c["condition"]) == (world, condition)]
            assert [c["seed"] for c in mine] == list(range(10))
    oracles = [c for c in found if c["condition"] == "gold"]
    assert len({c["profile"] for c in oracles if c["world"] == "driving"}) == 4
    assert {c["profile"] for c in found if c["world"] == "text"} == {"-"}


def test_a_group_prefers_the_policy_that_does_what_its_people_want() -> None:
    people = Population(
        np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [1.0, 0.9]]), np.array([0, 0, 1, 1])
    )
    found = verdicts(np.array([[-1.0, -3.0], [-2.0, -2.0]]), people)
    assert found["majority prefers its own"] == 1.0
    assert found["majority gains"] == pytest.approx(0.75)
    # the last is of the minority, but weighs the first criterion more
    assert found["minority prefers its own"] == 0.5
    assert found["minority gains"] == pytest.approx(0.45)


def test_the_cultures_of_fifty_drivers_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    clips = driving_clips(200, seed=0, rng=rng)
    people = culture_people(rng=rng)
    assert np.bincount(people.group).tolist() == [40, 10]
    said, flips = compare(clips.segments, people.weights, ROUNDS * ANSWERS, rng=rng)
    assert 0.1 < flips < 0.3
    (_, two), models = group_models(clips, said, rng=rng)
    assert adjusted_rand(two.assignment, people.group) > 0.6
    gains = [model.returns(clips.segments).mean(dim=(0, 2)).numpy() for model in models]
    wants = people.weights @ (clips.segments.criteria * clips.segments.mask[:, :, None]).sum(1).T
    for group, own in enumerate(gains):
        agree = [np.corrcoef(own, mine)[0, 1] for mine in wants]
        assert np.mean(np.array(agree)[people.group == group]) > 0.8


def test_criteria_of_a_policy_are_those_of_its_episodes() -> None:
    space = describe("prefgym/Driving-v0", {}).action_space
    found = driving_criteria(random_policy(space, 64, rng=np.random.default_rng(0)))
    assert found.shape == (4,)
    assert ((found < 0) & (found > -1)).all()


def test_newest_clips_are_compared_with_any_and_answers_are_kept_together() -> None:
    rng = np.random.default_rng(0)
    clips = driving_clips(40, seed=0, rng=rng)
    weight = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    old, _ = compare(clips.segments, weight, 200, rng=rng)
    new, _ = compare(clips.segments, weight, 200, begin=30, rng=rng)
    assert old.first.min() == 0
    assert (new.first.min(), new.first.max()) == (30, 39)
    assert (new.second.min(), new.second.max()) == (0, 39)
    assert (new.first != new.second).all()
    both = together([old, new])
    assert len(both) == 800
    assert both.num_raters == 2
    assert (both.first[400:] == new.first).all()
    assert (both.raters[400:] == new.raters).all()


def test_a_choice_is_as_noisy_among_similar_clips_as_it_was_among_usual_ones() -> None:
    rng = np.random.default_rng(0)
    clips = driving_clips(300, seed=0, rng=rng)
    weight = np.array([[1.0, 1.0, 1.0, 1.0]])
    returns = own_returns(clips.segments, weight)[:, 0]
    middle = np.argsort(returns)[100:200]  # much the same to this person
    mixed = clips.segments.take(np.concatenate([np.arange(300), middle]))
    _, usual = compare(mixed, weight, 4000, begin=300, usual=300, rng=rng)
    _, alone = compare(clips.segments.take(middle), weight, 4000, rng=rng)
    _, among = compare(clips.segments.take(middle), weight, 4000, usual=100, rng=rng)
    assert alone == pytest.approx(among, abs=0.03)
    assert alone < 0.25
    assert usual > 0.2


def test_a_trainee_goes_on_from_what_it_learned_by_another_reward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people_training, "STEPS", 4 * 1024)
    rng = np.random.default_rng(0)
    clips = driving_clips(100, seed=0, rng=rng)
    weight = np.repeat([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], 2, axis=0)
    said, _ = compare(clips.segments, weight, 60, rng=rng)
    _, models = group_models(clips, said, rng=rng)

    def acts(models: list[RewardModel]) -> np.ndarray:
        trainee = Trainee(models[0], seed=1)
        for stage, model in enumerate(models):
            trainee.train(model, stage, 2)
            assert len(trainee.clips(7, rng=np.random.default_rng(0))) == 7
        return trainee.policy(clips.segments.observations[:, 0])

    same, again, other = acts([models[0]] * 2), acts([models[0]] * 2), acts(models)
    assert (same == again).all()
    assert (same != other).any()
    shown = Trainee(models[0], seed=0)
    shown.train(models[0], 0, 4)
    more = clips.with_new([shown, shown], rng=rng)
    assert more.begin == 100
    assert len(more.segments) == 100 + 2 * NEW_CLIPS


def test_more_of_a_return_is_measured_from_a_floor() -> None:
    worth = {"own": -1.0, "pooled": -1.5, "own, true": -0.5, "mean, true": -1.0}
    floors = {"idm": -2.0, "random": -5.0}
    one: Result = {"population": people_own.HEADLINE, **worth}
    for floor, value in floors.items():
        one |= {f"{name} above {floor}": mine - value for name, mine in worth.items()}
    for key, (own, other) in PAIRS.items():
        one |= {f"cost, {key}": -worth[other], f"cost saved, {key}": worth[own] - worth[other]}
    assert set(floors) == set(FLOORS)
    section = people_own.section([one] * 2)
    (gate,) = section.gates
    assert gate.found == pytest.approx((1 / 3, 1 / 3, 1 / 3))  # 1.0 where the pooled costs 1.5
    assert gate.met
    assert "with true rewards 0.500" in gate.beside
    assert "better for 2 of 2 drivers" in gate.beside
    table = section.paragraphs[2]
    assert "1.000 [1.000, 1.000]" in table  # 1.0 above IDM, where the pooled has 0.5
    assert "0.143 [0.143, 0.143]" in table  # 4.0 above random, and 3.5
    assert "0.500 [0.500, 0.500]" in table  # true: 1.5 above IDM, and 1.0
    blank = people_own.section([one | {"pooled above idm": -0.1}] * 2).paragraphs[2]
    assert "-0.100] |  | 2 of 2 |" in blank


def test_a_culture_of_whom_half_prefer_its_policy_is_not_served() -> None:
    rows: list[Result] = [
        {
            "groups": 2,
            "rand": 1.0,
            "flips": 0.2,
            "majority prefers its own": share,
            "majority gains": 0.1,
            "minority prefers its own": 0.9,
            "minority gains": 0.1,
        }
        for share in (0.0, 1.0)
    ]
    assert [gate.met for gate in people_cultures.section(rows).gates] == [False, True]


def test_without_results_there_is_no_gate() -> None:
    assert people_own.section([]).gates == people_cultures.section([]).gates == []


@pytest.mark.slow
def test_each_culture_prefers_the_policy_that_was_trained_for_it() -> None:
    found = people_cultures.measure({"part": "cultures", "seed": 0})
    assert float(str(found["majority prefers its own"])) > 0.5
    assert float(str(found["minority prefers its own"])) > 0.5
    assert len(people_cultures.section([found]).gates) == 2
