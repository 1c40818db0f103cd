"""Second implementations, slow and obvious: numpy and loops, float64, one window or one label at a time.

Written from the paper's equations and the definitions of the metrics, not from pmntool, which it does not import.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
from scipy.stats import t as students_t

Layer = tuple[np.ndarray, np.ndarray]  # kernels (n, n_in, width) and biases (n,); dense: weights (n, n_in) and biases
Layers = Sequence[Layer]


def one_hot(codes: Sequence[int]) -> np.ndarray:
    """Return (4, W): A C G T are 0 1 2 3, anything else is a column of zeros."""
    x = np.zeros((4, len(codes)))
    for place, code in enumerate(codes):
        if code < 4:
            x[code, place] = 1
    return x


def encode(x: np.ndarray, layers: Layers) -> np.ndarray:
    """Eq. 1 for one window (4, W): convolutions without padding, each with ReLU, then the maximum over positions."""
    for kernels, biases in layers:
        n, n_in, width = kernels.shape
        y = np.zeros((n, x.shape[1] - width + 1))
        for kernel in range(n):
            for place in range(y.shape[1]):
                value = biases[kernel]
                for channel in range(n_in):
                    for step in range(width):
                        value += kernels[kernel, channel, step] * x[channel, place + step]
                y[kernel, place] = max(value, 0)
        x = y
    return np.array([max(row) for row in x])


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v))


def softmax(values: Sequence[float]) -> list[float]:
    powers = [math.exp(v - max(values)) for v in values]
    return [power / sum(powers) for power in powers]


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    """Eq. 7; 0 where either has no direction."""
    lengths = math.sqrt(sum(u * u)) * math.sqrt(sum(v * v))
    return sum(u * v) / lengths if lengths > 0 else 0.0


def lstm_cell(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, weights: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return hidden and cell after one step; the gates' rows stand in torch's order: input, forget, cell, output."""
    d = len(h)
    gates = weights["weight_ih"] @ x + weights["bias_ih"] + weights["weight_hh"] @ h + weights["bias_hh"]
    hidden, cell = np.zeros(d), np.zeros(d)
    for j in range(d):
        i, f, g, o = gates[j], gates[d + j], gates[2 * d + j], gates[3 * d + j]
        cell[j] = sigmoid(f) * c[j] + sigmoid(i) * math.tanh(g)
        hidden[j] = sigmoid(o) * math.tanh(cell[j])
    return hidden, cell


