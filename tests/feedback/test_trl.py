import json

import numpy as np
import pytest

from prefgym.feedback.event import Event
from prefgym.feedback.exchange import export_store
from prefgym.feedback.store import FeedbackStore

TEXTS = {
    0: ("日落。", "红日。"),
    1: ("日落。", "太阳落山。"),
    2: ("日落。", "夜。"),
    3: ("Rain.", "Wet."),
}


@pytest.fixture
def export(tmp_path):
    """Rows of each file, and the counts, after these answers about four texts."""

    def export(*answers):
        with FeedbackStore("sqlite://") as store:
            ids = store.add_segments([{"x": np.array(i)} for i in range(4)])
            store.append(
                [
                    Event(kind, f"e{n}", "ann", 0, tuple(ids[i] for i in shown), answer)
                    for n, (kind, shown, answer) in enumerate(answers)
                ]
            )
            folder = tmp_path / "trl"
            texts = {identity: TEXTS[number] for number, identity in enumerate(ids)}
            manifest = export_store(store, folder, format="trl", texts=texts.__getitem__)
        files = ("preference", "unpaired", "left_out")
        rows = [
            [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
            for name in files
        ]
        return *rows, manifest.counts

    return export


def row(chosen, rejected):
    return {
        "prompt": TEXTS[chosen][0],
        "chosen": TEXTS[chosen][1],
        "rejected": TEXTS[rejected][1],
    }


def test_comparisons_are_pairs_and_ties_are_left_out_and_counted(export):
    pairs, unpaired, left_out, counts = export(
        ("comparison", (0, 1), {"preference": 1.0}),
        ("comparison", (0, 1), {"preference": 0.0}),
        ("comparison", (0, 1), {"preference": 0.5}),
        ("comparison", (0, 1), {"preference": None}),
    )
    assert pairs == [row(0, 1), row(1, 0)]
    assert unpaired == []
    assert [(r["event"], r["reason"]) for r in left_out] == [("e2", "tie"), ("e3", "can't tell")]
    assert left_out[0]["completions"] == ["红日。", "太阳落山。"]
    assert counts == {"preference": 2, "unpaired": 0, "left_out": 2, "tie": 1, "can't tell": 1}


def test_rankings_are_pairs_with_the_ranks_between_as_margin(export):
    pairs, _, left_out, _ = export(
        ("ranking", (2, 0, 1), {"ranks": [2, 0, 1]}),
        ("ranking", (0, 1, 2), {"ranks": [0, 0, 1]}),
        ("ranking", (0, 1), {"ranks": None}),
        ("comparison", (0, 1), {"preference": 1.0}),
    )
    assert pairs == [
        row(0, 2) | {"margin": 1.0},
        row(1, 2) | {"margin": 0.0},
        row(0, 1) | {"margin": 0.0},
        row(0, 2) | {"margin": 0.0},
        row(1, 2) | {"margin": 0.0},
        row(0, 1) | {"margin": 0.0},
    ]
    assert [r["reason"] for r in left_out] == ["tie", "can't tell"]


def test_ratings_are_good_or_not_by_the_middle_of_the_scale(export):
    _, unpaired, left_out, _ = export(
        ("rating", (0,), {"clear": 5, "vivid": 2}),
        ("rating", (1,), {"clear": 1, "vivid": None}),
        ("rating", (2,), {"clear": 3, "vivid": 3}),
        ("rating", (2,), {"clear": None, "vivid": None}),
    )
    assert [r["label"] for r in unpaired] == [True, False]
    assert unpaired[0] == {"prompt": "日落。", "completion": "红日。", "label": True}
    assert [r["reason"] for r in left_out] == ["tie", "can't tell"]


def test_corrections_and_demonstrations_are_preferred_to_what_they_replace(export):
    pairs, unpaired, left_out, _ = export(
        ("correction", (0, 1), {"what": "红日。"}),
        ("correction", (1,), {"corrected": False}),
        ("correction", (1,), {"corrected": None}),
        ("demonstration", (0, 1, 2), {"demonstrated": True}),
        ("demonstration", (), {"demonstrated": None}),
    )
    assert pairs == [row(0, 1), row(0, 1), row(0, 2)]
    assert unpaired == [{"prompt": "日落。", "completion": "太阳落山。", "label": True}]
    assert [r["reason"] for r in left_out] == ["can't tell", "can't tell"]


def test_what_trl_cannot_use_is_told(export):
    pairs, _, left_out, counts = export(
        ("comparison", (0, 3), {"preference": 1.0}),
        ("intervention", (), {"takeovers": []}),
    )
    assert pairs == []
    assert [r["reason"] for r in left_out] == [
        "different prompts",
        "intervention is no judgement of texts",
    ]
    assert counts["different prompts"] == 1


def test_what_was_taken_back_is_not_told(export):
    pairs, _, left_out, _ = export(
        ("comparison", (0, 1), {"preference": 1.0}), ("undo", (), {"key": "e0"})
    )
    assert (pairs, left_out) == ([], [])
