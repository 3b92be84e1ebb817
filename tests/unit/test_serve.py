"""The server sends the isolation headers, the right media types, and nothing from outside its folder."""

import urllib.error
import urllib.request

import pytest

from build_scripts.site.serve import ISOLATION, serve


@pytest.fixture
def folder(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    for name in ("index.html", "module.mjs", "script.js", "core.wasm", "package.whl", "clip.wav", "lock.json"):
        (site / name).write_bytes(b"content")
    (tmp_path / "secret.txt").write_text("secret")
    return site


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("module.mjs", "text/javascript; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("core.wasm", "application/wasm"),
        ("package.whl", "application/zip"),
        ("clip.wav", "audio/wav"),
        ("lock.json", "application/json"),
    ],
)
def test_media_types_and_isolation(folder, name, media_type):
    with serve(folder) as address, urllib.request.urlopen(address + name) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Type"] == media_type
        assert {key: answer.headers[key] for key in ISOLATION} == ISOLATION


def test_isolation_can_be_left_out_and_headers_added(folder):
    with serve(folder, isolated=False, headers={"X-Test": "1"}) as address, urllib.request.urlopen(address) as answer:
        assert not set(ISOLATION) & set(answer.headers)
        assert answer.headers["X-Test"] == "1"


def test_an_unchanged_file_is_not_sent_again(folder):
    with serve(folder) as address:
        with urllib.request.urlopen(address + "core.wasm") as answer:
            modified = answer.headers["Last-Modified"]
            assert answer.headers["Cache-Control"] == "no-cache"
        request = urllib.request.Request(address + "core.wasm", headers={"If-Modified-Since": modified})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 304


@pytest.mark.parametrize("path", ["absent.js", "../secret.txt", "%2e%2e/secret.txt"])
def test_nothing_else_is_served(folder, path):
    with serve(folder) as address, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address + path)
    assert caught.value.code == 404


def test_two_servers_run_at_once_and_a_closed_one_is_gone(folder):
    with serve(folder) as one, serve(folder) as other:
        assert one != other
        urllib.request.urlopen(one).close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(one)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="absent does not exist: build it first"), serve(tmp_path / "absent"):
        pass
