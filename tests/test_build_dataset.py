"""build-dataset as a whole: labels against a second implementation, and the published counts of real data."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from pmntool.dataset import Dataset
from pmntool.errors import GenomeError, InputError, MismatchError, OutputError
from pmntool.genome import N_CODE, Genome, encode
from pmntool.terminal import dataset_notes
from pmntool.verbs.build_dataset import Options, build_dataset

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not beside the checkout")
YEAST = Options(valid_chroms=("chr1", "chr8"), test_chroms=("chr3", "chr5", "chr9"), min_windows=1000)


@pytest.fixture
def small(tmp_path):
    """A genome of four chromosomes of 3 kb and two TFs with peaks on each."""
    rng = np.random.default_rng(0)
    lines = []
    for chrom in ("chr1", "chr2", "chr3", "chr4"):
        lines += [f">{chrom}", "".join(rng.choice(list("ACGTacgtN"), 3000, p=[0.24, 0.22, 0.22, 0.24] + [0.016] * 5))]
    (tmp_path / "genome.fa").write_text("\n".join(lines) + "\n")
    (tmp_path / "peaks").mkdir()
    for tf, places in {"A": (500, 530, 2995), "B": (540, 1700)}.items():
        text = "".join(f"chr{c}\t{place}\t{place + 1}\n" for c in (1, 2, 3, 4) for place in places)
        (tmp_path / "peaks" / f"{tf}.bed").write_text(text)
    return tmp_path


def bound_by_bases(summit: int, start: int) -> bool:
    """Say whether the 200 bp around a summit share more than half of a window, base by base."""
    return len(set(range(summit - 100, summit + 100)) & set(range(start, start + 200))) > 100


def test_labels_bases_and_places_are_right_window_by_window(small):
    build_dataset(small / "genome.fa", [small / "peaks"], small / "out")
    data = Dataset(small / "out")
    windows = data.windows()
    places = {"A": (500, 530, 2995), "B": (540, 1700)}
    wanted = {
        (chrom, start): [int(any(bound_by_bases(s, start) for s in places[tf])) for tf in data.tfs]
        for chrom in ("chr1", "chr2", "chr3", "chr4")
        for start in range(0, 3000 - 200 + 1, 50)
    }
    wanted = {place: labels for place, labels in wanted.items() if any(labels)}
    y = np.concatenate([data.targets(split) for split in ("train", "valid", "test")])
    rows = list(zip(windows["chrom"], windows["start"], strict=True))
    assert {row: labels for row, labels in zip(rows, y.tolist(), strict=True)} == wanted
    assert [*windows["split"].unique()] == ["train", "valid", "test"]
    with Genome(small / "genome.fa") as genome:
        for (chrom, start), offset in zip(rows, data.offsets, strict=True):
            np.testing.assert_array_equal(data.sequence[offset : offset + 200], genome.codes(chrom, start, start + 200))


@pytest.mark.parametrize("place", ["A.bed", "sheet.tsv", "."])
def test_force_removes_no_peaks(small, place):
    """Not those in the old dataset, named themselves, by a sheet elsewhere or by their folder."""
    build_dataset(small / "genome.fa", [small / "peaks"], small / "data", Options())
    (small / "data/A.bed").write_bytes((small / "peaks/A.bed").read_bytes())
    (small / "sheet.tsv").write_text("A\tdata/A.bed\n")
    given = {"A.bed": small / "data/A.bed", "sheet.tsv": small / "sheet.tsv", ".": small / "data"}[place]
    with pytest.raises(OutputError, match="data holds .*data/A.bed, which the command reads; give another -o"):
        build_dataset(small / "genome.fa", [given], small / "data", Options(), force=True)
    assert (small / "data/A.bed").exists() and Dataset(small / "data").tfs == ["A", "B"]


def test_same_inputs_give_the_same_bytes_and_no_path(small):
    options = Options(negatives=1.0)
    for name in ("a", "b"):
        build_dataset(small / "genome.fa", [small / "peaks"], small / name, options)
    files = sorted(path.name for path in (small / "a").iterdir())
    assert files == [
        "dataset.json",
        "labels.npy",
        "leakage.tsv",
        "offsets.npy",
        "sequence.npy",
        "tfs.png",
        "tfs.tsv",
        "windows.bed",
    ]
    for name in files:
        content = (small / "a" / name).read_bytes()
        assert content == (small / "b" / name).read_bytes() and str(small).encode() not in content


def test_a_genome_that_is_written_to_meanwhile(small, monkeypatch):
    from pmntool.verbs import build_dataset as module

    def meanwhile(*args):
        with open(small / "genome.fa", "a") as file:
            file.write("ACGT\n")
        return count_leaks(*args)

    count_leaks = module.count_leaks
    monkeypatch.setattr(module, "count_leaks", meanwhile)
    with pytest.raises(GenomeError, match="genome.fa: was written to while it was read"):
        build_dataset(small / "genome.fa", [small / "peaks"], small / "out")
    assert not (small / "out").exists()


def test_unbound_windows_are_unbound(small):
    built = build_dataset(small / "genome.fa", [small / "peaks"], small / "out", Options(negatives=0.5, seed=3))
    data = Dataset(small / "out")
    for split in ("train", "valid", "test"):
        y, counts = data.targets(split), built.meta["splits"][split]
        assert len(y) == counts["windows"] > counts["bound"] == y.any(axis=1).sum()
    windows = data.windows()
    y = np.concatenate([data.targets(split) for split in ("train", "valid", "test")])
    unbound = windows.loc[~y.any(axis=1), "start"]
    assert not any(bound_by_bases(summit, start) for summit in (500, 530, 540, 1700, 2995) for start in unbound)


def test_excluded_places_and_n_are_left_out(small):
    (small / "black.bed").write_text("".join(f"chr{c}\t560\t561\n" for c in (1, 2, 3, 4)))
    build_dataset(small / "genome.fa", [small / "peaks"], small / "out", exclude=small / "black.bed")
    windows = Dataset(small / "out").windows()
    assert len(windows) and not ((windows["start"] <= 560) & (windows["end"] > 560)).any()
    built = build_dataset(small / "genome.fa", [small / "peaks"], small / "less", Options(max_n=0.01))
    data = Dataset(small / "less")
    share = [(data.sequence[offset : offset + 200] == encode("N")[0]).mean() for offset in data.offsets]
    assert max(share) <= 0.01 and sum(built.meta["left_out"]["windows"].values()) > 0


def test_a_dry_run_says_what_would_be_built(small):
    options = Options(negatives=0.5, max_n=0.5)
    dry = build_dataset(small / "genome.fa", [small / "peaks"], None, options)
    assert not (small / "out").exists()
    built = build_dataset(small / "genome.fa", [small / "peaks"], small / "out", options)
    for key in ("splits", "left_out", "tfs", "kept", "chroms"):
        assert dry.meta[key] == built.meta[key]
    assert built.meta["splits"]["train"]["windows"] > built.meta["splits"]["train"]["bound"]


def test_what_is_passed_over_or_excluded_is_said(small, caplog):
    (small / "peaks" / "notes.md").touch()
    (small / "peaks" / "D.bed.bz2").touch()
    (small / "black.bed").write_text("chr1\t560\t561\n7\t1\t2\n")
    built = build_dataset(small / "genome.fa", [small / "peaks"], None, exclude=small / "black.bed")
    assert f"{small / 'peaks'}: passed over, as no peak files by their names: D.bed.bz2, notes.md" in caplog.messages
    assert f"{small / 'black.bed'}: 7, which the genome does not have, excludes nothing" in caplog.messages
    digest = hashlib.sha256((small / "black.bed").read_bytes()).hexdigest()
    assert built.meta["exclude"] == {"file": "black.bed", "sha256": digest}


def test_peaks_past_a_chromosome_or_on_n_are_said(small, caplog):
    """What peaks of one assembly do on the sequence of another, counted by hand: 1 a chromosome passes, 1 is beyond."""
    letters = (small / "genome.fa").read_text().split("\n")
    masked = [line[:1690] + "N" * 20 + line[1710:] if len(line) == 3000 else line for line in letters]
    (small / "masked.fa").write_text("\n".join(masked))
    places = {"A": (500, 530, 2995, 3000), "B": (540, *range(1692, 1698, 2), 2999)}
    for tf, starts in places.items():
        lines = [f"chr{c}\t{start}\t{start + 2}\n" for c in (1, 2, 3, 4) for start in starts]
        (small / "peaks" / f"{tf}.bed").write_text("".join(lines))
    built = build_dataset(small / "masked.fa", [small / "peaks"], None)
    assert built.meta["kept"]["peaks"] == 4 * 8 and built.meta["kept"]["peaks that pass the chromosome's end"] == 4
    assert built.meta["left_out"]["peaks"] == {"beyond the chromosome's end": 4}
    with Genome(small / "masked.fa") as genome:
        on_n = sum(
            int(genome.codes(f"chr{c}", start + 1, start + 2)[0] == N_CODE)
            for c in (1, 2, 3, 4) for starts in places.values() for start in starts if start < 2999
        )  # fmt: skip
    assert built.meta["kept"]["peaks centered on N"] == on_n >= 12
    parts = f"32 without p, 4 that pass the chromosome's end, {on_n} centered on N"
    assert f"kept: 32 peaks; of these, {parts}" in dataset_notes(built)
    assert "8 peaks past the chromosome's end: is this the assembly that they were called on?" in caplog.messages
    said = f"{on_n} peaks, {100 * on_n / 32:.2g} %, are centered on N, where no read maps: is this the assembly that"
    assert any(message.startswith(said) for message in caplog.messages)
    caplog.clear()
    build_dataset(small / "genome.fa", [small / "peaks"], None)
    assert not any("centered on N" in message for message in caplog.messages)


def test_the_share_of_n_is_exact(tmp_path):
    """29 of 100 bp are no more than 0.29, whatever 0.29 · 100 is in floating point."""
    letters = "ACGT" * 50
    sequence = letters[:100] + "N" * 29 + letters[:171]
    (tmp_path / "g.fa").write_text("".join(f">chr{c}\n{sequence}\n" for c in (1, 2, 3)))
    (tmp_path / "A.bed").write_text("".join(f"chr{c}\t100\t200\n" for c in (1, 2, 3)))
    options = Options(window=100, stride=100, valid_chroms=("chr1",), test_chroms=("chr3",))
    for most, kept in ((0.29, 3), (0.2899, 0)):
        try:
            built = build_dataset(tmp_path / "g.fa", [tmp_path / "A.bed"], None, options._replace(max_n=most))
            assert sum(row["windows"] for row in built.meta["splits"].values()) == kept
        except InputError:
            assert kept == 0


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (Options(valid_chroms=("1",)), MismatchError, "'1' here is 'chr1' there"),
        (
            Options(valid_chroms=("chr1",), test_chroms=("chr1",)),
            MismatchError,
            "both --valid-chroms and --test-chroms",
        ),
        (
            Options(chroms=("chr1", "chr3")),
            MismatchError,
            "left to train on: of --chroms chr1, chr3, --valid-chroms takes chr1 and --test-chroms chr3",
        ),
        (
            Options(valid_chroms=("chr3", "chr2", "chr4"), test_chroms=("chr1",)),
            MismatchError,
            "left to train on: of the genome, --valid-chroms takes chr3, chr2, chr4 and --test-chroms chr1",
        ),
        (Options(min_windows=10_000), InputError, "no TF is left: each needs 10,000 positive windows"),
        (Options(stride=300), InputError, "--stride 300: expected 1 to 200 bp"),
        (Options(min_overlap=1.0), InputError, "--min-overlap 1.0: expected"),
    ],
)
def test_options_that_do_not_fit_are_refused(small, options, error, sentence):
    with pytest.raises(error, match=sentence):
        build_dataset(small / "genome.fa", [small / "peaks"], small / "out", options)
    assert not (small / "out").exists()


def test_names_of_another_style_are_an_error(small):
    text = (small / "peaks" / "A.bed").read_text().replace("chr", "")
    (small / "peaks" / "A.bed").write_text(text)
    with pytest.raises(MismatchError, match="A.bed: none of its chromosomes is in the genome"):
        build_dataset(small / "genome.fa", [small / "peaks"], small / "out")


def test_peaks_of_another_species_are_an_error(small):
    for bed in (small / "peaks").iterdir():
        bed.write_text("chr17\t100\t200\nchrX\t300\t400\n")
    with pytest.raises(MismatchError, match=r"no peak lies on .* \(it has chr.*\); they lie on chr17, chrX$"):
        build_dataset(small / "genome.fa", [small / "peaks"], small / "out")


@real_data
def test_yeast_has_the_known_counts_and_labels(tmp_path):
    build_dataset(DATA / "yeast" / "genome.fa", [DATA / "yeast" / "peaks"], tmp_path / "out", YEAST)
    data = Dataset(tmp_path / "out")
    assert len(data.tfs) == 87 and len(data) == 41_512
    assert sum(row["tiled"] for row in data.meta["splits"].values()) == 131_529
    assert round(sum(row["bindings"] for row in data.meta["splits"].values()) / len(data), 2) == 6.84
    windows = data.windows()
    y = np.concatenate([data.targets(split) for split in ("train", "valid", "test")]).astype(bool)
    for chrom, length in {"chr1": 230_218, "chr3": 316_620}.items():
        start = np.arange(0, length - 199, 50)
        wanted = np.zeros((len(start), 87), dtype=bool)
        for column, tf in enumerate(data.tfs):
            for line in (DATA / "yeast" / "peaks" / f"{tf}.bed").read_text().splitlines():
                fields = line.split("\t")
                if fields[0] == chrom:
                    middle = (int(fields[1]) + int(fields[2])) // 2
                    shared = np.minimum(middle + 100, start + 200) - np.maximum(middle - 100, start)
                    wanted[:, column] |= shared > 100
        rows = (windows["chrom"] == chrom).to_numpy()
        np.testing.assert_array_equal(windows.loc[rows, "start"], start[wanted.any(axis=1)])
        np.testing.assert_array_equal(y[rows], wanted[wanted.any(axis=1)])


@real_data
def test_gm12878_has_the_known_counts():
    folder = DATA / "gm12878"
    built = build_dataset(folder / "hg19.chrom.sizes", [folder / "peaks.tsv"], None)
    splits = built.meta["splits"]
    assert sum(row["tiled"] for row in splits.values()) == 61_913_464
    assert sum(row["bound"] for row in splits.values()) == 1_133_565
    assert (splits["valid"]["bound"], splits["test"]["bound"]) == (168_011, 183_026)
    assert len(built.meta["tfs"]) == 76  # EBF1's two files are united
