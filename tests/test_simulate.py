"""Simulate: files, motifs, rules and genome, each recomputed from what was written."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pmntool.errors import InputError, OutputError
from pmntool.verbs import simulate as module
from pmntool.verbs.simulate import Simulation, simulate
from pmntool.verbs.windowing import PAPER_TEST_CHROMS, PAPER_VALID_CHROMS

SMALL = 12_000  # bp
COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Written(NamedTuple):
    """A simulation, read back without pmntool."""

    result: Simulation
    genome: dict[str, str]  # as in the file, lower case included
    peaks: dict[str, list[list[str]]]  # TF → rows of fields
    truth: dict

    def sites(self, tf: str) -> list[dict]:
        return [dict(zip(self.truth["site"], row, strict=True)) for row in self.truth["tfs"][tf]["sites"]]


def read(result: Simulation) -> Written:
    genome = {}
    for record in (result.output / "genome.fa").read_text().split(">")[1:]:
        name, *lines = record.splitlines()
        assert {len(line) for line in lines[:-1]} == {60}
        assert 0 < len(lines[-1]) <= 60
        genome[name] = "".join(lines)
    peaks = {
        path.stem: [line.split("\t") for line in path.read_text().splitlines()]
        for path in (result.output / "peaks").iterdir()
    }
    return Written(result, genome, peaks, json.loads((result.output / "truth.json").read_text()))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Written:
    return read(simulate(tmp_path_factory.mktemp("small") / "sim", chrom_length=SMALL))


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Written:
    return read(simulate(tmp_path_factory.mktemp("full") / "sim"))


def log_odds(word: str, motif: dict, background: dict) -> float:
    """Score a word in bits, one base after the other."""
    pairs = zip(word, motif["pwm"], strict=True)
    return sum(math.log2(column["ACGT".index(base)] / background[base]) for base, column in pairs)


def center(site: dict) -> int:
    return (site["start"] + site["end"]) // 2


def distances(some: list[dict], others: list[dict]) -> list[float]:
    """Return each site's distance to the nearest of the others, by looking at all of them; bp."""
    return [
        min([abs(center(a) - center(b)) for b in others if a["chrom"] == b["chrom"]], default=math.inf) for a in some
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_same_bytes(small, tmp_path):
    again = simulate(tmp_path / "again", chrom_length=SMALL)
    other = simulate(tmp_path / "other", chrom_length=SMALL, seed=1)
    first, other_bytes = contents(small.result.output), contents(other.output)
    assert contents(again.output) == first
    assert other_bytes.keys() == first.keys()
    assert not [name for name in first if first[name] == other_bytes[name]]


def test_result_says_what_was_written(small):
    assert small.result.sizes == small.truth["chromosomes"] == {c: len(s) for c, s in small.genome.items()}
    assert list(small.genome) == ["chr1", "chr2", "chr3", "chr4", "chr5", "chr6", "chr8", "chr12"]
    assert all(0.7 * SMALL <= size <= 1.3 * SMALL for size in small.result.sizes.values())
    assert small.result.peaks == {tf: len(small.peaks[tf]) for tf in small.truth["tfs"]}
    assert small.peaks.keys() == small.truth["tfs"].keys()


@pytest.mark.parametrize("which", ["small", "full"])
def test_narrowpeak_columns(which, request):
    written = request.getfixturevalue(which)
    order = list(written.genome)
    for tf, rows in written.peaks.items():
        assert {len(row) for row in rows} == {10}
        table = [(order.index(row[0]), int(row[1]), int(row[2]), int(row[9])) for row in rows]
        assert table == sorted(table)
        for (chrom, start, end, offset), row in zip(table, rows, strict=True):
            assert 0 <= start < end <= len(written.genome[order[chrom]])
            assert 100 <= end - start <= 300
            assert 0 <= offset < end - start
            assert 0 <= int(row[4]) <= 1000
            assert row[5] in "+-."
            assert float(row[6]) > 0 and float(row[7]) >= 0 and float(row[8]) >= -1
        assert len({row[3] for row in rows}) == len(rows)
        faint = [row for row in rows if float(row[7]) < 1]
        assert 1 <= len(faint) <= max(2, 0.02 * len(rows)), tf


def test_peaks_stand_on_sites(full):
    for tf, rows in full.peaks.items():
        summits = [{"chrom": r[0], "start": int(r[1]) + int(r[9]), "end": int(r[1]) + int(r[9])} for r in rows]
        sites = full.sites(tf)
        assert max(distances(sites, summits)) <= module.MERGE + 25, tf
        false = sum(distance > 25 for distance in distances(summits, sites))
        assert 3 <= false <= max(4, 0.035 * len(rows)), tf
        for a, b in zip(summits, summits[1:], strict=False):
            assert a["chrom"] != b["chrom"] or abs(a["start"] - b["start"]) > module.MERGE - 25, tf


def test_signal_grows_with_affinity(full):
    rows, sites = full.peaks["SimCTCF"], full.sites("SimCTCF")
    pairs = [
        (site["affinity"], float(row[6]), float(row[7]))
        for site in sites
        for row in rows
        if row[0] == site["chrom"] and abs(int(row[1]) + int(row[9]) - center(site)) < 25
    ]
    correlation = np.corrcoef(np.array(pairs).T)
    assert correlation[0, 1] > 0.6
    assert correlation[0, 2] > 0.6


@pytest.mark.parametrize("which", ["small", "full"])
def test_sites_score_as_stated(which, request):
    written = request.getfixturevalue(which)
    strands = set()
    for tf, motif in written.truth["tfs"].items():
        for site in written.sites(tf) if "pwm" in motif else ():
            word = written.genome[site["chrom"]][site["start"] : site["end"]].upper()
            if site["strand"] == "-":
                word = word.translate(COMPLEMENT)[::-1]
            score = log_odds(word, motif, written.truth["background"])
            assert score == pytest.approx(site["affinity"], abs=2e-3), (tf, site)
            assert score >= motif["threshold"] - 1e-3
            strands.add((tf, site["strand"]))
    assert len(strands) == 2 * sum("pwm" in motif for motif in written.truth["tfs"].values())


def test_sites_of_one_tf_do_not_overlap(full):
    for tf in full.truth["tfs"]:
        sites = full.sites(tf)
        for a, b in zip(sites, sites[1:], strict=False):
            assert a["chrom"] != b["chrom"] or a["end"] <= b["start"], tf


def test_pwm_is_a_distribution_and_spells_the_consensus(small):
    for motif in small.truth["tfs"].values():
        for letter, column in zip(motif.get("consensus", ""), motif.get("pwm", ()), strict=True):
            assert sum(column) == pytest.approx(1, abs=1e-5)
            if letter.upper() in "ACGT":
                share = small.truth["sharpness"]["capital" if letter.isupper() else "small"]
                base = letter.upper()
                assert column["ACGT".index(base)] == pytest.approx(
                    share + (1 - share) * small.truth["background"][base]
                )


def test_hits_are_bound_by_affinity_and_chance_hits_are_a_minority(full):
    """Scan for CTCF by another way: all words of a chromosome in one table of columns."""
    motif, background = full.truth["tfs"]["SimCTCF"], list(full.truth["background"].values())
    matrix = np.log2(np.array(motif["pwm"]) / background)
    bound = {(site["chrom"], site["start"]) for site in full.sites("SimCTCF")}
    hits = {}
    for chrom, sequence in full.genome.items():
        codes = np.array(["ACGTN".find(base) for base in sequence.upper()])
        words = np.lib.stride_tricks.sliding_window_view(codes, len(matrix))
        for table in (matrix, matrix[::-1, ::-1]):
            table = np.pad(table, ((0, 0), (0, 1)), constant_values=-np.inf)
            score = table[np.arange(len(table)), words].sum(axis=1)
            for start in np.flatnonzero(score >= motif["threshold"]):
                hits[chrom, start] = max(score[start], hits.get((chrom, start), -np.inf))
    assert bound <= hits.keys()
    edges = motif["weak_below"] + 2 * (motif["weak_below"] - motif["threshold"]) * np.array([-0.5, 0, 0.5])
    grades = [
        [place in bound for place, score in hits.items() if low <= score < low + edges[1] - edges[0]] for low in edges
    ]
    weak, medium, strong = map(np.mean, grades)
    assert 0.4 < weak < 0.85 < medium
    assert 0.9 < strong < 1
    planted = sum(max(2, round(460 * size / 1e6)) for size in full.result.sizes.values())
    assert 20 < len(hits) - planted < planted / 3


def test_paired_tfs_stand_together(full):
    least, most = full.truth["rules"]["pair"]["spacing_bp"]
    for tf, motif in full.truth["tfs"].items():
        if motif["role"] == "pair":
            sites, others = full.sites(tf), full.sites(motif["partner"])
            gaps = [
                max(a["start"], b["start"]) - min(a["end"], b["end"])
                for a in sites
                for b in others
                if a["chrom"] == b["chrom"] and abs(a["start"] - b["start"]) < 100
            ]
            together = sum(least <= gap <= most for gap in gaps)
            assert together > 0.4 * len(sites), tf
            assert together > 0.8 * len(gaps), tf


@pytest.mark.parametrize("which", ["small", "full"])
def test_weak_cooperative_sites_need_the_partner(which, request):
    written = request.getfixturevalue(which)
    for tf, motif in written.truth["tfs"].items():
        sites = written.sites(tf)
        if motif["role"] != "cooperative":
            assert not any(site["cause"] == "cooperative" for site in sites)
            continue
        weak = [site for site in sites if site["affinity"] < motif["weak_below"]]
        assert len(weak) >= 5
        assert {site["cause"] for site in weak} == {"cooperative"}
        assert (
            max(distances(weak, written.sites(motif["partner"]))) <= written.truth["rules"]["cooperative"]["reach_bp"]
        )
        alone = [site for site in sites if site["affinity"] >= motif["weak_below"]]
        assert {site["cause"] for site in alone} == {"own motif"}


def test_tethered_sites_lie_on_the_partners(full):
    tethered = [(tf, motif) for tf, motif in full.truth["tfs"].items() if motif["role"] == "tethered"]
    assert tethered
    for tf, motif in tethered:
        assert "pwm" not in motif
        sites = full.sites(tf)
        partners = [site | {"cause": "tethered"} for site in full.sites(motif["partner"])]
        assert all(site in partners for site in sites)
        assert 0.7 < len(sites) / len(partners) < 0.9


def test_genome_looks_like_one(full):
    for chrom, sequence in full.genome.items():
        assert set(sequence) == set("ACGTNacgt"), chrom
        assert "N" * 100 in sequence
        assert 0.15 < sum(map(str.islower, sequence)) / len(sequence) < 0.55
        upper = sequence.upper()
        a, c, g, t = (upper.count(base) for base in "ACGT")
        assert 0.38 < (c + g) / (a + c + g + t) < 0.48
        assert 0.15 < upper.count("CG") * len(upper) / (c * g) < 0.5
    blocks = [s[i : i + 5_000].upper() for s in full.genome.values() for i in range(0, len(s) - 5_000, 5_000)]
    gc = [(block.count("C") + block.count("G")) / len(block) for block in blocks]
    assert min(gc) < 0.38 and max(gc) > 0.48


def test_every_tf_has_peaks_in_every_split(full):
    splits = {chrom: "valid" for chrom in PAPER_VALID_CHROMS} | {chrom: "test" for chrom in PAPER_TEST_CHROMS}
    for tf, rows in full.peaks.items():
        counted = [splits.get(row[0], "train") for row in rows if float(row[7]) >= 1]
        assert min(counted.count(split) for split in ("train", "valid", "test")) >= 5, tf
    counts = full.result.peaks.values()
    assert 40 <= min(counts) <= 90 and 600 <= max(counts) <= 850


def test_least_length_has_every_tf(tmp_path):
    result = simulate(tmp_path / "sim", chrom_length=module.LEAST_LENGTH)
    assert min(result.peaks.values()) > 5


def test_lengths_out_of_range_and_negative_seeds_are_refused(tmp_path):
    with pytest.raises(InputError, match="chromosome length 4999: expected 5000 to 1000000000 bp"):
        simulate(tmp_path / "sim", chrom_length=4_999)
    with pytest.raises(InputError, match=f"chromosome length {2**63}: expected 5000 to "):
        simulate(tmp_path / "sim", chrom_length=2**63)
    with pytest.raises(InputError, match="seed -1 is negative; expected at least 0"):
        simulate(tmp_path / "sim", seed=-1)
    assert not list(tmp_path.iterdir())


def test_existing_target_is_refused_without_force(tmp_path):
    target = tmp_path / "sim"
    target.mkdir()
    (target / "truth.json").write_text("mine")
    with pytest.raises(OutputError, match="sim exists already"):
        simulate(target, chrom_length=SMALL)
    assert contents(target) == {"truth.json": b"mine"}
    simulate(target, chrom_length=SMALL, force=True)
    assert (target / "truth.json").exists()


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_truth", full_disk)
    with pytest.raises(OutputError, match="sim: cannot be written .No space left on device"):
        simulate(tmp_path / "sim", chrom_length=SMALL)
    assert not list(tmp_path.iterdir())
