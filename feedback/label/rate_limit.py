"""A limit on requests: a bucket of tokens per caller, which fills up again with time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_CALLERS = 10_000


class RateLimit:
    """Lets each caller through `burst` times at once and `per_second` times in the long run.

    Callers who have not called for long are forgotten, so that many cannot fill the memory.
    """

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, caller: str) -> bool:
        """Whether this request is within the limit; counts it."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(caller, (float(self.burst), now))
            tokens = min(self.burst, tokens + (now - then) * self.per_second)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)
            return allowed
