"""The baselines in plain torch: the paper's networks as anybody would write them, and the shortest training loop.

python tests/benchmarks/plain.py train|scan VARIANT     prints the seconds of one pass, float32, data in memory
"""

import sys
import time

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool.losses import total_loss
from pmntool.models import Hyperparameters, build
from pmntool.models.convolution import Convolution
from pmntool.models.dropout import Dropout

LABELS = [f"TF{label}" for label in range(86)]
WINDOW, N_TRAIN, N_SCAN, BATCH = 200, 1_024, 4_000, 512


def ours(variant: str) -> nn.Module:
    """Return pmntool's network of the paper's size, with the weights of seed 0."""
    torch.manual_seed(0)
    return build(variant, LABELS, Hyperparameters())


def network(variant: str) -> nn.Module:
    """Return the same with torch's own dropout and convolutions."""
    net = ours(variant)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, nn.Dropout(child.rate))
            elif isinstance(child, Convolution):
                child.__class__ = nn.Conv1d
    return net


def loop(net: nn.Module, x: torch.Tensor, y: torch.Tensor, batch: int) -> None:
    """Train one epoch on data in memory: x float (N, 4, W), y float (N, L)."""
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    net.train()
    for rows in torch.randperm(len(x)).split(batch):
        output = net(x[rows])
        loss = total_loss(output, y[rows], 1.0)
        if output.match is None:
            loss = binary_cross_entropy_with_logits(output.logits, y[rows], reduction="none").sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    float(loss.detach())  # until here, a GPU may not have begun


@torch.inference_mode()
def answers(net: nn.Module, x: torch.Tensor, batch: int = 512) -> torch.Tensor:
    """Return logits window by window, in batches."""
    net.eval()
    return torch.cat([net(part).logits for part in x.split(batch)])


def main(what: str, variant: str) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = network(variant).to(device)
    n = N_TRAIN if what == "train" else N_SCAN
    x = torch.eye(4, device=device)[torch.randint(4, (n, WINDOW), device=device)].transpose(1, 2).contiguous()
    y = (torch.rand(n, len(LABELS), device=device) < 0.06).float()
    for _ in range(2):  # once to warm up
        start = time.perf_counter()
        if what == "train":
            loop(net, x, y, BATCH)
        else:
            answers(net, x).cpu()
        took = time.perf_counter() - start
    print(took)


if __name__ == "__main__":
    main(*sys.argv[1:])
