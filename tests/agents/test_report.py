import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from prefgym.agents.report import write_report

CRITERIA = ("comfort", "efficiency", "safety", "courtesy")
Edit = Callable[[Path], object]


def rollout_rows() -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(0)
    for i, step in enumerate(range(4096, 300_001, 4096)):
        progress = 1 - np.exp(-i / 15)
        yield {
            "kind": "rollout",
            "step": step,
            "round": min(i // 5, 4),
            "learned_return": None if i < 4 else -30 + 25 * progress + rng.normal(0, 1),
            "gold_return": -51 + 42 * progress + rng.normal(0, 1),
            "criteria": dict(
                zip(CRITERIA, (-0.3 + 0.2 * progress * rng.random(4)).tolist(), strict=True)
            ),
            "seconds": 0.3,
            "log_std": None,
        }


def round_rows() -> Iterator[dict[str, object]]:
    for i, labels in enumerate((67, 100, 133, 167, 200)):
        yield {
            "kind": "round",
            "round": i,
            "step": 16_384 + 22_000 * i,
            "labels": labels,
            "asked": labels + 2 * i,
            "error_rate": 0.02 * i,
            "tie_rate": 0.05,
            "skip_rate": 0.01 * i,
            "agreement_before_fit": None if i == 0 else 0.72 + 0.03 * i,
            "agreement_after_fit": 0.9 + 0.01 * i,
            "heldout_agreement": 0.74 + 0.03 * i,
            "log_likelihood": -0.42 + 0.03 * i,
            "family": "linear" if i < 2 else "mlp",
            "family_scores": {"linear": -0.40, "mlp": -0.43 + 0.02 * i},
            "correlation": 0.6 + 0.05 * i,
            "seconds": 1.25,
        }


def evaluation_rows() -> Iterator[dict[str, object]]:
    for name, gold, labels in (
        ("random", -22.64, None),
        ("IDM driver", -19.31, None),
        ("PPO on gold", -7.184, None),
        ("PPO on the learned reward", -8.126, 200),
    ):
        yield {
            "kind": "evaluation",
            "name": name,
            "gold_return": gold,
            "gold_return_se": 0.11,
            "criteria": dict(
                zip(CRITERIA, (gold / 80 * np.array([1, 0.9, 1.2, 0.3])).tolist(), strict=True)
            ),
            "labels": labels,
            "steps": 300_000 if name.startswith("PPO") else None,
            "seconds": 21.7 if name.startswith("PPO") else None,
            "episodes": 400,
        }


def other_rows() -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(1)
    centres = np.linspace(0.05, 0.95, 10)
    yield {
        "kind": "calibration",
        "probability": centres.tolist(),
        "frequency": [*(centres[:-1] ** 1.2).tolist(), None],
        "count": [60, 30, 20, 15, 12, 11, 16, 24, 33, 0],
    }
    yield {
        "kind": "warning",
        "round": 3,
        "step": 82_384,
        "message": "the learned reward hardly follows the gold reward <correlation 0.15>",
    }
    yield {
        "kind": "traffic",
        "time_gap": {
            "simulated": rng.lognormal(0.5, 0.4, 3000).tolist(),
            "recorded": rng.lognormal(0.6, 0.5, 3000).tolist(),
        },
        "acceleration": {
            "simulated": rng.normal(0, 0.9, 3000).tolist(),
            "recorded": rng.normal(0, 1.2, 3000).tolist(),
        },
    }
    yield {"kind": "of a later version", "anything": [1]}


def write_gif(path: Path, shift: int) -> None:
    frames = []
    for t in range(6):
        pixels = np.full((60, 200), 90, np.uint8)
        pixels[28:34, 10 + t * shift : 30 + t * shift] = 240
        frames.append(Image.fromarray(pixels))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run with everything that a report can show."""
    folder = tmp_path / "run"
    (folder / "clips").mkdir(parents=True)
    config = {
        "format": 1,
        "env_id": "prefgym/Driving-v0",
        "env_kwargs": {"scenario": "highway", "profile": "<b>safety-first</b>"},
        "seed": 0,
        "versions": {"prefgym": "0.1.0", "torch": "2.13.0"},
        "loop": {"labels": 200, "rounds": 5, "selection": "uniform"},
        "ppo": {"learning_rate": 0.003, "hidden": [64, 64]},
        "reward_model": {"family": "auto", "inputs": {"action_scale": 0.2, "clip": None}},
        "teacher": {"name": "oracle", "rationality": "inf"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    rows = [*rollout_rows(), *round_rows(), *evaluation_rows(), *other_rows()]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_gif(folder / "clips" / "before.gif", 4)
    write_gif(folder / "clips" / "after.gif", 25)
    clips = [
        {"title": "before", "file": "before.gif", "caption": "PPO after the warm-up, seed 7"},
        {"title": "after", "file": "after.gif", "caption": "the same start, after 200 labels"},
    ]
    (folder / "clips" / "clips.json").write_text(json.dumps(clips))
    return folder


def keep_kinds(run: Path, *kinds: str) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["kind"] in kinds]
    (run / "metrics.jsonl").write_text("".join(kept))


def page_of(run: Path) -> str:
    return write_report(run).read_text(encoding="utf-8")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_finished_run_shows_everything(run: Path) -> None:
    assert headings(page_of(run)) == [
        "Warning",
        "Results",
        "Clips",
        "Learning",
        "Behaviour",
        "Reward model",
        "Rounds of questions",
        "Simulated beside recorded traffic",
        "Settings",
    ]


def test_scores_are_those_worked_by_hand(run: Path) -> None:
    """(-8.126 + 22.64) / (-7.184 + 22.64) = .939; with the driver's -19.31 as floor .922."""
    page = page_of(run)
    row = re.search(r'<tr class="learned">.*?</tr>', page, re.DOTALL)
    assert row is not None
    cells = re.findall(r"<td>(.*?)</td>", row[0])
    assert cells[:3] == ["-8.126 ± 0.11", "0.94", "0.92"]
    assert cells[-4:] == ["200", "300,000", "21.7", "400"]
    assert "<th>S<sub>IDM driver</sub></th>" in page


def test_the_best_simple_baseline_is_the_floor(run: Path) -> None:
    other = {"kind": "evaluation", "name": "keep the lane", "gold_return": -13.2}
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(other) + "\n")
    assert "S<sub>keep the lane</sub>" in page_of(run)


