// The smallest page around Ory's own login form: fetches a flow by the SDK and hands it over.
import { Configuration, FrontendApi } from "@ory/client-fetch";
import { Login } from "@ory/elements-react/theme";
import "@ory/elements-react/theme/styles.css";
import { createRoot } from "react-dom/client";

const url = new URLSearchParams(window.location.search).get("api");
const options = { credentials: "include", headers: { Accept: "application/json" } };
const frontend = new FrontendApi(new Configuration({ basePath: url, ...options }));
const here = window.location.origin;
const project = {
  name: "Elements",
  default_redirect_url: here,
  error_ui_url: `${here}/error`,
  login_ui_url: `${here}/login`,
  registration_ui_url: `${here}/registration`,
  recovery_ui_url: `${here}/recovery`,
  settings_ui_url: `${here}/settings`,
  verification_ui_url: `${here}/verification`,
  registration_enabled: false,
  recovery_enabled: false,
  verification_enabled: false,
};

const flow = await frontend.createBrowserLoginFlow({ returnTo: `${here}/welcome.html` });
createRoot(document.getElementById("root")).render(<Login flow={flow} config={{ sdk: { url, options }, project }} />);
