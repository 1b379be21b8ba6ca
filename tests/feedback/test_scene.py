import json
import time
from dataclasses import fields

import gymnasium
import numpy as np
import pytest

from prefgym.envs.driving_styles import held_styles
from prefgym.feedback.encoding import encode
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.scene import (
    MANOEUVRES,
    Scene,
    as_scene,
    drive_on,
    record_scene,
    record_scenes,
    replay,
    replay_each,
    takeovers,
    trace,
)
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.traffic_layout import LANE_WIDTH
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES

COLUMN = {name: number for number, name in enumerate(OBSERVATION_NAMES)}
MOTORWAY = Environment("prefgym/Driving-v0", {"profile": "courteous"})
FREE = Environment("prefgym/Driving-v0", {"density": 2.0})
START, LENGTH = 12, 20


def steady(observations):
    """Keeps everything as it is, at a time gap of 1.6 s."""
    return np.tile([1, 1, 2], (len(observations), 1))


def random_pilot(environment, seed=0):
    """Whatever its actions are, they follow from the seed."""
    space = gymnasium.make(environment.env_id, **environment.env_kwargs).action_space
    space.seed(seed)
    return lambda observations: np.stack([space.sample() for _ in observations])


def values(segments, name, step):
    """A column of what is seen after a step of the first segment, in its unit."""
    return float(segments.next_observations[0, step, COLUMN[name]])


def speed_set(segments):
    """The speed set-point after every step [m/s]."""
    return (40 * segments.next_observations[0, :, COLUMN["speed_setpoint"]]).tolist()


def gap_set(segments):
    return (2 * segments.next_observations[0, :, COLUMN["gap_setpoint"]]).tolist()


def lane(segments):
    """How often the car has moved to the left by the end."""
    y = segments.states[0, :, 0, 1]
    return round(float(y[-1] - y[0]) / LANE_WIDTH)


def assert_same(one, other):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert a.dtype == b.dtype, field.name
        assert a.tobytes() == b.tobytes(), field.name


ENVIRONMENTS = [
    MOTORWAY,
    Environment("prefgym/Driving-v0", {"scenario": "merge", "actions": "discrete"}),
    Environment("prefgym/Driving-v0", {"actions": "continuous", "density": "dense"}),
]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_scene_is_recorded_as_the_environment_tells_it(environment):
    pilot = random_pilot(environment)
    arrays, segments = record_scene(environment, pilot, 7, START, LENGTH)
    env = gymnasium.make(environment.env_id, **environment.env_kwargs)
    seen, _ = env.reset(seed=7)
    for step in range(START + LENGTH):
        action = arrays["actions"][step]
        after, _, _, _, info = env.step(action)
        if step >= START:
            at = 0, step - START
            assert segments.observations[at].tobytes() == seen.tobytes()
            assert segments.next_observations[at].tobytes() == after.tobytes()
            assert segments.criteria[at].tobytes() == info["criteria"].tobytes()
            assert segments.states[at].tobytes() == info["state"].tobytes()
            row = encode(env.action_space, np.array([action]))[0]
            assert segments.actions[at].tobytes() == row.tobytes()
        seen = after
    assert segments.mask.all()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_without_changes_the_same_happens_again_to_the_byte(environment):
    arrays, recorded = record_scene(environment, random_pilot(environment), 7, START, LENGTH)
    assert_same(replay(environment, arrays, []), recorded)
    assert_same(replay(environment, arrays, [], pilot=random_pilot(environment, 1)), recorded)
    changed = replay(environment, arrays, [(5, "slower")])
    assert changed.observations[0, :6].tobytes() == recorded.observations[0, :6].tobytes()
    assert changed.next_observations[0, 5].tobytes() != recorded.next_observations[0, 5].tobytes()


def test_a_scene_comes_back_from_the_store():
    arrays, recorded = record_scene(MOTORWAY, random_pilot(MOTORWAY), 3, START, LENGTH)
    with FeedbackStore("sqlite://") as store:
        (name,) = store.add_segments([arrays])
        (back,) = store.segments([name])
    assert_same(replay(MOTORWAY, back, []), recorded)
    assert as_scene(back).start == START


def test_several_drives_are_recorded_and_driven_again_as_each_would_be_alone():
    pilot = held_styles(3, rng=np.random.default_rng(0))
    scenes, segments = record_scenes(MOTORWAY, pilot, [4, 5, 6], [0, 9, 3], LENGTH)
    for number, scene in enumerate(scenes):
        assert_same(replay(MOTORWAY, scene, []), segments.take(np.array([number])))
    changes = [[], [(2, "left")], [(0, "faster"), (9, "farther")]]
    together = replay_each(MOTORWAY, scenes[1], changes)
    for number, own in enumerate(changes):
        assert_same(replay(MOTORWAY, scenes[1], own), together.take(np.array([number])))


