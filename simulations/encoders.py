"""Sentences as vectors of a learned embedding, for comparing what they say and not their words."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

EncoderName = Literal["words", "wordllama"]
ENCODERS: tuple[EncoderName, ...] = ("words", "wordllama")


@runtime_checkable
class Encoder(Protocol):
    """Texts to unit vectors; a text of which nothing is known is zero."""

    def __call__(self, texts: Sequence[str]) -> Float64[np.ndarray, "text column"]:
        """One row for each text, the same whatever other texts there are."""
        ...


def find_encoder(name: str) -> Encoder | None:
    """The encoder of that name; None for "words", the TF-IDF that is made for each source anew.

    Raises:
        ValueError: if there is no such encoder, or its package is not installed.
    """
    if name not in ENCODERS:
        raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {name!r}")
    return None if name == "words" else word_llama()


def word_llama() -> Encoder:
    """The mean of WordLlama's static token embeddings, which come inside its package.

    They are weak in Chinese: on the Chinese scenes, words do better. Miller 2024,
    https://github.com/dleemiller/WordLlama.

    Raises:
        ValueError: if the package is not installed.
    """
    embed = _embed()

    def encode(texts: Sequence[str]) -> Float64[np.ndarray, "text column"]:
        return unit_length(embed(list(texts)).astype(np.float64))

    return encode


@cache
def _embed() -> Callable[[list[str]], NDArray[np.float32]]:
    # On import the package sets the root logger to print INFO, unless it has a handler.
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)
    try:
        import wordllama
    except ImportError as error:
        raise ValueError(
            f"encoder 'wordllama' needs a package, got: {error}; pip install 'prefgym[text]'"
        ) from error
    finally:
        root.removeHandler(quiet)
    # It looks for its tokenizer in a folder of another name than it ships, then on the network.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True).embed


def unit_length(rows: Float64[np.ndarray, "row column"]) -> Float64[np.ndarray, "row column"]:
    """Rows of length 1; zeros stay zeros."""
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1.0)
