"""All layouts of folders and shapes of tables, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Collection

from graphrec.data.layouts.imdb import IMDB
from graphrec.data.layouts.layout import Shape
from graphrec.data.layouts.lightgcn import LIGHTGCN
from graphrec.data.layouts.movielens import GENOME, ML_100K, MOVIELENS, TAGS
from graphrec.data.layouts.netflix import NETFLIX
from graphrec.data.layouts.tmdb import CREDITS, KAGGLE, KEYWORDS, RECORDS

LAYOUTS = (LIGHTGCN, ML_100K, MOVIELENS, KAGGLE, IMDB, NETFLIX)
SHAPES = (RECORDS, CREDITS, KEYWORDS, TAGS, GENOME)


def shape_of(columns: Collection[str]) -> Shape | None:
    """The shape of a table with these columns, if it is a known one."""
    return next((shape for shape in SHAPES if shape.fits(columns)), None)
