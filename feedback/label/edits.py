"""What a person would have written, as a segment like that of what was written."""

from collections.abc import Mapping

import numpy as np

from prefgym.envs.text_summary import TextConfig

Arrays = Mapping[str, np.ndarray]


def edited_segment(config: TextConfig, original: Arrays, source: str, text: str) -> Arrays:
    """The arrays of a text that was edited by hand: one step, of which only the end is known.

    Whoever reads it must be able to put it beside the original, so it has the same arrays with the
    same columns; gold criteria and the picks that would give the text are unknown (nan).

    Args:
        config: of the environment in which the original was written.
        original: its arrays.
        source: what was read.
        text: what should have been written.
    """
    # Reward models need PyTorch, which takes a second to load; a page that only shows does not.
    from prefgym.feedback.written import written_segments

    written = written_segments(
        [(source, text)], budget=config.num_units, encoder=config.encoder
    ).arrays(0)
    unknown = {
        name: np.full((1, *original[name].shape[1:]), np.nan, original[name].dtype)
        for name in ("criteria", "states")
        if name in original
    }
    return {**written, **unknown}
