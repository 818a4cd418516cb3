// Bring what changed onto the page. Without this script the page is the same, and is reloaded by hand.
const news = document.getElementById("news");
const source = new EventSource(news.dataset.news);

const newest = () => document.querySelector("#timeline .what")?.textContent.trim();

async function refresh() {
  // A form that was refused is answered where it was posted to, which cannot be fetched.
  const reply = await fetch(news.dataset.page || location.href);
  if (!reply.ok || reply.redirected) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const before = newest();
  const focused = document.activeElement?.getAttribute("href");
  const folded = document.activeElement?.matches("summary") && document.activeElement.parentElement.id;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.isEqualNode(part)) continue;
    // What a person unfolded or folded stays so, whatever its words are by now.
    const key = (one) => one.id || one.textContent;
    const was = new Map([...part.querySelectorAll("details")].map((one) => [key(one), one.open]));
    for (const one of fresh.querySelectorAll("details")) one.open = was.get(key(one)) ?? one.open;
    part.replaceWith(fresh);
  }
  if (focused) document.querySelector(`[data-live] a[href="${CSS.escape(focused)}"]`)?.focus();
  if (folded) document.querySelector(`#${CSS.escape(folded)} > summary`)?.focus();
  // Only what is new in words is said aloud: counts change all the time.
  const now = newest();
  if (now && now !== before) news.textContent = `New: ${now.replace(/\s+/g, " ")}`;
}

source.onopen = () => { news.textContent = "Live: this page keeps itself up to date."; };
source.onerror = () => { news.textContent = "Not connected; trying again. Reload to be sure."; };
source.onmessage = refresh;
