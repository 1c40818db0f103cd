"""docs/python.md: every block runs, and comes to what the page says."""

import re
from pathlib import Path

import pmntool
from pmntool.verbs import browse

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_page_runs_and_shows_every_function(tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    assert set(re.findall(r"\bpmntool\.(\w+)\(", "".join(blocks))) == set(pmntool.__all__)
    monkeypatch.chdir(tmp_path)
    served = []
    monkeypatch.setattr(browse, "serve", lambda app, listener: served.append(app))
    monkeypatch.setattr(browse, "_has_screen", lambda: False)
    names: dict = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"python.md, block {number}", "exec"), names)
    assert len(served) == 1
    assert names["table"][["sequence", "start"]].to_numpy().tolist() == [[0, 0], [0, 50], [0, 100], [1, 0]]
    assert names["probabilities"].shape == (4, 12) and names["probabilities"].dtype == "float32"
    assert names["model"].prototypes.shape == (12, 8)
    assert set(names["tracks"].files) == set(names["model"].tfs) and set(names["highest"]) == {"chr1:1-9000", "chr2"}
    assert names["checked"].differences == [] and len(names["checked"].checks) > 2
    assert [len(group) > 0 for group in names["found"].clustering.members()] == [True] * 3
    assert all((Path("example") / name).exists() for name in ("site.png", "report.html", "site/index.html"))
