// Forms that a passkey answers. A form with data-ask says where its question comes from; its button
// with data-passkey ("get" or "create") asks the browser, writes the answer into a hidden field and
// sends the form. Without this script, or without passkeys in the browser, those buttons stay hidden.
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function read(options) {
  const listed = (ones) => ones?.map((one) => ({ ...one, id: bytes(one.id) }));
  const out = { ...options, challenge: bytes(options.challenge) };
  if (out.user) out.user = { ...out.user, id: bytes(out.user.id) };
  if (out.allowCredentials) out.allowCredentials = listed(out.allowCredentials);
  if (out.excludeCredentials) out.excludeCredentials = listed(out.excludeCredentials);
  return out;
}

function written(made) {
  const answer = made.response;
  const response = { clientDataJSON: text(answer.clientDataJSON) };
  if (answer.attestationObject) {
    response.attestationObject = text(answer.attestationObject);
    response.transports = answer.getTransports?.() ?? [];
  } else {
    response.authenticatorData = text(answer.authenticatorData);
    response.signature = text(answer.signature);
    if (answer.userHandle) response.userHandle = text(answer.userHandle);
  }
  return JSON.stringify({
    id: made.id, rawId: text(made.rawId), type: made.type, response,
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
  });
}

// What is said where a page has no words of its own: what to do, and, by the name of a browser's
// error, what became of it.
const WORDS = {
  follow: "Follow what your browser or device asks.",
  failed: "That did not work. Load this page again and try once more.",
  notallowederror: "Nothing was shown: it was cancelled, took too long, or no passkey of this account is here.",
  invalidstateerror: "There is a passkey for this account on that device already.",
  securityerror: "Passkeys do not work at this address.",
};

async function answer(button) {
  const form = button.form;
  const told = form.querySelector("[data-told]");
  const field = form.querySelector("[data-answer]");
  // What else the form must have, such as the password, is asked for before the passkey is.
  if (!form.reportValidity()) return;
  button.disabled = true;
  const say = (name) => told.dataset[name] ?? WORDS[name];
  told.textContent = say("follow");
  try {
    const reply = await fetch(form.dataset.ask, { method: "POST" });
    if (!reply.ok || reply.redirected) throw new Error("load");
    const publicKey = read(await reply.json());
    field.value = written(await navigator.credentials[button.dataset.passkey]({ publicKey }));
    told.textContent = "";
    form.submit();
  } catch (error) {
    told.textContent = say(error.name.toLowerCase()) ?? say("failed");
    button.disabled = false;
    button.focus();
  }
}

if (window.PublicKeyCredential) {
  for (const one of document.querySelectorAll("[data-passkey]")) {
    one.hidden = false;
    one.addEventListener("click", () => answer(one));
  }
  for (const one of document.querySelectorAll("[data-with-passkeys]")) one.hidden = false;
  for (const one of document.querySelectorAll("[data-without-passkeys]")) one.hidden = true;
}
