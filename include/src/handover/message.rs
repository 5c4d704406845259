//! One message: 32 little-endian 64-bit words, always the same size.
//!
//! ```text
//! word 0       magic "G25MSG" and, in the top 16 bits, the version
//! word 1       kind
//! word 2       number: chosen by the client, repeated in the reply
//! words 3-15   arguments, by kind; unused ones are 0
//! words 16-31  text, UTF-8, padded with zeros: the cause of a refusal, or the instance's name
//! ```

use super::refusal::Refusal;
use crate::{image::format, telemetry};

/// Bytes of a message.
pub const SIZE: usize = 256;

/// Version of the messages.
pub const VERSION: u16 = 1;

/// Most images that wait for their time.
pub const MAX_PLANNED: usize = 16;

const MAGIC: u64 = u64::from_le_bytes(*b"G25MSG\0\0");
const TEXT_WORD: usize = 16;
const TEXT_BYTES: usize = SIZE - TEXT_WORD * 8;

/// The words of a message that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    words: [u64; SIZE / 8],
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// First of all: what this client was built for.
    Hello {
        /// Layout hash of images.
        image_layout: u64,
        /// Layout hash of telemetry.
        telemetry_layout: u64,
    },
    /// Run this image; a descriptor comes with it.
    Adopt {
        /// Its generation, as in its header.
        generation: u64,
        /// Seconds after which it is rolled back unless confirmed; 0 for never.
        confirm_seconds: u64,
    },
    /// Keep the image that waits for confirmation.
    Confirm {
        /// The generation that is meant.
        generation: u64,
    },
    /// Go back to the image before.
    Rollback,
    /// Keep this image until its time comes, the second for which it was compiled; a descriptor comes with it.
    Plan {
        /// Its generation, as in its header.
        generation: u64,
        /// The generation in force that it follows.
        behind: u64,
    },
    /// Forget every image that waits for its time.
    Forget,
    /// What runs?
    Status,
    /// The running image, please.
    ImagePlease,
    /// The telemetry, please.
    TelemetryPlease,
}

/// What the dataplane tells about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Generation in force; 0 before the first.
    pub generation: u64,
    /// Highest generation ever adopted or planned; the next must be above it.
    pub highest_generation: u64,
    /// Digest in force.
    pub digest: u128,
    /// Generation that a rollback would bring back; 0 if there is none.
    pub previous_generation: u64,
    /// Milliseconds until an unconfirmed image is rolled back; 0 if none is pending.
    pub confirm_left_ms: u64,
    /// Workers.
    pub workers: u64,
    /// Links.
    pub links: u64,
    /// Changes with each start of the dataplane.
    pub incarnation: u64,
    /// Unix second of its start.
    pub started_at: u64,
    /// What the last rollback left; generation 0 if there was none.
    pub left: Left,
}

/// What a rollback left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Left {
    /// Generation that was in force until then.
    pub generation: u64,
    /// Unix second of the rollback.
    pub at: u64,
    /// Whether it was the confirm timer's; else somebody asked for it.
    pub by_timer: bool,
}

/// What the dataplane answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To hello: who answers.
    Welcome {
        /// Changes with each start of the dataplane.
        incarnation: u64,
        /// Unix second of its start.
        started_at: u64,
        /// Process id.
        pid: u64,
        /// Its name.
        instance: String,
    },
    /// Every worker runs this generation.
    Adopted {
        /// The generation in force now.
        generation: u64,
        /// From the request's arrival until the last worker moved.
        nanoseconds: u64,
    },
    /// Nothing has changed.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The cause in words, at most 128 bytes.
        text: String,
    },
    /// The image that was pending stays.
    Confirmed {
        /// Its generation.
        generation: u64,
    },
    /// So many images wait for their time.
    Planned {
        /// How many.
        count: u64,
    },
    /// To status.
    Status(Status),
    /// A descriptor of the running image comes with this.
    Image {
        /// Its generation.
        generation: u64,
    },
    /// A descriptor of the telemetry comes with this.
    Telemetry,
}

/// What is wrong with bytes that should be a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not [`SIZE`] bytes.
    #[error("message has {found} bytes, not {SIZE}")]
    Size {
        /// Bytes that came.
        found: usize,
    },
    /// Not a message of this version.
    #[error("message starts with {found:016x}, not with G25MSG and version {VERSION}")]
    Magic {
        /// Its first word.
        found: u64,
    },
    /// No such kind.
    #[error("message kind {kind} is unknown")]
    Kind {
        /// The kind that came.
        kind: u64,
    },
    /// The text is not UTF-8.
    #[error("message text is not UTF-8")]
    Text,
}

