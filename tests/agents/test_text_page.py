import numpy as np
import pytest

from prefgym.agents.benchmark_text import cells
from prefgym.agents.overoptimisation import GaoCurve
from prefgym.agents.statistics import spread
from prefgym.agents.text_page import pages


def hacking(variant: str, seed: int, fall: float):
    """A curve that peaks at KL 4 and then falls."""
    distance = np.linspace(0, 4, 9)
    gold = 0.3 + GaoCurve(0.2, 0.1 * fall, 1.0).gain(distance)
    looks = [
        {"steps": i, "kl": d * d, "proxy": d, "gold": g, "accuracy": 0.5}
        for i, (d, g) in enumerate(zip(distance.tolist(), gold.tolist(), strict=True))
    ]
    return {"part": "hacking", "variant": variant, "seed": seed, "looks": looks}


def rows_of(page: str, first: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"| {first} |")]


def test_a_fall_that_does_not_happen_is_recovered_whole() -> None:
    results = [hacking(v, s, f) for v, f in (("plain", 2.0), ("safe", 0.0)) for s in range(2)]
    page = pages(results)
    text = "\n\n".join(page.paragraphs)
    (plain,), (safe,) = rows_of(text, "plain"), rows_of(text, "safe")
    assert "| 0.200, 0.200 | 1.00 |  |" in plain
    golds = [look["gold"] for look in results[0]["looks"]]
    share = (0.3 + 0.2 * 4 - golds[-1]) / (max(golds) - golds[-1])
    assert f"| 0.200, 0.000 | 1.00 | {share:+.0%} |" in safe
    assert page.pictures["text-hacking.png"].startswith(b"\x89PNG")


def test_agreement_says_how_far_both_fall_behind_the_better() -> None:
    curves = {
        "ratings": [0.60, 0.66, 0.68, 0.70],
        "comparisons": [0.62, 0.65, 0.69, 0.69],
        "both": [0.63, 0.66, 0.68, 0.71],
    }
    row = {
        "part": "agreement",
        "seed": 0,
        "numbers": [50, 200, 500, 1000],
        "curves": curves,
        "agreement": {"ratings alone": 0.7},
        "worth": {"ratings alone": {"lead-2": 0.6, "shuffled words": 0.1}},
    }
    text = "\n\n".join(pages([row]).paragraphs)
    assert "| 1,000 | 0.700 | 0.690 | 0.710 |" in text
    assert "at worst -0.010 from the better one" in text
    assert "| shuffled words | 0.10 |" in text


def news(seed: int, ppo: list[float]):
    by_article = {"PPO": ppo, "lead-2": [0.1, 0.3], "LexRank-2": [0.1, 0.2], "oracle": [1.0, 1.0]}
    scores = {name: float(np.mean(each)) for name, each in by_article.items()}
    return {
        "part": "news",
        "order": "shuffled",
        "seed": seed,
        "scores": scores,
        "by_article": by_article,
        "steps": 100,
        "seconds": 1.0,
    }


def test_news_are_compared_with_the_best_of_the_simple_and_articles_resampled() -> None:
    """Means over seeds .12 and .42: .02 and .12 better than lead-2, .54 / .4 times as good."""
    text = "\n\n".join(pages([news(0, [0.11, 0.41]), news(1, [0.13, 0.43])]).paragraphs)
    assert "### Sentences shuffled" in text
    assert "| PPO | 0.270 [0.260, 0.280] |" in text
    assert "beside lead-2, article by article: +0.070 [+0.020, +0.120], 1.35 times" in text
    assert "[1.20, 1.40] (95 % interval, 2 articles resampled)" in text


def test_a_spread_is_the_mean_between_the_ends() -> None:
    assert spread([1.0, 2.0, 6.0]) == pytest.approx((3.0, 1.0, 6.0))


def test_every_condition_has_every_seed() -> None:
    found = cells(3)
    assert len(found) == len({tuple(cell.items()) for cell in found})
    assert {cell["seed"] for cell in found} == {0, 1, 2}
    conditions = [tuple((k, v) for k, v in cell.items() if k != "seed") for cell in found]
    assert all(conditions.count(one) == 3 for one in conditions)
    assert {cell["part"] for cell in cells(1, quick=True)} == {"agreement"}
