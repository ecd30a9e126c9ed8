// Everything that is said to Latchkey, and what its answers mean to this application.
import { Configuration, FrontendApi, ResponseError, type LoginFlow, type Session, type UpdateLoginFlowBody } from "@ory/client-fetch";

const frontend = new FrontendApi(
  new Configuration({
    basePath: import.meta.env.VITE_API_URL ?? "http://127.0.0.1:4433",
    // The session is a cookie, and this page another origin than the one that set it.
    credentials: "include",
    headers: { Accept: "application/json" },
  }),
);

/** The message of what has no id of its own. */
const GENERIC = 4000001;

/** What to show: a page for somebody, or a form, perhaps with a word on why it is another one than before. */
export type State = { session: Session } | { flow: LoginFlow; notice?: string };

/** Who is signed in? Nobody gets a form. */
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
    // Signed in meanwhile, in another tab.
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
        // Somebody signed in meanwhile, in another tab: there is no login any more, only a session.
        if (body.ui.messages?.some((message) => message.id === GENERIC)) return start();
        // The form again, with what was wrong.
        return { flow: body as LoginFlow };
      case 403:
        return begin("This form was no longer good. Here is a new one.");
      case 410:
        // The answer names the form that takes the place of the expired one.
        if (!body.use_flow_id) return begin("The form had expired. Here is a new one.");
        return {
          flow: await frontend.getLoginFlow({ id: body.use_flow_id }),
          notice: "The form had expired. Here is a new one.",
        };
      case 422:
        // Goes on elsewhere: at a social sign-in provider, or with a second factor.
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

/** Goes to another page; there is nothing to show until it is there. */
function leave(to: string): Promise<never> {
  window.location.assign(to);
  return new Promise(() => {});
}

interface Refusal {
  status: number;
  body: { error?: { id?: string }; redirect_browser_to?: string; use_flow_id?: string } & Partial<LoginFlow>;
}

/** What was answered to a call that failed; a failure of another kind is passed on. */
async function refusal(error: unknown): Promise<Refusal> {
  if (!(error instanceof ResponseError)) throw error;
  return { status: error.response.status, body: await error.response.clone().json() };
}
