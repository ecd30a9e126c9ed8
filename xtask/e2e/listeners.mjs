// What a page of another site can do to a machine that runs the stack: nothing. A real Chromium opens such a page, and the page tries
// every way that browsers give it against everything that listens.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { setting, stack } from "./lib/processes.mjs";
import { check, end } from "./lib/report.mjs";

const TARGET = "DynamoDB_20120810";
const PLANTED = "planted@other.example";

/** Every port that a process listens on, as the kernel has it. */
function listening(pid) {
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return "";
    }
  });
  const sockets = new Set(links.map((link) => link.match(/^socket:\[(\d+)\]$/)?.[1]).filter(Boolean));
  const lines = readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/)).filter((all) => all[3] === "0A" && sockets.has(all[9]));
  return fields.map((all) => parseInt(all[1].split(":")[1], 16));
}

// As a function of each kind answers, its Runtime API listens too.
const running = await stack({}, ["--processes"]);
const port = (url) => Number(new URL(url).port);
for (const url of [`${running.api}/health/alive`, `${running.api}/self-service/login/api`, `${running.admin}/admin/identities`, running.pages]) {
  await fetch(url, { redirect: "manual" });
}
const ports = listening(running.pid);
const forBrowsers = [port(running.api), port(running.pages)];
const forPrograms = ports.filter((each) => !forBrowsers.includes(each));

const page = createServer((_, answer) => {
  answer.setHeader("content-type", "text/html; charset=utf-8");
  answer.end("<!doctype html><title>A page of another site</title><body></body>");
});
await new Promise((done) => page.listen(0, "127.0.0.1", done));
const other = page.address().port;

const browser = await chromium.launch({
  executablePath: setting("CHROMIUM"),
  args: [
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    // Host names of another owner that resolve to this machine, as after DNS rebinding.
    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // The stack must not depend on a browser asking its user first.
    "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessSendPreflights,PrivateNetworkAccessRespectPreflightResults,BlockInsecurePrivateNetworkRequests",
  ],
});

/** Opens the page, lets it try everything against a port, and gives what the browser was answered. */
async function tried(from, target) {
  const context = await browser.newContext();
  const opened = await context.newPage();
  // As they come over the wire: a page, and what looks at pages, is shown no answer that another origin may not see.
  const wire = await context.newCDPSession(opened);
  await wire.send("Network.enable");
  const asked = new Map();
  const answers = [];
  wire.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, `${request.method} ${request.url}`));
  wire.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => answers.push([requestId, statusCode]));
  await opened.goto(from);
  const read = await opened.evaluate(
    async ({ base, store, planted }) => {
      const identity = JSON.stringify({ schema_id: "default", traits: { email: planted } });
      const message = JSON.stringify({ to: planted, channel: "email", template_type: "x", subject: planted, text: planted });
      const scan = JSON.stringify({ TableName: "credentials" });
      const item = JSON.stringify({ TableName: "accounts", Item: { pk: { S: planted }, sk: { S: "profile" } } });
      const sent = JSON.stringify({ QueueUrl: `${base}/CourierQueue`, MessageBody: planted });
      const got = [];
      const ask = async (path, options) => {
        try {
          const answer = await fetch(base + path, options);
          if (answer.type !== "opaque") got.push(`${path} ${answer.status}: ${(await answer.text()).slice(0, 80)}`);
        } catch {
          // A browser that hides the answer from the page reports only that.
        }
      };
      const paths = ["/", "/admin/identities", "/api/messages", "/2018-06-01/runtime/invocation/next"];
      for (const path of paths) {
        await ask(path, {});
        await ask(path, { mode: "no-cors", credentials: "include" });
        for (const body of [identity, message, scan, item, sent]) {
          await ask(path, { mode: "no-cors", method: "POST", headers: { "content-type": "text/plain" }, body });
          await ask(path, { mode: "no-cors", method: "POST", body: new URLSearchParams({ x: body }) });
          await ask(path, { mode: "no-cors", method: "POST", body: new Blob([body]) });
          await ask(path, { method: "POST", headers: { "content-type": "application/json" }, body });
        }
        await ask(path, { method: "DELETE" });
      }
      for (const [operation, body] of [["Scan", scan], ["PutItem", item]]) {
        const signature = "AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        await ask("/", {
          method: "POST",
          headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `${store}.${operation}`, authorization: signature, "x-amz-date": "20260101T000000Z" },
          body,
        });
      }
      const loaded = (tag, attributes) =>
        new Promise((done) => {
          const element = Object.assign(document.createElement(tag), attributes);
          element.onload = () => done(got.push(`${tag} was loaded`));
          element.onerror = () => done();
          document.body.append(element);
        });
      await loaded("img", { src: `${base}/api/messages` });
      await loaded("script", { src: `${base}/inbox.js` });
      // A form is sent without a preflight request.
      const frame = Object.assign(document.createElement("iframe"), { name: "there" });
      const answered = new Promise((done) => (frame.onload = done));
      document.body.append(frame);
      await answered;
      for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        const form = Object.assign(document.createElement("form"), { method: "post", action: `${base}/admin/identities`, enctype, target: "there" });
        form.append(Object.assign(document.createElement("input"), { name: identity.slice(0, -1) + ',"a":"', value: '"}' }));
        document.body.append(form);
        const next = new Promise((done) => (frame.onload = done));
        form.submit();
        await Promise.race([next, new Promise((done) => setTimeout(done, 2000))]);
      }
      return got;
    },
    { base: `http://127.0.0.1:${target}`, store: TARGET, planted: PLANTED },
  );
  await context.close();
  const seen = answers.map(([id, status]) => [status, asked.get(id) ?? id]);
  return { read, answers: seen.filter(([, request]) => request.includes(`:${target}/`)) };
}

await check("the stack listens on its four ports, for its store, its queues and its functions", () => {
  assert.ok(forPrograms.length >= 5, ports.join(" "));
});

for (const from of [`http://127.0.0.1:${other}/`, `http://other.example:${other}/`]) {
  for (const target of forPrograms) {
    await check(`a page at ${new URL(from).hostname} reaches nothing on port ${target - port(running.api)} above the API`, async () => {
      const { read, answers } = await tried(from, target);
      assert.deepEqual(read, [], "what the page could read");
      assert.ok(answers.length > 20, `the requests arrive: ${answers.length}`);
      const taken = answers.filter(([status]) => status !== 403 && status !== 415);
      assert.deepEqual(taken, [], "what was not refused");
    });
  }
}

for (const target of ports) {
  await check(`a foreign host name opens nothing on port ${target - port(running.api)} above the API`, async () => {
    const context = await browser.newContext();
    const opened = await context.newPage();
    for (const path of ["/", "/admin/identities", "/api/messages", "/self-service/login/api"]) {
      const answer = await opened.goto(`http://rebound.example:${target}${path}`);
      assert.equal(answer.status(), 403, path);
    }
    await context.close();
  });
}

await check("nothing was planted, and nothing was taken away", async () => {
  const identities = await (await fetch(`${running.admin}/admin/identities`)).text();
  const messages = await (await fetch(`${running.inbox}/api/messages`)).text();
  assert.ok(identities.includes("demo@latchkey.example") && !identities.includes(PLANTED), identities);
  assert.equal(messages, "[]");
});

await check("the inbox's own page works", async () => {
  const opened = await (await browser.newContext()).newPage();
  await opened.goto(running.inbox);
  assert.equal(await opened.evaluate(async () => (await fetch("/api/messages", { method: "DELETE" })).status), 204);
});

await browser.close();
end();
