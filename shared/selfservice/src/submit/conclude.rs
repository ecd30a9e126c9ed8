//! What becomes of an outcome: it is stored, then answered.

use super::admission::Admitted;
use crate::policy::FlowPolicy;
use crate::respond::Answer;
use latchkey_core::error::Fault;
use latchkey_methods::submit::{Outcome, Step};
use latchkey_store::flows::flow::Saved;
use latchkey_web::Reply;

impl<S: FlowPolicy> Admitted<'_, S> {
    /// Stores and answers an outcome.
    pub(super) async fn conclude(self, outcome: Outcome<S>) -> Result<Reply, Fault> {
        match outcome {
            Outcome::Invalid { flow, log } => self.context.save_and_show(flow, log).await,
            Outcome::Throttled { flow, wait } => match self.context.app.flows.save(&flow).await? {
                Saved::Done => self.context.used_up(flow),
                Saved::Stored | Saved::Changed => self.context.respond(&flow, Answer::Throttled { wait }),
            },
            Outcome::Step(Step { flow, sending: None, refund, transient_payload, log }) => {
                let save = self.context.app.flows.save(&flow);
                let (saved, ()) = tokio::join!(save, self.context.refund(&refund));
                let step = Answer::Form { transient_payload: Some(transient_payload), log };
                self.context.after(saved?, flow, step)
            }
            Outcome::Step(Step { flow, sending: Some(sending), transient_payload, .. }) => {
                // Of clients that ask at the same time one sends, and all are told that a code is on its way.
                let sent = self.context.send(&flow, sending).await?;
                let log = if sent { "code sent" } else { "code sent by another request" };
                self.context.respond(&flow, Answer::Form { transient_payload: Some(transient_payload), log })
            }
            Outcome::Success(success) => Box::pin(self.complete(*success)).await,
            Outcome::FlowDone => self.context.used_up(self.flow.clone()),
        }
    }
}
