// Drives a running stack with the official JavaScript client, unmodified: as a native app, as a single-page app, and as a
// browser that is sent to a page. Usage: node client.mjs PUBLIC_URL ADMIN_URL INBOX_URL
import assert from "node:assert/strict";
import { Configuration, FrontendApi, IdentityApi } from "@ory/client";

const [publicUrl, adminUrl, inboxUrl] = process.argv.slice(2);
const frontend = new FrontendApi(new Configuration({ basePath: publicUrl }));
const identities = new IdentityApi(new Configuration({ basePath: adminUrl }));
const password = "correct horse battery 9";
const email = `js-${Date.now()}@example.org`;

process.on("uncaughtException", (error) => {
  // A failed call's object holds its whole connection; what was answered says enough.
  console.error(`FAILED javascript: ${error.message}`, error.response?.data ?? "");
  process.exit(1);
});

let checks = 0;
async function check(name, run) {
  await run();
  checks += 1;
  console.log(`ok  javascript: ${name}`);
}

/** The error response of a call that must fail. */
async function refusal(promise) {
  const error = await promise.then(
    () => assert.fail("the call was expected to be refused"),
    (error) => error,
  );
  assert.ok(error.response, String(error));
  return error.response;
}

/** Keeps cookies like a browser: by name, dropped when they end. */
class Cookies {
  jar = new Map();
  take(response) {
    for (const line of response.headers["set-cookie"] ?? []) {
      const [pair, ...attributes] = line.split("; ");
      const at = pair.indexOf("=");
      if (attributes.includes("Max-Age=0")) this.jar.delete(pair.slice(0, at));
      else this.jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response.data;
  }
  get header() {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }
}

/** The code in the newest message to the identity, once there are this many. */
async function code(count) {
  for (let tries = 0; tries < 200; tries += 1) {
    const all = await (await fetch(`${inboxUrl}/api/messages`)).json();
    const mine = all.filter((message) => message.to === email);
    if (mine.length >= count) return mine[0].text.match(/\b\d{6}\b/)[0];
    await new Promise((later) => setTimeout(later, 25));
  }
  return assert.fail(`message ${count} did not arrive`);
}

const csrf = (flow) => flow.ui.nodes.find((n) => n.attributes.name === "csrf_token").attributes.value;
const messages = (flow) => (flow.ui.messages ?? []).map((m) => m.id);

const { data: identity } = await identities.createIdentity({
  createIdentityBody: {
    schema_id: "default",
    traits: { email },
    credentials: { password: { config: { password } } },
  },
});

await check("an administrator reads and lists the identity", async () => {
  const { data: read } = await identities.getIdentity({ id: identity.id });
  assert.equal(read.traits.email, email);
  const { data: found } = await identities.listIdentities({ credentialsIdentifier: email });
  assert.deepEqual(found.map((i) => i.id), [identity.id]);
});

let token;
await check("a native app is told about a wrong password and signs in with the right one", async () => {
  const { data: flow } = await frontend.createNativeLoginFlow();
  assert.equal(flow.type, "api");
  const body = { method: "password", identifier: email, password: "wrong" };
  const wrong = await refusal(frontend.updateLoginFlow({ flow: flow.id, updateLoginFlowBody: body }));
  assert.equal(wrong.status, 400);
  assert.deepEqual(messages(wrong.data), [4000006]);
  const { data } = await frontend.updateLoginFlow({ flow: flow.id, updateLoginFlowBody: { ...body, password } });
  assert.match(data.session_token, /^ory_st_/);
  assert.equal(data.session.identity.id, identity.id);
  token = data.session_token;
});

await check("whoami knows the token", async () => {
  const { data } = await frontend.toSession({ xSessionToken: token });
  assert.equal(data.identity.id, identity.id);
  assert.equal(data.active, true);
  assert.equal(data.authenticator_assurance_level, "aal1");
});

await check("a refresh keeps the session and adds a method", async () => {
  const { data: before } = await frontend.toSession({ xSessionToken: token });
  const { data: flow } = await frontend.createNativeLoginFlow({ refresh: true, xSessionToken: token });
  assert.equal(flow.refresh, true);
  const updateLoginFlowBody = { method: "password", identifier: email, password };
  const { data } = await frontend.updateLoginFlow({ flow: flow.id, xSessionToken: token, updateLoginFlowBody });
  assert.equal(data.session.id, before.id);
  assert.equal(data.session.authentication_methods.length, before.authentication_methods.length + 1);
  token = data.session_token;
  await frontend.toSession({ xSessionToken: token });
});

await check("a user lists and revokes other sessions", async () => {
  const { data: flow } = await frontend.createNativeLoginFlow();
  const updateLoginFlowBody = { method: "password", identifier: email, password };
  const { data: other } = await frontend.updateLoginFlow({ flow: flow.id, updateLoginFlowBody });
  const { data: list } = await frontend.listMySessions({ xSessionToken: token });
  assert.deepEqual(list.map((s) => s.id), [other.session.id]);
  await frontend.disableMySession({ id: other.session.id, xSessionToken: token });
  assert.equal((await refusal(frontend.toSession({ xSessionToken: other.session_token }))).status, 401);
  const { data: ended } = await frontend.disableMyOtherSessions({ xSessionToken: token });
  assert.equal(typeof ended.count, "number");
});

await check("a native app signs out", async () => {
  await frontend.performNativeLogout({ performNativeLogoutBody: { session_token: token } });
  assert.equal((await refusal(frontend.toSession({ xSessionToken: token }))).status, 401);
});

await check("a single-page app signs in, is known by cookie, refreshes and signs out", async () => {
  const cookies = new Cookies();
  const flow = cookies.take(await frontend.createBrowserLoginFlow());
  const same = cookies.take(await frontend.getLoginFlow({ id: flow.id, cookie: cookies.header }));
  assert.equal(same.id, flow.id);
  const body = { method: "password", identifier: email, password, csrf_token: csrf(flow) };
  const submit = (body) => frontend.updateLoginFlow({ flow: flow.id, cookie: cookies.header, updateLoginFlowBody: body });
  assert.equal((await refusal(submit({ ...body, csrf_token: "wrong" }))).data.error.id, "security_csrf_violation");
  assert.deepEqual(messages((await refusal(submit({ ...body, password: "wrong" }))).data), [4000006]);
  const done = cookies.take(await submit(body));
  assert.equal(done.session_token, undefined);
  assert.equal(done.continue_with[0].action, "redirect_browser_to");
  const { data: session } = await frontend.toSession({ cookie: cookies.header });
  assert.equal(session.id, done.session.id);

  const again = await refusal(frontend.createBrowserLoginFlow({ cookie: cookies.header }));
  assert.equal(again.data.error.id, "session_already_available");
  const refresh = cookies.take(await frontend.createBrowserLoginFlow({ refresh: true, cookie: cookies.header }));
  assert.deepEqual(messages(refresh), [1010003]);
  const updateLoginFlowBody = { method: "password", identifier: email, password, csrf_token: csrf(refresh) };
  const refreshed = cookies.take(
    await frontend.updateLoginFlow({ flow: refresh.id, cookie: cookies.header, updateLoginFlowBody }),
  );
  assert.equal(refreshed.session.id, session.id);

  const logout = cookies.take(await frontend.createBrowserLogoutFlow({ cookie: cookies.header }));
  assert.match(logout.logout_token, /^ory_lo_/);
  const bye = await frontend.updateLogoutFlow({ token: logout.logout_token, cookie: cookies.header });
  assert.equal(bye.status, 204);
  cookies.take(bye);
  assert.equal((await refusal(frontend.toSession({ cookie: cookies.header }))).status, 401);
});

await check("a server-rendered page gets its browser through", async () => {
  const cookies = new Cookies();
  const go = { maxRedirects: 0, validateStatus: (status) => status === 303, headers: { Accept: "text/html" } };
  const begun = await frontend.createBrowserLoginFlow({}, go);
  cookies.take(begun);
  const id = new URL(begun.headers.location).searchParams.get("flow");
  const flow = cookies.take(await frontend.getLoginFlow({ id, cookie: cookies.header }));
  const body = { method: "password", identifier: email, password, csrf_token: csrf(flow) };
  const html = { Accept: "text/html", "Content-Type": "application/x-www-form-urlencoded" };
  const response = await fetch(flow.ui.action, {
    method: flow.ui.method,
    redirect: "manual",
    headers: { ...html, Cookie: cookies.header },
    body: new URLSearchParams(body),
  });
  assert.equal(response.status, 303);
  cookies.take({ headers: { "set-cookie": response.headers.getSetCookie() } });
  const { data } = await frontend.toSession({ cookie: cookies.header });
  assert.equal(data.identity.traits.email, email);
});

await check("a native app signs in by a code from the inbox", async () => {
  const { data: flow } = await frontend.createNativeLoginFlow();
  const body = { method: "code", identifier: email };
  const submit = (updateLoginFlowBody) => frontend.updateLoginFlow({ flow: flow.id, updateLoginFlowBody });
  const sent = await refusal(submit(body));
  assert.equal(sent.status, 400);
  assert.equal(sent.data.state, "sent_email");
  assert.deepEqual(messages(sent.data), [1010014]);
  const right = await code(1);
  const wrong = await refusal(submit({ ...body, code: right === "000000" ? "111111" : "000000" }));
  assert.deepEqual(messages(wrong.data), [4010008]);
  const { data } = await submit({ ...body, code: right });
  assert.deepEqual(data.session.authentication_methods.map((m) => m.method), ["code"]);
  assert.equal(data.session.identity.verifiable_addresses[0].verified, true);
  const again = await refusal(submit({ ...body, code: right }));
  assert.equal(again.data.state, "passed_challenge");
});

await check("a single-page app asks for another code and signs in by it", async () => {
  const cookies = new Cookies();
  const flow = cookies.take(await frontend.createBrowserLoginFlow());
  const body = { method: "code", identifier: email, csrf_token: csrf(flow) };
  const submit = (updateLoginFlowBody) =>
    frontend.updateLoginFlow({ flow: flow.id, cookie: cookies.header, updateLoginFlowBody });
  await refusal(submit(body));
  await code(2);
  assert.deepEqual(messages((await refusal(submit({ ...body, resend: "code" }))).data), [1010014]);
  const done = cookies.take(await submit({ ...body, code: await code(3) }));
  assert.equal(done.continue_with[0].action, "redirect_browser_to");
  assert.equal((await frontend.toSession({ cookie: cookies.header })).data.identity.id, identity.id);
});

await check("an administrator deletes the identity", async () => {
  await identities.deleteIdentity({ id: identity.id });
  assert.equal((await refusal(identities.getIdentity({ id: identity.id }))).status, 404);
});

console.log(`javascript client: ${checks} checks passed`);
