"""Small facts about those who called lately, which the server may forget."""

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

MAX_NAMES = 10_000

T = TypeVar("T")


class Remembered(Generic[T]):
    """The latest value of each name, for the names last put; gone when the server stops."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def put(self, name: str, value: T) -> T | None:
        """Remember a value; returns the one before it."""
        with self._lock:
            before = self._values.pop(name, None)
            self._values[name] = value
            if len(self._values) > MAX_NAMES:
                self._values.popitem(last=False)
            return before

    def get(self, name: str) -> T | None:
        """The value, None if it is forgotten."""
        with self._lock:
            return self._values.get(name)
