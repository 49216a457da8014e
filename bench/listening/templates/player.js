"use strict";
// Plays one of several signals of equal length. All of them run at once, locked to one clock, and
// only gains change: a switch keeps the position and leaves no gap.
const FADE = 0.01; // s; at switches, at the edges of a loop, where playing begins and where it ends
const SHORTEST = 0.5; // s; a shorter loop would be a rhythm of its own

class Player {
  constructor(seconds) {
    this.seconds = seconds;
    this.loop = true;
    this.region = { from: 0, to: seconds }; // what is played, s
    this.current = null;
    this.context = null;
    this.decoded = new Map(); // base64 text -> AudioBuffer
    this.tracks = new Map(); // name -> {source, gain}
    this.buffers = new Map(); // name -> AudioBuffer of the signals that can be switched between
    this.heard = new Map(); // name -> seconds for which it was heard
    this.offset = 0; // position when nothing plays, else at `started`
    this.started = null; // the context's time
    this.counted = 0; // the context's time up to which `heard` is counted
    this.queue = Promise.resolve();
  }

  get playing() { return this.started !== null; }

  get position() {
    if (!this.playing) return this.offset;
    const at = this.offset + Math.max(0, this.context.currentTime - this.started);
    const { from, to } = this.region;
    return this.loop ? from + (at - from) % (to - from) : Math.min(at, to);
  }

  // The gain of every signal now: one at 1, the others at 0.
  get gains() { return Object.fromEntries([...this.tracks].map(([name, t]) => [name, t.gain.gain.value])); }

  get isWhole() { return this.region.from === 0 && this.region.to === this.seconds; }

  // Have other signals, {name: base64 of a FLAC file}; what plays goes on at the same position.
  load(signals) {
    this.queue = this.queue.then(() => this.decodeAll(signals));
    return this.queue;
  }

  // Have no signals any more, at the beginning of an excerpt of which nothing was heard.
  clear() {
    this.halt();
    for (const map of [this.decoded, this.buffers, this.heard]) map.clear();
    this.region = { from: 0, to: this.seconds };
    this.offset = 0;
  }

  async decodeAll(signals) {
    this.context ??= new AudioContext({ sampleRate: 44100 });
    const pairs = Object.entries(signals).map(async ([name, text]) => {
      if (!this.decoded.has(text)) {
        const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        this.decoded.set(text, await this.context.decodeAudioData(bytes.buffer));
      }
      return [name, this.decoded.get(text)];
    });
    const buffers = new Map(await Promise.all(pairs));
    const [wasPlaying, at] = [this.playing, this.position];
    this.halt();
    this.buffers = buffers;
    this.offset = at;
    if (wasPlaying) this.begin();
  }

  async play() {
    await this.queue;
    await this.context.resume();
    if (!this.playing) this.begin();
  }

  // The part of a signal that is played, its edges faded: a loop has no click where it begins anew.
  faded(buffer) {
    const rate = buffer.sampleRate;
    const first = Math.round(this.region.from * rate);
    const frames = Math.min(Math.round(this.region.to * rate), buffer.length) - first;
    const part = new AudioBuffer({ length: frames, numberOfChannels: buffer.numberOfChannels, sampleRate: rate });
    const edge = Math.min(Math.round(FADE * rate), frames >> 1);
    for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
      const samples = buffer.getChannelData(channel).slice(first, first + frames);
      for (let n = 0; n < edge; n += 1) {
        const weight = 0.5 - 0.5 * Math.cos(Math.PI * (n + 0.5) / edge);
        samples[n] *= weight;
        samples[frames - 1 - n] *= weight;
      }
      part.copyToChannel(samples, channel);
    }
    return part;
  }

  begin() {
    const { from, to } = this.region;
    if (this.offset < from || this.offset >= to) this.offset = from;
    this.started = this.context.currentTime + 0.02; // time to start them all at one instant
    this.counted = this.started;
    this.master = new GainNode(this.context, { gain: 0 });
    this.master.gain.setValueAtTime(0, this.started);
    this.master.gain.linearRampToValueAtTime(1, this.started + FADE);
    this.master.connect(this.context.destination);
    for (const [name, buffer] of this.buffers) {
      const source = new AudioBufferSourceNode(this.context, { buffer: this.faded(buffer), loop: this.loop });
      const gain = new GainNode(this.context, { gain: name === this.current ? 1 : 0 });
      source.connect(gain).connect(this.master);
      source.start(this.started, this.offset - from);
      this.tracks.set(name, { source, gain });
    }
    const [first] = this.tracks.values();
    first.source.onended = () => {
      if (this.loop) return;
      this.halt();
      this.offset = this.region.from;
    };
  }

  halt() {
    if (!this.playing) return;
    this.count();
    const end = this.context.currentTime + FADE;
    this.master.gain.cancelScheduledValues(0);
    this.master.gain.setValueAtTime(this.master.gain.value, this.context.currentTime);
    this.master.gain.linearRampToValueAtTime(0, end);
    for (const { source } of this.tracks.values()) { source.onended = null; source.stop(end); }
    this.tracks.clear();
    this.started = null;
  }

  // Add what was heard since the last count. Time is the context's: it stands where nothing sounds.
  count() {
    if (!this.playing) return;
    const now = Math.max(this.counted, this.context.currentTime);
    this.heard.set(this.current, (this.heard.get(this.current) ?? 0) + now - this.counted);
    this.counted = now;
  }

  pause() {
    const at = this.position;
    this.halt();
    this.offset = at;
  }

  async toggle() {
    if (this.playing) this.pause();
    else await this.play();
  }

  // Go to a position; one outside what is played makes the whole be played.
  seek(position) {
    const wasPlaying = this.playing;
    this.halt();
    this.offset = Math.min(Math.max(0, position), this.seconds);
    if (this.offset < this.region.from || this.offset > this.region.to) this.region = { from: 0, to: this.seconds };
    if (wasPlaying) this.begin();
  }

  // Play a part alone, s; what is shorter than SHORTEST grows to it.
  setRegion(from, to) {
    const [wasPlaying, at] = [this.playing, this.position];
    const shortest = Math.min(SHORTEST, this.seconds);
    const start = Math.min(Math.max(0, Math.min(from, to)), this.seconds - shortest);
    this.halt();
    this.region = { from: start, to: Math.min(this.seconds, Math.max(from, to, start + shortest)) };
    this.offset = at >= this.region.from && at < this.region.to ? at : this.region.from;
    if (wasPlaying) this.begin();
  }

  select(name) {
    this.count();
    this.current = name;
    const now = this.context ? this.context.currentTime : 0;
    for (const [other, { gain }] of this.tracks) {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setValueAtTime(gain.gain.value, now);
      gain.gain.linearRampToValueAtTime(other === name ? 1 : 0, now + FADE);
    }
  }

  setLoop(on) {
    const at = this.position;
    this.loop = on;
    if (this.playing) this.seek(at);
  }
}

