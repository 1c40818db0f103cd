"""Leakage: against words spelled as strings, on planted copies, and what dataset and evaluation make of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import reference_labels as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool import leakage
from pmntool.checkpoint import Run
from pmntool.dataset import Dataset
from pmntool.errors import DatasetError, InputError
from pmntool.genome import encode
from pmntool.inference import scan
from pmntool.leakage import shared_words, words
from pmntool.metrics import NAMES, evaluate_labels
from pmntool.models import Hyperparameters
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.evaluate import evaluate
from pmntool.verbs.train import Settings, train

COMPLEMENT = str.maketrans("ACGT", "TGCA")
WINDOW = 60
_rng = np.random.default_rng(5)
BRICKS = ["".join(_rng.choice(list("ACGT"), size)) for size in (20, 33, 45, 70)] + ["N", "A" * 35]
brick = st.tuples(st.sampled_from(BRICKS), st.booleans()).map(
    lambda b: b[0][::-1].translate(COMPLEMENT) if b[1] else b[0]
)
# Sequences of bricks in either direction share many words, and few of them whole.
texts = st.lists(brick, min_size=4, max_size=9).map("".join).filter(lambda text: len(text) >= WINDOW)


def starts_in(text: str, offset: int, steps: list[int]) -> list[int]:
    """Return where windows begin in `text`, which itself begins at `offset`, the distances between them given."""
    starts = np.cumsum([0, *steps])
    return [int(offset + start) for start in starts if start + WINDOW <= len(text)]


@settings(deadline=None, max_examples=100)
@given(texts, texts, st.lists(st.integers(1, 70), max_size=6), st.lists(st.integers(1, 70), max_size=6))
def test_against_words_as_strings(train_text, test_text, train_steps, test_steps):
    text = train_text + test_text
    others, starts = starts_in(train_text, 0, train_steps), starts_in(test_text, len(train_text), test_steps)
    expected = [
        reference.shared_words(text[start : start + WINDOW], [text[other : other + WINDOW] for other in others], 32)
        for start in starts
    ]
    found = shared_words(encode(text), np.array(starts), np.array(others), WINDOW)
    assert found.tolist() == [float(share) for share in expected]


def test_pieces_and_parts_do_not_show(monkeypatch):
    codes = encode("".join(np.random.default_rng(0).choice(BRICKS, 60)))
    starts = np.arange(0, len(codes) - WINDOW, 13)
    others, held = starts[: len(starts) // 3], starts[len(starts) // 3 :]
    whole = shared_words(codes, held, others, WINDOW)
    assert 0 < whole.mean() < 1
    for piece, part in ((1, 1), (50, 500), (10**6, 70)):
        monkeypatch.setattr(leakage, "PIECE", piece)
        monkeypatch.setattr(leakage, "PART", part)
        np.testing.assert_array_equal(shared_words(codes, held, others, WINDOW), whole)


def test_words_are_the_same_on_both_strands_and_else_differ():
    codes = np.random.default_rng(1).integers(0, 4, 500, dtype=np.uint8)
    np.testing.assert_array_equal(words(codes), words(3 - codes[::-1])[::-1])
    assert len(set(words(codes).tolist())) == 500 - 31
    for place in range(32):  # every base of a word counts
        changed = codes[:32].copy()
        changed[place] = (changed[place] + 1) % 4
        assert words(changed)[0] != words(codes[:32])[0]


@pytest.mark.parametrize(("window", "others"), [(31, [0]), (60, [])])
def test_nothing_to_share(window, others):
    codes = encode("ACGTACGTTG" * 20)
    assert shared_words(codes, np.array([100, 110]), np.array(others, np.int64), window).tolist() == [0, 0]


def plant(text: str, place: int, piece: str) -> str:
    return text[:place] + piece + text[place + len(piece) :]


def mutate(piece: str, every: int) -> str:
    """Return a copy in which every so many bases one is another."""
    return "".join("CGTA"["ACGT".index(c)] if i % every == every // 2 else c for i, c in enumerate(piece))


@pytest.fixture
def planted(tmp_path):
    """A genome whose chr3 (test) and chr1 (valid) hold pieces of chr2 (train) where TFs A and B bind."""
    rng = np.random.default_rng(0)
    genome = {f"chr{c}": "".join(rng.choice(list("ACGT"), 12_000)) for c in (1, 2, 3, 4)}
    source = genome["chr2"][1000:1600]
    test = plant(genome["chr3"], 3000, source)  # the same base for base
    test = plant(test, 5000, source[::-1].translate(COMPLEMENT))  # on the other strand
    test = plant(test, 7000, mutate(source, 200))  # 99.5 % the same
    genome["chr3"] = plant(test, 9000, mutate(source, 10))  # 90 % the same: no leak
    genome["chr1"] = plant(genome["chr1"], 3000, source)
    (tmp_path / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in genome.items()))
    (tmp_path / "peaks").mkdir()
    for tf, places in {"A": (1300, 3300, 5300, 7300, 9300, 11_000), "B": (1310, 3290, 10_000)}.items():
        lines = [f"chr{c}\t{place}\t{place + 1}\n" for c in (1, 2, 3, 4) for place in places]
        (tmp_path / "peaks" / f"{tf}.bed").write_text("".join(lines))
    return tmp_path


def build(folder, name: str, **options):
    return build_dataset(folder / "genome.fa", [folder / "peaks"], folder / name, Options(**options))


def bases(data: Dataset, split: str) -> np.ndarray:
    """Return the base codes of each window, (n, 200)."""
    codes, starts = data.stretch(split)
    return codes[starts[:, None] + np.arange(200)]


def test_planted_copies_are_found(planted):
    built = build(planted, "data")
    table = pd.read_csv(planted / "data" / "leakage.tsv", sep="\t")
    assert list(table.columns) == ["chrom", "start", "end", "split", "share"]
    for chrom, split, places in (("chr3", "test", (3000, 5000, 7000)), ("chr1", "valid", (3000,))):
        part = table[table["chrom"] == chrom]
        assert set(part["split"]) == {split}
        for place in places:  # what is bound in the copy, of which train holds all but the margins
            windows = part[(part["start"] >= place) & (part["end"] <= place + 600)]
            assert len(windows) >= 3 and (windows["share"] >= 0.7).all()
        inside = sum(((part["start"] >= place) & (part["end"] <= place + 600)).sum() for place in places)
        assert inside == len(part) == built.meta["splits"][split]["leaking"]
    assert built.meta["splits"]["train"]["leaking"] == 0
    assert built.meta["leakage"] == {"word": 32, "least_share": 0.5}


def test_every_window_is_judged_as_by_strings(planted):
    build(planted, "data", negatives=1.0)
    data = Dataset(planted / "data")
    texts = {s: ["".join("ACGTN"[c] for c in window) for window in bases(data, s)] for s in ("train", "valid", "test")}
    assert not data.leaks("train").any()
    for split in ("valid", "test"):
        shares = [reference.shared_words(window, texts["train"], 32) for window in texts[split]]
        assert data.leaks(split).tolist() == [share >= 0.5 for share in shares]
    assert data.leaks("test").sum() >= 12


def test_no_leakage_leaves_them_out_and_counts_anew(planted):
    build(planted, "data", negatives=0.5)
    built = build(planted, "clean", negatives=0.5, no_leakage=True)
    before, after = Dataset(planted / "data"), Dataset(planted / "clean")
    table = pd.read_csv(planted / "clean" / "tfs.tsv", sep="\t").set_index("tf")
    for split in ("train", "valid", "test"):
        kept = ~before.leaks(split)
        y = after.targets(split)
        np.testing.assert_array_equal(y, before.targets(split)[kept])
        pd.testing.assert_frame_equal(
            after.windows()[after.rows(split)].reset_index(drop=True),
            before.windows()[before.rows(split)][kept].reset_index(drop=True),
        )
        np.testing.assert_array_equal(bases(after, split), bases(before, split)[kept])
        counts = built.meta["splits"][split]
        bound = y[y.any(axis=1)]
        assert (counts["windows"], counts["bound"], counts["bindings"]) == (len(y), len(bound), bound.sum())
        assert counts["cobound"] == (bound.sum(axis=1) > 1).sum() and counts["leaking"] == 0
        assert table[split].tolist() == y.sum(axis=0).tolist()
        assert not after.leaks(split).any()
        if split != "train":
            reason = f"of {split} whose sequence stands in train too"
            assert built.meta["left_out"]["windows"][reason] == (~kept).sum() > 0
    covered = np.zeros(len(after.sequence), dtype=bool)
    covered[after.offsets[:, None] + np.arange(200)] = True
    assert covered.all()  # no base is left over


def test_no_leakage_names_tfs_without_a_window(planted, caplog):
    for tf, places in {"A": (1300, 3300), "B": (1300, 3300, 10_000)}.items():
        lines = [
            f"chr{c}\t{place}\t{place + 1}\n" for c, place in [(2, 1300), *[(c, p) for c in (1, 3) for p in places[1:]]]
        ]
        (planted / "peaks" / f"{tf}.bed").write_text("".join(lines))
    build(planted, "data", no_leakage=True)
    assert "--no-leakage leaves no positive test window of A" in caplog.text
    (planted / "peaks" / "B.bed").unlink()
    with pytest.raises(InputError, match="--no-leakage leaves no bound window in valid"):
        build(planted, "none", no_leakage=True)
    assert not (planted / "none").exists()


def test_a_changed_list_is_refused_and_an_old_dataset_has_none(planted):
    build(planted, "data")
    path = planted / "data" / "leakage.tsv"
    text = path.read_text()
    path.write_text(text.replace("test", "none"))
    with pytest.raises(DatasetError, match="leakage.tsv: not as it was written"):
        Dataset(planted / "data")
    path.unlink()
    meta = json.loads((planted / "data" / "dataset.json").read_text())
    del meta["files"]["leakage.tsv"]
    (planted / "data" / "dataset.json").write_text(json.dumps(meta))
    data = Dataset(planted / "data")
    assert data.leaks("test").tolist() == [False] * (data.rows("test").stop - data.rows("test").start)


def test_evaluate_measures_with_and_without(planted):
    build(planted, "data", negatives=1.0)
    small = Hyperparameters(channels=(8, 8, 8))
    train(planted / "data", planted / "cnn", Settings("cnn", 0, epochs=1, batch_size=16), small)
    found = evaluate([planted / "cnn"], planted / "data", planted / "out").leakage
    data, run, cpu = Dataset(planted / "data"), Run(planted / "cnn"), torch.device("cpu")
    codes, starts = data.stretch("test")
    y, leaks = data.targets("test"), data.leaks("test")
    logits = scan(run.model(cpu), codes, starts, 200, cpu)
    assert found["windows"].tolist() == ["all", "without leaking"]
    assert found["count"].tolist() == [len(y), len(y) - leaks.sum()]
    for row, kept in zip(found.to_dict("records"), (leaks | True, ~leaks), strict=True):
        measured = evaluate_labels(y[kept], logits[kept])
        assert [row[name] for name in NAMES] == pytest.approx([getattr(measured, name).mean() for name in NAMES])
    assert (found.loc[0, list(NAMES)] != found.loc[1, list(NAMES)]).any()
    written = json.loads((planted / "out" / "evaluation.json").read_text())["leakage"]
    assert written == found.to_dict("records")
    assert pd.read_csv(planted / "out" / "leakage.tsv", sep="\t")["count"].tolist() == found["count"].tolist()
