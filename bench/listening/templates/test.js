// A listening test from the welcome to the end: what all methods share. What was done is kept in
// the browser at every step, so that a reload loses nothing.
const test = JSON.parse(find("test").textContent);
const player = new Player(test.seconds);
const timeline = new Timeline(player, find("timeline"));
const STORE = `bench-listening-test/${test.id}`;
const HEARD = Math.min(2, test.seconds); // s of each signal, at least
let steps = []; // [section's id, page of a trial]
let state = null; // what is kept
let ticked = 0;

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

// --- what is kept ------------------------------------------------------------------------------

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(state));
    return true;
  } catch {
    return false; // no storage here, or it is full: `warn` asks before the page is left
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function forget() {
  state = null;
  try { localStorage.removeItem(STORE); } catch { /* nothing is kept here */ }
}

function warn(event) {
  if (state && !state.saved && !keep()) event.preventDefault();
}

// --- the way through -----------------------------------------------------------------------------

function begin(participant) {
  const random = crypto.getRandomValues(new Uint32Array(4));
  const session = [...random].map((word) => word.toString(16).padStart(8, "0")).join("");
  state = { session, participant, started: new Date().toISOString(), step: 0, pages: {}, checks: {}, answers: {} };
  proceed();
}

// Go on from where `state` stands.
function proceed() {
  const pages = method.pages(`${test.id} ${state.participant}`);
  steps = [
    ...(test.checks ? [["level"], ["headphones"]] : []),
    ...pages.map((page) => ["trial", page]),
    ...(find("questions") ? [["questions"]] : []),
    ["end"],
  ];
  show();
}

function show() {
  const [section, page] = steps[state.step];
  player.clear();
  for (const other of document.querySelectorAll("main > section")) other.hidden = other.id !== section;
  ({ level: showLevel, headphones: showCheck, trial: showTrial, questions: showQuestions, end: finish })[section](page);
  keep();
  window.scrollTo(0, 0);
  find(section).querySelector("h1").focus({ preventScroll: true });
}

function next() {
  state.step += 1;
  show();
}

// --- a trial -------------------------------------------------------------------------------------

function pageState(page) {
  return state.pages[page.key] ??= { ratings: {}, heard: {}, seconds: 0 };
}

function showTrial(page) {
  const own = pageState(page);
  const trials = steps.filter(([, other]) => other && !other.training);
  const number = trials.findIndex(([, other]) => other === page) + 1;
  find("title").textContent = page.training ? "Training" : `Trial ${number} of ${trials.length}`;
  find("training-words").hidden = !page.training;
  find("play").disabled = true;
  method.show(page, own);
  for (const button of document.querySelectorAll("#trial button[data-code]")) {
    button.onclick = () => select(button.dataset.code);
    withoutFocus(button);
  }
  for (const [name, seconds] of Object.entries(own.heard)) player.heard.set(name, seconds);
  player.load(method.audio(page)).then(() => { find("play").disabled = false; });
  select(method.first);
  ticked = performance.now();
  check(page);
}

function select(name) {
  player.select(name);
  for (const button of document.querySelectorAll("#trial button[data-code]")) {
    button.setAttribute("aria-pressed", button.dataset.code === name);
  }
}

// Count what was heard, and say what is left to do before it goes on.
function check(page) {
  const own = pageState(page);
  const now = performance.now();
  own.seconds += (now - ticked) / 1000;
  ticked = now;
  for (const [name, seconds] of player.heard) own.heard[name] = Math.round(seconds * 10) / 10;
  const names = Object.entries(method.names(page));
  const unheard = names.filter(([code]) => (player.heard.get(code) ?? 0) < HEARD - 0.05).map(([, name]) => name);
  const left = [...(unheard.length ? [`not yet heard: ${unheard.join(", ")}`] : []), ...method.left(page, own)];
  find("next").disabled = left.length > 0;
  say(find("left"), left.join("; "));
}

// --- volume and headphones -----------------------------------------------------------------------

function musicOf() {
  const page = steps.find(([, other]) => other)[1];
  return method.audio(page)[method.first];
}

function showLevel() {
  player.load({ level: musicOf() }).then(() => { find("level-play").disabled = false; });
  player.select("level");
}

// What the check plays. Noise in one ear tells left from right. The quietest of three tones, one of
// them in opposite phase, is hard to tell over loudspeakers, where that one cancels (Woods et al.
// 2017, Attention, Perception, & Psychophysics 79).
const SOUNDS = { noise: 0.7, tone: 1, pause: 0.5, ramp: 0.1, level: 0.1, softer: 10 ** (-6 / 20) };
const LISTENED = { side: 4, tone: 6, enough: 5 };
let checked = null;

function showCheck() {
  checked = { attempt: (state.checks.attempts ?? 0) + 1, number: 0, right: { side: 0, tone: 0 }, source: null };
  find("check-asked").hidden = false;
  find("check-done").hidden = true;
  ask();
}

function ask() {
  const { number, attempt } = checked;
  checked.kind = number < LISTENED.side ? "side" : "tone";
  const words = `${test.id} ${state.participant} check ${attempt} ${number}`;
  const isSide = checked.kind === "side";
  checked.order = shuffled(isSide ? ["left", "right"] : ["plain", "soft", "opposite"], words);
  checked.answer = isSide ? checked.order[0] : ["first", "second", "third"][checked.order.indexOf("soft")];
  say(find("check-words"), isSide ? "You will hear noise in one ear. Which one?"
    : "You will hear three tones. Which is the softest?");
  say(find("check-left"), `${number + 1} of ${LISTENED.side + LISTENED.tone}`);
  find("check-answers").replaceChildren(...(isSide ? ["left", "right"] : ["first", "second", "third"]).map((name) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "choice", textContent: name, disabled: true });
    button.addEventListener("click", () => answer(name));
    return button;
  }));
}

