//! Hooks: what a deployment wants to happen around a flow.

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before a submission is verified. The hook may refuse it.
    Before,
    /// After a submission was verified, before anything is stored. The hook may refuse it.
    PrePersist,
    /// After everything was stored.
    PostPersist,
}

/// A hook. This release has no kind of hook. A kind is a variant with the values that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {}

/// The hooks of a flow and a method, in the order in which they run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(Vec<(Stage, Hook)>);

impl Plan {
    /// The hooks of a stage.
    pub fn at(&self, stage: Stage) -> impl Iterator<Item = &Hook> {
        self.0.iter().filter(move |(at, _)| *at == stage).map(|(_, hook)| hook)
    }
}
