//! Where a request comes from, for the list of a session's devices (contract `login-flow.md` 7.1), for messages
//! and for what counts by network.

use crate::address;
use crate::call::Call;
use latchkey_core::courier::Requester;
use latchkey_core::session::Device;
use uuid::Uuid;

/// Longest text kept of what a client says about itself, in bytes.
const LONGEST: usize = 512;

/// The client's address: the gateway's word, or that of a hop which the configuration trusts. Never anything but an address.
pub fn address(call: &Call<'_>) -> Option<String> {
    address::client(call).map(|client| client.address.to_string())
}

/// The device of a request.
pub fn of(call: &Call<'_>, id: Uuid) -> Device {
    let agents: Vec<&str> =
        call.headers.get_all("user-agent").iter().filter_map(|v| std::str::from_utf8(v.as_bytes()).ok()).collect();
    Device {
        id,
        ip_address: address::client(call).map(address::Client::shown),
        user_agent: (!agents.is_empty()).then(|| cut(agents.join(" "))),
        location: Some(cut(address::place(call))),
    }
}

/// The same for the reader of a message: no more than they may recognise.
pub fn requester(call: &Call<'_>) -> Requester {
    let Device { user_agent, location, .. } = of(call, Uuid::nil());
    Requester::new(&user_agent.unwrap_or_default(), location)
}

fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    text
}
