// A route for signed-in people. Who they are stands in the event: the authorizer has asked Latchkey, this function asks nobody.
export async function handler(event) {
  const caller = event.requestContext.authorizer.lambda;
  const traits = JSON.parse(caller.traits);
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hello: traits.email ?? caller.identity_id, signed_in_until: caller.expires_at }),
  };
}
