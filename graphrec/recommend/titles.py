"""The names in a title, as words that can be compared.

Case, accents, punctuation and the place of an article don't matter. All numbers become digits, and
"part", "episode" and the like before them are left out: ``The Godfather: Part II`` and ``the
godfather two`` are both ``the godfather 2``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

BREAK = "|"  # between a title and its subtitle

_FIRST_ARTICLES = {
    *("the", "a", "an", "la", "le", "les", "el", "los", "las", "il", "lo", "der", "das"),
    *("un", "une", "una", "ein", "eine"),
}
_LAST_ARTICLES = (
    *("the", "a", "an", "la", "le", "les", "l", "el", "los", "las", "lo", "il", "gli", "i"),
    *("der", "die", "das", "den", "det", "un", "une", "una", "ein", "eine", "o", "os", "as"),
)
_LITTLE = frozenset({"the", "a", "an", "and"})

YEAR_AT_END = re.compile(r"\((1[89]\d\d|20\d\d)(?:[-–]\d*)?\)\s*$")  # also the first of a series
_TRAILING_ARTICLE = re.compile(rf"^(.*), ({'|'.join(_LAST_ARTICLES)}|l')$", re.IGNORECASE)
_ALSO_KNOWN_AS = re.compile(r"^a\.?k\.?a\.?\s*", re.IGNORECASE)
_BREAKS = re.compile(r":\s|\s[-–—]\s")
_TOKEN = re.compile(rf"\d+|[^\W\d_]+|\{BREAK}")
_DIGIT = re.compile(r"\d")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_ORDINAL = re.compile(r"(\d)(?:st|nd|rd|th)\b")
_THREE_D = re.compile(r"\b3-?d\b")
_FRACTION = re.compile(r"([½⅓⅔¼¾¹²³])")
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})

_UNITS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth"),
)
_ROMAN = (
    *("ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv"),
    *("xvi", "xvii", "xviii", "xix"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
LETTER_NUMBERS = {"i": "1", "v": "5", "x": "10"}
_NUMBERS = {
    **{word: value for value, word in enumerate(_UNITS, 1)},
    **{word: value for value, word in enumerate(_ORDINALS, 1)},
    **{word: value for value, word in enumerate(_ROMAN, 2) if word not in LETTER_NUMBERS},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    "deux": 2,  # Hot Shots! Part Deux
}
_POWERS = {"hundred": 100, "thousand": 1000}
_PART = frozenset({"part", "pt", "episode", "ep", "volume", "vol", "chapter"})
NUMBERS = {word: str(value) for word, value in _NUMBERS.items()} | LETTER_NUMBERS
"""Words and Roman numerals as digits, for the search of the map's page."""
SKIPPED = _LITTLE | _PART
"""Words that tell nothing there."""
_IN_3D = "threed"
_SPECIAL = frozenset({*_NUMBERS, *_POWERS, *LETTER_NUMBERS, *_PART, _IN_3D, "vs", "versus"})


def words(text: str) -> list[str]:
    """Words and numbers of a name, with `BREAK` between a title and its subtitle.

    >>> words("Star Wars: Episode IV - A New Hope")
    ['star', 'wars', '|', '4', '|', 'a', 'new', 'hope']
    >>> words("Misérables, Les"), words("X-Men 2"), words("Twenty-One Grams & 8½")
    (['les', 'miserables'], ['x', 'men', '2'], ['21', 'grams', 'and', '8', '1', '2'])
    """
    if "," in text:  # the pattern alone would take as long as all the rest
        text = _TRAILING_ARTICLE.sub(r"\2 \1", text.strip())
    text = text.casefold().replace(BREAK, " ")
    if not text.isascii():  # most are, and need not be taken apart
        text = _FRACTION.sub(r" \1", text).replace("’", "").translate(_LETTERS)
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in apart if not unicodedata.combining(character))
    text = text.replace("'", "").replace("&", " and ").replace(" and a half", " 1/2")
    if "." in text:
        text = _INITIALS.sub(lambda found: found[0].replace(".", ""), text)
    if ":" in text or "-" in text or "–" in text:
        text = _BREAKS.sub(f" {BREAK} ", text)
    if _DIGIT.search(text):
        text = _ORDINAL.sub(r"\1", _THOUSANDS.sub("", _THREE_D.sub(_IN_3D, text)))
    found: list[str] = _TOKEN.findall(text)
    return found if _SPECIAL.isdisjoint(found) else _with_digits(found)


