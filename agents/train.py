"""One call from an environment's name to a policy trained on a person's opinion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from prefgym.agents.config import EnvValue, LoopConfig, PeopleConfig, RunConfig
from prefgym.agents.crowd import DRIVING
from prefgym.agents.loop import PreferenceLoop, silent, unheard
from prefgym.agents.people import Waiting
from prefgym.agents.policies import Policy, trained_policy
from prefgym.agents.ppo import build_ppo
from prefgym.agents.presets import preset
from prefgym.agents.prior import begin_with, find_prior
from prefgym.agents.run import create, read_config, take_back
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.rater import Rater
from prefgym.feedback.reward_model import RewardModel
from prefgym.simulations.drivers import PROFILES
from prefgym.simulations.judges import find_judge
from prefgym.simulations.raters import TEACHERS, find_teacher

PEOPLE_LABELS, PERSONAL_LABELS, CROWD_LABELS = 200, 20, 1000

__all__ = ["TrainedRun", "load_run", "resume", "train", "train_on_gold"]


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run on disk, with its latest policy and reward model in memory."""

    folder: Path
    config: RunConfig
    ppo: PPO
    reward_model: RewardModel
    labels: int
    env_steps: int

    @property
    def policy(self) -> Policy:
        """The trained policy: a batch of observations in, the best actions out."""
        return trained_policy(self.ppo)


def train(
    env_id: str,
    *,
    out: str | Path,
    rater: str | Rater | None = None,
    prior: str | Path | None = None,
    labels: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    env_kwargs: Mapping[str, EnvValue] | None = None,
    config: RunConfig | None = None,
    progress: Callable[[int], None] = silent,
    waiting: Waiting = unheard,
    watch: Callable[["TrainedRun"], None] | None = None,
) -> TrainedRun:
    """Train PPO on a reward model fitted to comparisons; everything is saved under `out`.

    Args:
        env_id: any registered Gymnasium environment.
        out: a new folder for the run.
        rater: the name of a simulated teacher, judge or driver profile, or anyone who answers as
            `Rater` does; None: whom the settings name, real people if `config.people` says how to
            ask them.
        prior: folder of a run that several people answered, or of a saved prior: the reward model
            is then the rater's own on top of what those wanted.
        labels: comparisons to ask for; None: the preset's number.
        steps: environment steps to spend in all; None: the preset's number.
        seed: decides the whole run.
        env_kwargs: keywords of the environment.
        config: full settings in place of the preset's (`labels`, `steps` and `seed` still apply).
        progress: told the environment steps spent so far.
        waiting: told how many of a round's queries real people have answered.
        watch: shown the run as it stands after every stage: a round of labels and a refit, or a
            part of the training that follows the last one.

    Raises:
        ValueError: if a setting does not fit the environment.
        RunError: if `out` holds a run already or cannot be written, or nothing is to be learned
            from `prior`.
    """
    if config is None:
        config = preset(env_id, env_kwargs)
        config = config if prior is None else with_prior(config)
    if isinstance(rater, str):
        config = with_rater(config, rater)
    loop = config.loop
    if labels is not None:
        loop = with_labels(loop, labels)
    if steps is not None:
        loop = replace(loop, steps=steps)
    config = replace(config, loop=loop, seed=seed)
    folder, files = Path(out), dict[str, bytes]()
    if prior is not None:
        setting, files = begin_with(find_prior(Path(prior), config), Path(prior))
        config = replace(config, prior=setting)
    create(folder, config, files)
    try:
        loop_run = PreferenceLoop(
            folder,
            config,
            rater=None if isinstance(rater, str) else rater,
            progress=progress,
            waiting=waiting,
            watch=None if watch is None else lambda loop: watch(_trained(loop)),
        )
    except ValueError:
        take_back(folder, files)
        raise
    loop_run.run()
    return _trained(loop_run)


def with_labels(loop: LoopConfig, labels: int) -> LoopConfig:
    """The same loop for another number of answers, in no more rounds than that."""
    return replace(loop, labels=labels, rounds=max(min(loop.rounds, labels), 1))


