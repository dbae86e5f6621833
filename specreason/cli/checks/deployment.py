"""The checks of `specreason doctor`, in the order in which to mend what they find.

What no setting names is looked for in the `specreason up` that runs on the data directory, if one does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.folders import check_disk, check_files
from specreason.cli.checks.gpus import check_free_gpus, check_gpus
from specreason.cli.checks.machine import check_cpu, check_python, check_vllm
from specreason.cli.checks.memory import check_memory
from specreason.cli.checks.models import check_models, check_pair
from specreason.cli.checks.processes import check_processes
from specreason.cli.checks.speculation import check_speculation
from specreason.cli.checks.workers import check_workers, check_workers_of_the_api
from specreason.cli.connection import connected
from specreason.cli.running import RunningUp, find_running
from specreason.client import Client
from specreason.errors import BrokerUnavailable, InputError, KeyRefused, NotAllowed, NotFound, SpecReasonError
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.settings import Settings, load_settings
from specreason.store.migrate import schema_gap
from specreason.store.session import connect

OWN_SERVERS = "`specreason up` starts its own"
DEFAULT_PAIR = "demo"
BROKER_AWAY = "start Valkey or Redis, or correct SPECREASON_BROKER_URL"
WRONG_KEY = "correct the user and the password in SPECREASON_BROKER_URL"
# What mends a Redis that refuses a message, by the word with which its refusal begins.
REMEDY_OF = {
    "READONLY": "it is a replica: wait for the failover to end, or let SPECREASON_BROKER_URL name the primary",
    "MASTERDOWN": "it is a replica without a primary: wait, or let SPECREASON_BROKER_URL name the primary",
    "OOM": "it is full: raise its maxmemory, or delete what other programs keep in it",
    "MISCONF": "it cannot save: look at its log and its disk",
    "LOADING": "it has just started: wait until it has read its file",
    "BUSY": "a script of another program runs in it: wait, or end it with SCRIPT KILL",
    "NOAUTH": WRONG_KEY,
    "WRONGPASS": WRONG_KEY,
    "NOPERM": "give its user the commands of lists, sets and scripts on the keys pair.*, _kombu.* and specreason.*",
}


def diagnose(pair_name: str | None, data_dir: Path, api_url: str | None) -> list[Finding]:
    """Run every check, also after one that fails. Without a `pair_name`, of the pair that runs, or of the demo's."""
    running = find_running(data_dir)
    pair_name = pair_name or (running.pair if running is not None else DEFAULT_PAIR)
    findings = [check_python(), check_vllm(), check_cpu(), check_disk(data_dir), check_up(running, data_dir)]
    try:
        settings = load_settings()
    except InputError as error:
        return [*findings, fail("settings", str(error), "correct the environment variable")]
    if running is not None:
        settings = with_servers_of(running, settings)
    pair = None
    try:
        pair = get_pair(load_pairs(settings.pairs_file), pair_name)
    except InputError as error:
        findings.append(fail("pair", str(error), "correct pairs.toml, or name another pair with --pair"))
    findings += [check_files(settings.files_dir.expanduser().absolute()), *check_gpus(pair)]
    if running is None:
        findings += check_free_gpus(pair)
    if pair is not None:
        findings += check_processes(pair, is_up=running is not None and running.pair == pair_name)
        findings += [check_pair(pair_name, pair), check_models(pair)]
        findings += [check_speculation(pair)] if pair.speculation is not None else []
        findings.append(_memory_of(running, pair_name) or check_memory(pair))
    findings += _database(settings, pair_name, is_loading=_loads(running, pair_name))
    findings.append(_broker(settings))
    findings += _api(settings, api_url, pair_name, pair)
    return findings


def check_up(running: RunningUp | None, data_dir: Path) -> Finding:
    """Say which `specreason up` the checks below look at."""
    if running is None:
        return ok("up", f"nothing runs on {data_dir}")
    state = "serves" if running.serving else "starts"
    return ok("up", f"process {running.pid} {state} '{running.pair}' on {data_dir} since {running.since}")


