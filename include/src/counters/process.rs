//! What the dataplane's main thread tells about the process.

use super::scope;

scope! {
    /// The process's own state; written by the main thread.
    ProcessCounter "dataplane" &[];
    Heartbeat "heartbeat" Gauge "nanoseconds" "CLOCK_BOOTTIME at the main thread's last round.";
    Generation "generation" Gauge "1" "Generation in force; 0 before the first.";
    HighestGeneration "highest_generation" Gauge "1" "Highest generation ever adopted or planned; the next must be higher.";
    DigestLow "digest_low" Gauge "1" "Low half of the digest in force.";
    DigestHigh "digest_high" Gauge "1" "High half of the digest in force.";
    Adopted "adopted" Counter "1" "Images adopted.";
    Refused "refused" Counter "1" "Images refused.";
    Rollbacks "rollbacks" Counter "1" "Rollbacks, asked for or by the confirm timer.";
    ConfirmDeadline "confirm_deadline" Gauge "nanoseconds" "CLOCK_BOOTTIME at which an unconfirmed image is rolled back; 0 if none is pending.";
    Clients "clients" Gauge "1" "Connections on the control socket.";
    ClientErrors "client_errors" Counter "1" "Connections closed for what they sent or failed to read.";
    Mbufs "mbufs" Gauge "1" "Packet buffers in the pool.";
    MbufsAvailable "mbufs_available" Gauge "1" "Packet buffers free.";
    AdoptNanoseconds "adopt_nanoseconds" Gauge "nanoseconds" "Time from the last image's arrival until every worker ran it.";
    Planned "planned" Gauge "1" "Images that wait for their time.";
    OnTime "on_time" Counter "1" "Images that came into force at their time, without anybody; adopted counts them too.";
}
