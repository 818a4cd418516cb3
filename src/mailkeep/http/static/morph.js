// Make a part of the page like a fresh one, node by node. What is the same stays the same node: the
// focus, what is selected and unfolded, and where a screen reader stands.
const element = (one) => one.nodeType === Node.ELEMENT_NODE;
const key = (one) => (element(one) && (one.id || one.getAttribute("aria-labelledby") || one.getAttribute("action"))) || "";
const same = (old, fresh) => old.nodeName === fresh.nodeName && key(old) === key(fresh);

function touched(field) {
  if (field === document.activeElement) return field.matches("input, select, textarea");
  if (field.matches("select")) {
    return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  }
  return field.matches("input:not([type=hidden]), textarea") && field.value !== field.defaultValue;
}

// A form that a person is at, has typed into, or had refused stays as it is, also where it is no more.
const stays = (one) => element(one) && (one.hasAttribute("data-stays")
  || (one.matches("form") && (one.querySelector("[aria-invalid]") || [...one.elements].some(touched))));
const holds = (one) => element(one) && (stays(one) || [...one.querySelectorAll("form, [data-stays]")].some(stays));

function attributes(old, fresh) {
  const ours = (name) => name === "tabindex" || (name === "open" && old.matches("details"));
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !ours(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !ours(name)) old.setAttribute(name, value);
  }
}

// The child that `fresh` is by its key, wherever it is; one without a key is the next of its kind.
function match(old, at, fresh) {
  if (key(fresh)) return [...old.childNodes].find((one) => same(one, fresh));
  let one = at;
  while (one && element(fresh) && !element(one)) one = one.nextSibling;
  return one && same(one, fresh) && !stays(one) ? one : null;
}

function children(old, fresh) {
  let at = old.firstChild;
  const pass = () => {
    const one = at;
    at = at.nextSibling;
    if (!holds(one)) one.remove();
  };
  for (const next of [...fresh.childNodes]) {
    const found = match(old, at, next);
    if (!found) old.insertBefore(document.importNode(next, true), at);
    else {
      const ahead = at && (found === at || at.compareDocumentPosition(found) & Node.DOCUMENT_POSITION_FOLLOWING);
      while (ahead && at !== found) pass();
      if (ahead) at = found.nextSibling;
      make(found, next);
    }
  }
  while (at) pass();
}

function make(old, fresh) {
  if (old.isEqualNode(fresh) || stays(old)) return;
  if (!element(old)) { old.nodeValue = fresh.nodeValue; return; }
  attributes(old, fresh);
  children(old, fresh);
}

// Where what had the focus is gone, the nearest part around it that is left gets it.
export function morph(old, fresh) {
  const around = [];
  for (let one = document.activeElement?.parentElement; one; one = one.parentElement) if (one.id) around.push(one);
  const focused = document.activeElement;
  make(old, fresh);
  if (focused?.isConnected) return;
  const left = around.find((one) => one.isConnected);
  if (!left) return;
  left.tabIndex = -1;
  left.focus({ preventScroll: true });
}
