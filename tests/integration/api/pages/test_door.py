"""Who may look at a page, and whose forms are taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api.site.cookies import COOKIE
from api.site.paths import is_open, is_page
from specreason.embedded import Servers
from specreason.store.access.keys import IssuedKey
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.apps import make_api
from tests.support.api.guarded import PROBLEMS, any_url, client_of, make_key

LOCAL = "http://127.0.0.1:8765"


def pages_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and is_page(route.path_format):
            for method in route.methods:
                yield method, route.path_format


def signed_in(app: FastAPI, issued: IssuedKey) -> TestClient:
    """A browser that has signed in."""
    browser = TestClient(app, base_url=LOCAL, follow_redirects=False)
    answer = browser.post("/sign-in", data={"key": issued.secret, "next": "/workers"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/workers")
    return browser


def token_in(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def test_a_page_without_a_key_leads_to_the_sign_in_and_back(guarded: FastAPI) -> None:
    browser = TestClient(guarded, follow_redirects=False)
    for method, path in pages_of(guarded):
        answer = browser.request(method, any_url(path))
        if not is_open(path):
            assert answer.status_code == 303, path
            assert answer.headers["Location"].startswith("/sign-in?next="), path
    assert browser.get("/?name=x%26y").headers["Location"] == "/sign-in?next=%2F%3Fname%3Dx%2526y"


def test_the_cookie_is_for_pages_only_and_no_script_reads_it(guarded: FastAPI, database: Database) -> None:
    browser = signed_in(guarded, make_key(database, "ada"))
    assert browser.get("/").status_code == 200
    assert browser.get("/api/batches").status_code == 401
    assert browser.post("/api/batches", json={"problems": PROBLEMS}).status_code == 401
    again = TestClient(guarded, base_url="https://127.0.0.1", follow_redirects=False)
    cookie = again.post("/sign-in", data={"key": make_key(database, "ada").secret}).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_a_wrong_key_signs_nobody_in(guarded: FastAPI) -> None:
    browser = TestClient(guarded, follow_redirects=False)
    answer = browser.post("/sign-in", data={"key": "sr_no"})
    assert (answer.status_code, COOKIE in answer.cookies) == (401, False)
    assert "unknown or revoked" in answer.text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "//[",
        "/\t/evil.example",
    ],
)
def test_signing_in_never_leads_to_another_site(guarded: FastAPI, database: Database, elsewhere: str) -> None:
    browser = TestClient(guarded, follow_redirects=False)
    answer = browser.post("/sign-in", data={"key": make_key(database, "ada").secret, "next": elsewhere})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    asked = browser.get("/sign-in", params={"next": elsewhere})
    assert (asked.status_code, 'name="next" value="/"' in asked.text) == (200, True)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_site_signs_its_visitor_in_with_no_key_of_its_own(
    guarded: FastAPI, database: Database, headers: dict[str, str]
) -> None:
    """Whoever owns that key would read what the visitor submits."""
    form = {"key": make_key(database, "eve").secret}
    browser = TestClient(guarded, base_url=LOCAL, follow_redirects=False)
    refused = browser.post("/sign-in", data=form, headers=headers)
    assert (refused.status_code, COOKIE in refused.cookies) == (403, False)
    ours = {"Origin": LOCAL, "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/sign-in", data=form, headers=ours).status_code == 303


@pytest.mark.parametrize("other", ['seen={"a": 1}', "a[b]=1", "path=/", "a b=c"])
def test_a_cookie_of_another_program_at_this_host_signs_nobody_out(
    guarded: FastAPI, database: Database, other: str
) -> None:
    browser = TestClient(guarded, follow_redirects=False)
    cookies = f"{other}; {COOKIE}={make_key(database, 'ada').secret}"
    assert browser.get("/", headers={"Cookie": cookies}).status_code == 200


def test_a_part_of_a_page_without_a_key_loads_the_page_again_which_leads_to_the_sign_in(
    guarded: FastAPI,
) -> None:
    """htmx would follow a redirect, and put the sign-in into the page."""
    browser = TestClient(guarded, follow_redirects=False)
    part = browser.get(f"/jobs/{UUID(int=1)}/head", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Refresh"], part.text) == (401, "true", "")


def test_a_form_is_taken_from_our_own_page_only(guarded: FastAPI, database: Database) -> None:
    browser = signed_in(guarded, make_key(database, "ada"))
    token = token_in(browser.get("/").text)
    others = token_in(signed_in(guarded, make_key(database, "bob")).get("/").text)
    for sent, origin in (("", LOCAL), (others, LOCAL), (token, "https://evil.example"), (token, "null")):
        refused = browser.post("/sign-out", data={"csrf": sent}, headers={"Origin": origin})
        assert refused.status_code == 403, (sent, origin)
    left = browser.post("/sign-out", data={"csrf": token}, headers={"Origin": LOCAL})
    assert (left.status_code, left.headers["Location"]) == (303, "/sign-in")
    assert browser.get("/").status_code == 303


def test_each_viewer_sees_their_own_batches_and_actions(guarded: FastAPI, database: Database) -> None:
    ada, reader = make_key(database, "ada"), make_key(database, "bob", [Scope.READ])
    client_of(guarded, ada).post("/api/batches", json={"problems": PROBLEMS, "name": "ada's own"})
    assert "ada&#39;s own" in signed_in(guarded, ada).get("/").text
    others = signed_in(guarded, reader).get("/").text
    assert "ada&#39;s own" not in others
    assert 'href="/submit"' not in others


def test_without_keys_pages_are_open_here_and_closed_to_other_sites(
    servers: Servers, database: Database
) -> None:
    with TestClient(make_api(servers, database), base_url=LOCAL) as browser:
        assert browser.get("/").status_code == 200
        assert browser.get("/", headers={"Host": "evil.example"}).status_code == 403
        theirs = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert browser.post("/sign-out", headers=theirs).status_code == 403
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert browser.get("/", headers=link).status_code == 200
        framed = {**link, "Sec-Fetch-Dest": "iframe"}
        assert browser.get("/", headers=framed).status_code == 403


def test_every_page_has_a_policy_without_inline_script(servers: Servers, database: Database) -> None:
    with TestClient(make_api(servers, database), base_url=LOCAL) as browser:
        for path in ("/", f"/batches/{UUID(int=1)}", "/sign-in"):
            answer = browser.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=", answer.text)


def test_files_of_pages_are_kept_for_ever_under_their_hash(servers: Servers, database: Database) -> None:
    with TestClient(make_api(servers, database), base_url=LOCAL) as browser:
        paths = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', browser.get("/").text))
        assert len(paths) >= 6
        for path in paths:
            answer = browser.get(path)
            assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
        stale = re.sub(r"/assets/[0-9a-f]+/", "/assets/0/", min(paths))
        assert browser.get(stale).headers["Cache-Control"] == "no-cache"
        assert browser.get("/assets/0/../cookies.py").status_code == 404
