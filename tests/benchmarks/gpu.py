"""One command for one GPU: how fast it trains and scans, beside its own peak, and whether it answers as the CPU does.

python tests/benchmarks/gpu.py [DEVICE]     default: cuda

Full-size `cnn` and `pmn`, 86 TFs. Prints a table for docs/benchmarks.md; exits with 1 where an answer is not the CPU's.
"""

import sys

import numpy as np
import plain
import torch
from common import machine, multiply_rate, seconds
from lightning_fabric import Fabric
from made_up import FLOP_A_BASE, STRIDE, WINDOW, training_windows
from sklearn.metrics import roc_auc_score

from pmntool.device import choose_device, choose_precision, use_precision
from pmntool.epochs import Settings, TrainingWindows, run_epoch
from pmntool.inference import scan
from pmntool.progress import Progress

MOST_DIFFERENCE, LEAST_AUROC = 1e-4, 0.999


def least_seconds(call) -> float:
    """Return the least time of three calls after one to warm up; each ends with its answer on the CPU."""

    def once() -> None:
        call()  # what it returns is no time

    return min([seconds(once) for _ in range(4)][1:])


def train_rate(variant: str, precision: str, windows: TrainingWindows, device: torch.device) -> float:
    """Return windows a second of an epoch."""
    fabric = Fabric(accelerator=device.type, devices=1)
    net = plain.ours(variant)
    use_precision(net, precision, device)
    model, adam = fabric.setup(net, torch.optim.Adam(net.parameters()))
    settings = Settings(variant, batch_size=512, precision=precision)
    return len(windows) / least_seconds(
        lambda: run_epoch(fabric, model, adam, windows, settings, 1, Progress(), augment=False)
    )


def main(device: torch.device) -> None:
    small = device.type == "cpu"  # to try the script
    n_train, n_scan, n_check = (256, 400, 200) if small else (100_000, 2_000_000, 20_000)
    precisions = tuple(dict.fromkeys(("32", choose_precision("auto", device))))
    peak = {"32": multiply_rate(torch.float32, 8192 if not small else 1024), "bf16": 0.0}
    if "bf16" in precisions:
        peak["bf16"] = multiply_rate(torch.bfloat16, 8192 if not small else 1024)
    windows = training_windows(n_train, device)
    codes = np.random.default_rng(1).integers(0, 4, n_scan * STRIDE + WINDOW, dtype=np.uint8)
    starts = np.arange(n_scan) * STRIDE
    print("; ".join(f"{key}: {value}" for key, value in machine().items()), end="\n\n")
    print("| | precision | training, windows/s | of the peak | scan, Mb/s | of the peak | beside the CPU |")
    print("|---|---|---|---|---|---|---|")
    good = True
    for variant in ("cnn", "pmn"):
        exact = scan(plain.network(variant), codes, starts[:n_check], WINDOW, torch.device("cpu"))
        truth = exact > np.quantile(exact, 0.95, axis=0)
        for precision in precisions:
            net = plain.ours(variant).to(device)
            use_precision(net, precision, device)
            found = scan(net, codes, starts[:n_check], WINDOW, device)
            difference = np.abs(found - exact).max()
            auroc = np.mean([roc_auc_score(truth[:, tf], found[:, tf]) for tf in range(len(plain.LABELS))])
            good &= bool(difference < MOST_DIFFERENCE if precision == "32" else auroc > LEAST_AUROC)
            trained = train_rate(variant, precision, windows, device)
            scanned = len(codes) / least_seconds(lambda net=net: scan(net, codes, starts, WINDOW, device))
            of_training = 3 * trained * WINDOW * FLOP_A_BASE / 1e9 / peak[precision]
            of_scan = scanned * FLOP_A_BASE / 1e9 / peak[precision]
            rates = f"{trained:,.0f} | {of_training:.2f} | {scanned / 1e6:,.2f} | {of_scan:.2f}"
            print(
                f"| {variant} | {precision} | {rates} "
                f"| logits differ by {difference:.0e} at most; auROC of the CPU's top 5 % {auroc:.4f} |"
            )
    if not good:
        sys.exit("the answers are not the CPU's")


if __name__ == "__main__":
    main(choose_device(sys.argv[1] if sys.argv[1:] else "cuda"))
