// A mail server that takes everything from a client with the password, and shows it as JSON by HTTP.
//
//   node smtp.mjs PORT_OF_SMTP PORT_OF_HTTP
import http from "node:http";
import { generate } from "selfsigned";
import { SMTPServer } from "smtp-server";

const [smtp, web] = process.argv.slice(2).map(Number);
const messages = [];
// A certificate that no other client trusts. The one that the server brings is of a version that rustls does not read.
const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }]);

const server = new SMTPServer({
  key,
  cert,
  authMethods: ["PLAIN", "LOGIN"],
  logger: false,
  onAuth: ({ username, password }, session, done) =>
    username === "unit@example.org" && password === "p:ss/word"
      ? done(null, { user: username })
      : done(new Error("wrong user or password")),
  onRcptTo: ({ address }, session, done) =>
    address.startsWith("unknown@")
      ? done(Object.assign(new Error(`no mailbox ${address}`), { responseCode: 550 }))
      : done(),
  onData: (stream, session, done) => {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      messages.push({
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map(({ address }) => address),
        secure: session.secure,
        user: session.user,
        raw: Buffer.concat(parts).toString("utf8"),
      });
      done();
    });
  },
});
// The server goes on when a client breaks off.
server.on("error", () => {});
server.listen(smtp, "127.0.0.1", () => {
  // A client that waits for the second port finds the first one open.
  http
    .createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(messages));
    })
    .listen(web, "127.0.0.1");
});