const find = (id) => document.getElementById(id);

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
}

// Shows where a player is, and which part it plays. A click goes there, a drag chooses a part, as
// do the buttons #loop-start, #loop-end and #loop-whole.
class Timeline {
  constructor(player, element) {
    this.player = player;
    this.element = element;
    [this.part, this.head] = [element.querySelector(".part"), element.querySelector(".head")];
    const at = (event) => {
      const box = element.getBoundingClientRect();
      return player.seconds * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    let [began, x] = [null, 0];
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault(); // no text is selected, no picture dragged
      element.setPointerCapture(event.pointerId);
      [began, x] = [at(event), event.clientX];
    });
    element.addEventListener("pointerup", (event) => {
      if (began === null) return;
      if (Math.abs(event.clientX - x) < 5) player.seek(began);
      else player.setRegion(began, at(event));
      began = null;
      this.show();
    });
    element.addEventListener("pointermove", (event) => {
      if (began !== null && Math.abs(event.clientX - x) >= 5) this.mark(...[began, at(event)].sort((a, b) => a - b));
    });
    element.addEventListener("pointercancel", () => { began = null; });
    this.dragging = () => began !== null;
    find("loop-start").addEventListener("click", () => this.start());
    find("loop-end").addEventListener("click", () => this.end());
    find("loop-whole").addEventListener("click", () => this.whole());
  }

  start() {
    const { position, region, seconds } = this.player;
    this.player.setRegion(position, position < region.to ? region.to : seconds);
    this.show();
  }

  end() {
    const { position, region } = this.player;
    this.player.setRegion(position > region.from ? region.from : 0, position);
    this.show();
  }

  whole() {
    this.player.setRegion(0, this.player.seconds);
    this.show();
  }

  mark(from, to) {
    this.part.style.left = `${100 * from / this.player.seconds}%`;
    this.part.style.width = `${100 * (to - from) / this.player.seconds}%`;
    this.part.hidden = from === 0 && to === this.player.seconds;
  }

  show() {
    const { player } = this;
    player.count();
    this.head.style.left = `${100 * player.position / player.seconds}%`;
    if (!this.dragging()) this.mark(player.region.from, player.region.to);
    find("loop-whole").disabled = player.isWhole;
    say(find("play"), player.playing ? "Pause" : "Play");
    const { from, to } = player.region;
    const part = player.isWhole ? "" : `, part ${clock(from)} to ${clock(to)}`;
    say(find("time"), `${clock(player.position)} of ${clock(player.seconds)}${part}`);
  }
}

// Change a text only where it is another: what is read or pressed is not replaced meanwhile.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const MOVES = [...ARROWS, "Home", "End", "PageUp", "PageDown"];

// Whether a key belongs to what has the focus, by the platform's rules: then it is no shortcut.
function belongs(key, element) {
  if (!element || element === document.body) return false;
  if (element.matches("textarea, select")) return true;
  if (element.matches("input[type=range]")) return MOVES.includes(key);
  if (element.matches("input[type=radio]")) return key === " " || ARROWS.includes(key);
  if (element.matches("input[type=checkbox]")) return key === " ";
  if (element.matches("input")) return true;
  if (element.matches("button, summary")) return key === " " || key === "Enter";
  if (element.matches("a[href]")) return key === "Enter";
  const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
  return element.tabIndex === 0 && scrolls && (key === " " || MOVES.includes(key));
}

// Shortcuts, {key: action}, or a function that returns the action of a key.
function onKeys(actionOf) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (belongs(key, document.activeElement)) return;
    const action = actionOf(key);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// A button that a mouse presses without taking the focus from a slider, as buttons of a tool bar do.
function withoutFocus(button) {
  button.addEventListener("mousedown", (event) => event.preventDefault());
}
