"""What one process needs to know of its deployment, from SPECREASON_* in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from specreason.errors import InvalidField
from specreason.validation import first_invalid_field

BROKER_SCHEMES = ("redis://", "rediss://", "redis+socket://")


class Settings(BaseSettings):
    """Read once per process. Durations are seconds."""

    model_config = SettingsConfigDict(env_prefix="SPECREASON_", frozen=True, extra="ignore")

    database_url: SecretStr | None = None
    broker_url: SecretStr | None = None
    pairs_file: Path | None = Field(
        None, description="pairs.toml of this deployment; default: the packaged one."
    )

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8765
    api_url: str = Field("http://127.0.0.1:8765", description="Where the commands find the API.")
    keys: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether requests need an API key; auto: unless only this machine can reach the API.",
    )
    admin_key: SecretStr | None = Field(None, description="An administrator's key, made known at each start.")
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        6000, description="Most requests with one key, unless the key says otherwise."
    )
    api_key: SecretStr | None = Field(None, description="The key that the commands show to the API.")
    max_upload_bytes: Annotated[int, Field(ge=1)] = 200 * 1024 * 1024
    max_problems: Annotated[int, Field(ge=1)] = 50_000
    max_jobs: Annotated[int, Field(ge=1)] = Field(
        1_000_000, description="Of one submission: problems × repeats × combinations of a grid."
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(
        16 * 1024 * 1024, description="Of a JSON body, which is held in memory; files may be larger."
    )
    files_dir: Path = Field(
        Path("~/.local/share/specreason-files"),
        description="Where uploaded files and results lie; one folder for all APIs of a deployment.",
    )

    slots: Annotated[int, Field(ge=1, le=256)] = Field(16, description="Jobs in flight on one pair.")
    lease_s: Annotated[float, Field(gt=0)] = Field(
        15, description="A worker silent for longer has lost its jobs."
    )
    beat_s: Annotated[float, Field(gt=0)] = Field(2, description="Time between two renewals of the lease.")
    stall_s: Annotated[float, Field(gt=0)] = Field(
        30,
        description="A child that reports no progress for longer is taken for hung and its lease not renewed.",
    )
    start_s: Annotated[float, Field(gt=0)] = Field(
        900, description="A child that has not loaded its pair after so long is taken for hung."
    )
    max_attempts: Annotated[int, Field(ge=1)] = Field(3, description="Errors after which a job is dead.")
    retry_s: Annotated[float, Field(gt=0)] = Field(
        2, description="Pause before a job with an error is tried again; it doubles with each error."
    )
    max_lost: Annotated[int, Field(ge=1)] = Field(
        3, description="Workers lost with a job after which it runs once more, alone, before it is dead."
    )
    republish_s: Annotated[float, Field(gt=0)] = Field(
        10,
        description="A queued job whose message was sent longer ago, and is not in the queue, is announced again.",
    )
    publish_window: Annotated[int, Field(ge=1)] = Field(
        256, description="Most messages in one queue; at most two per slot of the pair's workers."
    )
    drain_s: Annotated[float, Field(ge=0)] = Field(30, description="Grace for running jobs at shutdown.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def database(self) -> str:
        """The database's URL; InvalidField if none is set."""
        return _required("SPECREASON_DATABASE_URL", self.database_url)

    def broker(self) -> str:
        """The broker's URL; InvalidField if none is set, or if it is not Redis."""
        url = _required("SPECREASON_BROKER_URL", self.broker_url)
        if not url.startswith(BROKER_SCHEMES):
            raise InvalidField("SPECREASON_BROKER_URL", f"must begin with one of {', '.join(BROKER_SCHEMES)}")
        return url


def _required(variable: str, value: SecretStr | None) -> str:
    if value is None:
        raise InvalidField(
            variable, "is not set; `specreason up` needs none, and prints that of its own servers"
        )
    return value.get_secret_value()


def load_settings() -> Settings:
    """Raises InvalidField that names the environment variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = first_invalid_field(error, prefix="SPECREASON_")
        raise InvalidField(wrong.field.upper(), wrong.reason) from error
