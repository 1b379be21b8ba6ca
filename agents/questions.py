"""What a round asks real people: queries of every kind, cut from recorded behaviour."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.agents.ask import new_starts, num_candidates
from prefgym.agents.config import PeopleConfig, RunConfig
from prefgym.agents.frames import MEDIA_TYPE, Filmed, Frames, film, to_webp
from prefgym.agents.policies import Policy, held_policy
from prefgym.agents.time_shares import default_shares, turns
from prefgym.agents.vec_env import describe
from prefgym.envs.driving import EPISODE_STEPS
from prefgym.feedback.event import Answer
from prefgym.feedback.posted_query import Environment, PostedQuery, QueryKind
from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.scene import record_scenes
from prefgym.feedback.segment import Segments, concatenate, cut
from prefgym.feedback.selection import select
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.trajectory import Trajectories

MAX_FILMED = 2048  # steps; a film of so many small frames takes a quarter of a gigabyte
HELD_BEHAVIOURS = 8
DRIVING = "prefgym/Driving-v0"
TEXT = "prefgym/TextSummary-v0"


class Behaviour(NamedTuple):
    """What a round may ask about."""

    pool: Trajectories
    labelled: Segments | None
    model: RewardModel | None
    policy: Policy


class Certain(NamedTuple):
    """Numbers of queries with an answer that is known, and that preference."""

    numbers: Int64[np.ndarray, " query"]
    preference: Float64[np.ndarray, " query"]


def certain(candidates: Queries, num_queries: int) -> Certain:
    """The at most `num_queries` candidates whose better segment leads most where it leads least.

    Leads are in standard deviations of a criterion's total over the candidates; a pair in which
    neither segment is better on every criterion is not certain.
    """
    shown = candidates.segments
    total = (shown.criteria * shown.mask[:, :, None]).sum(axis=1)
    spread = np.maximum(total[candidates.pairs].std(axis=(0, 1)), 1e-9)
    lead = (total[candidates.first] - total[candidates.second]) / spread
    first, second = lead.min(axis=1), (-lead).min(axis=1)
    surest = np.argsort(-np.maximum(first, second), kind="stable")[:num_queries]
    index = surest[np.maximum(first, second)[surest] > 0]
    return Certain(index, (first[index] > 0).astype(np.float64))


class Questions:
    """Composes the queries of one round, and stores the segments that they show."""

    def __init__(
        self,
        store: FeedbackStore,
        config: RunConfig,
        settings: PeopleConfig,
        behaviour: Behaviour,
        *,
        rng: np.random.Generator,
    ) -> None:
        """Look at the behaviour; an environment without render states is filmed anew for it.

        Args:
            store: takes the segments.
            config: of the run.
            settings: how people are asked.
            behaviour: what to ask about.
            rng: source of every choice.
        """
        self._store = store
        self._config = config
        self._settings = settings
        self._behaviour = behaviour
        self._rng = rng
        self._pool = behaviour.pool
        self._frames: Frames = []
        filmed = None if behaviour.pool.states is not None else self._film()
        if filmed is not None:
            self._pool, self._frames = filmed

    def compose(self, round_number: int, first: int, num_queries: int) -> list[PostedQuery]:
        """So many queries, of the kinds whose turn it is.

        Args:
            round_number: of the loop.
            first: queries that earlier rounds have asked; decides whose turn it is.
            num_queries: how many.

        Raises:
            ValueError: if the environment has no queries of one of the kinds.
        """
        kinds = asked_kinds(self._config, self._settings)
        shares = self._settings.shares or default_shares(self._config.env_id, kinds)
        asked = turns(kinds, shares, first + num_queries)[first:]
        make: Mapping[QueryKind, Callable[[int], list[PostedQuery]]] = {
            "comparison": self._comparisons,
            "ranking": self._rankings,
            "rating": lambda count: self._singles("rating", count),
            "correction": self._corrections,
            "intervention": lambda count: self._scenes("intervention", count),
            "demonstration": lambda count: self._scenes("demonstration", count),
        }
        by_kind = {kind: iter(make[kind](asked.count(kind))) for kind in dict.fromkeys(asked)}
        return [
            replace(
                query,
                key=f"round-{round_number}-query-{number}",
                round=round_number,
                overlap=self._settings.overlap,
            )
            for number, query in enumerate(next(by_kind[kind]) for kind in asked)
        ]

    def _comparisons(self, num_queries: int) -> list[PostedQuery]:
        """The pairs that the loop would ask a simulated person about, and some to check people."""
        loop, model = self._config.loop, self._behaviour.model
        labelled = self._behaviour.labelled if loop.old_share > 0 else None
        many = num_candidates(num_queries, loop)
        starts, segments = self._draw(2 * many)
        everything = segments if labelled is None else concatenate([segments, labelled])
        candidates = random_queries(
            everything, many, num_new=len(segments), old_share=loop.old_share, rng=self._rng
        )
        certain = self._certain(candidates, round(num_queries * self._settings.gold_share))
        num_open = num_queries - len(certain.numbers)
        order = select(candidates, num_open, loop.selection, model, batch=loop.batch, rng=self._rng)
        chosen = candidates.take(np.concatenate([order, certain.numbers]))
        names = self._keep(everything, starts, chosen.pairs)
        gold: list[Answer | None] = [None] * num_open
        gold += [{"preference": preference} for preference in certain.preference.tolist()]
        queries = [
            PostedQuery("?", "comparison", tuple(pair), gold=answer)
            for pair, answer in zip(names, gold, strict=True)
        ]
        return [queries[number] for number in self._rng.permutation(num_queries)]

    def _certain(self, candidates: Queries, num_queries: int) -> Certain:
        """Pairs of which everybody should prefer the same: one is better on every criterion."""
        if candidates.segments.criteria.shape[-1] < 2:  # the reward of another environment
            return certain(candidates, 0)
        return certain(candidates, num_queries)

    def _rankings(self, num_queries: int) -> list[PostedQuery]:
        places = self._settings.num_ranked
        starts, segments = self._draw(num_queries * places)
        index = np.arange(len(segments)).reshape(num_queries, places)
        names = self._keep(segments, starts, index)
        return [PostedQuery("?", "ranking", tuple(row)) for row in names]

    def _singles(self, kind: QueryKind, num_queries: int) -> list[PostedQuery]:
        starts, segments = self._draw(num_queries)
        names = self._keep(segments, starts, np.arange(num_queries)[:, None])
        criteria = self._config.reward_model.heads if kind == "rating" else ()
        return [PostedQuery("?", kind, tuple(row), criteria=criteria) for row in names]

    def _corrections(self, num_queries: int) -> list[PostedQuery]:
        if self._config.env_id == DRIVING:
            return self._scenes("correction", num_queries)
        return self._singles("correction", num_queries)

    def _scenes(self, kind: QueryKind, num_queries: int) -> list[PostedQuery]:
        """Moments of drives that can be driven again otherwise."""
        environment, length = environment_of(self._config), self._config.loop.segment_length
        scenario = str(self._config.env_kwargs.get("scenario", "highway"))
        latest = EPISODE_STEPS[scenario] - length
        seeds = self._rng.integers(2**31, size=num_queries).tolist()
        starts = self._rng.integers(latest + 1, size=num_queries).tolist()
        policy = self._behaviour.policy
        scenes, segments = record_scenes(environment, policy, seeds, starts, length)
        shown = self._store.add_segments([segments.arrays(i) for i in range(num_queries)])
        again = self._store.add_segments([scene.arrays() for scene in scenes])
        pairs = zip(shown, again, strict=True)
        return [PostedQuery("?", kind, (name,), scene=scene) for name, scene in pairs]

    def _draw(self, num_segments: int) -> tuple[Int64[np.ndarray, " segment"], Segments]:
        starts = new_starts(self._pool, num_segments, self._config.loop, rng=self._rng)
        return starts, cut(self._pool, starts, self._config.loop.segment_length)

    def _keep(
        self,
        segments: Segments,
        starts: Int64[np.ndarray, " new"],
        index: Int64[np.ndarray, "query place"],
    ) -> list[list[str]]:
        """Ids of the segments at `index`, stored, with the pictures of those that were filmed."""
        used, local = np.unique(index, return_inverse=True)
        ids = self._store.add_segments([segments.arrays(int(i)) for i in used])
        for i, name in zip(used, ids, strict=True):
            if self._frames and i < len(starts):
                end = starts[i] + int(segments.mask[i].sum())
                self._store.add_clip(name, MEDIA_TYPE, to_webp(self._frames[starts[i] : end]))
        return [[ids[place] for place in row] for row in local.reshape(index.shape)]

    def _film(self) -> Filmed | None:
        """What the policy does now; before it has learned anything, actions held for a while."""
        loop = self._config.loop
        steps = min(max(2 * loop.labels // loop.rounds, 8) * loop.segment_length, MAX_FILMED)
        policy = self._behaviour.policy
        if self._behaviour.model is None:
            space = describe(self._config.env_id, self._config.env_kwargs).action_space
            held = held_policy(space, HELD_BEHAVIOURS, rng=self._rng)
            policy = _one_after_another(held, HELD_BEHAVIOURS, loop.segment_length)
        return film(self._config, policy, steps, seed=int(self._rng.integers(2**31)))


def asked_kinds(config: RunConfig, settings: PeopleConfig) -> tuple[QueryKind, ...]:
    """The kinds of queries that people are asked.

    Raises:
        ValueError: if the environment has no queries of one of them.
    """
    kinds: tuple[QueryKind, ...] = settings.kinds or (config.loop.feedback,)
    able: set[QueryKind] = {"comparison", "ranking", "rating"}
    if config.env_id == DRIVING:
        able |= {"correction", "intervention", "demonstration"}
    elif config.env_id == TEXT:
        able |= {"correction"}
    if not able >= set(kinds):
        raise ValueError(
            f"{config.env_id} can be asked about by {', '.join(sorted(able))}, "
            f"got {', '.join(sorted(set(kinds) - able))}"
        )
    return kinds


def environment_of(config: RunConfig) -> Environment:
    """What the labelling page must know of the environment."""
    criteria = describe(config.env_id, config.env_kwargs).criteria
    return Environment(config.env_id, dict(config.env_kwargs), criteria)


def _one_after_another(held: Policy, num_behaviours: int, num_steps: int) -> Policy:
    """One environment's share of a policy for several, each for so many steps."""
    turns = itertools.count()

    def act(observations: object) -> np.ndarray:
        now = next(turns) // num_steps % num_behaviours
        return held(observations)[[now]]

    return act
