from dataclasses import replace

import numpy as np
import pytest

from prefgym.agents import people_cold, people_newest, people_queries
from prefgym.agents.ask import ask_round
from prefgym.agents.benchmark import Result
from prefgym.agents.config import LoopConfig
from prefgym.agents.people_clips import (
    World,
    add,
    agreement,
    clip_returns,
    learn,
    make_world,
    one_person,
)
from prefgym.agents.people_queries import RULES, Rule, cells, teach
from prefgym.agents.people_queries_page import section
from prefgym.agents.presets import PPO_PRESETS, preset
from prefgym.agents.query_curves import (
    NUM_QUERIES,
    cost_ratio,
    costs_to_reach,
    first_reach,
    mean_curve_ratio,
    never,
)

PENDULUM = "Pendulum"


@pytest.fixture(scope="module")
def pendulum() -> World:
    return make_world(PENDULUM, 0, rng=np.random.default_rng(0))


def row(uniform: list[float], active: list[float], *, seconds: float = 4.0) -> Result:
    """A result in which both rules take so long for every comparison."""
    costs = [seconds * n for n in NUM_QUERIES]
    return {
        "world": "driving",
        "person": "oracle",
        "uniform": uniform,
        "uniform, seconds": costs,
        "uniform, mistakes": 0.1,
        "BALD": active,
        "BALD, seconds": [2 * cost for cost in costs],
        "BALD, mistakes": 0.2,
    }


def rising(per_query: float) -> list[float]:
    """0.5 without answers, up to 0.9 at this rate."""
    return [min(0.5 + per_query * n, 0.9) for n in NUM_QUERIES]


def test_a_curve_reaches_a_level_on_the_straight_line_between_two_rounds() -> None:
    costs = np.array([10.0, 20.0, 40.0])
    assert first_reach(np.array([0.5, 0.7, 0.9]), costs, 0.8) == pytest.approx(30.0)
    assert first_reach(np.array([0.5, 0.7, 0.9]), costs, 0.4) == 10.0
    assert first_reach(np.array([0.5, 0.9, 0.7]), costs, 0.8) == pytest.approx(17.5)
    assert first_reach(np.array([0.5, 0.7, 0.9]), costs, 0.95) == 40.0


def test_twice_the_rate_takes_half_the_queries_and_as_many_slow_seconds() -> None:
    rows = [row(rising(0.004), rising(0.008)), row(rising(0.005), rising(0.01))]
    # above chance: to 0.5 + 0.95 * 0.4 = 0.88
    found = costs_to_reach(rows, "uniform", floor=0.5)
    np.testing.assert_allclose(found, [95.0, 76.0])
    np.testing.assert_allclose(cost_ratio(rows, "BALD", floor=0.5), 0.5)
    np.testing.assert_allclose(cost_ratio(rows, "BALD", floor=0.5, seconds=True), 1.0)
    np.testing.assert_allclose(mean_curve_ratio(rows[:1], "BALD", floor=0.5), 0.5)
    assert never(rows, "BALD") == 0
    assert never([row(rising(0.004), [0.5] * len(NUM_QUERIES))], "BALD") == 1


def test_the_gate_takes_the_best_active_rule_but_never_entropy() -> None:
    rows = []
    for rate in (0.004, 0.005):
        one = row(rising(rate), rising(2 * rate))
        fast = rising(8 * rate)
        one |= {"entropy": fast, "entropy, seconds": fast, "entropy, mistakes": 0.4}
        rows.append(one)
    found = section(rows)
    assert [gate.met for gate in found.gates] == [True, True]
    assert found.gates[1].found.estimate == pytest.approx(0.5)
    assert all(gate.beside.startswith("BALD") for gate in found.gates)
    slow = [row(rising(0.005), rising(0.004))] * 2
    assert not any(gate.met for gate in section(slow).gates)


def test_entropy_is_nobodys_default() -> None:
    assert LoopConfig().selection == "uniform"
    assert all(preset(env_id).loop.selection == "uniform" for env_id in PPO_PRESETS)
    assert set(Rule("entropy")) & {"entropy"}
    assert [name for name, rule in RULES.items() if rule.selection == "entropy"] == ["entropy"]


def test_answers_of_two_rounds_speak_of_the_clips_they_were_given_about(pendulum: World) -> None:
    rater, rng = one_person("oracle", pendulum.weights), np.random.default_rng(0)
    told = None
    for number in (5, 8):
        asked = ask_round(
            pendulum.pool,
            None,
            None,
            rater,
            number,
            pendulum.config.loop,
            heads=("overall",),
            rng=rng,
        )
        told = add(told, asked)
    assert told is not None
    assert len(told.comparison) == 13
    worth = clip_returns(told.segments, pendulum.weights)
    first, second = worth[told.comparison.first], worth[told.comparison.second]
    np.testing.assert_array_equal(told.comparison.preference == 1, first > second)


