// Headless Chromium, and a watch over errors of pages that are not visible.
import axe from "axe-core";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { setting } from "./processes.mjs";
import { check, slug } from "./report.mjs";

const output = setting("E2E_OUTPUT");
mkdirSync(output, { recursive: true });

const asRoot = process.getuid?.() === 0;
const browser = await chromium.launch({
  executablePath: setting("CHROMIUM"),
  args: [
    // Chromium's sandbox refuses to work for root, and containers run as root.
    ...(asRoot ? ["--no-sandbox"] : []),
    // Whatever is asked of any other host fails, and is reported by the watch below.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
process.on("exit", () => browser.close());

/** How long a page may take to show something, in milliseconds. */
const PATIENCE = 30_000;

/**
 * A check in a browser of its own, with a picture of how it ended. It fails too when a page breaks its content security policy,
 * throws, logs an error, asks a third party for anything, or gets a 5xx.
 */
export async function visit(name, options, run) {
  await check(name, async () => {
    const { context, page, problems } = await open(options);
    try {
      await run(page, context, problems);
      assert.deepEqual(problems, [], "what the browser reports");
    } catch (error) {
      const seen = `at ${page.url()}${problems.length ? `\nthe browser reports: ${problems.join("\n")}` : ""}`;
      throw new Error(`${error.message}\n${seen}`, { cause: error });
    } finally {
      await page.screenshot({ path: join(output, `${slug(name)}.png`), fullPage: true }).catch(() => {});
      await context.close();
    }
  });
}

/** A browser of its own: no cookie of another is there. */
export async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  const problems = [];
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.hostname !== "127.0.0.1") problems.push(`third party: ${url}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500) problems.push(`${response.status()} from ${response.url()}`);
  });
  context.on("weberror", (error) => problems.push(`thrown: ${error.error()}`));
  context.on("console", (message) => {
    // That an answer was a 4xx is no mistake of a page; what comes of it is what the checks are about.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (message.type() === "error" && !isStatus) problems.push(`console: ${message.text()}`);
  });
  return { context, page: await context.newPage(), problems };
}

/**
 * Sends a login form until it is taken. One that lives but seconds may expire again under the hands of a busy machine; each time
 * another one takes its place.
 */
export async function insist(page, send) {
  for (const until = Date.now() + 60_000; ; ) {
    const isSubmit = (response) => response.request().method() === "POST" && response.url().includes("/self-service/login?flow=");
    const answered = page.waitForResponse(isSubmit);
    await send();
    const answer = await answered;
    const leads = (await answer.headerValue("location")) ?? "";
    const isTaken = answer.status() === 200 || (answer.status() === 303 && !leads.includes("?flow="));
    if (isTaken) return;
    assert.ok(Date.now() < until, `the form is not taken: ${answer.status()}`);
    if (leads) await page.waitForURL(leads);
  }
}

/** Saves a picture of a page as it is now. */
export const picture = (page, name) => page.screenshot({ path: join(output, `${slug(name)}.png`), fullPage: true });

/** Asserts that axe-core finds nothing wrong. */
export async function accessible(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], `axe-core at ${page.url()}`);
}

/** Asserts that nothing is wider than the window. */
export async function fits(page) {
  const [content, view] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(content <= view, `the page is ${content} px wide in a window of ${view} px, at ${page.url()}`);
}
