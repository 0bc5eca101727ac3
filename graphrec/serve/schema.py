"""What is asked and what is answered over HTTP, as the OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from graphrec.config import Similarity
from graphrec.serve.limits import MAX_ASKED, MAX_FEEDBACK, MAX_ID, MAX_IDS, MAX_K, MAX_TEXT

MOST_SECONDS = 2**40


def _as_text(value: Any) -> Any:
    """Ids may be written as numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_PATTERN = r"^[^\x00-\x1f\x7f]+$"
_ID = StringConstraints(min_length=1, max_length=MAX_ID, pattern=_PATTERN)
Id = Annotated[
    str,
    _ID,
    BeforeValidator(_as_text, json_schema_input_type=int | Annotated[str, _ID]),
]
"""Of a user or a movie: a number or a text, as in the tables."""
PathId = Annotated[str, _ID]
K = Annotated[int, Field(ge=1, le=MAX_K, description="How many.")]
Where = Annotated[
    str | None,
    Field(
        max_length=MAX_TEXT,
        description="A condition on metadata, such as `year>=1990 and genres has Comedy`.",
    ),
]
Diversity = Annotated[
    float, Field(ge=0, le=1, description="How much the movies should differ from each other.")
]
Rating = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Asked(BaseModel):
    """A question; a name that isn't known is an error, not left out."""

    model_config = ConfigDict(extra="forbid")


class SearchQuery(Asked):
    """Words of a title, as they are typed."""

    q: Annotated[str, Field(max_length=100, description="What was typed of a title.")] = ""
    k: K = 10


class ListQuery(Asked):
    """What a list should be like."""

    k: K = 20
    where: Where = None
    among: Annotated[
        list[PathId] | None, Field(max_length=MAX_IDS, description="The only movies to list.")
    ] = None
    exclude: Annotated[
        list[PathId], Field(max_length=MAX_IDS, description="Movies not to list.")
    ] = []
    cursor: Annotated[
        str | None,
        Field(max_length=200, description="`next` of the page before; repeat all else with it."),
    ] = None


class RecommendQuery(ListQuery):
    """What recommendations should be like."""

    diversity: Diversity = 0.0
    include_rated: Annotated[
        bool, Field(description="Whether movies of the history may be listed.")
    ] = False


class SimilarQuery(Asked):
    """How movies are compared, and which are listed."""

    by: Annotated[
        Similarity,
        Field(description="By who rates them, what is learned of metadata, both, plain numbers."),
    ] = Similarity.BOTH
    k: K = 10
    where: Where = None
    diversity: Diversity = 0.0
    include_unrated: Annotated[
        bool, Field(description="Whether movies without ratings are listed for a rated one.")
    ] = False
    why: Annotated[bool, Field(description="Whether each movie comes with a reason.")] = False


class SeveralQuery(SimilarQuery):
    """The same for several movies."""

    movie: Annotated[
        list[PathId], Field(min_length=1, max_length=MAX_ASKED, description="Ids of the movies.")
    ]


class UsersQuery(Asked):
    """How many users."""

    k: K = 10


class PairQuery(Asked):
    """Two movies."""

    first: PathId
    second: PathId


class HistoryBody(Asked):
    """A history that isn't stored."""

    movies: Annotated[
        list[Id], Field(max_length=MAX_IDS, description="Ids of what was rated or is liked.")
    ]
    ratings: Annotated[
        list[Rating | None] | None, Field(max_length=MAX_IDS, description="One for each movie.")
    ] = None


