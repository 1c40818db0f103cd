// A tree of prototypes beside the heat map of their cosines.

/** Return the cosine of two leaves, in hundredths. */
function cosine({ tfs, cosines }, a, b) {
  if (a === b) return 100;
  const [i, j] = a < b ? [a, b] : [b, a];
  return cosines[i * tfs.length - (i * (i + 1)) / 2 + (j - i - 1)];
}

/** Paint a heat map, a pixel a cell, blue below 0 and red above, and return it as an address. */
function heat(tree, limit, dark) {
  const n = tree.tfs.length;
  const canvas = html("canvas", { width: n, height: n });
  const context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  const [zero, below, above] = dark ? [[32, 37, 42], [86, 180, 233], [240, 128, 60]] : [[255, 255, 255], [33, 102, 172], [190, 40, 40]];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const value = Math.max(-1, Math.min(1, cosine(tree, i, j) / limit));
      const end = value < 0 ? below : above;
      for (let k = 0; k < 3; k++) image.data[4 * (i * n + j) + k] = zero[k] + Math.abs(value) * (end[k] - zero[k]);
      image.data[4 * (i * n + j) + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** Return how many pixels the longest of some texts takes at a size of letters. */
function longest(texts, size) {
  const context = html("canvas").getContext("2d");
  context.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return Math.max(...texts.map((text) => context.measureText(text).width));
}

function drawTree(place, dark) {
  const tree = content.trees[Number(place.dataset.tree)];
  const says = document.querySelector(`[data-tree-says="${place.dataset.tree}"]`);
  const n = tree.tfs.length;
  const width = Math.min(Math.max(place.clientWidth, 260), 1080);
  const wide = width > 600;
  const names = (width * 0.72) / n >= 7.5;
  const shown = tree.tfs.map((tf) => (tf.length > 15 ? `${tf.slice(0, 14)}…` : tf));
  const label = names ? 10 + longest(shown, 11) : 4;
  const branch = width * (wide ? 0.2 : 0.16);
  const side = width - branch - label - 26;
  const cell = side / n;
  const left = branch + 22;
  const top = 4;
  const made = frame(place, `Tree and heat map of ${n} prototypes`, { height: top + side + label + 34 });
  made.root.setAttribute("viewBox", `0 0 ${width} ${top + side + label + 34}`);
  made.root.setAttribute("width", width);
  made.width = width;
  const y = (leaf) => top + (leaf + 0.5) * cell;

  // the heat map, groups and names
  const limit = Math.max(10, 10 * Math.ceil(tree.cosines.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 10));
  made.root.append(svg("image", { href: heat(tree, limit, dark), x: left, y: top, width: side, height: side, preserveAspectRatio: "none" }));
  const stableAt = tree.clusters.map((cluster) => tree.stable[cluster - 1]);
  for (const cluster of new Set(tree.clusters)) {
    const first = tree.clusters.indexOf(cluster);
    const size = tree.clusters.filter((one) => one === cluster).length;
    if (size > 1) made.root.append(svg("rect", { class: stableAt[first] ? "box" : "box loose", x: left + first * cell, y: top + first * cell, width: size * cell, height: size * cell }));
    if (size * cell >= 9) made.root.append(svg("text", { x: left - 4, y: y(first + (size - 1) / 2) + 4, "text-anchor": "end", "font-size": 11, text: cluster }));
  }
  if (names) {
    shown.forEach((text, leaf) => {
      const at = left + (leaf + 0.5) * cell;
      const size = Math.min(11, cell * 0.95);
      made.root.append(
        svg("text", { class: "name", x: left + side + 5, y: y(leaf), dy: "0.35em", "font-size": size, text }),
        svg("text", { class: "name", x: at, y: top + side + 5, dy: "0.35em", "font-size": size, "text-anchor": "end", transform: `rotate(-90 ${at} ${top + side + 5})`, text }),
      );
    });
  }

  // the tree
  const heights = tree.merges.map((merge) => merge[4]);
  const high = Math.max(...heights);
  const low = Math.max(0, Math.min(...heights) - 0.15 * (high - Math.min(...heights)) - 0.01);
  const across = scale([high, low], [4, branch]);
  const level = (height) => Math.min(branch, across(height));
  const span = svg("rect", { class: "cross", visibility: "hidden" });
  tree.merges.forEach(([a, aHeight, b, bHeight, height, first, last]) => {
    const d = `M${level(aHeight)} ${y(a)}H${level(height)}V${y(b)}H${level(bHeight)}`;
    const hit = svg("path", { class: "hit", d });
    hit.addEventListener("pointermove", (event) => {
      const tfs = tree.tfs.slice(first, last + 1);
      point(event, `${tfs.length} TFs, joined at a mean cosine of ${number(1 - height, 2)}`);
      says.textContent = `Joined at a mean cosine of ${number(1 - height, 2)}: ${tfs.join(", ")}`;
      mark(first, last, first, last);
    });
    hit.addEventListener("pointerleave", unpoint);
    made.root.append(svg("path", { class: "tree", d }), hit);
  });
  made.root.append(svg("path", { class: "guide", d: `M${level(tree.cut)} ${top}V${top + side}` }));

  // the key
  const foot = top + side + label + 18;
  const key = svg("linearGradient", { id: `key-${place.dataset.tree}` });
  const hues = dark ? ["#56b4e9", "#20252a", "#f0803c"] : ["#2166ac", "#ffffff", "#be2828"];
  hues.forEach((hue, i) => key.append(svg("stop", { offset: i / 2, "stop-color": hue })));
  made.root.append(
    svg("defs", {}, key),
    svg("rect", { class: "axis", x: left + 36, y: foot - 9, width: 110, height: 10, fill: `url(#key-${place.dataset.tree})` }),
    svg("text", { x: left + 32, y: foot, "text-anchor": "end", text: number(-limit / 100, 1) }),
    svg("text", { x: left + 150, y: foot, text: `${number(limit / 100, 1)}  cosine` }),
    svg("text", { x: 4, y: top + side + 14, text: number(high, 2) }),
    svg("text", { x: branch, y: top + side + 14, "text-anchor": "end", text: number(low, 2) }),
    svg("text", { x: (4 + branch) / 2, y: top + side + 30, "text-anchor": "middle", text: "1 − cosine" }),
    span,
  );

  // the pointer and the arrow keys
  const at = { i: 0, j: 0 };
  function mark(top1, bottom, left1, right) {
    for (const [name, value] of Object.entries({ x: left + left1 * cell, y: top + top1 * cell, width: (right - left1 + 1) * cell, height: (bottom - top1 + 1) * cell, visibility: "visible" })) span.setAttribute(name, value);
  }
  function look() {
    const words = at.i === at.j ? tree.tfs[at.i] : `${tree.tfs[at.i]} and ${tree.tfs[at.j]}: cosine ${number(cosine(tree, at.i, at.j) / 100, 2)}`;
    const [a, b] = [tree.clusters[at.i], tree.clusters[at.j]];
    says.textContent = `${words}; ${a === b ? `both in group ${a}` : `groups ${a} and ${b}`}`;
    mark(at.i, at.i, at.j, at.j);
  }
  made.root.setAttribute("tabindex", 0);
  made.root.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    at.i = Math.max(0, Math.min(n - 1, at.i + step[0]));
    at.j = Math.max(0, Math.min(n - 1, at.j + step[1]));
    look();
  });
  made.root.querySelector("image").addEventListener("pointermove", (event) => {
    const [px, py] = within(event, made);
    at.i = Math.max(0, Math.min(n - 1, Math.floor((py - top) / cell)));
    at.j = Math.max(0, Math.min(n - 1, Math.floor((px - left) / cell)));
    look();
    point(event, says.textContent);
  });
  made.root.addEventListener("pointerleave", unpoint);
}
