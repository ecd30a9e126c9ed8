// A login form, drawn from the nodes of a flow. It knows kinds of nodes and no method, so a method that is switched on later shows up
// without a change.
import type { LoginFlow, UiNode, UiNodeInputAttributes, UiText } from "@ory/client";
import { html, type Html } from "./html.js";

export function form(flow: LoginFlow): Html {
  return html`${messages(flow.ui.messages)}
    <form action="${flow.ui.action}" method="${flow.ui.method}">${flow.ui.nodes.map(node)}</form>`;
}

function messages(texts: UiText[] | undefined): Html[] {
  return (texts ?? []).map((text) => html`<p class="${text.type}" role="${text.type === "error" ? "alert" : "status"}">${text.text}</p>`);
}

function node(node: UiNode): Html {
  const attributes = node.attributes;
  switch (attributes.node_type) {
    case "input":
      return input(node, attributes);
    case "a":
      return html`<a href="${attributes.href}">${attributes.title.text}</a>`;
    case "img":
      return html`<img src="${attributes.src}" width="${attributes.width}" height="${attributes.height}" alt="" />`;
    case "text":
      return html`<p>${attributes.text.text}</p>`;
    default:
      // Scripts of methods that need one; this page works without.
      return html``;
  }
}

function input(node: UiNode, attributes: UiNodeInputAttributes): Html {
  const { name, type } = attributes;
  const value = attributes.value === undefined || attributes.value === null ? "" : String(attributes.value);
  const label = node.meta.label?.text ?? name;
  const disabled = attributes.disabled ? html`disabled` : null;
  const required = attributes.required ? html`required` : null;
  switch (type) {
    case "hidden":
      return html`<input type="hidden" name="${name}" value="${value}" />`;
    case "submit":
    case "button":
      // A button of type "button" waits for a script.
      return html`<button type="${type}" name="${name}" value="${value}" ${disabled}>${label}</button>`;
    case "checkbox":
      return html`<label><input type="checkbox" name="${name}" value="true" ${value === "true" && html`checked`} ${disabled} ${required} /> ${label}</label>
        ${messages(node.messages)}`;
    default:
      return html`<label>${label}
        <input type="${type}" name="${name}" value="${value}" autocomplete="${attributes.autocomplete ?? "on"}" ${disabled} ${required} />
      </label>
      ${messages(node.messages)}`;
  }
}