def with_rater(config: RunConfig, name: str) -> RunConfig:
    """The same settings for another simulated person: a judge where ratings are asked for.

    Where people drive the name may be a driver profile: the environment's person is then that one,
    who errs as much as the teacher "noisy" does.

    Raises:
        ValueError: if nobody of that name answers such questions, or the environment's settings
            name another profile.
    """
    if config.loop.feedback == "rating":
        return replace(config, judge=find_judge(name))
    if config.env_id != DRIVING or name in TEACHERS:
        return replace(config, teacher=find_teacher(name))
    if name not in PROFILES:
        raise ValueError(
            f"rater must be one of the teachers {', '.join(TEACHERS)}, "
            f"or of the driver profiles {', '.join(PROFILES)}, got {name!r}"
        )
    profile = config.env_kwargs.get("profile", name)
    if profile != name:
        raise ValueError(f"rater {name!r} and the environment's profile {profile!r} differ")
    kwargs = {**config.env_kwargs, "profile": name}
    return replace(config, env_kwargs=kwargs, teacher=replace(TEACHERS["noisy"], name=name))


def with_people(config: RunConfig) -> RunConfig:
    """The same settings for real people, who are asked for no more than an hour's answers."""
    loop = replace(config.loop, labels=min(config.loop.labels, PEOPLE_LABELS))
    return replace(config, people=PeopleConfig(), loop=loop)


def with_prior(config: RunConfig) -> RunConfig:
    """The same settings for a person of whom much is known from others: few, chosen questions."""
    labels = min(config.loop.labels, PERSONAL_LABELS)
    loop = replace(
        config.loop,
        labels=labels,
        rounds=min(config.loop.rounds, 4, labels),
        selection="bald",
        batch="spread",
        posterior_draws=32,
    )
    return replace(config, loop=loop)


def with_drivers(config: RunConfig) -> RunConfig:
    """The same settings for a crowd of drivers, each of whom has to be asked a few times."""
    return replace(config, loop=replace(config.loop, labels=CROWD_LABELS))


def rater_name(config: RunConfig) -> str:
    """Who answers by these settings."""
    if config.people is not None:
        return "people"
    if config.crowd is not None:
        return f"{config.crowd.name}-of-{config.crowd.num_raters}"
    return config.judge.name if config.loop.feedback == "rating" else config.teacher.name


def resume(
    folder: str | Path,
    *,
    rater: Rater | None = None,
    progress: Callable[[int], None] = silent,
    waiting: Waiting = unheard,
) -> TrainedRun:
    """Continue a run that was stopped or killed, to the same bytes as an undisturbed one.

    Raises:
        RunError: if the folder is not a run, damaged, or newer than this version.
    """
    config = read_config(Path(folder))
    loop = PreferenceLoop(Path(folder), config, rater=rater, progress=progress, waiting=waiting)
    loop.run()
    return _trained(loop)


def load_run(folder: str | Path) -> TrainedRun:
    """A run as it stands, without continuing it.

    Raises:
        RunError: if the folder is not a run, damaged, or newer than this version.
    """
    return _trained(PreferenceLoop(Path(folder), read_config(Path(folder))))


def _trained(loop: PreferenceLoop) -> TrainedRun:
    return TrainedRun(
        loop.folder,
        loop.config,
        loop.ppo,
        loop.reward_model,
        loop.done.labels,
        loop.done.env_steps,
    )


def train_on_gold(config: RunConfig, *, steps: int, seed: int) -> PPO:
    """PPO on the gold reward itself: the oracle that a learned reward is measured against.

    Our own criteria lie in [-1, 0]. The reward of any other environment can have any size, where
    a learned reward is in standard units: it is divided by the SD of its running return.
    """
    venv = make_vec_env(config.env_id, config.env_kwargs, config.ppo.num_envs)
    info = describe(config.env_id, config.env_kwargs)
    if not info.own_criteria:
        venv = VecNormalize(venv, norm_obs=False, gamma=config.ppo.gamma)
    ppo = build_ppo(config.ppo, venv, info.candidates, seed=seed)
    ppo.learn(steps // config.ppo.rollout * config.ppo.rollout)
    return ppo
