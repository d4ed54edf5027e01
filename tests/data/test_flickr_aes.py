"""The reader of FLICKR-AES, against a folder in its format with all the quirks at once."""

import csv
import errno
import io
import json
import re
import struct
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from conftest import prepare_files, run_main
from fedper.data import flickr_aes, photos
from fedper.data import ratings as table_of_ratings
from fedper.data.make_partition import partition_by_client
from fedper.data.photos import decode_photo
from fedper.data.stored import load_dataset
from fedper.errors import InputError
from fedper.names import PHOTO_ARCHIVE, RATINGS
from PIL import Image, ImageOps
from test_data import raw_data

SIZE = 16
SETTINGS = {
    "dataset": "flickr_aes",
    "stand_in": None,
    "n_clients": 30,
    "partition": {
        "rule": "workers", "min_ratings": 60, "max_ratings": 290, "min_ratings_per_score": 4,
        "test_fraction": 0.2,
    },
    "image_size": SIZE,
    "resize_filter": "bilinear",
    "max_broken": 0.01,
}  # fmt: skip


def jpeg(seed: int, mode: str = "RGB", size=(20, 14), kind: str = "JPEG", **keywords) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **keywords)
    return buffer.getvalue()


def turned(seed: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(seed, exif=exif)


def huge(seed: int) -> bytes:
    """A JPEG whose header says 30,000 x 30,000 pixels."""
    encoded = bytearray(jpeg(seed))
    frame = encoded.index(b"\xff\xc0")
    encoded[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    return bytes(encoded)


KINDS = {
    3: lambda seed: jpeg(seed, "L"),
    5: lambda seed: jpeg(seed, "CMYK"),
    7: lambda seed: jpeg(seed, "P", kind="PNG"),
    9: turned,
}
"""How image number n looks, by n modulo 10; the others are plain."""

BROKEN = {40: lambda seed: jpeg(seed)[:300], 80: huge, 120: lambda seed: b"no image at all"}
"""What is in the place of image number n, by n modulo 500."""


@dataclass
class World:
    """A folder in FLICKR-AES's format, and what a reader should make of it."""

    folder: Path
    ratings: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    missing: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    def eligible(self) -> dict[str, dict[str, int]]:
        """Count, by hand, who qualifies: ratings of images that are in the archive."""
        found = {}
        for worker, ratings in self.ratings.items():
            there = {image: score for image, score in ratings.items() if image not in self.missing}
            n_of = Counter(there.values())
            if 60 <= len(there) <= 290 and all(n_of[score] >= 4 for score in (1, 2, 3, 4, 5)):
                found[worker] = there
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """200 workers, 1,500 images; every kind of image, missing and broken ones, doubled ratings."""
    world = World(tmp_path_factory.mktemp("flickr_aes"))
    generator = np.random.default_rng(5)
    names = [f"farm{n % 9}_{n:05d}_b.jpg" for n in range(1500)]
    lines = []
    for number in range(200):
        worker = f"A{number:04d}XYZ"
        n = int(generator.choice([30, 55, 90, 120, 200, 280, 305, 400]))
        shares = [0.1, 0.2, 0.4, 0.2, 0.1] if number % 7 else [0.0, 0.2, 0.5, 0.2, 0.1]
        for image in generator.choice(names, n, replace=False).tolist():
            score = int(generator.choice([1, 2, 3, 4, 5], p=shares))
            world.ratings[worker][image] = score
            lines.append((worker, image, score))
    for number in (10, 20):  # one rating twice, and one twice with another score
        worker, image, score = lines[number]
        lines.append((worker, image, score))
        worker, image, score = lines[number + 1]
        lines.append((worker, image, 1 + score % 5))
        del world.ratings[worker][image]
    text = "worker, imagePair, score\r\n" + "".join(f"{w},{i},{s}\r\n" for w, i, s in lines)
    (world.folder / RATINGS).write_bytes(b"\xef\xbb\xbf" + text.encode())
    with zipfile.ZipFile(world.folder / PHOTO_ARCHIVE, "w") as archive:
        archive.writestr("40K/", b"")
        archive.writestr("__MACOSX/40K/._farm0_00000_b.jpg", b"junk")
        archive.writestr("readme/farm1_00001_b.jpg", b"not here")
        for n, name in enumerate(names):
            if n % 101 == 50:
                world.missing.add(name)
                continue
            make = BROKEN.get(n % 500) or KINDS.get(n % 10, jpeg)
            if n % 500 in BROKEN:
                world.broken.add(name)
            archive.writestr(f"40K/{name}", make(n))
    return world


def read(folder: Path, seed: int = 0, **changes):
    return flickr_aes.read(raw_data(folder, SETTINGS | changes, 5, seed))


@pytest.fixture(scope="module")
def result(world):
    return read(world.folder)


def test_counts_are_those_of_an_independent_count(world):
    """All eligible workers are drawn here, so every rating can be accounted for by hand."""
    eligible = world.eligible()
    assert 40 < len(eligible) < 150
    data, excluded = read(world.folder, n_clients=len(eligible))

    kept = sum(image not in world.broken for ratings in eligible.values() for image in ratings)
    n_broken = sum(image in world.broken for ratings in eligible.values() for image in ratings)
    n_missing = sum(
        image in world.missing for ratings in world.ratings.values() for image in ratings
    )
    assert n_missing > 50
    assert n_broken > 10
    assert len(data.train.labels) + len(data.test.labels) == kept
    expected = {
        "not in the archive": n_missing,
        "broken": n_broken,
        "rated twice, with the same score": 2,
        "rated twice, with other scores": 4,
    }
    assert Counter(excluded["reason"].str.split(":").str[0]) == expected
    assert data.provenance.pop("counts").startswith("differs from the whole data set")
    assert data.provenance == {
        "source": "test",
        "workers_eligible": len(eligible),
        "workers_drawn": len(eligible),
        "ratings_kept": kept,
        "ratings_excluded": expected,
    }
    is_broken = excluded["reason"].str.startswith("broken")
    for worker, listed in excluded[is_broken].groupby("worker"):
        assert set(listed["image"]) == eligible[worker].keys() & world.broken


def counted(world: World) -> dict[str, float]:
    """Count the world's files, by their text alone."""
    rows = list(csv.reader((world.folder / RATINGS).read_text("utf-8-sig").splitlines()[1:]))
    with zipfile.ZipFile(world.folder / PHOTO_ARCHIVE) as archive:
        photos = {name.removeprefix("40K/") for name in archive.namelist() if name[:5] == "40K/f"}
    return {
        "rows": len(rows),
        "workers": len({worker for worker, _, _ in rows}),
        "image names": len({image for _, image, _ in rows}),
        "mean score": round(sum(int(score) for _, _, score in rows) / len(rows), 5),
        "JPEGs": len(photos),
        "rows with a photograph": sum(image in photos for _, image, _ in rows),
    }


def test_counts_of_the_real_files_are_compared_with_what_others_counted(
    world, tmp_path, monkeypatch, capsys
):
    found = counted(world)
    assert found.keys() == table_of_ratings.KNOWN.keys()
    assert found["rows with a photograph"] < found["rows"]
    monkeypatch.setattr(table_of_ratings, "KNOWN", found)
    assert prepare(world.folder, tmp_path) == (0, "")
    *left_out, last = capsys.readouterr().out.splitlines(keepends=True)
    n_missing = found["rows"] - found["rows with a photograph"]
    assert left_out[0] == f"flickr_aes: left out, {n_missing} ratings: not in the archive\n"
    assert last == ("flickr_aes: all counts are those of the whole data set as others know it\n")
    monkeypatch.setattr(table_of_ratings, "KNOWN", found | {"rows": 203_104, "mean score": 3.01834})
    assert prepare(world.folder, tmp_path) == (0, "")
    assert capsys.readouterr().out.endswith(
        "flickr_aes: differs from the whole data set as others know it: "
        f"{found['rows']:,} rows, not 203,104; {found['mean score']} mean score, not 3.01834\n"
    )


def test_a_stand_in_is_compared_with_nothing(world):
    data, _ = read(world.folder, stand_in={"source": "simulated"})
    assert "counts" not in data.provenance


def test_thirty_are_drawn_of_those_who_qualify(world, result):
    """A client's scores are those of one eligible worker, and no worker is drawn twice."""
    data, _ = result
    of_worker = Counter()
    for ratings in world.eligible().values():
        of_worker[tuple(sorted(s for i, s in ratings.items() if i not in world.broken))] += 1
    of_client = Counter()
    for client in range(30):
        own = [split.labels[split.clients == client] + 1 for split in (data.train, data.test)]
        of_client[tuple(sorted(np.concatenate(own).tolist()))] += 1
    assert of_client.total() == 30
    assert of_client <= of_worker


def test_each_worker_is_split_80_to_20_and_stratified(result):
    data, _ = result
    for client in range(30):
        train, test = (s.labels[s.clients == client] for s in (data.train, data.test))
        n = len(train) + len(test)
        assert abs(len(test) - 0.2 * n) <= 4  # broken images are left out after the split
        for score in range(5):
            n_of = (train == score).sum() + (test == score).sum()
            assert abs((test == score).sum() - 0.2 * n_of) <= 2


def test_every_image_is_what_pillow_makes_of_it(world, result):
    """Grey, CMYK, palette and turned ones too: each sample is one of the archive's images."""
    data, _ = result
    expected = set()
    with zipfile.ZipFile(world.folder / PHOTO_ARCHIVE) as archive:
        for name in archive.namelist():
            plain_name = name.removeprefix("40K/")
            if not name.startswith("40K/farm") or plain_name in world.broken:
                continue
            image = Image.open(io.BytesIO(archive.read(name)))
            if image.getexif().get(0x0112) == 6:
                image = image.transpose(Image.Transpose.ROTATE_270)
            small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            expected.add(np.asarray(small).transpose(2, 0, 1).tobytes())
    assert data.train.images.dtype == np.uint8
    for split in (data.train, data.test):
        assert {image.tobytes() for image in split.images} <= expected


def test_one_image_has_different_labels_at_different_clients(result):
    train = result[0].train
    labels = defaultdict(set)
    for image, label in zip(train.images, train.labels.tolist(), strict=True):
        labels[image.tobytes()].add(label)
    assert sum(len(found) > 1 for found in labels.values()) > 100


def test_the_order_of_the_table_does_not_matter_but_the_seed_does(world, result, tmp_path):
    rows = (world.folder / RATINGS).read_text(encoding="utf-8-sig").splitlines()
    shuffled = np.random.default_rng(1).permutation(rows[1:]).tolist()
    (tmp_path / RATINGS).write_text("\n".join([rows[0], *shuffled]) + "\n")
    (tmp_path / PHOTO_ARCHIVE).symlink_to(world.folder / PHOTO_ARCHIVE)
    again, other = read(tmp_path)[0], read(tmp_path, seed=1)[0]
    for split in ("train", "test"):
        expected = getattr(result[0], split)
        for name in ("images", "labels", "clients"):
            assert np.array_equal(getattr(getattr(again, split), name), getattr(expected, name))
    assert not np.array_equal(other.train.labels, result[0].train.labels)


def test_an_unpacked_archive_gives_the_same(world, result, tmp_path):
    with zipfile.ZipFile(world.folder / PHOTO_ARCHIVE) as archive:
        archive.extractall(tmp_path)
    (tmp_path / RATINGS).symlink_to(world.folder / RATINGS)
    data, _ = read(tmp_path)
    assert np.array_equal(data.train.images, result[0].train.images)


def test_clients_of_the_partition_are_the_workers_and_it_names_none(world, result, tmp_path):
    data, _ = result
    partition = partition_by_client(data, 30, seed=0)
    for number, client in enumerate(partition.clients):
        assert set(data.train.clients[client.train]) == {number}
        assert set(data.test.clients[client.test]) == {number}
    rows = [row for client in partition.clients for row in client.train]
    assert sorted(rows) == list(range(len(data.train.labels)))
    with pytest.raises(InputError, match="n_clients: 29, but the training images belong to 30"):
        partition_by_client(data, 29, seed=0)


def prepare(folder: Path, out: Path, **changes) -> tuple[int, str]:
    return prepare_files(folder, out, SETTINGS | changes)


def test_what_can_be_committed_names_no_worker_and_no_image(world, tmp_path):
    assert prepare(world.folder, tmp_path) == (0, "")
    partition = tmp_path / "made/partition.json"
    status, message = run_main(
        "partition_dataset.py", "--data", tmp_path / "made/d.safetensors", "--n-clients", 30,
        "--settings", json.dumps(SETTINGS["partition"]), "--seed", 0, "--out", partition,
    )  # fmt: skip
    assert status == 0, message
    shown = partition.read_text() + (tmp_path / "made/d.json").read_text()
    assert "XYZ" not in shown
    assert "farm" not in shown
    assert "farm" in (tmp_path / "made/d.csv").read_text()
    assert not re.search(rb"A\d{4}XYZ", (tmp_path / "made/d.safetensors").read_bytes())
    assert len(load_dataset(tmp_path / "made/d.safetensors").train.labels) > 1000


def write_world(
    folder: Path,
    rows=None,
    header="worker, imagePair, score",
    images=None,
    packed=zipfile.ZIP_STORED,
) -> Path:
    """Write a small folder: one worker who rated 100 images, or what a test puts in the place."""
    names = [f"image{n:03d}.jpg" for n in range(100)]
    rows = [f"W1,{name},{1 + n % 5}" for n, name in enumerate(names)] if rows is None else rows
    (folder / RATINGS).write_text("\n".join([header, *rows]) + "\n")
    with zipfile.ZipFile(folder / PHOTO_ARCHIVE, "w", packed) as archive:
        for n, name in enumerate(names):
            archive.writestr(f"40K/{name}", (images or {}).get(n) or jpeg(n))
    return folder


def with_entry(name: str, content: bytes = b"x", mode: int | None = None):
    """Return a function that adds an entry to the archive."""

    def spoil(folder: Path) -> None:
        with zipfile.ZipFile(folder / PHOTO_ARCHIVE, "a") as archive:
            entry = zipfile.ZipInfo(name)
            if mode is not None:
                entry.external_attr = mode << 16
            archive.writestr(entry, content)

    return spoil


def bomb(folder: Path) -> None:
    """Add 200 MB of zeros, packed into 200 kB."""
    with zipfile.ZipFile(folder / PHOTO_ARCHIVE, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("40K/bomb.jpg", bytes(200_000_000))


def truncate(folder: Path) -> None:
    path = folder / PHOTO_ARCHIVE
    path.write_bytes(path.read_bytes()[:-2000])


def table(text: str | bytes):
    """Return a function that replaces the table of ratings."""
    content = text.encode() if isinstance(text, str) else text
    return lambda folder: (folder / RATINGS).write_bytes(content)


def page(name: str):
    return lambda folder: (folder / name).write_text("<!DOCTYPE html><title>Quota</title>")


def many_broken(folder: Path) -> None:
    write_world(folder, images=dict.fromkeys(range(0, 100, 5), b"broken"))


def none_readable(folder: Path) -> None:
    write_world(folder, images=dict.fromkeys(range(100), b"broken"))


def flagged(local: int, value: int, central: int):
    """Return a function that sets a byte of the first entry's headers: its flags, or its method."""

    def spoil(folder: Path) -> None:
        path = folder / PHOTO_ARCHIVE
        content = bytearray(path.read_bytes())
        content[content.index(b"PK\x03\x04") + local] = value
        content[content.index(b"PK\x01\x02") + central] = value
        path.write_bytes(content)

    return spoil


HEAD = "worker, imagePair, score\n"
BAD_FOLDERS = {
    "leads out": (with_entry("../evil.jpg"), f"{PHOTO_ARCHIVE}: entry '../evil.jpg' leads out"),
    "leads out in the middle": (with_entry("40K/../../evil"), "leads out of the archive"),
    "absolute": (with_entry("/etc/passwd"), "entry '/etc/passwd' leads out of the archive"),
    "windows": (with_entry("C:\\evil.jpg"), "leads out of the archive"),
    "link": (with_entry("40K/l.jpg", b"/etc/passwd", 0o120777), "entry '40K/l.jpg' is a link"),
    "bomb": (bomb, "entry '40K/bomb.jpg' claims 0.2 GB"),
    "truncated": (truncate, f"{PHOTO_ARCHIVE}: truncated or no zip archive"),
    "no zip": (page(PHOTO_ARCHIVE), f"{PHOTO_ARCHIVE}: a web page"),
    "no table": (page(RATINGS), f"{RATINGS}: a web page"),
    "empty table": (table(""), f"{RATINGS}: columns [] instead of"),
    "no text": (table(b"\xff\xfe\x00"), f"{RATINGS}: not readable as a table"),
    "other columns": (table("user,image,score\nW1,a.jpg,3\n"), "columns ['user', 'image', 's"),
    "a field more": (table(HEAD + "W1,a.jpg,3\nW1,b.jpg,3,4\n"), "line 3 is ['W1', 'b.jpg', '3', "),
    "a field more throughout": (
        table(HEAD + "W1,a.jpg,3,5\n"),
        "line 2 is ['W1', 'a.jpg', '3', '5",
    ),
    "score of 7": (table(HEAD + "W1,a.jpg,3\n\nW1,b.jpg,7\n"), "line 4 is ['W1', 'b.jpg', '7'], n"),
    "half a score": (table(HEAD + "W1,a.jpg,3.5\n"), "line 2 is ['W1', 'a.jpg', '3.5'], not"),
    "no score": (table(HEAD + "W1,a.jpg\n"), "line 2 is ['W1', 'a.jpg'], not a worker"),
    "no worker": (table(HEAD + ",a.jpg,3\n"), "line 2 is ['', 'a.jpg', '3'], not a worker"),
    "a line end in quotes": (table(HEAD + '"W\n1",a.jpg,9\n'), "is ['W\\n1', 'a.jpg', '9'], not"),
    "too few": (table(HEAD + "W1,image000.jpg,3\n"), "only 0 workers meet the criteria, but n_cl"),
    "none readable": (
        none_readable,
        f"{PHOTO_ARCHIVE}: 100 of 100 photographs cannot be used (image0",
    ),
    "other names": (table(HEAD + "W1,a.jpg,3\n"), "none of the 1 rated images is among the 100 ph"),
    "encrypted": (flagged(6, 1, 8), "entry '40K/image000.jpg' is encrypted, which cannot be unpa"),
    "deflate64": (flagged(8, 9, 10), "entry '40K/image000.jpg' is packed by method 9, which cann"),
    "broken images": (many_broken, "20 of 100 photographs cannot be used (image"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_a_bad_folder_ends_in_one_clear_line_and_nothing_is_written(tmp_path, case):
    folder = tmp_path / "in"
    folder.mkdir()
    spoil, words = BAD_FOLDERS[case]
    spoil(write_world(folder))
    before = sorted(path.name for path in folder.iterdir())
    status, message = prepare(folder, tmp_path, n_clients=1)
    assert status == 1
    assert words in message
    assert message.startswith(f"error: {folder}")
    assert "\n" not in message
    assert not (tmp_path / "made").exists()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert {path.name for path in tmp_path.iterdir()} == {"in", "receipt.json"}


def test_a_client_with_too_few_sound_photographs_is_refused(tmp_path):
    many_broken(write_world(tmp_path))
    with pytest.raises(InputError, match="client 0 has only 80 ratings, or too few of a score"):
        read(tmp_path, n_clients=1, max_broken=0.5)


def test_a_part_of_the_archive_that_was_lost_is_not_left_out_in_silence(tmp_path):
    """Its directory, at the end, is whole."""
    path = write_world(tmp_path) / PHOTO_ARCHIVE
    content = bytearray(path.read_bytes())
    start = len(content) // 3
    content[start : start + len(content) // 25] = bytes(len(content) // 25)
    path.write_bytes(content)
    status, message = prepare(tmp_path, tmp_path / "out", n_clients=1)
    assert status == 1
    assert re.search(r"error: .*: \d of 100 photographs cannot be used \(image", message)


@pytest.mark.parametrize("unpacked", [True, False])
def test_a_read_that_fails_stops_and_is_not_blamed_on_the_photographs(
    tmp_path, monkeypatch, unpacked
):
    write_world(tmp_path)
    reads = iter(range(10_000))

    def failing(read):
        def now_and_then(*arguments):
            if next(reads) % 20 == 19:
                raise OSError(errno.EIO, "Input/output error")
            return read(*arguments)

        return now_and_then

    if unpacked:
        with zipfile.ZipFile(tmp_path / PHOTO_ARCHIVE) as archive:
            archive.extractall(tmp_path)
        (tmp_path / PHOTO_ARCHIVE).unlink()
        monkeypatch.setattr(photos, "_read_file", failing(photos._read_file))
    else:
        monkeypatch.setattr(zipfile.ZipFile, "read", failing(zipfile.ZipFile.read))
    status, message = prepare(tmp_path, tmp_path / "out", n_clients=1)
    assert status == 1
    assert message.endswith(": Input/output error; mend that and run again")
    assert (PHOTO_ARCHIVE in message) == (not unpacked)


def test_memory_that_runs_out_is_not_blamed_on_a_photograph(tmp_path, monkeypatch):
    write_world(tmp_path)

    def resize(*arguments):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", resize)
    status, message = prepare(tmp_path, tmp_path / "out", n_clients=1)
    assert (status, message[:23]) == (1, "error: memory ran out (")


def test_what_is_left_out_is_listed_with_its_reason(tmp_path):
    """A truncated JPEG, an absurd one, a missing one and doubles, at a worker with enough left."""
    names = [f"image{n:03d}.jpg" for n in range(100)]
    rows = [f"W1,{name},{1 + n % 5}" for n, name in enumerate(names)]
    rows += ["W1,gone.jpg,3", "W1,../image000.jpg,3", rows[50], "W1,image051.jpg,5"]
    images = {1: jpeg(1)[:300], 2: huge(2)}
    write_world(tmp_path, rows, images=images)
    assert prepare(tmp_path, tmp_path / "out", n_clients=1, max_broken=0.03) == (0, "")
    with (tmp_path / "out/made/d.csv").open() as file:
        found = {(row["image"], row["reason"]) for row in csv.DictReader(file)}
    assert found == {
        ("image001.jpg", "broken: does not decode"),
        ("image002.jpg", "broken: too many pixels"),
        ("gone.jpg", "not in the archive"),
        ("../image000.jpg", "not in the archive"),
        ("image050.jpg", "rated twice, with the same score"),
        ("image051.jpg", "rated twice, with other scores"),
    }
    about = json.loads((tmp_path / "out/made/d.json").read_text())
    assert about["train_images"] + about["test_images"] == 97


@pytest.mark.parametrize(
    ("in_archive", "in_table"),
    [
        ("40K/{}.JPG", "{}.jpg"), ("40K/{}.jpg", "40K/{}.jpg"), ("40K/{}.jpg", "{}"),
        ("flickr/40K/more/{}.jpeg", "{}.jpg"), ("40K/{}.jpg", "{}.jpg"),
    ],
)  # fmt: skip
def test_names_that_differ_in_nothing_that_matters_are_found(tmp_path, in_archive, in_table):
    names = [f"image{n:03d}" for n in range(100)]
    write_world(
        tmp_path, [f"W1,{in_table.format(name)},{1 + n % 5}" for n, name in enumerate(names)]
    )
    with zipfile.ZipFile(tmp_path / PHOTO_ARCHIVE, "w") as archive:
        for n, name in enumerate(names):
            archive.writestr(in_archive.format(name), jpeg(n))
    data, excluded = read(tmp_path, n_clients=1)
    assert len(excluded) == 0
    assert len(data.train.labels) + len(data.test.labels) == 100


def test_one_photograph_by_two_names_is_rated_twice(tmp_path):
    rows = [f"W1,image{n:03d}.jpg,{1 + n % 5}" for n in range(100)]
    write_world(tmp_path, [*rows, "W1,40K/image000.JPG,1", "W1,image001,5"])
    data, excluded = read(tmp_path, n_clients=1)
    assert sorted(excluded[["image", "reason"]].values.tolist()) == [
        ["image000.jpg", "rated twice, with the same score"],
        ["image001.jpg", "rated twice, with other scores"],
        ["image001.jpg", "rated twice, with other scores"],
    ]
    assert len(data.train.labels) + len(data.test.labels) == 99


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_picture_is_turned_whatever_else_is_wrong_in_its_exif(turn):
    """0 and 9 are no turns. The tag of the artist is a number, so it cannot be written again."""
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = turn, "x"
    good = jpeg(1, exif=exif)
    spoilt = good.replace(b"\x01\x3b\x00\x02", b"\x01\x3b\x00\x0c").replace(
        b"\x3b\x01\x02\x00", b"\x3b\x01\x0c\x00"
    )
    assert spoilt != good
    by_pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(good))).resize((SIZE, SIZE), 4)
    for encoded in (good, spoilt):
        found = decode_photo(encoded, SIZE, Image.Resampling.BOX)
        assert np.array_equal(found, np.asarray(by_pillow).transpose(2, 0, 1))


@pytest.mark.parametrize("packed", photos.PACKED)
def test_a_spoilt_entry_of_the_archive_is_left_out(tmp_path, packed):
    write_world(tmp_path, packed=packed)
    path = tmp_path / PHOTO_ARCHIVE
    content = bytearray(path.read_bytes())
    start = content.index(b"40K/image007.jpg") + len("40K/image007.jpg")
    for place in range(start + 5, start + 205):
        content[place] ^= 0xFF
    path.write_bytes(content)
    data, excluded = read(tmp_path, n_clients=1)
    assert excluded[["image", "reason"]].values.tolist() == [
        ["image007.jpg", "broken: cannot be unpacked"]
    ]
    assert len(data.train.labels) + len(data.test.labels) == 99


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_damage_to_a_photo_is_more_than_a_broken_photo():
    """A thousand random damages, many of them to the EXIF: decoded, or BrokenPhoto."""
    encoded = turned(1)
    generator = np.random.default_rng(0)
    n_broken = 0
    for _ in range(1000):
        damaged = bytearray(encoded)
        for place in generator.integers(0, 160, 4):
            damaged[place] = generator.integers(256)
        try:
            assert decode_photo(bytes(damaged), SIZE, Image.Resampling.BOX).shape[0] == 3
        except photos.BrokenPhoto:
            n_broken += 1
    assert 0 < n_broken < 1000


def test_sixteen_bits_are_refused_rather_than_clipped():
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(buffer, "PNG")
    with pytest.raises(photos.BrokenPhoto, match="more than 8 bits"):
        decode_photo(buffer.getvalue(), SIZE, Image.Resampling.BOX)


@pytest.mark.parametrize("filter_name", ["box", "bilinear", "lanczos"])
def test_the_filter_is_the_one_that_is_named(filter_name):
    encoded = jpeg(1, size=(60, 40))
    resampling = Image.Resampling[filter_name.upper()]
    image = Image.open(io.BytesIO(encoded)).convert("RGB").resize((SIZE, SIZE), resampling)
    found = decode_photo(encoded, SIZE, resampling)
    assert np.array_equal(found, np.asarray(image).transpose(2, 0, 1))


def test_a_photo_of_many_pixels_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(photos, "MAX_PIXELS", 20 * 14 - 1)
    with pytest.raises(photos.BrokenPhoto, match="20 x 14 pixels are too many"):
        decode_photo(jpeg(1), SIZE, Image.Resampling.BOX)
