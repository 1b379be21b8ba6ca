"""A scripted person labels for a training run by keyboard, in a real browser."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("selenium")
if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("Chromium and its driver are not installed", allow_module_level=True)

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scripted_person.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripted_person", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scripted_person"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("env_id", ["prefgym/Driving-v0", "prefgym/TextSummary-v0"])
def test_a_run_learns_from_what_is_typed_at_the_page(
    script: ModuleType, env_id: str, tmp_path: Path
) -> None:
    """Six questions in two rounds, and at times one of them again: all are stored as meant."""
    options = script.Options(labels=6, settings=("--loop.rounds", "2", "--loop.steps", "20000"))
    found = script.label_through_the_page(env_id, tmp_path, options)
    assert found["answers"] == found["as_meant"] >= 6
