"""Other wordings of a text: what somebody who corrects it may choose from."""

import numpy as np
from jaxtyping import Int64

from prefgym.simulations.source import Source
from prefgym.simulations.text_worlds import STOP


def rewordings(source: Source, picks: Int64[np.ndarray, " pick"]) -> Int64[np.ndarray, "text pick"]:
    """The picks with one unit exchanged for another wording of the same matter, in every way.

    A wording is a unit of the same place that the text does not hold yet; what is off topic words
    nothing else. `STOP` fills picks that are not made, and stays.
    """
    held = [int(unit) for unit in picks if unit != STOP]
    rows = []
    for position, old in enumerate(held):
        for new, unit in enumerate(source.units):
            same = unit.place == source.units[old].place
            strays = "off-topic" in (unit.kind, source.units[old].kind)
            if same and not strays and new not in held:
                row = picks.copy()
                row[position] = new
                rows.append(row)
    return np.array(rows, np.int64).reshape(len(rows), len(picks))
