"""The preference loop: act, ask, fit, train, and save after every stage."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from prefgym.agents.ask import Asked, ask_round, store_round
from prefgym.agents.config import RunConfig
from prefgym.agents.crowd import simulated_rater
from prefgym.agents.explore import explore
from prefgym.agents.kl_penalty import KLPenalty
from prefgym.agents.people import Waiting, ask_people
from prefgym.agents.policies import trained_policy
from prefgym.agents.pool import Pool
from prefgym.agents.ppo import (
    build_ppo,
    learning_rate,
    mean_log_std,
    ppo_to_bytes,
    raise_exploration,
    restore_ppo,
)
from prefgym.agents.prior import MODELS, POPULATIONS, population_files, read_prior
from prefgym.agents.questions import Behaviour
from prefgym.agents.recorder import Recorder
from prefgym.agents.refit import opinions, refit
from prefgym.agents.rollout_log import RolloutLog
from prefgym.agents.run import (
    Progress,
    RunError,
    append_metrics,
    metrics_size,
    read_file,
    read_metrics,
    read_progress,
    truncate_metrics,
    write_stage,
)
from prefgym.agents.schedule import Purpose, Stage, stage_rng, stage_seed, stages
from prefgym.agents.stage_record import StageRecord, warning_rows
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.dataset import read_dataset
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv
from prefgym.feedback.rater import CrowdRater, Rater
from prefgym.feedback.reward_model import RewardModel, new_reward_model, reward_model_from_bytes
from prefgym.feedback.store import FeedbackStore


def silent(step: int) -> None:
    """Progress that nobody watches."""
    del step


def unheard(answered: int, asked: int) -> None:
    """Waiting that nobody watches."""
    del answered, asked


class PreferenceLoop:
    """A run in progress. `run` goes on from the last finished stage, whatever stopped it.

    Every stage starts from generators and freshly seeded environments that are derived from
    (seed, stage) alone, so nothing of a live environment has to be saved and a resumed run ends
    with the same bytes as an undisturbed one.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        *,
        rater: Rater | None = None,
        progress: Callable[[int], None] = silent,
        waiting: Waiting = unheard,
        watch: Callable[["PreferenceLoop"], None] | None = None,
    ) -> None:
        """Build the parts and restore the last finished stage, if there is one.

        Args:
            folder: a run folder that holds `config.json`.
            config: the run's configuration.
            rater: who answers; None: real people where the configuration has some, else its
                simulated teacher, who judges by the environment's own weights.
            progress: told the environment steps spent so far.
            waiting: told how many of a round's queries people have answered.
            watch: shown the loop after every stage, when its files are written.

        Raises:
            RunError: if the folder is damaged.
            ValueError: if the configuration does not fit the environment.
        """
        self.folder = folder
        self.config = config
        self.progress = progress
        self.waiting = waiting
        self.watch = watch
        self.stages = stages(config.loop, config.ppo)
        self.info = describe(config.env_id, config.env_kwargs)
        self.rater = rater
        if rater is None and config.people is None:
            self.rater = simulated_rater(config, self.info)
        self.inputs = self.info.reward_inputs(config.reward_model.inputs)
        self.prior = read_prior(folder, config, self.info)
        self.population: dict[str, bytes] = {}
        venv = make_vec_env(config.env_id, config.env_kwargs, config.ppo.num_envs)
        per_env = max(-(-config.loop.pool_steps // config.ppo.num_envs), config.loop.segment_length)
        self.recorder = Recorder(venv, per_env)
        uninformed = new_reward_model(
            config.reward_model, self.inputs, "linear", generator=torch.Generator()
        )
        first = uninformed if self.prior is None else self.prior.model
        self.learned = LearnedRewardVecEnv(self.recorder, first)
        self.ppo = build_ppo(
            config.ppo, self.learned, self.info.candidates, seed=self._seed(0, Purpose.TRAIN)
        )
        start, price = self.ppo.policy, config.ppo.kl_penalty
        self.penalty = None if price is None else KLPenalty(start, price)
        self.pool = Pool(config.loop.pool_steps)
        self.done = Progress(0, 0, 0, 0, 0, 0, {})
        self._restore()

    @property
    def reward_model(self) -> RewardModel:
        """The latest reward model."""
        return self.learned.reward_model

    @property
    def known_reward(self) -> RewardModel | None:
        """The latest reward model that knows of any answers, of this person's or of others'."""
        return self.reward_model if self.done.num_fits or self.prior is not None else None

    def run(self) -> None:
        """Finish every stage that is not finished, saving after each.

        Raises:
            ValueError: if the environment gives NaN or infinity.
            RunError: if the folder cannot be written.
        """
        truncate_metrics(self.folder, self.done.metrics_bytes)
        with FeedbackStore(self.folder / "feedback.sqlite") as store:
            for number in range(self.done.stage, len(self.stages)):
                self._run_stage(number, self.stages[number], store)
                if self.watch:
                    self.watch(self)
        self.recorder.close()

    def _seed(self, stage: int, purpose: Purpose) -> int:
        return stage_seed(self.config.seed, stage, purpose)

    def _rng(self, stage: int, purpose: Purpose) -> np.random.Generator:
        return stage_rng(self.config.seed, stage, purpose)

    def _restore(self) -> None:
        progress = read_progress(self.folder)
        if progress is None:
            return
        if progress.stage > len(self.stages):
            raise RunError(f"{self.folder} has more stages than its configuration; start a new run")
        files = {Path(name).parent.name: name for name in progress.files}
        restore_ppo(self.ppo, read_file(self.folder, progress, files["policy"]))
        self.learned.reward_model = reward_model_from_bytes(
            read_file(self.folder, progress, files["reward"]),
            self.info.observation_space,
            self.info.action_space,
            self.info.observation_names,
        )
        self.pool.restore(read_file(self.folder, progress, files["pool"]))
        self.population = {
            kind: read_file(self.folder, progress, files[kind])
            for kind in (MODELS, POPULATIONS)
            if kind in files
        }
        self.done = progress

    def _run_stage(self, number: int, stage: Stage, store: FeedbackStore) -> None:
        begin = time.perf_counter()
        record = StageRecord()
        env_steps = self.done.env_steps
        if stage.rollouts:
            env_steps += self._train(number, stage, begin, record)
        if number == 0 and self.config.loop.exploration:
            seed, rng = self._seed(number, Purpose.EXPLORE), self._rng(number, Purpose.EXPLORE)
            self.pool.add(explore(self.config, seed=seed, rng=rng))
            env_steps += self.config.loop.exploration
        counts = {"asked": self.done.asked, "labels": self.done.labels}
        if stage.labels:
            asked = self._ask(number, stage, store)
            row = None
            if asked is not None:
                counts["asked"] += len(asked.shown)
                counts["labels"] += asked.num_labels
                row = self._fit(number, asked, store, record)
            if row is not None:
                spent = {"step": env_steps, "seconds": time.perf_counter() - begin}
                record.rows.append(row | counts | spent)
        record.rows += warning_rows(
            record,
            read_metrics(self.folder),
            log_std=mean_log_std(self.ppo),
            informed=bool(self.reward_model.informed),
            progress=(number + 1) / len(self.stages),
            round_number=self.done.num_fits,
            step=env_steps,
        )
        record.rows.append(
            {
                "kind": "stage",
                "stage": number,
                "step": env_steps,
                "gold_return": record.gold_return,
                "kl_per_step": self.penalty.divergence if self.penalty else None,
                "seconds": time.perf_counter() - begin,
            }
        )
        append_metrics(self.folder, record.rows)
        self._save(number, env_steps, counts, self.done.num_fits + bool(stage.labels))

    def _train(self, number: int, stage: Stage, begin: float, record: StageRecord) -> int:
        """Train PPO for the stage's rollouts on freshly seeded environments."""
        steps = stage.rollouts * self.config.ppo.rollout
        self.ppo.set_random_seed(self._seed(number, Purpose.TRAIN))
        self.ppo._last_obs = None  # SB3's own sign that the environments must be reset
        # SB3 would let a schedule run out within every call of learn; here a stage has one rate
        left = 1 - number / len(self.stages)
        self.ppo.lr_schedule = lambda _: learning_rate(self.config.ppo, left)
        first = self.done.env_steps - self.ppo.num_timesteps
        log = RolloutLog(
            self.ppo,
            self.recorder,
            self.info.criteria,
            self.done.num_fits,
            first,
            begin,
            self.progress,
        )
        callbacks: list[BaseCallback] = [log] if self.penalty is None else [self.penalty, log]
        self.ppo.learn(steps, callback=CallbackList(callbacks), reset_num_timesteps=False)
        self.pool.add(self.recorder.trajectories())
        record.rows += log.rows
        if log.gold_returns:
            record.gold_return = float(np.mean(log.gold_returns))
            record.spread = float(np.std(log.gold_returns) / len(log.gold_returns) ** 0.5)
        return steps

    def _ask(self, number: int, stage: Stage, store: FeedbackStore) -> Asked | None:
        model = self.known_reward
        # a killed stage may have stored its answers already: they are not part of its past
        before = read_dataset(store, self.config.reward_model.heads, before_round=number)
        labelled = None if before is None else before.clips(self.config.loop.segment_length)
        pool = self.pool.trajectories
        if model is not None and self.config.loop.on_policy:
            pool = self.pool.newest
        if model is not None and self.config.loop.posterior_draws:
            seed = self._seed(number, Purpose.ASK)
            model = opinions(model, before, self.prior, self.config, seed=seed)
        if self.rater is None:
            assert self.config.people is not None
            policy = trained_policy(self.ppo, deterministic=False)
            return ask_people(
                store,
                self.config,
                self.config.people,
                Behaviour(pool, labelled, model, policy),
                round_number=number,
                num_labels=stage.labels,
                asked_before=self.done.asked,
                labels_before=self.done.labels,
                waiting=self.waiting,
                rng=self._rng(number, Purpose.ASK),
            )
        if isinstance(self.rater, CrowdRater):
            earlier = store.events(up_to_round=number - 1)
            self.rater.recall(Counter(event.rater for event in earlier))
        asked = ask_round(
            pool,
            labelled,
            model,
            self.rater,
            stage.labels,
            self.config.loop,
            heads=self.config.reward_model.heads,
            rng=self._rng(number, Purpose.ASK),
        )
        store_round(store, asked, self.rater, number)
        return asked

    def _fit(
        self, number: int, asked: Asked, store: FeedbackStore, record: StageRecord
    ) -> dict[str, object] | None:
        """Refit the reward model to every answer; the round's metrics, None without an answer."""
        dataset = read_dataset(store, self.config.reward_model.heads, before_round=number + 1)
        if dataset is None:
            return None
        record.tie_rate = asked.rates.tie_rate if asked.rates else 0.0
        found = refit(
            self.known_reward,
            dataset,
            asked,
            self.pool.trajectories,
            self.rater,
            self.config,
            self.inputs,
            self.info.weights,
            prior=self.prior,
            stage=number,
            num_fits=self.done.num_fits,
        )
        if not any(stage.labels for stage in self.stages[number + 1 :]):
            self.population = population_files(dataset, self.config, self.info)
        self.learned.reward_model = found.reward_model
        raise_exploration(self.ppo, self.config.ppo.log_std_floor)
        record.agreement = found.held_out
        if found.calibration is not None:
            record.rows.append(found.calibration)
        return found.round_row

    def _save(self, number: int, env_steps: int, counts: dict[str, int], num_fits: int) -> None:
        upcoming = self.stages[number + 1 :]
        self.pool.forget(upcoming[0].rollouts * self.config.ppo.rollout if upcoming else 0)
        if not any(stage.labels for stage in upcoming):
            self.pool = Pool(self.pool.capacity)
        stem = f"stage-{number + 1:02d}.safetensors"
        files = {
            f"policy/{stem}": ppo_to_bytes(self.ppo),
            f"reward/{stem}": self.reward_model.to_bytes(),
            f"pool/{stem}": self.pool.to_bytes(),
            **{f"{kind}/{stem}": content for kind, content in self.population.items()},
        }
        progress = Progress(
            stage=number + 1,
            env_steps=env_steps,
            asked=counts["asked"],
            labels=counts["labels"],
            num_fits=num_fits,
            metrics_bytes=metrics_size(self.folder),
            files={},
        )
        self.done = write_stage(self.folder, files, progress)
