// Polls for messages every second and a half and adds new ones. The content of messages is only ever set as text. HTML parts go into
// frames that can only open links that a user follows.
"use strict";

(() => {
  const list = document.getElementById("messages");
  const state = document.getElementById("state");
  const empty = document.getElementById("empty");
  const pattern = document.getElementById("message");
  const shown = new Map();

  /** A text whose URLs are links. */
  const linked = (text) =>
    text.split(/(https?:\/\/[^\s<>"]*[^\s<>"'.,:;!?)\]])/).map((part, at) => {
      if (at % 2 === 0) return part;
      const link = document.createElement("a");
      Object.assign(link, { href: part, textContent: part, target: "_blank", rel: "noopener noreferrer" });
      return link;
    });

  const draw = (message) => {
    const item = pattern.content.cloneNode(true).firstElementChild;
    const at = (selector) => item.querySelector(selector);
    const title = message.subject || (message.channel === "sms" ? "Text message" : "Message");
    at("h2").textContent = title;
    at(".to").textContent = message.to;
    at(".kind").textContent = message.template_type;
    const time = at("time");
    time.dateTime = message.created_at;
    time.textContent = new Date(message.created_at).toLocaleTimeString();
    const code = /(?<!\d)\d{6}(?!\d)/.exec(message.text);
    at(".copy").hidden = !code;
    if (code) {
      const button = at(".copy button");
      at("output").textContent = code[0];
      button.setAttribute("aria-label", `Copy the code ${code[0]}`);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code[0]);
        button.textContent = "Copied";
        button.setAttribute("aria-label", `Copied the code ${code[0]}`);
        state.textContent = `Copied ${code[0]}`;
        setTimeout(() => {
          button.textContent = "Copy";
          button.setAttribute("aria-label", `Copy the code ${code[0]}`);
          count();
        }, 2000);
      });
    }
    at("pre").append(...linked(message.text));
    at("pre").setAttribute("aria-label", `Text of ${title}`);
    at(".views").hidden = !message.html;
    if (message.html) {
      const frame = at("iframe");
      frame.title = `HTML of ${title}`;
      // Links open in a new tab without a reference to this page. The frame itself cannot navigate.
      frame.srcdoc = `<!doctype html><base target="_blank">${message.html}`;
      const show = (html) => {
        at("pre").hidden = html;
        frame.hidden = !html;
        at(".as-text").setAttribute("aria-pressed", String(!html));
        at(".as-html").setAttribute("aria-pressed", String(html));
      };
      at(".as-text").addEventListener("click", () => show(false));
      at(".as-html").addEventListener("click", () => show(true));
    }
    return item;
  };

  const count = () => {
    const text = shown.size === 0 ? "Nothing has been sent yet." : shown.size === 1 ? "1 message" : `${shown.size} messages`;
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("some", shown.size > 0);
    empty.hidden = shown.size === 0;
  };

  const update = async () => {
    const messages = await (await fetch("api/messages")).json();
    const ids = new Set(messages.map((message) => message.id));
    for (const [id, item] of shown) {
      if (!ids.has(id)) {
        item.remove();
        shown.delete(id);
      }
    }
    for (const message of messages.reverse()) {
      if (!shown.has(message.id)) {
        const item = draw(message);
        shown.set(message.id, item);
        list.prepend(item);
      }
    }
    count();
  };

  const keepUpdating = async () => {
    try {
      await update();
    } catch {
      state.textContent = "The stack does not answer. Is it still running?";
    }
    setTimeout(keepUpdating, 1500);
  };

  empty.addEventListener("click", async () => {
    await fetch("api/messages", { method: "DELETE" });
    await update();
  });
  keepUpdating();
})();
