// Opens pages in Chromium as the configuration on standard input says, and prints what it found: JSON on both sides.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const puppeteer = require("puppeteer-core");

const read = () => JSON.parse(fs.readFileSync(0, "utf8"));

/// What axe-core, the layout and the console say of the page as it stands.
async function examine(page, config, name) {
  await page.screenshot({ path: path.join(config.shots, `${name}.png`), fullPage: true });
  await page.setJavaScriptEnabled(true);
  await page.evaluate(config.axeSource);
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
  });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return { violations, overflow };
}

/// How many times Tab is pressed until the one action has the focus; -1 where it never has.
async function tabs(page) {
  if (!(await page.$(".own .primary"))) return 0;
  for (let presses = 1; presses <= 10; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.matches(".primary"))) return presses;
  }
  return -1;
}

async function open(browser, config, wanted) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.setUserAgent({ userAgent: wanted.agent });
  await page.setViewport({ width: wanted.width, height: 800, deviceScaleFactor: 1, hasTouch: wanted.width < 500 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: wanted.dark ? "dark" : "light" }]);
  await page.setJavaScriptEnabled(wanted.script);
  const answer = await page.goto(config.base + wanted.path, { waitUntil: "load" });
  if (wanted.opens) for (const one of await page.$$("details")) await one.evaluate((it) => { it.open = true; });
  const focus = await tabs(page);
  const found = await examine(page, config, wanted.name);
  await context.close();
  return { name: wanted.name, status: answer.status(), focus, problems, ...found };
}

/// Signs in on a closed page, then downloads what its one button offers. Gives the SHA-256 of what arrived.
async function download(browser, config) {
  const page = await browser.newPage();
  await page.setUserAgent({ userAgent: config.download.agent });
  await page.goto(config.download.url, { waitUntil: "load" });
  await page.type("#token", config.download.token);
  await Promise.all([page.waitForNavigation(), page.click(".sign-in button")]);
  const session = await browser.target().createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allowAndName", downloadPath: config.downloads, eventsEnabled: true });
  const arrived = new Promise((resolve, reject) => {
    let filename = "";
    session.on("Browser.downloadWillBegin", (event) => { filename = event.suggestedFilename; });
    session.on("Browser.downloadProgress", (event) => {
      if (event.state === "completed") resolve({ file: path.join(config.downloads, event.guid), filename });
      if (event.state === "canceled") reject(new Error("the download was canceled"));
    });
  });
  await page.click(".primary");
  const { file, filename } = await arrived;
  return { filename, sha256: crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex") };
}

async function main() {
  const config = read();
  config.axeSource = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await puppeteer.launch({ executablePath: config.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const pages = [];
    for (const wanted of config.pages) pages.push(await open(browser, config, wanted));
    console.log(JSON.stringify({ pages, download: await download(browser, config) }));
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