class ExportBody(Asked):
    """A file that one downloads from Letterboxd (Settings, Data) or from IMDb's ratings."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=_PATTERN)]
    content: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$", description="The file's content in base64."),
    ]


class RecommendBody(HistoryBody):
    """A history, and what the list should be like."""

    k: K = 20
    where: Where = None
    among: Annotated[list[Id] | None, Field(max_length=MAX_IDS)] = None
    exclude: Annotated[list[Id], Field(max_length=MAX_IDS)] = []
    cursor: Annotated[str | None, Field(max_length=200)] = None
    diversity: Diversity = 0.0
    include_rated: bool = False


class ExplainBody(HistoryBody):
    """A history, and the movies whose scores are to be explained."""

    explain: Annotated[list[Id], Field(min_length=1, max_length=MAX_ASKED)]


class Feedback(Asked):
    """A user and a movie."""

    user: Id
    movie: Id
    rating: Rating | None = None
    timestamp: Annotated[
        int | None,
        Field(ge=0, le=MOST_SECONDS, description="Seconds since 1970; by default now."),
    ] = None


class Pair(Asked):
    """An interaction to delete."""

    user: Id
    movie: Id


FeedbackBody = Annotated[list[Feedback], Field(min_length=1, max_length=MAX_FEEDBACK)]
PairsBody = Annotated[list[Pair], Field(min_length=1, max_length=MAX_FEEDBACK)]


class TokenBody(Asked):
    """A token."""

    token: Annotated[str, Field(max_length=MAX_TEXT)]


class NewMovie(BaseModel):
    """A movie by its metadata: a title, and columns as in the movies table."""

    model_config = ConfigDict(extra="allow")

    movie_id: Id | None = None
    title: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None


# Answers ------------------------------------------------------------------------------------------

AnyId = int | str


class Movie(BaseModel):
    """A movie; `ratings` is how many it had in training."""

    movie_id: AnyId
    title: str
    year: int | None
    ratings: int


class FullMovie(Movie):
    """A movie with its metadata."""

    new: bool
    metadata: dict[str, Any]


class AddedMovie(FullMovie):
    """A movie that was added, and what could not be used of its metadata."""

    notes: list[str]


class Movies(BaseModel):
    """Movies, the likeliest first."""

    movies: list[Movie]


class ListedMovie(Movie):
    """A movie of a list; scores rank the movies of one list, and are no ratings."""

    rank: int
    score: float


class MovieList(BaseModel):
    """A page of a list, and the cursor of the next one if there may be one."""

    movies: list[ListedMovie]
    next: str | None


class Recommendations(MovieList):
    """With what the scores are made of: `model`, `history` (folded in) or `popular`."""

    basis: str


class SimilarMovie(Movie):
    """A movie with its similarity, and the similarities that it is made of."""

    score: float | None
    collaborative: float | None = None
    metadata: float | None = None
    features: float | None = None
    by: str | None = None
    rank: int | None = None
    collaborative_only: bool | None = None
    why: str | None = None


class SimilarMovies(BaseModel):
    """The closest first; with `by=all` the list of each way under the other."""

    movies: list[SimilarMovie]


class RatedMovie(Movie):
    """A movie of a history; `new` if training did not know of it."""

    rating: float | None
    timestamp: int | None
    new: bool


class History(BaseModel):
    """What a user has rated, what is new first."""

    movies: list[RatedMovie]


class SimilarUser(BaseModel):
    """A user with similar ratings."""

    user_id: AnyId
    score: float
    rated: int
    in_common: int
    expected: float
    why: str


class SimilarUsers(BaseModel):
    """The most similar first."""

    users: list[SimilarUser]


class Contribution(BaseModel):
    """What a movie of the history adds to a score."""

    movie_id: AnyId
    title: str
    collaborative: float | None = None
    metadata: float | None = None
    total: float


class Explanation(BaseModel):
    """A score as an exact sum: contributions, own, popularity and unrated add up to it."""

    movie_id: AnyId
    title: str
    score: float
    rank: int
    num_ranked: int
    rated: bool
    contributions: list[Contribution]
    own: float
    popularity: float
    unrated: float
    sum: float
    notes: list[str]
    basis: str
    text: str


class Explanations(BaseModel):
    """One for each movie."""

    explanations: list[Explanation]


class ExportedMovie(Movie):
    """A movie of an export."""

    rating: Annotated[float | None, Field(description="Of 1; null where there is none.")]


class Export(BaseModel):
    """What an export holds."""

    movies: list[ExportedMovie]
    left_out: Annotated[list[str], Field(description="Films that the model doesn't have.")]


class SimilarityExplanation(BaseModel):
    """Why two movies are similar."""

    model_config = ConfigDict(extra="allow")

    movie_ids: list[AnyId]
    titles: list[str]
    collaborative: float | None
    features: float | None
    common: int
    expected: float
    notes: list[str]
    text: str


class Written(BaseModel):
    """How many interactions were written."""

    written: int


class Model(BaseModel):
    """What the model is, how good, and how old."""

    model_config = ConfigDict(extra="allow")

    version: str
    created: str
    age_seconds: int
    data: dict[str, Any]
    metrics: dict[str, Any]
    index: Annotated[
        dict[str, Any] | None, Field(description="Of recommendations: null if they are exact.")
    ]
    similarities: list[str]
    columns: list[str]


class Map(BaseModel):
    """All movies as points."""

    layouts: list[str]
    column: str
    notes: dict[str, list[str]]
    movies: list[dict[str, Any]]


class Live(BaseModel):
    """That the process answers."""

    live: bool


class Ready(BaseModel):
    """Whether questions are answered."""

    ready: bool
    store: str
    model: dict[str, Any]


class Error(BaseModel):
    """What is wrong, in one sentence."""

    error: str
    request_id: str
