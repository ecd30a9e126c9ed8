// What the pages add with a script. It makes no decisions: the server does.
"use strict";

(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Shows a password as text. Before the form is submitted it is a password again, so that password managers recognise it.
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

  // A form that was submitted too late comes back empty. The identifier is kept in this tab and used once.
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
      // Without storage the user types it again.
    }
  }

  // The field with an error gets the focus, also in browsers that focus only inputs by themselves.
  const first = document.querySelector("[autofocus]");
  if (first && document.activeElement === document.body) first.focus();

  // Prevents a second submission. The button stays enabled while the form is read, because its name and value are part of it.
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

  // Times in the time zone and calendar of the user.
  for (const time of all("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!isNaN(at)) {
      time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    }
  }
})();
