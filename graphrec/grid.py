"""Columns of text side by side: aligned, and folded or cut to a width in terminal cells."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

GAP = 2
NARROW = 16  # cells of a column that is never folded


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """Cells that the columns take side by side."""
    widths = _natural(rows)
    return sum(widths) + GAP * (len(widths) - 1)


def aligned(
    rows: Sequence[Sequence[str]], right: Sequence[bool], width: int | None = None
) -> list[list[str]]:
    """The lines of each row, columns aligned.

    Wide columns give way where there is no room, the widest first; numbers are narrow and don't.

    Args:
        rows: cells, the header's first.
        right: whether each column stands to the right.
        width: of the terminal; as wide as it takes where None.

    >>> aligned([["id", "title"], ["7", "Heat"], ["12", "Alien"]], [True, False])
    [['id  title'], [' 7  Heat'], ['12  Alien']]
    """
    widths = fitted(_natural(rows), width)
    return [_lines(row, widths, right) for row in rows]


def fitted(widths: Sequence[int], room: int | None) -> list[int]:
    """Columns' widths, the wide ones narrowed so that all fit into the room if they can.

    >>> fitted([4, 60, 40], 80)
    [4, 36, 36]
    """
    own = list(widths)
    excess = 0 if room is None else sum(own) + GAP * (len(own) - 1) - room
    while excess > 0 and max(own) > NARROW:
        own[own.index(max(own))] -= 1
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
