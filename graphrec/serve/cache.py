"""Answers that don't change as long as the model doesn't, kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock


class Cache:
    """The answers that were asked for last.

    Args:
        most: bytes of answers that are kept.

    >>> cache = Cache(6)
    >>> [cache.get(key, lambda: b"four") for key in "aab"], len(cache)
    ([b'four', b'four', b'four'], 1)
    """

    def __init__(self, most: int) -> None:
        self._most, self._size, self._lock = most, 0, Lock()
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The answer to a question, made if it isn't there."""
        with self._lock:
            if (found := self._answers.get(key)) is not None:
                self._answers.move_to_end(key)
                return found
        made = make()
        with self._lock:
            if key not in self._answers:
                self._answers[key] = made
                self._size += len(made)
            while self._size > self._most:
                self._size -= len(self._answers.popitem(last=False)[1])
        return made
