"""Two runs' policies from the same starts, for the report of the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

from prefgym.agents.clips import FRAMES_PER_SECOND, record_frames, record_texts
from prefgym.agents.crowd import DRIVING, crowd_rater
from prefgym.agents.plots import SERIES
from prefgym.agents.roads import QUANTITIES, Quantity, Roads, play_roads
from prefgym.agents.run import RunError, write_atomically, write_json
from prefgym.agents.train import TrainedRun, load_run
from prefgym.agents.vec_env import EnvInfo, describe
from prefgym.envs.driving import DrivingConfig
from prefgym.envs.driving_render import to_gif

FOLDER = "beside"
FORMAT = 1
FILM_STEPS = 80
_BAR, _INK = (24, 26, 30), (255, 255, 255)
_BAR_HEIGHT = 24  # [pixels]


class Side(NamedTuple):
    """A run, what it is called, and who judges it."""

    run: TrainedRun
    label: str
    person: str
    weights: Float64[np.ndarray, " criterion"]


def write_beside(run: TrainedRun, other: TrainedRun) -> None:
    """Measure both policies from the same starts, in the environment of the first.

    What is found is written into the folder of the first, for its report.

    Args:
        run: whose report it is for.
        other: of the same environment; it may be of another person.

    Raises:
        RunError: if the policies do not drive the same environment, or nothing can be written.
    """
    info = _same_environment(run, other)
    sides = _sides(run, other)
    played = [play_roads(run.config, side.run.policy, info) for side in sides]
    measured = QUANTITIES.get(run.config.env_id, ())
    names = info.observation_names
    document: dict[str, object] = {
        "format": FORMAT,
        "labels": [side.label for side in sides],
        "runs": [str(side.run.folder) for side in sides],
        "roads": int(played[0].going.shape[1]),
        "rows": [
            *_gold_rows(sides, played),
            *(_row(q.label, *(q.each(roads, names) for roads in played)) for q in measured),
        ],
        "samples": [_samples(q, played, names) for q in measured[:2]],
    }
    folder = run.folder / FOLDER
    document["road"] = _write_pictures(folder, sides, measured[:1], info)
    write_json(folder / "beside.json", document)


def write_beside_source(run: TrainedRun) -> bool:
    """Set a run's policy beside that of the run its prior was learned from, if that is there."""
    if run.config.prior is None:
        return False
    source = Path(run.config.prior.source)
    if not (source / "manifest.json").exists():
        return False
    write_beside(run, load_run(source))
    return True


def _same_environment(run: TrainedRun, other: TrainedRun) -> EnvInfo:
    if run.config.env_id != other.config.env_id:
        raise RunError(
            "runs can be set beside each other in the same environment; "
            f"{run.folder} is of {run.config.env_id}, {other.folder} of {other.config.env_id}"
        )
    here, there = (describe(each.config.env_id, each.config.env_kwargs) for each in (run, other))
    if (here.observation_space, here.action_space) != (there.observation_space, there.action_space):
        raise RunError(
            f"the policies of {run.folder} and {other.folder} see or do different things: they "
            "were trained with other --env settings"
        )
    return here


def _sides(run: TrainedRun, other: TrainedRun) -> list[Side]:
    """Runs of different people are called by these, of one person by their folders."""
    runs = (run, other)
    people = [_person(each) for each in runs]
    labels = [name for name, _ in people]
    if labels[0] == labels[1]:
        labels = [each.folder.resolve().name for each in runs]
    if labels[0] == labels[1]:
        labels = [str(each.folder) for each in runs]
    return [
        Side(each, label, name, weights)
        for each, label, (name, weights) in zip(runs, labels, people, strict=True)
    ]


def _person(run: TrainedRun) -> tuple[str, Float64[np.ndarray, " criterion"]]:
    """Whose gold a run's is, and the weights of the criteria in it."""
    config = run.config
    info = describe(config.env_id, config.env_kwargs)
    if config.crowd is not None and config.crowd.own_wishes:
        rater = crowd_rater(config, config.crowd, info)
        return f"{config.crowd.num_raters} drivers", rater.truth.weights
    if config.env_id == DRIVING:
        return str(config.env_kwargs.get("profile", DrivingConfig().profile)), info.weights
    return "the environment", info.weights


