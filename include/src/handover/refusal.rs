//! Why the dataplane refuses a request. The number goes over the socket; the text is for people.

macro_rules! refusals {
    ( $( $variant:ident $number:literal $name:literal $help:literal; )* ) => {
        /// Why a request was refused; nothing has changed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Refusal {
            $( #[doc = $help] $variant = $number, )*
        }

        impl Refusal {
            /// Every refusal.
            pub const ALL: &'static [Refusal] = &[ $( Refusal::$variant, )* ];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $( Refusal::$variant => $name, )* }
            }

            /// One sentence for people.
            pub const fn help(self) -> &'static str {
                match self { $( Refusal::$variant => $help, )* }
            }

            /// The refusal with this number, if there is one.
            pub const fn from_number(number: u64) -> Option<Refusal> {
                match number { $( $number => Some(Refusal::$variant), )* _ => None }
            }
        }
    };
}

refusals! {
    NoHello 1 "no_hello" "The first request was not hello.";
    Abi 2 "abi" "Client and dataplane are of different releases.";
    NoDescriptor 3 "no_descriptor" "An image was announced, but no descriptor came with it.";
    BadImage 4 "bad_image" "The image failed its checks.";
    StaleGeneration 5 "stale_generation" "The generation is not above the highest adopted.";
    Busy 6 "busy" "Another image is being adopted.";
    WorkerStuck 7 "worker_stuck" "A worker did not move in time; the image before stays in force.";
    NothingPending 8 "nothing_pending" "No image waits for confirmation.";
    NoPrevious 9 "no_previous" "There is no image before this one to go back to.";
    NoImage 10 "no_image" "No image has been adopted yet.";
    NotAllowed 11 "not_allowed" "The peer may read but not change the policy.";
    NotPlanned 12 "not_planned" "The image cannot wait for its time: too many do, its time is not behind theirs, or another generation is in force.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_number(*refusal as u64), Some(*refusal));
        }
        assert_eq!(Refusal::from_number(0), None);
    }
}
