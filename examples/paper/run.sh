#!/bin/sh
# The paper's own experiment: every row of its Table 4, on GM12878, at its sizes. Needs a GPU and the internet.
#   sh examples/paper/run.sh FOLDER                          what is done already is not done again
#   SINGLE="--batch-size 128" sh examples/paper/run.sh FOLDER    cnn-single on a smaller GPU; see README.md
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
ucsc=https://hgdownload.soe.ucsc.edu/goldenPath/hg19
chroms=chr1,chr2,chr3,chr4,chr5,chr6,chr7,chr8,chr9,chr10,chr11,chr12,chr13,chr14,chr15,chr16,chr17,chr18,chr19,chr20,chr21,chr22,chrX,chrY

fetch() {  # URL, file
  [ -s "$2" ] || { curl --fail --silent --show-error --location --output "$2.part" "$1" && mv "$2.part" "$2"; }
}

fit() {  # run's name, options of `pmntool train`; a run that was stopped goes on
  run=$1 && shift
  [ ! -d "runs/$run" ] || set -- "$@" --resume
  pmntool train -o "runs/$run" "$@"
}

[ -s genome.fa ] || {
  fetch "$ucsc/bigZips/hg19.fa.gz" hg19.fa.gz
  gunzip -c hg19.fa.gz > genome.fa.part && mv genome.fa.part genome.fa
}
mkdir -p peaks && cp "$here/peaks.tsv" peaks.tsv
sed 1d peaks.tsv | cut -f 2 | while read -r path; do
  fetch "$ucsc/encodeDCC/wgEncodeAwgTfbsUniform/${path#peaks/}" "$path"
done
[ -d dataset ] || pmntool build-dataset genome.fa peaks.tsv --chroms "$chroms"

fit cnn --variant cnn
fit pmn-no-lstm-lambda1 --variant pmn-no-lstm --lambda 1
fit pmn-softmax-lambda1 --variant pmn-softmax --lambda 1
fit pmn-lambda0 --variant pmn --lambda 0
fit pmn-lambda0.5 --variant pmn --lambda 0.5
fit pmn-lambda1 --variant pmn --lambda 1
fit cnn-single --variant cnn-single ${SINGLE:-}  # last: it costs as much as all its TFs one by one

pmntool evaluate runs/* --baseline cnn-single --force
pmntool prototypes runs/pmn-lambda1 --force
pmntool predict genome.fa --model runs/pmn-lambda1 --chroms chr3,chr12,chr17 --decimals 3 --min-probability 0.05 --force
