const test = JSON.parse(document.getElementById("test").textContent);
const find = (id) => document.getElementById(id);
const player = new Player(test.seconds);
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const session = { participant: "", started: "", ratings: [] };
let pages = []; // training first, then the trials in this participant's order
let page = -1;
let sliders = [];
let begun = 0;

// A shuffle that is the same for the same words: FNV-1a for the seed, then mulberry32.
function shuffled(items, words) {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(words)) seed = Math.imul(seed ^ byte, 0x01000193);
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const found = [...items];
  for (let last = found.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [found[last], found[other]] = [found[other], found[last]];
  }
  return found;
}

function begin() {
  session.participant = find("participant").value;
  session.started = new Date().toISOString();
  const seed = `${test.id} ${session.participant}`;
  const trials = shuffled(test.trials, seed).map((trial) => ({
    trial, training: false, signals: shuffled(trial.signals, `${seed} ${trial.code}`),
  }));
  // The training has the signals of the last trial: the first rated one is then new.
  const last = trials.at(-1);
  pages = [{ trial: last.trial, training: true, signals: shuffled(last.trial.signals, `${seed} training`) }, ...trials];
  find("welcome").hidden = true;
  find("trial").hidden = false;
  show(0);
}

function show(number) {
  page = number;
  const { trial, training, signals } = pages[page];
  const trials = pages.length - 1;
  find("title").textContent = training ? "Training" : `Trial ${page} of ${trials}`;
  find("training-words").hidden = !training;
  find("rows").replaceChildren(...signals.map(rowOf));
  sliders = [...document.querySelectorAll("#rows input")];
  player.halt();
  player.offset = 0;
  find("play").disabled = true;
  const audio = Object.fromEntries(signals.map((signal) => [signal.code, signal.audio]));
  player.load({ reference: trial.reference, ...audio }).then(() => { find("play").disabled = false; });
  select("reference");
  check();
  begun = performance.now();
  window.scrollTo(0, 0);
}

function rowOf(signal, index) {
  const row = document.importNode(find("row").content, true).firstElementChild;
  const [button, slider, output] = ["button", "input", "output"].map((tag) => row.querySelector(tag));
  row.dataset.code = signal.code;
  button.textContent = letters[index];
  button.addEventListener("click", () => select(signal.code));
  slider.setAttribute("aria-label", `Rating of ${letters[index]}`);
  const rate = () => {
    slider.dataset.rated = "yes";
    output.textContent = slider.value;
    check();
  };
  slider.addEventListener("input", rate);
  slider.addEventListener("click", rate); // a click where the slider stands already is a rating, too
  return row;
}

function select(code) {
  player.select(code);
  for (const button of document.querySelectorAll("[data-code] button, #reference")) {
    const own = (button.closest("[data-code]")?.dataset.code ?? "reference") === code;
    button.setAttribute("aria-pressed", own);
  }
}

function check() {
  const left = sliders.filter((slider) => slider.dataset.rated !== "yes").length;
  find("next").disabled = left > 0 && !pages[page].training;
  find("left").textContent = left && !pages[page].training ? `${left} to be rated` : "";
}

function next() {
  const { trial, training, signals } = pages[page];
  if (!training) {
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    session.ratings.push(...signals.map((signal, index) => ({
      trial: trial.code, signal: signal.code, rating: Number(sliders[index].value),
      trial_position: page, signal_position: index + 1, seconds,
    })));
  }
  if (page + 1 < pages.length) show(page + 1);
  else finish();
}

function finish() {
  player.halt();
  find("trial").hidden = true;
  find("end").hidden = false;
  const result = {
    format: "bench-ratings", version: 1, test: test.id, ...session, finished: new Date().toISOString(),
  };
  const text = `${JSON.stringify(result, null, 1)}\n`;
  find("result").value = text;
  const link = find("save");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `ratings-${test.id}-${session.participant}.json`;
  window.removeEventListener("beforeunload", warn);
}

function warn(event) { event.preventDefault(); }

async function toggle() {
  if (player.playing) player.pause();
  else await player.play();
}

document.addEventListener("keydown", (event) => {
  if (find("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const index = letters.toLowerCase().indexOf(key);
  if (key === " ") toggle();
  else if (key === "0") select("reference");
  else if (key.length === 1 && index >= 0 && index < sliders.length) select(pages[page].signals[index].code);
  else return;
  event.preventDefault();
});
find("start").addEventListener("submit", (event) => {
  event.preventDefault();
  window.addEventListener("beforeunload", warn);
  begin();
});
find("play").addEventListener("click", toggle);
find("reference").addEventListener("click", () => select("reference"));
find("next").addEventListener("click", next);
player.current = "reference";
find("welcome").hidden = false;
(function tick() {
  find("play").textContent = player.playing ? "Pause" : "Play";
  find("time").textContent = `${clock(player.position)} of ${clock(test.seconds)}`;
  find("progress").value = player.position / test.seconds;
  requestAnimationFrame(tick);
})();
