"""Hostile text, cells, bytes and values, at random; the same generator gives the same again."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from random import Random

TEXTS = (
    *("", " ", "\t", "\x00", "\x1b[31mred", "\x1b]0;title\x07", "\u202egnp.exe", "\u2066x\u2069"),
    *('=HYPERLINK("http://x")', "+1", "-2+3", "@SUM(1)", "<script>alert(1)</script>", "</script>"),
    *("' or 1=1 --", '"', '""', '"""', "'", "`", "\\", "\\N", "\\x00", "%s", "%n", "{}", "{0}"),
    *("NaN", "nan", "NULL", "None", "<NA>", "inf", "-inf", "1e999", "1e-999", "0x10", "1_000"),
    *("é", "e\u0301", "日本語", "😀", "\ud7ff", "\uffff", "\ufeff", "\u00a0", "\u2028", "\x85"),
    *("../../etc/passwd", "C:\\con", "a" * 300, "[[[[[", "{{{{{", "[1,2]", '{"a": 1}', "a|b|c"),
    *("true", "False", "yes", "no", "on", "~", "!!python/object:os.system", "&a", "*a", "- x"),
    *("١٢٣", "１２", "½", "1,5", "1.5.2", "--1", "+-1", "1e5", "1E400", "00", "-0", "007", "7.0"),
)
NUMBERS = (
    *("0", "-1", "1", "2", "3.5", "5", "1e3", "2147483648", "9007199254740993"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 40, "0.1"),
    *("1e308", "1e309", "-1e-320", "340282350000000000000000000000000000001", "16777217"),
)
DATES = (
    *("1995-11-15", "1995-11-15 10:00", "1995-11-15T10:00:00Z", "1995-11-15T10:00:00+02:00"),
    *("15.11.1995", "11/15/1995", "1995-02-30", "0000-00-00", "9999-12-31", "10000-01-01", "1995"),
    *("Nov 15, 1995", "yesterday", "-0001-01-01", "1677-01-01", "2262-04-12", "253402300800"),
    *("816393600", "816393600000", "816393600000000", "816393600000000000", "1995-W46", "1995-319"),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32", "cp037")


def cell(random: Random) -> str:
    """One cell of a table."""
    pool: Sequence[str] = random.choice((TEXTS, NUMBERS, DATES))
    text = random.choice(pool)
    if random.random() < 0.1:
        text += random.choice(TEXTS)
    return text


def some_text(random: Random, most: int = 30) -> str:
    """Characters of all kinds."""
    kinds = ("abc 012,;\t\"'", "\x00\x01\x1b\x7f\x85\u202e\u2066", "éßİıſ日本😀\u0301", "\n\r\n")
    return "".join(random.choice(random.choice(kinds)) for _ in range(random.randrange(most)))


def spoiled(raw: bytes, random: Random) -> bytes:
    """Bytes with a few changes."""
    data = bytearray(raw)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        at = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 8, 100))
        match random.randrange(7):
            case 0:
                data[at : at + length] = b""
            case 1:
                data[at:at] = bytes(random.randrange(256) for _ in range(length))
            case 2:
                data[at:at] = data[at : at + length] * random.choice((1, 2, 50))
            case 3 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 4:
                data[at:at] = random.choice(TEXTS).encode("utf-8", "surrogatepass")
            case 5:
                del data[at:]
            case _:
                data[at:at] = random.choice((b",", b";", b"\t", b'"', b"\r", b"\n", b"::", b"|"))
    return bytes(data)


def encoded(text: str, random: Random) -> bytes:
    """Text as bytes, mostly UTF-8."""
    encoding = "utf-8" if random.random() < 0.85 else random.choice(_ENCODINGS)
    return text.encode(encoding, "replace")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], random: Random) -> bytes:
    """A table as text with random separators, quotes, line ends and odd cells."""
    separator = random.choice((*",,,,,,\t\t;;||", "::", "::", " "))
    end = random.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    quoted = random.random()
    odd = random.choice((0, 0, 0.005, 0.05))
    names = list(columns)
    if random.random() < 0.1:
        names[random.randrange(len(names))] = random.choice((*TEXTS, *names))
    if random.random() < 0.1:
        random.shuffle(names)
    lines = [names] if random.random() < 0.95 else []
    for row in rows:
        cells = [cell(random) if random.random() < odd else one for one in row]
        if odd and random.random() < 0.01:  # ragged
            cells = cells[: random.randrange(len(cells) + 1)] or [*cells, cell(random)]
        lines.append(cells)
    if random.random() < 0.02:
        lines[-1][-1] = "x" * random.choice((1_000, 70_000, 200_000))

    def shown(one: str) -> str:
        if random.random() < quoted * 0.3 or separator in one or "\n" in one:
            doubled = one.replace('"', '""')
            return f'"{doubled}"' if random.random() < 0.97 else f'"{one}'
        return one

    text = end.join(separator.join(map(shown, line)) for line in lines) + end
    raw = encoded(text, random)
    if random.random() < 0.2:
        raw = spoiled(raw, random)
    return gzip.compress(raw) if random.random() < 0.03 else raw


def json_value(random: Random, depth: int = 0) -> object:  # noqa: PLR0911 - one for each kind
    """A value as JSON may hold it, odd ones too."""
    kind = random.randrange(9 if depth < 3 else 7)
    if kind < 3:
        return cell(random)
    if kind == 3:
        return random.choice((0, -1, 2**63, 10**30, 1.5, 1e308, float("nan"), float("inf")))
    if kind == 4:
        return random.choice((None, True, False))
    if kind == 5:
        return random.choice(("\ud800", "a\udfffb", some_text(random)))
    if kind == 6:
        return random.randrange(-5, 3000)
    if kind == 7:
        return [json_value(random, depth + 1) for _ in range(random.randrange(4))]
    return {cell(random): json_value(random, depth + 1) for _ in range(random.randrange(4))}
