"""What is wrong with a track hub, by UCSC's rules and apart from the code that writes it.

UCSC's own program for this is hubCheck. Rules as read in November 2026: settings, their values, letters of names and
lengths of labels at https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbHub.html; how stanzas must fit in
hubCheck.c, trackHub.c and hui.c of https://github.com/ucscGenomeBrowser/kent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyBigWig
from test_twobit import read_two_bit

Stanza = dict[str, str]

ON = "on|off"
NUMBER = r"-?\d+(\.\d+)?"
HUB = {
    "hub": r"\S+",
    "shortLabel": ".{1,19}",
    "longLabel": ".{1,69}",
    "genomesFile": r"\S+",
    "email": r"\S+@\S+",
    "descriptionUrl": r"\S+",
}
GENOME = {"genome": r"[A-Za-z]\w*", "trackDb": r"\S+"}
ASSEMBLY = GENOME | {
    "groups": r"\S+",
    "description": ".+",
    "twoBitPath": r"\S+",
    "organism": ".+",
    "defaultPos": r"\S+:\d+-\d+",
    "scientificName": ".+",
    "chromSizes": r"\S+",
    "orderKey": r"\d+",
    "htmlPath": r"\S+",
}
GROUP = {"name": r"\w+", "label": ".+", "priority": NUMBER, "defaultIsClosed": "[01]"}
EVERY = {
    "track": r"[A-Za-z][A-Za-z0-9_-]*",
    "type": rf"bigWig {NUMBER} {NUMBER}",
    "shortLabel": ".{1,17}",
    "longLabel": ".{1,76}",
}
MORE = {
    "visibility": "hide|dense|full",
    "html": r"\S+",
    "group": r"\w+",
    "color": r"\d{1,3},\d{1,3},\d{1,3}",
    "autoScale": f"{ON}|group",
    "alwaysZero": ON,
    "viewLimits": rf"{NUMBER}:{NUMBER}",
    "windowingFunction": r"mean|mean\+whiskers|maximum|minimum",
    "maxHeightPixels": r"\d+:\d+:\d+",
}
COMPOSITE = EVERY | {"compositeTrack": "on"}
ARRANGED = {"dragAndDrop": "subTracks", "dimensions": ".+", "sortOrder": ".+"}
ARRANGED |= {f"subGroup{i}": r"\S+ \S+( [^\s=]+=[^\s=]+)+" for i in range(1, 10)}
VIEW = EVERY | {"parent": r"\S+", "view": r"\S+"}
LEAF = EVERY | {"parent": r"\S+ (on|off)", "subGroups": r"\S+=\S+( \S+=\S+)*", "bigDataUrl": r"\S+"}
MOST_MEMBERS = 1000  # hui.c


def problems(hub: Path) -> list[str]:
    """Return what is wrong with the hub of a hub.txt: an empty list where nothing is."""
    return list(_hub(hub))


def stanzas(path: Path) -> list[Stanza]:
    """Read a file of stanzas that blank lines part; a line is a setting and its value."""
    blocks = [block for block in path.read_text(encoding="ascii").split("\n\n") if block.strip()]
    pairs = [[tuple(line.strip().split(" ", 1)) for line in block.splitlines()] for block in blocks]
    assert all(len({key for key, _ in block}) == len(block) for block in pairs), "a setting stands twice in a stanza"
    return [dict(block) for block in pairs]


def _fits(where: str, stanza: Stanza, required: Stanza, optional: Stanza) -> Iterator[str]:
    yield from (f"{where}: no {key}" for key in required.keys() - stanza.keys())
    for key, value in stanza.items():
        rule = (required | optional).get(key)
        if rule is None:
            yield f"{where}: unknown setting {key}"
        elif not re.fullmatch(rule, value):
            yield f"{where}: {key} {value}"


def _hub(path: Path) -> Iterator[str]:
    (hub,) = stanzas(path)
    yield from _fits("hub", hub, HUB, {})
    (genome,) = stanzas(path.parent / hub["genomesFile"])
    rules = ASSEMBLY if "twoBitPath" in genome else GENOME
    yield from _fits("genome", genome, rules, {})
    named = [hub["descriptionUrl"], genome["trackDb"]]
    named += [genome[key] for key in ("groups", "twoBitPath", "chromSizes", "htmlPath") if key in genome]
    yield from (f"no file {name}" for name in named if not (path.parent / name).is_file())
    groups, sizes = None, None
    if "twoBitPath" in genome:
        groups = stanzas(path.parent / genome["groups"])
        for group in groups:
            yield from _fits("group", group, GROUP, {})
        letters = read_two_bit((path.parent / genome["twoBitPath"]).read_bytes())
        sizes = {chrom: len(text) for chrom, text in letters.items()}
        lines = (path.parent / genome["chromSizes"]).read_text().splitlines()
        if {name: int(length) for name, length in (line.split("\t") for line in lines)} != sizes:
            yield "chrom.sizes are not those of the 2bit"
        chrom, start, end = re.split("[:-]", genome["defaultPos"])
        if not 1 <= int(start) <= int(end) <= sizes.get(chrom, 0):
            yield f"defaultPos {genome['defaultPos']} is not in the 2bit"
    yield from _tracks(stanzas(path.parent / genome["trackDb"]), path.parent, groups, sizes)


def _tracks(found: list[Stanza], folder: Path, groups: list[Stanza] | None, sizes: dict | None) -> Iterator[str]:
    tracks = {stanza["track"]: stanza for stanza in found}
    seen = {re.sub(r"[^A-Za-z0-9_-]", "_", name) for name in tracks}  # as the browser renames them
    if len(seen) != len(found):
        yield "two tracks of one name"
    parents = {name: stanza.get("parent", "").split(" ")[0] for name, stanza in tracks.items()}
    for name, stanza in tracks.items():
        if next(iter(stanza)) != "track":
            yield f"{name}: a stanza begins with track"
        rules = COMPOSITE if "compositeTrack" in stanza else VIEW if "view" in stanza else LEAF
        yield from _fits(name, stanza, rules, MORE | ARRANGED if rules is COMPOSITE else MORE)
        if rules is not COMPOSITE and parents[name] not in tracks:
            yield f"{name}: no parent {parents[name]}"
        if rules is not LEAF and name not in parents.values():
            yield f"{name}: no subtracks"
        if "html" in stanza and not (folder / stanza["html"]).is_file():
            yield f"{name}: no file {stanza['html']}"
        if groups is not None and stanza.get("group", groups[0]["name"]) not in [group["name"] for group in groups]:
            yield f"{name}: group {stanza['group']} is not in groups.txt"
        yield from _values(name, stanza)
        if rules is COMPOSITE:
            yield from _composite(name, stanza)
        if rules is LEAF and tracks.get(parents[name], {}).get("parent") in tracks:
            yield from _leaf(name, stanza, tracks[parents[name]], tracks[tracks[parents[name]]["parent"]])
            yield from _file(name, stanza, folder / stanza["bigDataUrl"], sizes)


def _values(name: str, stanza: Stanza) -> Iterator[str]:
    most, usual, least = map(int, stanza.get("maxHeightPixels", "3:2:1").split(":"))
    lower, upper = map(float, stanza.get("viewLimits", "0:1").split(":"))
    if not most >= usual >= least or not lower < upper or max(map(int, stanza.get("color", "0").split(","))) > 255:
        yield f"{name}: numbers out of order or range"


def subgroups(composite: Stanza) -> dict[str, set[str]]:
    """Return the tags of each subgroup of a composite."""
    words = [value.split(" ") for key, value in composite.items() if key.startswith("subGroup")]
    return {tag: {word.split("=")[0] for word in members} for tag, _title, *members in words}


def _composite(name: str, stanza: Stanza) -> Iterator[str]:
    found = subgroups(stanza)
    yield from (f"{name}: too many members of {tag}" for tag, tags in found.items() if len(tags) > MOST_MEMBERS)
    for axis in stanza.get("dimensions", "").split():
        if not re.fullmatch("dim[XYA-Z]=.+", axis) or axis.split("=")[1] not in found:
            yield f"{name}: dimensions {axis}"
    for order in stanza.get("sortOrder", "").split():
        if not re.fullmatch(r".+=[+-]", order) or order.split("=")[0] not in found:
            yield f"{name}: sortOrder {order}"


def _leaf(name: str, stanza: Stanza, view: Stanza, composite: Stanza) -> Iterator[str]:
    member = dict(pair.split("=") for pair in stanza["subGroups"].split(" "))
    found = subgroups(composite)
    if member.keys() != found.keys() or any(member[tag] not in found[tag] for tag in member.keys() & found.keys()):
        yield f"{name}: not a member of each subgroup of {composite['track']}"
    if member.get("view") != view["view"]:
        yield f"{name}: not of its parent's view"


def _file(name: str, stanza: Stanza, path: Path, sizes: dict | None) -> Iterator[str]:
    if not path.is_file():
        yield f"{name}: no file {stanza['bigDataUrl']}"
        return
    with pyBigWig.open(str(path)) as track:
        if sizes is not None and not track.chroms().items() <= sizes.items():
            yield f"{name}: chromosomes that are not in the 2bit"
        least, most = map(float, stanza["type"].split(" ")[1:])
        for chrom in track.chroms():
            for value in (track.stats(chrom, type=extreme, exact=True)[0] for extreme in ("min", "max")):
                if value is not None and not least <= value <= most:
                    yield f"{name}: {value} on {chrom} is outside {stanza['type']}"
