"""Files of datasets from the Hugging Face hub: the hub's cache first, then the hub. They have a megabyte or two.

Gated ones need the user's own account: its token in HF_TOKEN, or in the file that `hf auth login` writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from specreason.engines.models.hub import cache_folder, is_of_the_disk, why_not
from specreason.errors import InputError, SpecReasonError, Unreachable
from specreason.named_datasets.pins import Pin

FROM_A_FILE = (
    "if you have its problems in a file, name the file in its place (`--dataset FILE`, `submit FILE`)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """The content of a file, and where it was read."""

    path: Path
    content: bytes
    sha256: str


def cached_file(pin: Pin, revision: str | None = None) -> Path | None:
    """The dataset's file in the hub's cache, None if it is not there. Asks no server."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        pin.repository, pin.file, revision=revision or pin.revision, repo_type="dataset"
    )
    return Path(found) if isinstance(found, str) else None


def hub_file(name: str, pin: Pin, revision: str | None, announce: Callable[[str], None]) -> HubFile:
    """The dataset's file at the pinned commit, or at another one that the user names, whose content is not checked.

    Raises InputError if the hub refuses it or its content is another one than pinned, Unreachable if the hub does not
    answer. Both say how to do without the hub.
    """
    path = cached_file(pin, revision) or _fetched(name, pin, revision or pin.revision, announce)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: {path} cannot be read ({error.strerror}); {FROM_A_FILE}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != pin.sha256 and revision in (None, pin.revision):
        raise InputError(
            f"{name}: {path} has the SHA-256 {sha256}, not {pin.sha256}: it is damaged, or another file than pinned. "
            f"Remove it and try again; or {FROM_A_FILE}"
        )
    return HubFile(path=path, content=content, sha256=sha256)


def _fetched(name: str, pin: Pin, revision: str, announce: Callable[[str], None]) -> Path:
    from huggingface_hub import hf_hub_download

    announce(f"Fetching {name} ({pin.repository}, commit {revision[:7]}) from the hub")
    try:
        return Path(hf_hub_download(pin.repository, pin.file, revision=revision, repo_type="dataset"))
    # The client's errors and those of the HTTP library below it have no common class.
    except Exception as error:
        raise _refusal(name, pin, error) from error


def _refusal(name: str, pin: Pin, error: Exception) -> SpecReasonError:
    """What the failure means to the user, and what helps."""
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE:
        return InputError(f"{name} is not in {cache_folder()}, and HF_HUB_OFFLINE is set; {FROM_A_FILE}")
    if isinstance(error, errors.GatedRepoError) or (pin.is_gated and _is_unknown_account(error)):
        return InputError(
            f"{name} is given only to accounts that have accepted its terms: accept them at "
            f"{constants.ENDPOINT}/datasets/{pin.repository}, then set HF_TOKEN to a token of the account, or run "
            "`hf auth login`"
        )
    reason = f"{name} cannot be fetched: {why_not(error, 'dataset')}"
    if isinstance(error, errors.HfHubHTTPError | errors.EntryNotFoundError) and not _is_passing(error):
        return InputError(f"{reason}; {FROM_A_FILE}")
    return InputError(reason) if is_of_the_disk(error) else Unreachable(f"{reason}; {FROM_A_FILE}")


def _is_unknown_account(error: Exception) -> bool:
    from huggingface_hub import errors

    return isinstance(error, errors.RepositoryNotFoundError)


def _is_passing(error: Exception) -> bool:
    """Whether the hub may answer otherwise later. Of a lost connection the client says that an entry is missing."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError):
        return True
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status is not None and (status >= 500 or status in (408, 429))
