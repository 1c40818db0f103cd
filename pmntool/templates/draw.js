// What every figure is drawn with: elements, axes, colors, the label beside the pointer.

const content = JSON.parse(document.getElementById("content").textContent);
const state = { metric: "auroc", tf: 0, across: content.baseline, up: 0 };
const HUES = 7; // as many as page.css has
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

/** Make an element; text is never read as markup. */
function make(space, tag, attributes, children) {
  const made = space ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "text") made.textContent = value;
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
const html = (tag, attributes, ...children) => make(false, tag, attributes, children);
const svg = (tag, attributes, ...children) => make(true, tag, attributes, children);

const box = (name) => document.querySelector(`[data-figure=${name}]`);
const color = (group) => `var(--c${group % HUES})`;
const dash = (group) => DASHES[(group + Math.floor(group / HUES)) % DASHES.length];
const number = (value, digits = 4) => (value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−"));
const signed = (value) => (value > 0 ? "+" : "") + number(value);
const percent = (value) => `${Math.round(100 * value)} %`;

/** Place values of a domain on a range of pixels. */
function scale([low, high], [from, to]) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Choose round numbers within a domain. */
function ticks([low, high], count = 5) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
}

/** Return the least and the greatest of values, null left out, with a margin. */
function extent(values, margin = 0.04) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return [0, 1];
  const low = known.reduce((a, b) => Math.min(a, b));
  const high = known.reduce((a, b) => Math.max(a, b));
  const more = (high - low || Math.abs(high) || 1) * margin;
  return [low - more, high + more];
}

/**
 * Start a figure in a box: axes where domains are given, and functions x and y from values to pixels.
 * A label of an axis is a word, or an array of values with their words where the axis counts.
 */
function frame(place, about, { height, x, y, xLabel, yLabel, left = 52, right = 14, top = 8, bottom = 42, xCount = 5, whole }) {
  const width = Math.max(place.clientWidth, 260);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": about });
  const made = { root, width, height, left, right: width - right, top, bottom: height - bottom };
  if (x) {
    made.x = scale(x, [left, width - right]);
    for (const tick of ticks(x, Math.min(xCount, width / 70)).filter((tick) => !whole || Number.isInteger(tick))) {
      root.append(
        svg("line", { class: "grid", x1: made.x(tick), x2: made.x(tick), y1: top, y2: made.bottom }),
        svg("text", { x: made.x(tick), y: made.bottom + 16, "text-anchor": "middle", text: tick }),
      );
    }
    root.append(svg("text", { x: (left + width - right) / 2, y: made.bottom + 34, "text-anchor": "middle", text: xLabel }));
  }
  if (y) {
    made.y = scale(y, [height - bottom, top]);
    for (const tick of ticks(y, Math.max(2, (height - top - bottom) / 45))) {
      root.append(
        svg("line", { class: "grid", x1: left, x2: width - right, y1: made.y(tick), y2: made.y(tick) }),
        svg("text", { x: left - 7, y: made.y(tick) + 4, "text-anchor": "end", text: tick }),
      );
    }
    const middle = (top + height - bottom) / 2;
    root.append(svg("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, text: yLabel }));
  }
  place.replaceChildren(root);
  return made;
}

const line = (points, attributes) =>
  svg("path", { d: points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""), ...attributes });

const tip = document.getElementById("tip");

/** Show a text beside the pointer. */
function point(event, text) {
  tip.hidden = false;
  tip.textContent = text;
  const right = window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(event.pageX + 14, right))}px`;
  tip.style.top = `${event.pageY + 18}px`;
}
const unpoint = () => (tip.hidden = true);

/** Return where a pointer is in a figure's own pixels. */
function within(event, { root, width }) {
  const place = root.getBoundingClientRect();
  const times = width / place.width;
  return [(event.clientX - place.left) * times, (event.clientY - place.top) * times];
}

/** Say what the point nearest to the pointer is, and choose its TF on a click; points are {x, y, text, tf}. */
function hover(made, points, reach = 24) {
  const ring = svg("circle", { class: "ring", r: 6, visibility: "hidden" });
  made.root.append(ring);
  const nearest = (event) => {
    const [x, y] = within(event, made);
    let best = null;
    let least = reach;
    for (const one of points) {
      const far = Math.hypot(one.x - x, one.y === undefined ? 0 : one.y - y);
      if (far < least) [best, least] = [one, far];
    }
    return best;
  };
  const leave = () => {
    ring.setAttribute("visibility", "hidden");
    made.root.classList.remove("pick");
    unpoint();
  };
  made.root.addEventListener("pointermove", (event) => {
    const one = nearest(event);
    if (!one) return leave();
    ring.setAttribute("visibility", one.y === undefined ? "hidden" : "visible");
    ring.setAttribute("cx", one.x);
    ring.setAttribute("cy", one.y ?? 0);
    made.root.classList.toggle("pick", one.tf !== undefined);
    point(event, one.text);
  });
  made.root.addEventListener("pointerleave", leave);
  made.root.addEventListener("click", (event) => {
    const one = nearest(event);
    if (one && one.tf !== undefined) choose(one.tf);
  });
}

/** Fill a legend: a sample of its line and its name for each group, and what `more` says of it. */
function legend(place, more = () => "") {
  place.replaceChildren(
    ...content.groups.map((name, group) =>
      html(
        "span",
        {},
        svg("svg", { width: 30, height: 10, "aria-hidden": "true" }, svg("path", { class: "curve", d: "M0 5H30", stroke: color(group), "stroke-dasharray": dash(group) })),
        html("span", { text: `${name}${more(group)}` }),
      ),
    ),
  );
}

/** Fill a list of choices; `choices` are pairs of value and name. */
function choices(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, name]) => html("option", { value, text: name })));
  select.value = chosen;
}
