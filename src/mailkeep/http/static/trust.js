// Walk the picture with arrow keys, see one party's ties among many, and change its size.
// Without this script each party is a link that Tab reaches, and the picture scrolls.
const canvas = document.getElementById("canvas");
const svg = canvas.querySelector("svg");
const boxes = [...svg.querySelectorAll(".box")];
const links = boxes.map((box) => box.closest("a"));
const walked = links.filter(Boolean);
const lines = [...svg.querySelectorAll(".tie")];

const middle = (link) => {
  const rect = link.querySelector("rect");
  return { x: +rect.getAttribute("x"), y: +rect.getAttribute("y") };
};

// One party at a time is reached by Tab; arrows lead on from it.
const reach = (link) => {
  for (const one of walked) one.setAttribute("tabindex", one === link ? "0" : "-1");
};
if (walked.length) reach(walked.find((one) => one.hasAttribute("aria-current")) ?? walked[0]);

const next = (from, key) => {
  const across = key === "ArrowLeft" || key === "ArrowRight";
  const ahead = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  const here = middle(from);
  let best = null, least = Infinity;
  for (const one of walked) {
    const there = middle(one);
    const along = ahead * (across ? there.x - here.x : there.y - here.y);
    const aside = Math.abs(across ? there.y - here.y : there.x - here.x);
    if (one === from || along <= 0 || (!across && aside > 0)) continue;
    const far = along * (across ? 10 : 1) + aside;
    if (far < least) [best, least] = [one, far];
  }
  return best;
};

svg.addEventListener("keydown", (event) => {
  const from = event.target.closest("a");
  if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
  let to = null;
  if (event.key === "Home") to = walked[0];
  else if (event.key === "End") to = walked.at(-1);
  else if (event.key.startsWith("Arrow")) to = next(from, event.key);
  else return;
  event.preventDefault();
  if (!to) return;
  reach(to);
  to.focus();
});

// The ties of the party under the pointer, or in focus, stand out.
const show = (link) => {
  const number = links.indexOf(link);
  canvas.classList.toggle("looking", number >= 0);
  const near = new Set([number]);
  for (const line of lines) {
    const ends = [+line.dataset.a, +line.dataset.b];
    const mine = number >= 0 && ends.includes(number);
    line.classList.toggle("near", mine);
    if (mine) ends.forEach((end) => near.add(end));
  }
  boxes.forEach((box, place) => box.classList.toggle("near", number >= 0 && near.has(place)));
};
// Heard outside of the picture: an svg that hears of focus would be a stop of Tab itself.
for (const [on, off] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  canvas.addEventListener(on, (event) => {
    const link = event.target.closest("a");
    if (link) show(link);
  });
  canvas.addEventListener(off, () => show(null));
}

// Its size; the text grows and shrinks with it.
const [, , wide, high] = svg.getAttribute("viewBox").split(" ").map(Number);
let scale = 1;
const size = (to) => {
  scale = Math.min(2, Math.max(0.1, to));
  svg.setAttribute("width", Math.round(wide * scale));
  svg.setAttribute("height", Math.round(high * scale));
};
const zoom = document.getElementById("zoom");
zoom.hidden = false;
zoom.addEventListener("click", (event) => {
  const how = event.target.dataset.zoom;
  if (how === "in") size(scale * 1.25);
  if (how === "out") size(scale / 1.25);
  if (how === "all") size(Math.min(canvas.clientWidth / wide, canvas.clientHeight / high, 1));
});

// What was asked about is in view.
const chosen = svg.querySelector("[aria-current]");
if (chosen) {
  const { x, y } = middle(chosen);
  canvas.scrollTo(x - canvas.clientWidth / 3, y - canvas.clientHeight / 3);
}
