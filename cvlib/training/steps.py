"""How many steps an epoch has."""

from __future__ import annotations

import math


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Batches of one epoch, the incomplete last one included unless it is dropped."""
    return math.ceil(images / batch_size) - drops_last(images, batch_size)


def drops_last(images: int, batch_size: int) -> bool:
    """Whether an epoch leaves its last batch out: only where that would be a single image.

    Batch norm has no statistics of one image, and one image would weigh as much as a whole batch.
    Which image is left out changes with each epoch's order.
    """
    return batch_size > 1 and images > batch_size and images % batch_size == 1
