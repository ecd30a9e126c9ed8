// The examples, each started as its README says and used as a user would.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { handler as hello } from "../../examples/lambda-authorizer/hello/index.mjs";
import { accessible, fits, insist, open, visit } from "./lib/browser.mjs";
import { demo, freePort, root, setting, stack, start } from "./lib/processes.mjs";
import { check, end } from "./lib/report.mjs";

/** So short that a check can wait for its end, in seconds. */
const SHORT = 4;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const afterwards = () => pause((SHORT + 0.5) * 1000);

async function fill(page, password, email = demo.email) {
  await page.locator("input[name=identifier]").fill(email);
  await page.locator("input[name=password]").fill(password);
  await page.locator("button[name=method][value=password]").click();
}

const wrong = (page) => page.getByRole("alert").filter({ hasText: "The provided credentials are invalid" }).waitFor();
const members = (page) => page.getByRole("heading", { name: "A page for members" }).waitFor();
const signInPage = (page) => page.getByRole("heading", { name: "Sign in" }).waitFor();

// ---- express

/** A stack whose pages are those of the application, and the application. */
async function express(env = {}) {
  const port = await freePort();
  const app = `http://127.0.0.1:${port}`;
  const { api } = await stack({
    SELFSERVICE_FLOWS_LOGIN_UI_URL: `${app}/login`,
    SELFSERVICE_FLOWS_ERROR_UI_URL: `${app}/error`,
    SELFSERVICE_DEFAULT_BROWSER_RETURN_URL: `${app}/`,
    SELFSERVICE_ALLOWED_RETURN_URLS: app,
    SELFSERVICE_FLOWS_LOGOUT_AFTER_DEFAULT_BROWSER_RETURN_URL: `${app}/login`,
    ...env,
  });
  const cwd = join(root, "examples/express");
  await start("npm", ["start"], { ready: `The application is at ${app}/`, cwd, env: { PORT: String(port), KRATOS_PUBLIC_URL: api } });
  return { api, app };
}

const server = await express();

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : " without JavaScript";
  await visit(`express: sign in, wrong password, sign out${how}`, { javaScriptEnabled }, async (page) => {
    await page.goto(server.app);
    await signInPage(page);
    if (javaScriptEnabled) await accessible(page);
    await fill(page, "wrong");
    await wrong(page);
    assert.equal(new URL(page.url()).origin, server.app, "what is wrong is shown on the application's own page");
    await fill(page, demo.password);
    await members(page);
    assert.match(await page.locator("pre").innerText(), /demo@latchkey\.example/);
    await page.getByRole("link", { name: "Sign out" }).click();
    await signInPage(page);
    await page.goto(server.app);
    await signInPage(page);
  });
}

await visit("express: a form of another browser is not shown, and begins again", {}, async (page) => {
  await page.goto(server.app);
  const theirs = page.url();
  const { context, page: other } = await open();
  await other.goto(theirs);
  await other.getByText("begun in another browser").waitFor();
  await other.getByRole("link", { name: "Begin again" }).click();
  await fill(other, demo.password);
  await members(other);
  await context.close();
});

await visit("express: an error has a page", {}, async (page) => {
  await page.goto(`${server.api}/self-service/login/browser?return_to=https://elsewhere.example`);
  await page.getByRole("heading", { name: "Something went wrong" }).waitFor();
  assert.match(await page.locator("pre").innerText(), /return_to/);
});

await visit("express: an expired form begins again", {}, async (page) => {
  const { app } = await express({ SELFSERVICE_FLOWS_LOGIN_LIFESPAN: `${SHORT}s` });
  await page.goto(app);
  const first = page.url();
  await afterwards();
  await page.goto(first);
  await signInPage(page);
  assert.notEqual(page.url(), first);
  await insist(page, () => fill(page, demo.password));
  await members(page);
});

// ---- react-spa

async function spa(env = {}) {
  const port = await freePort();
  const app = `http://127.0.0.1:${port}`;
  const { api } = await stack({ SERVE_PUBLIC_CORS_ENABLED: "true", SERVE_PUBLIC_CORS_ALLOWED_ORIGINS: app, ...env });
  const cwd = join(root, "examples/react-spa");
  await start("npm", ["start"], { ready: `${app}/`, cwd, env: { PORT: String(port), VITE_API_URL: api } });
  return { api, app };
}

const single = await spa();