impl Message {
    /// Checks what came from the socket.
    ///
    /// # Errors
    /// [`MessageError::Size`] or [`MessageError::Magic`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Message, MessageError> {
        let (chunks, rest) = bytes.as_chunks::<8>();
        if bytes.len() != SIZE || !rest.is_empty() {
            return Err(MessageError::Size { found: bytes.len() });
        }
        let mut words = [0; SIZE / 8];
        words.iter_mut().zip(chunks).for_each(|(word, chunk)| *word = u64::from_le_bytes(*chunk));
        let message = Message { words };
        match message.word(0) {
            found if found == first_word() => Ok(message),
            found => Err(MessageError::Magic { found }),
        }
    }

    /// The bytes for the socket.
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let (chunks, _) = bytes.as_chunks_mut::<8>();
        chunks.iter_mut().zip(self.words).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
        bytes
    }

    /// The number that the reply repeats.
    pub fn number(&self) -> u64 {
        self.word(2)
    }

    /// What it says, as a number.
    pub fn kind(&self) -> u64 {
        self.word(1)
    }

    fn new(kind: u64, number: u64, arguments: &[u64]) -> Message {
        let mut words = [0; SIZE / 8];
        let head = [first_word(), kind, number];
        for (word, value) in words.iter_mut().take(TEXT_WORD).zip(head.iter().chain(arguments)) {
            *word = *value;
        }
        Message { words }
    }

    /// Adds text, cut to what fits at a character's boundary.
    fn with_text(mut self, text: &str) -> Message {
        let text = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default();
        let words = self.words.iter_mut().skip(TEXT_WORD);
        for (word, chunk) in words.zip(text.as_bytes().chunks(8)) {
            *word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        self
    }

    fn text(&self) -> Result<String, MessageError> {
        let bytes: Vec<u8> = self.words.iter().skip(TEXT_WORD).flat_map(|word| word.to_le_bytes()).collect();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8(bytes.into_iter().take(end).collect()).map_err(|_| MessageError::Text)
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    fn argument(&self, index: usize) -> u64 {
        self.word(3 + index)
    }
}

impl Request {
    /// What every client says first.
    pub fn hello() -> Request {
        Request::Hello { image_layout: format::layout_hash(), telemetry_layout: telemetry::layout_hash() }
    }

    /// As a message with this number.
    pub fn encode(self, number: u64) -> Message {
        match self {
            Request::Hello { image_layout, telemetry_layout } => {
                Message::new(1, number, &[image_layout, telemetry_layout])
            }
            Request::Adopt { generation, confirm_seconds } => Message::new(2, number, &[generation, confirm_seconds]),
            Request::Confirm { generation } => Message::new(3, number, &[generation]),
            Request::Rollback => Message::new(4, number, &[]),
            Request::Status => Message::new(5, number, &[]),
            Request::ImagePlease => Message::new(6, number, &[]),
            Request::TelemetryPlease => Message::new(7, number, &[]),
            Request::Plan { generation, behind } => Message::new(8, number, &[generation, behind]),
            Request::Forget => Message::new(9, number, &[]),
        }
    }

    /// From a message.
    ///
    /// # Errors
    /// [`MessageError::Kind`].
    pub fn decode(message: &Message) -> Result<Request, MessageError> {
        let argument = |index| message.argument(index);
        Ok(match message.word(1) {
            1 => Request::Hello { image_layout: argument(0), telemetry_layout: argument(1) },
            2 => Request::Adopt { generation: argument(0), confirm_seconds: argument(1) },
            3 => Request::Confirm { generation: argument(0) },
            4 => Request::Rollback,
            5 => Request::Status,
            6 => Request::ImagePlease,
            7 => Request::TelemetryPlease,
            8 => Request::Plan { generation: argument(0), behind: argument(1) },
            9 => Request::Forget,
            kind => return Err(MessageError::Kind { kind }),
        })
    }
}

impl Reply {
    /// As a message that answers `number`.
    pub fn encode(&self, number: u64) -> Message {
        match self {
            Reply::Welcome { incarnation, started_at, pid, instance } => {
                Message::new(101, number, &[*incarnation, *started_at, *pid]).with_text(instance)
            }
            Reply::Adopted { generation, nanoseconds } => Message::new(102, number, &[*generation, *nanoseconds]),
            Reply::Refused { refusal, text } => Message::new(103, number, &[*refusal as u64]).with_text(text),
            Reply::Confirmed { generation } => Message::new(104, number, &[*generation]),
            Reply::Status(status) => Message::new(105, number, &status.words()),
            Reply::Image { generation } => Message::new(106, number, &[*generation]),
            Reply::Telemetry => Message::new(107, number, &[]),
            Reply::Planned { count } => Message::new(108, number, &[*count]),
        }
    }

    /// From a message.
    ///
    /// # Errors
    /// [`MessageError::Kind`], also for a refusal of an unknown number; [`MessageError::Text`].
    pub fn decode(message: &Message) -> Result<Reply, MessageError> {
        let argument = |index| message.argument(index);
        let kind = message.word(1);
        Ok(match kind {
            101 => Reply::Welcome {
                incarnation: argument(0),
                started_at: argument(1),
                pid: argument(2),
                instance: message.text()?,
            },
            102 => Reply::Adopted { generation: argument(0), nanoseconds: argument(1) },
            103 => Reply::Refused {
                refusal: Refusal::from_number(argument(0)).ok_or(MessageError::Kind { kind })?,
                text: message.text()?,
            },
            104 => Reply::Confirmed { generation: argument(0) },
            105 => Reply::Status(Status::from_words(argument)),
            106 => Reply::Image { generation: argument(0) },
            107 => Reply::Telemetry,
            108 => Reply::Planned { count: argument(0) },
            kind => return Err(MessageError::Kind { kind }),
        })
    }
}

impl Status {
    fn words(&self) -> [u64; 13] {
        [
            self.generation,
            self.highest_generation,
            self.digest as u64,
            (self.digest >> 64) as u64,
            self.previous_generation,
            self.confirm_left_ms,
            self.workers,
            self.links,
            self.incarnation,
            self.started_at,
            self.left.generation,
            self.left.at,
            self.left.by_timer.into(),
        ]
    }

    fn from_words(word: impl Fn(usize) -> u64) -> Status {
        Status {
            generation: word(0),
            highest_generation: word(1),
            digest: u128::from(word(2)) | u128::from(word(3)) << 64,
            previous_generation: word(4),
            confirm_left_ms: word(5),
            workers: word(6),
            links: word(7),
            incarnation: word(8),
            started_at: word(9),
            left: Left { generation: word(10), at: word(11), by_timer: word(12) != 0 },
        }
    }
}

/// What every message starts with: the magic and, in the top 16 bits, the version.
pub(crate) fn first_word() -> u64 {
    MAGIC | u64::from(VERSION) << 48
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_message_comes_back() {
        let requests = [
            Request::hello(),
            Request::Adopt { generation: 7, confirm_seconds: 300 },
            Request::Confirm { generation: 7 },
            Request::Rollback,
            Request::Status,
            Request::ImagePlease,
            Request::TelemetryPlease,
            Request::Plan { generation: 8, behind: 7 },
            Request::Forget,
        ];
        for (number, request) in requests.into_iter().enumerate() {
            let message = Message::from_bytes(&request.encode(number as u64).to_bytes()).unwrap();
            assert_eq!((message.number(), Request::decode(&message)), (number as u64, Ok(request)));
        }
        let left = Left { generation: 2, at: u64::MAX, by_timer: true };
        let status = Status { generation: 3, digest: u128::MAX - 5, started_at: 9, left, ..Status::default() };
        let replies = [
            Reply::Welcome { incarnation: 1, started_at: 2, pid: 3, instance: "bng1".into() },
            Reply::Adopted { generation: 4, nanoseconds: 5 },
            Reply::Refused { refusal: Refusal::BadImage, text: "image starts with …".into() },
            Reply::Confirmed { generation: 4 },
            Reply::Status(status),
            Reply::Image { generation: 4 },
            Reply::Telemetry,
            Reply::Planned { count: 3 },
        ];
        for reply in replies {
            let message = Message::from_bytes(&reply.encode(8).to_bytes()).unwrap();
            assert_eq!(Reply::decode(&message), Ok(reply));
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let text = "é".repeat(100);
        let message = Reply::Refused { refusal: Refusal::Busy, text }.encode(1);
        assert_eq!(message.text().unwrap(), "é".repeat(64));
    }

    #[test]
    fn bytes_of_another_size_or_magic_are_refused() {
        assert_eq!(Message::from_bytes(&[0; 255]), Err(MessageError::Size { found: 255 }));
        assert_eq!(Message::from_bytes(&[0; 257]), Err(MessageError::Size { found: 257 }));
        assert_eq!(Message::from_bytes(&[0; 256]), Err(MessageError::Magic { found: 0 }));
        let unknown = Message::new(99, 1, &[]);
        assert_eq!(Request::decode(&unknown), Err(MessageError::Kind { kind: 99 }));
        assert_eq!(Reply::decode(&unknown), Err(MessageError::Kind { kind: 99 }));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_decoder(mut bytes in prop::collection::vec(any::<u8>(), SIZE), kind in 0u64..120) {
            bytes[..8].copy_from_slice(&first_word().to_le_bytes());
            bytes[8..16].copy_from_slice(&kind.to_le_bytes());
            let message = Message::from_bytes(&bytes).unwrap();
            let _ = (Request::decode(&message), Reply::decode(&message));
        }
    }
}
