"""`prefgym label` as a user meets it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.cli import main
from prefgym.agents.label_command import find_store, prepare
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.store import FeedbackStore

pytest.importorskip("uvicorn")


def fails(capsys, *words):
    """The error of a command that must end with exit code 1."""
    with pytest.raises(SystemExit) as stop:
        main(["label", *words])
    assert stop.value.code == 1
    return " ".join(capsys.readouterr().err.split())


def test_a_run_is_served_from_its_store(tmp_path):
    FeedbackStore(tmp_path / "feedback.sqlite").close()
    words = [str(tmp_path), "--port", "0", "--language", "zh", "--lease-seconds", "90"]
    store, options = prepare([*words, "--no-browser"])
    assert store == tmp_path / "feedback.sqlite"
    assert not options.browser
    settings = options.settings
    assert (settings.port, settings.language, settings.lease_seconds) == (0, "zh", 90.0)


def test_a_store_is_a_run_a_file_or_an_address(tmp_path):
    path = tmp_path / "feedback.sqlite"
    FeedbackStore(path).close()
    assert find_store(str(tmp_path)) == find_store(str(path)) == path
    assert find_store("postgresql://me@host/answers") == "postgresql://me@host/answers"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say whose questions: prefgym label RUN"),
        (["nowhere"], "there is no feedback store nowhere"),
        (["."], "there is no feedback store feedback.sqlite"),
        (["here.sqlite", "--host", "0.0.0.0"], "everyone needs an invitation"),
        (["here.sqlite", "--host", "0.0.0.0", "--invite", "2"], "--certificate"),
        (["here.sqlite", "--port", "70000"], "port must be in [0, 65535], got 70000"),
        (["here.sqlite", "--certificate", "x.pem"], "go together"),
        (["here.sqlite", "--host", "192.0.2.1", "--invite", "1", "--plain-http"], "cannot listen"),
        (["note.txt"], "must be a feedback store"),
        (["mysql://host/x"], "sqlite or postgresql, got mysql"),
    ],
)
def test_mistakes_get_one_clear_error(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    FeedbackStore(tmp_path / "here.sqlite").close()
    Path("note.txt").write_text("Not a database, but long enough to be taken for one. " * 30)
    assert message in fails(capsys, *words)


@pytest.mark.parametrize("name", ["fastapi", "python_multipart", "uvicorn"])
def test_a_page_that_cannot_be_served_says_what_to_install(tmp_path, monkeypatch, capsys, name):
    FeedbackStore(tmp_path / "feedback.sqlite").close()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == name else found(wanted)
    )
    assert f"needs {name}: pip install 'prefgym[web]'" in fails(capsys, str(tmp_path))


def test_the_page_can_be_tried_without_a_trainer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    places = {str(prepare(["--demo", "classic"])[0]) for _ in range(2)}
    told = capsys.readouterr().out
    assert "20 questions in" in told
    assert "going on with its questions" in told
    assert places == {"runs/label-classic/feedback.sqlite"}
    with FeedbackStore(*places) as store:
        assert LabelQueue(store, rng=np.random.default_rng(0)).progress().total == 20
