"""examples/mnist: the readers of IDX and .npz, the splits, and PMN's own head learning digits."""

import gzip
import struct
from pathlib import Path

import mnist
import numpy as np
import pandas as pd
import pytest
import torch
from digits import Digits, read_idx, read_mnist, read_npz

from pmntool.errors import InputError, MismatchError
from pmntool.losses import total_loss
from pmntool.models.cnn import CNN
from pmntool.models.pmn import PMN, CombinationLSTM

REAL = Path(__file__).resolve().parents[2] / "shared/data/mnist/mnist10k.npz"


def idx(array: np.ndarray) -> bytes:
    """Return an array of unsigned bytes in the IDX format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def made_up(n: int, seed: int = 0) -> Digits:
    """Return n images in which a bright square stands at one of ten places, and noise; the place is the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    images = rng.integers(0, 60, (n, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 5)
        image[4 + 12 * row : 8 + 12 * row + label, 2 + 5 * column : 6 + 5 * column] = 255
    return Digits(images, labels.astype(np.uint8))


def write_idx(folder: Path, train: Digits, test: Digits) -> Path:
    """Write MNIST's four files, the images compressed."""
    for name, digits in (("train", train), ("t10k", test)):
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(digits.images)))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(digits.labels))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_idx(tmp_path, made_up(120), made_up(20, seed=1))


def test_idx_is_read_back(tmp_path):
    array = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    (tmp_path / "plain").write_bytes(idx(array))
    (tmp_path / "packed").write_bytes(gzip.compress(idx(array)))
    for name in ("plain", "packed"):
        np.testing.assert_array_equal(read_idx(tmp_path / name, 3), array)
    assert idx(array)[:16].hex() == "00000803000000020000000300000005"  # as http://yann.lecun.com/exdb/mnist describes


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "begins with nothing; expected IDX's 00 00 08 03"),
        (b"P5 28 28", "begins with 50 35 20 32; expected IDX's 00 00 08 03"),
        (idx(np.zeros(3, np.uint8)), "begins with 00 00 08 01"),
        (b"\0\0\x0d" + idx(np.zeros((1, 2, 2), np.uint8))[3:], "begins with 00 00 0d 03"),
        (idx(np.zeros((1, 2, 2), np.uint8))[:-1], r"19 bytes; its header, \(1, 2, 2\), asks for 20"),
        (idx(np.zeros((1, 2, 2), np.uint8)) + b"\0", "21 bytes; its header"),
        (idx(np.zeros((1, 2, 2), np.uint8))[:9], "9 bytes; its header"),
        (gzip.compress(idx(np.zeros((1, 2, 2), np.uint8)))[:-5], "cannot be read"),
    ],
)
def test_what_is_not_idx_is_refused(tmp_path, content, sentence):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_idx(tmp_path / "x", 3)


def test_files_that_do_not_fit_are_refused(folder):
    labels = folder / "t10k-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(19, np.uint8)))
    with pytest.raises(MismatchError, match="20 images, but 19 labels in .*t10k-labels"):
        read_mnist(folder)
    labels.write_bytes(idx(np.full(20, 10, np.uint8)))
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte: label 0 is 10; expected 0 to 9"):
        read_mnist(folder)
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((20, 28, 27), np.uint8)))  # before the .gz
    with pytest.raises(InputError, match=r"uint8 \(20, 28, 27\); expected uint8 \(N, 28, 28\)"):
        read_mnist(folder)
    labels.unlink()
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte: no such file, nor with .gz"):
        read_mnist(folder)


def test_npz_that_is_none_is_refused(tmp_path):
    np.savez(tmp_path / "names.npz", x=np.zeros(3))
    np.savez(tmp_path / "objects.npz", images=np.array([{}], dtype=object), labels=np.zeros(1, np.uint8))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("no zip")
    for name, sentence in (
        ("names.npz", "expected an .npz with the arrays images and labels"),
        ("array.npy", "expected an .npz with the arrays"),
        ("objects.npz", "cannot be read as .npz"),
        ("text.npz", "cannot be read as .npz"),
        ("nowhere.npz", "No such file"),
    ):
        with pytest.raises(InputError, match=sentence):
            read_npz(tmp_path / name)


