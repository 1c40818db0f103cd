// The page of `pmntool browse`: a list of TFs beside igv.js. Names are text, never HTML; igv.js takes a track's name as
// HTML, so it gets `label`, which is escaped.

const byId = (id) => document.getElementById(id);
const make = (tag, more = {}) => Object.assign(document.createElement(tag), more);
const say = (text) => { byId("message").textContent = text; byId("message").hidden = !text; };

const response = await fetch("view.json");
if (!response.ok) say(`view.json: ${response.status}`);
const view = await response.json();
const rows = [];

byId("about").textContent = `${view.tfs.length} TFs predicted by ${view.variant} on ${view.genome}`;
document.title = `pmntool: ${view.genome}`;
listTfs();

const browser = await igv.createBrowser(byId("igv"), {
  reference: view.reference,
  locus: view.locus,
  loadDefaultGenomes: false,
  search: false, // no word typed here is sent anywhere
  showSampleNameButton: false,
  tracks: view.genes ? [genes()] : [],
}).catch((error) => say(`The genome cannot be shown: ${error.message ?? error}`));
if (browser) {
  say("");
  foldBar();
  browser.on("trackremoved", (tracks) => [tracks].flat().forEach(forget));
  for (const row of rows) row.box.disabled = false;
  await Promise.all(rows.filter((row) => row.tf.open).map((row) => { row.box.checked = true; return show(row); }));
  document.body.dataset.ready = "yes";
}

function listTfs() {
  const groups = new Map();
  for (const tf of view.tfs) {
    if (!groups.has(tf.cluster)) groups.set(tf.cluster, []);
    groups.get(tf.cluster).push(tf);
  }
  for (const [cluster, tfs] of groups) {
    const group = make("details", { open: groups.size === 1 || tfs.some((tf) => tf.open) });
    const name = cluster ? `Cluster ${cluster}` : groups.size === 1 ? "All" : "In no cluster";
    group.append(make("summary", { textContent: `${name} (${tfs.length})` }));
    for (const tf of tfs) {
      const box = make("input", { type: "checkbox", disabled: true, autocomplete: "off" });
      const color = make("i");
      color.style.background = tf.color;
      const label = make("label", { title: tf.tf });
      label.append(box, color, make("span", { textContent: tf.tf }));
      group.append(label);
      const row = { tf, box, label, group, order: 10 + 2 * rows.length, tracks: [], wanted: false };
      box.addEventListener("change", () => show(row));
      rows.push(row);
    }
    byId("tfs").append(group);
  }
  byId("search").addEventListener("input", find);
  byId("close").addEventListener("click", closeAll);
  find();
}

// igv.js's bar has one line, however narrow the screen, and a root of its own, which page.css does not reach.
function foldBar() {
  const parts = ["", "-left-container", "-genomic-location", "-right-container"].map((part) => `.igv-navbar${part}`);
  const folded = `${parts} { flex-wrap: wrap !important; height: auto !important; }`;
  byId("igv").shadowRoot.append(make("style", { textContent: `@media (max-width: 1000px) { ${folded} }` }));
}

function find() {
  const word = byId("search").value.trim().toLowerCase();
  for (const row of rows) row.label.hidden = !row.tf.tf.toLowerCase().includes(word);
  for (const group of byId("tfs").children) {
    const found = rows.some((row) => row.group === group && !row.label.hidden);
    group.hidden = !found;
    if (word && found) group.open = true;
  }
  count();
}

function count() {
  const found = rows.filter((row) => !row.label.hidden).length;
  const open = rows.filter((row) => row.box.checked).length;
  byId("count").textContent = `${byId("search").value.trim() ? `${found} found, ` : ""}${open} open`;
}

// Make what is drawn what the box says. A box that is clicked while its tracks load is looked at again when they are there.
async function show(row) {
  count();
  if (row.busy) return;
  row.busy = true;
  try {
    if (row.box.checked && !row.tracks.length) row.tracks = await browser.loadTrackList(tracksOf(row));
    else if (!row.box.checked) for (const track of row.tracks.splice(0)) browser.removeTrack(track);
  } catch (error) {
    row.box.checked = false;
    say(`${row.tf.tf}: the track cannot be shown: ${error.message ?? error}`);
  }
  row.busy = false;
  if (row.box.checked !== row.tracks.length > 0) await show(row);
  count();
}

// A track that was closed in igv.js itself.
function forget(track) {
  const row = rows.find((some) => some.tracks.includes(track));
  if (!row) return;
  row.tracks = row.tracks.filter((other) => other !== track);
  if (!row.tracks.length) row.box.checked = false;
  count();
}

function closeAll() {
  for (const row of rows.filter((some) => some.box.checked)) {
    row.box.checked = false;
    show(row);
  }
}

function tracksOf({ tf, order }) {
  const color = tf.color;
  const tracks = [{
    type: "wig", format: view.format, url: tf.track, name: tf.label, color, order, height: 50, min: 0, autoscale: true,
    windowFunction: "max",
  }];
  if (tf.peaks) {
    tracks.push({
      type: "annotation", format: "bed", url: tf.peaks, name: `${tf.label} peaks`, color, order: order + 1, height: 32,
      displayMode: "COLLAPSED", searchable: false,
    });
  }
  return tracks;
}

function genes() {
  return {
    type: "annotation", format: "bed", url: view.genes, name: "Genes", color: "#333333", order: 1, height: 70,
    displayMode: "EXPANDED", searchable: true,
  };
}
