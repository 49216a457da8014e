"use strict";
// Sorting and filtering of the leaderboard, and which systems are coloured in the figures. Without
// scripts the table is whole and in its own order, and the baseline and the best are coloured.
const table = document.getElementById("leaderboard");
const body = table ? table.tBodies[0] : null;

function sortBy(header) {
  const index = header.cellIndex;
  const first = header.dataset.first || "descending";
  const other = first === "descending" ? "ascending" : "descending";
  const order = header.getAttribute("aria-sort") === first ? other : first;
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const isNumber = header.dataset.kind === "number";
  const value = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent.trim();
  const rows = [...body.rows];
  rows.sort((one, two) => {
    const [a, b] = [value(one), value(two)];
    if (a === "" || b === "") return (a === "") - (b === ""); // what has no value stays below
    return sign * (isNumber ? Number(a) - Number(b) : a.localeCompare(b));
  });
  body.append(...rows);
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of body.rows) {
    const name = row.dataset.name.toLowerCase();
    row.hidden = !words.every((word) => name.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("shown").textContent = `${shown} of ${body.rows.length} rows`;
}

if (table) {
  for (const header of table.tHead.rows[0].cells) {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sortBy(header));
  }
  const input = document.getElementById("filter");
  input.addEventListener("input", () => filter(input.value));
  filter(input.value);
  document.getElementById("tools").hidden = false;
}

const boxes = document.querySelectorAll("#legend input");

function colour(box) {
  const mark = box.dataset.mark;
  const style = document.documentElement.style;
  style.setProperty(`--c-${mark}`, box.checked ? `var(--series-${mark % 7})` : "var(--other)");
  style.setProperty(`--o-${mark}`, box.checked ? "1" : "0");
  box.closest("li").classList.toggle("other", !box.checked);
}

for (const box of boxes) {
  box.hidden = false;
  colour(box);
  box.addEventListener("change", () => colour(box));
}
const choose = document.getElementById("choose");
if (choose) choose.hidden = false;
const legend = document.querySelector("#legend details");
if (legend && matchMedia("(max-width: 70rem)").matches) legend.open = boxes.length <= 7;
