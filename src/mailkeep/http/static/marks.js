// Which mails were opened, in this browser alone, and how long ago things were.
const KEY = "mailkeep.read";
const MOST = 2000;

function read() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; }
}

export function opened(mail) {
  const ids = read().filter((one) => one !== mail);
  try { localStorage.setItem(KEY, JSON.stringify([...ids, mail].slice(-MOST))); } catch { /* full, or forbidden */ }
}

export function marks() {
  const ids = new Set(read());
  for (const one of document.querySelectorAll(".letters > li")) {
    const seen = ids.has(one.id);
    one.classList.toggle("read", seen);
    one.classList.toggle("unread", !seen);
    const dot = one.querySelector(".dot");
    dot.removeAttribute("aria-hidden");
    dot.replaceChildren();
    if (seen) continue;
    const word = document.createElement("span");
    word.className = "sr";
    word.textContent = "Unread.";
    dot.append(word);
  }
}

const SIZES = [[86400, "day"], [3600, "h"], [60, "min"]];

export function tellTime() {
  for (const one of document.querySelectorAll("time:has(.ago)")) {
    const past = (Date.now() - Date.parse(one.dateTime)) / 1000;
    const [size, word] = SIZES.find(([least]) => past >= least) ?? [0, ""];
    const count = Math.floor(past / size);
    const text = size ? `${count} ${word}${word === "day" && count > 1 ? "s" : ""} ago` : "just now";
    const ago = one.querySelector(".ago");
    if (ago.textContent !== text) ago.textContent = text;
  }
}
