"""Downloads on bad days: what passes is waited for, what lasts ends in one clear line."""

import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from bad_server import breaks_off, serving, stalls, status, web_page, whole, without_ranges
from fedper.errors import InputError
from fedper.fetch.download import Patience, download
from fedper.fetch.integrity import Remote

BODY = np.random.default_rng(0).bytes(3_000_000)
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()
HASTE = Patience(attempts=3, first_pause_s=0.01, longest_pause_s=2, timeout_s=0.5)
HINT = "or do it by hand"

CHUNK = 512 * 1024
"""Bytes come in chunks; a chunk that breaks off is asked for again."""


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def fetch(server, tmp_path):
    """Return a function that serves some replies and downloads the file."""

    def function(*replies, checksum=SHA256, patience=HASTE):
        server.replies["/file.bin"] = list(replies)
        remote = Remote(f"{server.url}/file.bin", len(BODY), checksum)
        download(remote, tmp_path / "target/file.bin", tmp_path / "part", patience, HINT)
        return (tmp_path / "target/file.bin").read_bytes()

    return function


def assert_fails(fetch, tmp_path, *replies, match, **changes):
    """The download ends in one line with the address and the hint, and the target is untouched."""
    with pytest.raises(InputError) as error:
        fetch(*replies, **changes)
    message = str(error.value)
    assert re.search(match, message), message
    assert re.match(r"http://127\.0\.0\.1:\d+/file\.bin: ", message)
    assert message.endswith(HINT)
    assert "\n" not in message
    assert not (tmp_path / "target").exists()


def test_a_whole_file_comes_once_and_is_not_fetched_again(fetch, server):
    assert fetch(whole(BODY)) == BODY
    n_requests = len(server.requests)
    assert fetch(whole(BODY)) == BODY
    assert len(server.requests) == n_requests


def test_a_spoilt_earlier_download_is_replaced(fetch, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target/file.bin").write_bytes(BODY[:-1] + b"x")
    assert fetch(whole(BODY)) == BODY


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_file_that_is_not_there_is_asked_for_once(fetch, server, tmp_path, code):
    assert_fails(fetch, tmp_path, status(code), match=rf"the server answers {code} ")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_failure_that_passes_is_waited_for(fetch, code):
    assert fetch(status(code), status(code), whole(BODY)) == BODY


def test_a_failure_that_lasts_is_given_up_after_growing_pauses(fetch, server, tmp_path, capfd):
    match = "answers 500 .*, given up after 3 attempts in a row"
    assert_fails(fetch, tmp_path, status(500), match=match)
    assert len(server.requests) == 3
    assert re.findall(r"next attempt in ([\d.]+) s", capfd.readouterr().err) == ["0.01", "0.02"]


def test_pauses_double_up_to_the_longest(fetch, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("fedper.fetch.download.time.sleep", pauses.append)
    patience = Patience(attempts=7, first_pause_s=1, longest_pause_s=10, timeout_s=1)
    assert_fails(fetch, tmp_path, status(503), match="given up after 7", patience=patience)
    assert pauses == [1, 2, 4, 8, 10, 10]


def test_retry_after_in_seconds_is_heeded(fetch):
    start = time.monotonic()
    assert fetch(status(429, Retry_After="1"), whole(BODY)) == BODY
    assert time.monotonic() - start >= 1


def test_retry_after_as_a_date_is_heeded(fetch, monkeypatch):
    pauses = []
    monkeypatch.setattr("fedper.fetch.download.time.sleep", pauses.append)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    patience = Patience(attempts=3, first_pause_s=0.01, longest_pause_s=100, timeout_s=1)
    assert fetch(status(429, Retry_After=date), whole(BODY), patience=patience) == BODY
    assert 55 <= pauses[0] <= 60


def test_retry_after_longer_than_our_patience_is_said_and_given_up(fetch, server, tmp_path):
    match = "answers 429 .*, asks to wait 3600 s"
    assert_fails(fetch, tmp_path, status(429, Retry_After="3600"), match=match)
    assert len(server.requests) == 1


def test_a_transfer_that_breaks_off_goes_on_from_there(fetch, server):
    assert fetch(breaks_off(BODY, after=2_000_000), whole(BODY)) == BODY
    assert server.ranges("/file.bin")[-1] == f"bytes={3 * CHUNK}-"


def test_a_later_call_goes_on_from_where_an_earlier_one_gave_up(fetch, server, tmp_path):
    once = Patience(attempts=1, first_pause_s=0.01, timeout_s=0.5)
    match = "the connection broke off, given up after 1 attempts"
    assert_fails(fetch, tmp_path, breaks_off(BODY, after=900_000), match=match, patience=once)
    assert fetch(whole(BODY)) == BODY
    assert server.ranges("/file.bin")[-1] == f"bytes={CHUNK}-"


def test_a_server_that_cannot_resume_is_asked_for_the_whole_file(fetch):
    assert fetch(breaks_off(BODY, after=1_200_000), without_ranges(BODY)) == BODY


def test_a_server_that_always_breaks_off_at_the_same_byte_is_given_up(fetch, tmp_path):
    reply = breaks_off(BODY, after=1_200_000)
    assert_fails(fetch, tmp_path, reply, match="given up after 3 attempts in a row")


def test_a_stalled_connection_is_dropped_and_resumed(fetch, server):
    start = time.monotonic()
    assert fetch(stalls(BODY, after=1_500_000), whole(BODY)) == BODY
    assert time.monotonic() - start < 5
    assert server.ranges("/file.bin")[-1] == f"bytes={2 * CHUNK}-"


def test_a_connection_that_stalls_for_ever_is_given_up(fetch, tmp_path):
    assert_fails(fetch, tmp_path, stalls(BODY, after=0), match="the server fell silent, given up")


def test_a_web_page_instead_of_the_file_is_called_that(fetch, tmp_path):
    assert_fails(fetch, tmp_path, web_page(), match="a web page came instead of the file")
    assert not list((tmp_path / "part").glob("*file.bin"))


def test_a_wrong_checksum_is_refused_and_nothing_of_it_is_kept(fetch, tmp_path):
    wrong = BODY[:-1] + bytes([BODY[-1] ^ 1])
    assert_fails(fetch, tmp_path, whole(wrong), match=r"the SHA256 is \w{16}…, not \w{16}…")
    assert [path.name for path in (tmp_path / "part").iterdir()] == ["file.bin.lock"]
    assert fetch(whole(BODY)) == BODY


def test_two_at_once_fetch_the_file_once(fetch, server):
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: fetch(whole(BODY)), range(2))) == [BODY, BODY]
    assert server.ranges("/file.bin") == [None]


