"""The configuration of a run: frozen dataclasses with defaults that work, saved as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Literal, get_args, get_type_hints

from prefgym.feedback.batching import Batch
from prefgym.feedback.crowd import CrowdConfig as RaterModelConfig
from prefgym.feedback.fit import FitConfig
from prefgym.feedback.posted_query import KINDS, MAX_RANKED, QueryKind
from prefgym.feedback.reward_model import RewardModelConfig
from prefgym.feedback.selection import Selection
from prefgym.simulations.crowds import CrowdConfig
from prefgym.simulations.judges import EXPERT, Judge
from prefgym.simulations.raters import Teacher

EnvValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PPOConfig:
    """Stable-Baselines3 PPO. `log_std_floor`: exploration is raised to it at every new reward.

    The learning rate falls linearly over a run to `final_rate` times `learning_rate`.
    `kl_penalty`: price of moving away from the starting policy, per nat; 0 only measures how far
    it has moved, None does not.
    """

    num_envs: int = 16
    num_steps: int = 128
    batch_size: int = 256
    num_epochs: int = 10
    learning_rate: float = 1e-3
    final_rate: float = 1.0
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    entropy: float = 0.0
    hidden: tuple[int, ...] = (64, 64)
    policy: Literal["mlp", "shared-scorer"] = "mlp"
    normalise_observations: bool = False
    log_std_floor: float | None = 0.0
    kl_penalty: float | None = None

    @property
    def rollout(self) -> int:
        """Environment steps between two updates."""
        return self.num_envs * self.num_steps


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How labels and environment steps are spent.

    `rounds` label rounds are spread evenly from the end of the warm-up to `label_fraction` of all
    steps; the first gets `first_share` of the labels. `explore` names the behaviour that the
    first round also shows: "none", "held" (random actions held for random times), "styles" (the
    environment's own diverse behaviours) or "entropy" (a PPO that learns to meet new states) in
    `explore_envs` environments; its `explore_steps` count towards `steps`. Queries are cut from
    the latest `pool_steps`; `old_share` of the partners are segments labelled before.
    `whole_episodes` asks about episodes from their beginning to their true end, which must come
    within `segment_length` steps. `feedback` is what is asked: which of two is better, or how good
    one is on each of the reward model's heads.

    `selection` is what makes a query worth asking and `batch` what keeps a round from asking the
    same ten times. `posterior_draws`: active methods look at so many draws from the posterior of
    a linear reward model in place of its few members; 0: at the members. `on_policy` cuts queries
    from the newest recording alone, once there is a reward model: what the policy no longer does
    need not be judged (as PoLiCER and QPA have it).
    """

    labels: int = 200
    steps: int = 100_000
    rounds: int = 5
    first_share: float = 1 / 3
    warmup_steps: int = 8192
    label_fraction: float = 0.45
    segment_length: int = 25
    whole_episodes: bool = False
    feedback: Literal["comparison", "rating"] = "comparison"
    anchored_share: float = 0.5
    old_share: float = 0.5
    pool_steps: int = 16_384
    candidates: int = 10
    selection: Selection = "uniform"
    batch: Batch = "top"
    posterior_draws: int = 0
    on_policy: bool = False
    explore: Literal["none", "held", "styles", "entropy"] = "held"
    explore_envs: int = 16
    explore_steps: int = 8000
    held_out: int = 500

    @property
    def exploration(self) -> int:
        """Environment steps of the exploring behaviour, the same number in each environment."""
        per_env = self.explore_steps // self.explore_envs
        return 0 if self.explore == "none" else per_env * self.explore_envs

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= max(self.labels, 1):
            raise ValueError(f"rounds must be in [1, labels = {self.labels}], got {self.rounds}")
        if self.labels < 1:
            raise ValueError(f"labels must be at least 1, got {self.labels}")
        if not 0 < self.first_share <= 1 or not 0 <= self.label_fraction <= 1:
            raise ValueError("first_share must be in (0, 1] and label_fraction in [0, 1]")
        if self.segment_length < 1:
            raise ValueError(f"segment_length must be at least 1, got {self.segment_length}")
        if self.posterior_draws < 0:
            raise ValueError(f"posterior_draws must be at least 0, got {self.posterior_draws}")


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """How real people are asked, where they answer instead of a simulated one.

    A round is over when all its queries are answered, or when nobody has answered for `timeout`
    seconds; what is answered later counts from the next round on. The very first answer is waited
    for however long it takes. `kinds` are asked in turn, each for its share of people's time; no
    kinds: as `feedback` of the loop says; no shares: those that were measured to teach most
    (`time_shares.SHARES`). `overlap` people answer every query. A ranking is of `num_ranked`
    segments. `gold_share` of the comparisons have one side that is better on every criterion:
    they tell who pays no attention.
    """

    timeout: float = 600.0
    kinds: tuple[QueryKind, ...] = ()
    shares: tuple[float, ...] = ()
    overlap: int = 1
    num_ranked: int = 4
    gold_share: float = 0.04

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"kinds must be of {', '.join(KINDS)}, got {', '.join(unknown)}")
        if self.shares and (len(self.shares) != len(self.kinds) or min(self.shares) <= 0):
            raise ValueError(
                f"shares must be a positive number for each of the kinds ({len(self.kinds)}), "
                f"got {', '.join(f'{share:g}' for share in self.shares)}"
            )
        if not 0 <= self.gold_share < 1:
            raise ValueError(f"gold_share must be in [0, 1), got {self.gold_share}")
        if self.timeout < 0 or self.overlap < 1 or not 2 <= self.num_ranked <= MAX_RANKED:
            raise ValueError(
                f"timeout must be >= 0, overlap >= 1 and num_ranked in [2, {MAX_RANKED}], got "
                f"{self.timeout}, {self.overlap} and {self.num_ranked}"
            )


