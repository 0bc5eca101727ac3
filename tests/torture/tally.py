"""What was tried and what was lost, and how an answer to bad input is judged."""

from __future__ import annotations

import re
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

KINDS = ("cases", "kills", "starvations", "attacks")
SECONDS = 30  # that one case may take
_MEMORY = 512 * 2**20  # by which the process may grow in one case
_NOT_A_SENTENCE = re.compile(
    r"Traceback|NoneType|object has no attribute|values to unpack|is an empty sequence|unhashable"
    r"|positional argument|out of range|<class|\b0x[0-9a-f]{6}|\[Errno|could not convert"
    r"|invalid literal|must be real number|keyword argument|not supported between|not iterable"
    r"|cannot be interpreted|codec can't"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LONGEST = 1500  # characters of a message


class LostError(AssertionError):
    """Something that graphrec promises was not kept."""


@dataclass
class Tally:
    """Counts by kind and part, and what was lost.

    Attributes:
        counts: how many of each (kind, part) were tried.
        outcomes: how many cases of a part were refused, accepted and so on.
        losses: of each its part, how to see it again and what happened.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    losses: list[tuple[str, str, str]] = field(default_factory=list)

    @contextmanager
    def trying(self, kind: str, part: str, name: str, seconds: int = SECONDS) -> Iterator[None]:
        """Count one try; whatever it raises is a loss, and so is taking longer than `seconds`."""
        self.counts[kind, part] += 1
        try:
            with _in_time(seconds):
                yield
        except LostError as error:
            self._lose(part, name, str(error))
        except Exception:
            self._lose(part, name, traceback.format_exc()[-_LONGEST:])

    def _lose(self, part: str, name: str, what: str) -> None:
        """Count a loss, and say it at once: the run may be stopped."""
        self.losses.append((part, name, what))
        print(f"--- {name}\n{what}\n", flush=True)

    def table(self) -> str:
        """Counts as a table, a line for each part and one for all."""
        parts = list(dict.fromkeys(part for _, part in self.counts))
        rows = [("", *KINDS, "losses")]
        for part in parts:
            lost = sum(own == part for own, _, _ in self.losses)
            counts = (self.counts[kind, part] for kind in KINDS)
            rows.append(
                (part, *(f"{count or '':,}" if count else "" for count in counts), f"{lost}")
            )
        totals = (sum(n for (own, _), n in self.counts.items() if own == kind) for kind in KINDS)
        rows.append(("all", *(f"{total:,}" for total in totals), f"{len(self.losses)}"))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )


@contextmanager
def _in_time(seconds: int) -> Iterator[None]:
    """Fail what takes too long or too much memory."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number
        where = "".join(traceback.format_stack(frame)[-8:])
        raise LostError(f"it hangs: not done after {seconds} s, in\n{where}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    if grown > _MEMORY:
        raise LostError(f"it took {grown >> 20:,} MiB of memory")


def check_sentence(text: str) -> None:
    """Raise `LostError` unless a message is one that a person can use."""
    if found := _NOT_A_SENTENCE.search(text):
        raise LostError(f"not a sentence for a person ({found[0]!r}): {text[:600]}")
    if _CONTROL.search(text):
        raise LostError(f"a message with control characters: {text[:600]!r}")
    if len(text) > _LONGEST:
        raise LostError(f"a message of {len(text):,} characters: {text[:300]} ...")
    if not text.strip():
        raise LostError("an empty message")


def must(condition: object, what: str | Callable[[], str]) -> None:
    """Raise `LostError` unless a condition holds."""
    if not condition:
        raise LostError(what if isinstance(what, str) else what())
