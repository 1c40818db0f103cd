"""The model variants by name: what each is, and where it comes from. Imports nothing heavy, for the command line."""

from __future__ import annotations

from typing import NamedTuple

PAPER = "Lanchantin et al. 2017, arXiv 1710.11238"
ENCODER = ("channels", "widths", "dropout")  # the sizes of the paper's three convolutions
MATCHER = (*ENCODER, "sharpness")  # and of what compares their embedding with others
RECURRENT = (*MATCHER, "hops")  # several times


class Variant(NamedTuple):
    """One line about a variant."""

    summary: str
    source: str
    sizes: tuple[str, ...] = ENCODER  # which of `models.Hyperparameters`, but for strands, it takes


VARIANTS: dict[str, Variant] = {
    "cnn-single": Variant("one CNN per TF, trained on that TF alone", f"{PAPER}, §4.1"),
    "cnn": Variant("one CNN for all TFs, linear output", f"{PAPER}, §4.1"),
    "pmn-no-lstm": Variant("prototypes matched once, without the LSTM", f"{PAPER}, §4.1", MATCHER),
    "pmn-softmax": Variant("PMN with softmax attention before the last hop", f"{PAPER}, §4.1", RECURRENT),
    "pmn": Variant("Prototype Matching Network, sigmoid attention", f"{PAPER}, §2", RECURRENT),
    "cnn-rnn": Variant(
        "CNN and an LSTM along the path of a window's TFs, beam search", "Wang et al. 2016, arXiv 1604.04573"
    ),
    "matching-net": Variant(
        "attention over real training windows, a few per TF",
        "Vinyals et al. 2016, arXiv 1606.04080",
        RECURRENT,
    ),
    "prototypical": Variant(
        "squared distance from the mean embedding of each TF's windows",
        "Snell et al. 2017, arXiv 1703.05175",
        MATCHER,
    ),
    "deepbind": Variant(
        "DeepBind: one convolution, one network per TF", "Alipanahi et al. 2015, doi 10.1038/nbt.3300", ()
    ),
    "deepsea": Variant(
        "DeepSEA: three convolutions with pooling", "Zhou and Troyanskaya 2015, doi 10.1038/nmeth.3547", ()
    ),
    "danq": Variant("DanQ: a convolution and an LSTM both ways", "Quang and Xie 2016, doi 10.1093/nar/gkw226", ()),
    "dilated": Variant(
        "BPNet's dilated convolutions, averaged", "Avsec et al. 2021, doi 10.1038/s41588-021-00782-6", ()
    ),
    "tfimpute": Variant(
        "sequence gated by embeddings of TF and cell type", "Qin and Feng 2017, doi 10.1371/journal.pcbi.1005403"
    ),
    "pwm": Variant("best hit of each TF's known motifs, from --motifs", "Stormo 2000, Bioinformatics 16:16", ()),
    "kmer": Variant("logistic regression on 6-mer counts", "k-mers as in Lee et al. 2011, Genome Res. 21:2167", ()),
    "gc": Variant("logistic regression on GC content", "a control", ()),
}

WITH_PROTOTYPES = ("pmn-no-lstm", "pmn-softmax", "pmn")
PRECISIONS = ("auto", "32", "tf32", "bf16")  # what encoders compute in; see `device`
LOGGERS = ("tensorboard", "csv")  # what else than epochs.tsv the metrics of epochs may be written as
STRANDS = ("off", "augment", "average", "shared")  # how a model may use the reverse complement


def folder_name(variant: str, prototype_weight: float, strands: str) -> str:
    """Return what a run is called where nobody names it.

    Examples
    --------
    >>> folder_name("pmn", 0.5, "off"), folder_name("cnn", 0.0, "shared")
    ('pmn-lambda0.5', 'cnn-shared')
    """
    weight = f"lambda{prototype_weight:g}" if variant in WITH_PROTOTYPES else ""
    return "-".join(filter(None, (variant, weight, strands.removeprefix("off"))))
