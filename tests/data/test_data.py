"""Readers and the canonical form, against files that the test makes."""

import errno
import io
import json
from colorsys import rgb_to_hsv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import REPOSITORY, prepare_files, run_main
from fedper.data import parquet
from fedper.data.coloured_digits import make as make_coloured_digits
from fedper.data.dataset import Dataset, Split, describe_dataset, make_dataset
from fedper.data.digits import make as make_digits
from fedper.data.make_partition import make_partition
from fedper.data.parquet import read as read_parquet
from fedper.data.reader import RawData
from fedper.data.stored import load_dataset, save_dataset
from fedper.errors import InputError
from fedper.train.set_up import on_device
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_digits

DIGITS = {"test_fraction": 0.4, "copies": 3, "rotation_degrees": 10, "shift": 0.06, "seed": 0}


def encode(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def write_parquet(path: Path, images, labels, column: str = "label", kind: str = "PNG") -> None:
    rows = [
        {"bytes": i if isinstance(i, bytes) else encode(i, kind), "path": f"{n}.png"}
        for n, i in enumerate(images)
    ]
    pq.write_table(pa.table({"img": rows, column: labels}), path)


def raw_data(folder: Path, settings: dict, n_classes: int, seed: int | None = None) -> RawData:
    """All files of a folder, as a reader is given them."""
    names = sorted(path.name for path in folder.iterdir())
    return RawData(folder, names, settings, n_classes, seed, 2, {"source": "test"})


def read(folder: Path, n_classes: int = 10) -> Dataset:
    dataset, excluded = read_parquet(raw_data(folder, {}, n_classes))
    assert excluded.empty
    return dataset


def random_images(n: int, seed: int = 0, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with 20 training images in two files and 10 test images."""
    tmp_path = tmp_path / "files"
    tmp_path.mkdir()
    images, labels = random_images(30), np.arange(30) % 10
    write_parquet(tmp_path / "train-00000-of-00002.parquet", images[:12], labels[:12])
    write_parquet(tmp_path / "train-00001-of-00002.parquet", images[12:20], labels[12:20])
    write_parquet(tmp_path / "test-00000-of-00001.parquet", images[20:], labels[20:])
    return tmp_path


def test_pixels_and_labels_come_through_unchanged(folder):
    dataset = read(folder)
    expected = {image.tobytes(): label % 10 for label, image in enumerate(random_images(30)[:20])}
    assert dataset.train.images.shape == (20, 3, 32, 32)
    found = {
        np.ascontiguousarray(image.transpose(1, 2, 0)).tobytes(): label
        for image, label in zip(dataset.train.images, dataset.train.labels.tolist(), strict=True)
    }
    assert found == expected


def test_webp_and_fine_labels_are_read_too(tmp_path):
    images = random_images(4)
    for split in ("train", "test"):
        path = tmp_path / f"{split}-00000-of-00001.parquet"
        write_parquet(path, images, [0, 99, 1, 2], column="fine_label", kind="WEBP")
    dataset = read(tmp_path, 100)
    assert sorted(dataset.train.labels.tolist()) == [0, 1, 2, 99]
    pixels = {image.tobytes() for image in dataset.train.images}
    assert pixels == {image.transpose(2, 0, 1).tobytes() for image in images}


def test_order_of_rows_and_files_does_not_matter(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    images, labels = random_images(30), np.arange(30) % 10
    write_parquet(other / "train-0.parquet", images[:20][::-1], labels[:20][::-1], kind="WEBP")
    write_parquet(other / "test-0.parquet", images[20:], labels[20:])
    one, two = (read(f) for f in (folder, other))
    assert np.array_equal(one.train.images, two.train.images)
    assert np.array_equal(one.train.labels, two.train.labels)
    assert describe_dataset(one)["content_sha256"] == describe_dataset(two)["content_sha256"]


def test_a_data_set_is_read_as_it_was_saved(small_dataset, tmp_path):
    save_dataset(small_dataset, tmp_path / "d.safetensors")
    again = load_dataset(tmp_path / "d.safetensors")
    assert describe_dataset(again) == describe_dataset(small_dataset)
    assert again.train.images.dtype == np.uint8


def test_the_same_data_set_gives_the_same_bytes(small_dataset, tmp_path):
    """DVC compares bytes; sixteen orders of chance would hardly be the same."""
    path, written = tmp_path / "d.safetensors", set()
    for _ in range(16):
        save_dataset(small_dataset, path)
        written.add(path.read_bytes())
    assert len(written) == 1


def test_mean_and_sd_are_those_of_numpy(small_dataset):
    pixels = small_dataset.train.images.astype(np.float64) / 255
    np.testing.assert_allclose(small_dataset.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(small_dataset.sd, pixels.std(axis=(0, 2, 3)), rtol=1e-9)


def test_standardised_pixels_have_mean_0_and_sd_1_over_the_training_set(small_dataset):
    split = on_device(small_dataset, small_dataset.train, "standardised", torch.device("cpu"))
    images, labels = split.batch(torch.arange(len(split.labels)))
    assert labels.tolist() == small_dataset.train.labels.tolist()
    torch.testing.assert_close(images.mean(dim=(0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        images.std(dim=(0, 2, 3), correction=0), torch.ones(3), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize(("pixels", "black", "white"), [("unit", 0, 1), ("centred", -1, 1)])
def test_other_pixels_are_the_same_whatever_the_images(small_dataset, pixels, black, white):
    split = on_device(small_dataset, small_dataset.train, pixels, torch.device("cpu"))
    images, _ = split.batch(torch.arange(len(split.labels)))
    expected = black + small_dataset.train.images / 255 * (white - black)
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-6)


def test_digits_are_balanced_rgb_and_of_cifar_size():
    dataset = make_digits(image_size=32, **DIGITS)
    assert dataset.train.images.shape == (3 * 1078, 3, 32, 32)
    assert dataset.test.images.shape == (719, 3, 32, 32)
    shares = np.bincount(dataset.test.labels) / 719
    expected = np.bincount(load_digits().target) / 1797
    np.testing.assert_allclose(shares, expected, atol=0.002)
    assert np.array_equal(dataset.train.images[:, 0], dataset.train.images[:, 2])


def test_no_digit_is_on_both_sides_of_the_split():
    """Without jitter each image shrinks back to its 8 x 8 original, up to interpolation."""
    still = make_digits(32, **{**DIGITS, "rotation_degrees": 0, "shift": 0})

    def shrink(images):
        return images[:, 0].reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(len(images), -1)

    originals = load_digits().images.reshape(1797, -1) * 255 / 16
    nearest = [
        {int(np.square(originals - small).sum(axis=1).argmin()) for small in shrink(split.images)}
        for split in (still.train, still.test)
    ]
    assert not nearest[0] & nearest[1]
    # two training digits that look alike may both be nearest to one of them
    assert len(nearest[0]) >= 1075
    assert len(nearest[1]) == 719


def test_a_coloured_digit_has_the_shape_of_its_tens_and_the_hue_of_its_ones():
    """Shrunk and grey it is a digit of the right class, and no digit is on both sides."""
    data = make_coloured_digits(32, 0.4, 6, 3, rotation_degrees=0, shift=0, seed=0)
    assert np.bincount(data.train.labels).tolist() == [6] * 100
    assert np.bincount(data.test.labels).tolist() == [3] * 100
    digits = load_digits()
    originals = digits.images.reshape(1797, -1) * 255 / 16
    seen = []
    for split in (data.train, data.test):
        assert split.images.shape[1:] == (3, 32, 32)
        small = split.images.max(axis=1).astype(float).reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
        rows = [int(np.square(originals - one.ravel()).sum(axis=1).argmin()) for one in small]
        assert (digits.target[rows] == split.labels // 10).mean() > 0.99
        brightest = split.images.max(axis=1).reshape(len(split.images), -1).argmax(axis=1)
        inks = np.take_along_axis(
            split.images.reshape(len(split.images), 3, -1), brightest[:, None, None], axis=2
        )
        hues = [rgb_to_hsv(*(ink / 255))[0] for ink in inks[..., 0]]
        assert np.abs(np.array(hues) - split.labels % 10 / 10).max() < 0.01
        seen.append(set(rows))
    assert len(seen[0] & seen[1]) <= 2  # two digits can look alike at 8 x 8


def test_coloured_test_digits_are_still_and_training_digits_move():
    still, moving = (
        make_coloured_digits(32, 0.4, 2, 2, rotation_degrees=r, shift=s, seed=0)
        for r, s in ((0, 0), (10, 0.06))
    )
    assert np.array_equal(still.test.images, moving.test.images)
    assert not np.array_equal(still.train.images, moving.train.images)


def test_digits_depend_on_their_seed_alone():
    one, again = (make_digits(32, **DIGITS) for _ in range(2))
    other = make_digits(32, **{**DIGITS, "seed": 1})
    assert describe_dataset(one) == describe_dataset(again)
    assert describe_dataset(one)["content_sha256"] != describe_dataset(other)["content_sha256"]


def _replace_column(folder):
    write_parquet(folder / "test-00000-of-00001.parquet", random_images(2), [0, 1], "klass")


def _write_table(folder, **columns):
    pq.write_table(pa.table(columns), folder / "test-00000-of-00001.parquet")


def _plain_bytes(folder):
    _write_table(folder, img=[b"abc"], label=[0])


def _null_image(folder):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    _write_table(folder, img=pa.array([None], type=kind), label=[0])


def _text_labels(folder):
    _write_table(folder, img=[{"bytes": b"", "path": ""}], label=["cat"])


def _null_label(folder):
    _write_table(folder, img=[{"bytes": b"", "path": ""}] * 2, label=[1, None])


def _truncate(folder):
    path = folder / "test-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _label_out_of_range(folder):
    write_parquet(folder / "test-00000-of-00001.parquet", random_images(2), [0, 10])


def _broken_image(folder):
    write_parquet(folder / "test-00000-of-00001.parquet", [b"no image", b""], [0, 1])


def _wrong_size(folder):
    image = random_images(1)[0][:31]
    write_parquet(folder / "test-00000-of-00001.parquet", [image], [0])


def _no_images(folder):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    labels = pa.array([], type=pa.int64())
    _write_table(folder, img=pa.array([], type=kind), label=labels)


def _missing_shard(folder):
    (folder / "train-00001-of-00002.parquet").unlink()


def _another_whole(folder):
    write_parquet(folder / "train-00000-of-00001.parquet", random_images(2), [0, 1])


def _a_copy(folder):
    path = folder / "train-00001-of-00002.parquet"
    (folder / "train-00001-of-00002 (1).parquet").write_bytes(path.read_bytes())


def _repeated_columns(folder):
    rows = pa.array([{"bytes": b"", "path": ""}])
    table = pa.Table.from_arrays([rows, rows, pa.array([0])], names=["img", "img", "label"])
    pq.write_table(table, folder / "test-00000-of-00001.parquet")


def _postscript(folder):
    """A format that Pillow would hand to another program."""
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\nshowpage\n"
    write_parquet(folder / "test-00000-of-00001.parquet", [content], [0])


def _damaged_chunk(folder):
    content = encode(random_images(1)[0])
    damaged = content.replace(b"IHDR", b"IHDX")
    write_parquet(folder / "test-00000-of-00001.parquet", [damaged], [0])


def _broken_page(folder):
    path = folder / "train-00000-of-00002.parquet"
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)


def _web_page(folder):
    (folder / "test-00000-of-00001.parquet").write_text("<!doctype html><title>Busy</title>")


def _both_kinds_of_labels(folder):
    _write_table(folder, img=[{"bytes": b"", "path": ""}], label=[1], fine_label=[1])


def _only_paths(folder):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": None, "path": "0.png"}], type=kind)
    _write_table(folder, img=images, label=[0])


def _jpeg(folder):
    write_parquet(folder / "test-00000-of-00001.parquet", random_images(1), [0], kind="JPEG")


def _sixteen_bits(folder):
    pixels = np.full((32, 32), 40_000, dtype=np.uint16)
    write_parquet(folder / "test-00000-of-00001.parquet", [pixels], [0])


def _git_lfs(folder):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12\n"
    (folder / "test-00000-of-00001.parquet").write_text(text)


def _missing_shard_with_a_hash(folder):
    for path in folder.glob("train-*"):
        path.rename(path.with_name(f"{path.stem}-0a1b2c3d4e5f6a7b.parquet"))
    (folder / "train-00001-of-00002-0a1b2c3d4e5f6a7b.parquet").unlink()


BAD_INPUT = {
    _only_paths: "row 0: no bytes of an image; use files that hold the images",
    _jpeg: "row 0: a JPEG, in which pixels changed; use a copy in PNG",
    _sixteen_bits: "row 0: more than 8 bits a channel",
    _git_lfs: "a pointer of Git LFS, not the file; `git lfs pull` brings it",
    _missing_shard_with_a_hash: "0a1b2c3d4e5f6a7b.parquet are not the files of one whole",
    _replace_column: "test-00000-of-00001.parquet: columns ['img', 'klass']",
    _plain_bytes: "but 'img' with 'bytes' in it",
    _null_image: "row 0: no bytes of an image; use files that hold",
    _text_labels: "'label' is of type string, not whole",
    _null_label: "'label' has blanks",
    _truncate: "test-00000-of-00001.parquet: not a whole parquet file",
    _label_out_of_range: "test-00000-of-00001.parquet: row 1 has label 10, not in 0 … 9",
    _broken_image: "test-00000-of-00001.parquet: row 0: the image does not decode",
    _wrong_size: "row 0: the image is 32 x 31 pixels, not 32 x 32",
    _missing_shard: "train-00000-of-00002.parquet are not the files of one whole",
    _broken_page: "train-00000-of-00002.parquet: breaks off",
    _another_whole: "are not the files of one whole",
    _a_copy: "train-00001-of-00002 (1).parquet, train-00001-of-00002.parquet are not",
    _repeated_columns: "columns ['img', 'img', 'label']",
    _postscript: "row 0: the image does not decode",
    _damaged_chunk: "row 0: the image does not decode",
    _web_page: "not a whole parquet file (a web page)",
    _both_kinds_of_labels: "and one of ['label', 'fine_label'] are needed",
    _no_images: "no test images in test-00000-of-00001.parquet",
}


SETTINGS = {"dataset": "cifar10", "stand_in": None}


@pytest.mark.parametrize("spoil", BAD_INPUT)
def test_bad_parquet_files_end_in_one_clear_line_and_nothing_is_written(folder, tmp_path, spoil):
    spoil(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    status, message = prepare_files(folder, tmp_path, SETTINGS)
    assert status == 1
    assert message.startswith(f"error: {folder}")
    assert BAD_INPUT[spoil] in message
    assert "\n" not in message
    assert not (tmp_path / "made").exists()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Error reading bytes from file"), "parquet: Input/output error; mend"),
        (pa.ArrowMemoryError("malloc of size 7 failed"), "error: memory ran out (malloc of size 7"),
    ],
)
@pytest.mark.parametrize("where", ["ParquetFile", "iter_batches"])
def test_what_the_environment_did_is_not_blamed_on_a_parquet_file(
    folder, tmp_path, monkeypatch, error, words, where
):
    def fail(*arguments, **keywords):
        raise error

    owner = parquet.pq if where == "ParquetFile" else parquet.pq.ParquetFile
    monkeypatch.setattr(owner, where, fail)
    status, message = prepare_files(folder, tmp_path, SETTINGS)
    assert status == 1
    assert words in message


def test_labels_are_those_of_rows_that_are_there(folder, tmp_path, monkeypatch):
    """A file may say that it has more rows than it has."""
    batches = parquet.pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        parquet.pq.ParquetFile, "iter_batches",
        lambda file, **keywords: (batch.slice(0, len(batch) - 1) for batch in batches(file)),
    )  # fmt: skip
    status, message = prepare_files(folder, tmp_path, SETTINGS)
    assert status == 1
    assert "train-00000-of-00002.parquet: 11 rows, but it says 12; download it again" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.unlink(), "gone since it was fetched; delete "),
        (lambda path: path.write_bytes(b"PAR1"), "not the file that was fetched; delete "),
    ],
)
def test_files_that_changed_since_they_were_fetched_are_not_read(folder, tmp_path, change, words):
    assert prepare_files(folder, tmp_path, SETTINGS) == (0, "")
    change(folder / "test-00000-of-00001.parquet")
    receipt = tmp_path / "receipt.json"
    status, message = run_main(
        "prepare_dataset.py", "--receipt", receipt, "--settings", json.dumps(SETTINGS),
        "--out", tmp_path / "new/d.safetensors", "--about", tmp_path / "new/d.json",
        "--provenance", tmp_path / "new/p.json", "--excluded", tmp_path / "new/d.csv",
    )  # fmt: skip
    assert status == 1
    assert f"test-00000-of-00001.parquet: {words}{receipt}" in message
    assert not (tmp_path / "new").exists()


def test_what_triggers_training_does_not_depend_on_the_source(folder, tmp_path):
    """The same pixels from other files: the description is the same, the provenance another."""
    assert prepare_files(folder, tmp_path, SETTINGS) == (0, "")
    other = tmp_path / "other"
    other.mkdir()
    images, labels = random_images(30), np.arange(30) % 10
    write_parquet(other / "train-0.parquet", images[:20][::-1], labels[:20][::-1], kind="WEBP")
    write_parquet(other / "test-0.parquet", images[20:], labels[20:])
    assert prepare_files(other, tmp_path / "again", SETTINGS) == (0, "")
    one, two = tmp_path / "made", tmp_path / "again/made"
    assert (one / "d.json").read_bytes() == (two / "d.json").read_bytes()
    assert (one / "p.json").read_bytes() != (two / "p.json").read_bytes()


def test_a_broken_prepared_file_is_refused(small_dataset, tmp_path):
    path = tmp_path / "d.safetensors"
    save_dataset(small_dataset, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"d\.safetensors: not a prepared data set"):
        load_dataset(path)


def test_saving_leaves_what_was_there_when_it_fails(small_dataset, tmp_path, monkeypatch):
    path = tmp_path / "d.safetensors"
    path.write_text("old")

    def fail(*arguments, **keywords):
        raise OSError("disk full")

    monkeypatch.setattr("fedper.data.stored.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_dataset(small_dataset, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["d.safetensors"]


def test_duplicate_images_keep_all_their_labels():
    images = np.zeros((3, 3, 4, 4), dtype=np.uint8)
    split = Split(images, np.array([2, 0, 1]))
    dataset = make_dataset(split, split, n_classes=3, provenance={})
    assert dataset.train.labels.tolist() == [0, 1, 2]


RAW = REPOSITORY / "data/raw"


@pytest.mark.skipif(not (RAW / "cifar10").exists(), reason="no data/raw/cifar10 (make raw)")
def test_real_cifar10_has_its_published_statistics():
    dataset = read(RAW / "cifar10")
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    np.testing.assert_allclose(dataset.mean, [0.4914, 0.4822, 0.4465], atol=1e-4)
    np.testing.assert_allclose(dataset.sd, [0.2470, 0.2435, 0.2616], atol=1e-4)


@pytest.mark.skipif(
    not (RAW / "cifar100-fifth").exists(), reason="no data/raw/cifar100-fifth (make raw)"
)
@pytest.mark.parametrize("k", [40, 80, 100])
def test_real_cifar100_is_partitioned_with_balance(k):
    dataset = read(RAW / "cifar100-fifth", 100)
    train = dataset.train.labels
    settings = {
        "rule": "balanced", "images_per_class": 100,
        "test": {"from": "official", "images_per_class": 20},
    }  # fmt: skip
    clients = make_partition(dataset, settings, 10, k, seed=0).clients
    holders = [sum(label in client.classes for client in clients) for label in range(100)]
    assert holders == [k // 10] * 100
    assert {len(client.train) for client in clients} == {100 // (k // 10) * k}
    assert len({len(client.test) for client in clients}) == 1
    for client in clients:
        assert sorted(set(train[client.train].tolist())) == client.classes


@pytest.mark.parametrize("tensors", [{}, {"train.images": torch.zeros(2).to(torch.float8_e4m3fn)}])
def test_a_safetensors_file_of_something_else_is_one_line(tmp_path, tensors):
    path = tmp_path / "d.safetensors"
    save_file(tensors, path)
    with pytest.raises(InputError, match=r"d.safetensors: not a prepared data set \("):
        load_dataset(path)
