"""CNN-RNN (Wang et al. 2016, arXiv 1604.04573): a window's TFs as a path, from the most to the least frequent.

Letters as in `pmntool.models`; label i is the i-th of the path's order, END is label L. What differs from the paper:
docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output
from pmntool.models.windows import Windows

BATCH = 1 << 16  # windows whose labels are counted at once
NEGLIGIBLE = 1e-6  # a path less probable than this is not followed
LEAST, MOST = 1e-12, 1 - 1e-6  # probabilities that have finite log-odds in float32


class CNNRNN(nn.Module):
    """An encoder, an LSTM along the path so far, and label embeddings that both read and answer.

    Parameters
    ----------
    width
        Paths that the beam search follows at once.

    Attributes
    ----------
    order, rank : Tensor, int64, shape (L,)
        The label at each place of the path's order, and each label's place in it.
    """

    def __init__(self, encoder: Encoder, n_labels: int, width: int = 6) -> None:
        super().__init__()
        n_features = encoder.n_features
        self.encoder = encoder
        self.embedding = nn.Embedding(n_labels + 2, n_features)  # the labels in order, END, START
        self.lstm = nn.LSTM(n_features, n_features, batch_first=True)
        self.from_window = nn.Linear(n_features, n_features)  # U_x
        self.from_path = nn.Linear(n_features, n_features, bias=False)  # U_o
        self.width = width
        self.end = n_labels
        self.receptive_field = encoder.receptive_field
        nn.init.normal_(self.embedding.weight, std=n_features**-0.5)
        self.register_buffer("order", torch.arange(n_labels))
        self.register_buffer("rank", torch.arange(n_labels))

    def remember(self, windows: Windows) -> None:
        """Order the labels from the most to the least frequent; equals as they come."""
        counts = sum(windows.y(rows).sum(dim=0) for rows in torch.arange(len(windows)).split(BATCH))
        self.order = counts.argsort(descending=True, stable=True)
        self.rank = self.order.argsort()

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        return Output(self._log_odds(self._search(embedding)))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        """Search; or while learning, where y is given, follow its path: logits are then those of the first step."""
        e = self.encoder(x)
        return self.head(e) if y is None or not self.training else self._learn(e, y[:, self.order])

    def _next(self, e: Tensor, o: Tensor, last: Tensor) -> Tensor:
        """Return log p(next label | path, window), −∞ for what stands before `last` in the order: (B, n, L + 1).

        Parameters
        ----------
        e
            U_x·x, (B, D).
        o
            The LSTM's answer to n paths, (B, n, D).
        last
            The last label of each, −1 at START, (B, n). After END comes END.
        """
        joint = torch.tanh(e[:, None] + self.from_path(o))  # x_t  (B, n, D)
        scores = joint @ self.embedding.weight[: self.end + 1].T  # (B, n, L + 1)
        label = torch.arange(self.end + 1, device=e.device)
        allowed = (label > last[..., None]) | (label == self.end)
        return scores.masked_fill(~allowed, -torch.inf).log_softmax(dim=2)

    def _learn(self, e: Tensor, y: Tensor) -> Output:
        """Return the cross entropy of each window's path, END with it; END again and again costs nothing."""
        steps = int(y.sum(dim=1).max()) + 1
        row, label = y.nonzero(as_tuple=True)
        path = torch.full((len(y), steps), self.end, device=y.device)
        path[row, y.cumsum(dim=1)[row, label].long() - 1] = label  # (B, steps)
        before = pad(path[:, :-1], (1, 0), value=-1)  # (B, steps): START, then the path so far
        o, _ = self.lstm(self.embedding(before % (self.end + 2)))  # (B, steps, D)
        log_p = self._next(self.from_window(e), o, before)  # (B, steps, L + 1)
        loss = -log_p.gather(2, path[..., None]).sum(dim=(1, 2))  # (B,)
        return Output(self._log_odds(log_p[:, 0, : self.end].exp()), loss=loss)

    def _search(self, e: Tensor) -> Tensor:
        """Return the probability that a label is on the path, summed over the paths that the beam follows: (B, L)."""
        e = self.from_window(e)
        last = torch.full((len(e), 1), -1, device=e.device)  # (B, n): n paths
        log_path = torch.zeros(len(e), 1, device=e.device)  # (B, n): log p of each
        state, p = None, 0.0
        for _ in range(self.end):
            o, state = self.lstm(self.embedding(last % (self.end + 2)).flatten(0, 1)[:, None], state)
            log_next = self._next(e, o.view(*last.shape, -1), last)[..., : self.end]
            grown = (log_path[..., None] + log_next).flatten(1)  # (B, n·L)
            p = p + grown.exp().view(*last.shape, -1).sum(dim=1)
            log_path, best = grown.topk(min(self.width, grown.shape[1]), dim=1)
            parent, n = best // self.end, last.shape[1]
            last = best % self.end
            rows = (parent + n * torch.arange(len(e), device=e.device)[:, None]).flatten()
            state = tuple(part[:, rows] for part in state)
            log_path = log_path.masked_fill(log_path.exp() < NEGLIGIBLE, -torch.inf)
            if log_path.isneginf().all():
                break
        return p

    def _log_odds(self, p: Tensor) -> Tensor:
        """Turn probabilities in the path's order into logits in label order: (B, L)."""
        p = p.clamp(LEAST, MOST)[:, self.rank]
        return p.log() - (-p).log1p()


def cnn_rnn(labels: Sequence[str], hp: Hyperparameters) -> CNNRNN:
    """Return an encoder with an LSTM along the path of labels."""
    return CNNRNN(Encoder(hp), len(labels))
