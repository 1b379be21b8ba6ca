"""`prefgym export` and `prefgym import` as a user meets them."""

import filecmp
import json

import numpy as np
import pytest

from prefgym.agents.cli import main
from prefgym.feedback.label.demo import post_demo
from prefgym.feedback.label.viewers import Viewer
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.store import FeedbackStore


@pytest.fixture
def run(tmp_path):
    """A run folder with a few answers about texts: a preference, and a text put otherwise."""
    folder = tmp_path / "run"
    folder.mkdir()
    with FeedbackStore(folder / "feedback.sqlite") as store:
        post_demo(store, "text", rng=np.random.default_rng(0))
        queue, viewer = (
            LabelQueue(store, repeat_share=0.0, rng=np.random.default_rng(0)),
            Viewer(store),
        )
        while (lent := queue.claim("ann")) is not None:
            if lent.query.kind == "comparison":
                queue.submit(lent.id, lent.token, {"preference": 1.0})
            elif lent.query.kind == "correction":
                (name,) = store.add_segments([viewer.edited(lent.query.segments[0], "It rained.")])
                made = (name, lent.query.segments[0])
                queue.submit(lent.id, lent.token, {"what": "It rained."}, segments=made)
                return folder
            else:
                nothing = {"ranks": None} if lent.query.kind == "ranking" else None
                queue.submit(lent.id, lent.token, nothing or dict.fromkeys(lent.query.criteria))
    return folder


def fails(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 1
    return " ".join(capsys.readouterr().err.split())


def test_what_is_exported_and_imported_is_exported_the_same(run, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    main(["export", str(run), str(first)])
    main(["import", str(first), str(tmp_path / "other.sqlite")])
    main(["export", str(tmp_path / "other.sqlite"), str(second)])
    names = sorted(path.name for path in first.iterdir())
    assert "events.jsonl" in names
    assert filecmp.cmpfiles(first, second, names, shallow=False) == (names, [], [])
    assert "events added" in capsys.readouterr().out


def test_answers_about_texts_become_rows_for_trl(run, tmp_path):
    main(["export", str(run), str(tmp_path / "rows"), "--format", "trl"])
    lines = (tmp_path / "rows" / "preference.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    corrected = [row for row in rows if row["chosen"] == "It rained."]
    assert len(corrected) == 1
    assert len(rows) > 1
    with FeedbackStore(run / "feedback.sqlite") as store:
        event = store.events(kinds=["comparison"])[0]
        viewer = Viewer(store)
        better, worse = (viewer.view(name, "") for name in event.segments)
    row = next(row for row in rows if row["chosen"] == better.text)
    assert (row["prompt"], row["rejected"]) == (better.source, worse.text)


def test_mistakes_get_one_clear_error(run, tmp_path, capsys):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    assert "used" in fails(capsys, "export", str(run), str(tmp_path / "used"))
    assert "there is no feedback store" in fails(capsys, "export", "nowhere", str(tmp_path / "x"))
    assert "must be an export" in fails(capsys, "import", str(run), str(tmp_path / "y.sqlite"))
    assert not (tmp_path / "x").exists()


def test_drives_are_no_rows_for_trl(tmp_path, capsys):
    with FeedbackStore(tmp_path / "drives.sqlite") as store:
        post_demo(store, "classic", rng=np.random.default_rng(0))
        queue = LabelQueue(store, rng=np.random.default_rng(0))
        lent = queue.claim("ann")
        queue.submit(lent.id, lent.token, {"preference": 1.0})
    words = ["export", str(tmp_path / "drives.sqlite"), str(tmp_path / "rows"), "--format", "trl"]
    assert "TRL's rows are of texts" in fails(capsys, *words)
    assert not (tmp_path / "rows").exists()
