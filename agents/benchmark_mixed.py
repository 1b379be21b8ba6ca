"""What an hour of a person's time teaches, spent on one kind of answer or on all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.benchmark import (
    BenchmarkOptions,
    Cell,
    Result,
    markdown_table,
    run_cells,
    write_page,
)
from prefgym.agents.policies import explorer
from prefgym.agents.presets import preset
from prefgym.agents.time_shares import SECONDS, SHARES, answers_within, default_shares
from prefgym.agents.vec_env import describe
from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.dataset import Told, read_dataset, store_answers
from prefgym.feedback.event import Answer
from prefgym.feedback.fit import fit
from prefgym.feedback.lessons import (
    correct_drives,
    correct_texts,
    rank_segments,
    show_drives,
    take_over_drives,
    text_segments,
)
from prefgym.feedback.posted_query import Environment, QueryKind
from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.rater import SimulatedRater
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.scene import Scene, record_scenes
from prefgym.feedback.segment import Segments
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.judges import EXPERT, rate
from prefgym.simulations.raters import find_teacher
from prefgym.simulations.summarizers import random_picks

SEEDS = 20
FIRST_SEED = 40  # default shares were chosen on earlier ones
PERSON = "noisy"
BUDGETS = (600, 1800, 3600)  # [s]
NUM_RANKED = 5
NUM_SEGMENTS = 1000
NUM_TEST = 400
ENVIRONMENTS = {"driving": "prefgym/Driving-v0", "text": "prefgym/TextSummary-v0"}
KINDS = {world: tuple(SHARES[env_id]) for world, env_id in ENVIRONMENTS.items()}
EQUAL, MEASURED = "all kinds, time in equal shares", "all kinds, time by default shares"


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Measure every cell and write the page."""
    seeds = 1 if options.quick else options.seeds or SEEDS
    budgets = BUDGETS[:1] if options.quick else BUDGETS
    cells: list[Cell] = [
        {"world": world, "seconds": seconds, "seed": seed}
        for world in ENVIRONMENTS
        for seconds in budgets
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]
    results = run_cells(cells, measure, out, options)
    path = out / "mixed.md"
    write_page(path, _page(results, budgets, seeds))
    return [path]


def measure(cell: Cell) -> Result:
    """Accuracy on held-out pairs of a reward model fitted to each kind alone, and to all."""
    seed, world = int(cell["seed"]), str(cell["world"])
    rng = np.random.default_rng([seed, len(world)])
    kinds, seconds = KINDS[world], float(cell["seconds"])
    lessons = _Driving(seed, rng) if world == "driving" else _Text(seed, rng)
    asked: dict[str, dict[QueryKind, int]] = {
        kind: answers_within([kind], [1.0], seconds) for kind in kinds
    }
    asked[EQUAL] = answers_within(kinds, [1.0] * len(kinds), seconds)
    asked[MEASURED] = answers_within(kinds, default_shares(ENVIRONMENTS[world], kinds), seconds)
    accuracy = {}
    for name, counts in asked.items():
        told = [lessons.tell(kind, count) for kind, count in counts.items()]
        accuracy[name] = lessons.accuracy(_fitted(ENVIRONMENTS[world], told, seed))
    return {"accuracy": accuracy}


