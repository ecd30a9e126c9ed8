// A login form, drawn from the nodes of a flow. It knows kinds of nodes and no method, so a method that is switched on later shows up
// without a change.
import type { LoginFlow, UiNode, UiNodeInputAttributes, UiText } from "@ory/client-fetch";

interface Props {
  flow: LoginFlow;
  onSubmit: (fields: FormData) => void;
}

export function Form({ flow, onSubmit }: Props) {
  return (
    <form
      // Another flow is another form: values of the old one must not stay in its fields.
      key={flow.id}
      onSubmit={(event) => {
        event.preventDefault();
        const { submitter } = event.nativeEvent as SubmitEvent;
        onSubmit(new FormData(event.currentTarget, submitter));
      }}
    >
      <Messages texts={flow.ui.messages} />
      {flow.ui.nodes.map((node, at) => (
        <Node key={at} node={node} />
      ))}
    </form>
  );
}

function Messages({ texts = [] }: { texts?: UiText[] }) {
  return texts.map((text) => (
    <p key={text.id} className={text.type} role={text.type === "error" ? "alert" : "status"}>
      {text.text}
    </p>
  ));
}

function Node({ node }: { node: UiNode }) {
  const attributes = node.attributes;
  switch (attributes.node_type) {
    case "input":
      return <Input node={node} attributes={attributes} />;
    case "a":
      return <a href={attributes.href}>{attributes.title.text}</a>;
    case "img":
      return <img src={attributes.src} width={attributes.width} height={attributes.height} alt="" />;
    case "text":
      return <p>{attributes.text.text}</p>;
    default:
      return null;
  }
}

function Input({ node, attributes }: { node: UiNode; attributes: UiNodeInputAttributes }) {
  const { name, type, disabled, required } = attributes;
  const value = attributes.value ?? "";
  const label = node.meta.label?.text ?? name;
  switch (type) {
    case "hidden":
      return <input type="hidden" name={name} value={value} />;
    case "submit":
    case "button":
      return (
        <button type={type} name={name} value={value} disabled={disabled}>
          {label}
        </button>
      );
    default:
      return (
        <>
          <label>
            {label}
            <input
              type={type}
              name={name}
              defaultValue={type === "checkbox" ? "true" : value}
              defaultChecked={type === "checkbox" && value === true}
              autoComplete={attributes.autocomplete}
              disabled={disabled}
              required={required}
            />
          </label>
          <Messages texts={node.messages} />
        </>
      );
  }
}
