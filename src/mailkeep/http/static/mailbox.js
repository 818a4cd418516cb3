// Show new mail as it arrives. Without this script the page is the same, and is reloaded by hand.
const list = document.getElementById("list");
const news = document.getElementById("news");

const source = new EventSource("/mailbox/news");
source.onopen = () => { news.textContent = "Live: new mail appears by itself."; };
source.onerror = () => { news.textContent = "Not connected; trying again."; };
source.onmessage = async () => {
  const reply = await fetch(location.href);
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const focused = document.activeElement?.closest("#list a")?.getAttribute("href");
  list.replaceChildren(...page.getElementById("list").childNodes);
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  news.textContent = "New mail.";
};
