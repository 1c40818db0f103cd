"""A trained model in memory: probabilities of any sequence, or of a place of a genome."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pmntool.checkpoint import Run
from pmntool.device import choose_device, choose_precision
from pmntool.errors import InputError
from pmntool.genome import Genome, encode, why_not_dna
from pmntool.inference import scan
from pmntool.intervals import tile
from pmntool.regions import parse_region
from pmntool.tracks import central_stride, window_runs
from pmntool.variants import WITH_PROTOTYPES


def load(path: Path | str, *, device: str = "auto", precision: str = "auto") -> Model:
    """Open a run folder and return its model, with the best weights.

    Raises
    ------
    InputError
        The run cannot be read, or there is no such device or precision.
    """
    return Model(Run(path), device, precision)


class Model:
    """A trained model; `load` makes one.

    Its tables begin with three columns that say where a window lies; then comes one a TF, in the order of `tfs`.

    Attributes
    ----------
    run : checkpoint.Run
        Where it comes from: `run.variant`, `run.meta`.
    tfs : list of str
        L names.
    window, stride : int
        bp.
    prototypes : ndarray or None
        float32 (L, D), in the order of `tfs`; None where the variant has none.
    """

    def __init__(self, run: Run, device: str, precision: str) -> None:
        self.run, self.tfs, self.window, self.stride = run, run.tfs, run.window, run.stride
        self._device = choose_device(device)
        self._net = run.model(self._device, choose_precision(precision, self._device))
        has_some = run.variant in WITH_PROTOTYPES
        self.prototypes = self._net.prototypes.detach().cpu().numpy() if has_some else None

    def predict(self, sequences: str | Sequence[str]) -> pd.DataFrame:
        """Return the probability of each TF in every window of one or several sequences.

        Windows begin every `stride` bp; what remains behind the last is not looked at. Lower case is read as upper
        case; N and other letters as no base.

        Returns
        -------
        A row a window: `sequence` (0 is the first), `start` and `end` in it (bp, 0-based, half-open); a column a TF,
        float32.

        Raises
        ------
        InputError
            There is no sequence, or one is shorter than a window or no DNA.
        """
        given = [sequences] if isinstance(sequences, str) else list(sequences)
        if not given:
            raise InputError("no sequence is given")
        codes = [self._encode(sequence, number) for number, sequence in enumerate(given)]
        counts = [tile(len(some), self.window, self.stride) for some in codes]
        number = np.repeat(np.arange(len(codes)), counts)
        start = np.concatenate([np.arange(count) for count in counts]) * self.stride
        begins = np.cumsum([0, *map(len, codes[:-1])])  # of each sequence where they lie end to end
        where = {"sequence": number, "start": start, "end": start + self.window}
        return self._table(where, np.concatenate(codes), begins[number] + start)

    def predict_interval(self, genome: Genome | Path | str, region: str) -> pd.DataFrame:
        """Return the probability of each TF along a place of a genome: what `predict` writes there.

        Whether the genome is that of the training is not looked at.

        Parameters
        ----------
        genome
            FASTA; for many places an open `Genome`, which is indexed once.
        region
            As samtools writes it: `chrom:start-end`, from 1, with its end.

        Returns
        -------
        A row a window whose central stride begins in the region: `chrom`, `start` and `end` of that stride (bp,
        0-based, half-open); a column a TF, float32.

        Raises
        ------
        InputError
            The genome or the region cannot be read, or no window belongs to the region.
        MismatchError
            The genome has no such chromosome.
        """
        with nullcontext(genome) if isinstance(genome, Genome) else Genome(genome) as opened:
            place = parse_region(region, opened.sizes)
            found = next(window_runs(opened.sizes, [place], self.window, self.stride), None)
            if found is None:
                raise InputError(f"{region}: no window of {self.window} bp has its center in what is to be scanned")
            chrom, first, last = found
            starts = np.arange(first, last) * self.stride
            codes = opened.codes(chrom, starts[0], starts[-1] + self.window)
        start = central_stride(starts, self.window, self.stride)
        return self._table({"chrom": chrom, "start": start, "end": start + self.stride}, codes, starts - starts[0])

    def _encode(self, sequence: str, number: int) -> np.ndarray:
        """Return the base codes of a sequence that is DNA and holds a window."""
        letters = sequence.encode("ascii", "replace")
        if why := why_not_dna(letters):
            raise InputError(f"sequence {number}: {why}")
        if len(letters) < self.window:
            raise InputError(f"sequence {number}: {len(letters)} bp; the model reads windows of {self.window} bp")
        return encode(letters)

    def _table(self, where: dict[str, np.ndarray | str], codes: np.ndarray, starts: np.ndarray) -> pd.DataFrame:
        """Scan the windows that begin at `starts` of `codes`, and put where they lie before their probabilities."""
        logits = scan(self._net, codes, starts, self.window, self._device)
        table = pd.DataFrame(torch.from_numpy(logits).sigmoid().numpy(), columns=self.tfs)  # eq. 9
        for column, (name, values) in enumerate(where.items()):
            table.insert(column, name, values, allow_duplicates=True)  # a TF may be called start
        return table
