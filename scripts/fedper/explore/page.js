// The form chooses lines, the charts draw them. Rows, charts and their libraries are in the page.
"use strict";
const contents = JSON.parse(document.getElementById("contents").textContent);
const ALL = "all";
const select = (name) => document.querySelector(`select[name="${name}"]`);
const unique = (values) => [...new Set(values)];

// Offer other options; what was chosen stays, if it is among them. Tell whether it did.
function fill(name, options) {
  const before = select(name).value;
  const stays = options.some(([value]) => value === before);
  select(name).replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (stays) select(name).value = before;
  return stays;
}

// Tests have different names in different readings, so the reference of each is a choice of its own.
const has = (line, key, value) =>
  value === ALL || (key === "test" && value === contents.reference ? line.reference : line[key] === value);

// What can be chosen is what the data set has.
function fillChoices() {
  for (const key of contents.choices) {
    const here = contents.lines.filter((line) => key === "dataset" || line.dataset === select("dataset").value);
    const values = unique(here.map((line) => line[key]));
    values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = values.map((value) => [value, value]);
    if (key === "test") options.unshift([contents.reference, contents.reference]);
    if (key !== "dataset") options.unshift([ALL, ALL]);
    if (fill(key, options)) continue;
    if (["universe", "test"].includes(key)) select(key).value = contents.reference;
    if (["model", "k"].includes(key)) select(key).value = values[0] ?? ALL;
  }
}

function chosenLines() {
  const ofMean = select("seeds").value === "mean";
  return contents.lines.filter(
    (line) =>
      (line.seed === contents.mean) === ofMean &&
      contents.choices.every((key) => has(line, key, select(key).value)));
}

const name = (line) =>
  [line.line, line.model, line.k, line.universe, line.test, line.seed].join(" · ");

function point(line, i) {
  const { rounds, accuracy, low, high, clients, floors, ...rest } = line;
  const id = contents.lines.indexOf(line);
  const band = low && low[i] !== null ? { low: low[i], high: high[i] } : {};
  return {
    ...rest, id, shown: line[select("colour").value], run: line.run || "mean over seeds",
    round: rounds[i], accuracy: accuracy[i], ...band,
  };
}

async function show(view, data, rows) {
  await view.data(data, rows).resize().runAsync();
}

async function start() {
  const views = {};
  for (const [id, chart] of Object.entries(contents.charts)) {
    const actions = { export: true, source: false, compiled: false, editor: false };
    const logLevel = 1; // errors only: until rows are there, Vega warns of empty scales
    views[id] = (await vegaEmbed(`#${id}`, chart, { actions, renderer: "svg", logLevel })).view;
  }

  async function showClients() {
    const line = contents.lines[select("chosen").value];
    const runs = line
      ? contents.lines.filter((one) => one.run && (line.run ? one === line : one.group === line.group))
      : [];
    const rows = runs.flatMap((run) =>
      run.clients.map((accuracy, client) => ({
        ...point(run, 0), client, accuracy, floor: run.floors[client],
      })));
    await show(views.clients, "clients", rows);
  }

  async function showLines() {
    const lines = chosenLines();
    const ends = lines.map((line) => point(line, line.rounds.length - 1));
    ends.sort((a, b) => b.accuracy - a.accuracy).forEach((end, order) => { end.order = order; });
    document.getElementById("message").textContent =
      lines.length ? "" : "No run like this is there. Choose “all” somewhere.";
    fill("chosen", lines.map((line) => [String(contents.lines.indexOf(line)), name(line)]));
    await show(views.curves, "points", lines.flatMap((line) => line.rounds.map((_, i) => point(line, i))));
    await show(views.ends, "ends", ends);
    await showClients();
  }

  async function choose(event, item) {
    if (item?.datum?.id === undefined) return;
    select("chosen").value = String(item.datum.id);
    await showClients();
  }
  views.curves.addEventListener("click", choose);
  views.ends.addEventListener("click", choose);

  fillChoices();
  for (const key of [...contents.choices, "seeds", "colour"]) {
    select(key).addEventListener("change", () => {
      if (key === "dataset") fillChoices();
      showLines();
    });
  }
  select("chosen").addEventListener("change", showClients);
  await showLines();

  if (views.readings) {
    const key = (row) => `${row.claim}: ${row.effect}`;
    fill("effect", unique(contents.readings.map(key)).map((text) => [text, text]));
    const showReadings = () => {
      const rows = contents.readings.filter((row) => key(row) === select("effect").value);
      rows.sort((a, b) => b.mean - a.mean);
      return show(views.readings, "readings", rows.map((row, order) => ({ ...row, name: row.reading, order })));
    };
    select("effect").addEventListener("change", showReadings);
    await showReadings();
  }
  document.body.dataset.ready = "yes";
}

start();