class _Lessons:
    """A person, what she may be asked about, and pairs to test what was learned from her."""

    def __init__(
        self, rater: SimulatedRater, segments: Segments, test: Segments, rng: np.random.Generator
    ) -> None:
        self.rater = rater
        self.segments = segments
        self.test = test
        self.rng = rng
        rater.prepare(random_queries(segments, 2000, num_new=len(segments), rng=rng))

    def accuracy(self, model: RewardModel) -> float:
        """Share of the pairs of test segments that the model orders as the person's returns do."""
        own = self.rater.returns(self.test)
        found = model.returns(self.test).mean(dim=(0, 2)).double().numpy()
        first, second = np.triu_indices(len(own), 1)
        decided = own[first] != own[second]
        agree = np.sign(own[first] - own[second]) == np.sign(found[first] - found[second])
        return float(agree[decided].mean())

    def tell(self, kind: str, count: int) -> Told:
        """So many answers of one kind."""
        if kind == "comparison":
            pairs = self.rng.integers(len(self.segments), size=(count, 2))
            queries = Queries(self.segments, pairs[:, 0], pairs[:, 1])
            said = self.rater.answer(queries, rng=self.rng).preference.tolist()
            answers: list[Answer] = [{"preference": None if p != p else p} for p in said]
            return Told(kind, self.segments, [tuple(pair) for pair in pairs.tolist()], answers)
        if kind == "ranking":
            groups = self.rng.integers(len(self.segments), size=(count, NUM_RANKED))
            return rank_segments(self.rater, self.segments, groups, rng=self.rng)
        shown = self.rng.integers(len(self.segments), size=count)
        levels = rate(EXPERT, self._quality()[shown][:, None], rng=self.rng)[:, 0].tolist()
        rated: list[Answer] = [{"overall": level} for level in levels]
        return Told("rating", self.segments, [(number,) for number in shown.tolist()], rated)

    def _quality(self) -> Float64[np.ndarray, " segment"]:
        """How good each segment is beside the others, from 0 to 1."""
        returns = self.rater.returns(self.segments)
        return np.argsort(np.argsort(returns)) / (len(returns) - 1)


class _Driving(_Lessons):
    """Ten-second clips of held styles of driving, and a person of one of the four profiles."""

    def __init__(self, seed: int, rng: np.random.Generator) -> None:
        profiles = ("safety-first", "courteous", "comfort-first", "hurried")
        profile = profiles[seed % len(profiles)]
        self.environment = Environment(ENVIRONMENTS["driving"], {"profile": profile})
        info = describe(self.environment.env_id, self.environment.env_kwargs)
        length = preset(self.environment.env_id).loop.segment_length
        many = NUM_SEGMENTS + NUM_TEST
        pilot = explorer("styles", info.action_space, many, rng=rng)
        seeds = rng.integers(2**31, size=many).tolist()
        starts = rng.integers(40, size=many).tolist()
        self.scenes, segments = record_scenes(self.environment, pilot, seeds, starts, length)
        rater = SimulatedRater(find_teacher(PERSON), info.weights)
        own, test = np.arange(NUM_SEGMENTS), np.arange(NUM_SEGMENTS, many)
        super().__init__(rater, segments.take(own), segments.take(test), rng)

    def tell(self, kind: str, count: int) -> Told:
        """So many answers of one kind."""
        if kind == "correction":
            return correct_drives(self.rater, self.environment, self._some(count), rng=self.rng)
        if kind == "intervention":
            return take_over_drives(self.rater, self.environment, self._some(count))
        if kind == "demonstration":
            again = explorer(
                "styles", describe(self.environment.env_id, {}).action_space, 2, rng=self.rng
            )
            return show_drives(self.rater, self.environment, self._some(count), again)
        return super().tell(kind, count)

    def _some(self, count: int) -> Sequence[Scene]:
        chosen = self.rng.choice(NUM_SEGMENTS, count, replace=count > NUM_SEGMENTS)
        return [self.scenes[number] for number in chosen]


