// What shows and sets the place in numbers, and the class. Each gets the moves of the others and reports its own.

import { format, parse } from "/space.js";

const BUTTONS = 12; // classes that fit into rows of buttons
const byId = (id) => document.getElementById(id);

// A slider for each dimension and the text of all. moved(place, control): the user has moved one.
export class Numbers {
  #space;
  #rows;

  constructor(space, { place, moved }) {
    this.#space = space;
    this.#rows = Array.from({ length: space.size }, (_, axis) => {
      const row = document.createElement("label");
      const [name, input, value] = ["span", "input", "span"].map((kind) => document.createElement(kind));
      row.className = "slider";
      name.textContent = `z${axis}`;
      Object.assign(input, { type: "range", min: space.low(axis), max: space.high(axis), step: "any" });
      input.setAttribute("aria-label", `Dimension z${axis}`);
      input.addEventListener("input", () => {
        const moving = place().slice();
        moving[axis] = input.valueAsNumber;
        moved(moving, input);
      });
      value.className = "value";
      value.setAttribute("aria-hidden", "true"); // the slider says it
      row.append(name, input, value);
      byId("sliders").append(row);
      return { row, input, value };
    });
    byId("z").addEventListener("input", () => {
      const found = parse(byId("z").value, space.size);
      wrong(found ? "" : `expected ${space.size} number${space.size > 1 ? "s" : ""} separated by commas`);
      if (found) moved(found, byId("z"));
    });
    byId("copy").addEventListener("click", copy);
  }

  // source: the control that the user moves, and which is not written to.
  show(z, source) {
    this.#rows.forEach(({ input, value }, axis) => {
      if (source !== input) input.value = z[axis];
      value.textContent = this.#space.shown(axis, z[axis]);
      input.setAttribute("aria-valuetext", value.textContent);
    });
    if (source === byId("z")) return;
    byId("z").value = format(z);
    wrong("");
  }

  set axes(axes) {
    this.#rows.forEach(({ row }, axis) => row.classList.toggle("axis", axes.includes(axis)));
  }
}

function wrong(text) {
  byId("z-wrong").textContent = text;
  byId("z").setAttribute("aria-invalid", String(Boolean(text)));
}

async function copy() {
  byId("z").select();
  try {
    await navigator.clipboard.writeText(byId("z").value);
  } catch {
    document.execCommand("copy"); // where the clipboard is not given to pages
  }
  byId("copy").textContent = "Copied";
  setTimeout(() => { byId("copy").textContent = "Copy"; }, 1200);
}

// Buttons, or a list when there are many. chosen(number): the user has chosen another one.
export function showClasses(labels, chosen) {
  if (!labels.length) return;
  byId("classes").hidden = false;
  const few = labels.length <= BUTTONS;
  byId(few ? "class-list" : "class-buttons").remove();
  if (!few) {
    byId("class-list").append(...labels.map((text, i) => new Option(text, i)));
    byId("class-list").addEventListener("change", () => chosen(Number(byId("class-list").value)));
    return;
  }
  const buttons = labels.map((text, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.setAttribute("aria-pressed", String(i === 0));
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      chosen(i);
    });
    return button;
  });
  byId("class-buttons").style.setProperty("--letters", Math.max(...labels.map((text) => text.length)));
  byId("class-buttons").append(...buttons);
}
