"""The text environment: on real human judgements, in two languages, and pursued too far."""

from collections.abc import Callable
from pathlib import Path

from prefgym.agents import text_agreement, text_hacking, text_news, text_rounds
from prefgym.agents.benchmark import BenchmarkOptions, Cell, Result, run_cells, write_page
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.summeval import summeval_folder
from prefgym.agents.text_page import Page, pages
from prefgym.simulations.corpora import CORPORA, LANGUAGES

NUM_SEEDS = 3
MEASURE: dict[str, Callable[[Cell], Result]] = {
    "rounds": text_rounds.measure,
    "agreement": text_agreement.measure,
    "news": text_news.measure,
    "hacking": text_hacking.measure,
}


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Run all cells and write one page, its pictures and every number.

    Raises:
        ValueError: if SummEval is not there.
    """
    summeval_folder()
    seeds = options.seeds or (1 if options.quick else NUM_SEEDS)
    results = run_cells(cells(seeds, quick=options.quick), measure, out, options)
    return _write(out, pages(results))


def cells(num_seeds: int, *, quick: bool = False) -> list[Cell]:
    """Every condition of every part, seed by seed."""
    units = {"sunsets": ("all",), "articles": ("all", "own sentences")}
    found: list[Cell] = []
    for seed in range(num_seeds):
        found += [{"part": "agreement", "seed": seed}]
        if quick:
            continue
        found += [{"part": "news", "order": o, "seed": seed} for o in ("given", "shuffled")]
        found += [
            {"part": "rounds", "corpus": c, "language": language, "units": u, "seed": seed}
            for c in CORPORA
            for language in LANGUAGES
            for u in units[c]
        ]
        found += [
            {"part": "rounds", "corpus": c, "language": "both", "units": "all", "seed": seed}
            for c in CORPORA
        ]
        found += [{"part": "hacking", "variant": v, "seed": seed} for v in text_hacking.VARIANTS]
    return found


def measure(cell: Cell) -> Result:
    """One cell, by its part."""
    return MEASURE[str(cell["part"])](cell)


def _write(out: Path, page: Page) -> list[Path]:
    for name, picture in page.pictures.items():
        write_atomically(out / name, picture)
    write_page(out / "text.md", page.paragraphs)
    write_json(out / "text.json", page.results)
    return [out / "text.md", out / "text.json", *(out / name for name in page.pictures)]
