import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.cli import main
from prefgym.agents.loop import PreferenceLoop
from prefgym.agents.presets import preset
from prefgym.agents.run import create, read_metrics, read_progress
from prefgym.agents.summarize import summarize
from prefgym.agents.train import load_run, resume, train
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.encoders import _embed

ENV_ID = "prefgym/TextSummary-v0"


def small(feedback="rating"):
    config = preset(ENV_ID)
    loop = replace(
        config.loop, labels=120, rounds=2, steps=24_576, warmup_steps=2048, feedback=feedback
    )
    return replace(config, loop=loop)


def test_texts_are_learned_from_ratings(tmp_path: Path) -> None:
    labels = []
    run = train(
        ENV_ID,
        out=tmp_path / "run",
        config=small(),
        seed=1,
        watch=lambda seen: labels.append(seen.labels),
    )
    assert labels == [24, 120, 120, 120, 120]  # two rounds, and three rollouts after the last
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        events = store.events(kinds=("rating",))
    assert len(events) == run.labels == 120
    assert {event.rater for event in events} == {"expert"}
    assert set(events[0].answer) == {"accuracy", "coherence", "vividness", "appeal"}
    assert all(value in (1, 2, 3, 4, 5) for event in events for value in event.answer.values())
    rows = read_metrics(run.folder)
    first, *_, last = [row["gold_return"] for row in rows if row["kind"] == "stage"]
    assert last > first + 0.05


def test_a_run_summarises_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    train(ENV_ID, out=run, config=small(), seed=1)
    english, chinese = tmp_path / "a.txt", tmp_path / "b.txt"
    english.write_text("The bell broke. Nobody minded. Pupils came earlier. The cook sang.")
    chinese.write_text("钟坏了。没有人在意。学生来得更早了。厨师唱起歌来。", encoding="utf-8")
    main(["summarize", str(tmp_path / "a.txt"), "--run", str(run)])
    said = capsys.readouterr().out.split(". ")
    assert {part.strip(" .\n") for part in said} <= {
        "The bell broke",
        "Nobody minded",
        "Pupils came earlier",
        "The cook sang",
    }
    main(["summarize", str(tmp_path / "b.txt"), "--run", str(run)])
    assert "。" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["summarize", str(tmp_path / "none.txt"), "--run", str(run)])
    assert "there is no file or folder" in capsys.readouterr().err


def test_a_run_reads_with_the_encoder_it_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wordllama")
    kwargs = {"corpus": "articles", "encoder": "wordllama"}
    create(tmp_path, replace(small(), env_kwargs=kwargs))
    run = load_run(tmp_path)
    assert len(summarize(run, "The bell broke. Nobody minded.")) == 1
    monkeypatch.setitem(sys.modules, "wordllama", None)
    _embed.cache_clear()
    with pytest.raises(ValueError, match="encoder 'wordllama' needs a package"):
        summarize(run, "The bell broke. Nobody minded.")


def test_a_learned_text_reward_sums_to_what_the_text_is_worth(tmp_path: Path) -> None:
    create(tmp_path, small())
    loop = PreferenceLoop(tmp_path, small())
    loop.run()
    pool = loop.recorder.trajectories()
    ends = pool.starts + pool.lengths - 1
    whole = np.flatnonzero(pool.terminated & (pool.begin if pool.begin is not None else True))[:20]
    model = loop.reward_model
    actions = pool.actions.argmax(axis=1)
    each = model.reward(pool.observations, actions, pool.next_observations, actions > 0)
    total = [each[pool.starts[i] : ends[i] + 1].sum() for i in whole]
    first, last = pool.observations[pool.starts[whole]], pool.next_observations[ends[whole]]
    at_once = model.reward(first, actions[: len(whole)], last, actions[: len(whole)] > 0)
    np.testing.assert_allclose(total, at_once, rtol=1e-4, atol=1e-4)


def test_a_stopped_text_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    config = replace(small(), ppo=replace(small().ppo, kl_penalty=0.01))

    class Stop(Exception):
        pass

    def stop(step: int) -> None:
        if step > 16_000:
            raise Stop

    def models(folder: Path) -> dict[str, bytes]:
        progress = read_progress(folder)
        assert progress is not None
        return {name: (folder / name).read_bytes() for name in progress.files}

    train(ENV_ID, out=tmp_path / "whole", config=config)
    with pytest.raises(Stop):
        train(ENV_ID, out=tmp_path / "stopped", config=config, progress=stop)
    resume(tmp_path / "stopped")
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")
    rows = read_metrics(tmp_path / "whole")
    moved = [row["kl_per_step"] for row in rows if row["kind"] == "stage"]
    assert moved[-1] > 0.0


def test_texts_can_be_compared_instead(tmp_path: Path) -> None:
    run = train(ENV_ID, out=tmp_path / "run", config=small("comparison"), rater="noisy", seed=1)
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        assert store.count(kinds=("comparison",)) == 120


def test_an_unknown_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="judge must be one of exact, expert"):
        train(ENV_ID, out=tmp_path / "run", config=small(), rater="oracle")
