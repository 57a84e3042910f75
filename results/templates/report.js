"use strict";
document.documentElement.classList.add("js");

/* Tables: a press on a column's title sorts by it, a second press the other way round. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const numeric = head.classList.contains("num");
      const key = (row) => {
        const cell = row.cells[index];
        const given = cell.dataset.sort;
        if (given !== undefined) return given === "inf" ? Infinity : Number.isNaN(Number(given)) ? given : Number(given);
        return numeric ? null : cell.textContent;
      };
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null); /* what is missing stays last */
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
        return descending ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}

/* Pictures: one slider shows all variants at the same point of the training. */
for (const block of document.querySelectorAll(".pictures")) {
  const slider = block.querySelector("input[type=range]");
  if (!slider) continue;
  const points = slider.dataset.points.split(" ").map(Number);
  const output = block.querySelector("output");
  const show = () => {
    const at = points[slider.valueAsNumber];
    const last = slider.valueAsNumber === points.length - 1;
    const words = `${Number(at.toPrecision(3))} kimg${last ? ", the end" : ""}`;
    output.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    for (const frames of block.querySelectorAll(".frames")) {
      let current = null;
      for (const frame of frames.children) {
        frame.classList.remove("current");
        if (current === null || Number(frame.dataset.kimg) <= at) current = frame;
      }
      if (current) current.classList.add("current");
    }
  };
  block.querySelector(".slider").hidden = false;
  block.classList.add("one-at-a-time");
  slider.addEventListener("input", show);
  show();
}
