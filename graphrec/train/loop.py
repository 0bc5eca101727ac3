"""The one training loop: learn, look at validation, keep the best, stop when it no longer helps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.errors import ConfigError
from graphrec.evaluate.scorers import RankingRule
from graphrec.model.neighbours import NeighbourSampler
from graphrec.model.network import GraphModel
from graphrec.model.sampling import Batch, WatchLists, user_batches
from graphrec.train.config import TrainConfig
from graphrec.train.judge import Judge, neighbours, ranking_rules
from graphrec.train.objective import Drawn, Objective

INTERRUPTED = "interrupted"
EPOCHS_UNSEEN = 50  # where there is no validation part to say when to stop

SMALL_STATE = 500_000  # numbers of a part's states; below, threads cost more than they give

OnBatch = Callable[[int, int, int, float], None]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One look at validation, after one or more passes over the users.

    Attributes:
        number: passes done, from 1.
        loss: mean over the last pass.
        valid: validation NDCG@20 of the learned part by the best ranking rule; NaN where there is
            no validation part.
        rule: the best ranking rule.
        seconds: since training began.
        is_best: whether `valid` is the highest so far.
    """

    number: int
    loss: float
    valid: float
    rule: RankingRule
    seconds: float
    is_best: bool


OnEpoch = Callable[[Epoch], None]


@contextmanager
def suitable_threads(num_states: int) -> Iterator[None]:
    """One thread while a small model learns: handing out its little work takes twice as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if num_states < SMALL_STATE else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(slots=True, eq=False)
class Loop:
    """The state of a training in progress.

    Attributes:
        model: what learns.
        watches: the training watches.
        log_popularity: of each movie, for ranking, float32 [M].
        config: settings with everything filled in, see `TrainConfig.for_users`.
        generator: of batches and negatives.
        on_batch: called with epoch, batches done, batches in all, and the epoch's mean loss.
        newcomers: what users have watched who are folded in to be judged, users x movies.
        sampler: draws neighbourhoods around each batch; None propagates over the whole graph.
    """

    model: GraphModel
    watches: WatchLists
    log_popularity: Tensor
    config: TrainConfig
    generator: torch.Generator
    on_batch: OnBatch
    newcomers: sp.csr_array | None = None
    sampler: NeighbourSampler | None = None
    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    optimizer: torch.optim.Optimizer = field(init=False)
    objective: Objective = field(init=False)

    def __post_init__(self) -> None:
        rate = self.config.learning_rate
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, fused=True)
        self.objective = Objective(self.config, self.watches, self.generator)

    def run(self, judge: Judge, on_epoch: OnEpoch) -> tuple[str, Epoch]:
        """Train until validation no longer improves; why it ended, and the best epoch.

        The model is left with the weights of that epoch.

        Raises:
            ConfigError: if the loss is no longer a number before there was any look at validation.
            KeyboardInterrupt: likewise, if interrupted.
        """
        stopped = self._run(judge, on_epoch)
        assert self.best is not None
        self.model.load_state_dict(self.best_weights, strict=True)
        return stopped, self.best

    def _run(self, judge: Judge, on_epoch: OnEpoch) -> str:
        assert self.config.validate_every is not None
        assert self.config.patience is not None
        began, patience = time.perf_counter(), self.config.patience
        epochs = self.config.epochs if judge.can_judge else min(self.config.epochs, EPOCHS_UNSEEN)
        places = list(range(len(ranking_rules(self.config))))
        try:
            for number in range(1, epochs + 1):
                loss = self.learn(number)
                if not math.isfinite(loss) and self.best is not None:
                    return f"the loss was no longer a number in epoch {number}"
                if number % self.config.validate_every and number < epochs:
                    continue
                places = self._look(number, loss, began, judge, places)
                on_epoch(self.history[-1])
                assert self.best is not None
                if number - self.best.number >= patience:
                    return f"validation did not improve for {number - self.best.number} epochs"
        except KeyboardInterrupt:
            if self.best is None:
                raise
            return INTERRUPTED
        return f"all {epochs} epochs done"

    def learn(self, number: int) -> float:
        """One pass over all users; the mean loss over their watches.

        Raises:
            ConfigError: if the loss is no longer a number and there is no earlier epoch to keep.
        """
        batch_size, total, seen = self.config.batch_size, 0.0, 0
        assert batch_size is not None
        active = int((self.watches.pointer.diff() > 0).sum())
        num_batches = math.ceil(active / batch_size)
        batches = user_batches(self.watches, batch_size, self.generator)
        for done, batch in enumerate(batches, start=1):
            self.optimizer.zero_grad(set_to_none=True)
            drawn = self.objective.draw(batch)
            users, movies = self._around(batch, drawn)
            loss = self.objective(users, movies, batch, drawn)
            loss.backward()
            self.optimizer.step()
            seen += len(batch.movie)
            total += loss.item() * len(batch.movie)
            self.on_batch(number, done, num_batches, total / seen)
        if not math.isfinite(total) and self.best is None:
            raise ConfigError(
                f"the loss is no longer a number in epoch {number}; try a lower --learning-rate"
                " or a higher --temperature."
            )
        return total / seen

    def _around(self, batch: Batch, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """Embeddings [U, D] and [M, D], right at least for this batch."""
        if self.sampler is None:
            users, movies = self.model()
            return users, movies
        wanted = torch.cat([batch.movie, drawn.movie]).unique()
        return self.model.around(self.sampler, batch.users, wanted)

    @torch.no_grad()
    def _embeddings(self) -> tuple[Tensor, Tensor]:
        """What validation looks at: users [U, D] and movies [M, D]."""
        if self.newcomers is None or not self.newcomers.nnz:
            users, movies = self.model()
            return users, movies
        embedded = self.model.embed(self.model.layers.adjacency, self.newcomers)
        device = self.log_popularity.device
        return torch.from_numpy(embedded.user).to(device), torch.from_numpy(embedded.movie).to(
            device
        )

    def _look(
        self, number: int, loss: float, began: float, judge: Judge, places: list[int]
    ) -> list[int]:
        """Judge, remember the best, and say which rules to look at next time.

        The first look tries every rule, later ones the best so far and its neighbours: it moves
        slowly, and each rule costs a ranking.
        """
        rules = ranking_rules(self.config)
        user, movie = self._embeddings()
        looked_at = [rules[p] for p in places]
        best, valid = judge.best_rule(user, movie, looked_at, self.log_popularity)
        rule = places[best]
        is_best = self.best is None or math.isnan(valid) or valid > self.best.valid
        seconds = time.perf_counter() - began
        epoch = Epoch(number, loss, valid, rules[rule], seconds, is_best)
        self.history.append(epoch)
        if is_best:
            state = self.model.state_dict()
            self.best, self.best_weights = epoch, {name: t.clone() for name, t in state.items()}
        return neighbours(rule, rules)
