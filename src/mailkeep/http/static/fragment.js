// The secret of a link stands in its fragment, which no server sees. Write it into the form, take it out
// of the address, and leave the pressing to a person: scanners open links in full browsers.
function take() {
  const secret = location.hash.slice(1);
  const long = document.getElementById("long") ?? document.getElementById("secret");
  const field = long ?? document.getElementById("code");
  if (!(long ? /^[0-9A-Z]{26}$/ : /^([0-9A-Z]{8}){1,2}$/).test(secret) || !field) return;
  field.value = secret;
  history.replaceState(null, "", location.pathname);
  forget();
  const brought = document.getElementById("brought"); // it goes along into another language
  if (brought) brought.value = secret;
  const told = document.getElementById("filled");
  const address = field.form.elements.namedItem("address");
  if (address && !address.value) {
    told.textContent = told.dataset.first;
    address.focus();
    return;
  }
  told.textContent = told.dataset.taken;
  const step = long && document.getElementById("link");
  if (step?.dataset.filled) step.textContent = step.dataset.filled;
  (long ? document.getElementById("code") : field.form.querySelector("button"))?.focus();
}

// In a tab that was open already nothing is loaded anew: what it said of an earlier try is over.
function forget() {
  document.getElementById("error")?.remove();
  for (const one of document.querySelectorAll("[aria-invalid]")) {
    one.removeAttribute("aria-invalid");
    const told = one.getAttribute("aria-describedby")?.split(" ").filter((id) => id !== "error");
    if (told?.length) one.setAttribute("aria-describedby", told.join(" "));
    else one.removeAttribute("aria-describedby");
  }
}

take();
addEventListener("hashchange", take);
