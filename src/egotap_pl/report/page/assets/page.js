// Tables that sort, figures that enlarge, and the table of contents. The page is readable without any of it.

/**
 * The first element below a root that a selector names.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
function find(root, selector, kind) {
  const element = root.querySelector(selector);
  if (!(element instanceof kind)) throw new TypeError(`the page has no ${kind.name} ${selector}`);
  return element;
}

/**
 * @param {HTMLTableRowElement} row
 * @param {number} column
 */
function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

/**
 * Numbers before words, so that cells without a value stand last in either direction.
 *
 * @param {number | string} a
 * @param {number | string} b
 * @param {number} direction
 */
function compare(a, b, direction) {
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  if (typeof a === "string" && typeof b === "string") {
    return direction * a.localeCompare(b, "en", { numeric: true });
  }
  return typeof a === "number" ? -1 : 1;
}

/** @param {HTMLTableElement} table */
function makeSortable(table) {
  const body = table.tBodies[0];
  const given = [...body.rows];
  const headings = [...find(table, "thead tr", HTMLTableRowElement).cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      // The third click gives the first order again.
      const order = now === "ascending" ? "descending" : now === "descending" ? null : "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      const rows = [...given];
      if (order) {
        heading.setAttribute("aria-sort", order);
        const direction = order === "ascending" ? 1 : -1;
        rows.sort((a, b) => compare(key(a, column), key(b, column), direction));
      }
      body.append(...rows);
    });
  });
}

/**
 * @param {Element} button
 * @param {HTMLDialogElement} dialog
 */
function makeEnlargeable(button, dialog) {
  button.addEventListener("click", () => {
    const image = find(button, "img", HTMLImageElement).cloneNode();
    find(dialog, ".large", HTMLElement).replaceChildren(image);
    dialog.showModal();
  });
}

for (const table of document.querySelectorAll("table.data")) {
  if (table instanceof HTMLTableElement) makeSortable(table);
}
const enlarged = find(document, "#enlarged", HTMLDialogElement);
for (const button of document.querySelectorAll("button.enlarge")) makeEnlargeable(button, enlarged);
find(enlarged, ".large", HTMLElement).addEventListener("click", () => enlarged.close());

const contents = find(document, ".contents details", HTMLDetailsElement);
if (matchMedia("(max-width: 1100px)").matches) contents.open = false;
contents.addEventListener("click", ({ target }) => {
  if (target instanceof HTMLAnchorElement && matchMedia("(max-width: 1100px)").matches) contents.open = false;
});
const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-10% 0px -80% 0px" },
);
for (const section of document.querySelectorAll("main > section")) seen.observe(section);
