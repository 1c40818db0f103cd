"""Draw TFs across the range of frequencies, one of each of N strata: python draw_tfs.py DATASET N [SEED]

For networks of one TF each, which are too slow to train for every TF on a small machine. Prints what `--tfs` takes.
"""

import sys

import numpy as np
import pandas as pd

dataset, n = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
tfs = pd.read_csv(f"{dataset}/tfs.tsv", sep="\t").sort_values("train", kind="stable")["tf"].to_numpy()
print(",".join(str(rng.choice(stratum)) for stratum in np.array_split(tfs, n)))
