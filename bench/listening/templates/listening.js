const pair = JSON.parse(document.getElementById("pair").textContent);
const player = new Player(pair.seconds);
const find = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("tr[data-signal]")];
const names = rows.map((row) => row.dataset.signal);
let way = pair.ways[0];

function select(name) {
  player.select(name);
  for (const row of rows) {
    const own = row.dataset.signal === name;
    row.classList.toggle("current", own);
    row.querySelector("button").setAttribute("aria-pressed", own);
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

async function toggle() {
  if (player.playing) player.pause();
  else await player.play();
  show();
}

function show() {
  find("play").textContent = player.playing ? "Pause" : "Play";
  find("play").setAttribute("aria-pressed", player.playing);
  find("time").textContent = `${clock(player.position)} of ${clock(pair.seconds)}`;
  find("head").style.left = `${100 * player.position / pair.seconds}%`;
}

function loop(on) { find("loop").checked = on; player.setLoop(on); }

const keys = {
  " ": toggle,
  l: () => loop(!player.loop),
  w: () => choose(pair.ways[(pair.ways.indexOf(way) + 1) % pair.ways.length].name),
  ArrowLeft: () => player.seek(player.position - 1),
  ArrowRight: () => player.seek(player.position + 1),
  ArrowUp: () => select(names[(names.indexOf(player.current) + names.length - 1) % names.length]),
  ArrowDown: () => select(names[(names.indexOf(player.current) + 1) % names.length]),
  Home: () => player.seek(0),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  const action = number >= 1 && number <= names.length ? () => select(names[number - 1]) : keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
  show();
});
for (const row of rows) row.addEventListener("click", () => select(row.dataset.signal));
for (const other of pair.ways) find(`way-${other.name}`).addEventListener("change", () => choose(other.name));
find("play").addEventListener("click", toggle);
find("loop").addEventListener("change", (event) => loop(event.target.checked));
find("stage").addEventListener("click", (event) => {
  const box = find("stage").getBoundingClientRect();
  player.seek(pair.seconds * (event.clientX - box.left) / box.width);
  show();
});
player.onstop = show;
player.current = names[0];
choose(way.name).then(() => { find("play").disabled = false; });
find("player").hidden = false;
(function tick() { show(); requestAnimationFrame(tick); })();