@dataclass(frozen=True, slots=True)
class PriorConfig:
    """What others wanted before this person was asked: a prior that lies in the run's folder.

    `source` says where it was taken from, `digest` is the SHA-256 of its files.
    """

    source: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that decides a run; with `people`, all but what they answer, and when.

    With a `crowd`, many simulated people answer in place of the one `teacher` or `judge`.
    `rater_model`: what is learned beside the reward of everyone who compares, simulated or real;
    None: all are taken at their word. With a `prior` the reward model is one person's own on top of
    what others wanted.
    """

    env_id: str
    env_kwargs: Mapping[str, EnvValue] = field(default_factory=dict)
    seed: int = 0
    teacher: Teacher = field(default_factory=lambda: Teacher("oracle"))
    judge: Judge = EXPERT
    loop: LoopConfig = field(default_factory=LoopConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    reward_model: RewardModelConfig = field(default_factory=RewardModelConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    people: PeopleConfig | None = None
    crowd: CrowdConfig | None = None
    rater_model: RaterModelConfig | None = None
    prior: PriorConfig | None = None

    def __post_init__(self) -> None:
        if self.rater_model and self.loop.feedback == "rating" and self.people is None:
            raise ValueError(
                "a rater_model is learned from comparisons, but loop.feedback is 'rating'; "
                "set it to 'comparison', or leave out the rater_model"
            )
        if self.prior is not None and self.crowd is not None:
            raise ValueError("a prior is for a model of one person's own: leave out the crowd")
        if self.prior is not None and self.rater_model is not None:
            raise ValueError(
                "a rater_model tells raters apart, but a prior is for a model of one person's "
                "own: leave out the rater_model"
            )


def to_json(config: RunConfig) -> dict[str, object]:
    """The configuration as plain JSON values; infinity becomes the string "inf"."""
    return {name: _plain(value) for name, value in asdict(config).items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return "inf" if value == float("inf") else value


def from_json(values: Mapping[str, object]) -> RunConfig:
    """The inverse of `to_json`.

    Raises:
        ValueError: if a setting is unknown, missing or not allowed.
    """
    known = {field.name for field in fields(RunConfig)}
    config = _build(RunConfig, {name: part for name, part in values.items() if name in known})
    assert isinstance(config, RunConfig)
    return config


def _build(kind: type, values: Mapping[str, object]) -> object:
    """A dataclass from JSON values, dataclass fields and tuples included."""
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(f"{kind.__name__} has no setting {', '.join(unknown)}")
    made: dict[str, object] = {}
    for name, value in values.items():
        kinds = [kind for kind in (hints[name], *get_args(hints[name])) if is_dataclass(kind)]
        if kinds and isinstance(value, Mapping):
            (kind_of_part,) = kinds
            assert isinstance(kind_of_part, type)
            made[name] = _build(kind_of_part, value)
        elif isinstance(value, list):
            made[name] = tuple(value)
        else:
            made[name] = float("inf") if value == "inf" else value
    return kind(**made)
