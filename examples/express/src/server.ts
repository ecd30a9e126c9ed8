// An application that renders its pages on the server. It keeps no session of its own: for each request it asks Latchkey for the
// session of the cookies.
import { Configuration, FrontendApi, type LogoutFlow, type Session } from "@ory/client";
import express, { type Request, type Response } from "express";
import { form } from "./form.js";
import { html, page } from "./html.js";

const api = process.env["KRATOS_PUBLIC_URL"] ?? "http://127.0.0.1:4433";
const port = Number(process.env["PORT"] ?? 3000);
const here = process.env["APP_URL"] ?? `http://127.0.0.1:${port}`;
const frontend = new FrontendApi(new Configuration({ basePath: api }));

const app = express();
app.use(express.static("public"));

app.get("/", async (request, response) => {
  const session = await signedIn(request, response);
  if (!session) return;
  const { data: logout } = await frontend.createBrowserLogoutFlow({ cookie: request.headers.cookie });
  response.send(home(session, logout));
});

function home(session: Session, logout: LogoutFlow): string {
  const since = new Date(session.authenticated_at ?? "").toLocaleString("en");
  return page(
    "A page for members",
    html`<p>You are signed in since ${since}, and this is what the page knows of you:</p>
      <pre>${JSON.stringify(session.identity?.traits, null, 2)}</pre>
      <a class="button" href="${logout.logout_url}">Sign out</a>`,
  );
}

/** The session of a request; sends the browser to sign in if there is none. */
async function signedIn(request: Request, response: Response): Promise<Session | undefined> {
  try {
    return (await frontend.toSession({ cookie: request.headers.cookie })).data;
  } catch (error) {
    const refusal = refused(error);
    if (refusal.status === 401) response.redirect(303, begin(here + request.originalUrl));
    // Signed in, but not strongly enough: the answer says where to go on.
    else if (refusal.status === 403 && refusal.redirectTo) response.redirect(303, refusal.redirectTo);
    else throw error;
    return undefined;
  }
}

app.get("/login", async (request, response) => {
  const id = request.query["flow"];
  if (typeof id !== "string") return response.redirect(303, begin());
  try {
    const { data: flow } = await frontend.getLoginFlow({ id, cookie: request.headers.cookie });
    return response.send(page(flow.refresh ? "Confirm that it is you" : "Sign in", form(flow)));
  } catch (error) {
    const { status } = refused(error);
    // Expired, or cleaned up since: begin again.
    if (status === 404 || status === 410) return response.redirect(303, begin());
    // The flow belongs to another browser. A new one is not begun automatically: without cookies the browser would be redirected for ever.
    if (status === 403) {
      const why = html`<p role="alert">This form was begun in another browser, or this browser keeps no cookies for ${here}.</p>
        <a class="button" href="${begin()}">Begin again</a>`;
      return response.status(403).send(page("This form is not yours", why));
    }
    throw error;
  }
});

app.get("/error", async (request, response) => {
  const { data } = await frontend.getFlowError({ id: String(request.query["id"]) });
  response.send(page("Something went wrong", html`<pre>${JSON.stringify(data.error, null, 2)}</pre><a class="button" href="/">Home</a>`));
});

app.use((error: unknown, _request: Request, response: Response, _next: express.NextFunction) => {
  console.error(error instanceof Error ? error.message : error);
  response.status(502).send(page("Please try again", html`<p role="alert">The login service did not answer as expected.</p>`));
});

/** Where a browser begins to sign in. */
function begin(returnTo = `${here}/`): string {
  return `${api}/self-service/login/browser?return_to=${encodeURIComponent(returnTo)}`;
}

/** What Latchkey answered to a call that failed. */
function refused(error: unknown): { status?: number; redirectTo?: string } {
  const response = (error as { response?: { status: number; data?: { redirect_browser_to?: string } } }).response;
  return { status: response?.status, redirectTo: response?.data?.redirect_browser_to };
}

app.listen(port, "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`The application is at ${here}/ and signs users in at ${api}.`);
});