async function playCheck() {
  const context = player.context ??= new AudioContext({ sampleRate: 44100 });
  await context.resume();
  checked.source?.stop();
  const source = checked.source = new AudioBufferSourceNode(context, { buffer: checkSound(context.sampleRate) });
  source.connect(context.destination);
  source.onended = () => { for (const button of document.querySelectorAll("#check-answers button")) button.disabled = false; };
  source.start();
}

function checkSound(rate) {
  const { noise, tone, pause, level } = SOUNDS;
  const isSide = checked.kind === "side";
  const frames = Math.round(rate * (isSide ? noise : 3 * tone + 2 * pause));
  const buffer = new AudioBuffer({ length: frames, numberOfChannels: 2, sampleRate: rate });
  const put = (channel, first, count, sample) => {
    const samples = buffer.getChannelData(channel);
    const edge = Math.min(Math.round(SOUNDS.ramp * rate), count >> 1);
    for (let n = 0; n < count && first + n < frames; n += 1) {
      const ramp = 0.5 - 0.5 * Math.cos(Math.PI * Math.min(1, n / edge, (count - 1 - n) / edge));
      samples[first + n] = ramp * sample(n);
    }
  };
  if (isSide) {
    let last = 0; // noise without its highest parts, which not everybody hears
    put(checked.answer === "left" ? 0 : 1, 0, frames, () => {
      last += 0.15 * (2 * Math.random() - 1 - last);
      return 4 * level * last;
    });
    return buffer;
  }
  checked.order.forEach((kind, index) => {
    const size = level * (kind === "soft" ? SOUNDS.softer : 1);
    for (const channel of [0, 1]) {
      const sign = kind === "opposite" && channel === 1 ? -1 : 1;
      put(channel, Math.round(index * (tone + pause) * rate), Math.round(tone * rate),
        (n) => sign * size * Math.sin(2 * Math.PI * 200 * n / rate));
    }
  });
  return buffer;
}

function answer(name) {
  checked.right[checked.kind] += name === checked.answer;
  checked.number += 1;
  if (checked.number < LISTENED.side + LISTENED.tone) {
    ask();
    find("check-play").focus();
    return;
  }
  const { side, tone } = checked.right;
  state.checks = {
    attempts: checked.attempt, sides_right: side, sides: LISTENED.side, tones_right: tone, tones: LISTENED.tone,
    passed: side === LISTENED.side && tone >= LISTENED.enough,
  };
  keep();
  const wrong = [
    ...(side < LISTENED.side ? ["left and right were not always distinguished (are the headphones on the right way round?)"] : []),
    ...(tone < LISTENED.enough ? ["you may be using loudspeakers, or one side of the headphones may be silent"] : []),
  ];
  say(find("check-words"), wrong.length
    ? `Something may be wrong: ${wrong.join("; ")}. You can check again, or continue if everything is right.`
    : "Everything is fine.");
  say(find("check-left"), "");
  find("check-asked").hidden = true;
  find("check-done").hidden = false;
  find("check-again").hidden = !wrong.length;
  (wrong.length ? find("check-again") : find("check-next")).focus();
}

// --- questions -----------------------------------------------------------------------------------

function showQuestions() {
  for (const [name, value] of Object.entries(state.answers)) {
    for (const field of find("questionnaire").elements[name] instanceof RadioNodeList
      ? find("questionnaire").elements[name] : [find("questionnaire").elements[name]]) {
      if (field?.matches("[type=radio], [type=checkbox]")) field.checked = [value].flat().includes(field.value);
      else if (field) field.value = value;
    }
  }
}

function answersOf(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") found[field.name] = [...(found[field.name] ?? []), ...(field.checked ? [field.value] : [])];
    else if (field.type === "radio" ? field.checked : field.value !== "") {
      found[field.name] = field.type === "number" ? Number(field.value) : field.value;
    }
  }
  return found;
}

