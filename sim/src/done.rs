//! Whether a line of a script has done something.

/// What came of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It changed something.
    Something,
    /// It changes something once its actor has a connection.
    OnceConnected,
    /// It changes something unless the node refuses this [letter](crate::world::Letter), by number.
    OnceTaken(u64),
    /// It changed nothing, and why not.
    Nothing(&'static str),
}

impl Done {
    /// Something, if this is so; otherwise nothing, and why.
    #[must_use]
    pub const fn only_if(changed: bool, why_not: &'static str) -> Self {
        if changed { Self::Something } else { Self::Nothing(why_not) }
    }
}
