"""The files of a genome browser in a web page: igv.js, a page around it, tracks, peaks, genes and the genome.

A site is a table of names to what is behind each. Whoever serves it serves these names and nothing else; every name is
made here, of a TF's safe stem, and none is taken from a request or a file.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from pmntool.browser.view import Row, View, peaks_as_bed
from pmntool.tracks import SUFFIXES

Content = Path | bytes | Callable[[], bytes]  # a file, bytes, or what makes them when they are asked for
Site = dict[str, Content]

PAGE = ("index.html", "page.css", "page.js", "igv.min.js", "igv.LICENSE.txt")


def make_site(view: View) -> Site:
    """Return the site of a view."""
    files = resources.files("pmntool.browser") / "static"
    site: Site = {name: (files / name).read_bytes() for name in PAGE}
    site |= {genome_name(view): view.genome, f"{genome_name(view)}.fai": view.index}
    if view.block_index is not None:
        site[f"{genome_name(view)}.gzi"] = view.block_index
    for row in view.rows:
        site[track_name(view, row)] = row.track
        if row.peaks:
            site[peaks_name(row)] = partial(peaks_as_bed, row.peaks)
    if view.genes_bed is not None:
        site["genes.bed"] = view.genes_bed
    site["view.json"] = json.dumps(_describe(view), indent=1).encode()
    return site


def genome_name(view: View) -> str:
    """Return the name of the genome's file."""
    return "genome.fa" if view.block_index is None else "genome.fa.gz"


def track_name(view: View, row: Row) -> str:
    """Return the name of a TF's track."""
    return f"tracks/{row.stem}{SUFFIXES[view.kind]}"


def peaks_name(row: Row) -> str:
    """Return the name of a TF's peaks."""
    return f"peaks/{row.stem}.bed"


def locus(view: View) -> str:
    """Return where one looks at the start, as browsers write it: from 1, with its end."""
    chrom, start, end = view.region
    return f"{chrom}:{start + 1}-{end}"


def _describe(view: View) -> dict[str, Any]:
    """Return what page.js reads. Labels are for igv.js, which takes them as HTML; names are text."""
    genome = genome_name(view)
    reference = {"id": "genome", "name": html.escape(view.genome.name), "fastaURL": genome, "indexURL": f"{genome}.fai"}
    if view.block_index is not None:
        reference["compressedIndexURL"] = f"{genome}.gzi"
    return {
        "variant": view.variant,
        "genome": view.genome.name,
        "reference": reference,
        "locus": locus(view),
        "genes": None if view.genes is None else "genes.bed",
        "format": view.kind,
        "tfs": [
            {
                "tf": row.tf,
                "label": html.escape(row.tf),
                "cluster": row.cluster,
                "color": row.color,
                "track": track_name(view, row),
                "peaks": peaks_name(row) if row.peaks else None,
                "open": row.tf in view.shown,
            }
            for row in view.rows
        ],
    }
