// What is chosen, and what is drawn again when a choice, the width or the light changes.

const light = window.matchMedia("(prefers-color-scheme: dark)");

function drawTrees(dark = light.matches) {
  for (const place of document.querySelectorAll("[data-tree]")) drawTree(place, dark);
}

/** Choose a TF: the curves, the marks in the other figures, the row. */
function choose(tf) {
  if (tf < 0) return;
  state.tf = tf;
  document.getElementById("tf").value = tf;
  markChosen();
  drawCurves();
  drawScatter();
  drawFrequency();
}

function drawAll() {
  unpoint();
  drawForest();
  drawChromosomes();
  drawFrequency();
  drawTraining();
  drawCurves();
  drawScatter();
  drawTrees();
}

/** Call a function when a control is changed. */
function on(id, event, act) {
  document.getElementById(id)?.addEventListener(event, act);
}

function start() {
  const groups = content.groups.map((name, group) => [group, name]);
  const means = content.means.auroc.map(([mean]) => mean ?? -1);
  const best = means.indexOf(Math.max(...means));
  state.up = best;
  if (state.across === best) {
    const others = means.map((mean, group) => (group === best ? -2 : mean));
    state.across = others.indexOf(Math.max(...others));
  }
  const values = content.values.auroc[best].map((value) => value ?? -1);
  state.tf = values.indexOf(Math.max(...values));
  choices(document.getElementById("curve-of"), Object.entries(CURVES).map(([key, [label]]) => [key, label]), "auroc");
  choices(document.getElementById("metric"), Object.entries(content.metrics), state.metric);
  choices(document.getElementById("tf"), content.tfs.map((name, tf) => [tf, name]), state.tf);
  on("curve-of", "change", drawTraining);
  on("metric", "change", (event) => {
    state.metric = event.target.value;
    drawTable();
    drawScatter();
  });
  on("find", "input", filter);
  on("changed", "change", filter);
  on("tf", "change", (event) => choose(Number(event.target.value)));
  for (const side of ["across", "up"]) {
    const select = document.getElementById(side);
    if (!select) continue;
    choices(select, groups, state[side]);
    on(side, "change", (event) => {
      state[side] = Number(event.target.value);
      drawScatter();
    });
  }
  legend(document.querySelector('[data-legend=""]'));
  drawTable();
  drawAll();
  let width = document.documentElement.clientWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawAll);
  });
  light.addEventListener("change", () => drawTrees());
  window.addEventListener("beforeprint", () => {
    document.documentElement.className = "printed";
    drawAll();
    drawTrees(false);
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.className = "";
    drawAll();
  });
}

start();
