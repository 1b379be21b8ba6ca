"""A random stream per world that gives the same bytes compiled and interpreted."""

from prefgym.simulations.traffic_compile import compiled
from prefgym.simulations.traffic_layout import STREAM_A, STREAM_B, Clock

MODULUS_A, MODULUS_B = 2147483563, 2147483399


@compiled
def seed_stream(clock: Clock, draw_a: float, draw_b: float) -> None:
    """Sets the world's stream by two uniform numbers in [0, 1)."""
    clock[STREAM_A] = 1 + int(draw_a * (MODULUS_A - 1))
    clock[STREAM_B] = 1 + int(draw_b * (MODULUS_B - 1))


@compiled
def uniform(clock: Clock) -> float:
    """Returns the next number in (0, 1) of the world's stream."""
    return draw(clock) * (1.0 / MODULUS_A)


@compiled
def two_uniforms(clock: Clock) -> tuple[float, float]:
    """Returns two coarse numbers in (0, 1), the upper 15 and the lower 16 bits of one draw."""
    number = draw(clock)
    return ((number >> 16) + 0.5) / 32768.0, ((number & 65535) + 0.5) / 65536.0


@compiled
def draw(clock: Clock) -> int:
    """Returns the next integer in [1, MODULUS_A) of the world's stream.

    Two multiplicative congruential generators combined (L'Ecuyer 1988, Communications of the ACM
    31, p. 747): period 2.3e18, and every product fits into 64 bits, so that NumPy's integers never
    overflow where the kernel is interpreted.
    """
    state_a = clock[STREAM_A] * 40014 % MODULUS_A
    state_b = clock[STREAM_B] * 40692 % MODULUS_B
    clock[STREAM_A] = state_a
    clock[STREAM_B] = state_b
    difference = state_a - state_b
    if difference < 1:
        difference += MODULUS_A - 1
    return difference


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
