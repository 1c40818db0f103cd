"""The baselines in plain torch: the paper's networks as anybody would write them, and the shortest training loop."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool.losses import total_loss
from pmntool.models import Hyperparameters, build
from pmntool.models.dropout import Dropout

LABELS = [f"TF{label}" for label in range(86)]


def network(variant: str, hp: Hyperparameters = Hyperparameters()) -> nn.Module:
    """Return pmntool's network with torch's own dropout."""
    torch.manual_seed(0)
    net = build(variant, LABELS, hp)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, nn.Dropout(child.rate))
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