def test_splits_share_no_image_and_lose_none(folder):
    made, test = made_up(120), made_up(20, seed=1)
    splits = read_mnist(folder)
    assert {name: len(split.labels) for name, split in splits.items()} == {"train": 110, "valid": 10, "test": 20}
    np.testing.assert_array_equal(splits["test"].images, test.images)
    seen = [image.tobytes() for name in ("train", "valid") for image in splits[name].images]
    wanted = dict(zip((image.tobytes() for image in made.images), made.labels, strict=True))
    assert sorted(seen) == sorted(wanted) and len(wanted) == 120  # the images of the noise all differ
    for split in (splits["train"], splits["valid"]):
        assert [wanted[image.tobytes()] for image in split.images] == split.labels.tolist()
    np.savez(folder / "made.npz", **made._asdict())
    sizes = {name: len(split.labels) for name, split in read_mnist(folder / "made.npz").items()}
    assert sizes == {"train": 84, "valid": 12, "test": 24}


def test_head_and_loss_are_pmntool_s_own():
    assert type(mnist.build(None)) is CNN
    model = mnist.build(0.5)
    assert type(model) is PMN and type(model.matcher) is CombinationLSTM and not model.matcher.softmax
    assert mnist.total_loss is total_loss and model.matcher.hops == 5
    assert [tuple(m.weight.shape) for m in model.encoder.layers if isinstance(m, torch.nn.Conv2d)] == [
        (32, 1, 5, 5), (32, 32, 5, 5), (32, 32, 5, 5),
    ]  # fmt: skip


def test_what_the_output_layer_sees():
    torch.manual_seed(0)
    digits = made_up(3)
    split = mnist.Tensors(torch.from_numpy(digits.images), torch.from_numpy(digits.labels.astype(np.int64)))
    model = mnist.build(1.0).eval()
    with torch.no_grad():
        logits = model(split.x(torch.arange(3))).logits
        seen = torch.from_numpy(mnist.before_output(model, split))
        assert seen.shape == (3, 64)
        torch.testing.assert_close(model.output(seen), logits)


def test_table_6_takes_the_best_validation_epoch():
    rows = [("CNN", 0, 1, 50.0, 90.0), ("CNN", 0, 2, 60.0, 80.0), ("CNN", 1, 1, 70.0, 84.0), ("CNN", 1, 2, 70.0, 99.0)]
    table = mnist.table6(pd.DataFrame(rows, columns=["model", "seed", "epoch", "valid", "test"]))
    assert table.loc[0, ["test_accuracy", "min", "max", "seeds", "paper"]].tolist() == [82.0, 80.0, 84.0, 2, 99.37]
    assert table.loc[0, "std"] == pytest.approx(8**0.5)


def test_it_learns_and_writes_tables_and_figures(tmp_path, capsys):
    write_idx(tmp_path, made_up(480), made_up(120, seed=1))
    words = ["--data", str(tmp_path), "-o", str(tmp_path / "out"), "--device", "cpu"]
    assert mnist.main([*words, "--seeds", "1", "--epochs", "5", "--batch-size", "16"]) == 0
    table = pd.read_csv(tmp_path / "out/table6.tsv", sep="\t")
    assert table["model"].tolist() == ["CNN", "PMN λ=0", "PMN λ=0.5", "PMN λ=1"]
    assert table["lambda"].isna().tolist() == [True, False, False, False] and table["lambda"][1:].tolist() == [
        0,
        0.5,
        1,
    ]
    assert (table["test_accuracy"] > 30).all()  # of 120 images; by chance 10 %, and 30 once in 10**9
    assert len(pd.read_csv(tmp_path / "out/accuracy.tsv", sep="\t")) == 4 * 5
    assert all((tmp_path / "out" / name).stat().st_size > 5000 for name in ("figure4.png", "figure5.png"))
    capsys.readouterr()
    assert mnist.main(words) == 1 and "exists already" in capsys.readouterr().err
    assert mnist.main([*words, "--epochs", "0"]) == 1 and "--epochs 0: expected at least 1" in capsys.readouterr().err


@pytest.mark.skipif(not REAL.exists(), reason=f"real data not there: {REAL}")
def test_real_digits_are_learned():
    splits = read_mnist(REAL)
    assert {name: len(split.labels) for name, split in splits.items()} == {"train": 7000, "valid": 1000, "test": 2000}
    counts = sum(np.bincount(split.labels, minlength=10) for split in splits.values())
    assert (counts.min(), counts.max()) == (863, 1127)  # as ../shared/data/README.md counts them
    parts = {name: mnist.Tensors(*(torch.from_numpy(part) for part in split)) for name, split in splits.items()}
    for name, n in (("train", 2000), ("valid", 500), ("test", 500)):
        parts[name] = mnist.Tensors(*(part[:n] for part in parts[name]))
    torch.manual_seed(0)
    model = mnist.build(1.0).to(memory_format=torch.channels_last)
    history, weights = mnist.fit(model, parts, 1.0, epochs=3, batch_size=16)
    assert history[-1]["test"] > 50 and weights
