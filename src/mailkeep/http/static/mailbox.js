// The list, live: new mail appears by itself, and mails that were opened lose their mark. Without this
// script the page is the same and is reloaded by hand.
import { marks, opened, tellTime } from "/static/marks.js";

const news = document.getElementById("news");
const title = document.title;
let missed = 0;

const items = (root) => [...root.querySelectorAll("#list .letters > li")];

// Keep the elements that stay: what is focused stays focused, and what is read does not jump.
function bringIn(page) {
  const old = new Map(items(document).map((one) => [one.id, one]));
  const fresh = items(page);
  const arrived = old.size ? fresh.filter((one) => !old.has(one.id)) : fresh;
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = page.getElementById(part.id);
    if (!other || other.isEqualNode(part)) continue;
    const list = part.querySelector(".letters");
    const otherList = other.querySelector(".letters");
    if (!list || !otherList) {
      part.replaceChildren(...other.childNodes);
      continue;
    }
    const wanted = new Set(fresh.map((one) => one.id));
    for (const [id, one] of old) if (!wanted.has(id)) one.remove();
    let place = list.firstElementChild;
    for (const one of fresh) {
      const kept = old.get(one.id);
      if (kept) {
        const [mine, theirs] = [kept.querySelector(".marks"), one.querySelector(".marks")];
        if (!mine.isEqualNode(theirs)) mine.replaceWith(theirs);
        place = kept.nextElementSibling;
        continue;
      }
      one.classList.add("fresh");
      list.insertBefore(one, place);
    }
    for (const name of [".counts", ".pages"]) {
      const [mine, theirs] = [part.querySelector(name), other.querySelector(name)];
      if (mine && theirs) mine.replaceWith(theirs);
      else if (theirs) part.append(theirs);
      else mine?.remove();
    }
  }
  return arrived.length;
}

// Said at most every five seconds: a burst is one sentence.
let untold = 0;
let timer = 0;
function announce(count) {
  if (!count) return;
  untold += count;
  timer ||= setTimeout(() => {
    news.textContent = untold === 1 ? "1 new mail." : `${untold} new mails.`;
    untold = timer = 0;
  }, news.textContent.includes("new mail.") || news.textContent.includes("new mails.") ? 5000 : 300);
}

let busy = false;
let again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const reply = await fetch(location.href);
    if (reply.ok) {
      const arrived = bringIn(new DOMParser().parseFromString(await reply.text(), "text/html"));
      marks();
      tellTime();
      announce(arrived);
      if (document.hidden && arrived) document.title = `(${missed += arrived}) ${title}`;
    }
  } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { missed = 0; document.title = title; }
});

// j and k, or the arrows, walk the list while the focus is in it; elsewhere they do nothing.
document.getElementById("list").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const here = event.target.closest(".letters > li");
  if (!step || !here) return;
  const next = step > 0 ? here.nextElementSibling : here.previousElementSibling;
  if (!next) return;
  event.preventDefault();
  next.querySelector("a").focus();
});

// Opened as soon as its link is followed: whoever is back before the mail's page has run finds it read.
document.getElementById("list").addEventListener("click", (event) => {
  const mail = event.target.closest(".letters a")?.closest("li");
  if (mail) opened(mail.id);
});
addEventListener("storage", marks);  // opened in another tab

marks();
tellTime();
setInterval(tellTime, 15000);
const source = new EventSource("/mailbox/news");
let lost = false;
source.onopen = () => {
  news.textContent = "Live: new mail appears by itself.";
  if (lost) refresh();
  lost = false;
};
source.onerror = () => { lost = true; news.textContent = "Not connected; trying again."; };
source.onmessage = refresh;
