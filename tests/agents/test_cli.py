"""What a user sees: exit codes, one clear line for each mistake, nothing half-written."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from prefgym.agents.cli import main, split_env_kwargs

SMALL = [
    "--loop.labels", "12", "--loop.rounds", "2", "--loop.steps", "2048",
    "--loop.warmup-steps", "256", "--loop.explore-steps", "256", "--loop.segment-length", "8",
    "--ppo.num-envs", "4", "--ppo.num-steps", "64", "--ppo.batch-size", "64",
]  # fmt: skip


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The error of a command that must end with exit code 1."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 1
    return " ".join(capsys.readouterr().err.split())


def test_a_run_from_the_command_line_gives_a_table_and_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    main(["train", "CartPole-v1", "--out", str(folder), *SMALL])
    told = capsys.readouterr().out
    assert "PPO on the learned reward" in told
    assert (folder / "report.html").exists()
    main(["evaluate", str(folder), "--episodes", "8"])
    assert "over 8 episodes" in capsys.readouterr().out
    main(["report", str(folder)])
    main(["train", "--resume", str(folder)])
    assert "already" in fails(capsys, "train", "CartPole-v1", "--out", str(folder), *SMALL)


def test_a_person_on_top_of_a_crowd_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many, one = tmp_path / "many", tmp_path / "one"
    main(["train", "CartPole-v1", "--crowd", "mixed", "--out", str(many), *SMALL])
    main(["train", "CartPole-v1", "--prior", str(many), "--out", str(one), *SMALL, "--labels", "5"])
    told = capsys.readouterr().out
    assert "set beside the policy for everyone" in told
    assert "<h2>Side by side: one and many</h2>" in (one / "report.html").read_text("utf-8")
    again = fails(capsys, "train", "CartPole-v1", "--prior", str(one), *SMALL)
    assert "at least 2 people; oracle compared in" in again


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "CartPol-v1"], "unknown environment 'CartPol-v1'; did you mean CartPole-v1"),
        (["train", "CartPole-v1", "--rater", "bob"], "must be one of oracle"),
        (["train", "CartPole-v1", "--crowd", "mixed", "--crowd-groups"], "groups are known of"),
        (["train", "CartPole-v1", "--crowd", "mixed", "--crowd-bad-share", "1"], "bad_share must"),
        (["train", "CartPole-v1", "--crowd", "drivers"], "drivers are known of prefgym/Driving-v0"),
        (["train", "CartPole-v1", "--prior", "nowhere"], "nowhere is neither a run folder nor"),
        (["train", "CartPole-v1", "--prior", "x", "--crowd", "mixed"], "leave out --crowd"),
        (["train", "prefgym/Driving-v0", "--rater", "rude"], "driver profiles comfort-first"),
        (["train", "CartPole-v1", "--env.wheels", "4"], "does not accept {'wheels': 4}"),
        (["train", "prefgym/Driving-v0", "--env.profile", "rude"], "profile must be one of"),
        (["train", "CartPole-v1", "--loop.steps", "100"], "steps must be at least"),
        (["train", "CartPole-v1", "--env.x"], "--env.x must be followed by a value"),
        (["evaluate", "nowhere"], "nowhere is not a run folder"),
        (["report", "nowhere"], "nowhere"),
        (["train", "--resume", "nowhere"], "nowhere is not a run folder"),
        (["benchmark", "sleep"], "benchmark must be one of"),
    ],
)
def test_mistakes_get_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails(capsys, *words)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_an_unknown_command_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fly"])
    assert stop.value.code == 2
    assert "unknown command 'fly'" in capsys.readouterr().err


def test_the_environments_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["envs"])
    assert "prefgym/Driving-v0" in capsys.readouterr().out


def test_environment_keywords_keep_their_types() -> None:
    words = ["X-v0", "--env.density", "12.5", "--env.profile=hurried", "--seed", "3"]
    assert split_env_kwargs(words) == (
        {"density": 12.5, "profile": "hurried"},
        ["X-v0", "--seed", "3"],
    )


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_a_full_disk_is_one_clear_error_and_no_half_written_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "prefgym.agents", "train", "CartPole-v1"]
    done = subprocess.run(
        [*command, "--out", str(folder), *SMALL],
        preexec_fn=limit_files,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "manifest.json").exists()
    assert not list(folder.rglob(".*"))
    resumed = subprocess.run(
        [*command[:-1], "--resume", str(folder)], capture_output=True, text=True, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
