// The models beside one another: means with intervals, curves of a chosen TF, two models TF by TF.

/** Draw each model's mean auROC and auPR with its interval, the best first. */
function drawForest() {
  const order = content.groups.map((_, group) => group).sort((a, b) => (content.means.auroc[b][0] ?? -1) - (content.means.auroc[a][0] ?? -1));
  const longest = Math.max(...content.groups.map((name) => name.length));
  const place = box("forest");
  const left = Math.min(22 + 6.9 * longest, Math.max(place.clientWidth, 260) * 0.42);
  const most = Math.floor((left - 14) / 6.9);
  const height = 26 * order.length + 50;
  const about = order.map((group) => `${content.groups[group]}: mean auROC ${number(content.means.auroc[group][0])}`).join("; ");
  const made = frame(place, about, { height });
  const panels = [["auroc", left, left + (made.width - left) / 2 - 12], ["aupr", left + (made.width - left) / 2 + 12, made.width - 16]];
  const points = [];
  for (const [metric, from, to] of panels) {
    const domain = extent(content.means[metric].flat(), 0.08);
    const x = scale(domain, [from, to]);
    for (const tick of ticks(domain, (to - from) / 60)) {
      made.root.append(
        svg("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 4, y2: height - 44 }),
        svg("text", { x: x(tick), y: height - 28, "text-anchor": "middle", text: tick }),
      );
    }
    made.root.append(svg("text", { x: (from + to) / 2, y: height - 8, "text-anchor": "middle", text: `mean ${content.metrics[metric]}` }));
    order.forEach((group, row) => {
      const [mean, low, high] = content.means[metric][group];
      if (mean === null) return;
      const y = 26 * row + 18;
      if (low !== null) made.root.append(svg("path", { d: `M${x(low)} ${y}H${x(high)}`, stroke: color(group), "stroke-width": 2.5, "stroke-linecap": "round" }));
      made.root.append(svg("circle", { cx: x(mean), cy: y, r: 5, fill: color(group) }));
      const interval = low === null ? "" : `\n${number(low)} to ${number(high)}`;
      points.push({ x: x(mean), y, text: `${content.groups[group]}\nmean ${content.metrics[metric]} ${number(mean)}${interval}` });
    });
  }
  order.forEach((group, row) => {
    const name = content.groups[group];
    made.root.append(svg("text", { class: "name", x: left - 12, y: 26 * row + 22, "text-anchor": "end", text: name.length > most ? `${name.slice(0, most - 1)}…` : name }));
  });
  hover(made, points, 40);
}

/** Return a curve's points, windows called of those not bound and of those bound, from (0, 0) on. */
function called([others, bound]) {
  const points = [[0, 0]];
  others.forEach((step, i) => points.push([points[i][0] + step, points[i][1] + bound[i]]));
  return points;
}

function drawCurves() {
  const tf = state.tf;
  const name = content.tfs[tf];
  const positives = content.positives[tf];
  const chance = positives / content.windows;
  const square = { height: 340, x: [0, 1], y: [0, 1] };
  const roc = frame(box("roc"), `ROC curves of ${name}`, { ...square, xLabel: "others called", yLabel: "bound windows found" });
  const pr = frame(box("pr"), `Precision and recall of ${name}`, { ...square, xLabel: "bound windows found (recall)", yLabel: "calls that are right (precision)" });
  roc.root.append(line([[roc.x(0), roc.y(0)], [roc.x(1), roc.y(1)]], { class: "guide" }));
  pr.root.append(line([[pr.x(0), pr.y(chance)], [pr.x(1), pr.y(chance)]], { class: "guide" }));
  const points = { roc: [], pr: [] };
  content.runs.forEach((run, i) => {
    const curve = content.curves[i][tf];
    if (!curve || !curve[0].length) return;
    const steps = called(curve);
    const [negatives, bound] = steps[steps.length - 1];
    const look = { class: "curve", stroke: color(run.group), "stroke-dasharray": dash(run.group) };
    const say = ([others, found]) => `${run.name}, ${others + found} windows called\n${percent(found / bound)} of the bound found\n${percent(found / (others + found))} of the calls right`;
    const draw = (made, at, kept, where) => {
      made.root.append(line(kept.map(at), look));
      for (const step of kept) points[where].push({ x: at(step)[0], y: at(step)[1], text: step[0] + step[1] ? say(step) : "nothing called" });
    };
    if (bound && negatives) draw(roc, ([others, found]) => [roc.x(others / negatives), roc.y(found / bound)], steps, "roc");
    if (bound) draw(pr, ([others, found]) => [pr.x(found / bound), pr.y(found / (others + found))], steps.slice(1), "pr");
  });
  hover(roc, points.roc);
  hover(pr, points.pr);
  const value = (metric, group) => number(content.values[metric][group][tf], 3);
  legend(document.querySelector("[data-legend=tf]"), (group) => `: auROC ${value("auroc", group)}, auPR ${value("aupr", group)}`);
  document.getElementById("tf-facts").textContent =
    `${name}: ${positives.toLocaleString("en")} of ${content.windows.toLocaleString("en")} ${content.split} windows are bound; the dashed gray lines are chance`;
}

/** Return what the draws say of two models on each TF, as a over b; null where they were not compared. */
function compared(a, b, metric) {
  for (const found of content.differences) {
    if (found.metric !== metric) continue;
    if (found.a === a && found.b === b) return found;
    if (found.a === b && found.b === a) {
      const minus = (value) => (value === null ? null : -value);
      return { low: found.high.map(minus), high: found.low.map(minus), change: found.change.map((value) => -value) };
    }
  }
  return null;
}

/** List the TFs on which two models differ most, with what the draws say. */
function listApart(both, xs, ys, differences) {
  const rows = [...both].sort((a, b) => Math.abs(ys[b] - xs[b]) - Math.abs(ys[a] - xs[a])).slice(0, 12);
  const heading = ["TF", content.groups[state.across], content.groups[state.up], "difference", ...(differences ? ["95 % interval"] : [])];
  const body = rows.map((tf) => {
    const interval = differences ? [`${signed(differences.low[tf])} to ${signed(differences.high[tf])}`] : [];
    const cells = [number(xs[tf]), number(ys[tf]), signed(ys[tf] - xs[tf]), ...interval];
    return html("tr", {}, html("th", { scope: "row", text: content.tfs[tf] }), ...cells.map((text) => html("td", { text })));
  });
  document.getElementById("apart").replaceChildren(
    html("caption", { text: `TFs that differ most in ${content.metrics[state.metric]}` }),
    html("thead", {}, html("tr", {}, ...heading.map((text, i) => html("th", { scope: "col", class: i ? "n" : null, text })))),
    html("tbody", {}, ...body),
  );
}

function drawScatter() {
  const place = box("scatter");
  if (!place) return;
  const { metric, across, up } = state;
  const title = content.metrics[metric];
  const [xs, ys] = [content.values[metric][across], content.values[metric][up]];
  const differences = compared(up, across, metric);
  const both = content.tfs.map((_, tf) => tf).filter((tf) => xs[tf] !== null && ys[tf] !== null);
  listApart(both, xs, ys, differences); // first, as the figure is as wide as the list leaves it
  const domain = extent([...xs, ...ys]);
  const about = `${title} of each TF, ${content.groups[up]} against ${content.groups[across]}`;
  const made = frame(place, about, { height: Math.max(place.clientWidth, 260) - 16, x: domain, y: domain, xLabel: `${title}, ${content.groups[across]}`, yLabel: `${title}, ${content.groups[up]}` });
  made.root.append(line([[made.x(domain[0]), made.y(domain[0])], [made.x(domain[1]), made.y(domain[1])]], { class: "guide" }));
  const points = both.map((tf) => {
    const change = differences ? differences.change[tf] : 0;
    const interval = differences && differences.low[tf] !== null ? `, ${number(differences.low[tf])} to ${number(differences.high[tf])}` : "";
    return { x: made.x(xs[tf]), y: made.y(ys[tf]), tf, change, text: `${content.tfs[tf]}\nacross ${number(xs[tf])}, up ${number(ys[tf])}\ndifference ${number(ys[tf] - xs[tf])}${interval}` };
  });
  for (const { x, y, tf, change } of points) {
    const mark = change > 0 ? `M${x} ${y - 5}l5 8h-10z` : change < 0 ? `M${x} ${y + 5}l5 -8h-10z` : `M${x - 3.5} ${y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0`;
    made.root.append(svg("path", { d: mark, fill: change > 0 ? color(2) : change < 0 ? color(1) : "var(--soft)", "fill-opacity": change ? 0.9 : 0.55 }));
    if (tf === state.tf) made.root.append(svg("circle", { class: "ring", cx: x, cy: y, r: 8 }));
  }
  const far = [...both].sort((a, b) => Math.abs(ys[b] - xs[b]) - Math.abs(ys[a] - xs[a])).slice(0, 4);
  for (const tf of new Set([...far, ...both.filter((tf) => tf === state.tf)])) {
    const late = made.x(xs[tf]) > made.width - 90;
    made.root.append(svg("text", { class: "name", x: made.x(xs[tf]) + (late ? -9 : 9), y: made.y(ys[tf]) - 5, "text-anchor": late ? "end" : "start", text: content.tfs[tf] }));
  }
  hover(made, points);
  const above = both.filter((tf) => ys[tf] > xs[tf]).length;
  const count = (sign) => points.filter((one) => one.change === sign).length;
  document.getElementById("above").textContent =
    `${above} of ${both.length} TFs above the line` + (differences ? `; ▲ ${count(1)} gained, ▼ ${count(-1)} lost` : "");
}
