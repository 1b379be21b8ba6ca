"""Simulated people who rank, correct, take over and show, in the form in which answers are stored.

Each of them sees gold criteria alone, as `SimulatedRater` does, and tries a manoeuvre by driving
the scene again, or a wording by writing the text again.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.dataset import Told
from prefgym.feedback.event import Answer
from prefgym.feedback.manoeuvres import MANOEUVRES, Changes
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.rater import SimulatedRater
from prefgym.feedback.scene import (
    TAKEOVER_STEPS,
    Pilot,
    Scene,
    drive_on,
    replay,
    replay_each,
    takeovers,
)
from prefgym.feedback.segment import Segments, concatenate
from prefgym.feedback.written import finished_segments
from prefgym.simulations.choices import NOTHING, correct, rank, take_over
from prefgym.simulations.playback import play
from prefgym.simulations.reading import Reading
from prefgym.simulations.rewording import rewordings

CORRECTED_AT = (0.0, 0.25, 0.5)  # share of a scene after which a correction may begin
NUM_ALTERNATIVES = 3  # drives of the policy beside which a demonstration is shown


def rank_segments(
    rater: SimulatedRater,
    segments: Segments,
    groups: Int64[np.ndarray, "query place"],
    *,
    rng: np.random.Generator,
) -> Told:
    """Rankings of groups of segments."""
    found = rank(rater.teacher, rater.returns(segments)[groups], rater.calibration, rng=rng)
    answers: list[Answer] = [
        {"ranks": None if skipped else list(ranks)}
        for ranks, skipped in zip(found.rank.tolist(), found.skipped.tolist(), strict=True)
    ]
    return Told("ranking", segments, [tuple(group) for group in groups.tolist()], answers)


def correct_drives(
    rater: SimulatedRater,
    environment: Environment,
    scenes: Sequence[Scene],
    pilot: Pilot | None = None,
    *,
    rng: np.random.Generator,
) -> Told:
    """Corrections of drives: one manoeuvre, at one of a few decisions, tried in every way."""
    parts: list[Segments] = []
    shown: list[tuple[int, ...]] = []
    answers: list[Answer] = []
    for scene in scenes:
        begins = sorted({int(share * scene.length) for share in CORRECTED_AT})
        options = [(begin, manoeuvre) for begin in begins for manoeuvre in MANOEUVRES]
        tried = replay_each(environment, scene, [[], *([change] for change in options)], pilot)
        returns = rater.returns(tried)
        gains = (returns[1:] - returns[0])[None]
        (chosen,) = correct(rater.teacher, gains, rater.calibration, rng=rng)
        number = 2 * len(parts)
        parts.append(tried.take(np.array([0, max(chosen, 0) + 1])))
        if chosen == NOTHING:
            shown.append((number,))
            answers.append({"corrected": False})
        else:
            begin, manoeuvre = options[chosen]
            shown.append((number + 1, number))
            answers.append({"start": begin, "what": manoeuvre})
    return Told("correction", concatenate(parts), shown, answers)


def take_over_drives(
    rater: SimulatedRater,
    environment: Environment,
    scenes: Sequence[Scene],
    pilot: Pilot | None = None,
    *,
    steps: int = TAKEOVER_STEPS,
) -> Told:
    """Takeovers of drives, as soon as a manoeuvre would make the next `steps` enough better."""
    parts: list[Segments] = []
    shown: list[tuple[int, ...]] = []
    answers: list[Answer] = []
    for scene in scenes:
        changes: list[tuple[int, str]] = []
        begin = 0
        while begin <= scene.length - steps:
            decisions = range(begin, scene.length - steps + 1)
            gains = _gains(rater, environment, scene, changes, decisions, pilot, steps)
            at, option = take_over(gains, rater.calibration)
            if at == NOTHING:
                break
            changes.append((decisions[at], MANOEUVRES[option]))
            begin = decisions[at] + steps
        found = takeovers(environment, scene, changes, pilot, hold=steps, steps=steps)
        number = sum(len(part) for part in parts)
        if found.segments is not None:
            parts.append(found.segments)
        shown.append(tuple(range(number, number + 2 * len(found.begins))))
        answers.append({"takeovers": [*found.begins]})
    if not parts:  # nobody had to: any segments will do to speak of none
        parts.append(replay(environment, scenes[0], []))
    return Told("intervention", concatenate(parts), shown, answers)


def _gains(
    rater: SimulatedRater,
    environment: Environment,
    scene: Scene,
    changes: Changes,
    decisions: Sequence[int],
    pilot: Pilot | None,
    steps: int,
) -> Float64[np.ndarray, "decision manoeuvre"]:
    """What each manoeuvre at each decision adds to the return of the next `steps`."""
    options = [[*changes, (at, manoeuvre)] for at in decisions for manoeuvre in MANOEUVRES]
    tried = replay_each(environment, scene, [changes, *options], pilot, hold=steps)
    gains = []
    for number, at in enumerate(decisions):
        returns = rater.returns(tried.steps(at, at + steps))
        own = returns[1:].reshape(-1, len(MANOEUVRES))[number]
        gains.append(own - returns[0])
    return np.array(gains)


def show_drives(
    rater: SimulatedRater,
    environment: Environment,
    scenes: Sequence[Scene],
    pilot: Pilot,
    *,
    look_ahead: int = TAKEOVER_STEPS,
) -> Told:
    """Demonstrations, beside what was recorded and other drives of the pilot from there on."""
    parts: list[Segments] = []
    for scene in scenes:
        changes = best_changes(rater, environment, scene, look_ahead=look_ahead)
        parts.append(replay_each(environment, scene, [changes, []]))
        parts.append(drive_on(environment, scene, pilot, NUM_ALTERNATIVES - 1))
    size = NUM_ALTERNATIVES + 1
    shown = [tuple(range(size * i, size * (i + 1))) for i in range(len(scenes))]
    answers: list[Answer] = [{"demonstrated": True} for _ in scenes]
    return Told("demonstration", concatenate(parts), shown, answers)


def best_changes(
    rater: SimulatedRater, environment: Environment, scene: Scene, *, look_ahead: int
) -> Changes:
    """At every decision the manoeuvre that makes the next `look_ahead` best, or none."""
    changes: list[tuple[int, str]] = []
    for now in range(scene.length):
        none: list[Changes] = [changes] if changes else []
        options = [*none, *([*changes, (now, manoeuvre)] for manoeuvre in MANOEUVRES)]
        tried = replay_each(environment, scene, options)
        best = rater.returns(tried.steps(now, now + look_ahead)).argmax()
        changes = list(options[best])
    return changes


def correct_texts(
    rater: SimulatedRater,
    reading: Reading,
    numbers: Int64[np.ndarray, " text"],
    picks: Int64[np.ndarray, "text pick"],
    *,
    rng: np.random.Generator,
) -> Told:
    """Corrections of texts: another wording of one unit, tried in every way."""
    own = [rewordings(reading.texts[n], row) for n, row in zip(numbers, picks, strict=True)]
    counts = [len(rows) for rows in own]
    segments = concatenate(
        [
            text_segments(reading, numbers, picks),
            text_segments(reading, np.repeat(numbers, counts), np.concatenate(own)),
        ]
    )
    returns = rater.returns(segments)
    first = len(numbers) + np.cumsum([0, *counts[:-1]])
    gains = np.full((len(numbers), max(*counts, 1)), -np.inf)
    for text, (begin, count) in enumerate(zip(first, counts, strict=True)):
        gains[text, :count] = returns[begin : begin + count] - returns[text]
    chosen = correct(rater.teacher, gains, rater.calibration, rng=rng)
    shown: list[tuple[int, ...]] = []
    answers: list[Answer] = []
    for text, option in enumerate(chosen.tolist()):
        if option == NOTHING:
            shown.append((text,))
            answers.append({"corrected": False})
        else:
            shown.append((int(first[text]) + option, text))
            state = play(reading, numbers[text : text + 1], own[text][option : option + 1]).states
            answers.append({"what": reading.text(state[0])})
    return Told("correction", segments, shown, answers)


def text_segments(
    reading: Reading, numbers: Int64[np.ndarray, " text"], picks: Int64[np.ndarray, "text pick"]
) -> Segments:
    """Finished texts with their gold criteria, for simulated people to judge."""
    played = play(reading, numbers, picks)
    return finished_segments(played.observations, played.criteria)
