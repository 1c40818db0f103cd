"""What other programs open: a session of the IGV desktop, and the .ini of pyGenomeTracks, as text.

Both show the TFs that are open at the start, and name files relative to themselves.
"""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Iterator

from pmntool.browser.hub import label
from pmntool.browser.site import genome_name, locus, peaks_name, track_name
from pmntool.browser.view import Row, View


def igv_session(view: View) -> bytes:
    """Return the XML of a session."""
    tracks: list[dict[str, str]] = []
    for row in _shown(view):
        color, name = ",".join(map(str, bytes.fromhex(row.color[1:]))), _one_line(row.tf)
        tracks.append({"id": track_name(view, row), "name": name, "color": color, "height": "50", "autoScale": "true"})
        if row.peaks:
            tracks.append({"id": peaks_name(row), "name": f"{name} peaks", "color": color, "height": "25"})
    if view.genes is not None:
        tracks.append({"id": "genes.bed", "name": "Genes", "color": "0,0,0", "height": "60"})
    session = xml.Element("Session", genome=genome_name(view), hasGeneTrack="false", locus=locus(view), version="8")
    resources = xml.SubElement(session, "Resources")
    panel = xml.SubElement(session, "Panel", name="DataPanel")
    for track in tracks:
        xml.SubElement(resources, "Resource", path=track["id"], name=track["name"], color=track["color"])
        xml.SubElement(panel, "Track", track)
    xml.indent(session)
    return b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + xml.tostring(session, encoding="utf-8") + b"\n"


def genome_tracks(view: View) -> bytes:
    """Return the .ini of a picture; no name holds what the .ini would read as more than a name."""
    sections = {"x-axis": {"where": "top"}}
    for row in _shown(view):
        name = label(row.stem, 100)
        sections[f"{name} predicted"] = {
            "file": track_name(view, row),
            "file_type": view.kind,
            "title": label(row.tf, 40),
            "height": "1.5",
            "color": row.color,
            "min_value": "0",
            "summary_method": "max",
        }
        if row.peaks:
            sections[f"{name} peaks"] = {
                "file": peaks_name(row),
                "file_type": "bed",
                "title": "peaks",
                "height": "0.4",
                "color": row.color,
                "border_color": row.color,
                "display": "collapsed",
                "labels": "false",
            }
    if view.genes is not None:
        sections["genes"] = {
            "file": "genes.bed",
            "file_type": "bed",
            "title": "genes",
            "height": "3",
            "color": "black",
            "labels": "true",
            "fontsize": "8",
        }
    first = f"# pyGenomeTracks --tracks tracks.ini --region {label(locus(view), 200)} -o site.pdf\n"
    return (first + "".join(_section(name, settings) for name, settings in sections.items())).encode()


def _section(name: str, settings: dict[str, str]) -> str:
    return f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def _shown(view: View) -> Iterator[Row]:
    return (row for row in view.rows if row.tf in view.shown)


def _one_line(text: str) -> str:
    """Return a text that XML can hold: no control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
