// Which poses are drawn: a row per method, with its colour, its marker and its errors.

const SVG = "http://www.w3.org/2000/svg";
/** @param {number} value */
const mm = (value) => (Number.isFinite(value) ? value.toFixed(value < 10 ? 1 : 0) : "–");

class Legend {
  /**
   * @param {HTMLElement} root
   * @param {About} about
   * @param {() => void} changed called when another choice is made
   */
  constructor(root, about, changed) {
    const { methods, reference } = about;
    this.root = root;
    this.changed = changed;
    this.truthIsShown = true;
    /** @type {Map<number, number>} */
    this.slots = new Map(); // method: slot of its colour and marker
    for (const method of methods.slice(0, 2).keys()) this.slots.set(method, method);
    this.addRow(reference, -1, (isShown) => {
      this.truthIsShown = isShown;
    });
    this.rows = methods.map((name, method) => this.addRow(name, method, (isShown) => this.choose(method, isShown)));
    this.showSlots();
  }

  // [method, slot] of each chosen method, in their order.
  get chosen() {
    return [...this.slots].sort((a, b) => a[0] - b[0]);
  }

  /**
   * Writes a number per method into a column.
   *
   * @param {"now" | "mean"} column
   * @param {(method: number) => number} numberOf
   */
  write(column, numberOf) {
    this.rows.forEach((row, method) => {
      row[column].textContent = mm(numberOf(method));
    });
  }

  /**
   * @param {string} name
   * @param {number} method -1 for the truth
   * @param {(isShown: boolean) => void} listener
   * @returns {LegendRow}
   */
  addRow(name, method, listener) {
    const row = find(this.root, "tbody", HTMLTableSectionElement).insertRow();
    const heading = document.createElement("th");
    heading.scope = "row";
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = method < 0 || this.slots.has(method);
    box.addEventListener("change", () => {
      listener(box.checked);
      this.changed();
    });
    const swatch = document.createElementNS(SVG, "svg");
    swatch.setAttribute("viewBox", "-12 -6 24 12");
    swatch.setAttribute("aria-hidden", "true");
    const words = document.createElement("span");
    words.textContent = name;
    label.append(box, swatch, words);
    heading.append(label);
    row.append(heading);
    const [now, mean] = [row.insertCell(), row.insertCell()];
    now.className = mean.className = "number";
    if (method < 0) paintSwatch(swatch, -1);
    return { box, swatch, now, mean };
  }

  /**
   * @param {number} method
   * @param {boolean} isShown
   */
  choose(method, isShown) {
    if (isShown) {
      const taken = new Set(this.slots.values());
      const free = SLOTS.map((_, slot) => slot).filter((slot) => !taken.has(slot));
      this.slots.set(method, free.includes(method) ? method : free[0]);
    } else {
      this.slots.delete(method);
    }
    this.showSlots();
  }

  showSlots() {
    const isFull = this.slots.size === SLOTS.length && this.rows.length > SLOTS.length;
    this.rows.forEach(({ box, swatch }, method) => {
      paintSwatch(swatch, this.slots.get(method));
      box.disabled = isFull && !this.slots.has(method);
    });
    find(this.root, ".methods-note", HTMLElement).textContent = isFull
      ? `No more than ${SLOTS.length} methods at once: untick one to choose another.`
      : "";
  }
}

/**
 * @param {SVGSVGElement} swatch
 * @param {number | undefined} slot -1 for the truth; undefined for a method that is not drawn
 */
function paintSwatch(swatch, slot) {
  swatch.setAttribute("class", slot === undefined ? "swatch none" : slot < 0 ? "swatch truth" : `swatch slot-${slot}`);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M-11 0H11");
  const hasCorners = slot !== undefined && slot >= 0;
  const shape = document.createElementNS(SVG, hasCorners ? "polygon" : "circle");
  if (hasCorners) shape.setAttribute("points", SLOTS[slot].map(([x, y]) => `${4 * x},${4 * y}`).join(" "));
  else shape.setAttribute("r", "4.5");
  swatch.replaceChildren(line, shape);
}
