// The trials of ABX: is X the signal A or the signal B?
const method = {
  // Each comparison several times, all in this participant's order. Which clip X is, is drawn each
  // time for itself; which of the two sounds as A is in the key alone.
  pages(seed) {
    const repeats = Array.from({ length: test.repeats }, (_, index) => index + 1);
    const all = test.trials.flatMap((trial) => repeats.map((repeat) => ({
      trial, repeat, key: `${trial.code}/${repeat}`, x: shuffled(trial.clips, `${seed} ${trial.code} ${repeat}`)[0],
    })));
    const pages = shuffled(all, seed);
    const { trial } = pages.at(-1);
    return [{ trial, key: "training", training: true, repeat: 0, x: shuffled(trial.clips, `${seed} training`)[0] }, ...pages];
  },

  audio: ({ trial, x }) => ({ a: trial.a, b: trial.b, x: x.audio }),

  first: "a",

  names: () => ({ a: "A", b: "B", x: "X" }),

  show(_, kept) {
    const buttons = ["a", "b", "x"].map((code) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "choice", textContent: code.toUpperCase() });
      button.dataset.code = code;
      return button;
    });
    const choices = ["a", "b"].map((code) => {
      const [label, input] = [document.createElement("label"), document.createElement("input")];
      Object.assign(input, { type: "radio", name: "answer", value: code, id: `is-${code}`, checked: kept.ratings.x === code });
      input.addEventListener("change", () => { kept.ratings.x = code; keep(); });
      label.append(input, ` X is ${code.toUpperCase()}`);
      return label;
    });
    const [controls, fieldset, legend] = ["div", "fieldset", "legend"].map((tag) => document.createElement(tag));
    controls.className = "controls abx";
    controls.append(...buttons);
    legend.textContent = "Your answer";
    fieldset.append(legend, ...choices);
    find("rows").replaceChildren(controls, fieldset);
  },

  left: ({ training }, kept) => (kept.ratings.x || training ? [] : ["X not yet answered"]),

  keyOf: (key) => (["a", "b", "x"].includes(key) ? key : undefined),

  results({ trial, repeat, x }, kept) {
    return [{ trial: trial.code, repeat, x: x.code, answer: kept.ratings.x, heard_s: kept.heard }];
  },
};
