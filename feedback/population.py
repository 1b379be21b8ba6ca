"""A population of people, each with reward weights of their own: w_u ~ N(mean, covariance).

What many people have answered is the prior for the next: a few answers then tell which of the
ways in which people differ this person goes (hierarchical Bayes). With a covariance of low rank
people differ in a few directions only.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from prefgym.feedback.logistic import fit_logistic

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Population:
    """The normal distribution of people's weights, and how many people it was learned from."""

    mean: Float64[np.ndarray, " feature"]
    covariance: Float64[np.ndarray, "feature feature"]
    num_people: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean).all() and np.isfinite(self.covariance).all()):
            raise ValueError("mean and covariance of a population must be finite")
        if not np.allclose(self.covariance, self.covariance.T, rtol=1e-6, atol=1e-12):
            raise ValueError("the covariance of a population must be symmetric")
        if np.linalg.eigvalsh(self.covariance)[0] <= 0:
            raise ValueError("the covariance of a population must be positive definite")

    @property
    def precision(self) -> Float64[np.ndarray, "feature feature"]:
        """Inverse of the covariance."""
        inverse = np.linalg.inv(self.covariance)
        return (inverse + inverse.T) / 2

    def to_bytes(self) -> bytes:
        """The population as one safetensors document; equal ones give equal bytes."""
        header = json.dumps({"format": FORMAT, "num_people": self.num_people}, sort_keys=True)
        arrays = {"mean": self.mean, "covariance": np.ascontiguousarray(self.covariance)}
        return save_arrays(arrays, metadata={"prefgym-population": header})


class PersonPosterior(NamedTuple):
    """What is known of one person's weights."""

    mean: Float64[np.ndarray, " feature"]
    covariance: Float64[np.ndarray, "feature feature"]


def person_posterior(
    population: Population,
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
) -> PersonPosterior:
    """What a person's answers, perhaps five, tell of their weights; without answers the prior.

    The normal approximation at the posterior's mode (Laplace).

    Args:
        population: the prior.
        rows: differences of features, first less second.
        preference: probability that the first is preferred.
    """
    found = fit_logistic(
        rows, preference, prior_precision=population.precision, prior_mean=population.mean
    )
    return PersonPosterior(found.weight[0], np.linalg.inv(found.precision[0]))


def population_from_bytes(document: bytes) -> Population:
    """The inverse of `Population.to_bytes`.

    Raises:
        ValueError: if the document is corrupt or newer than this version.
    """
    try:
        length = int.from_bytes(document[:8], "little")
        outer = json.loads(document[8 : 8 + length])
        header = json.loads(outer["__metadata__"]["prefgym-population"])
        form, num_people = int(header["format"]), int(header["num_people"])
        arrays = load_arrays(document)
        mean, covariance = arrays["mean"], arrays["covariance"]
    except (KeyError, TypeError, ValueError, OverflowError, SafetensorError) as error:
        raise ValueError(f"not a prefgym population, or damaged: {error!r}") from error
    if form > FORMAT:
        raise ValueError(f"population must have format <= {FORMAT}, got {form}; update prefgym")
    square = (len(mean), len(mean)) if mean.ndim == 1 else None
    if covariance.shape != square or {mean.dtype, covariance.dtype} != {np.dtype(np.float64)}:
        raise ValueError("population is damaged: its arrays do not fit each other")
    return Population(mean, covariance, num_people)


def load_population(path: Path) -> Population:
    """The population in a file written from `Population.to_bytes`.

    Raises:
        ValueError: if the file is corrupt or newer than this version.
        OSError: if it cannot be read.
    """
    try:
        return population_from_bytes(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
