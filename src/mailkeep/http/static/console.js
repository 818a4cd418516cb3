// Bring what changed onto the page. Without this script the page is the same, and is reloaded by hand.
import { morph } from "./morph.js";

const news = document.getElementById("news");
const source = new EventSource(news.dataset.news);
const LIVE = "Live: this page keeps itself up to date.";

const words = (one) => one?.textContent.trim().replace(/\s+/g, " ") ?? "";
const spoken = () => new Map([...document.querySelectorAll("[data-say]")].map((one) => [one.dataset.say, words(one)]));
const lines = () => [...document.querySelectorAll("#timeline > li")].map(words);

// What is new in words is said aloud, once: counts change all the time. Of the timeline the newest line; of what
// leads on (its name is a path) only what was not there.
function told(before, was) {
  const changed = [...spoken()].filter(([what, text]) => (what.startsWith("/") ? !before.has(what) : before.get(what) !== text))
    .map(([, text]) => text);
  const now = lines();
  const fresh = now.slice(0, Math.max(0, now.findIndex((one) => was.includes(one))));
  if (fresh.length) changed.push(words(document.querySelector("#timeline .what")));
  if (fresh.length > 1) changed.push(`and ${fresh.length - 1} more in the timeline`);
  return changed.join(". ");
}

async function refresh(version) {
  // A form that was refused is answered where it was posted to, which cannot be fetched.
  // Nobody asked for it: it keeps no session alive.
  const reply = await fetch(news.dataset.page || location.href, { headers: { "Mailkeep-Live": "yes" } });
  if (!reply.ok || reply.redirected) throw new Error(reply.status);
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const [before, was] = [spoken(), lines()];
  morph(document.getElementById("main"), page.getElementById("main"));
  if (!document.getElementById("error")) document.title = page.title;
  news.dataset.version = version;
  const say = told(before, was);
  if (say) news.textContent = `New: ${say}`;
}

// One at a time, and only the newest: an older answer never overwrites a newer one.
let wanted = "";
let busy = false;
async function follow(version) {
  wanted = version;
  if (busy) return;
  busy = true;
  try {
    while (wanted !== news.dataset.version) await refresh(wanted);
  } catch {
    news.textContent = "This page could not be brought up to date. Reload it.";
  }
  busy = false;
}

source.onopen = () => { news.textContent = LIVE; };
source.onerror = () => {
  const over = source.readyState === EventSource.CLOSED;
  news.textContent = over ? "No longer live. Reload this page." : "Not connected; trying again. Reload to be sure.";
};
source.onmessage = (event) => follow(event.data);
