"""What the commands of the command line take: a frozen dataclass for each, read by tyro."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from prefgym.agents.config import EnvValue, LoopConfig, PeopleConfig, PPOConfig, RunConfig
from prefgym.agents.presets import preset
from prefgym.agents.questions import asked_kinds
from prefgym.agents.train import (
    rater_name,
    with_drivers,
    with_labels,
    with_people,
    with_prior,
    with_rater,
)
from prefgym.feedback.crowd import CrowdConfig as RaterModelConfig
from prefgym.feedback.crowd import Reliability
from prefgym.feedback.fit import FitConfig
from prefgym.feedback.posted_query import QueryKind
from prefgym.feedback.reward_model import RewardModelConfig
from prefgym.simulations.crowds import BadName, CrowdConfig, CrowdName


@dataclass(frozen=True)
class TrainOptions:
    """Train PPO on a reward model fitted to comparisons.

    `--env.KEY VALUE` passes any keyword to the environment, for example
    `--env.profile hurried` or `--env.traffic us101.csv`.
    """

    env_id: Annotated[str, tyro.conf.Positional]
    """Any registered Gymnasium id, or module:id."""
    rater: str = "oracle"
    """The simulated person who answers: a teacher, a judge where ratings are asked for, or a
    driver profile (comfort-first, hurried, safety-first, courteous), who errs as noisy does."""
    prior: Path | None = None
    """A run that several people answered, or the folder of a saved prior: the reward model is the
    rater's own on top of what those wanted. 20 answers then do; they are the default."""
    labels: int | None = None
    """Answers to ask for; default: what loop.labels says: 20 with --prior, 1000 of drivers."""
    crowd: CrowdName | None = None
    """Many people answer: experts, crowd workers, a mixed crowd of people like the rater and some
    who are no help, or drivers who each want something of their own: of the published range, or
    diverse ones who are each like one of the four profiles."""
    crowd_raters: int = 20
    """How many they are."""
    crowd_bad_share: float = 0.3
    """Share of a mixed crowd who are no help."""
    crowd_bad: tuple[BadName, ...] = ("adversary",)
    """What kinds of no help, in equal shares."""
    crowd_groups: bool = False
    """Whether they are of two cultures that want different things."""
    rater_model: Reliability | None = None
    """Learn beside the reward how far each of those who compare can be trusted."""
    seed: int = 0
    out: Path | None = None
    """A new folder for the run; default: runs/<environment>-<rater>-<seed>."""
    gold_steps: int = 0
    """Also train PPO on the gold reward for so many steps, as the oracle to compare with."""
    human: bool = False
    """Ask real people, who answer at the page that `prefgym label RUN` serves."""
    human_timeout: float = 600.0
    """Seconds without an answer after which a round goes on with what has been answered."""
    human_kinds: tuple[QueryKind, ...] = ()
    """What to ask people; default: what the environment's settings ask."""
    human_shares: tuple[float, ...] = ()
    """Share of people's time for each of these kinds; default: as was measured to teach most."""
    human_overlap: int = 1
    """How many people answer each query."""
    loop: LoopConfig = field(default_factory=LoopConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    reward_model: RewardModelConfig = field(default_factory=RewardModelConfig)
    fit: FitConfig = field(default_factory=FitConfig)


@dataclass(frozen=True)
class ResumeOptions:
    """Continue a run that was stopped or killed, to the same bytes as an undisturbed one."""

    resume: Path
    """The run folder."""
    gold_steps: int = 0
    """Also train PPO on the gold reward for so many steps, as the oracle to compare with."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure a run's policy on held-out episodes."""

    run: Annotated[Path, tyro.conf.Positional]
    episodes: int = 256


@dataclass(frozen=True)
class ReportOptions:
    """Write a run's report.html again."""

    run: Annotated[Path, tyro.conf.Positional]
    beside: Path | None = None
    """Another run of the same environment: the report also shows both policies on the same road."""


@dataclass(frozen=True)
class SummarizeOptions:
    """Let the policy of a text run summarise a text of your own, in any language.

    There is no gold for it: nobody has said what the text's facts are.
    """

    text: Annotated[str, tyro.conf.Positional]
    """A file, a folder of .txt and .md files, or the text itself."""
    run: Path = Path("runs/TextSummary-v0-expert-0")
    """A run folder of prefgym/TextSummary-v0; articles teach summaries, sunsets descriptions."""
    budget: int = 0
    """Sentences a summary may have; 0: four."""


@dataclass(frozen=True)
class DemoOptions:
    """Teach a driver from 200 comparisons by a simulated person who puts safety first."""

    out: Path | None = None
    """A new folder for the run; default: runs/demo, or runs/demo-2 ... where that exists."""
    seed: int = 0
    profile: str = "safety-first"
    """comfort-first, hurried, safety-first or courteous."""
    rater: str = "oracle"
    gold_steps: int = 480_000
    """Environment steps of PPO on the gold reward, the oracle."""


def default_config(words: Sequence[str], env_kwargs: Mapping[str, EnvValue]) -> RunConfig:
    """The settings from which the options start: the preset, and what goes with whom is asked.

    Raises:
        ValueError: if the environment is unknown or does not accept the keywords.
    """
    config = preset(words[0], env_kwargs)
    told = " ".join(words).replace("=", " ")
    if "--human" in words:
        config = with_people(config)
    if "--crowd drivers" in told or "--crowd diverse-drivers" in told:
        config = with_drivers(config)
    return with_prior(config) if "--prior " in told else config


def train_options(config: RunConfig) -> TrainOptions:
    """The options that give this configuration, where its environment is named."""
    return TrainOptions(
        "",
        human=config.people is not None,
        rater=rater_name(config),
        loop=config.loop,
        ppo=config.ppo,
        reward_model=config.reward_model,
        fit=config.fit,
    )


def run_config(options: TrainOptions, env_kwargs: Mapping[str, EnvValue]) -> RunConfig:
    """The configuration that the options ask for.

    Raises:
        ValueError: if nobody called `options.rater` answers such questions, or a crowd is to have
            a model of one person's own.
    """
    if options.prior is not None and options.crowd is not None:
        raise ValueError("--prior is for a model of one person's own: leave out --crowd")
    loop = options.loop
    if options.labels is not None:
        loop = with_labels(loop, options.labels)
    config = RunConfig(
        env_id=options.env_id,
        env_kwargs=env_kwargs,
        seed=options.seed,
        loop=loop,
        ppo=options.ppo,
        reward_model=options.reward_model,
        fit=options.fit,
        rater_model=RaterModelConfig(options.rater_model) if options.rater_model else None,
    )
    if not options.human:
        return replace(with_rater(config, options.rater), crowd=_crowd(options))
    people = PeopleConfig(
        timeout=options.human_timeout,
        kinds=options.human_kinds,
        shares=options.human_shares,
        overlap=options.human_overlap,
    )
    asked_kinds(config, people)
    return replace(config, people=people)


def _crowd(options: TrainOptions) -> CrowdConfig | None:
    if options.crowd is None:
        return None
    return CrowdConfig(
        options.crowd,
        num_raters=options.crowd_raters,
        bad_share=options.crowd_bad_share,
        bad=options.crowd_bad,
        groups=options.crowd_groups,
    )


def split_env_kwargs(words: list[str]) -> tuple[dict[str, EnvValue], list[str]]:
    """Keywords of the environment (`--env.KEY VALUE`, `--env.KEY=VALUE`), and the other words.

    Raises:
        ValueError: if a keyword has no value.
    """
    kwargs: dict[str, EnvValue] = {}
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("--env."):
            rest.append(word)
            continue
        name, equals, value = word[6:].partition("=")
        if not equals:
            if not queue:
                raise ValueError(f"--env.{name} must be followed by a value")
            value = queue.pop(0)
        try:
            kwargs[name.replace("-", "_")] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            kwargs[name.replace("-", "_")] = value
    return kwargs, rest
