//! The reasons a frame can get and the things read inbound that are counted apart.
//!
//! Written down a second time on purpose: the differential tests compare by name, so a renamed or lost counter shows.

/// Why a frame passed or was dropped; the name is the counter's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the counter of the same name")]
pub enum Reason {
    NoPolicy,
    NotCaptured,
    NotIp,
    NotRead,
    TagsLimit,
    Malformed,
    LaterFragment,
    NotTcp,
    OtherPort,
    NotSyn,
    UnknownSource,
    Exempt,
    StageOff,
    AllowedDestination,
    UnlistedDestination,
    WouldDrop,
    Blocked,
    UndeterminedOverlap,
    UndeterminedTiny,
    UndeterminedChain,
    UndeterminedPassed,
    Inbound,
    ReturnBlocked,
    ReturnWouldDrop,
}

impl Reason {
    /// Every reason, in the order of the walk.
    pub const ALL: [Self; 24] = [
        Self::NoPolicy,
        Self::NotCaptured,
        Self::NotIp,
        Self::NotRead,
        Self::TagsLimit,
        Self::Malformed,
        Self::LaterFragment,
        Self::NotTcp,
        Self::OtherPort,
        Self::NotSyn,
        Self::UnknownSource,
        Self::Exempt,
        Self::StageOff,
        Self::AllowedDestination,
        Self::UnlistedDestination,
        Self::WouldDrop,
        Self::Blocked,
        Self::UndeterminedOverlap,
        Self::UndeterminedTiny,
        Self::UndeterminedChain,
        Self::UndeterminedPassed,
        Self::Inbound,
        Self::ReturnBlocked,
        Self::ReturnWouldDrop,
    ];

    /// The counter's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPolicy => "no_policy",
            Self::NotCaptured => "not_captured",
            Self::NotIp => "not_ip",
            Self::NotRead => "not_read",
            Self::TagsLimit => "tags_limit",
            Self::Malformed => "malformed",
            Self::LaterFragment => "later_fragment",
            Self::NotTcp => "not_tcp",
            Self::OtherPort => "other_port",
            Self::NotSyn => "not_syn",
            Self::UnknownSource => "unknown_source",
            Self::Exempt => "exempt",
            Self::StageOff => "stage_off",
            Self::AllowedDestination => "allowed_destination",
            Self::UnlistedDestination => "unlisted_destination",
            Self::WouldDrop => "would_drop",
            Self::Blocked => "blocked",
            Self::UndeterminedOverlap => "undetermined_overlap",
            Self::UndeterminedTiny => "undetermined_tiny",
            Self::UndeterminedChain => "undetermined_chain",
            Self::UndeterminedPassed => "undetermined_passed",
            Self::Inbound => "inbound",
            Self::ReturnBlocked => "return_blocked",
            Self::ReturnWouldDrop => "return_would_drop",
        }
    }

    /// The reason of that counter name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn names_are_unique_and_found_again() {
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.name()), Some(reason));
        }
    }
}
