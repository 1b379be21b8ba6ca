"""The parts of the page's scripts that need no page, run by Node where there is one."""

import json
import shutil
import subprocess
from importlib.resources import files

import pytest

STATIC = files("prefgym.feedback.label").joinpath("static")
SCRIPTS = sorted(path.name for path in STATIC.iterdir() if path.name.endswith(".js"))
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    (folder / "package.json").write_text('{"type": "module"}')
    for name in SCRIPTS:
        (folder / name).write_text(STATIC.joinpath(name).read_text(encoding="utf-8"))
    return folder


def run(folder, code):
    """What `code`, a JavaScript expression over the modules, comes to."""
    (folder / "run.js").write_text(
        'import { at, figures, readDrive } from "./trace.js";\n'
        'import { compare } from "./differ.js";\n'
        f"console.log(JSON.stringify({code}));\n"
    )
    assert NODE is not None
    done = subprocess.run(
        [NODE, str(folder / "run.js")], capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def drive(states, **fields):
    trace = {"dt": 0.5, "num_lanes": 2, "lane_width": 4.0, "ramp": None, "states": states}
    return f"readDrive({json.dumps(json.dumps(trace | fields))})"


@needs_node
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_javascript(folder, name):
    subprocess.run([NODE, "--check", str(folder / name)], check=True, timeout=60)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_checkable(name):
    text = STATIC.joinpath(name).read_text(encoding="utf-8")
    assert text.startswith("// @ts-check\n")
    assert text.count("\n") < 300


def test_scripts_write_no_markup():
    for name in SCRIPTS:
        text = STATIC.joinpath(name).read_text(encoding="utf-8")
        assert not any(
            word in text for word in ("innerHTML", "outerHTML", "eval(", "document.write")
        )


# A car at a steady 20 m/s behind one at the same speed, 36 m ahead: 36 - 4.5 m in between.
STEADY = [[[20.0 * i / 2, 0.0, 20.0, 4.5], [36.0 + 20.0 * i / 2, 0.0, 20.0, 4.5]] for i in range(5)]


@needs_node
def test_between_two_states_cars_move_smoothly(folder):
    moment = run(folder, f"at({drive(STEADY)}, 0.75)")
    assert moment["vehicles"][0]["x"] == pytest.approx(15.0)
    assert moment["vehicles"][0]["accel"] == 0
    assert moment["gap"] == pytest.approx(31.5 / 20.0)
    assert not moment["crashed"]


@needs_node
def test_braking_is_the_change_of_speed(folder):
    states = [[[i * 4.5 - i * i * 0.25, 0.0, 10.0 - i, 4.5]] for i in range(4)]
    assert run(folder, f"at({drive(states)}, 0.5).vehicles[0].accel") == pytest.approx(-2.0)


@needs_node
def test_a_lane_change_never_overshoots(folder):
    lanes = [0.0, 0.0, 1.0, 3.5, 4.0, 4.0]
    states = [[[10.0 * i, y, 20.0, 4.5]] for i, y in enumerate(lanes)]
    path = run(
        folder, f"Array.from({{length: 51}}, (_, i) => at({drive(states)}, i / 20).vehicles[0].y)"
    )
    assert min(path) >= 0.0
    assert max(path) <= 4.0
    assert path == sorted(path)


@needs_node
def test_who_is_absent_is_not_drawn(folder):
    states = [[*cars, None, [0.0, 28.0, 20.0, 4.5]] for cars in STEADY]
    assert len(run(folder, f"at({drive(states)}, 1.0).vehicles")) == 2
    coming = [[*STEADY[0][:1], None], *STEADY[1:]]
    assert len(run(folder, f"at({drive(coming)}, 0.1).vehicles")) == 1
    assert len(run(folder, f"at({drive(coming)}, 0.4).vehicles")) == 2


@needs_node
def test_nobody_flies_round_the_back_of_a_closed_road(folder):
    far = [
        [[10.0 * i, 0.0, 20.0, 4.5], [200.0 if i < 2 else -200.0, 4.0, 20.0, 4.5]] for i in range(4)
    ]
    seen = run(
        folder, f"Array.from({{length: 31}}, (_, i) => at({drive(far)}, i / 20).vehicles[1].x)"
    )
    assert {abs(x) >= 190 for x in seen} == {True}


@needs_node
def test_a_collision_is_noticed_when_all_movement_ends(folder):
    standing = [*STEADY[:3], STEADY[2], STEADY[2]]
    assert run(folder, f"{drive(standing)}.crash") == 1.0
    assert run(folder, f"at({drive(standing)}, 1.2).crashed") is True
    assert run(folder, f"{drive(STEADY)}.crash") is None  # JSON has no infinity


@needs_node
def test_cars_that_overlap_have_collided(folder):
    states = [[[0.0, 0.0, 20.0, 4.5], [4.0, 0.5, 20.0, 4.5]], STEADY[1]]
    assert run(folder, f"{drive(states)}.crash") == 0.0
    beside = [[[0.0, 0.0, 20.0, 4.5], [4.0, 4.0, 20.0, 4.5]], STEADY[1]]
    assert run(folder, f"{drive(beside)}.crash") is None


@needs_node
def test_figures_tell_what_is_seen(folder):
    states = [[[10.0 * i, 4.0 * (i > 1), 20.0 - i, 4.5]] for i in range(4)]
    found = run(folder, f"figures({drive(states)})")
    assert found["start"] == 20.0
    assert found["end"] == 17.0
    assert found["changes"] == 1
    assert found["braking"] == pytest.approx(2.0)


@needs_node
@pytest.mark.parametrize(
    ("left", "right", "by_character", "marked"),
    [
        ("It rained all day.", "It snowed all day.", False, [["rained"], ["snowed"]]),
        ("The same.", "The same.", False, [[], []]),
        ("今天下雨，我们走路。", "今天下雪，我们走路。", True, [["雨"], ["雪"]]),
        ("the cat sat", "the dog sat", False, [["cat"], ["dog"]]),
    ],
)
def test_differences_are_found_word_by_word_or_character_by_character(
    folder, left, right, by_character, marked
):
    code = f"compare({json.dumps(left)}, {json.dumps(right)}, {json.dumps(by_character)})"
    found = run(folder, code)
    texts = ["".join(piece["text"] for piece in side) for side in found]
    assert texts == [left, right]
    own = [[p["text"].strip() for p in side if not p["same"]] for side in found]
    assert own == marked


@needs_node
def test_texts_with_little_in_common_are_not_marked(folder):
    code = 'compare("one two three four", "five six seven eight", false, 0.3)'
    assert run(folder, code) is None