class _Text(_Lessons):
    """Random texts of sunset scenes, and a person who weighs the four criteria alike."""

    def __init__(self, seed: int, rng: np.random.Generator) -> None:
        del seed
        self.reading = TextConfig().reading(512)
        times = -(-(NUM_SEGMENTS + NUM_TEST) // len(self.reading.texts))
        self.numbers = np.tile(np.arange(len(self.reading.texts)), times)
        budget = self.reading.budget
        self.picks = np.concatenate(
            [random_picks(self.reading, budget, rng=rng) for _ in range(times)]
        )
        segments = text_segments(self.reading, self.numbers, self.picks)
        weights = describe(ENVIRONMENTS["text"], {}).weights
        own, test = np.arange(NUM_SEGMENTS), np.arange(NUM_SEGMENTS, NUM_SEGMENTS + NUM_TEST)
        rater = SimulatedRater(find_teacher(PERSON), weights)
        super().__init__(rater, segments.take(own), segments.take(test), rng)

    def tell(self, kind: str, count: int) -> Told:
        """So many answers of one kind."""
        if kind != "correction":
            return super().tell(kind, count)
        chosen = self.rng.integers(NUM_SEGMENTS, size=count)
        return correct_texts(
            self.rater, self.reading, self.numbers[chosen], self.picks[chosen], rng=self.rng
        )


def _fitted(env_id: str, told: Sequence[Told], seed: int) -> RewardModel:
    """The linear reward model of all that was said, read back from a store."""
    config, info = preset(env_id), describe(env_id, {})
    model_config = replace(config.reward_model, heads=("overall",), combine="mean")
    with FeedbackStore("sqlite://") as store:
        for part in told:
            store_answers(store, part, "somebody", 0, name=part.kind)
        dataset = read_dataset(store, model_config.heads)
    assert dataset is not None
    inputs = info.reward_inputs(model_config.inputs)
    model, _ = fit(
        None,
        dataset.segments,
        dataset.feedback,
        model_config=model_config,
        inputs=inputs,
        config=replace(config.fit, family="linear"),
        generator=torch.Generator().manual_seed(seed),
    )
    return model


def _page(results: Sequence[Result], budgets: Sequence[int], seeds: int) -> list[str]:
    text = [
        "# One kind of answer or all of them",
        "`prefgym benchmark mixed`. A linear reward model is fitted to what a simulated person "
        f"({PERSON}) answers in the same time: of one kind alone, or of all kinds. Share of pairs "
        "of segments never shown that it orders as her own returns do; mean and standard error "
        f"over {seeds} seeds (driving: the four profiles in turn).",
        "Seconds per answer: "
        + ", ".join(f"{kind} {cost:g}" for kind, cost in SECONDS.items())
        + ". A comparison takes 3 to 5 s (Christiano et al. 2017); the others are assumed.",
        "Default shares are what `prefgym train --human --human-kinds ...` asks by; they were "
        "chosen on other seeds.",
    ]
    for world, kinds in KINDS.items():
        share = default_shares(ENVIRONMENTS[world], kinds)
        whole = ", ".join(f"{k} {s:.0%}" for k, s in zip(kinds, share, strict=True))
        rows = []
        for name in (*kinds, EQUAL, MEASURED):
            cells = [_scores(results, world, seconds, name) for seconds in budgets]
            rows.append([name, *(f"{np.mean(c):.3f} ± {_error(c):.3f}" for c in cells)])
        for name in (EQUAL, MEASURED):
            gaps = [_gap(results, world, seconds, kinds, name) for seconds in budgets]
            rows.append([f"{name}, less the best single kind", *gaps])
        text += [
            f"## {world.capitalize()}",
            f"Default shares: {whole}; every kind at least once.",
            markdown_table(["kind", *_hours(budgets)], rows),
        ]
    return text


def _hours(budgets: Sequence[int]) -> list[str]:
    return [f"{seconds // 60} minutes" for seconds in budgets]


def _scores(results: Sequence[Result], world: str, seconds: int, name: str) -> list[float]:
    found = []
    for result in results:
        if (result["world"], result["seconds"]) == (world, seconds):
            accuracy = result["accuracy"]
            assert isinstance(accuracy, Mapping)
            found.append(float(accuracy[name]))
    return found


def _error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


def _gap(
    results: Sequence[Result], world: str, seconds: int, kinds: Sequence[str], name: str
) -> str:
    """Joint less the kind that is best on average, seed by seed."""
    single = {kind: np.array(_scores(results, world, seconds, kind)) for kind in kinds}
    best = max(kinds, key=lambda kind: single[kind].mean())
    gap = np.array(_scores(results, world, seconds, name)) - single[best]
    return f"{gap.mean():+.3f} ± {_error(gap.tolist()):.3f} ({best})"
