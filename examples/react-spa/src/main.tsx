import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { start } from "./auth";
import "./style.css";

// Asked once, and not by a component: two forms that are begun at the same time would each set the anti-CSRF cookie.
const first = start();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App first={first} />
  </StrictMode>,
);
