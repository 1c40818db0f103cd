"""A track hub for UCSC's genome browser: hub.txt, genomes.txt, trackDb.txt and what they name.

A cluster is a composite track; a TF is a subtrack in its view of predictions and one in its view of peaks. UCSC reads
no BED from a hub, so peaks are bigWigs of ones. Settings: https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbHub.html
and https://genome.ucsc.edu/goldenPath/help/assemblyHubHelp.html
"""

from __future__ import annotations

import html
import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from pmntool.bigwig import write_intervals
from pmntool.browser.site import locus, track_name
from pmntool.browser.twobit import write_two_bit
from pmntool.browser.view import MOST_OPEN, Row, View
from pmntool.errors import InputError
from pmntool.genes import unite
from pmntool.genome import Genome
from pmntool.peaks import by_chrom, read_peaks

log = logging.getLogger("pmntool")

Numbered = list[tuple[int, Row]]  # from 1, in the order of all TFs
EMAIL = "you@example.org"  # UCSC asks for one; whoever publishes the hub knows theirs
MOST_MEMBERS = 1000  # of a subgroup: MAX_SUBGROUP_MEMBERS in hui.c of UCSC's browser


def write_hub(view: View, folder: Path, ucsc: str | None) -> None:
    """Write a hub into the folder of a site, whose tracks it names.

    Parameters
    ----------
    ucsc
        UCSC's name of the genome, such as hg38; None makes an assembly hub, with the genome as 2bit.

    Raises
    ------
    InputError
        `ucsc` is no such name.
    """
    if ucsc is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", ucsc):
        raise InputError(f"--ucsc {ucsc}: expected UCSC's name of a genome, such as hg38 or sacCer3")
    name = re.sub(r"[^A-Za-z0-9]", "_", view.genome.name.split(".")[0]) or "genome"
    with Genome(view.genome) as genome:
        if ucsc is None:
            write_two_bit(genome, folder / "genome.2bit")
        elif not any(chrom.startswith("chr") for chrom in genome.sizes):
            log.warning("--ucsc %s: no chromosome of %s is called chr…, as UCSC's are", ucsc, view.genome)
        sizes = dict(sorted(genome.sizes.items()))
    outside = 0
    for row in view.rows:
        if row.peaks:
            outside += _write_peaks(row, folder / peaks_track(row), sizes)
    if outside:
        log.warning("left out of the hub: %d peaks that lie outside the genome", outside)
    labels = f"shortLabel {label(f'pmntool {name}', 17)}\nlongLabel {_long(view)}\n"
    texts = {
        "hub.txt": f"hub pmntool_{name}\n{labels}genomesFile genomes.txt\nemail {EMAIL}\ndescriptionUrl hub.html\n",
        "genomes.txt": f"genome {ucsc}\ntrackDb trackDb.txt\n" if ucsc else _assembly(view, name),
        "trackDb.txt": "\n".join(_stanzas(view)),
        "hub.html": _page(view),
    }
    if ucsc is None:
        texts["groups.txt"] = "name pmntool\nlabel pmntool\npriority 1\ndefaultIsClosed 0\n"
        texts["chrom.sizes"] = "".join(f"{chrom}\t{length}\n" for chrom, length in sizes.items())
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")


def label(text: str, most: int) -> str:
    """Return a text in one line of at most so many letters, ASCII, that is markup in none of the formats written here.

    Examples
    --------
    >>> label("<img src=x>", 17), label("RNA polymerase II subunit", 17)
    ('_img src_x_', 'RNA polymerase ..')
    """
    plain = re.sub(r"[^A-Za-z0-9_ .,:;@()+/-]", "_", " ".join(text.split()))
    return plain if len(plain) <= most else plain[: most - 2] + ".."


def peaks_track(row: Row) -> str:
    """Return the name of a TF's peaks as a track."""
    return f"peaks/{row.stem}.bw"


def _long(view: View) -> str:
    return label(f"TF binding predicted by pmntool ({view.variant}) on {view.genome.name}", 69)


def _assembly(view: View, name: str) -> str:
    """Return genomes.txt of a genome that UCSC does not know."""
    settings = {
        "genome": f"pmntool_{name}",
        "trackDb": "trackDb.txt",
        "groups": "groups.txt",
        "description": label(view.genome.name, 76),
        "twoBitPath": "genome.2bit",
        "organism": label(name, 76),
        "scientificName": label(name, 76),
        "chromSizes": "chrom.sizes",
        "defaultPos": locus(view),
        "orderKey": "4800",
        "htmlPath": "hub.html",
    }
    return _lines(settings)


def _lines(settings: dict[str, str], depth: int = 0) -> str:
    return "".join(f"{'    ' * depth}{key} {value}\n" for key, value in settings.items())


