// A route for signed-in users. Its event has the caller's identity, because the authorizer has asked Latchkey. This function calls no service.
export async function handler(event) {
  const caller = event.requestContext.authorizer.lambda;
  const traits = JSON.parse(caller.traits);
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hello: traits.email ?? caller.identity_id, signed_in_until: caller.expires_at }),
  };
}