def _with_digits(found: list[str]) -> list[str]:
    """The same words with all numbers as digits."""
    made: list[str] = []
    room = 0  # below which a number adds to the one before, as in "twenty one"
    for index, word in enumerate(found):
        after = found[index + 1] if index + 1 < len(found) else BREAK
        is_last = index > 0 and after == BREAK
        value = _NUMBERS.get(word)
        if room >= 100 and word == "and" and after in _NUMBERS:
            continue
        if word in _POWERS and made and made[-1].isdigit() and len(made[-1]) < 4:
            made[-1], room = str(int(made[-1]) * _POWERS[word]), _POWERS[word]
            continue
        if value is not None and value < room:
            made[-1] = str(int(made[-1]) + value)
        elif value is not None:
            made.append(str(value))
        elif word in LETTER_NUMBERS and (is_last or (made and found[index - 1] in _PART)):
            made.append(LETTER_NUMBERS[word])
        elif word == _IN_3D:
            made += [] if any(one.isdigit() for one in made) else ["3"]
        elif not (word in _PART and made and _is_number(after)):
            made.append("v" if word in ("vs", "versus") else word)
        room = 10 if word in _TENS else 0
    return made


def _is_number(word: str) -> bool:
    return word.isdigit() or word in _NUMBERS or word in LETTER_NUMBERS


def names(title: str) -> list[list[str]]:
    """The words of every name in a title: without its year, and of those in brackets behind it.

    >>> names("Seven (a.k.a. Se7en) (1995)")
    [['7'], ['se', '7', 'en']]
    >>> names("(500) Days of Summer (2009)")
    [['500', 'days', 'of', 'summer']]
    """
    bare = YEAR_AT_END.sub("", title.strip()).strip()
    found = []
    while bare.endswith(")") and (opening := _opening(bare)) > 0:
        found.append(words(_ALSO_KNOWN_AS.sub("", bare[opening + 1 : -1].strip())))
        bare = bare[:opening].rstrip()
    return [name for name in (words(bare), *found[::-1]) if name]


def _opening(text: str) -> int:
    """Where the bracket starts that ends the text; -1 if it starts nowhere."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        depth += (text[index] == ")") - (text[index] == "(")
        if not depth:
            return index
    return -1


def parts(name: list[str]) -> Iterator[tuple[list[str], bool]]:
    """The significant words of a title and of its subtitles, and of several of these in a row.

    With each, whether it leaves out a number behind it. A subtitle that is one word, or a number,
    isn't a name of its own.

    >>> [" ".join(part) for part, _ in parts(words("Star Wars: Episode IV - A New Hope"))]
    ['star wars', 'star wars 4', '4 new hope', 'new hope']
    """
    if BREAK not in name:
        return
    breaks = [-1, *(index for index, word in enumerate(name) if word == BREAK), len(name)]
    for first, start in enumerate(breaks[:-1]):
        for end in breaks[first + 1 :]:
            part = without_breaks(name[start + 1 : end])
            own = significant(part[:-1] if part[-1:] == ["or"] else part)
            is_whole = start < 0 and end == len(name)
            is_named = not start + 1 or (len(own) > 1 and not all(map(str.isdigit, own)))
            if own and is_named and not is_whole:
                yield own, any(word.isdigit() for word in name[end:])


def without_breaks(name: Sequence[str]) -> list[str]:
    """The words of a name alone."""
    return [word for word in name if word != BREAK]


def without_articles(name: Sequence[str]) -> list[str]:
    """The words and breaks of a name, but articles and "and"."""
    return [word for word in name if word not in _LITTLE]


def significant(name: Sequence[str]) -> list[str]:
    """The words of a name but articles, "and" and breaks; all of them if nothing else is there.

    >>> significant(words("The Good, the Bad and the Ugly")), significant(words("La Haine"))
    (['good', 'bad', 'ugly'], ['haine'])
    """
    rest = name[1:] if len(name) > 1 and name[0] in _FIRST_ARTICLES else name
    return without_breaks(without_articles(rest)) or without_breaks(name)


def spoken(title: str) -> str:
    """A title as a person says it: the article in front.

    >>> spoken("Matrix, The (1999)")
    'The Matrix (1999)'
    """
    year = YEAR_AT_END.search(title)
    bare = title[: year.start()].strip() if year else title.strip()
    return _TRAILING_ARTICLE.sub(r"\2 \1", bare) + (f" {year.group().strip()}" if year else "")
