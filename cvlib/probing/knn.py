"""k nearest neighbours by cosine similarity, as DINO evaluates features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import normalize, one_hot

from cvlib.probing.linear_head import as_tensors

TEMPERATURE = 0.07
_SIMILARITIES = 2**24  # of one block: 64 MB in float32


def predict_many(
    train_x: np.ndarray,
    train_y: np.ndarray,
    x: np.ndarray,
    ks: Sequence[int],
    num_classes: int,
    device: str = "cpu",
) -> dict[int, np.ndarray]:
    """For each k the class of each row of x (M, D), as int64 (M,): a vote of k neighbours in train.

    Features are scaled to length 1; a neighbour with cosine similarity s votes for its class with
    weight exp(s / 0.07) (Wu et al. 2018, section 3.4; Caron et al. 2021, DINO, take the same). Of
    equally similar neighbours the lower row counts, of equal votes the lower class. A row of zeros
    has similarity 0 to all. All ks, from 1 to the rows of train_x, take one search of neighbours.
    """
    features, labels = as_tensors(train_x, train_y, device)
    train = normalize(features, dim=1)
    queries = normalize(torch.tensor(np.asarray(x), dtype=torch.float32, device=device), dim=1)
    largest = max(ks)
    votes: dict[int, list[torch.Tensor]] = {k: [] for k in ks}
    for block in queries.split(max(1, _SIMILARITIES // len(train))):
        similarity, rows = _nearest(block @ train.T, largest)
        # exp(s / T) divided by exp(1 / T), which no vote's outcome depends on and float32 needs not
        weights = torch.exp((similarity.double() - 1) / TEMPERATURE)
        classes = labels[rows]
        for k in ks:
            total = torch.zeros(len(block), num_classes, dtype=torch.float64, device=train.device)
            # a class at a time, so that sums have one order on every device
            for rank in range(k):
                one = one_hot(classes[:, rank], num_classes)
                total += one * weights[:, rank, None]
            # the lowest class of the most votes; argmax leaves open which of equals it is
            most = (total == total.amax(dim=1, keepdim=True)).int()
            votes[k].append(most.argsort(dim=1, descending=True, stable=True)[:, 0])
    return {k: torch.cat(parts).cpu().numpy() for k, parts in votes.items()}


def _nearest(similarity: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The k largest of each row, the lower index first among equals.

    topk leaves open which of several equal values it returns. Those above the k-th value are
    certain; the places that remain go to the lowest indices that have exactly that value.
    """
    last = similarity.topk(k, dim=1).values[:, -1:]
    above, equal = similarity > last, similarity == last
    room = k - above.sum(dim=1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(dim=1) <= room))
    rows = chosen.nonzero()[:, 1].view(len(similarity), k)
    values = similarity.gather(1, rows)
    order = values.argsort(dim=1, descending=True, stable=True)
    return values.gather(1, order), rows.gather(1, order)
