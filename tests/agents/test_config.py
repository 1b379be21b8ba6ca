import json
from dataclasses import replace

import pytest

from prefgym.agents.config import LoopConfig, RunConfig, from_json, to_json
from prefgym.agents.presets import ppo_by_rule, preset
from prefgym.agents.vec_env import describe
from prefgym.simulations.raters import TEACHERS


@pytest.mark.parametrize("env_id", ["prefgym/Driving-v0", "Acrobot-v1"])
@pytest.mark.parametrize("teacher", ["oracle", "noisy"])
def test_a_configuration_survives_json(env_id: str, teacher: str) -> None:
    config = replace(preset(env_id), teacher=TEACHERS[teacher], seed=3)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_an_unknown_setting_is_named() -> None:
    values = to_json(RunConfig("CartPole-v1"))
    loop = values["loop"]
    assert isinstance(loop, dict)
    loop["lables"] = 3
    with pytest.raises(ValueError, match="LoopConfig has no setting lables"):
        from_json(values)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"labels": 0}, "labels"),
        ({"labels": 3, "rounds": 5}, r"rounds must be in \[1, labels = 3\], got 5"),
        ({"segment_length": 0}, "segment_length must be at least 1, got 0"),
        ({"first_share": 0.0}, "first_share"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoopConfig(**setting)  # type: ignore[arg-type]


def test_rules_serve_an_environment_without_a_preset() -> None:
    """Horizon a tenth of 1000 steps, bounded columns raw, unbounded ones normalised."""
    mountain = ppo_by_rule(describe("MountainCarContinuous-v0", {}))
    assert mountain.gamma == pytest.approx(1 - 1 / 99.9)
    assert not mountain.normalise_observations
    assert ppo_by_rule(describe("CartPole-v1", {})).normalise_observations
    assert ppo_by_rule(describe("Pendulum-v1", {})).gamma == pytest.approx(0.95)


def test_an_unknown_environment_names_its_neighbours() -> None:
    with pytest.raises(ValueError, match=r"unknown environment 'CartPole-v11'.*CartPole-v1"):
        preset("CartPole-v11")


def test_a_keyword_that_the_environment_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="does not accept"):
        preset("CartPole-v1", {"wheels": 4})


def test_writers_of_articles_explore_more_than_those_of_scenes_or_of_a_text_of_ones_own() -> None:
    def entropy(**kwargs: str) -> float:
        return preset("prefgym/TextSummary-v0", kwargs).ppo.entropy

    own = "It rained. We walked home."
    assert entropy(corpus="articles") == entropy(corpus="articles", language="zh") == 0.05
    assert entropy() == entropy(corpus="sunsets") == entropy(text=own, corpus="articles") == 0.01
