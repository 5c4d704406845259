//! What is counted per worker, link and direction. Behind these words stands one word per reason.
//!
//! Conservation: `rx_frames = forwarded_frames + dropped_frames + unsent_frames`, at every moment
//! between bursts. Answers (`rejects`) are the dataplane's own frames and in none of the three.

use super::scope;

scope! {
    /// Counters of one direction of a link, on one worker.
    LinkCounter "link" &["link", "direction"];
    RxFrames "rx_frames" Counter "frames" "Frames received.";
    RxBytes "rx_bytes" Counter "bytes" "Bytes received, without FCS.";
    ForwardedFrames "forwarded_frames" Counter "frames" "Frames handed to the opposite port.";
    ForwardedBytes "forwarded_bytes" Counter "bytes" "Bytes handed to the opposite port, without FCS.";
    DroppedFrames "dropped_frames" Counter "frames" "Frames dropped by policy.";
    DroppedBytes "dropped_bytes" Counter "bytes" "Bytes dropped by policy, without FCS.";
    UnsentFrames "unsent_frames" Counter "frames" "Frames that the opposite port did not take after bounded retries, freed.";
    UnsentBytes "unsent_bytes" Counter "bytes" "Bytes that the opposite port did not take, without FCS.";
    Rejects "rejects" Counter "frames" "TCP resets sent back in answer to blocked segments.";
    RejectSuppressed "reject_suppressed" Counter "frames" "Answers not sent because reject_rate was reached.";
    RejectUnsent "reject_unsent" Counter "frames" "Answers that found no buffer or that the port did not take.";
    InboundMalformed "inbound_malformed" Counter "frames" "Inbound frames read as malformed, forwarded.";
    InboundTagsLimit "inbound_tags_limit" Counter "frames" "Inbound frames with more tags or labels than are read, forwarded.";
    InboundNotRead "inbound_not_read" Counter "frames" "Inbound frames in an encapsulation that is not read, forwarded.";
    InboundUndetermined "inbound_undetermined" Counter "frames" "Inbound frames that hide their TCP header, forwarded.";
}
