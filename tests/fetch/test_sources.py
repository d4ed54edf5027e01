"""Sources in their order, against a server on this machine that speaks each one's protocol."""

import hashlib
import io
import json
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from bad_server import breaks_off, serving, stalls, status, web_page, whole
from conftest import run_main
from fedper.fetch.catalogue import GOOGLE_DRIVE, HUGGING_FACE, TORCHVISION, official_archive
from fedper.names import DATASETS, PHOTO_ARCHIVE, RATINGS

RANDOM = np.random.default_rng(0)
TRAIN, TEST, ARCHIVE = (RANDOM.bytes(n) for n in (1_500_000, 90_000, 70_000))
FILES = {"train-00000-of-00001.parquet": TRAIN, "test-00000-of-00001.parquet": TEST}
ADDRESS, _ = HUGGING_FACE["cifar10"]
DRIVE_FOLDER, _ = GOOGLE_DRIVE["flickr_aes"]
ALL = [{"from": "files", "folder": "at_hand"}, {"from": "huggingface"}, {"from": "torchvision"}]


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that has small files for all sources; the pins are those of the small files."""
    monkeypatch.chdir(tmp_path)
    pins = {
        name: (len(body), "sha256:" + hashlib.sha256(body).hexdigest())
        for name, body in FILES.items()
    }
    monkeypatch.setitem(HUGGING_FACE, "cifar10", (ADDRESS, pins))
    monkeypatch.setitem(TORCHVISION, "cifar10", ("CIFAR10", len(ARCHIVE)))
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        for name, body in FILES.items():
            running.replies[f"/{ADDRESS}/{name}"] = [whole(body)]
        running.replies["/archive"] = [whole(ARCHIVE)]
        small = type("Small", (official_archive("cifar10"),), {})
        small.url = f"{running.url}/archive"
        small.tgz_md5 = hashlib.md5(ARCHIVE).hexdigest()
        monkeypatch.setattr("torchvision.datasets.CIFAR10", small)
        yield running


def fetch(dataset="cifar10", chosen=ALL):
    return run_main(
        "fetch.py", "--dataset", dataset, "--sources", json.dumps(chosen), "--raw", "raw",
        "--attempts", 2, "--pause", 0.01, "--timeout", 0.5, "--out", "receipt.json",
    )  # fmt: skip


def receipt(tmp_path):
    return json.loads((tmp_path / "receipt.json").read_text())


def files_in(folder):
    """List all files below a folder but locks and unfinished downloads."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "incomplete" not in path.parts
    )


def test_files_at_hand_come_first_and_nothing_is_asked_of_a_server(server, tmp_path):
    (tmp_path / "at_hand").mkdir()
    for name, body in FILES.items():
        (tmp_path / "at_hand" / name).write_bytes(body)
    assert fetch() == (0, "")
    about = receipt(tmp_path)
    assert (about["source"], about["folder"]) == ("files", "at_hand")
    assert about["files"]["test-00000-of-00001.parquet"] == {
        "bytes": len(TEST),
        "sha256": hashlib.sha256(TEST).hexdigest(),
    }
    assert about["passed_over"] == []
    assert about["when"].endswith("+00:00")
    assert server.requests == []


def test_the_first_source_that_works_is_used_and_the_others_are_accounted_for(server, tmp_path):
    server.replies[f"/{ADDRESS}/test-00000-of-00001.parquet"] = [status(404)]
    assert fetch() == (0, "")
    about = receipt(tmp_path)
    assert about["source"] == "torchvision"
    assert list(about["files"]) == ["cifar-10-python.tar.gz"]
    assert [passed["source"] for passed in about["passed_over"]] == ["files", "huggingface"]
    assert "at_hand: neither train-*.parquet" in about["passed_over"][0]["reason"]
    assert "the server answers 404" in about["passed_over"][1]["reason"]


def test_the_order_is_that_of_the_configuration(server, tmp_path):
    assert fetch(chosen=ALL[::-1]) == (0, "")
    assert receipt(tmp_path)["source"] == "torchvision"
    assert {path for path, _ in server.requests} == {"/archive"}


