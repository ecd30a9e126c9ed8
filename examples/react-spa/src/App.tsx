import { useEffect, useState } from "react";
import { signOut, submit, type State } from "./auth";
import { Form } from "./Form";

export function App({ first }: { first: Promise<State> }) {
  const [state, setState] = useState<State>();
  const [failed, setFailed] = useState(false);

  /** Shows the result, or that it failed. */
  const show = (next: Promise<State>) => {
    setFailed(false);
    next.then(setState).catch((error: unknown) => {
      console.error(error);
      setFailed(true);
    });
  };

  useEffect(() => show(first), [first]);

  return (
    <>
      {failed && <p role="alert">The login service did not answer. Is it running, and does it allow this origin?</p>}
      {state && "session" in state && (
        <>
          <h1>A page for members</h1>
          <p>You are signed in, and this is what the page knows of you:</p>
          <pre>{JSON.stringify(state.session.identity?.traits, null, 2)}</pre>
          <button onClick={() => show(signOut())}>Sign out</button>
        </>
      )}
      {state && "flow" in state && (
        <>
          <h1>Sign in</h1>
          {state.notice && <p role="status">{state.notice}</p>}
          <Form flow={state.flow} onSubmit={(fields) => show(submit(state.flow, fields))} />
        </>
      )}
    </>
  );
}
