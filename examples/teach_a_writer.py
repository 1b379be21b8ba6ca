"""A writer of sunsets learns from five rounds of ratings; see its texts before and after each.

Takes about two minutes:  python examples/teach_a_writer.py  (--language zh for Chinese)

The cells marked # %% open as a notebook in Jupyter (with jupytext) and in most editors.
"""

# %% The task: an observer's notes, and units that may be picked from to describe the scene
import argparse
import tempfile
from pathlib import Path

from prefgym.agents import TrainedRun, train
from prefgym.agents.summarize import read
from prefgym.envs.text_summary import TextSummaryEnv
from prefgym.feedback.written import written_segments

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--language", choices=("en", "zh"), default="en")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

env = TextSummaryEnv(language=options.language, split="test")  # scenes that are never trained on
env.reset(options={"source": 0})
print("The observer's notes:", env.source, sep="\n  ")
print("\nWhat may be picked; the kind is hidden from the writer and from the reward model:")
for number, unit in enumerate(env.opened.units):
    print(f"  {number:2}  {unit.kind:9}  {unit.text}")

# %% Two texts to judge: a vivid one, and one that says no more than that the sun has set
PLAIN = {"en": "The sun went down. It got dark.", "zh": "太阳落山了。天空变黑了。"}[
    options.language
]
vivid_units: dict[int, str] = {}
for unit in env.opened.units:
    if unit.kind == "vivid" and not unit.contradicts:
        vivid_units.setdefault(unit.place, unit.text)
VIVID = ("" if options.language == "zh" else " ").join(
    text for _, text in sorted(vivid_units.items())
)
print("\nvivid:", VIVID, "\nplain:", PLAIN)


# %% Collect -> rate -> fit -> PPO, five times; a simulated expert rates 300 texts in each round
def show(run: TrainedRun) -> None:
    """What the writer writes now, and what the reward model would give the two texts."""
    if run.labels in seen:  # the parts after the last round have nothing new to show
        return
    seen.add(run.labels)
    pairs = [(env.sources[0].text, text) for text in (VIVID, PLAIN)]
    vivid, plain = run.reward_model.score(written_segments(pairs, budget=5)).tolist()
    print(f"\n--- after {run.labels} ratings, before the writer has learned from the last of them")
    print(f"the reward model gives the vivid text {vivid:.2f} and the plain one {plain:.2f}")
    for number in (0, 1):
        print(f"scene {number}:", read(env, run.policy, number))


seen: set[int] = set()
with tempfile.TemporaryDirectory() as folder:
    trained = train(
        "prefgym/TextSummary-v0",
        out=Path(folder) / "run",
        env_kwargs={"language": options.language},
        seed=options.seed,
        watch=show,
    )

# %% The end: texts of scenes it was never trained on, beside their notes
for number in range(5):
    print(f"\nnotes:  {env.sources[number].text}\nwriter: {read(env, trained.policy, number)}")
