// The table of all TFs: sorted by a heading, filtered by name and by change.

const sorting = { column: 1, down: true };

/** Return the columns: a heading, and the value that a TF has there. */
function columns() {
  const values = content.values[state.metric];
  return [
    ["TF", (tf) => content.tfs[tf]],
    [`bound ${content.split} windows`, (tf) => content.positives[tf]],
    ...content.groups.map((name, group) => [name, (tf) => values[group][tf]]),
  ];
}

/** Order TFs by a column; those without a value come last, whichever way. */
function sorted(value) {
  const sign = sorting.down ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
  };
  return content.tfs.map((_, tf) => tf).sort(compare);
}

function headings() {
  const cells = columns().map(([name], column) => {
    const button = html("button", { type: "button", text: name });
    button.addEventListener("click", () => {
      sorting.down = sorting.column === column ? !sorting.down : column > 0;
      sorting.column = column;
      drawTable();
      document.querySelectorAll("#tf-table thead button")[column].focus();
    });
    const order = sorting.column === column ? (sorting.down ? "descending" : "ascending") : "none";
    return html("th", { scope: "col", class: column ? "n" : null, "aria-sort": order }, button);
  });
  return html("thead", {}, html("tr", {}, ...cells));
}

function row(tf, changes, [low, high]) {
  const values = content.groups.map((_, group) => content.values[state.metric][group][tf]);
  const top = values.reduce((best, value) => (value !== null && value > best ? value : best), -1);
  const button = html("button", { type: "button", text: content.tfs[tf] });
  button.addEventListener("click", () => choose(tf));
  const cells = values.map((value, group) => {
    const change = changes[group] ? changes[group].change[tf] : 0;
    const cell = html("td", { text: number(value) });
    cell.classList.toggle("top", value === top && values.length > 1);
    if (change) cell.classList.add(change > 0 ? "gained" : "lost");
    if (value !== null) cell.style.setProperty("--share", (0.32 * (value - low)) / (high - low || 1));
    return cell;
  });
  return html("tr", { "data-tf": tf }, html("th", { scope: "row" }, button), html("td", { text: content.positives[tf].toLocaleString("en") }), ...cells);
}

/** Return what the draws say of each model against the baseline. */
function changesToBaseline() {
  return content.groups.map((_, group) => (group === content.baseline ? null : compared(group, content.baseline, state.metric)));
}

function drawTable() {
  const body = html("tbody", {});
  const changes = changesToBaseline();
  const range = extent(content.values[state.metric].flat(), 0);
  const [, value] = columns()[sorting.column];
  for (const tf of sorted(value)) body.append(row(tf, changes, range));
  const caption = html("caption", { text: `${content.metrics[state.metric]} of each TF on ${content.split} windows` });
  document.getElementById("tf-table").replaceChildren(caption, headings(), body);
  markChosen();
  filter();
}

function filter() {
  const changes = changesToBaseline();
  const wanted = document.getElementById("find").value.trim().toLowerCase();
  const sign = Number(document.getElementById("changed")?.value ?? 0);
  let shown = 0;
  for (const one of document.querySelectorAll("#tf-table tbody tr")) {
    const tf = Number(one.dataset.tf);
    const named = content.tfs[tf].toLowerCase().includes(wanted);
    const changed = !sign || changes.some((found) => found && found.change[tf] === sign);
    one.hidden = !(named && changed);
    shown += named && changed;
  }
  document.getElementById("shown").textContent = `${shown} of ${content.tfs.length} TFs`;
}

function markChosen() {
  for (const one of document.querySelectorAll("#tf-table tbody tr")) {
    one.classList.toggle("chosen", Number(one.dataset.tf) === state.tf);
  }
}
