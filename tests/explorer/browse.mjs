// Drives the page in a headless browser: reads steps as JSON from stdin, prints what they gave, what the console said and
// which addresses were asked. node browse.mjs CHROMIUM < steps.json
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { url, steps, args = [] } = JSON.parse(readFileSync(0, "utf8"));
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox", ...args] });
const told = { results: [], console: [], requests: [] };

/** Wait for an expression; the page's own rules forbid what playwright does for it. */
async function until(page, expression) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await page.evaluate(expression)) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`never true: ${expression}`);
}

for (const step of steps) {
  const { width = 1400, height = 900, dark = false } = step;
  const colorScheme = dark ? "dark" : "light";
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, bypassCSP: Boolean(step.axe) });
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && told.console.push(message.text()));
  page.on("pageerror", (error) => told.console.push(String(error.stack)));
  page.on("request", (request) => told.requests.push(request.url()));
  await page.goto(`${url}/explorer/index.html${step.hash ?? ""}`);
  const result = { failed: await page.evaluate(async () => String((await window.explorer.ready) ?? "")) };
  for (const [act, ...given] of step.acts ?? []) {
    if (act === "press") await page.keyboard.press(given[0]);
    else if (act === "focus") await page.focus(given[0]);
    else if (act === "fill") await page.fill(...given);
    else if (act === "select") await page.selectOption(...given);
    else if (act === "click") await page.click(given[0], given[1] ? { position: { x: given[1][0], y: given[1][1] } } : {});
    else if (act === "hover") await page.hover(given[0], { position: { x: given[1][0], y: given[1][1] } });
    else if (act === "wait") await page.waitForSelector(given[0]);
    else if (act === "until") await until(page, given[0]);
    else throw new Error(`no such act: ${act}`);
  }
  if (step.evaluate) result.value = await page.evaluate(step.evaluate);
  if (step.axe) {
    await page.addScriptTag({ path: axe });
    result.axe = await page.evaluate(async () => {
      const { violations } = await window.axe.run();
      return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html) }));
    });
  }
  if (step.screenshot) await page.screenshot({ path: step.screenshot, fullPage: true });
  result.hash = new URL(page.url()).hash;
  told.results.push(result);
  await context.close();
}
await browser.close();
const plain = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
console.log(JSON.stringify(told, plain));
