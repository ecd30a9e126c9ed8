//! The engine of the self-service flows: it opens, shows and takes submissions of any flow, by the flow's policy.
//!
//! ```text
//! request → decode → recognise → read once → admit → parse → count → verify → outcome → hooks → commit once → respond
//! ```
//!
//! A method returns data; this crate alone commits it to the store and turns it into an answer.
//!
//! | module | holds |
//! |---|---|
//! | [`policy`] | what is true of one flow: one file per flow |
//! | [`open`] | how a flow begins, in a browser and in a native app |
//! | [`show`] | how a flow is shown to the client that began it |
//! | [`submit`] | how a submission is taken |
//! | [`respond`] | what each kind of client is answered |
//! | [`hooks`] | the points at which hooks of a flow run |

pub mod hooks;
pub mod open;
pub mod policy;
pub mod respond;
pub mod show;
pub mod submit;
