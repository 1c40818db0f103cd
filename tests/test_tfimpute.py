"""TFImpute: labels share what they have in common, by name."""

import numpy as np
import torch
from given import scatter

from pmntool.inference import one_hot
from pmntool.models import Hyperparameters, build

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2))
LABELS = ["B@x", "A@x", "A@y", "C"]


def make(labels: list[str]) -> torch.nn.Module:
    torch.manual_seed(0)
    return scatter(build("tfimpute", labels, HP), std=0.5).eval()


def bases() -> torch.Tensor:
    return one_hot(torch.from_numpy(np.random.default_rng(0).integers(0, 4, (8, 30), dtype=np.uint8)))


def test_one_embedding_for_each_tf_and_cell_type():
    model = make(LABELS)
    assert (len(model.tfs.weight), len(model.cells.weight)) == (3, 3)  # cells: none, x, y
    assert len(make(["A", "B"]).cells.weight) == 1


def test_a_change_to_a_tf_or_cell_type_reaches_its_labels_alone():
    model, x = make(LABELS), bases()
    for table, row, expected in (
        (model.tfs, 0, ["A@x", "A@y"]),
        (model.tfs, 1, ["B@x"]),
        (model.cells, 0, ["C"]),
        (model.cells, 1, ["B@x", "A@x"]),
    ):
        before = model(x).logits
        with torch.no_grad():
            table.weight[row] += 1
        moved = (model(x).logits != before).any(dim=0)
        assert [label for label, changed in zip(LABELS, moved.tolist(), strict=True) if changed] == expected


def test_the_order_of_labels_is_only_an_order():
    x, order = bases(), [2, 0, 3, 1]
    other = make([LABELS[i] for i in order])
    other.load_state_dict(make(LABELS).state_dict())
    torch.testing.assert_close(other(x).logits, make(LABELS)(x).logits[:, order])
