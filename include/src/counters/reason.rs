//! The reasons: why a frame was forwarded or dropped. Every frame gets exactly one.
//!
//! A reason decides its effect, except that a `blocked` frame may be answered besides. Order is the
//! packet's order: what is read first stands first.

use super::PoolCounter;

/// What a reason does to the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// The frame is forwarded bit-identical.
    Pass,
    /// The frame is dropped.
    Drop,
}

macro_rules! reasons {
    ( $( $variant:ident $name:literal $effect:ident $pool:expr, $help:literal; )* ) => {
        /// Why a frame was forwarded or dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $( #[doc = $help] $variant, )*
        }

        impl Reason {
            /// Every reason, in the packet's order; its place here is its word.
            pub const ALL: &'static [Reason] = &[ $( Reason::$variant, )* ];

            /// The counter's name.
            pub const fn name(self) -> &'static str {
                match self { $( Reason::$variant => $name, )* }
            }

            /// One sentence for people.
            pub const fn help(self) -> &'static str {
                match self { $( Reason::$variant => $help, )* }
            }

            /// What happens to the frame.
            pub const fn effect(self) -> Effect {
                match self { $( Reason::$variant => Effect::$effect, )* }
            }

            /// [`Reason::pool_counter`] by word: a load, where a `match` is a jump that goes wrong.
            const POOL_COUNTERS: [Option<PoolCounter>; Self::COUNT] = [ $( $pool, )* ];
        }
    };
}

reasons! {
    NoPolicy "no_policy" Pass None, "No image has been adopted yet.";
    NotCaptured "not_captured" Pass None, "Replay only: a byte the verdict looks at was not captured.";
    NotIp "not_ip" Pass None, "Neither IPv4 nor IPv6 behind Ethernet, tags, MPLS or PPPoE.";
    NotRead "not_read" Pass None, "An encapsulation that is not read: multilink PPP, LLC/SNAP, MPLS pseudowires.";
    TagsLimit "tags_limit" Pass None, "More than 8 VLAN tags or 16 MPLS labels.";
    Malformed "malformed" Pass None, "Headers that every receiver discards.";
    LaterFragment "later_fragment" Pass None, "A fragment that starts behind the first 16 bytes.";
    NotTcp "not_tcp" Pass None, "IP, but not TCP.";
    OtherPort "other_port" Pass None, "TCP to a port other than 25.";
    NotSyn "not_syn" Pass None, "TCP to port 25, but not the first segment.";
    UnknownSource "unknown_source" Pass None, "To port 25 from a source in no pool and no exemption.";
    Exempt "exempt" Pass Some(PoolCounter::Exempt), "To port 25 from an exemption.";
    StageOff "stage_off" Pass Some(PoolCounter::StageOff), "To port 25 from a pool in stage off.";
    AllowedDestination "allowed_destination" Pass Some(PoolCounter::AllowedDestination), "To port 25 of a destination that the pool allows.";
    UnlistedDestination "unlisted_destination" Pass Some(PoolCounter::UnlistedDestination), "To port 25 of a destination that is not among those the pool blocks.";
    WouldDrop "would_drop" Pass Some(PoolCounter::WouldDrop), "Would be dropped: the pool is in stage monitor or the line outside its share.";
    Blocked "blocked" Drop Some(PoolCounter::Blocked), "Dropped: to port 25 out of an enforced pool.";
    UndeterminedOverlap "undetermined_overlap" Drop Some(PoolCounter::UndeterminedOverlap), "Dropped: a fragment that would overwrite the TCP header.";
    UndeterminedTiny "undetermined_tiny" Drop Some(PoolCounter::UndeterminedTiny), "Dropped: a first fragment that leaves out the TCP header.";
    UndeterminedChain "undetermined_chain" Drop Some(PoolCounter::UndeterminedChain), "Dropped: more headers, tunnels or source routes than are read.";
    UndeterminedPassed "undetermined_passed" Pass Some(PoolCounter::UndeterminedPassed), "Hides its TCP header; the pool lets that pass.";
    Inbound "inbound" Pass None, "From the network side.";
    ReturnBlocked "return_blocked" Drop Some(PoolCounter::ReturnBlocked), "Dropped: an answer from port 25 to an enforced pool.";
    ReturnWouldDrop "return_would_drop" Pass Some(PoolCounter::ReturnWouldDrop), "An answer from port 25 that would be dropped under enforcement.";
}

impl Reason {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reason's word in a block of reasons.
    pub const fn word(self) -> usize {
        self as usize
    }

    /// The pool's counter for this reason; none for a reason that names no pool or exemption.
    #[inline]
    pub fn pool_counter(self) -> Option<PoolCounter> {
        Self::POOL_COUNTERS.get(self.word()).copied().flatten()
    }

    /// The reason with this word, if there is one.
    pub fn from_word(word: usize) -> Option<Reason> {
        Self::ALL.get(word).copied()
    }

    /// True for the three reasons of a packet that hides its TCP header and is dropped for it.
    pub const fn is_undetermined_drop(self) -> bool {
        matches!(self, Reason::UndeterminedOverlap | Reason::UndeterminedTiny | Reason::UndeterminedChain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Scope;

    #[test]
    fn a_reason_stands_at_its_word() {
        for (place, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.word(), place);
            assert_eq!(Reason::from_word(place), Some(*reason));
        }
        assert_eq!(Reason::from_word(Reason::COUNT), None);
    }

    #[test]
    fn a_pool_counter_bears_its_reasons_name() {
        for reason in Reason::ALL {
            if let Some(counter) = reason.pool_counter() {
                assert_eq!(counter.counter().name, reason.name());
            }
        }
    }
}
