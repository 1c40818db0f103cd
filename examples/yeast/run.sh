#!/bin/sh
# The yeast runs of docs/results.md: S. cerevisiae chromosomes 1–10 and the ChIP-exo peaks of Rossi et al. (Nature 2021).
#   sh examples/yeast/run.sh DATA OUT [MOTIFS]
# DATA holds genome.fa and peaks/; OUT is made; MOTIFS is a file of known motifs for `pwm`. SEEDS="0 1 2" by default.
# An epoch of most networks took 15 to 25 s of one core (bfloat16), of deepsea and cnn-single some minutes: all of
# it is a night on two cores. SEEDS=0, and the first loop alone, give the table's main rows in an hour.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "$1" && pwd)
motifs=${3:+$(cd "$(dirname "$3")" && pwd)/$(basename "$3")}
mkdir -p "$2" && cd "$2"
budget="--batch-size 128 --epochs 20"
small="--channels 128,64,64 $budget"

pmntool build-dataset "$data/genome.fa" "$data/peaks" \
  --valid-chroms chr1,chr8 --test-chroms chr3,chr5,chr9 --min-windows 1000

# The paper's rows, but for the one of a network per TF
for seed in ${SEEDS:-0 1 2}; do
  pmntool train --variant cnn $small --seed "$seed" -o "runs/cnn-seed$seed"
  for variant in pmn-no-lstm pmn-softmax; do
    pmntool train --variant $variant --lambda 1 $small --seed "$seed" -o "runs/$variant-seed$seed"
  done
  for lambda in 0 0.5 1; do
    pmntool train --variant pmn --lambda $lambda $small --seed "$seed" -o "runs/pmn-lambda$lambda-seed$seed"
  done
done

# What came before and after it
for variant in tfimpute cnn-rnn matching-net prototypical; do
  pmntool train --variant $variant $small
done
for variant in deepsea danq dilated; do # of their published sizes
  pmntool train --variant $variant $budget
done
for variant in kmer gc; do
  pmntool train --variant $variant
done
if [ -n "$motifs" ]; then
  pmntool train --variant pwm --motifs "$motifs"
fi

# Networks of one TF each, for twelve TFs from rare to common
twelve=$(python "$here/draw_tfs.py" dataset 12)
for seed in ${SEEDS:-0 1 2}; do
  pmntool train --variant cnn-single --tfs "$twelve" $small --seed "$seed" -o "runs-of-twelve/cnn-single-seed$seed"
  pmntool train --variant deepbind --tfs "$twelve" $budget --seed "$seed" -o "runs-of-twelve/deepbind-seed$seed"
done

pmntool evaluate runs/* --all-pairs
pmntool evaluate runs/* runs-of-twelve/* -o evaluation-of-twelve
pmntool prototypes runs/pmn-lambda1-seed* --clusters 16
pmntool predict "$data/genome.fa" --chroms chr3,chr5,chr9 --model runs/pmn-lambda1-seed0 -o tracks/
