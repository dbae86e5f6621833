"""/v1/files with the unmodified `openai` SDK, and what is left of files when processes are killed."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openai import APIStatusError, BadRequestError, NotFoundError, OpenAI
from sqlalchemy import text

from api.door.body_limit import FORM_BYTES
from api.ids import to_file_id
from specreason.embedded import Servers
from specreason.errors import NotFound, StoreUnavailable
from specreason.store.access.visibility import Viewer
from specreason.store.files.folder import PART, Folder
from specreason.store.files.rows import FileRow, NewFile, files_folder, insert_file, list_files, read_file
from specreason.store.session import Database, connect, transaction
from tests.support.api.apps import make_api
from tests.support.api.live import LOCAL
from tests.support.messages import naming
from tests.support.store.databases import own_database
from tests.support.store.full_disk import full_disk
from tests.support.store.sql import execute, scalar
from tests.support.workers.processes import wait_for

CONTENT = b'{"problem": "x"}\n'
MOST_BYTES = 3_000_000
UNKNOWN = UUID(int=1)


@pytest.fixture
def folder(database: Database, files_dir: Path) -> Path:
    return files_folder(database, files_dir).path


@pytest.fixture
def app(servers: Servers, database: Database, files_dir: Path) -> FastAPI:
    return make_api(servers, database, files_dir=files_dir, max_upload_bytes=MOST_BYTES)


def upload(openai: OpenAI, content: bytes = CONTENT, name: str = "in.jsonl") -> str:
    return openai.files.create(file=(name, content), purpose="batch").id


def test_a_file_is_given_back_byte_for_byte(openai: OpenAI, folder: Path) -> None:
    before = int(time.time())
    content = os.urandom(2_500_000)  # larger than what a form keeps in memory
    made = openai.files.create(file=("größe.jsonl", content), purpose="batch")
    assert (made.object, made.bytes, made.filename, made.purpose) == (
        "file",
        len(content),
        "größe.jsonl",
        "batch",
    )
    assert before <= made.created_at <= time.time()
    assert openai.files.retrieve(made.id) == made
    assert openai.files.content(made.id).read() == content
    assert [path.stat().st_size for path in folder.iterdir()] == [len(content)]


def test_a_deleted_file_is_gone_from_everywhere(openai: OpenAI, folder: Path) -> None:
    file_id = upload(openai)
    deleted = openai.files.delete(file_id)
    assert (deleted.id, deleted.deleted) == (file_id, True)
    for ask in (openai.files.retrieve, openai.files.content, openai.files.delete):
        with pytest.raises(NotFoundError):
            ask(file_id)
    assert list(openai.files.list()) == []
    assert list(folder.iterdir()) == []


def test_the_list_has_every_file_once_in_either_order(openai: OpenAI) -> None:
    ids = [upload(openai, name=f"{number}.jsonl") for number in range(5)]
    assert [file.id for file in openai.files.list(limit=2)] == ids[::-1]  # the SDK asks for page after page
    assert [file.id for file in openai.files.list(limit=2, order="asc")] == ids
    first = openai.files.list(limit=2)
    assert (len(first.data), first.has_more) == (2, True)
    assert list(openai.files.list(purpose="batch_output")) == []


def test_a_page_behind_what_cannot_be_an_id_is_refused(openai: OpenAI) -> None:
    for page in (openai.files.list, openai.batches.list):
        with pytest.raises(BadRequestError, match=naming("after:", "nonsense")):
            page(after="nonsense")
    assert openai.batches.list(after=f"batch_{uuid4().hex}").data == []


def test_a_file_expires(openai: OpenAI, database: Database) -> None:
    before = int(time.time())
    made = openai.files.create(
        file=("x", CONTENT), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at is not None
    assert before <= made.expires_at - 3600 <= time.time()
    execute(database, "UPDATE file SET expires_at = now() - interval '1 s'")
    with pytest.raises(NotFoundError):
        openai.files.content(made.id)
    assert list(openai.files.list()) == []


@pytest.mark.parametrize(
    ("file_id", "named"),
    [
        ("file-1", "file-1"),
        ("nothing", "nothing"),
        (f"file-{UNKNOWN.hex}", str(UNKNOWN)),
        (f"batch_{UNKNOWN.hex}", f"batch_{UNKNOWN.hex}"),
    ],
)
def test_an_unknown_file_is_404(openai: OpenAI, file_id: str, named: str) -> None:
    with pytest.raises(NotFoundError, match=naming(named)):
        openai.files.retrieve(file_id)


def test_a_file_that_is_too_large_is_refused_and_nothing_stays(
    openai: OpenAI, database: Database, folder: Path
) -> None:
    # A little too large is seen at the end of the file, and much too large before the rest is read.
    for size, says in (
        (MOST_BYTES + 1, naming("file:", f"{MOST_BYTES:,} bytes")),
        (MOST_BYTES + 5_000_000, naming("body:", f"{MOST_BYTES + FORM_BYTES:,} bytes")),
    ):
        with pytest.raises(APIStatusError, match=says) as refused:
            upload(openai, bytes(size))
        assert refused.value.status_code == 413
    assert scalar(database, "SELECT count(*) FROM file") == 0
    assert not folder.exists() or list(folder.iterdir()) == []
    assert openai.files.retrieve(upload(openai, bytes(MOST_BYTES))).bytes == MOST_BYTES


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"data": {"purpose": "fine-tune"}, "files": {"file": ("x", CONTENT)}}, "purpose"),
        ({"files": {"file": ("x", CONTENT)}}, "purpose"),
        ({"data": {"purpose": "batch", "colour": "red"}, "files": {"file": ("x", CONTENT)}}, "colour"),
        ({"data": {"purpose": "batch"}, "files": {"other": ("x", CONTENT)}}, "other"),
        ({"data": {"purpose": "batch"}}, "Content-Type"),
        (
            {
                "data": {
                    "purpose": "batch",
                    "expires_after[anchor]": "created_at",
                    "expires_after[seconds]": "٣٦٠٠",
                },
                "files": {"file": ("x", CONTENT)},
            },
            "expires_after",
        ),
        ({"content": b"nonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}}, "body"),
        ({"content": b"nonsense", "headers": {"content-type": "multipart/form-data"}}, "body"),
    ],
)
def test_a_form_that_is_wrong_is_refused_by_its_field(
    servers: Servers, database: Database, files_dir: Path, form: dict[str, object], says: str
) -> None:
    app = make_api(servers, database, files_dir=files_dir)
    with TestClient(app, base_url=LOCAL) as client:
        answer = client.post("/v1/files", **form)  # type: ignore[arg-type]
    assert 400 <= answer.status_code < 500
    assert says in answer.text
    assert scalar(database, "SELECT count(*) FROM file") == 0


def test_what_killed_writers_left_is_swept_at_the_next_start(
    servers: Servers, database: Database, files_dir: Path, folder: Path
) -> None:
    files = Folder(folder)
    kept, gone, unknown = (new_file(files) for _ in range(3))
    for new in (kept, gone):
        add_file(database, new)
    execute(database, f"UPDATE file SET deleted_at = now() WHERE id = '{gone.content.file_id}'")
    (folder / f"{uuid4()}.part").write_bytes(b"half")
    young = folder / f"{uuid4()}.part"
    (folder / "notes.txt").write_bytes(b"not ours")
    for path in folder.iterdir():
        os.utime(path, times=(0, 0))
    young.write_bytes(b"being written by another API")
    app = make_api(servers, database, files_dir=files_dir)
    left = {str(kept.content.file_id), young.name, "notes.txt"}
    with TestClient(app):
        wait_for(lambda: {path.name for path in folder.iterdir()} == left)
    assert str(unknown.content.file_id) not in left


def test_an_api_of_another_database_leaves_our_files_alone(
    servers: Servers, administration: Database, database: Database, files_dir: Path, folder: Path
) -> None:
    with own_database(servers, administration) as url:
        theirs = connect(url)
        ours = [new_file(Folder(folder)), new_file(files_folder(theirs, files_dir))]
        paths = [next(files_dir.rglob(str(new.content.file_id))) for new in ours]
        for path in paths:
            os.utime(path, times=(0, 0))
        with TestClient(make_api(servers, theirs, files_dir=files_dir)):
            wait_for(lambda: not paths[1].exists())
        theirs.dispose()
    assert paths[0].exists()


def test_a_disk_that_is_full_is_said_and_nothing_stays(folder: Path) -> None:
    kept = new_file(Folder(folder))

    def write() -> None:
        with Folder(folder).new() as content:
            content.write(bytes(1000))  # which the buffer takes, so that even closing it fails
            content.keep(ExitStack())

    with full_disk(100), pytest.raises(StoreUnavailable):
        write()
    assert [path.name for path in folder.iterdir()] == [str(kept.content.file_id)]


def test_a_new_folder_is_as_durable_as_the_first_file_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink()))
    folder = tmp_path / "files" / "database"
    new = new_file(Folder(folder))
    part = folder / f"{new.content.file_id}{PART}"
    assert synced == [tmp_path / "files", tmp_path, part, folder]


def test_an_upload_that_comes_to_nothing_is_removed_and_postgres_is_not_asked(
    openai: OpenAI, database: Database, folder: Path
) -> None:
    first = upload_once(openai)
    with transaction(database) as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("LOCK TABLE file"))
        assert upload_once(openai) == first
    assert [path.name for path in folder.iterdir()] == [str(to_file_id(first))]


def test_an_upload_that_comes_to_nothing_is_answered_even_if_it_cannot_be_removed(
    openai: OpenAI, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(path)

    first = upload_once(openai)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert upload_once(openai) == first
    assert len(list(folder.iterdir())) == 2  # the sweep removes the other


def upload_once(openai: OpenAI) -> str:
    """The same file under the same key, each time."""
    headers = {"Idempotency-Key": "k"}
    return openai.files.create(file=("x", CONTENT), purpose="batch", extra_headers=headers).id


def test_an_upload_that_breaks_off_leaves_nothing(openai: OpenAI, folder: Path) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + bytes(100_000)
    head = b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with socket.create_connection((openai.base_url.host, openai.base_url.port or 0)) as connection:
        connection.sendall(head + b"Content-Length: 2000000\r\n\r\n" + part)
        wait_for(lambda: [path.suffix for path in folder.glob("*")] == [PART])
    wait_for(lambda: not any(folder.iterdir()))


def test_one_owner_sees_nothing_of_another(database: Database, folder: Path) -> None:
    files = Folder(folder)
    mine = add_file(database, new_file(files, owner="me"))
    add_file(database, new_file(files, owner="you"))
    assert list_files(database, Viewer.of("me")) == (mine,)
    assert read_file(database, Viewer.of("me"), mine.id) == mine
    with pytest.raises(NotFound):
        read_file(database, Viewer.of("you"), mine.id)


def add_file(database: Database, new: NewFile) -> FileRow:
    with transaction(database) as connection:
        return insert_file(connection, new)


def new_file(files: Folder, owner: str | None = None) -> NewFile:
    with files.new() as content:
        content.write(CONTENT)
        stored = content.keep(ExitStack())
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    return NewFile(content=stored, filename="x", owner=owner, expires_at=in_an_hour)
