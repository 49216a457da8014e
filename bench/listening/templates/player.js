"use strict";
// Plays one of several signals of equal length. All of them run at once, locked to one clock, and
// only gains change: a switch keeps the position and leaves no gap.
const FADE = 0.008; // s; a switch without a click

class Player {
  constructor(seconds) {
    this.seconds = seconds;
    this.loop = true;
    this.current = null;
    this.onstop = () => {};
    this.context = null;
    this.decoded = new Map(); // base64 text -> AudioBuffer
    this.tracks = new Map(); // name -> {source, gain}
    this.buffers = new Map(); // name -> AudioBuffer of the signals that can be switched between
    this.offset = 0; // position when nothing plays, else at `started`
    this.started = null; // the context's time
    this.queue = Promise.resolve();
  }

  get playing() { return this.started !== null; }

  get position() {
    if (!this.playing) return this.offset;
    const at = this.offset + Math.max(0, this.context.currentTime - this.started);
    return this.loop ? at % this.seconds : Math.min(at, this.seconds);
  }

  // The gain of every signal now: one at 1, the others at 0.
  get gains() { return Object.fromEntries([...this.tracks].map(([name, t]) => [name, t.gain.gain.value])); }

  // Have other signals, {name: base64 of a FLAC file}; what plays goes on at the same position.
  load(signals) {
    this.queue = this.queue.then(() => this.decodeAll(signals));
    return this.queue;
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

  begin() {
    if (this.offset >= this.seconds) this.offset = 0;
    this.started = this.context.currentTime + 0.02; // time to start them all at one instant
    for (const [name, buffer] of this.buffers) {
      const source = new AudioBufferSourceNode(this.context, {
        buffer, loop: this.loop, loopStart: 0, loopEnd: this.seconds,
      });
      const gain = new GainNode(this.context, { gain: name === this.current ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      source.start(this.started, this.offset);
      this.tracks.set(name, { source, gain });
    }
    const [first] = this.tracks.values();
    first.source.onended = () => { if (!this.loop) { this.halt(); this.offset = 0; this.onstop(); } };
  }

  halt() {
    for (const { source } of this.tracks.values()) { source.onended = null; source.stop(); source.disconnect(); }
    this.tracks.clear();
    this.started = null;
  }

  pause() {
    const at = this.position;
    this.halt();
    this.offset = at;
  }

  seek(position) {
    const wasPlaying = this.playing;
    if (wasPlaying) this.halt();
    this.offset = Math.min(Math.max(0, position), this.seconds);
    if (wasPlaying) this.begin();
  }

  select(name) {
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

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
}
