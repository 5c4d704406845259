//! The one table of counters. The telemetry blocks, the Prometheus families, `gate25.h`, `gate25
//! show` and the manual are made from it; nobody writes a counter's name twice.
//!
//! Each scope is an enum whose discriminant is the word's place in its block. Order is part of the
//! telemetry ABI: append, never reorder, and raise [`crate::telemetry::ABI`] on any change.

mod link;
mod pool;
mod port;
mod process;
mod reason;
mod worker;

pub use link::LinkCounter;
pub use pool::PoolCounter;
pub use port::PortCounter;
pub use process::ProcessCounter;
pub use reason::{Effect, Reason};
pub use worker::{BURST_BOUNDS, WorkerCounter};

/// What a reader may do with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises while the process lives; a rate of it has a meaning.
    Counter,
    /// A present value.
    Gauge,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Snake case, unique in its scope.
    pub name: &'static str,
    /// What one step of it is: `frames`, `bytes`, `cycles`, `nanoseconds`, `1` for none.
    pub unit: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// The labels of its Prometheus family, in order.
    pub labels: &'static [&'static str],
}

/// A scope: a block of words, one for each member, in the order of [`Scope::ALL`].
pub trait Scope: Copy + Sized + 'static {
    /// The scope's name as it stands in `gate25.h` and in metric names.
    const SCOPE: &'static str;
    /// Every member; a member's place here is its word in the block.
    const ALL: &'static [Self];
    /// The member's line in the table.
    fn counter(self) -> &'static Counter;
    /// The member's word in its block.
    fn word(self) -> usize;
}

/// Makes a scope's enum, its lines and its order from one list.
macro_rules! scope {
    (
        $(#[$doc:meta])* $scope:ident $label:literal $labels:expr;
        $( $variant:ident $name:literal $kind:ident $unit:literal $help:literal; )*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub enum $scope {
            $( #[doc = concat!($help, " Unit: ", $unit, ".")] $variant, )*
        }

        impl $crate::counters::Scope for $scope {
            const SCOPE: &'static str = $label;
            const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            fn counter(self) -> &'static $crate::counters::Counter {
                match self {
                    $( Self::$variant => &$crate::counters::Counter {
                        name: $name,
                        unit: $unit,
                        help: $help,
                        kind: $crate::counters::Kind::$kind,
                        labels: $labels,
                    }, )*
                }
            }

            fn word(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use scope;

#[cfg(test)]
mod tests {
    use super::*;

    fn sound<S: Scope>() {
        for (place, member) in S::ALL.iter().enumerate() {
            let line = member.counter();
            assert_eq!(member.word(), place, "{} out of place", line.name);
            assert!(line.help.ends_with('.'), "{}: {}", line.name, line.help);
            let same = S::ALL.iter().filter(|m| m.counter().name == line.name);
            assert_eq!(same.count(), 1, "{} stands twice", line.name);
        }
    }

    #[test]
    fn every_scope_is_in_order_unique_and_explained() {
        sound::<WorkerCounter>();
        sound::<LinkCounter>();
        sound::<PoolCounter>();
        sound::<PortCounter>();
        sound::<ProcessCounter>();
    }
}
