"""Five rounds of ratings on the shipped texts: gold on held-out sources after each."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.config import EnvValue
from prefgym.agents.policies import Policy
from prefgym.agents.presets import preset
from prefgym.agents.run import read_metrics
from prefgym.agents.summarize import summarize
from prefgym.agents.train import TrainedRun, train
from prefgym.agents.writer import ENV_ID, value_by
from prefgym.envs.text_summary import TextConfig
from prefgym.simulations.corpora import LANGUAGES, Corpus, Split
from prefgym.simulations.playback import Played, play, write
from prefgym.simulations.reading import Reading
from prefgym.simulations.summarizers import (
    Picks,
    best_of,
    greedy,
    lead,
    lexrank,
    most_central,
    random_picks,
)
from prefgym.simulations.text_gold import OVERALL

NUM_SAMPLES = 64
NUM_SHOWN = 5


def measure(cell: Cell) -> Result:
    """Train as `prefgym train` does; measure every source of the test split once per round."""
    corpus: Corpus = "sunsets" if cell["corpus"] == "sunsets" else "articles"
    language, seed = str(cell["language"]), int(cell["seed"])
    kwargs: dict[str, EnvValue] = {"corpus": corpus, "language": language}
    if cell["units"] == "own sentences":
        kwargs["rewrites"] = False
    config = preset(ENV_ID, kwargs)
    test = held_out(kwargs, language, "test")
    looks: list[Played] = []
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            ENV_ID,
            out=Path(folder) / "run",
            seed=seed,
            config=config,
            watch=lambda run: looks.append(written(test, run.policy)),
        )
        rows = read_metrics(trained.folder)
        own = {text: summarize(trained, text) for text in cell_texts(cell)}
    rounds = config.loop.rounds
    by_round = [*looks[:rounds], looks[-1]]
    result: Result = {
        "gold": [float(look.criteria[:, OVERALL].mean()) for look in by_round],
        "criteria": by_round[-1].criteria.mean(axis=0).tolist(),
        "before": texts(test, by_round[0]),
        "after": texts(test, by_round[-1]),
        "seconds": sum(float(str(row["seconds"])) for row in rows if row["kind"] == "stage"),
        "answers": trained.labels,
        "steps": trained.env_steps,
        "baselines": baselines(test, trained, seed=seed),
        "by_language": {name: transfer(trained, kwargs, name, seed=seed) for name in LANGUAGES},
        "own": own,
    }
    if corpus == "articles":
        topic = written(held_out(kwargs, language, "topic"), trained.policy)
        result["topic"] = float(topic.criteria[:, OVERALL].mean())
    return result


def held_out(kwargs: dict[str, EnvValue], language: str, split: Split) -> Reading:
    """One reader for every source of a split."""
    config = replace(TextConfig(**kwargs), language=language, split=split)  # type: ignore[arg-type]
    return config.reading(len(config.sources()))


def written(reading: Reading, policy: Policy) -> Played:
    """Every source once."""
    return write(reading, np.arange(len(reading.texts)), policy)


def texts(reading: Reading, played: Played) -> list[str]:
    """The first few texts as they read."""
    return [reading.text(state) for state in played.states[:NUM_SHOWN]]


def baselines(reading: Reading, trained: TrainedRun, *, seed: int) -> dict[str, float]:
    """Gold of everyone that the writer is compared with."""
    rng = np.random.default_rng(seed)
    budget = reading.budget
    value = value_by(trained.reward_model, reading)

    def by_gold(numbers: np.ndarray, picks: Picks) -> np.ndarray:
        found: np.ndarray = play(reading, numbers, picks).criteria[:, OVERALL]
        return found

    picks = {
        "random": random_picks(reading, budget, rng=rng),
        **{f"lead-{k}": lead(reading, k) for k in range(1, budget + 1)},
        f"most central {budget}": most_central(reading, budget),
        f"LexRank-{budget}": lexrank(reading, budget),
        "greedy on the reward model": greedy(reading, value),
        f"best of {NUM_SAMPLES} by the reward model": best_of(
            reading, NUM_SAMPLES, budget, value, rng=rng
        ),
        "oracle on gold": greedy(reading, by_gold, insert=True),
    }
    everyone = np.arange(len(reading.texts))
    return {name: float(by_gold(everyone, chosen).mean()) for name, chosen in picks.items()}


def transfer(
    trained: TrainedRun, kwargs: dict[str, EnvValue], language: str, *, seed: int
) -> dict[str, float]:
    """Gold in one language, trained on or not, beside simple baselines."""
    reading = held_out(kwargs, language, "test")
    everyone, budget = np.arange(len(reading.texts)), reading.budget
    rng = np.random.default_rng(seed)
    picks = {
        "random": random_picks(reading, budget, rng=rng),
        f"most central {budget}": most_central(reading, budget),
        "most central 1": most_central(reading, 1),
        "lead-1": lead(reading, 1),
        f"lead-{budget}": lead(reading, budget),
    }
    found = {
        name: float(play(reading, everyone, chosen).criteria[:, OVERALL].mean())
        for name, chosen in picks.items()
    }
    return {"writer": float(written(reading, trained.policy).criteria[:, OVERALL].mean())} | found


def cell_texts(cell: Cell) -> list[str]:
    """Texts of nobody's corpus that a summariser of articles is shown, in both languages."""
    return [] if cell["corpus"] == "sunsets" else list(OWN_TEXTS)


OWN_TEXTS = (
    "I had meant to write sooner. The weather has been poor and the garden is behind. On Tuesday "
    "the council voted to close the footbridge for a year. The beams are rotten, and a lorry may "
    "not stop beneath it. Until the spring of next year we shall all walk round by the mill. My "
    "sister thinks that they should have mended it in May. Give my love to the children.",
    "早就想给你写信了。最近天气不好，菜园也耽误了。星期二，镇上投票决定把人行桥关闭一年。"
    "桥梁已经腐朽，下面不许停车。到明年春天以前，大家都得绕磨坊那条路走。"
    "我妹妹觉得五月就该修。代我向孩子们问好。",
)
