"""The endpoints that a batch can be made for, and how clients spell them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args


class Endpoint(StrEnum):
    """What every line of a batch is a request to."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"


# Azure's clients leave out the version, or write /openai before it.
Spelling = Literal[
    "/v1/chat/completions",
    "/v1/responses",
    "/chat/completions",
    "/responses",
    "/openai/v1/chat/completions",
    "/openai/v1/responses",
]
SPELLINGS: tuple[str, ...] = get_args(Spelling)


def endpoint_of(url: object) -> Endpoint | None:
    """The endpoint that a client means; None if there is none."""
    if not isinstance(url, str) or url not in SPELLINGS:
        return None
    return Endpoint("/v1/" + url.removeprefix("/openai").removeprefix("/v1").removeprefix("/"))