// --- the end ---------------------------------------------------------------------------------------

function result() {
  const { session, participant, started, finished, checks, answers } = state;
  const trials = steps.filter(([, page]) => page && !page.training).map(([, page]) => page);
  const ratings = trials.flatMap((page, index) => method.results(page, pageState(page)).map((row) => ({
    ...row, trial_position: index + 1, seconds: Math.round(pageState(page).seconds * 10) / 10,
  })));
  return {
    format: "bench-ratings", version: 1, test: test.id, method: test.method, session, participant, started, finished,
    ...(test.checks ? { checks } : {}), answers, ratings,
  };
}

function finish() {
  state.finished ??= new Date().toISOString();
  const text = `${JSON.stringify(result(), null, 1)}\n`;
  find("result").value = text;
  const link = find("save");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `ratings-${test.id}-${state.participant}.json`;
  if (test.post) send(text);
}

async function send(text) {
  if (state.saved === "sent") {
    say(find("sent"), "Your ratings were sent.");
    return;
  }
  find("send").hidden = true;
  say(find("sent"), "Your ratings are being sent …");
  let problem = "";
  try {
    const answer = await fetch(test.post, { method: "POST", headers: { "Content-Type": "application/json" }, body: text });
    if (!answer.ok) problem = `the server answered ${answer.status}`;
  } catch {
    problem = "there is no connection, or the server refuses them";
  }
  if (!problem) {
    state.saved = "sent";
    keep();
  }
  say(find("sent"), problem
    ? `Your ratings could not be sent: ${problem}. Send them again, or save them and send the file to the people who invited you.`
    : "Your ratings were sent. You can close this page.");
  find("send").hidden = !problem;
}

// --- wires -----------------------------------------------------------------------------------------

function welcome() {
  const old = kept();
  if (old?.finished) {
    state = old;
    proceed();
    return;
  }
  find("welcome").hidden = false;
  find("resume").hidden = find("start").hidden = true;
  if (old) {
    const done = Object.keys(old.pages).filter((key) => key !== "training").length;
    find("resume-words").textContent = `Participant ${old.participant} has begun the test in this browser`
      + `${done ? ` and reached trial ${done}` : ""}. No answer is lost.`;
    find("resume").hidden = false;
  } else {
    find("start").hidden = false;
  }
}

onKeys((key) => {
  if (find("trial").hidden) return undefined;
  if (key === " " || key === "p") return () => find("play").disabled || player.toggle();
  const loops = { s: () => timeline.start(), t: () => timeline.end(), u: () => timeline.whole() };
  if (loops[key]) return loops[key];
  const name = method.keyOf(key, steps[state.step][1]);
  return name && (() => select(name));
});
window.addEventListener("beforeunload", warn);
window.addEventListener("pagehide", () => { if (state) keep(); });
find("start").addEventListener("submit", (event) => {
  event.preventDefault();
  begin(find("participant").value);
});
find("continue").addEventListener("click", () => { state = kept(); proceed(); });
find("anew").addEventListener("click", () => {
  if (!confirm("All answers so far will be deleted. Start over?")) return;
  forget();
  welcome();
  find("participant").focus();
});
find("play").addEventListener("click", () => player.toggle());
find("next").addEventListener("click", next);
find("level-play")?.addEventListener("click", () => player.toggle());
find("level-next")?.addEventListener("click", next);
find("check-play")?.addEventListener("click", playCheck);
find("check-again")?.addEventListener("click", showCheck);
find("check-next")?.addEventListener("click", next);
find("questionnaire")?.addEventListener("input", () => { state.answers = answersOf(find("questionnaire")); keep(); });
find("questionnaire")?.addEventListener("submit", (event) => {
  event.preventDefault();
  state.answers = answersOf(find("questionnaire"));
  next();
});
find("save").addEventListener("click", () => { state.saved ??= "saved"; keep(); });
find("send")?.addEventListener("click", () => send(find("result").value));
find("another").addEventListener("click", () => {
  if (!state.saved && !confirm("The ratings are neither saved nor sent. Delete them?")) return;
  forget();
  location.reload();
});
try {
  localStorage.setItem(`${STORE}/probe`, "");
  localStorage.removeItem(`${STORE}/probe`);
} catch {
  find("not-kept").hidden = false;
}
welcome();
(function tick() {
  timeline.show();
  if (state && steps[state.step]?.[0] === "trial") check(steps[state.step][1]);
  if (find("level-play")) {
    say(find("level-play"), player.playing ? "Pause" : "Play");
    find("level-next").disabled = (player.heard.get("level") ?? 0) < HEARD;
  }
  requestAnimationFrame(tick);
})();
