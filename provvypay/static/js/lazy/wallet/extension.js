/* A wallet that is an extension of this browser makes itself known by messages of the page to itself (HashPack's way). */

let found = null;
let waiting = null; // {button, link}

window.addEventListener("message", (event) => {
  if (event.source !== window || event.data?.type !== "hedera-extension-response") return;
  const id = event.data.metadata?.id;
  if (typeof id !== "string" || !/^[\w-]{1,64}$/.test(id)) return;
  found = id;
  if (waiting) waiting.button.hidden = false;
});

/** Let a button hand the pairing link to an extension, if there is one. */
export function extension(button, link) {
  if (!waiting) {
    button.addEventListener("click", () => {
      tell({ type: `hedera-extension-connect-${found}`, pairingString: waiting.link });
    });
  }
  waiting = { button, link };
  button.hidden = found === null;
  tell({ type: "hedera-extension-query" });
}

function tell(message) {
  window.postMessage(message, location.origin);
}
