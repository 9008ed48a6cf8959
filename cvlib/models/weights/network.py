"""Fetch weights into the hub's cache. A network that does not answer is found out once a process."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from cvlib.errors import CvlibError
from cvlib.models.timm_names import TimmEntry
from cvlib.models.weights import hub_cache, sha256_of
from cvlib.models.weights.hub import WEIGHTS, endpoint, is_offline, repository, url_cache_file

# Name lookup, connection and first answer together; a process waits this long at most once a host.
PATIENCE_SECONDS = 4.0
DOWNLOAD_TIMEOUT_SECONDS = 30
_dead: dict[str, str] = {}  # address -> why it does not answer
_lock = threading.Lock()


class NotFetched(CvlibError, RuntimeError):
    """Why the network gave nothing, in a few words."""


def fetch_file(entry: TimmEntry, names: tuple[str, ...] = WEIGHTS) -> Path:
    """Download weights into the hub's cache (torch.hub's if timm names an address only).

    names: of the file in its repository; the first that is there is fetched. Returns the file's
    path; raises NotFetched. A download that breaks leaves no file there.
    """
    if entry.hub_id is None and entry.url is None:
        raise NotFetched("timm names no place to fetch from")
    if not entry.is_fetchable:
        raise NotFetched(f"{entry.url} is not a file of tensors that this can read")
    if is_offline():
        raise NotFetched("not asked, HF_HUB_OFFLINE is set")
    if entry.hub_id is not None:
        return _from_hub(entry, names)
    return _from_url(entry)


def _from_hub(entry: TimmEntry, names: tuple[str, ...]) -> Path:
    address = endpoint()
    _check_answers(address)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    name, revision = repository(entry)
    for file in names:
        try:
            found = hf_hub_download(
                name,
                file,
                revision=revision,
                cache_dir=hub_cache(),
                endpoint=address,
                etag_timeout=DOWNLOAD_TIMEOUT_SECONDS,
            )
            return Path(found)
        except LocalEntryNotFoundError as error:  # the client's word for a broken connection
            _dead[address] = f"{address} stopped answering ({_short(error.__cause__ or error)})"
            raise NotFetched(_dead[address]) from error
        except EntryNotFoundError:
            continue  # a repository has one of these names
        except Exception as error:  # the client lets errors of several libraries through
            raise NotFetched(f"{address}/{name}: {_short(error)}") from error
    raise NotFetched(f"{address}/{name} has no {' or '.join(names)}")


def _from_url(entry: TimmEntry) -> Path:
    path = url_cache_file(entry)
    assert entry.url is not None and path is not None
    address = "{0.scheme}://{0.netloc}".format(urlsplit(entry.url))
    _check_answers(address)
    part = path.with_name(f".{path.name}.{os.getpid()}")  # two processes may fetch it at once
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(entry.url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer,
            part.open("wb") as file,
        ):
            expected = answer.headers.get("Content-Length")
            while chunk := answer.read(1 << 20):
                file.write(chunk)
        if expected is not None and part.stat().st_size != int(expected):
            raise NotFetched(f"{entry.url} broke off")
        _check_digits(part, path.stem, entry.url)
        part.replace(path)
    except OSError as error:
        raise NotFetched(f"{entry.url}: {_short(error)}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _check_digits(part: Path, stem: str, url: str) -> None:
    # torch.hub's convention: NAME-DIGITS.pth, the first digits of the sha256
    digits = stem.rsplit("-", 1)[-1]
    is_hex = len(digits) >= 8 and all(c in "0123456789abcdef" for c in digits)
    if is_hex and "-" in stem and not sha256_of(part).startswith(digits):
        raise NotFetched(f"{url}: its sha256 does not start with {digits}, as its name says")


def _check_answers(address: str) -> None:
    """Raise NotFetched if nothing answers at `address`; what is found out stays true."""
    with _lock:
        if address not in _dead:
            _dead[address] = _ask(address)
        if _dead[address]:
            raise NotFetched(_dead[address])


def _ask(address: str) -> str:
    """Return why `address` does not answer, "" if it does: any answer will do, also a refusal."""
    heard: list[str] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
                heard.append("")
        except urllib.error.HTTPError:
            heard.append("")
        except Exception as error:
            heard.append(f"{address} does not answer ({_short(error)})")

    # A name server that is silent cannot be interrupted, so that it is waited for elsewhere.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return heard[0] if heard else f"{address} does not answer within {PATIENCE_SECONDS:g} s"


def _short(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    said = str(reason if isinstance(reason, BaseException) else error).strip()
    return said.splitlines()[0] if said else type(error).__name__
