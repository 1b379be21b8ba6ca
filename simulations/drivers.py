"""The people of the driving simulation: those on the road, and those whose opinion counts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

CRITERIA = ("comfort", "efficiency", "safety", "courtesy")


@dataclass(frozen=True, slots=True)
class VehicleType:
    """A kind of vehicle and driver: IDM parameters in SI units.

    After the table of Kesting, Treiber and Helbing, "Agents for Traffic Simulation" (2008), for
    timid, normal and aggressive drivers, and the truck of the same authors' simulator.

    Attributes:
        desired_speed: v0 [m/s].
        time_gap: T [s].
        standstill_gap: s0 [m].
        max_accel: a [m/s2].
        braking: b, comfortable [m/s2].
        length: [m].
        keeps_lane: never changes lanes of its own accord.
    """

    name: str
    desired_speed: float
    time_gap: float
    standstill_gap: float
    max_accel: float
    braking: float
    length: float = 4.5
    keeps_lane: bool = False

    def parameters(self) -> tuple[float, ...]:
        """Returns the numbers in the order in which the kernels read them."""
        return (
            self.desired_speed,
            self.time_gap,
            self.standstill_gap,
            self.max_accel,
            self.braking,
            self.length,
            float(self.keeps_lane),
        )


VEHICLE_TYPES = (
    VehicleType("timid", 28.0, 1.8, 4.0, 1.0, 1.0),
    VehicleType("normal", 33.0, 1.5, 2.0, 1.4, 2.0),
    VehicleType("aggressive", 38.0, 1.0, 1.5, 2.0, 3.0),
    VehicleType("truck", 24.5, 1.6, 3.0, 0.8, 1.5, length=12.0, keeps_lane=True),
)

# Share of each type per lane, right to left. Were the lanes alike, nobody had reason to change.
LANE_MIX = (
    (0.30, 0.15, 0.00, 0.55),
    (0.30, 0.60, 0.10, 0.00),
    (0.00, 0.30, 0.70, 0.00),
)
RAMP_MIX = (0.30, 0.45, 0.15, 0.10)


@dataclass(frozen=True, slots=True)
class DriverProfile:
    """A person who judges driving: the weights of the criteria in their reward.

    Attributes:
        weights: of comfort, efficiency, safety and courtesy [1], in this order.
    """

    name: str
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.weights) != len(CRITERIA):
            raise ValueError(
                f"weights must be {len(CRITERIA)} numbers ({', '.join(CRITERIA)}), "
                f"got {len(self.weights)}"
            )
        if not all(np.isfinite(weight) and weight >= 0.0 for weight in self.weights):
            raise ValueError(f"weights must be finite and at least 0, got {self.weights}")

    def weights_array(self) -> Float[np.ndarray, " criterion"]:
        """Returns the weights as a float64 array."""
        return np.array(self.weights, dtype=np.float64)


PROFILES = {
    profile.name: profile
    for profile in (
        DriverProfile("comfort-first", (1.0, 0.4, 0.1, 0.1)),
        DriverProfile("hurried", (0.1, 1.0, 0.05, 0.05)),
        DriverProfile("safety-first", (0.1, 0.3, 1.0, 0.1)),
        DriverProfile("courteous", (0.1, 0.3, 0.05, 1.0)),
    )
}


def random_profile(*, rng: np.random.Generator) -> DriverProfile:
    """Draws a person: one of the profiles, each weight moved by N(0, .15) and held at 0 or more."""
    names = sorted(PROFILES)
    base = PROFILES[names[rng.integers(len(names))]]
    moved = np.maximum(0.0, base.weights_array() + rng.normal(0.0, 0.15, size=len(CRITERIA)))
    comfort, efficiency, safety, courtesy = (float(weight) for weight in moved)
    return DriverProfile(f"like {base.name}", (comfort, efficiency, safety, courtesy))


def driver_weights(
    aggressiveness: Float64[np.ndarray, " person"],
) -> Float64[np.ndarray, "person criterion"]:
    """Weights of the criteria that follow from how aggressively a person drives, 0 to 1.

    Kesting, Treiber and Helbing's drivers as one continuum (as coded by Sunberg, Ho and
    Kochenderfer 2017): from 0 to 1 the desired speed v0 goes from 100 to 140 km/h, the time gap T
    from 2 to 1 s, the comfortable braking b from 1 to 3 m/s2 and the politeness from 1 to 0. Who
    brakes gently by choice wants comfort, 1 / b; who wants speed weighs efficiency, by how far v0
    exceeds the trucks' (24.5 m/s); who keeps a wide gap weighs safety, T beyond the 0.8 s that
    ISO 15622 requires; and politeness is courtesy. The mapping is ours.

    Raises:
        ValueError: if an aggressiveness lies outside [0, 1].
    """
    if not ((aggressiveness >= 0) & (aggressiveness <= 1)).all():
        raise ValueError(
            f"aggressiveness must be in [0, 1], got {aggressiveness.min()} to "
            f"{aggressiveness.max()}"
        )
    speed = (100 + 40 * aggressiveness) / 3.6
    slowest = VEHICLE_TYPES[3].desired_speed
    columns = (
        1 / (1 + 2 * aggressiveness),
        (speed - slowest) / (140 / 3.6 - slowest),
        2 - aggressiveness - 0.8,
        1 - aggressiveness,
    )
    return np.stack(columns, axis=1)
