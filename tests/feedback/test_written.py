import json
from pathlib import Path

import numpy as np
import pytest

from prefgym.envs.text_summary import TextSummaryEnv
from prefgym.feedback.written import read_pairs, read_ratings, written_segments
from prefgym.simulations.encoders import ENCODERS, EncoderName
from prefgym.simulations.text_observation import STEP_COLUMN, SUMMARY_START

SOURCE = "It rained all night. The river rose. By noon the bridge was closed. Ducks were pleased."


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    return path


def rated(summary: str, rater: str = "ann", **ratings: object) -> dict[str, object]:
    return {"source": SOURCE, "summary": summary, "ratings": ratings, "rater": rater}


def test_ratings_are_read_with_their_gaps_and_raters(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rated.jsonl",
        rated("The bridge was closed.", accuracy=5, appeal=2.5),
        rated("Ducks.", rater="bob", accuracy=1, appeal=None),
    )
    found = read_ratings(path, ("appeal", "accuracy"))
    np.testing.assert_array_equal(found.rating.values, [[2.5, 5.0], [np.nan, 1.0]])
    assert [found.raters[k] for k in found.rating.rater] == ["ann", "bob"]
    assert len(found.segments) == 2


def test_the_chosen_text_comes_first(tmp_path: Path) -> None:
    rows = [{"prompt": SOURCE, "chosen": "The bridge was closed.", "rejected": "Ducks."}] * 3
    found = read_pairs(write(tmp_path / "pairs.jsonl", *rows))
    assert found.comparison.preference.tolist() == [1.0, 1.0, 1.0]
    assert found.comparison.first.tolist() == [0, 2, 4]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_written_summary_looks_like_the_same_one_picked(encoder: EncoderName) -> None:
    if encoder != "words":
        pytest.importorskip(encoder)
    env = TextSummaryEnv(text=SOURCE, encoder=encoder)
    env.reset(seed=0)
    env.step(np.int64(1))
    picked, *_ = env.step(np.int64(2))
    (written,) = written_segments([(SOURCE, env.text())], encoder=encoder).next_observations[:, 0]
    here = slice(SUMMARY_START, STEP_COLUMN)
    np.testing.assert_allclose(written[here], picked[here], atol=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1], "line 1 must have the fields source, summary, ratings"),
        ({"source": "a", "summary": "b"}, "no ratings"),
        (rated("x.", accuracy="good"), "rating 'accuracy' must be a number or null, got 'good'"),
        (rated("x.", appeal=3), "must rate accuracy, but no line does"),
        (rated("", accuracy=3), "a summary must have at least one sentence"),
    ],
)
def test_wrong_lines_say_where_and_why(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_ratings(write(tmp_path / "rated.jsonl", row), ("accuracy",))


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{oops\n")
    with pytest.raises(ValueError, match=r"line 1 must be a JSON object, got '\{oops'"):
        read_pairs(path)
