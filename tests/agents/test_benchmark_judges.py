import json
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.benchmark import main
from prefgym.agents.benchmark_judges import (
    CROWD_STATISTICS,
    EXPERT_STATISTICS,
    RatedSummaries,
    compare,
    fitted,
    read_summeval,
    simulated,
    summeval_folder,
)
from prefgym.simulations.judges import find_judge


@pytest.fixture
def summeval() -> RatedSummaries:
    try:
        return read_summeval(summeval_folder() / "ratings.jsonl")
    except ValueError:
        pytest.skip("SummEval is not here; PREFGYM_DATA names the folder that holds it")


def write_ratings(folder: Path, num_articles: int = 4) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": f"article {number}",
            "experts": rng.integers(1, 6, size=(3, 4)).tolist() if rated else None,
            "turkers": rng.integers(1, 6, size=(5, 4)).tolist() if rated else None,
        }
        for number in range(num_articles)
        for rated in (True, True, True, False)
    ]
    folder.mkdir()
    (folder / "ratings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_ratings_are_read_article_by_article(tmp_path: Path) -> None:
    write_ratings(tmp_path / "summeval")
    rated = read_summeval(tmp_path / "summeval" / "ratings.jsonl")
    assert rated.experts.shape == (4, 3, 3, 4)
    assert rated.crowd.shape == (4, 3, 5, 4)
    np.testing.assert_allclose(1 + 4 * rated.criteria, rated.experts.mean(axis=2))


def test_the_command_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ratings(tmp_path / "summeval")
    monkeypatch.setenv("PREFGYM_DATA", str(tmp_path))
    main(["judges", "--quick", "--out", str(tmp_path / "out")])
    text = (tmp_path / "out" / "judges.md").read_text()
    assert "4 articles x 3 summaries" in text
    assert "no Chinese texts with human ratings" in text
    rows = json.loads((tmp_path / "out" / "judges.json").read_text())["rows"]
    assert {row["verdict"] for row in rows} <= {"INSIDE", "OUTSIDE"}


@pytest.mark.parametrize("folder", [None, "/nowhere"])
def test_without_the_ratings_the_remedy_is_named(
    folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFGYM_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("PREFGYM_DATA", folder)
    with pytest.raises(ValueError, match="set the environment variable PREFGYM_DATA"):
        summeval_folder()


def test_the_presets_are_the_fit_to_summeval(summeval: RatedSummaries) -> None:
    expert, crowd = fitted(summeval)["all articles"]
    for found, preset in ((expert, find_judge("expert")), (crowd, find_judge("crowd"))):
        assert found.noise == pytest.approx(preset.noise, abs=0.01)
        assert found.bias == pytest.approx(preset.bias, abs=0.01)
        assert found.insight == pytest.approx(preset.insight, abs=0.005)
        assert found.thresholds == pytest.approx(preset.thresholds, abs=0.03)


def test_simulated_judges_agree_as_people_do(summeval: RatedSummaries) -> None:
    """Consistency is the exception: there experts agree more than the preset can."""
    rng = np.random.default_rng(0)
    draws = [simulated(summeval, rng=rng) for _ in range(20)]
    rows = compare(summeval, draws, EXPERT_STATISTICS | CROWD_STATISTICS, rng=rng)
    found = {(row.statistic, row.criterion): row for row in rows}
    for criterion in ("coherence", "fluency", "relevance"):
        assert found["two experts agree", criterion].verdict == "INSIDE"
    assert found["two experts agree", "consistency"].simulated == pytest.approx(0.86, abs=0.02)
    for row in rows:
        if "experts' mean" in row.statistic:
            assert row.verdict == "INSIDE"
