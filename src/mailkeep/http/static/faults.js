// The faults and what Mailkeep does about them, live. Without this script the page is reloaded by hand.
const news = document.getElementById("news");
const newest = () => document.querySelector("#timeline .what")?.textContent.trim();

async function refresh() {
  const reply = await fetch(location.pathname);
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const before = newest();
  const focused = document.activeElement?.id;
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && !fresh.isEqualNode(part)) part.replaceWith(fresh);
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  const now = newest();
  if (now && now !== before) news.textContent = `New: ${now.replace(/\s+/g, " ")}`;
}

const source = new EventSource(news.dataset.news);
source.onopen = () => { news.textContent = "Live: this page keeps itself up to date."; };
source.onerror = () => { news.textContent = "Not connected; trying again. Reload to be sure."; };
source.onmessage = refresh;
