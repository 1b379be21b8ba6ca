"""`prefgym label`: the page on which people answer, over a run, a store, or a quick recording."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.console import Console

from prefgym.feedback.label.settings import LabelSettings

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class LabelOptions:
    """Let people answer in a browser: compare, rank, rate, correct, take over, demonstrate.

    The page is for the person at this machine, who gets a link that works once. Others get
    invitations: from that person on the page, or printed by --invite.
    """

    store: Annotated[str, tyro.conf.Positional] = ""
    """A run folder, a feedback store (a file), or the URL of a PostgreSQL database."""
    demo: Literal["driving", "text", "classic"] | None = None
    """Ask about thirty questions of a quick recording, to try the page without a trainer."""
    browser: bool = True
    """Open the page in a browser."""
    settings: Annotated[LabelSettings, tyro.conf.arg(name="")] = field(
        default_factory=LabelSettings
    )


def main(words: list[str]) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ValueError: if there is nothing to serve, or it may not be served that way.
        OSError: if the store cannot be opened or the address not be listened on.
    """
    store, options = prepare(words)
    from prefgym.feedback.label.serve import serve

    serve(
        store,
        options.settings,
        open_browser=options.browser,
        say=lambda text: console.print(text, markup=False),
    )


def prepare(words: list[str]) -> tuple[str | Path, LabelOptions]:
    """The store to serve, recorded now where that is asked for, and how to serve it.

    Raises:
        ValueError: if there is no such store, or nothing to serve it with.
    """
    options = tyro.cli(LabelOptions, args=words, prog="prefgym label")
    for name in ("fastapi", "python_multipart", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"the labelling page needs {name}: pip install 'prefgym[web]'")
    store = find_store(options.store) if options.demo is None else _demo_store(options)
    return store, options


def find_store(place: str) -> str | Path:
    """The store of a run folder, or the store itself.

    Raises:
        ValueError: if there is none.
    """
    if not place:
        raise ValueError(
            "say whose questions: prefgym label RUN, or try it: prefgym label --demo driving"
        )
    if "://" in place:
        return place
    path = Path(place)
    if path.is_dir():
        path = path / "feedback.sqlite"
    if not path.is_file():
        raise ValueError(
            f"there is no feedback store {path}; questions come from a trainer, "
            "or from prefgym label --demo driving"
        )
    return path


def _demo_store(options: LabelOptions) -> str | Path:
    """A new store that asks about a quick recording."""
    from prefgym.feedback.label.demo import post_demo
    from prefgym.feedback.store import FeedbackStore

    assert options.demo is not None
    path: str | Path = options.store
    if "://" not in options.store:
        path = Path(options.store or f"runs/label-{options.demo}/feedback.sqlite")
        if path.exists():
            console.print(f"{path} is there already: going on with its questions", markup=False)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
    console.print(
        "Recording; the first time on a machine this compiles the simulator, about 15 s.",
        style="dim",
    )
    with FeedbackStore(path) as store:
        rng = np.random.default_rng(0)
        count = post_demo(store, options.demo, language=options.settings.language, rng=rng)
    console.print(f"{count} questions in {path}", markup=False)
    return path
