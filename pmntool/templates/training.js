// The dataset's figures, and the curves of training.

function drawChromosomes() {
  const most = 30;
  const chroms = [...content.chroms].sort((a, b) => b[1] - a[1]).slice(0, most);
  const hues = { train: 0, valid: 4, test: 1 };
  const longest = chroms[0][1];
  const made = frame(box("chromosomes"), "Length and split of each chromosome", { height: 18 * chroms.length + 6 });
  const x = scale([0, longest], [76, made.width - 118]);
  chroms.forEach(([name, length, split], row) => {
    const y = 18 * row + 4;
    const short = name.length > 10 ? `${name.slice(0, 9)}…` : name;
    made.root.append(
      svg("text", { class: "name", x: 70, y: y + 10, "text-anchor": "end", text: short }),
      svg("rect", { x: 76, y, width: Math.max(1, x(length) - 76), height: 13, fill: color(hues[split]) }),
      svg("text", { x: x(length) + 6, y: y + 10, text: `${split}, ${(length / 1e6).toFixed(2)} Mb` }),
    );
  });
  if (content.chroms.length > most) {
    box("chromosomes").append(html("p", { class: "small", text: `and ${content.chroms.length - most} shorter ones` }));
  }
}

function drawFrequency() {
  const { tfs, windows, bound, shared } = content.frequency;
  const place = box("frequency");
  const wide = Math.max(place.clientWidth, 260);
  const step = (wide - 66) / tfs.length;
  const named = step >= 8.5;
  const longest = Math.max(...tfs.map((tf) => tf.length));
  const room = named ? Math.min(110, 12 + 5.6 * longest) : 12;
  const about = `Share of bound windows of each of ${tfs.length} TFs, from ${number(bound[0], 1)} % to ${number(bound[tfs.length - 1], 1)} %`;
  const made = frame(place, about, { height: 290 + room, y: [0, bound[0] * 1.05], yLabel: "bound, %", bottom: 120 + room });
  const lower = scale([0, 100], [270, 185]);
  const x = (i) => made.left + (i + 0.5) * step;
  for (const tick of [0, 50, 100]) {
    made.root.append(
      svg("line", { class: "grid", x1: made.left, x2: made.right, y1: lower(tick), y2: lower(tick) }),
      svg("text", { x: made.left - 7, y: lower(tick) + 4, "text-anchor": "end", text: tick }),
    );
  }
  made.root.append(svg("text", { x: 12, y: 228, "text-anchor": "middle", transform: "rotate(-90 12 228)", text: "shared, %" }));
  const chosen = content.tfs[state.tf];
  tfs.forEach((tf, i) => {
    const hue = tf === chosen ? color(4) : color(0);
    made.root.append(
      svg("rect", { x: x(i) - step * 0.4, width: step * 0.8, y: made.y(bound[i]), height: made.bottom - made.y(bound[i]), fill: hue }),
      svg("circle", { cx: x(i), cy: lower(shared[i] ?? 0), r: Math.min(3, Math.max(1.4, step / 3)), fill: hue }),
    );
    if (named) {
      made.root.append(svg("text", { class: tf === chosen ? "name" : "", x: x(i), y: 280, "text-anchor": "end", transform: `rotate(-90 ${x(i)} 280)`, dy: 3.5, "font-size": Math.min(11, step), text: tf.length > 17 ? `${tf.slice(0, 16)}…` : tf }));
    }
  });
  const points = tfs.map((tf, i) => ({
    x: x(i),
    text: `${tf}\n${windows[i].toLocaleString("en")} windows, ${number(bound[i], 2)} % of those bound\n${number(shared[i], 1)} % of them shared`,
    tf: content.tfs.indexOf(tf),
  }));
  hover(made, points, Math.max(step, 8));
}

const CURVES = {
  auroc: ["mean auROC", "train_auroc", "valid_auroc"],
  loss: ["loss, summed over TFs", "train_loss", "valid_loss"],
  aupr: ["mean auPR", null, "valid_aupr"],
  recall: ["mean recall at 50 % FDR", null, "valid_recall_at_fdr"],
};

function drawTraining() {
  const [label, train, valid] = CURVES[document.getElementById("curve-of").value];
  const values = content.runs.flatMap((run) => [train, valid].flatMap((column) => (column ? run.epochs[column] : [])));
  const longest = Math.max(2, ...content.runs.map((run) => run.epochs.valid_auroc.length));
  box("training").closest("figure").hidden = !train;
  for (const [name, column] of [["training", train], ["validation", valid]]) {
    if (!column) continue;
    const about = `${label} of ${content.runs.length} runs over ${longest} epochs, ${name} windows`;
    const made = frame(box(name), about, { height: 300, x: [1, longest], y: extent(values), xLabel: "epoch", yLabel: label, xCount: 10, whole: true });
    const points = [];
    for (const run of content.runs) {
      const seen = run.epochs[column].map((value, i) => ({ epoch: i + 1, value })).filter((one) => one.value !== null);
      if (!seen.length) continue;
      const look = { class: "curve", stroke: color(run.group), "stroke-dasharray": dash(run.group) };
      const level = run.epochs[column].length === 1;
      const path = level ? [[made.left, made.y(seen[0].value)], [made.right, made.y(seen[0].value)]] : seen.map((one) => [made.x(one.epoch), made.y(one.value)]);
      made.root.append(line(path, look));
      for (const one of seen) {
        const best = one.epoch === run.best && !level;
        points.push({ x: made.x(one.epoch), y: made.y(one.value), text: `${run.name}, epoch ${one.epoch}${best ? " (best)" : ""}\n${label} ${number(one.value)}` });
        if (best) made.root.append(svg("circle", { class: "ring", cx: made.x(one.epoch), cy: made.y(one.value), r: 4.5 }));
      }
    }
    hover(made, points);
  }
}