def cnn(x: np.ndarray, layers: Layers, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the logits (L,) of the CNN for one window: a linear output on the embedding."""
    return weight @ encode(x, layers) + bias


def pmn(
    x: np.ndarray, layers: Layers, prototypes: np.ndarray, cell: Mapping[str, np.ndarray] | None,
    weight: np.ndarray, bias: np.ndarray, *, hops: int, sharpness: float, softmax_before_last: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return logits (L,) and the last hop's match (L,) for one window: eqs. 1–8; without a cell, h = x̂ and one hop."""
    embedding = encode(x, layers)
    h, c = np.zeros_like(embedding), np.zeros_like(embedding)
    r = sum(prototypes) / len(prototypes)
    for k in range(1, (hops if cell else 1) + 1):
        if cell:
            h_hat, c = lstm_cell(np.concatenate([embedding, r]), h, c, cell)  # eq. 3
            h = h_hat + embedding  # eq. 4
        else:
            h = embedding
        weighted = [sharpness * cosine(h, p) for p in prototypes]
        if softmax_before_last and k < hops:
            match = softmax(weighted)
        else:
            match = [sigmoid(v) for v in weighted]  # eq. 6
        r = sum(w * p for w, p in zip(match, prototypes, strict=True))  # eq. 5
    return weight @ np.concatenate([h, r]) + bias, np.array(match)  # eq. 8


def prototypical(
    embedding: np.ndarray, means: Sequence[np.ndarray], threshold: Sequence[float], scale: float
) -> np.ndarray:
    """Return logits (L,): how far below a threshold a window's squared distance from each class mean is, scaled."""
    return np.array([scale * (t - sum((embedding - mean) ** 2)) for mean, t in zip(means, threshold, strict=True)])


def prototypical_loss(embeddings: np.ndarray, y: np.ndarray, threshold: np.ndarray, scale: float) -> list[float]:
    """Return the cross entropy of each window of a batch; a class's mean is that of its other windows, if any."""
    losses = [0.0] * len(y)
    for b in range(len(y)):
        for j in range(y.shape[1]):
            others = [embeddings[i] for i in range(len(y)) if i != b and y[i, j]]
            if others:
                mean = sum(others) / len(others)
                p = sigmoid(prototypical(embeddings[b], [mean], [threshold[j]], scale)[0])
                losses[b] -= math.log(p) if y[b, j] else math.log(1 - p)
    return losses


def matching_net(
    embedding: np.ndarray, support: Sequence[np.ndarray], members: np.ndarray, cell: Mapping[str, np.ndarray],
    hops: int, sharpness: float,
) -> np.ndarray:  # fmt: skip
    """Return logits (L,): attLSTM by K hops, then P = Σ a_i y_i over each label's own support windows (L, 2, k)."""
    h, c = np.zeros_like(embedding), np.zeros_like(embedding)
    for k in range(hops):
        attention = softmax([sharpness * cosine(h, g) for g in support])  # before the first hop h = 0: uniform
        assert k or len(set(attention)) == 1
        r = sum(a * g for a, g in zip(attention, support, strict=True))
        hidden, c = lstm_cell(np.concatenate([embedding, r]), h, c, cell)
        h = hidden + embedding
    logits = []
    for sides in members:
        rows = [(row, value) for value in (0, 1) for row in sides[value] if row >= 0]
        attention = softmax([sharpness * cosine(h, support[row]) for row, _ in rows])
        p, q = (sum(a for a, (_, v) in zip(attention, rows, strict=True) if v == value) for value in (1, 0))
        logits.append(math.log(p) - math.log(q))
    return np.array(logits)


def cnn_rnn(embedding: np.ndarray, w: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[tuple[int, ...], float]]:
    """Return logits (L,) and the probability of every set of labels: all the paths, each followed from start to END."""
    order = [int(label) for label in w["order"]]
    n = len(order)
    cell = {name.removeprefix("lstm.").removesuffix("_l0"): value for name, value in w.items() if "lstm." in name}
    paths = {}
    for size in range(n + 1):
        for path in combinations(range(n), size):  # places in the order, ascending
            h = c = np.zeros(len(w["embedding.weight"][0]))
            p, last = 1.0, -1
            for following in (*path, n):
                h, c = lstm_cell(w["embedding.weight"][last if last >= 0 else n + 1], h, c, cell)
                joint = w["from_window.weight"] @ embedding + w["from_window.bias"] + w["from_path.weight"] @ h
                joint = np.array([math.tanh(value) for value in joint])
                may = list(range(last + 1, n + 1))
                p *= softmax([joint @ w["embedding.weight"][label] for label in may])[may.index(following)]
                last = following
            paths[tuple(sorted(order[place] for place in path))] = p
    shares = [sum(p for path, p in paths.items() if label in path) for label in range(n)]
    return np.array([math.log(p) - math.log(1 - p) for p in shares]), paths


def convolve(x: np.ndarray, layer: Layer, *, dilation: int = 1, padding: int = 0) -> np.ndarray:
    """Convolve (n_in, T), zeros on either side of it, and rectify, a position at a time."""
    kernels, biases = layer
    x = np.pad(x, ((0, 0), (padding, padding)))
    reach = (kernels.shape[2] - 1) * dilation + 1
    places = range(x.shape[1] - reach + 1)
    y = [[np.sum(kernel * x[:, p : p + reach : dilation]) for p in places] for kernel in kernels]
    return np.maximum(np.array(y) + biases[:, None], 0)


def pool(x: np.ndarray, size: int) -> np.ndarray:
    """Return the maximum of each whole block of `size` positions: (n, T) to (n, T // size)."""
    return np.array([[max(row[k * size : (k + 1) * size]) for k in range(len(row) // size)] for row in x])


def dense(x: np.ndarray, layer: Layer) -> np.ndarray:
    return layer[0] @ x + layer[1]


def deepbind(x: np.ndarray, detectors: Layer, hidden: Layer, output: Layer) -> np.ndarray:
    """Return the logit (1,) of one TF's network for one window."""
    hits = convolve(x, detectors)
    pooled = [max(row) for row in hits] + [sum(row) / len(row) for row in hits]
    return dense(np.maximum(dense(np.array(pooled), hidden), 0), output)


def deepsea(x: np.ndarray, layers: Layers) -> np.ndarray:
    """Return the logits (L,) for one window: three convolutions, a dense layer, the output."""
    for layer in layers[:2]:
        x = pool(convolve(x, layer), 4)
    x = convolve(x, layers[2]).reshape(-1)  # all positions of a kernel, then the next kernel's
    return dense(np.maximum(dense(x, layers[3]), 0), layers[4])


def danq(
    x: np.ndarray, motifs: Layer, ahead: Mapping[str, np.ndarray], back: Mapping[str, np.ndarray],
    hidden: Layer, output: Layer,
) -> np.ndarray:  # fmt: skip
    """Return the logits (L,) for one window: an LSTM along the pooled positions, from left to right and back."""
    steps = pool(convolve(x, motifs), 13).T
    states = np.zeros((len(steps), 2, 320))
    for way, (cell, order) in enumerate(((ahead, range(len(steps))), (back, reversed(range(len(steps)))))):
        h = c = np.zeros(320)
        for step in order:
            h, c = lstm_cell(steps[step], h, c, cell)
            states[step, way] = h
    return dense(np.maximum(dense(states.reshape(-1), hidden), 0), output)


def dilated(x: np.ndarray, layers: Layers) -> np.ndarray:
    """Return the logits (L,) for one window: dilations 2, 4, 8, … as many as there are layers, and the mean."""
    x = convolve(x, layers[0], padding=12)
    for k, layer in enumerate(layers[1:-1], 1):
        x = x + convolve(x, layer, dilation=2**k, padding=2**k)
    return dense(np.array([sum(row) / len(row) for row in x]), layers[-1])


def tfimpute(
    embedding: np.ndarray, known: Sequence[tuple[np.ndarray, np.ndarray]], gate: tuple[np.ndarray, np.ndarray],
    hidden: tuple[np.ndarray, np.ndarray], output: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:  # fmt: skip
    """Return logits (L,) for an embedding (D,): each label's TF and cell type, embedded, gate it."""
    logits = []
    for tf, cell in known:
        opened = [sigmoid(v) for v in gate[0] @ np.concatenate([tf, cell]) + gate[1]]
        units = [max(v, 0) for v in hidden[0] @ (embedding * opened) + hidden[1]]
        logits.append(output[0][0] @ units + output[1][0])
    return np.array(logits)


def best_hit(codes: Sequence[int], matrices: Sequence[np.ndarray]) -> float:
    """Return the largest sum of log-odds (width, 4) of any motif at any place on either strand; 4, N, adds 0."""
    other = [3 - code if code < 4 else 4 for code in reversed(codes)]
    sums = []
    for matrix in matrices:
        for strand in (codes, other):
            for place in range(len(codes) - len(matrix) + 1):
                hit = zip(matrix, strand[place : place + len(matrix)], strict=True)
                sums.append(sum(row[code] for row, code in hit if code < 4))
    return max(sums)


def kmer_counts(codes: Sequence[int], k: int) -> dict[str, int]:
    """Return how often each k-mer or its reverse complement, whichever is first in the alphabet, stands in a window."""
    letters, counts = "".join("ACGTN"[code] for code in codes), {}
    for place in range(len(letters) - k + 1):
        kmer = letters[place : place + k]
        if "N" not in kmer:
            kmer = min(kmer, kmer[::-1].translate(str.maketrans("ACGT", "TGCA")))
            counts[kmer] = counts.get(kmer, 0) + 1
    return counts


def loss(logits: np.ndarray, match: np.ndarray | None, y: np.ndarray, prototype_weight: float) -> float:
    """Eqs. 9–12 with +λ·L_p: all (B, L); summed over labels, mean over windows."""
    total = 0.0
    for b in range(len(y)):
        for j in range(y.shape[1]):
            p = sigmoid(logits[b, j])
            total -= y[b, j] * math.log(p) + (1 - y[b, j]) * math.log(1 - p)
            if match is not None:
                total += prototype_weight * (y[b, j] - match[b, j]) ** 2
    return total / len(y)


def auroc(y: Sequence[int], values: Sequence[float]) -> float:
    """Return the share of pairs of a positive and a negative that stand in the right order, ties counting half."""
    pairs = [(v > w) + (v == w) / 2 for a, v in zip(y, values, strict=True) if a
             for b, w in zip(y, values, strict=True) if not b]  # fmt: skip
    return sum(pairs) / len(pairs) if pairs else math.nan


def thresholds(y: Sequence[int], values: Sequence[float]) -> list[tuple[Fraction, Fraction]]:
    """Return precision and recall of "at least t" for every value t, from the largest down."""
    points = []
    for threshold in sorted(set(values), reverse=True):
        taken = [a for a, v in zip(y, values, strict=True) if v >= threshold]
        points.append((Fraction(int(sum(taken)), len(taken)), Fraction(int(sum(taken)), int(sum(y)))))
    return points


def average_precision(y: Sequence[int], values: Sequence[float]) -> float:
    """Return the sum of precision times the step of recall over all thresholds."""
    if not sum(y):
        return math.nan
    total, before = Fraction(0), Fraction(0)
    for precision, recall in thresholds(y, values):
        total, before = total + precision * (recall - before), recall
    return float(total)


def recall_at_fdr(y: Sequence[int], values: Sequence[float], fdr: str) -> float:
    """Return the largest recall of any threshold whose false discovery rate is at most `fdr`, a decimal in letters."""
    if not sum(y):
        return math.nan
    return float(max((r for p, r in thresholds(y, values) if 1 - p <= Fraction(fdr)), default=Fraction(0)))


def paired_t(a: Sequence[float], b: Sequence[float]) -> float:
    """Return p of the paired test that a is larger than b: t = mean / (s / √n) with n − 1 degrees of freedom."""
    d = [u - v for u, v in zip(a, b, strict=True)]
    n, middle = len(d), sum(d) / len(d)
    s = math.sqrt(sum((v - middle) ** 2 for v in d) / (n - 1))
    return float(students_t.sf(middle / (s / math.sqrt(n)), n - 1))


def fisher(shared: int, n_a: int, n_b: int, background: int) -> float:
    """Return the chance that `n_b` genes drawn blindly of `background` hit at least `shared` of `n_a`."""
    ways = sum(math.comb(n_a, k) * math.comb(background - n_a, n_b - k) for k in range(shared, min(n_a, n_b) + 1))
    return float(Fraction(ways, math.comb(background, n_b)))


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return for each p the smallest false discovery rate at which it would be called."""
    worst_first = sorted(p, reverse=True)
    n = len(p)
    return [min(min(1, other * n / (n - worst_first.index(other))) for other in p if other >= one) for one in p]


def ranks(values: Sequence[float]) -> list[float]:
    """Return ranks from 1; ties share their mean."""
    return [sum(w < v for w in values) + (1 + sum(w == v for w in values)) / 2 for v in values]


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    a, b = ranks(x), ranks(y)
    a, b = [v - sum(a) / len(a) for v in a], [v - sum(b) / len(b) for v in b]
    return sum(u * v for u, v in zip(a, b, strict=True)) / math.sqrt(sum(u * u for u in a) * sum(v * v for v in b))


def mantel(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return Spearman's rho over pairs, and the share of all n! orders of b's names that reach it."""
    pairs = list(itertools.combinations(range(len(a)), 2))
    x = [a[i, j] for i, j in pairs]
    rho = spearman(x, [b[i, j] for i, j in pairs])
    orders = list(itertools.permutations(range(len(a))))
    return rho, sum(spearman(x, [b[o[i], o[j]] for i, j in pairs]) >= rho - 1e-9 for o in orders) / len(orders)


def together(members: Sequence[int], cuts: Sequence[Sequence[int]]) -> float:
    """Return the mean over pairs of members and over cuts of "both in one cluster"."""
    pairs = list(itertools.combinations(members, 2))
    return sum(cut[i] == cut[j] for cut in cuts for i, j in pairs) / (len(cuts) * len(pairs))


def neighbors_back(tf: int, similarities: Sequence[np.ndarray], count: int) -> float:
    """Return the share of a TF's `count` nearest in one run that are so in another, mean over pairs of runs."""
    near = [set(sorted((j for j in range(len(s)) if j != tf), key=lambda j: -s[tf, j])[:count]) for s in similarities]
    return float(np.mean([len(p & q) / count for p, q in itertools.combinations(near, 2)]))