def _stanzas(view: View) -> Iterator[str]:
    """Yield the stanzas of trackDb.txt: for each cluster a composite, its views, and their subtracks.

    A cluster of more TFs than a subgroup may have is several composites.
    """
    for cluster, pairs in itertools.groupby(enumerate(view.rows, start=1), lambda pair: pair[1].cluster):
        rows = list(pairs)
        for first in range(0, len(rows), MOST_MEMBERS):
            yield from _composite(view, cluster, first // MOST_MEMBERS + 1, rows[first : first + MOST_MEMBERS])


def _composite(view: View, cluster: int, part: int, rows: Numbered) -> Iterator[str]:
    shown = [row.tf for _, row in rows if row.tf in view.shown]
    checked = shown or [row.tf for _, row in rows[:MOST_OPEN]]
    title = f"Cluster {cluster}" if cluster else "In no cluster" if any(row.cluster for row in view.rows) else "All TFs"
    name = f"cluster{cluster}"
    if part > 1:
        title, name = f"{title}, {part}", f"{name}_{part}"
    views = {"predicted": "Predicted"} | ({"peaks": "Peaks"} if any(row.peaks for _, row in rows) else {})
    tfs = " ".join(f"t{number:04d}={label(row.tf, 40).replace(' ', '_')}" for number, row in rows)
    yield _lines(
        {
            "track": name,
            "compositeTrack": "on",
            "type": "bigWig 0 1",
            "shortLabel": title,
            "longLabel": label(f"{title}: TF binding predicted by pmntool ({view.variant})", 76),
            "group": "pmntool",
            "subGroup1": "view Views " + " ".join(f"{tag}={word}" for tag, word in views.items()),
            "subGroup2": f"tf TF {tfs}",
            "dimensions": "dimX=view dimY=tf",
            "sortOrder": "tf=+ view=-",
            "dragAndDrop": "subTracks",
            "html": "hub.html",
            "visibility": "full" if shown else "hide",
        }
    )
    for tag, word in views.items():
        peaks = tag == "peaks"
        yield _lines(
            {
                "track": f"{name}_{tag}",
                "parent": name,
                "view": tag,
                "shortLabel": word,
                "longLabel": "Peaks of ChIP-seq" if peaks else "Predicted probability of binding",
                "type": "bigWig 0 1",
                "visibility": "dense" if peaks else "full",
                "autoScale": "off" if peaks else "on",
                "alwaysZero": "on",
                "viewLimits": "0:1",
                "windowingFunction": "maximum",
                "maxHeightPixels": "32:11:11" if peaks else "100:40:11",
            },
            depth=1,
        )
        for number, row in rows:
            if peaks and not row.peaks:
                continue
            yield _lines(
                {
                    "track": f"tf{number:04d}_{re.sub(r'[^A-Za-z0-9]', '_', row.stem)}_{tag}",
                    "parent": f"{name}_{tag} {'on' if row.tf in checked else 'off'}",
                    "subGroups": f"view={tag} tf=t{number:04d}",
                    "shortLabel": label(f"{row.tf} peaks" if peaks else row.tf, 17),
                    "longLabel": label(f"{row.tf}: {'peaks of ChIP-seq' if peaks else 'predicted probability'}", 76),
                    "type": "bigWig 0 1",
                    "bigDataUrl": peaks_track(row) if peaks else track_name(view, row),
                    "color": ",".join(map(str, bytes.fromhex(row.color[1:]))),
                },
                depth=2,
            )


def _page(view: View) -> str:
    """Return the page that describes the hub."""
    cells = "\n".join(
        f"<tr><td>{html.escape(row.tf)}</td><td>{row.cluster or '–'}</td><td>{len(row.peaks) or '–'}</td></tr>"
        for row in view.rows
    )
    return (
        f'<!doctype html>\n<meta charset="utf-8">\n<title>{html.escape(_long(view))}</title>\n'
        "<h2>Description</h2>\n<p>Probability that a transcription factor (TF) binds, as pmntool predicts it from the "
        f"sequence alone (model: {html.escape(view.variant)}), and peaks of ChIP-seq where there are any.</p>\n"
        "<h2>Display conventions</h2>\n<p>A TF is colored by its cluster: TFs whose prototypes lie together. Each "
        "prediction is on its own scale; turn autoscale off to compare heights from 0 to 1.</p>\n"
        f"<table>\n<tr><th>TF</th><th>cluster</th><th>files of peaks</th></tr>\n{cells}\n</table>\n"
    )


def _write_peaks(row: Row, path: Path, sizes: dict[str, int]) -> int:
    """Write the peaks of a TF as a track of ones, and return how many lie outside the genome."""
    intervals: dict[str, list[tuple[int, int]]] = {}
    outside = 0
    for peaks in map(read_peaks, row.peaks):
        for chrom, rows in by_chrom(peaks).items():
            pairs = zip(peaks.start[rows].tolist(), peaks.end[rows].tolist(), strict=True)
            inside = [pair for pair in pairs if pair[1] <= sizes.get(chrom, 0)]
            outside += len(rows) - len(inside)
            intervals.setdefault(chrom, []).extend(inside)
    write_intervals(path, sizes, {chrom: unite(found) for chrom, found in intervals.items()})
    return outside
