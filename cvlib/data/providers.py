"""Getting a dataset: what is on disk first, then each provider in its order."""

from __future__ import annotations

import logging

from filelock import FileLock

from cvlib.data.errors import DataUnavailable
from cvlib.data.sources.base import Source

_log = logging.getLogger(__name__)


def ensure_local(source: Source) -> None:
    """Fetch `source` if it is not on disk. Raises DataUnavailable with every attempt's failure."""
    if not source.missing():
        return
    locks = source.root / ".cache" / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    # A second process waits here and then finds the data in place.
    with FileLock(locks / f"fetch-{type(source).__name__}.lock"):
        missing = source.missing()
        if not missing:
            return
        tried = [("on disk", "not there: " + ", ".join(missing))]
        for provider in source.providers():
            _log.info("fetching %s: %s", source.name, provider.label)
            try:
                provider.fetch()
            except Exception as error:  # whatever a download can raise is one failed attempt
                tried.append((provider.label, f"{type(error).__name__}: {error}"))
                continue
            missing = source.missing()
            if not missing:
                return
            tried.append((provider.label, "finished, but these are missing: " + ", ".join(missing)))
    lines = [f"  {n}. {label}: {failure}" for n, (label, failure) in enumerate(tried, start=1)]
    message = [f"{source.name} cannot be had. Tried:", *lines, f"By hand: {source.by_hand()}"]
    raise DataUnavailable("\n".join(message))
