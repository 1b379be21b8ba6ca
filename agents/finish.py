"""What a finished run adds: evaluations beside the baselines, clips, traffic, the report."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO

from prefgym.agents.beside import write_beside_source
from prefgym.agents.clips import write_clips
from prefgym.agents.config import EnvValue, RunConfig
from prefgym.agents.evaluate import EVALUATION_SEED, Evaluation, evaluate
from prefgym.agents.policies import Policy, random_policy, trained_policy
from prefgym.agents.presets import BASELINES
from prefgym.agents.report import write_report
from prefgym.agents.report_panels import LEARNED, ORACLE, RANDOM
from prefgym.agents.run import append_metrics, read_metrics, read_progress, truncate_metrics
from prefgym.agents.train import TrainedRun, train_on_gold
from prefgym.agents.vec_env import EnvInfo, describe, make_vec_env
from prefgym.simulations.following import Following, following
from prefgym.simulations.recorded import following_statistics, load_recorded
from prefgym.simulations.traffic_layout import LANE_WIDTH

NUM_ENVS = 64
MAX_SAMPLES = 4000  # of a histogram, kept in the metrics
DECISION_TIME = 0.5  # [s]

Say = Callable[[str], None]


def finish(
    run: TrainedRun, *, gold_steps: int = 0, episodes: int = 128, say: Say = lambda text: None
) -> Path:
    """Evaluate a run beside its baselines, record clips, and write the report.

    Repeating it replaces what it wrote before.

    Args:
        run: the finished run.
        gold_steps: environment steps for PPO on the gold reward, the oracle; 0: no oracle.
        episodes: whole episodes per evaluation, from the same held-out starts for all.
        say: told what happens.

    Returns:
        The path of the report.
    """
    progress = read_progress(run.folder)
    assert progress is not None
    truncate_metrics(run.folder, progress.metrics_bytes)
    info = describe(run.config.env_id, run.config.env_kwargs)
    policies: dict[str, Policy] = {}
    rows: list[dict[str, object]] = []

    def record(
        name: str,
        policy: Policy,
        kwargs: Mapping[str, EnvValue],
        labels: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
    ) -> None:
        say(f"evaluating {name}")
        found = evaluate_config(run.config, policy, info, kwargs=kwargs, episodes=episodes)
        rows.append(found.row(name, info, labels=labels, steps=steps, seconds=seconds))

    kwargs = run.config.env_kwargs
    rng = np.random.default_rng(EVALUATION_SEED)
    anything = random_policy(info.action_space, min(NUM_ENVS, episodes), rng=rng)
    record(RANDOM, anything, kwargs)
    if run.config.env_id in BASELINES:
        name, changed = BASELINES[run.config.env_id]
        record(name, anything, {**kwargs, **changed})
    if gold_steps:
        say(f"training {ORACLE} for {gold_steps} steps")
        oracle, seconds = timed_gold(run.config, gold_steps)
        steps = oracle.num_timesteps
        record(ORACLE, trained_policy(oracle), kwargs, steps=steps, seconds=seconds)
        policies[ORACLE] = trained_policy(oracle)
    spent = sum(
        float(str(row["seconds"])) for row in read_metrics(run.folder) if row["kind"] == "stage"
    )
    record(LEARNED, run.policy, kwargs, run.labels, run.env_steps, spent)
    if kwargs.get("traffic"):
        say("comparing simulated with recorded traffic")
        rows.append(traffic_row(run.config))
    append_metrics(run.folder, rows)
    say("recording clips")
    single = random_policy(info.action_space, 1, rng=rng)
    write_clips(run.folder / "clips", run.config, {RANDOM: single, **policies, LEARNED: run.policy})
    if write_beside_source(run):
        say("set beside the policy for everyone")
    return write_report(run.folder)


def evaluate_config(
    config: RunConfig,
    policy: Policy,
    info: EnvInfo,
    *,
    kwargs: Mapping[str, EnvValue],
    episodes: int,
) -> Evaluation:
    """Gold return of a policy in the environment of a configuration."""
    num_envs = min(NUM_ENVS, episodes)
    return evaluate(policy, config.env_id, kwargs, info, num_episodes=episodes, num_envs=num_envs)


def timed_gold(config: RunConfig, steps: int) -> tuple[PPO, float]:
    """PPO on gold, and the seconds it took."""
    begin = time.perf_counter()
    oracle = train_on_gold(config, steps=steps, seed=config.seed)
    return oracle, time.perf_counter() - begin


def traffic_row(config: RunConfig) -> dict[str, object]:
    """Time gaps and accelerations of simulated traffic beside the recorded traffic it began as.

    Both are measured by the same function, on speeds averaged over a second.
    """
    recorded = following_statistics(load_recorded(str(config.env_kwargs["traffic"])))
    simulated = simulated_following(config)
    rng = np.random.default_rng(0)

    def samples(values: np.ndarray) -> list[float]:
        chosen = values if len(values) <= MAX_SAMPLES else rng.choice(values, MAX_SAMPLES)
        return np.round(chosen, 4).tolist()

    return {
        "kind": "traffic",
        "time_gap": {
            "simulated": samples(simulated.time_gap),
            "recorded": samples(recorded.time_gap),
        },
        "acceleration": {
            "simulated": samples(simulated.acceleration),
            "recorded": samples(recorded.acceleration),
        },
    }


def simulated_following(config: RunConfig, *, num_envs: int = 16, num_steps: int = 20) -> Following:
    """How the simulated traffic follows, with an IDM driver as the ego."""
    venv = make_vec_env(config.env_id, {**config.env_kwargs, "driver": "idm"}, num_envs)
    venv.seed(EVALUATION_SEED)
    venv.reset()
    rng = np.random.default_rng(0)
    anything = random_policy(venv.action_space, num_envs, rng=rng)
    states = []
    for _ in range(num_steps):
        _, _, _, infos = venv.step(anything(None))
        states.append(np.stack([info["state"] for info in infos]))
    venv.close()
    table = np.stack(states).astype(np.float64)
    x, y, speed, length = np.moveaxis(table, -1, 0)
    lane = np.round(y / LANE_WIDTH)
    parts = [
        following(x[:, i, 1:], lane[:, i, 1:], speed[:, i, 1:], length[:, i, 1:], DECISION_TIME)
        for i in range(num_envs)
    ]
    return Following(*(np.concatenate(samples) for samples in zip(*parts, strict=True)))