def with_servers_of(running: RunningUp, settings: Settings) -> Settings:
    """Return the settings with the servers, the folder and the API of `up` where no variable names others."""
    of_up = {
        "database_url": SecretStr(running.database_url),
        "broker_url": SecretStr(running.broker_url),
        "files_dir": running.files_dir,
        "api_url": running.api_url,
    }
    given = settings.model_fields_set
    return settings.model_copy(update={name: value for name, value in of_up.items() if name not in given})


def _loads(running: RunningUp | None, pair_name: str) -> bool:
    return running is not None and not running.serving and running.pair == pair_name


def _memory_of(running: RunningUp | None, pair_name: str) -> Finding | None:
    """Return the finding on a pair that is up, and so has taken its memory; None if it is not."""
    if running is None or running.pair != pair_name:
        return None
    if running.serving:
        return ok("memory", f"'{pair_name}' is loaded: it fits")
    return ok("memory", f"'{pair_name}' is loading: `specreason up` looked at the memory before")


def _database(settings: Settings, pair: str, *, is_loading: bool) -> Iterator[Finding]:
    """Check the server, its schema, and the workers registered there."""
    if settings.database_url is None:
        yield ok("database", f"SPECREASON_DATABASE_URL is not set: {OWN_SERVERS}")
        return
    try:
        database = connect(settings.database(), pool_size=1)
    except SpecReasonError as error:
        can_wait = not isinstance(error, InputError)
        yield fail(
            "database", str(error), f"{'start Postgres, or ' * can_wait}correct SPECREASON_DATABASE_URL"
        )
        return
    try:
        version = ".".join(map(str, database.dialect.server_version_info or ()))
        yield ok("database", f"Postgres {version} answers")
        try:
            gap = schema_gap(database)
        except SpecReasonError as error:
            yield fail("schema", str(error), "start Postgres again")
            return
        if gap is not None:
            yield fail("schema", gap.found, gap.remedy)
            return
        yield ok("schema", "is this version's")
        yield check_workers(database, pair, is_loading=is_loading)
    finally:
        database.dispose()


def _broker(settings: Settings) -> Finding:
    if settings.broker_url is None:
        return ok("broker", f"SPECREASON_BROKER_URL is not set: {OWN_SERVERS}")
    from specreason.broker import check_broker

    try:
        check_broker(settings.broker())
    except BrokerUnavailable as error:
        return fail("broker", str(error), REMEDY_OF.get(error.code, BROKER_AWAY))
    except SpecReasonError as error:
        return fail("broker", str(error), "correct SPECREASON_BROKER_URL")
    return ok("broker", "takes messages and gives them back")


def _api(
    settings: Settings, api_url: str | None, pair_name: str, pair: PairConfig | None
) -> Iterator[Finding]:
    """Check that the API answers, knows the pair, accepts the key, and, where no database is known, has workers."""
    try:
        with closing(connected(api_url or settings.api_url, patience_s=0, timeout_s=5)) as client:
            health = client.health()
            if pair is None or pair_name in health.pairs:
                yield ok("api", f"version {health.version} answers")
            else:
                known = ", ".join(health.pairs)
                yield fail(
                    "api", f"version {health.version} knows {known}", "give the API the same pairs.toml"
                )
            yield _key(client, is_given=settings.api_key is not None)
            if settings.database_url is None:
                with suppress(KeyRefused, NotAllowed):
                    yield check_workers_of_the_api(client, pair_name)
    except SpecReasonError as error:
        yield warn("api", str(error), "specreason up, or specreason api; --api says where it is")


def _key(client: Client, *, is_given: bool) -> Finding:
    remedy = "export SPECREASON_API_KEY=…; `specreason keys create NAME` makes a key"
    try:
        with suppress(NotFound):  # expected: a 404 shows that the key was accepted
            client.batch(UUID(int=0))
    except KeyRefused as error:
        return fail("key", str(error), remedy)
    except NotAllowed as error:  # it is known, and may be meant for submitting only
        return warn("key", str(error), remedy)
    except SpecReasonError as error:
        return warn("key", str(error), "ask again, and look at the API's log")
    return ok("key", "SPECREASON_API_KEY is accepted" if is_given else "the API asks for none")
