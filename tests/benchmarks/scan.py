"""A scan with the full-size `pmn` against the same net in plain torch, window by window, inference_mode, float32.

Its answers are compared here; its time is that of a process of its own, with the allocator as it is.
"""

import numpy as np
import plain
import torch
from common import apart, compare, multiply_rate, report
from made_up import FLOP_A_BASE, STRIDE, WINDOW
from sklearn.metrics import roc_auc_score

from pmntool.device import choose_device, choose_precision, use_precision
from pmntool.inference import gather, one_hot, scan

N = plain.N_SCAN
device = choose_device("auto")
codes = np.random.default_rng(0).integers(0, 4, N * STRIDE + WINDOW - STRIDE, dtype=np.uint8)
starts = np.arange(N) * STRIDE
theirs_net = plain.network("pmn").to(device).eval()


def answers() -> np.ndarray:
    sequence = torch.from_numpy(codes).to(device)
    places = torch.from_numpy(starts).to(device)
    parts = [plain.answers(theirs_net, one_hot(gather(sequence, some, WINDOW))) for some in places.split(512)]
    return torch.cat(parts).cpu().numpy()


def probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


exact = probability(answers())
truth = exact > np.quantile(exact, 0.95, axis=0)  # what a perfect scan would rank first
for precision in dict.fromkeys(("32", choose_precision("auto", device))):
    net = plain.ours("pmn").to(device)
    use_precision(net, precision, device)
    rate = multiply_rate(torch.float32 if precision == "32" else torch.bfloat16)

    def ours(net: torch.nn.Module = net) -> np.ndarray:
        return scan(net, codes, starts, WINDOW, device)

    found = probability(ours())
    difference = np.abs(found - exact).max()
    auroc = np.mean([roc_auc_score(truth[:, label], found[:, label]) for label in range(found.shape[1])])
    assert precision != "32" or difference < 1e-5, difference

    def theirs() -> float:
        return apart(plain.__file__, "scan", "pmn")

    def detail(mine: float, other: float, said=(rate, difference, auroc)) -> str:
        rate, difference, auroc = said
        share = FLOP_A_BASE * len(codes) / mine / 1e9 / rate
        return (
            f"{N / mine:,.0f} against {N / other:,.0f} windows/s; trunk at {share:.2f} of the matrix-multiply rate; "
            f"largest difference of a probability {difference:.0e}, auROC of the plain net's top 5 % {auroc:.4f}"
        )

    what = f"scan, full-size `pmn`, {'float32' if precision == '32' else 'bfloat16'}"
    report(compare(what, "plain torch, window by window, float32", ours, theirs, rounds=3, detail=detail))
