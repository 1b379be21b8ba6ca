"""Signs that a run is going wrong, said aloud while it runs.

Accuracy on labels does not see a collapse (measured: bad runs look better); the policy's own
return and a policy that has stopped exploring do.
"""

from typing import NamedTuple


class Signs(NamedTuple):
    """What a finished stage shows. None where it cannot be known."""

    gold_return: float | None
    first_gold_return: float | None
    best_gold_return: float | None
    spread: float | None
    log_std: float | None
    tie_rate: float | None
    informed: bool
    agreement: float | None
    progress: float


def complaints(signs: Signs) -> list[str]:
    """One sentence for each thing that looks wrong."""
    found = []
    if not signs.informed and signs.tie_rate is not None:
        found.append(
            "every answer so far is a tie: the reward model knows nothing and gives -1 per step; "
            "use longer segments or a longer warm-up"
        )
    if signs.log_std is not None and signs.log_std < -2.0:
        found.append(
            f"exploration has almost stopped (mean log standard deviation {signs.log_std:.2f}); "
            "raise log_std_floor or entropy"
        )
    if signs.agreement is not None and signs.agreement < 0.6:
        found.append(
            f"the reward model agrees with the rater on only {signs.agreement:.0%} of fresh "
            "queries (50% is guessing); more or other labels are needed"
        )
    if _collapsed(signs):
        found.append(
            f"the gold return has collapsed to {signs.gold_return:.4g} (first stage "
            f"{signs.first_gold_return:.4g}, best {signs.best_gold_return:.4g}): the policy may be "
            "exploiting the reward model"
        )
    return found


def _collapsed(signs: Signs) -> bool:
    """Worse than the untrained policy late in training, or far below the best stage."""
    if signs.gold_return is None or signs.first_gold_return is None or signs.spread is None:
        return False
    assert signs.best_gold_return is not None
    late = signs.progress > 0.5
    # a twentieth of the return itself: less is no collapse, however sure it is
    margin = max(3 * signs.spread, 0.05 * abs(signs.first_gold_return), 1e-9)
    below_first = signs.gold_return < signs.first_gold_return - margin
    gained = signs.best_gold_return - signs.first_gold_return
    lost_most = gained > 2 * margin and signs.gold_return < signs.first_gold_return + gained / 4
    return late and (below_first or lost_most)
