//! The points at which hooks of a flow run. A configuration can name none in this release, so every plan is empty and no hook follows
//! the first.

use latchkey_core::error::Fault;
use latchkey_core::flow::{Flow, FlowSpec};
use latchkey_core::hook::{Plan, Stage};

/// Runs the hooks of a stage, in the plan's order. A hook may refuse what the flow is about to do.
///
/// # Errors
/// What a hook refuses with.
pub async fn run<S: FlowSpec>(plan: &Plan, stage: Stage, _flow: &Flow<S>) -> Result<(), Fault> {
    match plan.at(stage).next() {
        Some(hook) => match *hook {},
        None => Ok(()),
    }
}