def test_nothing_is_fetched_twice(server, tmp_path):
    assert fetch() == (0, "")
    n_requests = len(server.requests)
    assert receipt(tmp_path)["source"] == "huggingface"
    assert fetch() == (0, "")
    assert len(server.requests) == n_requests


def test_a_break_is_resumed_and_said(server, tmp_path, capfd):
    path = f"/{ADDRESS}/train-00000-of-00001.parquet"
    server.replies[path] = [breaks_off(TRAIN, 1_200_000), whole(TRAIN)]
    assert fetch() == (0, "")
    assert server.ranges(path)[-1] == f"bytes={2 * 512 * 1024}-"
    assert "the connection broke off; next attempt in" in capfd.readouterr().err
    assert receipt(tmp_path)["source"] == "huggingface"


BAD_DAYS = {
    "404": (status(404), "the server answers 404"),
    "500": (status(500), "the server answers 500 Internal Server Error, given up after 2"),
    "429": (status(429, Retry_After="7200"), "asks to wait 7200 s"),
    "stalls": (stalls(TEST, 10), "the server fell silent, given up after 2 attempts in a row"),
    "breaks off": (breaks_off(TEST, 10), "the connection broke off, given up after 2"),
    "web page": (web_page(), "a web page came instead of the file"),
    "wrong size": (whole(TEST[1:]), "89,999 bytes came instead of 90,000"),
    "wrong checksum": (whole(b"x" + TEST[1:]), "the SHA256 is"),
}


@pytest.mark.parametrize("day", BAD_DAYS)
def test_on_a_bad_day_one_clear_line_and_an_untouched_folder(server, tmp_path, day):
    reply, words = BAD_DAYS[day]
    name = "test-00000-of-00001.parquet"
    server.replies[f"/{ADDRESS}/{name}"] = [reply]
    (tmp_path / "receipt.json").write_text("an earlier one")
    exit_status, message = fetch(chosen=[{"from": "huggingface"}])
    assert exit_status == 1
    assert "\n" not in message
    assert message.startswith(f"error: cifar10: no source works: huggingface: {server.url}/")
    assert f"{name}: " in message
    assert words in message
    assert message.endswith("or bring the files by hand, see data/README.md")
    assert files_in(tmp_path) == [
        "raw/huggingface/cifar10/train-00000-of-00001.parquet",
        "receipt.json",
    ]
    assert (tmp_path / "receipt.json").read_text() == "an earlier one"