def _gold_rows(sides: Sequence[Side], played: Sequence[Roads]) -> list[dict[str, object]]:
    """Both policies by either person's gold."""
    judges = {side.person: side.weights for side in sides}
    if np.array_equal(sides[0].weights, sides[1].weights):
        judges = {sides[0].person: sides[0].weights}
    return [
        _row(f"gold to {person}", *(roads.gold(weights) for roads in played))
        for person, weights in judges.items()
    ]


def _row(
    name: str, first: Float64[np.ndarray, " road"], second: Float64[np.ndarray, " road"]
) -> dict[str, object]:
    """Means over the roads, and that of the differences road by road with its standard error."""
    gap = first - second
    gap = gap[np.isfinite(gap)]
    return {
        "name": name,
        "first": _mean(first),
        "second": _mean(second),
        "difference": _mean(gap),
        "standard_error": float(gap.std(ddof=1) / len(gap) ** 0.5) if len(gap) > 1 else None,
    }


def _mean(values: Float64[np.ndarray, " road"]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _samples(
    quantity: Quantity, played: Sequence[Roads], names: tuple[str, ...]
) -> dict[str, object]:
    values = [quantity.of(roads, names) for roads in played]
    first, second = (np.round(each[np.isfinite(each)], 3).tolist() for each in values)
    return {"name": quantity.label, "first": first, "second": second}


def _write_pictures(
    folder: Path, sides: Sequence[Side], measured: Sequence[Quantity], info: EnvInfo
) -> list[dict[str, object]]:
    """One film of both policies, or a text by each; what was measured on the filmed road."""
    config = sides[0].run.config
    texts = [record_texts(config, side.run.policy) for side in sides]
    listed, road = [], list[dict[str, object]]()
    for number, (side, text) in enumerate(zip(sides, texts, strict=True)):
        if text is not None:
            write_atomically(folder / f"{number}.txt", text.encode())
            row = {"title": side.label, "file": f"{number}.txt", "caption": "Sources, and texts."}
            listed.append(row)
    films = [record_frames(config, side.run.policy, FILM_STEPS) for side in sides]
    if not listed and all(film is not None for film in films):
        found = [film for film in films if film is not None]
        labels = [side.label for side in sides]
        frames = _stacked([film.frames for film in found], labels)
        write_atomically(folder / "road.gif", to_gif(frames, fps=FRAMES_PER_SECOND))
        caption = f"The first {FILM_STEPS} steps from the same held-out start."
        listed.append({"title": " / ".join(labels), "file": "road.gif", "caption": caption})
        for quantity in measured:
            values = [quantity.of(film.road, info.observation_names)[:, 0] for film in found]
            first, second = ([None if np.isnan(v) else float(v) for v in each] for each in values)
            road.append({"name": quantity.label, "first": first, "second": second})
    write_json(folder / "clips.json", listed)
    return road


def _stacked(
    films: Sequence[UInt8[np.ndarray, "step height width 3"]], labels: Sequence[str]
) -> UInt8[np.ndarray, "step height width 3"]:
    """Films one above the other, each under its name; who is done first stands still."""
    num_steps = max(len(film) for film in films)
    parts = []
    for number, (film, label) in enumerate(zip(films, labels, strict=True)):
        wait = np.minimum(np.arange(num_steps), len(film) - 1)
        bar = _bar(label, film.shape[2], SERIES[number])
        parts += [np.broadcast_to(bar, (num_steps, *bar.shape)), film[wait]]
    return np.concatenate(parts, axis=1)


def _bar(label: str, width: int, colour: str) -> UInt8[np.ndarray, "height width 3"]:
    image = Image.new("RGB", (width, _BAR_HEIGHT), _BAR)
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 7, 18, _BAR_HEIGHT - 8), colour)
    draw.text((26, 4), label, _INK, ImageFont.load_default(14))
    return np.array(image)
