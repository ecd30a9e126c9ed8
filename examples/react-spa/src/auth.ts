// Every call of Latchkey, and what its answers mean to this application.
import { Configuration, FrontendApi, ResponseError, type LoginFlow, type Session, type UpdateLoginFlowBody } from "@ory/client-fetch";

const frontend = new FrontendApi(
  new Configuration({
    basePath: import.meta.env.VITE_API_URL ?? "http://127.0.0.1:4433",
    // The session is a cookie of another origin, so requests must send it explicitly.
    credentials: "include",
    headers: { Accept: "application/json" },
  }),
);

/** The message of an error without an id. */
const GENERIC = 4000001;

/** What to show: the page of a signed-in user, or a form, sometimes with the reason why it replaces another one. */
export type State = { session: Session } | { flow: LoginFlow; notice?: string };

/** Gets the session. Without one, begins a login. */
export async function start(): Promise<State> {
  try {
    return { session: await frontend.toSession() };
  } catch (error) {
    const { status, body } = await refusal(error);
    if (status === 403 && body.redirect_browser_to) return leave(body.redirect_browser_to);
    if (status !== 401) throw error;
    return begin();
  }
}

async function begin(notice?: string): Promise<State> {
  try {
    return { flow: await frontend.createBrowserLoginFlow(), notice };
  } catch (error) {
    // The user signed in meanwhile, in another tab.
    if ((await refusal(error)).body.error?.id === "session_already_available") return start();
    throw error;
  }
}

export async function submit(flow: LoginFlow, fields: FormData): Promise<State> {
  const body = Object.fromEntries(fields) as unknown as UpdateLoginFlowBody;
  try {
    const done = await frontend.updateLoginFlow({ flow: flow.id, updateLoginFlowBody: body });
    return { session: done.session };
  } catch (error) {
    const { status, body } = await refusal(error);
    switch (status) {
      case 400:
        if (!body.ui) throw error;
        // The user signed in meanwhile, in another tab: there is a session and no login flow any more.
        if (body.ui.messages?.some((message) => message.id === GENERIC)) return start();
        // The same form, with errors.
        return { flow: body as LoginFlow };
      case 403:
        return begin("This form was no longer good. Here is a new one.");
      case 410:
        // The answer names the flow that replaces the expired one.
        if (!body.use_flow_id) return begin("The form had expired. Here is a new one.");
        return {
          flow: await frontend.getLoginFlow({ id: body.use_flow_id }),
          notice: "The form had expired. Here is a new one.",
        };
      case 422:
        // The browser goes elsewhere: to a social sign-in provider, or to a second factor.
        if (body.redirect_browser_to) return leave(body.redirect_browser_to);
        throw error;
      default:
        throw error;
    }
  }
}

export async function signOut(): Promise<State> {
  const { logout_token: token } = await frontend.createBrowserLogoutFlow();
  await frontend.updateLogoutFlow({ token });
  return begin("You are signed out.");
}

/** Opens another page. There is nothing to show until it is there. */
function leave(to: string): Promise<never> {
  window.location.assign(to);
  return new Promise(() => {});
}

interface Refusal {
  status: number;
  body: { error?: { id?: string }; redirect_browser_to?: string; use_flow_id?: string } & Partial<LoginFlow>;
}

/** The answer to a failed call; other failures are thrown again. */
async function refusal(error: unknown): Promise<Refusal> {
  if (!(error instanceof ResponseError)) throw error;
  return { status: error.response.status, body: await error.response.clone().json() };
}
