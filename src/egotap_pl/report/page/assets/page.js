// Tables that sort, figures that enlarge, and the table of contents. The page is readable without any of it.

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

// Numbers before words, so that cells without a value stand last in either direction.
function compare(a, b, direction) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return direction * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const given = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: null }; // the third click gives the first order again
      const now = heading.getAttribute("aria-sort");
      const order = now in next ? next[now] : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
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

function makeEnlargeable(button, dialog) {
  button.addEventListener("click", () => {
    const image = button.querySelector("img").cloneNode();
    dialog.querySelector(".large").replaceChildren(image);
    dialog.showModal();
  });
}

document.querySelectorAll("table.data").forEach(makeSortable);
const enlarged = document.getElementById("enlarged");
document.querySelectorAll("button.enlarge").forEach((button) => makeEnlargeable(button, enlarged));
enlarged.querySelector(".large").addEventListener("click", () => enlarged.close());

const contents = document.querySelector(".contents details");
if (matchMedia("(max-width: 1100px)").matches) contents.open = false;
contents.addEventListener("click", (event) => {
  if (event.target.tagName === "A" && matchMedia("(max-width: 1100px)").matches) contents.open = false;
});
const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-10% 0px -80% 0px" },
);
document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
