#!/bin/sh
# The whole way on data that pmntool makes itself: simulate, build a dataset, train two models, compare them, scan the
# genome, look at the prototypes. Small networks, so that two cores need two or three minutes.
set -eu
folder=${1:-demo}
small="--channels 64,32,32 --batch-size 32 --epochs 20"

[ -e "$folder/truth.json" ] || pmntool simulate "$folder"
cd "$folder"
pmntool build-dataset --force
pmntool train --variant cnn $small --force
pmntool train --variant pmn --lambda 1 $small --force
pmntool evaluate runs/* --force
pmntool predict genome.fa --model runs/pmn-lambda1 -o tracks/ --force
pmntool prototypes runs/pmn-lambda1 --force
pmntool report --force

cat <<END

Done. In $folder/:
  report.html                  all of the following but the tracks on one page: open it in a web browser
  tracks/<TF>.bw               binding probabilities along genome.fa
  evaluation/table4.tsv        how well each model does on chromosomes that it has not seen
  evaluation/scatter.png       the same, TF by TF
  evaluation/curves.png        how training went
  prototypes/dendrogram.png    which TFs the model finds alike; truth.json says which work together
  dataset/tfs.png              how often each TF binds, and how often with others

Tracks and peaks in a genome browser in your web browser, until Ctrl-C:
  cd "$folder" && "$(command -v pmntool)" browse --peaks peaks/ --region chr3:2000-12000
END
