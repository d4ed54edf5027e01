"""The simulated FLICKR-AES: the real reader reads it, and what there is to learn is personal."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from fedper.data import flickr_aes
from fedper.fetch.simulated import ATTRIBUTES, MEAN_SCORES, best_accuracies, draw_image, write
from fedper.names import PHOTO_ARCHIVE, RATINGS
from fedper.plan.config import read_config
from PIL import Image
from test_data import raw_data

SETTINGS = {
    "n_images": 400, "n_workers": 30, "fewest_ratings": 50, "most_ratings": 320, "noise": 0.2,
}  # fmt: skip


READ_AS = {
    "stand_in": {"source": "simulated"},
    "n_clients": 15,
    "partition": {
        "rule": "workers", "min_ratings": 60, "max_ratings": 290, "min_ratings_per_score": 4,
        "test_fraction": 0.2,
    },
    "image_size": 24,
    "resize_filter": "bilinear",
    "max_broken": 0.05,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("simulated") / "flickr_aes"
    write(made, **SETTINGS, seed=0)
    return made


def test_the_files_have_the_quirks_of_the_real_ones(folder):
    text = (folder / RATINGS).read_text()
    assert text.splitlines()[0] == "worker, imagePair, score"
    lines = (folder / MEAN_SCORES).read_text().splitlines()
    assert any(line.startswith(" ") for line in lines)
    assert all(0 <= float(line.split()[1]) <= 1 for line in lines)
    rated = set(pd.read_csv(folder / RATINGS, skipinitialspace=True)["imagePair"])
    modes, n_turned, n_broken = set(), 0, 0
    with zipfile.ZipFile(folder / PHOTO_ARCHIVE) as archive:
        assert all(name.startswith("40K/") for name in archive.namelist())
        assert rated - {name.removeprefix("40K/") for name in archive.namelist()}
        for name in archive.namelist():
            try:
                image = Image.open(io.BytesIO(archive.read(name)))
                image.load()
            except OSError:
                n_broken += 1
            modes.add(image.mode)
            n_turned += image.getexif().get(0x0112) == 6
    assert modes == {"RGB", "L", "CMYK"}
    assert n_turned > 10
    assert n_broken >= 1


def test_the_real_reader_reads_it_and_one_image_has_many_labels(folder):
    data, excluded = flickr_aes.read(raw_data(folder, READ_AS, 5, seed=0))
    assert {"not in the archive", "broken: does not decode"} <= set(excluded["reason"])
    assert len(set(data.train.clients.tolist())) == 15
    labels = {}
    for image, label in zip(data.train.images, data.train.labels.tolist(), strict=True):
        labels.setdefault(image.tobytes(), set()).add(label)
    assert np.mean([len(found) > 1 for found in labels.values()]) > 0.5


def test_a_worker_can_be_learnt_from_the_image_and_workers_differ(folder):
    """Simple statistics of the pixels predict a worker's own scores, not another worker's."""
    data, _ = flickr_aes.read(raw_data(folder, READ_AS, 5, seed=0))
    images = data.train.images / 255
    features = np.stack(
        [
            images.mean(axis=(1, 2, 3)),
            images[:, 0].mean(axis=(1, 2)) - images[:, 2].mean(axis=(1, 2)),
            images.std(axis=(1, 2, 3)),
            np.abs(np.diff(images, axis=3)).mean(axis=(1, 2, 3)),
            np.ones(len(images)),
        ],
        axis=1,
    )
    own, others = [], []
    for client in range(15):
        mine = data.train.clients == client
        weights = np.linalg.lstsq(features[mine], data.train.labels[mine], rcond=None)[0]
        own.append(np.corrcoef(features[mine] @ weights, data.train.labels[mine])[0, 1])
        not_mine = ~mine
        others.append(np.corrcoef(features[not_mine] @ weights, data.train.labels[not_mine])[0, 1])
    assert np.mean(own) > 0.5
    assert abs(np.mean(others)) < 0.2


def test_without_errors_the_best_common_model_says_what_most_workers_say(tmp_path):
    """Every worker rates every image, so what most of them say can be counted."""
    settings = {
        "n_images": 200, "n_workers": 8, "fewest_ratings": 200, "most_ratings": 200, "noise": 1e-9,
    }  # fmt: skip
    write(tmp_path / "made", **settings, seed=3)
    table = pd.read_csv(tmp_path / "made" / RATINGS, skipinitialspace=True)
    most = table.groupby("imagePair")["score"].agg(lambda scores: scores.value_counts().max())
    common, personal = best_accuracies(**settings, seed=3)
    assert common == pytest.approx(most.mean() / 8, abs=0.01)  # errors still decide at the limits
    assert personal == pytest.approx(1, abs=0.01)


def test_errors_cost_personal_models_a_little_and_tastes_cost_a_common_one_much():
    common, personal = best_accuracies(**SETTINGS, seed=0)
    assert common < 0.45 < 0.7 < personal < 0.95


def test_what_data_readme_says_of_the_best_models_is_so():
    stand_in = read_config(REPOSITORY / "config/quick.yaml")["datasets"]["flickr_aes"]["stand_in"]
    stand_in.pop("source")
    common, personal = best_accuracies(**stand_in)
    said = (REPOSITORY / "data/README.md").read_text(encoding="utf-8")
    assert f"right in {common:.0%}".replace("%", " %") in " ".join(said.split())
    assert f"the best personal ones in {personal:.0%}".replace("%", " %") in " ".join(said.split())


@pytest.mark.parametrize("name", ["brightness", "warmth", "texture"])
def test_every_attribute_is_visible(name):
    """The statistic that shows an attribute is larger in images that have much of it."""
    measures = {
        "brightness": lambda x: x.mean(),
        "warmth": lambda x: (x[:, :, 0] - x[:, :, 2]).mean(),
        "texture": lambda x: np.abs(np.diff(x.mean(axis=2), axis=1)).mean(),
    }
    values = {}
    for level in (-1, 1):
        attributes = np.zeros(len(ATTRIBUTES))
        attributes[ATTRIBUTES.index("texture")] = -1
        attributes[ATTRIBUTES.index(name)] = level
        values[level] = [
            measures[name](draw_image(attributes, np.random.default_rng(seed)) / 255)
            for seed in range(20)
        ]
    assert np.mean(values[1]) > np.mean(values[-1]) + 2 * np.std(values[1]) / np.sqrt(20)


def test_the_same_settings_give_the_same_bytes_and_replace_what_was_there(folder, tmp_path):
    made = tmp_path / "flickr_aes"
    for seed in (1, 0):
        write(made, **SETTINGS, seed=seed)
        same = [
            (made / name).read_bytes() == (folder / name).read_bytes()
            for name in (RATINGS, PHOTO_ARCHIVE, MEAN_SCORES)
        ]
        assert same == [seed == 0] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["flickr_aes"]
