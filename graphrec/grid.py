"""Columns of text side by side: aligned, and folded or cut to a width in terminal cells."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

GAP = 2
LONGEST = 24  # cells from which a word may be broken where there is no room


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """Cells that the columns take side by side."""
    widths = _natural(rows)
    return sum(widths) + GAP * (len(widths) - 1)


def aligned(
    rows: Sequence[Sequence[str]], right: Sequence[bool], width: int | None = None
) -> list[list[str]]:
    """The lines of each row, columns aligned.

    Where there is no room, the widest columns are folded between words; numbers are one word.

    Args:
        rows: cells, the header's first.
        right: whether each column stands to the right.
        width: of the terminal; as wide as it takes where None.

    >>> aligned([["id", "title"], ["7", "Heat"], ["12", "Alien"]], [True, False])
    [['id  title'], [' 7  Heat'], ['12  Alien']]
    """
    words = [[max(map(cell_len, cell.split()), default=0) for cell in row] for row in rows]
    least = [min(max(column), LONGEST) for column in zip(*words, strict=True)]
    widths = fitted(_natural(rows), least, width)
    return [_lines(row, widths, right) for row in rows]


def fitted(widths: Sequence[int], least: Sequence[int], room: int | None) -> list[int]:
    """Columns' widths, the widest narrowed, down to their least, until all fit or none can.

    >>> fitted([4, 60, 40], [4, 12, 10], 80)
    [4, 36, 36]
    """
    own = list(widths)
    excess = 0 if room is None else sum(own) + GAP * (len(own) - 1) - room
    while excess > 0 and any(map(operator.gt, own, least)):
        widest = max(range(len(own)), key=lambda place: (own[place] > least[place], own[place]))
        own[widest] -= 1
        excess -= 1
    return own


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most so many cells, broken between words where it can be.

    >>> folded("Star Wars: Episode IV", 12)
    ['Star Wars:', 'Episode IV']
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.extend(chop_cells(word, width))
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def cut(text: str, width: int | None) -> str:
    """The text, or as much of it as there is room for and an ellipsis.

    >>> cut("Usual Suspects, The (1995)", 12)
    'Usual Suspe…'
    """
    if width is None or cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width, 1) - 1).rstrip() + "…"


def _natural(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    cells = [
        folded(text, width) if cell_len(text) > width else [text]
        for text, width in zip(row, widths, strict=True)
    ]
    height = max(len(cell) for cell in cells)
    filled = [cell + [""] * (height - len(cell)) for cell in cells]
    return [
        (" " * GAP).join(map(_padded, line, widths, right)).rstrip()
        for line in zip(*filled, strict=True)
    ]


def _padded(text: str, width: int, to_the_right: bool) -> str:
    spaces = " " * (width - cell_len(text))
    return spaces + text if to_the_right else text + spaces