@pytest.mark.parametrize("dataset", ["cifar10", "flickr_aes"])
def test_certificates_that_are_gone_are_named_by_every_source(tmp_path, monkeypatch, dataset):
    """Files of Google Drive are looked up in its folder first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "gone.pem")
    chosen = [{"from": "google_drive"}] if dataset == "flickr_aes" else ALL[1:]
    status, message = fetch(dataset, chosen)
    assert status == 1
    assert message.count("gone.pem; see REQUESTS_CA_BUNDLE") == len(chosen)
    assert "\n" not in message


def test_without_a_network_every_source_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    official_archive("cifar10").url = "http://nowhere.invalid/archive"
    exit_status, message = fetch()
    assert exit_status == 1
    for source in ("files: at_hand: ", "huggingface: http://127", "torchvision: http://nowhere"):
        assert source in message
    assert message.count("no connection, given up after 2 attempts in a row") == 2
    assert files_in(tmp_path) == []


def test_the_pins_of_all_files_are_well_formed():
    for address, files in HUGGING_FACE.values():
        assert len(address.split("/resolve/")[1].split("/")[0]) == 40
        for size, checksum in files.values():
            assert 20_000_000 < size < 120_000_000
            assert len(checksum) == len("sha256:") + 64
    for dataset in TORCHVISION:
        _, layout = DATASETS[dataset].layouts
        assert layout.files == (official_archive(dataset).filename,)


HEADER = b"worker, imagePair, score\n"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("40K/a.jpg", RANDOM.bytes(50_000))
    return buffer.getvalue()


PHOTOS = _zip()

PAGE = """<html><head><title>FLICKR-AES</title></head><body>
<a href="https://drive.google.com/file/d/ratings0000000000000000000000/view">{ratings}</a>
<a href="https://drive.google.com/file/d/archive0000000000000000000000/view">{archive}</a>
</body></html>"""

WARNING = (
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    '<input type="hidden" name="id" value="archive0000000000000000000000">'
    '<input type="hidden" name="confirm" value="t"></form>'
)

QUOTA = '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file.</p>'


@pytest.fixture
def drive(server, monkeypatch):
    """Google Drive, as far as gdown sees it: every request goes to the server on this machine."""
    send = requests.adapters.HTTPAdapter.send

    def redirect(self, request, *arguments, **keywords):
        url = urlsplit(request.url)
        if url.hostname.endswith("google.com"):
            request.url = f"{server.url}/{url.hostname}{url.path}?{url.query}"
        return send(self, request, *arguments, **keywords)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirect)
    attached = {"Content_Disposition": 'attachment; filename="x"', "Content_Type": "x/y"}
    page = PAGE.format(ratings=RATINGS, archive=PHOTO_ARCHIVE).encode()
    uc = "/drive.google.com/uc?id="
    server.replies |= {
        f"/drive.google.com/embeddedfolderview?id={DRIVE_FOLDER}": [whole(page)],
        f"{uc}ratings0000000000000000000000": [whole(HEADER, **attached)],
        f"{uc}archive0000000000000000000000": [web_page(WARNING)],
        "/drive.usercontent.google.com/download?id=archive0000000000000000000000&confirm=t": [
            whole(PHOTOS, **attached)
        ],
    }
    return server


FLICKR_AES = [{"from": "files", "folder": "at_hand"}, {"from": "google_drive"}]


def test_flickr_aes_comes_from_google_drive_past_its_virus_warning(drive, tmp_path):
    assert fetch("flickr_aes", FLICKR_AES) == (0, "")
    about = receipt(tmp_path)
    assert about["source"] == "google_drive"
    assert about["files"][PHOTO_ARCHIVE]["sha256"] == hashlib.sha256(PHOTOS).hexdigest()
    assert list(about["files"]) == [PHOTO_ARCHIVE, RATINGS]


def test_google_drive_is_not_asked_again_once_both_files_are_here(drive, tmp_path):
    assert fetch("flickr_aes", FLICKR_AES) == (0, "")
    n_requests = len(drive.requests)
    for path in list(drive.replies):
        drive.replies[path] = [status(500)]
    assert fetch("flickr_aes", FLICKR_AES) == (0, "")
    assert len(drive.requests) == n_requests


@pytest.mark.parametrize(
    ("path", "is_table", "words"),
    [
        (
            "drive.usercontent.google.com/download?id=archive0000000000000000000000&confirm=t",
            False,
            "it is cut off or no zip archive",
        ),
        ("drive.google.com/uc?id=ratings0000000000000000000000", True, "its last line is cut off"),
    ],
)
def test_a_file_that_came_cut_off_from_google_drive_is_not_kept(
    drive, tmp_path, path, is_table, words
):
    """As when an answer does not say how long it is: nothing else tells."""
    body = HEADER[:-1] if is_table else PHOTOS[:-50]
    drive.replies[f"/{path}"] = [
        whole(body, Content_Disposition='attachment; filename="x"', Content_Type="x/y")
    ]
    exit_status, message = fetch("flickr_aes", FLICKR_AES)
    assert exit_status == 1
    assert words in message
    assert (RATINGS if is_table else PHOTO_ARCHIVE) not in " ".join(files_in(tmp_path))


@pytest.mark.parametrize(
    ("path", "reply", "words"),
    [
        ("uc?id=archive0000000000000000000000", web_page(QUOTA), "Google Drive refuses the file"),
        ("uc?id=archive0000000000000000000000", web_page("Sorry"), "Google Drive refuses the file"),
        (f"embeddedfolderview?id={DRIVE_FOLDER}", web_page("<title>x</title>"), f"no {RATINGS} in"),
        (f"embeddedfolderview?id={DRIVE_FOLDER}", status(404), "given up after 2 attempts"),
    ],
    ids=["quota page", "another page", "empty folder", "no folder"],
)
def test_what_google_drive_refuses_can_be_brought_by_hand(drive, tmp_path, path, reply, words):
    drive.replies[f"/drive.google.com/{path}"] = [reply]
    exit_status, message = fetch("flickr_aes", FLICKR_AES)
    assert exit_status == 1
    assert "\n" not in message
    assert words in message
    assert f"files: at_hand: neither {RATINGS} and {PHOTO_ARCHIVE} nor" in message
    assert message.endswith("or bring the files by hand, see data/README.md")
    assert PHOTO_ARCHIVE not in " ".join(files_in(tmp_path))
    assert not (tmp_path / "receipt.json").exists()


def test_an_unpacked_archive_will_do(server, tmp_path):
    folder = tmp_path / "at_hand"
    (folder / "40K").mkdir(parents=True)
    (folder / RATINGS).write_text("worker, imagePair, score\n")
    assert fetch("flickr_aes", FLICKR_AES) == (0, "")
    assert list(receipt(tmp_path)["files"]) == ["40K", RATINGS]


@pytest.mark.parametrize(
    ("dataset", "there", "words"),
    [
        ("cifar10", [], "neither train-*.parquet and test-*.parquet nor cifar-10-python.tar.gz"),
        ("cifar10", ["train-0.parquet"], "neither test-*.parquet nor cifar-10-python.tar.gz here"),
        ("flickr_aes", [RATINGS], f"neither {PHOTO_ARCHIVE} nor 40K here; copy or link the files"),
    ],
)
def test_what_a_folder_lacks_is_said(server, tmp_path, dataset, there, words):
    (tmp_path / "at_hand").mkdir()
    for name in there:
        (tmp_path / "at_hand" / name).write_text("x")
    exit_status, message = fetch(dataset, ALL[:1])
    assert exit_status == 1
    assert message.startswith(f"error: {dataset}: no source works: files: at_hand: {words}")
    assert "\n" not in message


def test_the_first_layout_is_read_where_there_are_two(server, tmp_path):
    (tmp_path / "at_hand").mkdir()
    for name in (*FILES, "cifar-10-python.tar.gz", "notes.txt"):
        (tmp_path / "at_hand" / name).write_text("x")
    (tmp_path / "at_hand/test-00001-of-00002.parquet").symlink_to("nowhere")
    assert fetch(chosen=ALL[:1]) == (0, "")
    assert list(receipt(tmp_path)["files"]) == sorted(FILES)


@pytest.mark.parametrize(
    ("dataset", "source", "has"),
    [
        ("flickr_aes", "huggingface", "cifar10, cifar100"),
        ("flickr_aes", "torchvision", "cifar10, cifar100"),
        ("cifar10", "google_drive", "flickr_aes"),
    ],
)
def test_a_source_that_has_no_such_data_set_says_what_it_has(server, dataset, source, has):
    exit_status, message = fetch(dataset, [{"from": source}])
    assert exit_status == 1
    assert f"no source works: {source}: {source} has no {dataset}; it has {has}; or" in message
    assert server.requests == []


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [("cifar10", "simulated"), ("flickr_aes", "digits"), ("cifar10", "letters")],
)
def test_a_stand_in_of_a_wrong_kind_is_refused(server, tmp_path, dataset, kind):
    exit_status, message = run_main(
        "fetch.py", "--dataset", dataset, "--sources", "[]", "--raw", "raw", "--stand-in",
        json.dumps({"source": kind}), "--out", "receipt.json",
    )  # fmt: skip
    assert exit_status == 1
    known = list(DATASETS[dataset].stand_ins)
    assert message == f"error: {dataset}: '{kind}' cannot stand in for it; what can is {known}"
    assert files_in(tmp_path) == []
