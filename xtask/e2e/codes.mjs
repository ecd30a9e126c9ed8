// Signing in by code and by identifier first, as users do: the code is read on the inbox page, by e-mail and by text message.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, fits, open, picture, visit } from "./lib/browser.mjs";
import { demo, stack } from "./lib/processes.mjs";
import { end } from "./lib/report.mjs";

const CODES = { SELFSERVICE_METHODS_CODE_PASSWORDLESS_ENABLED: "true" };
const FIRST = { ...CODES, SELFSERVICE_FLOWS_LOGIN_STYLE: "identifier_first" };
const PHONE = "+4917667111638";

const identifier = (page) => page.locator("input[name=identifier]");
const password = (page) => page.locator("input[name=password]");
const code = (page) => page.locator("input[name=code]");
const button = (page, value) => page.locator(`button[name=method][value=${value}]:visible`);
const signedIn = (page) => page.getByRole("heading", { name: "You are signed in", level: 1 }).waitFor();
const wrong = (page) => page.getByRole("alert").filter({ hasText: /\S/ });

/** Reads the newest code to an address as a user would: on the inbox page, by the button that copies it. */
async function read(stack, to) {
  const { context, page } = await open();
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: stack.inbox });
  await page.goto(stack.inbox);
  await page.getByText(to).first().waitFor();
  await page.getByRole("button", { name: /Copy/ }).first().click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  await fits(page);
  await accessible(page);
  await picture(page, `codes inbox ${to}`);
  await context.close();
  assert.match(copied, /^\d{6}$/);
  return copied;
}

/** Looks at a page; without scripts nothing can look into it. */
async function inspect(page, name, javaScriptEnabled) {
  if (!javaScriptEnabled) return;
  await fits(page);
  await accessible(page);
  await picture(page, name);
}

/** Identities with only a phone number. */
function phones() {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-e2e-"));
  const mark = { credentials: { code: { identifier: true, via: "sms" } }, verification: { via: "sms" } };
  const phone = { type: "string", format: "tel", title: "Phone", "ory.sh/kratos": mark };
  const traits = { type: "object", properties: { phone }, required: ["phone"], additionalProperties: false };
  const schema = { $id: "phone", type: "object", properties: { traits } };
  const url = `base64://${Buffer.from(JSON.stringify(schema)).toString("base64")}`;
  const file = join(folder, "kratos.json");
  writeFileSync(
    file,
    JSON.stringify({
      selfservice: { methods: { password: { enabled: false }, code: { passwordless_enabled: true } } },
      identity: { default_schema_id: "phone", schemas: [{ id: "phone", url }] },
    }),
  );
  return file;
}

const unified = await stack(CODES);
const first = await stack(FIRST);
const texts = await stack({}, ["--dev", "--config", phones()]);

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";

  await visit(`codes: wrong, then right, from the inbox${how}`, { javaScriptEnabled }, async (page) => {
    await page.goto(`${unified.pages}/login`);
    await inspect(page, `codes both ways`, javaScriptEnabled);
    await identifier(page).fill(demo.email);
    await button(page, "code").click();
    await code(page).waitFor();
    assert.equal(await code(page).getAttribute("autocomplete"), "one-time-code");
    assert.equal(await code(page).getAttribute("inputmode"), "numeric");
    assert.equal(await identifier(page).inputValue(), demo.email);
    await inspect(page, `codes entry`, javaScriptEnabled);
    const right = await read(unified, demo.email);
    await code(page).fill(right === "000000" ? "111111" : "000000");
    await page.keyboard.press("Enter");
    await wrong(page).waitFor();
    await inspect(page, `codes wrong`, javaScriptEnabled);
    await code(page).fill(right);
    await page.keyboard.press("Enter");
    await signedIn(page);
  });

  await visit(`codes: Enter behind a password means the password${how}`, { javaScriptEnabled }, async (page) => {
    await page.goto(`${unified.pages}/login`);
    await identifier(page).fill(demo.email);
    await password(page).fill(demo.password);
    await page.keyboard.press("Enter");
    await signedIn(page);
  });

  await visit(`codes: another one, by the button${how}`, { javaScriptEnabled }, async (page) => {
    await page.goto(`${unified.pages}/login?lang=de`);
    await identifier(page).fill(demo.email);
    await button(page, "code").click();
    await code(page).waitFor();
    await page.getByRole("button", { name: "Code erneut senden" }).click();
    await code(page).waitFor();
    await code(page).fill(await read(unified, demo.email));
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(new URL(page.url()).pathname, "/session");
  });

  await visit(`identifier first: who it is can be changed${how}`, { javaScriptEnabled }, async (page) => {
    await page.goto(`${first.pages}/login`);
    await identifier(page).fill("other@else.example");
    await page.keyboard.press("Enter");
    await password(page).waitFor();
    assert.equal(await identifier(page).inputValue(), "other@else.example");
    assert.equal(await identifier(page).getAttribute("readonly"), "");
    await inspect(page, `identifier first second step`, javaScriptEnabled);
    await page.getByRole("link", { name: "Change" }).click();
    assert.equal(await identifier(page).inputValue(), "");
    await identifier(page).fill(demo.email);
    await page.keyboard.press("Enter");
    await password(page).fill(demo.password);
    await page.keyboard.press("Enter");
    await signedIn(page);
  });

  await visit(`codes by text message${how}`, { javaScriptEnabled }, async (page) => {
    const made = await fetch(`${texts.admin}/admin/identities`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ schema_id: "phone", traits: { phone: PHONE } }),
    });
    assert.ok([201, 409].includes(made.status), await made.text());
    await page.goto(`${texts.pages}/login`);
    await identifier(page).fill("+49 176 671 11 638");
    await button(page, "code").click();
    await code(page).fill(await read(texts, PHONE));
    await page.keyboard.press("Enter");
    await signedIn(page);
  });
}

end();