def test_left_is_asked_for_once_and_then_the_lane_is_kept():
    arrays, _ = record_scene(FREE, steady, 1, 0, LENGTH)
    sides = {"left": 1, "right": -1}
    for name, side in sides.items():
        changed = replay(FREE, arrays, [(0, name)])
        wanted = changed.actions[0, :, :3].argmax(axis=1) - 1
        assert wanted.tolist() == [side] + [0] * (LENGTH - 1)
    moves = {name: lane(replay(FREE, arrays, [(0, name)])) for name in MANOEUVRES}
    assert moves["left"] in (0, 1)
    assert moves["right"] in (-1, 0)
    assert (moves["left"], moves["right"]) != (0, 0)
    assert moves["keep"] == moves["faster"] == 0


def test_faster_and_slower_move_the_set_point_by_a_notch_and_hold_it():
    arrays, recorded = record_scene(FREE, steady, 1, START, LENGTH)
    assert set(speed_set(recorded)) == {30.0}
    speed = 40 * values(recorded, "speed", 3)
    assert speed == pytest.approx(30.0, abs=1.0)  # no faster than it is set
    faster = speed_set(replay(FREE, arrays, [(4, "faster")]))
    assert faster == [30.0] * 4 + [32.5] * 16
    twice = speed_set(replay(FREE, arrays, [(4, "faster"), (5, "faster")]))
    assert twice == [30.0] * 4 + [32.5] + [35.0] * 15
    again = speed_set(replay(FREE, arrays, [(4, "faster"), (9, "left"), (12, "slower")]))
    assert again[4:12] == [32.5] * 8
    assert min(again[12:]) == again[-1] < 32.5


def test_slower_behind_a_slow_car_is_slower():
    def hasty(observations):
        return np.tile([1, 2, 0], (len(observations), 1))

    crowded = Environment("prefgym/Driving-v0", {"density": "stop-and-go"})
    arrays, recorded = record_scene(crowded, hasty, 1, START, LENGTH)
    assert speed_set(recorded)[0] == 37.5
    speed = 40 * values(recorded, "speed", 1)
    assert speed < 25.0  # held up by others
    changed = speed_set(replay(crowded, arrays, [(2, "slower")]))
    assert changed[2:6] == [35.0, 32.5, 30.0, 27.5]
    goal = max(speed - 2.5, 10.0)
    assert changed[-1] == pytest.approx(goal, abs=1.25 + 0.5)
    stopped = speed_set(replay(crowded, arrays, [(2, "slower"), (4, "keep")]))
    assert stopped[3:] == [32.5] * 17


def test_closer_and_farther_are_the_next_time_gap():
    arrays, _ = record_scene(FREE, steady, 1, START, LENGTH)
    farther = replay(FREE, arrays, [(4, "farther"), (10, "farther")])
    np.testing.assert_allclose(gap_set(farther), [1.6] * 4 + [2.2] * 16, rtol=1e-6)
    closer = replay(FREE, arrays, [(4, "closer"), (10, "closer"), (15, "closer")])
    np.testing.assert_allclose(gap_set(closer), [1.6] * 4 + [1.2] * 6 + [0.8] * 10, rtol=1e-6)


def test_from_the_first_manoeuvre_on_the_policy_does_nothing_more():
    arrays, _ = record_scene(MOTORWAY, random_pilot(MOTORWAY), 7, START, LENGTH)
    mine = replay(MOTORWAY, arrays, [(6, "keep")]).actions[0]
    recorded = replay(MOTORWAY, arrays, []).actions[0]
    assert mine[:6].tolist() == recorded[:6].tolist()
    assert len(np.unique(mine[6:], axis=0)) == 1
    assert mine[6, :6].tolist() == [0, 1, 0, 0, 1, 0]


def test_who_lets_go_is_driven_by_the_pilot_or_the_record():
    arrays, _ = record_scene(MOTORWAY, random_pilot(MOTORWAY), 7, START, LENGTH)
    recorded = replay(MOTORWAY, arrays, []).actions[0]
    let_go = replay(MOTORWAY, arrays, [(6, "keep")], hold=4).actions[0]
    assert let_go[10:].tolist() == recorded[10:].tolist()
    assert let_go[6:10].tolist() != recorded[6:10].tolist()
    driven = replay(MOTORWAY, arrays, [(6, "keep")], pilot=steady, hold=4).actions[0]
    assert driven[:6].tolist() == recorded[:6].tolist()
    assert driven[10:].argmax(axis=1).tolist() == [1] * 10
    assert np.array_equal(driven[10:, 6:], np.tile([0, 0, 1, 0], (10, 1)))
    twice = replay(MOTORWAY, arrays, [(2, "keep"), (12, "keep")], pilot=steady, hold=4).actions[0]
    assert twice[:2].tolist() == recorded[:2].tolist()
    assert np.array_equal(twice[6:12, 6:], np.tile([0, 0, 1, 0], (6, 1)))


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_manoeuvres_mean_the_same_in_every_kind_of_action(kind):
    changes = [(2, "slower"), (6, "left"), (9, "farther"), (11, "faster"), (12, "faster")]
    seen = []
    for actions in ("multi-discrete", kind):
        environment = Environment("prefgym/Driving-v0", {"actions": actions})
        same = {
            "multi-discrete": steady,
            "discrete": lambda observations: np.full(len(observations), 12 + 4 + 2),
            "continuous": lambda observations: np.tile([0, 0, 1 / 7], (len(observations), 1)),
        }[actions]
        arrays, _ = record_scene(environment, same, 2, START, LENGTH)
        seen.append(replay(environment, arrays, changes))
    np.testing.assert_allclose(gap_set(seen[0]), gap_set(seen[1]), rtol=1e-5)
    if kind == "discrete":  # the others go up to a whole set-point, this one to any speed
        assert seen[0].observations.tobytes() == seen[1].observations.tobytes()
    else:
        np.testing.assert_allclose(speed_set(seen[0]), speed_set(seen[1]), atol=1.3)


