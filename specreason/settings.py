"""The settings of one process, from SPECREASON_* in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from specreason.addresses import BROKER_EXAMPLE, BrokerAddress, check_address
from specreason.errors import InvalidField
from specreason.validation import first_invalid_field

# The most jobs in flight that a worker may be given.
MOST_SLOTS = 256


class Settings(BaseSettings):
    """Read once per process. Durations are seconds."""

    model_config = SettingsConfigDict(env_prefix="SPECREASON_", frozen=True, extra="ignore")

    database_url: SecretStr | None = None
    broker_url: SecretStr | None = None
    pairs_file: Path | None = Field(
        None, description="This deployment's pairs.toml; default: the packaged one."
    )

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8765
    api_url: str = Field("http://127.0.0.1:8765", description="The URL at which the commands reach the API.")
    keys: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether requests need an API key; auto: on unless only this machine can reach the API.",
    )
    admin_key: SecretStr | None = Field(
        None, description="An administrator's key; each start of the API stores it."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        6000, description="Most requests per minute with one key, unless the key has its own limit."
    )
    api_key: SecretStr | None = Field(None, description="The API key that the commands send.")
    max_upload_bytes: Annotated[int, Field(ge=1)] = 200 * 1024 * 1024
    max_problems: Annotated[int, Field(ge=1)] = 50_000
    max_jobs: Annotated[int, Field(ge=1)] = Field(
        1_000_000, description="Most jobs of one submission: problems × repeats × combinations of a grid."
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(
        16 * 1024 * 1024, description="Largest JSON body. It is held in memory; a file never is."
    )
    chat_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        570,
        description="How long a request to /v1/chat/completions may take; OpenAI's own client waits for 600 s.",
    )
    webhook_hosts: str | None = Field(
        None, description="The hosts that webhooks may name, with commas between; default: no webhooks."
    )
    webhook_key: SecretStr | None = Field(
        None, description="The key from which the secrets of webhooks are derived; all APIs have the same."
    )
    webhook_days: Annotated[float, Field(gt=0, le=30)] = Field(
        3, description="How many days a message to a webhook is tried."
    )
    files_dir: Path = Field(
        Path("~/.local/share/specreason-files"),
        description="The folder of uploads and results; all API processes of a deployment share it.",
    )

    gpu_hour_price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        description="What one GPU costs per hour, a number in your own currency: costs are then told as prices, too.",
    )
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] | None = Field(
        None,
        description="Jobs in flight on one worker; default: what the memory plan has room for on GPUs, else 16.",
    )
    lease_s: Annotated[float, Field(gt=0)] = Field(
        15, description="How long a worker may be silent before other workers take its jobs."
    )
    beat_s: Annotated[float, Field(gt=0)] = Field(2, description="Time between two renewals of the lease.")
    stall_s: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="How long a child may show no progress before it counts as hung and its lease is not renewed. "
        "Default: 30 on the CPU, 120 on GPUs.",
    )
    start_s: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="How long one stage of loading a pair may take before the child counts as hung. "
        "Default: 900 on the CPU, 1800 on GPUs.",
    )
    max_attempts: Annotated[int, Field(ge=1)] = Field(3, description="Errors after which a job is dead.")
    retry_s: Annotated[float, Field(gt=0)] = Field(
        2, description="Pause after a job's first error; it doubles with each further error."
    )
    max_lost: Annotated[int, Field(ge=1)] = Field(
        3,
        description="Lost workers after which a job runs once more, in quarantine; one more loss, and it is dead.",
    )
    republish_s: Annotated[float, Field(gt=0)] = Field(
        10,
        description="A queued job is announced again if its message is not in the queue this long after it was sent.",
    )
    publish_window: Annotated[int, Field(ge=1)] = Field(
        256, description="Most announced and unclaimed jobs of one pair; at most two per slot of its workers."
    )
    drain_s: Annotated[float, Field(ge=0)] = Field(
        30, description="How long a stopping worker waits for its jobs to reach a step boundary."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = Field(
        "text", description="How log lines look: for people, or one JSON object a line."
    )
    metrics_open: bool = Field(
        False, description="Whether /metrics of the API needs no key. Its figures name no owner and no text."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which a worker serves its metrics.")
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        None, description="Port on which a worker serves its metrics; default: it serves none."
    )

    def database(self) -> str:
        """The database's URL; InvalidField if none is set, or if it can be read in two ways."""
        name = "SPECREASON_DATABASE_URL"
        url = _required(name, self.database_url, "postgresql://user:password@host/database")
        check_address(name, url)
        return url

    def broker(self) -> str:
        """The broker's URL; InvalidField if none is set, or if it is not one of a Redis."""
        name = "SPECREASON_BROKER_URL"
        url = _required(name, self.broker_url, BROKER_EXAMPLE)
        BrokerAddress.parse(name, url)
        return url


def _required(variable: str, value: SecretStr | None, example: str) -> str:
    if value is None:
        raise InvalidField(
            variable,
            f"is not set. It is the address of this deployment's server, such as {example}. "
            "`specreason up` starts servers of its own, and `specreason status` prints their addresses",
        )
    return value.get_secret_value()


def load_settings() -> Settings:
    """Read the settings. Raises InvalidField that names the environment variable."""
    try:
        return Settings()
    except ValidationError as error:
        invalid = first_invalid_field(error, prefix="SPECREASON_")
        raise InvalidField(invalid.field.upper(), invalid.reason) from error
