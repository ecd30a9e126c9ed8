// Ory's own React components, unmodified, draw this server's login form and sign in with it.
import react from "@vitejs/plugin-react";
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import { picture, visit } from "./lib/browser.mjs";
import { demo, freePort, setting, stack } from "./lib/processes.mjs";
import { end } from "./lib/report.mjs";

const common = {
  root: fileURLToPath(new URL("elements", import.meta.url)),
  plugins: [react()],
  logLevel: "error",
  build: { outDir: join(setting("E2E_OUTPUT"), "elements"), emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 10_000 },
};
await build(common);
const port = await freePort();
await preview({ ...common, preview: { host: "127.0.0.1", port, strictPort: true } });
const here = `http://127.0.0.1:${port}`;

const { api } = await stack({
  SERVE_PUBLIC_CORS_ENABLED: "true",
  SERVE_PUBLIC_CORS_ALLOWED_ORIGINS: here,
  SELFSERVICE_ALLOWED_RETURN_URLS: here,
});

await visit("@ory/elements-react draws the form, shows what is wrong, and signs in", {}, async (page) => {
  await page.goto(`${here}/?api=${encodeURIComponent(api)}`);
  await page.locator("input[name=identifier]").fill(demo.email);
  await page.locator("input[name=password]").fill("wrong");
  await page.locator("button[name=method][value=password]").click();
  await page.getByText("The provided credentials are invalid").waitFor();
  await picture(page, "the form");
  await page.locator("input[name=password]").fill(demo.password);
  await page.locator("button[name=method][value=password]").click();
  await page.waitForURL(`${here}/welcome.html`);
  const who = await page.evaluate(async (api) => (await fetch(`${api}/sessions/whoami`, { credentials: "include" })).json(), api);
  assert.equal(who.identity.traits.email, demo.email);
});

end();
