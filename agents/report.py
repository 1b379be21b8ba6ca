"""A run's report: one HTML file that needs nothing else, made from the files of the run folder."""

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, StrictUndefined

from prefgym.agents.beside import FOLDER as BESIDE
from prefgym.agents.beside_panels import Beside, read_beside
from prefgym.agents.json_row import JsonRow, read_json_list
from prefgym.agents.report_panels import (
    LEARNED,
    ORACLE,
    QUANTILES,
    RANDOM,
    baseline,
    criteria_panel,
    learning_panels,
    reward_model_panels,
    traffic_panels,
)
from prefgym.agents.run import write_atomically
from prefgym.agents.run_log import EvaluationRow, RunLog, read_run_log
from prefgym.agents.statistics import normalised_score

MISSING = "\N{EN DASH}"


class Clip(NamedTuple):
    """A moving picture, its GIF as a data URI, or a text."""

    title: str
    caption: str
    uri: str | None
    text: str | None


class Score(NamedTuple):
    """An evaluation on the scales from a floor (0) to PPO on gold (1); None without a scale."""

    row: EvaluationRow
    from_random: float | None
    from_baseline: float | None


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder, from the files of that folder alone.

    An interrupted run gives a report of what there is. The same files give the same bytes.

    Raises:
        ValueError: if a file of the run is missing or damaged.
        RunError: if the report cannot be written; an older one is then left as it was.
    """
    log = read_run_log(run)
    page = _render(log, read_clips(run / "clips"), read_beside(run), read_clips(run / BESIDE))
    path = run / "report.html"
    write_atomically(path, page.encode())
    return path


def read_clips(folder: Path) -> list[Clip]:
    """The clips that a run lists in `clips/clips.json`; none if it has no such file.

    Raises:
        ValueError: if the list is damaged, or an entry is not a GIF or text of that folder.
    """
    if not (folder / "clips.json").exists():
        return []
    rows = read_json_list(folder / "clips.json", remedy="make the clips again")
    return [_read_clip(folder, row) for row in rows]


def _read_clip(folder: Path, row: JsonRow) -> Clip:
    name = row.text("file")
    if name != Path(name).name:
        raise row.fail("file", f"the name of a file in {folder}")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise row.fail("file", f"a file that can be read ({error.strerror})") from error
    title, caption = row.text("title"), row.text("caption")
    if name.endswith(".txt"):
        return Clip(title, caption, None, content.decode("utf-8", errors="replace"))
    if not content.startswith(b"GIF8"):
        raise row.fail("file", "a GIF image")
    uri = f"data:image/gif;base64,{base64.b64encode(content).decode()}"
    return Clip(title, caption, uri, None)


def _render(log: RunLog, clips: list[Clip], beside: Beside | None, films: list[Clip]) -> str:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "significant": _significant,
        "margin": _margin,
        "fixed": _fixed,
        "whole": _whole,
        "share": _share,
    }
    template = files("prefgym.agents").joinpath("report.html.j2").read_text(encoding="utf-8")
    simple = baseline(log)
    scores = score_evaluations(log)
    return environment.from_string(template).render(
        log=log,
        clips=clips,
        beside=beside,
        films=films,
        scores=scores,
        learned=next((score for score in scores if score.row.name == LEARNED), None),
        learned_name=LEARNED,
        baseline_name=simple.name if simple else None,
        criteria_names=list(dict.fromkeys(n for row in log.evaluations for n in row.criteria)),
        family_names=list(dict.fromkeys(n for row in log.rounds for n in row.family_scores)),
        steps=max([r.step for r in log.rollouts] + [r.step for r in log.rounds], default=0),
        learning=learning_panels(log),
        criteria=criteria_panel(log),
        reward_model=reward_model_panels(log),
        traffic=traffic_panels(log),
        quantiles=QUANTILES,
        settings=settings_tables(log.config),
    )


def score_evaluations(log: RunLog) -> list[Score]:
    """Each evaluation with its normalised scores, where the rows that make the scales exist."""
    by_name = {row.name: row for row in log.evaluations}
    oracle, simple = by_name.get(ORACLE), baseline(log)
    return [
        Score(row, _score(row, by_name.get(RANDOM), oracle), _score(row, simple, oracle))
        for row in log.evaluations
    ]


def _score(
    row: EvaluationRow, floor: EvaluationRow | None, oracle: EvaluationRow | None
) -> float | None:
    if floor is None or oracle is None:
        return None
    score = float(normalised_score(row.gold_return, floor.gold_return, oracle.gold_return))
    return None if np.isnan(score) else score


def settings_tables(config: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """The configuration as one table for each component; deeper levels join their names."""
    tables: dict[str, dict[str, str]] = {"run": {}}
    for name, value in config.items():
        if isinstance(value, Mapping):
            tables[name] = _flatten(value)
        else:
            tables["run"][name] = _plain(value)
    return {name: table for name, table in tables.items() if table}


def _flatten(values: Mapping[object, object], prefix: str = "") -> dict[str, str]:
    table: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            table |= _flatten(value, f"{prefix}{name}.")
        else:
            table[f"{prefix}{name}"] = _plain(value)
    return table


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _significant(value: float | None) -> str:
    """Four significant digits; whole numbers from 10,000 on."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:#.4g}".rstrip(".")


def _margin(standard_error: float | None) -> str:
    return "" if standard_error is None else f" ± {standard_error:.2g}"


def _fixed(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:z,.{digits}f}"


def _whole(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{100 * value:.1f} %"
