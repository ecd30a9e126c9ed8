// What pages do beyond what they do without a script. Nothing here decides anything: the server does.
"use strict";

(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Show what was typed as a password. Before the form is sent it is a password again, so that managers see one.
  for (const button of all("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      show(input.type === "password");
      input.focus();
    });
    if (input.form) input.form.addEventListener("submit", () => show(false));
  }

  // A form that was sent too late comes back empty; the identifier is still there. It stays in this tab and is used once.
  const identifier = document.querySelector("input[name=identifier]:not([readonly])");
  if (identifier && identifier.form) {
    const key = "latchkey.identifier";
    try {
      const kept = sessionStorage.getItem(key);
      sessionStorage.removeItem(key);
      if (kept && !identifier.value && identifier.form.hasAttribute("data-timed-out")) {
        identifier.value = kept;
        const next = identifier.form.querySelector("input[type=password]");
        if (next) next.focus();
      }
      identifier.form.addEventListener("submit", () => sessionStorage.setItem(key, identifier.value));
    } catch {
      // A browser without storage asks again.
    }
  }

  // What is wrong comes first, also in browsers that focus nothing but inputs by themselves.
  const first = document.querySelector("[autofocus]");
  if (first && document.activeElement === document.body) first.focus();

  // Once is enough. The button stays as it is while the form is read, because its name and value are part of it.
  for (const form of all("form")) {
    form.addEventListener("submit", (event) => {
      if (form.getAttribute("aria-busy") === "true") return event.preventDefault();
      form.setAttribute("aria-busy", "true");
    });
  }
  window.addEventListener("pageshow", () => all("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy")));

  // Triggers of passkeys and security keys. The names come from a fixed list; the API's own script defines the functions.
  const call = (name) => typeof window[name] === "function" && window[name]();
  for (const element of all("[data-onclick]")) {
    element.addEventListener("click", () => call(element.dataset.onclick));
  }
  window.addEventListener("load", () => all("[data-onload]").forEach((element) => call(element.dataset.onload)));

  // Moments by the clock and the calendar of whoever reads.
  for (const time of all("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!isNaN(at)) {
      time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    }
  }
})();