def test_agreement_counts_decided_pairs_alone(pendulum: World) -> None:
    rng = np.random.default_rng(1)
    rater = one_person("oracle", pendulum.weights)
    loop = pendulum.config.loop
    asked = ask_round(pendulum.pool, None, None, rater, 30, loop, heads=("overall",), rng=rng)
    model = learn(pendulum, add(None, asked), seed=0)
    found = model.returns(pendulum.tests).mean(dim=(0, 2)).double().numpy()
    assert agreement(model, pendulum.tests, found) == 1.0
    assert agreement(model, pendulum.tests, -found) == 0.0
    coarse = np.sign(found - np.median(found))
    assert agreement(model, pendulum.tests, coarse) == 1.0


def test_a_rule_is_taught_alike_twice_and_errs_as_the_person_does(pendulum: World) -> None:
    numbers = (10, 20)

    def scores(name: str, person: str = "noisy") -> tuple[list[float], float]:
        taught = teach(pendulum, person, RULES[name], numbers, seed=3)
        assert taught.seconds == sorted(taught.seconds)
        assert 20 * 1.0 < taught.seconds[-1] < 20 * 20.0
        true = pendulum.true
        return [agreement(model, pendulum.tests, true) for model in taught.models], taught.mistakes

    assert scores("EPIG, joint") == scores("EPIG, joint")
    assert scores("EPIG, joint") != scores("uniform")
    assert scores("BALD", "oracle")[1] == 0.0
    assert scores("BALD")[1] > 0.0


def test_rules_differ_but_in_the_first_round_which_covers(pendulum: World) -> None:
    models = [
        teach(pendulum, "oracle", RULES[name], (10, 15), seed=0).models
        for name in ("BALD", "D-optimal, joint", "Thompson")
    ]
    first, second = ({one.to_bytes() for one in each} for each in zip(*models, strict=True))
    assert len(first) == 1
    assert len(second) == 3
    assert {cell["world"] for cell in cells(1)} == {"driving", "Pendulum", "text"}


def test_the_newest_behaviour_is_asked_about_once_there_is_a_model(pendulum: World) -> None:
    newest = make_world(PENDULUM, 1, rng=np.random.default_rng(1)).pool
    rule = RULES["uniform"]
    old = teach(pendulum, "oracle", rule, (5, 10), seed=0).models
    new = teach(pendulum, "oracle", rule, (5, 10), newest=newest, seed=0).models
    assert [a.to_bytes() == b.to_bytes() for a, b in zip(old, new, strict=True)] == [True, False]


def test_a_section_shows_every_world_and_rule(
    pendulum: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_queries, "RULES", {n: RULES[n] for n in ("uniform", "BALD")})
    small = replace(pendulum, tests=pendulum.tests.take(np.arange(40)))
    monkeypatch.setattr(people_queries, "make_world", lambda *_, **__: small)
    chosen = [cell for cell in cells(4) if cell["world"] == PENDULUM and cell["person"] == "oracle"]
    found = section([cell | people_queries.measure(cell) for cell in chosen])
    text = "\n\n".join(found.paragraphs)
    assert "nan" not in text
    assert "| BALD |" in text
    assert found.gates == []
    assert all(f"]({name})" in text for name in found.pictures)
    assert len(found.pictures) == 2


def test_a_cold_start_begins_in_every_way() -> None:
    cell = people_cold.cells(1)[1]
    assert cell["world"] == PENDULUM
    row = people_cold.measure(cell)
    assert all(0 <= float(str(value)) <= 1 for value in row.values())
    text = "\n".join(people_cold.PART.section([cell | row]).paragraphs)
    assert "| entropy pool |" in text
    assert "population prior |" not in text


def test_asking_about_the_newest_is_set_beside_asking_about_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people_newest, "STEPS", {PENDULUM: 4096})
    monkeypatch.setattr(people_newest, "RULE_NAMES", {"uniform": "uniform"})
    monkeypatch.setattr(people_newest, "NUM_QUERIES", (10, 20))
    monkeypatch.setattr(people_newest, "SHOWN", (20,))
    (cell,) = people_newest.cells(1)
    row = people_newest.measure(cell)
    policy, before = row["uniform, newest: policy"], row["uniform, all: policy"]
    assert isinstance(policy, list)
    assert isinstance(before, list)
    assert policy[0] == before[0]
    assert policy[1] != before[1]
    text = "\n".join(people_newest.section([cell | row]).paragraphs)
    assert "| uniform, newest |" in text


@pytest.mark.slow
def test_what_others_have_answered_is_worth_more_than_ten_answers() -> None:
    cell = people_cold.cells(1)[0]
    row = people_cold.measure(cell)
    assert float(str(row["population prior 10"])) > float(str(row["no prior 10"])) + 0.05
    assert people_cold.PART.section([cell | row]).gates[0].met
