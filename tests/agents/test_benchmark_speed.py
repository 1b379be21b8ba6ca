import ast
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from types import FrameType, ModuleType

import numpy as np
import pytest

from prefgym.agents.benchmark_speed import HIGHWAY, IMITATION, peer_speeds, run
from prefgym.agents.config import PPOConfig
from prefgym.agents.speed_jobs import (
    TEXT_ID,
    Comparisons,
    bare_fit,
    driving_reward_model,
    fit_once,
    many_worlds,
    one_world,
    pair_visits,
    ppo_loop,
    random_comparisons,
    take_turns,
)
from prefgym.agents.speed_table import Target

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PYTHON = Path(sys.executable)
PEER = """
import json
speed = {"name": "peer", "unit": "steps", "cpu_rates": [4.0, 5.0, 9.0], "wall_rates": [1.0]}
print("a warning that is not meant for us")
print(json.dumps({"speeds": [speed]}))
"""
BROKEN = "raise SystemExit('no such environment')"


@dataclass(frozen=True)
class Options:
    quick: bool = True
    highway_python: Path | None = None
    imitation_python: Path | None = None


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a clone whose peers answer at once."""
    for script in (HIGHWAY, IMITATION):
        (tmp_path / script).parent.mkdir(exist_ok=True)
        (tmp_path / script).write_text(PEER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small_task() -> Comparisons:
    task = random_comparisons(2048, 5, 4, rng=np.random.default_rng(0))
    return task._replace(fit_config=replace(task.fit_config, learning_rate=1e-2))


def test_jobs_take_turns_and_the_first_turn_is_not_counted() -> None:
    order: list[str] = []

    def job(name: str, amount: int) -> Callable[[], int]:
        def work() -> int:
            order.append(name)
            return amount + 0 * sum(range(1000))

        return work

    found = take_turns({"a": job("a", 1), "b": job("b", 2)}, "things", 3)
    assert "".join(order) == "abababab"
    assert [len(found[name].cpu_rates) for name in "ab"] == [3, 3]
    assert all(rate > 0 for speed in found.values() for rate in speed.cpu_rates + speed.wall_rates)


def test_simulator_jobs_count_decisions_across_resets() -> None:
    rng = np.random.default_rng(0)
    assert one_world(90, rng=rng)() == 90  # an episode has 80
    play = many_worlds(2, 90, rng=rng)
    assert [play(), play()] == [180, 180]
    assert one_world(90, TEXT_ID, rng=rng)() == 90
    assert many_worlds(2, 90, TEXT_ID, rng=rng)() == 180


@pytest.mark.parametrize("family", [None, "mlp", "linear"])
def test_loop_plays_whole_rollouts(family: str | None) -> None:
    config = PPOConfig(num_envs=2, num_steps=8, batch_size=8, num_epochs=1)
    model = None if family is None else driving_reward_model("mlp" if family == "mlp" else "linear")
    turn = ppo_loop(config, 17, model)
    assert [turn(), turn()] == [32, 32]


def test_every_answer_is_visited_once_by_every_member() -> None:
    task = small_task()
    assert pair_visits(task) == len(task.answers) * task.model_config.num_members


def test_bare_loop_learns_what_the_fit_learns() -> None:
    task = small_task()
    assert fit_once(task).agreement > 0.8
    assert bare_fit(task) < 0.8 * log(2)


def test_same_comparisons_from_the_same_seed() -> None:
    first, again = small_task(), small_task()
    assert np.array_equal(first.segments.observations, again.segments.observations)
    assert np.array_equal(first.answers.preference, again.answers.preference)
    assert bare_fit(first) == bare_fit(again)


@pytest.mark.parametrize(
    ("relation", "value", "met"),
    [
        ("at least", 2.0, True),
        ("at least", 1.9, False),
        ("at most", 2.0, True),
        ("at most", 2.1, False),
    ],
)
def test_a_bound_itself_is_good_enough(relation: str, value: float, met: bool) -> None:
    target = Target("x", value, "at least" if relation == "at least" else "at most", 2.0)
    assert target.met is met


def test_run_writes_every_target_beside_its_peers(clone: Path) -> None:
    page, document = run(clone / "out", Options(True, PYTHON, PYTHON))
    found = json.loads(document.read_text())
    assert len(found["targets"]) == 8
    assert sum(speed["name"] == "peer" for speed in found["speeds"]) == 2
    for speed in found["speeds"]:
        assert min(speed["cpu_rates"] + speed["wall_rates"]) > 0
        assert speed["name"] in page.read_text()
    for target in found["targets"]:
        assert target["name"] in page.read_text()
        ahead = target["value"] - target["bound"]
        assert target["met"] == (ahead >= 0 if target["relation"] == "at least" else ahead <= 0)


def test_peer_is_left_out_without_its_interpreter(clone: Path) -> None:
    _, document = run(clone / "out", Options())
    found = json.loads(document.read_text())
    assert len(found["targets"]) == 7
    assert all(speed["name"] != "peer" for speed in found["speeds"])


def test_peer_says_its_speeds_in_its_last_line(clone: Path) -> None:
    (speed,) = peer_speeds(PYTHON, HIGHWAY, 1)
    assert (speed.name, speed.unit, speed.rate) == ("peer", "steps", 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BROKEN, "no such environment"),
        ("print('hello')", "must print one JSON line"),
        ("", "must print one JSON line"),
        ("print('[1]')", "must print one JSON line"),
        ("print('{\"speeds\": [{}]}')", "'name' must be a text"),
    ],
)
def test_peer_that_fails_is_named(clone: Path, text: str, message: str) -> None:
    (clone / HIGHWAY).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        peer_speeds(PYTHON, HIGHWAY, 1)
    assert "peer_highway.py" in str(error.value)


def test_missing_interpreter_or_script_is_said_before_anything_is_measured(clone: Path) -> None:
    with pytest.raises(ValueError, match="nowhere must be a file"):
        run(clone / "out", Options(highway_python=Path("nowhere")))
    (clone / IMITATION).unlink()
    with pytest.raises(ValueError, match="in the root of a clone"):
        run(clone / "out", Options(imitation_python=PYTHON))
    assert not (clone / "out").exists()


@pytest.mark.parametrize("script", [HIGHWAY, IMITATION])
def test_scripts_of_peers_import_nothing_of_prefgym(script: Path) -> None:
    tree = ast.parse((BENCHMARKS / script.name).read_text(encoding="utf-8"))
    names = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    ]
    assert names
    assert not [name for name in names if name.startswith((".", "prefgym"))]


@pytest.fixture
def profile_demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("profile_demo", BENCHMARKS / "profile_demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frame_in(*places: tuple[str, str]) -> FrameType:
    """A frame whose callers stand in these files and functions, the outermost first."""
    call: Callable[[], FrameType] = sys._getframe
    for path, function in reversed(places):
        scope = {"call": call}
        exec(compile(f"def {function}(): return call()", path, "exec"), scope)
        call = scope[function]
    return call()


def test_profile_books_the_innermost_part_and_the_outermost_phase(profile_demo: ModuleType) -> None:
    profile = profile_demo.Profile()
    evaluation = ("/x/prefgym/agents/evaluate.py", "evaluate")
    simulation = ("/x/prefgym/simulations/traffic.py", "step")
    profile.book(frame_in(evaluation, simulation, ("/x/numpy/core.py", "sum")), 2.0)
    profile.book(frame_in(evaluation), 1.0)
    profile.book(None, 0.5)
    assert profile.parts == {"simulator": 2.0, "evaluation": 1.0, "other": 0.5}
    assert profile.phases == {"evaluation": 3.0, "other": 0.5}


def test_import_of_a_module_is_no_use_of_it(profile_demo: ModuleType) -> None:
    profile = profile_demo.Profile()
    importing = ("<frozen importlib._bootstrap>", "_find_and_load")
    code = compile("import sys\nframe = sys._getframe()", "/x/simulations/traffic.py", "exec")
    scope: dict[str, FrameType] = {}
    exec(code, scope)
    assert profile_demo.Labels(profile_demo.PARTS).of(scope["frame"]) is None
    profile.book(frame_in(importing), 1.0)
    assert profile.parts == profile.phases == {"imports": 1.0}


def test_profile_books_all_cpu_time_in_both_columns(profile_demo: ModuleType) -> None:
    profile = profile_demo.Profile()
    profile.run(lambda: [sum(range(10_000)) for _ in range(300)])
    total = sum(profile.parts.values())
    assert total > 0
    assert sum(profile.phases.values()) == pytest.approx(total)
    assert f"{total:.1f}" in profile_demo.table("part", profile.parts)
