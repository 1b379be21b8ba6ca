"""The command line: `prefgym demo | envs | train | label | evaluate | report | ...`."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import torch
import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from prefgym.agents import benchmark, exchange_commands, label_command
from prefgym.agents.beside import write_beside
from prefgym.agents.cli_options import (
    DemoOptions,
    EvaluateOptions,
    ReportOptions,
    ResumeOptions,
    SummarizeOptions,
    TrainOptions,
    default_config,
    run_config,
    split_env_kwargs,
    train_options,
)
from prefgym.agents.config import RunConfig
from prefgym.agents.finish import evaluate_config, finish
from prefgym.agents.people import Waiting
from prefgym.agents.presets import preset
from prefgym.agents.report import write_report
from prefgym.agents.run import RunError, read_config, read_metrics
from prefgym.agents.summarize import summarize
from prefgym.agents.train import (
    TrainedRun,
    load_run,
    rater_name,
    resume,
    train,
    with_rater,
)
from prefgym.agents.vec_env import describe

# wide enough for the tables where the output is a file or a pipe
console = Console(width=None if sys.stdout.isatty() else 140)
USAGE = """usage: prefgym COMMAND [options]

  demo       teach a driver from 200 comparisons, print a table, write a report
  envs       list the environments
  train      train on anyone's opinion:  prefgym train ENV_ID --rater noisy --labels 200
             or on one's own on top of others':  --rater hurried --prior RUN
  label      answer questions in a browser:  prefgym label RUN, or --demo driving to try it
  export     write a store's answers as JSON lines, TRL rows or Parquet, and
  import     read the JSON lines into a store
  evaluate   measure a run's policy on held-out episodes
  report     write a run's report.html again:  prefgym report RUN --beside OTHER_RUN
  summarize  let a run's policy summarise your text:  prefgym summarize FILE --run RUN
  benchmark  driving | control | speed | resume | teachers

prefgym COMMAND --help tells the options of each."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exit code 0 on success, 1 on a clear error, 130 on Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return
    if words[0] not in RUN:
        print(f"{USAGE}\n\nerror: unknown command {words[0]!r}", file=sys.stderr)
        raise SystemExit(2)
    # one thread: as fast at these sizes, and sums do not depend on the machine's cores
    torch.set_num_threads(1)
    try:
        RUN[words[0]](words[1:])
    except (RunError, ValueError, OSError) as error:
        text = f"[bold red]error:[/] {escape(str(error))}"
        Console(stderr=True).print(text, markup=True, highlight=False)
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        print("\nstopped; finished stages are saved: prefgym train --resume RUN", file=sys.stderr)
        raise SystemExit(130) from error


def _demo(words: list[str]) -> None:
    options = tyro.cli(DemoOptions, args=words, prog="prefgym demo")
    folder = options.out or _free(Path("runs/demo"))
    config = preset("prefgym/Driving-v0", {"profile": options.profile})
    config = replace(with_rater(config, options.rater), seed=options.seed)
    console.print(
        f"A simulated {options.profile} person compares {config.loop.labels} pairs of "
        f"{config.loop.segment_length / 2:.0f}-second clips; PPO learns from the answers alone."
    )
    console.print("[dim]the first run on a machine compiles the simulator, about 15 s[/]")
    _train_and_finish(config, folder, options.gold_steps)


def _train_and_finish(
    config: RunConfig, folder: Path, gold_steps: int, prior: Path | None = None
) -> None:
    """Train under a progress bar, then evaluate and report."""
    run = _with_progress(
        "learning from answers",
        config.loop.steps,
        lambda told, waiting: train(
            config.env_id,
            out=folder,
            prior=prior,
            seed=config.seed,
            config=config,
            progress=told,
            waiting=waiting,
        ),
    )
    _finish(run, gold_steps)


def _envs(words: list[str]) -> None:
    tyro.cli(_list_envs, args=words, prog="prefgym envs")


def _list_envs() -> None:
    """List the environments of prefgym; train takes any other Gymnasium id as well."""
    table = Table("environment", "observation", "action", "criteria")
    for env_id in sorted(name for name in gym.registry if name.startswith("prefgym/")):
        info = describe(env_id, {})
        shape, actions = str(info.observation_space.shape), str(info.action_space)
        table.add_row(env_id, shape, actions, ", ".join(info.criteria))
    console.print(table)
    console.print("Any other Gymnasium environment can be trained too; its own reward is the gold.")