await visit("react-spa: sign in, wrong password, reload, sign out", {}, async (page) => {
  await page.goto(single.app);
  await signInPage(page);
  await accessible(page);
  await fits(page);
  await fill(page, "wrong");
  await wrong(page);
  await fill(page, demo.password);
  await members(page);
  await page.reload();
  await members(page);
  assert.match(await page.locator("pre").innerText(), /demo@latchkey\.example/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("status").filter({ hasText: "You are signed out." }).waitFor();
  await page.reload();
  await signInPage(page);
});

await visit("react-spa: signed in meanwhile in another tab", {}, async (page, context) => {
  await page.goto(single.app);
  await signInPage(page);
  const other = await context.newPage();
  await other.goto(single.app);
  await fill(other, demo.password);
  await members(other);
  await fill(page, demo.password);
  await members(page);
});

await visit("react-spa: 422 leads elsewhere", {}, async (page) => {
  await page.goto(single.app);
  await page.route("**/self-service/login?flow=*", (route) =>
    // No method of this deployment leads elsewhere yet; the answer is the contract's.
    route.fulfill({
      status: 422,
      headers: { "access-control-allow-origin": single.app, "access-control-allow-credentials": "true" },
      json: { error: { id: "browser_location_change_required", code: 422 }, redirect_browser_to: `${single.api}/health/alive` },
    }),
  );
  await fill(page, demo.password);
  await page.waitForURL(`${single.api}/health/alive`);
});

await visit("react-spa: an expired form is replaced by its successor, and signs in", {}, async (page) => {
  const { app } = await spa({ SELFSERVICE_FLOWS_LOGIN_LIFESPAN: `${SHORT}s` });
  // The development server may reload the page once by itself, so the form that counts is the last that was begun.
  let ends = Infinity;
  page.on("response", async (response) => {
    if (response.url().endsWith("/self-service/login/browser")) ends = Date.parse((await response.json()).expires_at);
  });
  await page.goto(app);
  await signInPage(page);
  while (Date.now() < ends + 500) await pause(100);
  const answered = page.waitForResponse((response) => response.status() === 410);
  // Waited for from here on, because the page may be faster than this check.
  const fetched = page.waitForResponse((response) => response.url().includes("/self-service/login/flows?id="));
  await fill(page, demo.password);
  const successor = (await (await answered).json()).use_flow_id;
  await page.getByRole("status").filter({ hasText: "The form had expired" }).waitFor();
  const shown = await fetched;
  assert.deepEqual([shown.status(), new URL(shown.url()).searchParams.get("id")], [200, successor]);
  await insist(page, () => fill(page, demo.password));
  await members(page);
});

// ---- native-rust

const plain = await stack({}, ["--no-pages", "--no-inbox"]);
const binary = setting("EXAMPLE_NATIVE");
const folder = mkdtempSync(join(tmpdir(), "latchkey-e2e-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const token = join(folder, "token");

/** Runs the client; how it ended and what it said. */
const native = (args, input = "", url = plain.api) =>
  new Promise((done) => {
    const child = execFile(binary, [...args, "--url", url, "--token-file", token], (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }));
    // One that has ended by itself reads no more.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });

await check("native-rust: wrong password, sign in, whoami, sign out", async () => {
  const login = ["login", demo.email, "--password-stdin"];
  const refused = await native(login, "wrong\n");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /The provided credentials are invalid/);
  const done = await native(login, `${demo.password}\n`);
  assert.deepEqual([done.code, done.stdout], [0, `Signed in as ${demo.email}.\n`], done.stderr);
  assert.equal(statSync(token).mode & 0o777, 0o600);
  assert.match((await native(["whoami"])).stdout, /^Signed in as demo@latchkey\.example, until 20/);
  assert.equal((await native(["logout"])).stdout, "Signed out.\n");
  assert.match((await native(["whoami"])).stderr, /you are not signed in/);
});

await check("native-rust: a session that was ended elsewhere, and a server that is not there", async () => {
  writeFileSync(token, "ory_st_unknown", { mode: 0o600 });
  const gone = await native(["whoami"]);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /has ended/);
  assert.equal((await native(["logout"])).code, 0, "signing out of nothing is fine");
  const unreachable = await native(["login", demo.email, "--password-stdin"], "x\n", "http://127.0.0.1:9");
  assert.match(unreachable.stderr, /refused/);
});

await check("native-rust: in a terminal it asks again after a wrong password, and shows none", async () => {
  const command = [binary, "login", "--url", plain.api, "--token-file", token].map((part) => `'${part}'`).join(" ");
  const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  let screen = "";
  terminal.stdout.on("data", (data) => (screen += data));
  const ended = new Promise((done) => terminal.on("exit", done));
  const asked = async (what, times) => {
    for (const until = Date.now() + 15_000; screen.split(what).length <= times; ) {
      assert.ok(Date.now() < until, `not asked for ${what}: ${screen}`);
      await pause(20);
    }
  };
  for (const [round, password] of ["not-the-password", demo.password].entries()) {
    await asked("E-Mail: ", round + 1);
    terminal.stdin.write(`${demo.email}\n`);
    await asked("Password: ", round + 1);
    terminal.stdin.write(`${password}\n`);
  }
  assert.equal(await ended, 0, screen);
  assert.match(screen, /The provided credentials are invalid/);
  assert.match(screen, /Signed in as demo@latchkey\.example\./);
  assert.ok(screen.includes(demo.email), "what is no secret is shown");
  assert.ok(!screen.includes("not-the-password") && !screen.includes(demo.password), screen);
});

// ---- lambda-authorizer: the route that the template has for looking at it, and the example's function behind its context

await check("lambda-authorizer: a client without a session is forbidden, and the route gets the identity", async () => {
  const sample = (headers) => fetch(`${plain.api}/sample`, { headers });
  assert.equal((await sample({})).status, 403);
  const { ui } = await (await fetch(`${plain.api}/self-service/login/api`)).json();
  const body = JSON.stringify({ method: "password", identifier: demo.email, password: demo.password });
  const done = await fetch(ui.action, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { session_token: known } = await done.json();
  const answer = await sample({ authorization: `Bearer ${known}` });
  assert.equal(answer.status, 200);
  const told = await answer.json();
  assert.equal(told.traits.email, demo.email);
  const lambda = { ...told, traits: JSON.stringify(told.traits) };
  const greeted = await hello({ requestContext: { authorizer: { lambda } } });
  assert.equal(JSON.parse(greeted.body).hello, demo.email);
});

end();