def test_without_an_oracle_there_are_no_scores(run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_text(path.read_text().replace('"PPO on gold"', '"something else"'))
    assert "<sub>" not in page_of(run)


def test_an_oracle_worse_than_the_driver_gives_no_score(run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_text(path.read_text().replace("-7.184", "-20.0"))
    page = page_of(run)
    assert "S<sub>random</sub>" in page
    assert "S<sub>IDM driver</sub>" not in page


class Page(HTMLParser):
    """Collects what a browser would fetch, and the tags left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "href", "xlink:href", "srcset", "data", "action"}
        self.addresses += [value or "" for name, value in attrs if name in names]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_fetches_nothing(run: Path) -> None:
    page = Page(page_of(run))
    assert page.open == []
    assert [a for a in page.addresses if not a.startswith(("#", "data:image/gif;base64,"))] == []
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)


def test_text_from_the_run_is_escaped(run: Path) -> None:
    page = page_of(run)
    assert "&lt;b&gt;safety-first&lt;/b&gt;" in page
    assert "&lt;correlation 0.15&gt;" in page
    assert "<b>safety-first" not in page


def test_plots_are_well_formed(run: Path) -> None:
    plots = re.findall(r"<svg.*?</svg>", page_of(run), re.DOTALL)
    assert len(plots) == 7
    for plot in plots:
        ElementTree.fromstring(plot)


def test_the_same_run_gives_the_same_bytes(run: Path) -> None:
    assert page_of(run) == page_of(run)


def test_settings_show_every_level(run: Path) -> None:
    page = page_of(run)
    for name, value in [("inputs.action_scale", "0.2"), ("hidden", "[64, 64]"), ("seed", "0")]:
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in page


def test_an_interrupted_run_gives_what_there_is(run: Path) -> None:
    keep_kinds(run, "rollout", "round")
    (run / "clips" / "clips.json").unlink()
    assert headings(page_of(run)) == [
        "Not finished",
        "Learning",
        "Behaviour",
        "Reward model",
        "Rounds of questions",
        "Settings",
    ]


def test_a_run_killed_before_its_first_measurement_gives_its_settings(run: Path) -> None:
    (run / "metrics.jsonl").write_text("")
    (run / "clips" / "clips.json").unlink()
    assert headings(page_of(run)) == ["Not finished", "Settings"]


def test_a_line_cut_off_at_the_end_is_passed_over(run: Path) -> None:
    whole = page_of(run)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "rollout", "st')
    assert page_of(run) == whole


def test_a_last_line_without_its_line_break_counts(run: Path) -> None:
    whole = page_of(run)
    (run / "metrics.jsonl").write_text((run / "metrics.jsonl").read_text().rstrip("\n"))
    assert page_of(run) == whole


def test_numbers_that_are_not_finite_are_missing(run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_text(re.sub(r'"learned_return": [-\d.]+', '"learned_return": NaN', path.read_text()))
    page = page_of(run)
    assert "<h3>Learned reward</h3>" not in page
    assert "<h3>Gold reward</h3>" in page


def test_texts_stand_in_the_report_as_texts(run: Path) -> None:
    (run / "clips" / "0.txt").write_text("Rain <b>fell</b>.\n\u2192 It rained.\n", encoding="utf-8")
    clips = [{"title": "random", "file": "0.txt", "caption": "Sources."}]
    (run / "clips" / "clips.json").write_text(json.dumps(clips))
    page = write_report(run).read_text(encoding="utf-8")
    assert "<pre>Rain &lt;b&gt;fell&lt;/b&gt;.\n\u2192 It rained." in page


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda run: (run / "config.json").unlink(), r"config\.json: expected a file of a run"),
        (lambda run: (run / "config.json").write_text("{"), r"config\.json: expected JSON"),
        (lambda run: (run / "config.json").write_text("[]"), r"config\.json: expected a JSON obj"),
        (lambda run: (run / "config.json").write_text("{}"), "'format' must be a finite number"),
        (lambda run: (run / "config.json").write_text('{"format": 2}'), "format must be in.*got 2"),
        (lambda run: (run / "config.json").write_bytes(b"\xff\xfe"), "expected a readable text"),
        (lambda run: (run / "metrics.jsonl").unlink(), r"metrics\.jsonl: expected a file"),
        (lambda run: (run / "metrics.jsonl").write_text("{}\n"), "line 1: 'kind' must be a text"),
        (lambda run: (run / "metrics.jsonl").write_text("3\n{}\n"), "line 1: expected a JSON obj"),
        (lambda run: (run / "metrics.jsonl").write_text('{"kin\n{}\n'), "line 1: expected JSON"),
        (
            lambda run: (run / "metrics.jsonl").write_text('{"kind": "rollout", "step": 1.5}\n'),
            "line 1: 'step' must be a whole number, got 1.5",
        ),
        (
            lambda run: (run / "metrics.jsonl").write_text(
                '{"kind": "calibration", "probability": [1], "frequency": [], "count": [1]}\n'
            ),
            "as long as",
        ),
        (lambda run: (run / "clips" / "clips.json").write_text("{}"), "expected a JSON list"),
        (lambda run: (run / "clips" / "before.gif").unlink(), "entry 1: 'file' must be a file"),
        (lambda run: (run / "clips" / "after.gif").write_text("no"), "entry 2: .* a GIF image"),
        (
            lambda run: (run / "clips" / "clips.json").write_text(
                '[{"title": "a", "file": "../../secret.gif", "caption": ""}]'
            ),
            "the name of a file in",
        ),
    ],
)
def test_a_damaged_run_gives_one_clear_error(run: Path, edit: Edit, message: str) -> None:
    edit(run)
    with pytest.raises(ValueError, match=message):
        write_report(run)
    assert not (run / "report.html").exists()


def test_an_error_leaves_the_older_report_whole(run: Path) -> None:
    whole = page_of(run)
    (run / "clips" / "before.gif").unlink()
    with pytest.raises(ValueError, match=r"before\.gif"):
        write_report(run)
    assert (run / "report.html").read_text(encoding="utf-8") == whole
    assert sorted(path.name for path in run.iterdir()) == [
        "clips",
        "config.json",
        "metrics.jsonl",
        "report.html",
    ]