def _train(words: list[str]) -> None:
    env_kwargs, words = split_env_kwargs(words)
    if any(word.split("=")[0] == "--resume" for word in words):
        again = tyro.cli(ResumeOptions, args=words, prog="prefgym train")
        total = read_config(again.resume).loop.steps
        run = _with_progress(
            "resuming",
            total,
            lambda told, waiting: resume(again.resume, progress=told, waiting=waiting),
        )
        _finish(run, again.gold_steps)
        return
    named = bool(words) and not words[0].startswith("-")
    default = TrainOptions("ENV_ID")
    if named:
        default = train_options(default_config(words, env_kwargs))
    options = tyro.cli(TrainOptions, args=words, default=default, prog="prefgym train")
    config = run_config(options, env_kwargs)
    name = f"{options.env_id.split('/')[-1]}-{rater_name(config)}-{options.seed}"
    folder = options.out or _free(Path("runs") / name)
    console.print(f"run folder: {folder}")
    if options.human:
        console.print(f"people answer at the page of this command:  prefgym label {folder}")
    _train_and_finish(config, folder, options.gold_steps, options.prior)


def _evaluate(words: list[str]) -> None:
    options = tyro.cli(EvaluateOptions, args=words, prog="prefgym evaluate")
    run = load_run(options.run)
    info = describe(run.config.env_id, run.config.env_kwargs)
    found = evaluate_config(
        run.config, run.policy, info, kwargs=run.config.env_kwargs, episodes=options.episodes
    )
    console.print(
        f"gold return {found.mean:.4g} +- {found.standard_error:.2g} (standard error) over "
        f"{len(found.returns)} episodes of {found.lengths.mean():.0f} steps"
    )
    for name, value in zip(info.criteria, found.criteria, strict=True):
        console.print(f"  {name}: {value:.4g} per step")


def _report(words: list[str]) -> None:
    options = tyro.cli(ReportOptions, args=words, prog="prefgym report")
    if options.beside is not None:
        write_beside(load_run(options.run), load_run(options.beside))
    console.print(f"report: {write_report(options.run)}")


def _summarize(words: list[str]) -> None:
    options = tyro.cli(SummarizeOptions, args=words, prog="prefgym summarize")
    found = summarize(load_run(options.run), options.text, budget=options.budget)
    for name, summary in found:
        if len(found) > 1:
            console.print(f"[bold]{name}[/]", highlight=False)
        console.print(summary, markup=False, highlight=False)


def _finish(run: TrainedRun, gold_steps: int) -> None:
    """Evaluate, report, and print what came of it."""
    path = finish(run, gold_steps=gold_steps, say=lambda text: console.print(f"[dim]{text}[/]"))
    rows = read_metrics(run.folder)
    criteria = describe(run.config.env_id, run.config.env_kwargs).criteria
    table = Table("policy", "gold return", *criteria, "labels", "steps", "seconds")
    for row in rows:
        if row["kind"] != "evaluation":
            continue
        values = row["criteria"]
        assert isinstance(values, dict)
        table.add_row(
            str(row["name"]),
            f"{row['gold_return']:.2f} ± {row['gold_return_se']:.2f}",
            *(f"{values[name]:.3f}" for name in criteria),
            *(
                "" if row[key] is None else f"{row[key]:.0f}"
                for key in ("labels", "steps", "seconds")
            ),
        )
    console.print(table)
    for row in rows:
        if row["kind"] == "warning":
            console.print(f"[yellow]warning at step {row['step']}: {row['message']}[/]")
    console.print(f"report: {path}")


def _with_progress(
    title: str, total: int, work: Callable[[Callable[[int], None], Waiting], TrainedRun]
) -> TrainedRun:
    """Do the work under a progress bar over environment steps, and one of answers waited for."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total)
        answers = bar.add_task("answers of this round", visible=False)
        return work(
            lambda step: bar.update(task, completed=step),
            lambda done, asked: bar.update(answers, completed=done, total=asked, visible=True),
        )


def _free(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3 ... that does not exist."""
    number, free = 2, folder
    while free.exists():
        free, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return free


RUN: dict[str, Callable[[list[str]], None]] = {
    "demo": _demo,
    "envs": _envs,
    "train": _train,
    "label": label_command.main,
    "export": exchange_commands.export,
    "import": exchange_commands.import_,
    "evaluate": _evaluate,
    "report": _report,
    "summarize": _summarize,
    "benchmark": benchmark.main,
}
