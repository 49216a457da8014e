// The trials of MUSHRA: every lettered signal is rated against the open reference.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
let sliders = [];

const method = {
  // A page a trial, in this participant's order; the training has the signals of the last one, so
  // that the first rated one is new.
  pages(seed) {
    const trials = shuffled(test.trials, seed).map((trial) => ({
      trial, key: trial.code, signals: shuffled(trial.signals, `${seed} ${trial.code}`),
    }));
    const { trial } = trials.at(-1);
    return [{ trial, key: "training", training: true, signals: shuffled(trial.signals, `${seed} training`) }, ...trials];
  },

  audio({ trial, signals }) {
    return { reference: trial.reference, ...Object.fromEntries(signals.map((signal) => [signal.code, signal.audio])) };
  },

  first: "reference",

  names({ signals }) {
    return { reference: "the reference", ...Object.fromEntries(signals.map((signal, index) => [signal.code, letters[index]])) };
  },

  show({ signals }, kept) {
    find("rows").replaceChildren(...signals.map((signal, index) => this.row(signal, index, kept)));
    sliders = [...document.querySelectorAll("#rows input")];
  },

  row(signal, index, kept) {
    const row = document.importNode(find("row").content, true).firstElementChild;
    const [button, slider, output] = ["button", "input", "output"].map((tag) => row.querySelector(tag));
    row.dataset.code = signal.code;
    button.dataset.code = signal.code;
    button.textContent = letters[index];
    slider.setAttribute("aria-label", `Rating of ${letters[index]}`);
    slider.setAttribute("aria-valuetext", "not rated");
    const show = () => {
      slider.dataset.rated = "yes";
      slider.setAttribute("aria-valuetext", slider.value);
      output.textContent = slider.value;
    };
    const rate = () => {
      kept.ratings[signal.code] = Number(slider.value);
      show();
      keep();
    };
    if (signal.code in kept.ratings) {
      slider.value = kept.ratings[signal.code];
      show();
    }
    slider.addEventListener("input", rate);
    // A press where the slider stands already is a rating, too: 0 can be given.
    slider.addEventListener("click", rate);
    slider.addEventListener("keyup", (event) => { if (MOVES.includes(event.key)) rate(); });
    return row;
  },

  left({ training, signals }, kept) {
    const unrated = signals.flatMap((signal, index) => signal.code in kept.ratings ? [] : [letters[index]]);
    return unrated.length && !training ? [`not yet rated: ${unrated.join(", ")}`] : [];
  },

  keyOf(key, { signals }) {
    if (key === "0") return "reference";
    return signals[letters.toLowerCase().indexOf(key)]?.code;
  },

  results({ trial, signals }, kept) {
    return signals.map((signal, index) => ({
      trial: trial.code, signal: signal.code, rating: kept.ratings[signal.code], signal_position: index + 1,
      heard_s: kept.heard[signal.code],
    }));
  },
};
