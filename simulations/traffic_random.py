"""A random stream per world that gives the same bytes compiled and interpreted."""

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_layout import STREAM_A, STREAM_B, Clock

MASK = 0xFFFFFFFF
_SCALE = 1.0 / 4294967296.0


@compiled
def seed_stream(clock: Clock, draw_a: float, draw_b: float) -> None:
    """Sets the world's stream by two uniform numbers in [0, 1)."""
    clock[STREAM_A] = 1 + int(draw_a * (MASK - 1))  # 0 is the one state xorshift never leaves
    clock[STREAM_B] = int(draw_b * MASK)


@compiled
def draw_bits(clock: Clock) -> int:
    """Returns the next 32 random bits of the world's stream.

    A xorshift register plus a congruential generator, two of the three parts of Marsaglia's KISS
    (1999): period 2^64. Kept in 64-bit integers no intermediate exceeds 2^49, so NumPy's integers
    never overflow where the kernel is interpreted.
    """
    register = clock[STREAM_A]
    register ^= (register << 13) & MASK
    register ^= register >> 17
    register ^= (register << 5) & MASK
    counter = (clock[STREAM_B] * 69069 + 12345) & MASK
    clock[STREAM_A] = register
    clock[STREAM_B] = counter
    return (register + counter) & MASK


@compiled
def two_uniforms(clock: Clock) -> tuple[float, float]:
    """Returns two coarse numbers in (0, 1), the upper and the lower 16 bits of one draw."""
    bits = draw_bits(clock)
    return ((bits >> 16) + 0.5) / 65536.0, ((bits & 65535) + 0.5) / 65536.0


@compiled
def uniform(clock: Clock) -> float:
    """Returns the next number in (0, 1) of the world's stream."""
    return (draw_bits(clock) + 0.5) * _SCALE


@compiled
def uniform_in(clock: Clock, low: float, high: float) -> float:
    """Returns the next number, in (low, high)."""
    return low + (high - low) * uniform(clock)


@compiled
def normal(clock: Clock) -> float:
    """Returns a number of mean 0 and variance 1, nearly Gaussian and within +-3.

    The sum of three uniforms in (-1, 1): no logarithm, whose last bit depends on the library, and
    a driver's parameter jittered by it stays positive.
    """
    return 2.0 * (uniform(clock) + uniform(clock) + uniform(clock)) - 3.0
