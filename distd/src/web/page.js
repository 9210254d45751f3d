// What pages do without as well: copying, and telling an iPad from a Mac.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) break;
    const said = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = said; }, 2000);
    });
  }
  // Safari on an iPad says that it is a Mac, but no Mac has a touch screen.
  const ios = document.querySelector("section[data-maybe=ios]");
  const mac = document.querySelector("section[data-maybe=macos]");
  const isPad = navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1;
  if (ios && mac && isPad) mac.before(ios);
  for (const part of document.querySelectorAll("[data-on]")) part.hidden = part.dataset.on !== (isPad ? "ipad" : "mac");
})();
