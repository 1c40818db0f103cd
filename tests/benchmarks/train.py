"""An epoch of full-size `cnn` and `pmn`, batch 512, against the shortest plain loop in float32 on data in memory.

The plain loop has a process of its own: the allocator that pmntool tunes would serve it too.
"""

import plain
import torch
from common import apart, compare, report
from lightning_fabric import Fabric
from made_up import training_windows

from pmntool import epochs
from pmntool.device import choose_device, choose_precision, use_precision
from pmntool.progress import Progress
from pmntool.verbs import train

N, BATCH = plain.N_TRAIN, plain.BATCH
device = choose_device("auto")
windows = training_windows(N, device)
fabric = Fabric(accelerator=device.type, devices=1)

for variant in ("cnn", "pmn"):
    for precision in dict.fromkeys(("32", choose_precision("auto", device))):
        net = plain.ours(variant)
        use_precision(net, precision, device)
        model, adam = fabric.setup(net, torch.optim.Adam(net.parameters(), lr=1e-3))
        settings = train.Settings(variant, batch_size=BATCH, precision=precision)

        def ours(model=model, adam=adam, settings=settings) -> None:
            epochs.run_epoch(fabric, model, adam, windows, settings, 1, Progress(), augment=False)

        def theirs(variant=variant) -> float:
            return apart(plain.__file__, "train", variant)

        what = f"training, full-size `{variant}`, {'float32' if precision == '32' else 'bfloat16'}"
        report(
            compare(
                what, "plain torch, float32", ours, theirs, rounds=3,
                detail=lambda mine, other: f"{N / mine:,.0f} against {N / other:,.0f} windows/s",
            )
        )  # fmt: skip
