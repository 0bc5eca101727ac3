"""Which spectral part suits the data: decompositions compared on validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from graphrec.evaluate.scorers import SpectralScorer
from graphrec.model.spectral import Decomposition, SpectralPart, SpectralSettings
from graphrec.train.judge import Judge

EXPONENTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
COARSE_DIM = 256
"""Columns by which exponents are compared: far cheaper than all, and they rank alike."""
SMALLEST_DIM = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    quality: float
    settings: SpectralSettings
    part: SpectralPart


def choose_spectral(judge: Judge, dim: int, seed: int) -> tuple[SpectralSettings, SpectralPart]:
    """The best spectral part of the training watches, of at most `dim` columns.

    First the two exponents, one after the other, each by a climb to whichever side is better, with
    few columns; then, with all of them, how many to keep. Without validation watches the middle of
    everything is taken.
    """
    start = SpectralSettings(min(dim, COARSE_DIM))
    if not judge.can_judge:
        part = SpectralPart.fit(judge.learned, start, seed)
        return replace(start, dim=part.movie.shape[1]), part
    best = _best_size(judge, start, _rough(judge, start, seed))
    for name in ("movie_exponent", "user_exponent"):
        best = _climb(judge, best, name, seed)
    whole = replace(best.settings, dim=dim)
    best = _best_size(judge, whole, Decomposition.fit(judge.learned, whole, seed))
    return best.settings, best.part


def _rough(judge: Judge, settings: SpectralSettings, seed: int) -> Decomposition:
    """Good enough to compare exponents by."""
    return Decomposition.fit(judge.learned, settings, seed, iterations=2)


def _climb(judge: Judge, best: _Choice, name: str, seed: int) -> _Choice:
    """Move one exponent down, or else up, for as long as that helps."""
    begin = EXPONENTS.index(getattr(best.settings, name))
    for step in (-1, 1):
        place = begin + step
        while 0 <= place < len(EXPONENTS):
            exponent: dict[str, Any] = {name: EXPONENTS[place]}
            settings = replace(best.settings, **exponent)
            other = _try(judge, _rough(judge, settings, seed), settings)
            if other.quality <= best.quality:
                break
            best, place = other, place + step
        if getattr(best.settings, name) != EXPONENTS[begin]:
            break
    return best


def _best_size(judge: Judge, settings: SpectralSettings, decomposition: Decomposition) -> _Choice:
    """The best of one decomposition: half as many columns for as long as it helps."""
    dim, best = len(decomposition.singular), None
    while best is None or dim >= SMALLEST_DIM:
        leader = _try(judge, decomposition, replace(settings, dim=dim))
        if best is not None and leader.quality <= best.quality:
            break
        best, dim = leader, dim // 2
    return best


def _try(judge: Judge, decomposition: Decomposition, settings: SpectralSettings) -> _Choice:
    part = SpectralPart.of(decomposition, judge.learned, settings)
    return _Choice(judge.quality(SpectralScorer(part, judge.watched)), settings, part)