def test_takeovers_are_set_beside_what_the_policy_would_have_done():
    pilot = random_pilot(MOTORWAY)
    arrays, recorded = record_scene(MOTORWAY, pilot, 7, START, LENGTH)
    changes = [(3, "slower"), (5, "left"), (14, "farther")]
    found = takeovers(MOTORWAY, arrays, changes)
    assert found.begins == [3, 14]
    assert found.segments.mask.sum(axis=1).tolist() == [8, 8, 6, 6]  # the scene ends after 20
    mine = replay(MOTORWAY, arrays, changes)
    assert found.segments.observations[0].tobytes() == mine.observations[0, 3:11].tobytes()
    assert found.segments.criteria[1].tobytes() == recorded.criteria[0, 3:11].tobytes()
    # up to the second takeover all went as she wanted, from then on as the policy had it
    assert found.segments.observations[3, 0].tobytes() == mine.observations[0, 14].tobytes()
    assert found.segments.actions[3, :6].tobytes() == recorded.actions[0, 14:].tobytes()
    again = takeovers(MOTORWAY, arrays, changes, pilot=steady)
    assert again.segments.actions[1].tobytes() == found.segments.actions[1].tobytes()
    assert again.segments.actions[3, :6, 6:].argmax(axis=1).tolist() == [2] * 6
    assert takeovers(MOTORWAY, arrays, []) == ([], None)


def test_a_scene_can_go_on_in_other_ways():
    scenes, recorded = record_scenes(MOTORWAY, random_pilot(MOTORWAY), [7], [START], LENGTH)
    others = drive_on(MOTORWAY, scenes[0], random_pilot(MOTORWAY, 5), 3)
    assert len(others) == 3
    assert len({segment.tobytes() for segment in others.next_observations}) == 3
    for segment in others.observations:
        assert segment[0].tobytes() == recorded.observations[0, 0].tobytes()


def test_a_trace_by_hand():
    states = np.zeros((2, 4, 4), np.float32)  # the third car is not there
    states[:, 0] = [[100.004, 4.0, 25.126, 4.5], [112.5, 4.0, 25.0, 4.5]]
    states[:, 1] = [[-40.0, 0.0, 20.0, 12.0], [-41.0, 0.0, 20.0, 12.0]]
    states[:, 3] = [900.0, 0.0, 20.0, 4.5]
    found = json.loads(trace(states, Environment("prefgym/Driving-v0", {"scenario": "merge"})))
    assert found == {
        "dt": 0.5,
        "num_lanes": 4,
        "lane_width": 4.0,
        "ramp": [0.0, 300.0],
        "states": [
            [[100.0, 4.0, 25.13, 4.5], [-40.0, 0.0, 20.0, 12.0]],
            [[112.5, 4.0, 25.0, 4.5], None],
        ],
    }
    _, segments = record_scene(MOTORWAY, steady, 1, 0, 25)
    document = trace(segments.states[0], MOTORWAY)
    assert json.loads(document)["ramp"] is None
    assert len(document) < 15_000


def test_a_replay_takes_milliseconds():
    arrays, _ = record_scene(MOTORWAY, steady, 1, 30, 25)
    took = []
    for _ in range(5):
        begin = time.perf_counter()
        replay(MOTORWAY, arrays, [(3, "left")])
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.1


def test_what_cannot_be_driven_again_is_refused():
    arrays, _ = record_scene(MOTORWAY, steady, 1, 0, LENGTH)
    with pytest.raises(ValueError, match=r"decisions 0 to 19, got 'brake' at 3"):
        replay(MOTORWAY, arrays, [(3, "brake")])
    with pytest.raises(ValueError, match="got 'left' at 20"):
        replay(MOTORWAY, arrays, [(20, "left")])
    with pytest.raises(ValueError, match="only prefgym/Driving-v0 can be driven again"):
        replay(Environment("CartPole-v1"), arrays, [])
    with pytest.raises(ValueError, match="within the 80 decisions of an episode, got 90"):
        record_scene(MOTORWAY, steady, 1, 70, 20)
    with pytest.raises(ValueError, match="got 4 for 5 decisions from decision 0 on"):
        Scene(0, 0, 5, np.zeros((4, 3), np.int64))