def test_a_whole_part_left_by_a_kill_is_not_fetched_again(fetch, server, tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part/file.binabcdefgh.part").write_bytes(BODY)
    assert fetch(status(500)) == BODY
    assert server.requests == []


def test_an_address_that_is_none_is_said_at_once(tmp_path):
    for url in ("file.bin", "ftp://127.0.0.1/file.bin", "http://"):
        with pytest.raises(InputError) as error:
            download(Remote(url), tmp_path / "target/f", tmp_path / "part", HASTE, HINT)
        assert "attempts" not in str(error.value)


def test_no_patience_at_all_is_one_attempt(fetch, server, tmp_path):
    patience = Patience(attempts=0, first_pause_s=0.01, timeout_s=0.5)
    assert_fails(fetch, tmp_path, status(500), match="given up after 1", patience=patience)
    assert len(server.requests) == 1


def test_a_wrong_size_is_refused(fetch, tmp_path):
    match = "2,999,999 bytes came instead of 3,000,000"
    assert_fails(fetch, tmp_path, whole(BODY[:-1]), match=match)


def test_certificates_that_are_gone_are_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    remote = Remote("https://localhost:1/file.bin", len(BODY), SHA256)
    with pytest.raises(InputError, match=r"gone.pem; see REQUESTS_CA_BUNDLE"):
        download(remote, tmp_path / "target/file.bin", tmp_path / "part", HASTE, HINT)


def test_no_network_is_said(tmp_path):
    for url in ("http://127.0.0.1:9/file.bin", "http://nowhere.invalid/file.bin"):
        with pytest.raises(InputError, match=r"^http\S+: no connection, given up after 3 attempts"):
            download(Remote(url), tmp_path / "target/f", tmp_path / "part", HASTE, HINT)
    assert not (tmp_path / "target").exists()


def test_progress_shows_rate_and_time_left(fetch, capfd):
    fetch(whole(BODY))
    assert re.search(r"3\.00M/3\.00M \[00:00<00:00, [\d.]+\w?B/s\]", capfd.readouterr().err)
