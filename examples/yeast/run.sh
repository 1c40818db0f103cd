#!/bin/sh
# The yeast run of docs/results.md: S. cerevisiae chromosomes 1–10 and the ChIP-exo peaks of Rossi et al. (Nature 2021).
#   sh examples/yeast/run.sh DATA OUT      DATA holds genome.fa and peaks/; OUT is made
# Each epoch took 25 to 50 s on two shared cores, so all five networks take about an hour and a half.
set -eu
data=$(cd "$1" && pwd)
mkdir -p "$2" && cd "$2"
small="--channels 128,64,64 --batch-size 128 --epochs 20"

pmntool build-dataset "$data/genome.fa" "$data/peaks" \
  --valid-chroms chr1,chr8 --test-chroms chr3,chr5,chr9 --min-windows 1000
pmntool train --variant gc
pmntool train --variant kmer
pmntool train --variant cnn $small
pmntool train --variant pmn-no-lstm --lambda 1 $small
pmntool train --variant pmn-softmax --lambda 1 $small
pmntool train --variant pmn --lambda 0 $small
pmntool train --variant pmn --lambda 1 $small
pmntool evaluate runs/*
pmntool predict "$data/genome.fa" --chroms chr3,chr5,chr9 --model runs/pmn-lambda1 -o tracks/
pmntool prototypes runs/pmn-lambda1 --clusters 16
