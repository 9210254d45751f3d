// Drives the console in Chromium as the configuration on standard input says, and prints what it found: JSON on both sides.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const puppeteer = require("puppeteer-core");

const config = JSON.parse(fs.readFileSync(0, "utf8"));
const axeSource = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/// What the main part of the page says.
const says = (page) => page.$eval("main", (main) => main.innerText.replace(/\s+/g, " ").trim());

/// Does what leads to another page, and waits for it.
const leads = (page, act) => Promise.all([page.waitForNavigation({ waitUntil: "load" }), act()]);
const press = (page, ...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

/// Presses Tab until what is wanted has the focus.
async function tabTo(page, selector) {
  for (let presses = 0; presses < 150; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not reach ${selector} on ${page.url()}`);
}

async function fill(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.type(text);
}

/// The whole day of a release manager, by keyboard alone.
async function walk(page) {
  const seen = {};
  await page.goto(`${config.base}/console`, { waitUntil: "load" });
  await fill(page, "#token", config.token);
  await leads(page, () => press(page, "Enter"));
  seen.apps = await says(page);

  await press(page, "j");
  await leads(page, () => press(page, "Enter"));
  await press(page, "/");
  await page.keyboard.type("2.4.0");
  await leads(page, () => press(page, "Enter"));
  seen.found = await says(page);
  await press(page, "j");
  await leads(page, () => press(page, "Enter"));
  seen.release = await says(page);

  await tabTo(page, "a[href*='/diff?from=2%2E3']");
  await leads(page, () => press(page, "Enter"));
  seen.diff = await says(page);
  await leads(page, () => page.goBack());

  await leads(page, () => press(page, "p"));
  seen.plan = await says(page);
  await tabTo(page, "form.act button.primary");
  await leads(page, () => press(page, "Enter"));
  seen.blocked = await says(page);
  await tabTo(page, "input[name=override]");
  await press(page, "Space");
  await fill(page, "#reason", "Android comes on Monday");
  await leads(page, () => press(page, "Enter"));
  seen.promoted = await says(page);

  await leads(page, () => press(page, "r"));
  seen.choices = await says(page);
  await fill(page, "#reason", "crashes on start");
  await leads(page, () => press(page, "Enter"));
  seen.rolledBack = await says(page);
  await tabTo(page, "form.pinned button");
  await leads(page, () => press(page, "Enter"));
  seen.unpinned = await says(page);

  await page.keyboard.down("Control");
  await press(page, "k");
  await page.keyboard.up("Control");
  await page.keyboard.type("acme 2.4.0 release");
  await page.waitForFunction(() => document.querySelector("dialog .targets li.at a")?.href.includes("/releases/"));
  await leads(page, () => press(page, "Enter"));
  await tabTo(page, "a[href$='/revoke']");
  await leads(page, () => press(page, "Enter"));
  await tabTo(page, "input[name=rollback]");
  await press(page, "Space");
  await fill(page, "#reason", "leaks a key");
  await fill(page, "#name", "2.4.0+241");
  await leads(page, () => press(page, "Enter"));
  seen.revoked = await says(page);

  await press(page, "g");
  await leads(page, () => press(page, "t"));
  await tabTo(page, "details.new summary");
  await press(page, "Enter");
  await fill(page, "#name", "night-shift");
  await fill(page, "#scopes", "promote:acme/beta");
  await leads(page, () => press(page, "Enter"));
  seen.token = await says(page);
  await tabTo(page, "button[aria-label='Revoke night-shift']");
  await leads(page, () => press(page, "Enter"));
  seen.tokens = await says(page);

  await press(page, "g");
  await leads(page, () => press(page, "l"));
  await tabTo(page, "select[name=action]");
  await page.keyboard.type("release.revoke");
  await tabTo(page, ".filters button");
  await leads(page, () => press(page, "Enter"));
  seen.audit = await says(page);
  seen.address = page.url().replace(config.base, "");
  return seen;
}

async function signIn(page) {
  await page.goto(`${config.base}/console`, { waitUntil: "load" });
  if (!(await page.$("#token"))) return;
  await page.type("#token", config.token);
  await leads(page, () => page.keyboard.press("Enter"));
}

/// One screen in one look: a picture, what axe-core says, and whether it is wider than its window.
async function look(page, screen, width, dark) {
  await page.setViewport({ width, height: 800, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  const answer = await page.goto(config.base + screen.path, { waitUntil: "load" });
  for (const one of await page.$$("main details")) await one.evaluate((it) => { it.open = true; });
  if (screen.act) {
    await page.keyboard.down("Control");
    await page.keyboard.press("k");
    await page.keyboard.up("Control");
    await page.waitForSelector("dialog .targets li.at");
  }
  const name = `${screen.name}-${width}${dark ? "-dark" : ""}`;
  await page.screenshot({ path: path.join(config.shots, `${name}.png`), fullPage: true });
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).slice(0, 4).join(" ")}`);
  });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return { name, status: answer.status(), violations, overflow };
}

async function screens(page, problems) {
  const found = [];
  for (const screen of config.screens) {
    if (!screen.out) await signIn(page);
    for (const width of [1280, 390]) for (const dark of [false, true]) found.push(await look(page, screen, width, dark));
  }
  return { found, problems };
}

async function main() {
  const browser = await puppeteer.launch({ executablePath: config.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const page = await browser.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => { if (/Content.Security/.test(message.text())) problems.push(message.text()); });
    console.log(JSON.stringify(config.screens ? await screens(page, problems) : { ...(await walk(page)), problems }));
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
