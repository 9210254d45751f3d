// What screens do without as well: keys, the palette, times that go on, copying, and marks on what changed.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Times go on while a screen is open.
  const units = [[172800, 86400, "d"], [3600, 3600, "h"], [60, 60, "min"], [0, 1, "s"]];
  const relative = (at) => {
    const seconds = Math.trunc((Date.now() - at) / 1000);
    const length = Math.abs(seconds);
    if (length < 5) return "now";
    const [, size, unit] = units.find(([from]) => length >= from);
    const text = `${Math.trunc(length / size)} ${unit}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  };
  const tick = () => {
    for (const time of all("time[title]")) {
      const at = Date.parse(time.dateTime);
      if (!Number.isNaN(at)) time.textContent = relative(at);
    }
  };
  setInterval(tick, 30000);

  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.textContent;
    button.textContent = "copied";
    setTimeout(() => { button.textContent = said; }, 1500);
  };
  if (navigator.clipboard) {
    for (const button of all("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button));
    }
  }

  // Rows: j and k go through them, Enter opens one.
  const rows = () => all("[data-rows] tbody tr");
  let at = -1;
  const go = (by) => {
    const found = rows();
    if (!found.length) return;
    found[at]?.classList.remove("at");
    at = Math.max(0, Math.min(found.length - 1, at + by));
    const row = found[at];
    row.classList.add("at");
    (one("a[data-open]", row) ?? row).focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const open = () => one("a[data-open]", rows()[at] ?? document.createElement("p"))?.click();

  // The palette lists what /console/jump lists.
  const palette = document.createElement("dialog");
  palette.setAttribute("aria-label", "Jump and act");
  const field = document.createElement("input");
  field.type = "search";
  field.setAttribute("aria-label", "Jump to an app, channel, release or act");
  field.setAttribute("autocomplete", "off");
  const list = document.createElement("ul");
  list.className = "targets";
  palette.append(field, list);
  document.body.append(palette);
  let chosen = 0;
  const choose = (by) => {
    const items = all("li", list);
    items[chosen]?.classList.remove("at");
    chosen = Math.max(0, Math.min(items.length - 1, chosen + by));
    items[chosen]?.classList.add("at");
    items[chosen]?.scrollIntoView({ block: "nearest" });
  };
  let asked = 0;
  const find = async () => {
    const mine = ++asked;
    const answer = await fetch(`/console/jump?q=${encodeURIComponent(field.value)}`);
    if (!answer.ok || mine !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    list.replaceChildren(...(one("#targets", page)?.children ?? []));
    chosen = 0;
    choose(0);
  };
  const show = () => { if (!palette.open) { palette.showModal(); field.select(); find(); } };
  field.addEventListener("input", find);
  palette.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(1);
    else if (event.key === "ArrowUp") choose(-1);
    else if (event.key === "Enter") one("a", all("li", list)[chosen] ?? list)?.click();
    else return;
    event.preventDefault();
  });

  // Keys do nothing while something is typed, and never with a key of the browser's.
  const isTyping = (target) => target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select") || palette.open;
  let isGoing = false;
  const keys = {
    "/": () => (one("#filter") ?? one("#jump"))?.focus(),
    j: () => go(1),
    k: () => go(-1),
    g: () => { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      show();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape" && !palette.open) event.target.blur();
      return;
    }
    if (isGoing) {
      isGoing = false;
      const link = one(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.key === "Enter" && event.target === document.body) { open(); return; }
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); return; }
    if (!/^[a-z?]$/.test(event.key)) return;
    const named = one(`[data-key="${CSS.escape(event.key)}"]`);
    if (named && !named.hidden) { event.preventDefault(); named.click(); }
  });

  // What changed elsewhere is marked, not moved from under the hand.
  const main = one("main[data-live]");
  const state = one("#live-state");
  if (main && state && window.EventSource) {
    const clock = () => new Date().toTimeString().slice(0, 5);
    let first = null;
    let last = clock();
    const source = new EventSource(main.dataset.live);
    const mark = (lane, text) => {
      lane.classList.add("changed");
      const line = one(".moved", lane) ?? lane.appendChild(document.createElement("p"));
      line.className = "moved";
      line.textContent = text;
    };
    const told = (text) => {
      state.textContent = `${text} `;
      const again = document.createElement("a");
      again.href = location.href;
      again.textContent = "Show";
      state.append(again);
    };
    source.addEventListener("state", (event) => {
      const now = JSON.parse(event.data);
      last = clock();
      for (const lane of all("[data-channel][data-at]")) {
        const channel = now.channels?.[lane.dataset.channel];
        if (channel && channel.id !== lane.dataset.at) mark(lane, `Moved to ${channel.name} at ${last}.`);
      }
      if (first === null) { first = event.data; state.textContent = "Live."; return; }
      if (event.data !== first) {
        const before = JSON.parse(first);
        for (const row of all("tr[data-app]")) {
          const name = row.dataset.app;
          if (JSON.stringify(before.apps?.[name]) !== JSON.stringify(now.apps?.[name])) row.classList.add("changed");
        }
        told(`Changed at ${last}.`);
      }
    });
    source.addEventListener("error", () => { state.textContent = `Disconnected, as of ${last}.`; });
    source.addEventListener("open", () => { if (state.textContent.startsWith("Disconnected")) state.textContent = "Live."; });
    addEventListener("pagehide", () => source.close());
  }
})();
