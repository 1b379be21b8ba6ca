"""Two policies from the same starts: what is measured, and what the report shows of it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.beside import write_beside
from prefgym.agents.beside_panels import read_beside
from prefgym.agents.cli import main
from prefgym.agents.config import LoopConfig, PPOConfig, RunConfig
from prefgym.agents.crowd import DRIVING
from prefgym.agents.policies import Policy
from prefgym.agents.presets import preset
from prefgym.agents.report import write_report
from prefgym.agents.roads import QUANTITIES, SPEED, TIME_GAP, Roads, play_roads
from prefgym.agents.run import RunError
from prefgym.agents.train import TrainedRun, train, with_rater
from prefgym.agents.vec_env import describe
from prefgym.simulations.crowds import CrowdConfig

TINY = RunConfig(
    "CartPole-v1",
    loop=LoopConfig(
        labels=8,
        rounds=1,
        steps=1500,
        warmup_steps=256,
        explore_steps=400,
        segment_length=8,
        held_out=0,
    ),
    ppo=PPOConfig(num_envs=4, num_steps=64, batch_size=64, num_epochs=2),
)
NAMES = ("speed", "time_gap", "lane", "abs_acceleration", "jerk", "imposed_braking", "crashed")


def driving(labels: int, seed: int) -> RunConfig:
    config = preset(DRIVING)
    loop = replace(config.loop, labels=labels, rounds=1, steps=5120 + 3 * 1024, held_out=0)
    return replace(config, loop=loop, seed=seed)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    config = replace(driving(30, 0), crowd=CrowdConfig("drivers", 6))
    return train(DRIVING, out=tmp_path_factory.mktemp("runs") / "drivers", config=config)


@pytest.fixture(scope="module")
def hurried(drivers: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    config = with_rater(driving(5, 1), "hurried")
    out = tmp_path_factory.mktemp("runs") / "hurried"
    return train(DRIVING, out=out, config=config, seed=1, prior=drivers.folder)


def road(**columns: list[float]) -> Roads:
    """One road of a few steps, everything that is not named 0."""
    size = len(next(iter(columns.values())))
    seen = np.stack([columns.get(name, [0.0] * size) for name in NAMES], axis=-1)
    going = np.ones((size, 1), bool)
    return Roads(seen[:, None].astype(np.float32), np.zeros((size, 1, 4)), going)


def measured(name: str, some: Roads) -> float:
    (quantity,) = [q for q in QUANTITIES[DRIVING] if q.name == name]
    return float(quantity.each(some, NAMES)[0])


def test_quantities_are_those_worked_by_hand() -> None:
    assert measured("speed", road(speed=[0.5, 1.0])) == pytest.approx(108)
    # who has nobody within 3 s ahead follows nobody
    assert measured("time gap when following", road(time_gap=[0.5, 1.0, 0.3])) == pytest.approx(1.2)
    assert np.isnan(measured("time gap when following", road(time_gap=[1.0, 1.0])))
    # one change in two seconds
    assert measured("lane changes", road(lane=[0.5, 0.5, 1.0, 1.0])) == pytest.approx(30)
    assert measured("acceleration, rms", road(abs_acceleration=[0.25, 0.5])) == pytest.approx(
        np.sqrt((1 + 4) / 2)
    )


def test_a_crash_is_not_driving() -> None:
    """After it the columns say what nobody wants to feel, not how somebody drives."""
    crashed = road(
        speed=[0.5, 0.0], lane=[1.0, 0.0], abs_acceleration=[0.0, 2.0], crashed=[0.0, 1.0]
    )
    assert measured("speed", crashed) == pytest.approx(72)
    assert measured("lane changes", crashed) == 0
    assert measured("acceleration, rms", crashed) == 0
    assert measured("time after a crash", crashed) == 0.5


def test_what_follows_an_episode_does_not_count() -> None:
    some = road(speed=[0.5, 1.0, 1.0])
    ended = some._replace(going=np.array([[True], [False], [False]]), criteria=-np.ones((3, 1, 4)))
    assert measured("speed", ended) == pytest.approx(72)
    assert ended.gold(np.array([1.0, 2.0, 0.0, 0.0])).tolist() == [-3.0]


def test_policies_meet_the_same_traffic_at_the_start() -> None:
    config, info = preset(DRIVING), describe(DRIVING, {})
    met: list[bytes] = []

    def hold(action: list[int]) -> Policy:
        started = len(met)

        def act(seen: np.ndarray) -> np.ndarray:
            if len(met) == started:
                met.append(seen.tobytes())
            return np.tile(action, (len(seen), 1))

        return act

    one = play_roads(config, hold([1, 2, 0]), info, num_roads=3)
    again = play_roads(config, hold([1, 2, 0]), info, num_roads=3)
    other = play_roads(config, hold([0, 0, 3]), info, num_roads=3)
    assert len(met) == 3
    assert len(set(met)) == 1
    assert one.observations.tobytes() == again.observations.tobytes()
    assert one.observations.tobytes() != other.observations.tobytes()
    assert one.going.shape == (80, 3)
    assert one.going.all()
    fast, slow = (SPEED.each(roads, info.observation_names) for roads in (one, other))
    assert (fast > slow).all()


def test_gold_is_that_of_the_reward(hurried: TrainedRun) -> None:
    """What each road comes to by the weights is what the environment pays."""
    config, info = hurried.config, describe(DRIVING, hurried.config.env_kwargs)
    roads = play_roads(config, hurried.policy, info, num_roads=2)
    named = dict(zip(info.criteria, roads.criteria.sum(axis=0).T, strict=True))
    wanted = 0.1 * named["comfort"] + named["efficiency"]
    wanted += 0.05 * named["safety"] + 0.05 * named["courtesy"]
    np.testing.assert_allclose(roads.gold(info.weights), wanted)


def test_a_run_beside_itself_does_not_differ(drivers: TrainedRun) -> None:
    write_beside(drivers, drivers)
    found = read_beside(drivers.folder)
    assert found is not None
    assert len(found.rows) == 1 + len(QUANTITIES[DRIVING])
    for row in found.rows:
        assert row.first == row.second
        assert row.difference in (0.0, None)
        assert not row.clear


def test_two_people_judge_both_policies(drivers: TrainedRun, hurried: TrainedRun) -> None:
    write_beside(hurried, drivers)
    found = read_beside(hurried.folder)
    assert found is not None
    assert found.labels == ("hurried", "6 drivers")
    assert [row.name for row in found.rows[:2]] == [
        "gold to hurried",
        "gold to 6 drivers",
    ]
    for row in found.rows:
        if row.first is not None and row.second is not None and "gap" not in row.name:
            assert row.difference == pytest.approx(row.first - row.second)
    page = write_report(hurried.folder).read_text(encoding="utf-8")
    assert "<h2>Side by side: hurried and 6 drivers</h2>" in page
    assert page.count("data:image/gif;base64,") == 1  # one film of both; no other was recorded
    assert page == write_report(hurried.folder).read_text(encoding="utf-8")
    titles = re.findall(r"<h3>(.*?)</h3>", page)
    assert titles.count("Speed") == 2
    assert titles.count(TIME_GAP.name.capitalize()) == 1
    write_beside(drivers, hurried)
    turned = read_beside(drivers.folder)
    assert turned is not None
    assert turned.rows[-4].difference == pytest.approx(-(found.rows[-4].difference or 0))


def test_any_environment_can_be_set_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        train("CartPole-v1", out=tmp_path / name, config=TINY, seed=ord(name))
    main(["report", str(tmp_path / "a"), "--beside", str(tmp_path / "b")])
    assert "report:" in capsys.readouterr().out
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "<h2>Side by side: a and b</h2>" in page
    assert "gold to the environment" in page


def test_other_environments_cannot(drivers: TrainedRun, tmp_path: Path) -> None:
    run = train("CartPole-v1", out=tmp_path / "pole", config=TINY)
    with pytest.raises(RunError, match="in the same environment"):
        write_beside(drivers, run)
    one_number = driving(5, 0)
    held = replace(one_number.loop, explore="held")
    one_number = replace(one_number, env_kwargs={"actions": "discrete"}, loop=held)
    other = train(DRIVING, out=tmp_path / "discrete", config=one_number)
    with pytest.raises(RunError, match="with other --env settings"):
        write_beside(drivers, other)


Edit = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda found: found.update(format=9), "'format' must be 1"),
        (lambda found: found.update(labels=["one"]), "'labels' must be two texts"),
        (lambda found: found.update(rows=3), "'rows' must be a list of objects"),
        (lambda found: found["rows"][0].pop("name"), "rows 1: 'name' must be a text"),
    ],
)
def test_damage_is_said_in_one_line(drivers: TrainedRun, edit: Edit, message: str) -> None:
    write_beside(drivers, drivers)
    path = drivers.folder / "beside" / "beside.json"
    found = json.loads(path.read_text())
    edit(found)
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=message):
        write_report(drivers.folder)
