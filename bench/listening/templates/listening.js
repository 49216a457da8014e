const pair = JSON.parse(find("pair").textContent);
const player = new Player(pair.seconds);
const timeline = new Timeline(player, find("stage"));
const rows = [...document.querySelectorAll("tr[data-signal]")];
const names = rows.map((row) => row.dataset.signal);
let way = pair.ways[0];

function select(name) {
  const focused = document.activeElement?.classList.contains("signal");
  player.select(name);
  for (const row of rows) {
    const own = row.dataset.signal === name;
    row.classList.toggle("current", own);
    row.querySelector("button").setAttribute("aria-pressed", own);
    if (own && focused) row.querySelector("button").focus();
  }
  const signal = way.signals[name];
  find("picture").src = `data:image/jpeg;base64,${signal.picture}`;
  find("picture").alt = `Spectrogram of ${signal.label}`;
}

async function choose(name) {
  way = pair.ways.find((other) => other.name === name);
  find(`way-${name}`).checked = true;
  for (const row of rows) row.querySelector(".change").textContent = way.signals[row.dataset.signal].change;
  for (const text of document.querySelectorAll("[data-way]")) text.hidden = text.dataset.way !== name;
  select(player.current);
  await player.load(Object.fromEntries(names.map((one) => [one, way.signals[one].audio])));
}

function loop(on) { find("loop").checked = on; player.setLoop(on); }

function step(by) {
  select(names[(names.indexOf(player.current) + names.length + by) % names.length]);
}

const keys = {
  " ": () => player.toggle(),
  p: () => player.toggle(),
  l: () => loop(!player.loop),
  s: () => timeline.start(),
  t: () => timeline.end(),
  u: () => timeline.whole(),
  w: () => choose(pair.ways[(pair.ways.indexOf(way) + 1) % pair.ways.length].name),
  ArrowLeft: () => player.seek(player.position - 1),
  ArrowRight: () => player.seek(player.position + 1),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  Home: () => player.seek(0),
};

onKeys((key) => {
  const number = Number(key);
  return number >= 1 && number <= names.length ? () => select(names[number - 1]) : keys[key];
});
for (const row of rows) {
  row.addEventListener("click", () => select(row.dataset.signal));
  withoutFocus(row.querySelector("button"));
}
for (const other of pair.ways) find(`way-${other.name}`).addEventListener("change", () => choose(other.name));
find("play").addEventListener("click", () => player.toggle());
find("loop").addEventListener("change", (event) => loop(event.target.checked));
player.current = names[0];
choose(way.name).then(() => { find("play").disabled = false; });
find("player").hidden = false;
(function tick() { timeline.show(); requestAnimationFrame(tick); })();
