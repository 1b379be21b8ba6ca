"""A lock that serves threads in the order in which they came."""

import threading
from collections import deque
from types import TracebackType


class Turnstile:
    """A context manager that one thread at a time is in.

    `threading.Lock` may serve the same few again and again while others wait for seconds.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()  # the first is being served

    def __enter__(self) -> None:
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            self._waiting.append(mine)
            if self._waiting[0] is mine:
                return
        try:
            mine.acquire()
        except BaseException:  # an interrupt: whoever stands behind must not wait for ever
            self._leave(mine)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(self._waiting[0])

    def _leave(self, mine: threading.Lock) -> None:
        with self._guard:
            served = self._waiting[0] is mine
            self._waiting.remove(mine)
            if served and self._waiting:
                self._waiting[0].release()
