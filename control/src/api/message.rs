//! Requests and replies of the control socket, as JSON spells them.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What `gate25` asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Which policy is held, and is anything wrong?
    Status,
    /// Where in the policy do these stand?
    Origin {
        /// A prefix of the source table.
        source: Option<IpNet>,
        /// An address; all destination prefixes that cover it are told.
        destination: Option<IpAddr>,
    },
    /// Run this policy; its files follow the line.
    Apply(Apply),
    /// Keep the policy that waits for confirmation.
    Confirm,
    /// Go back: to the policy before, or to the one with this number.
    Rollback {
        /// Number of a stored policy.
        number: Option<u64>,
    },
    /// Which policies are kept?
    History,
    /// A kept policy; its files follow the answer.
    Policy {
        /// Its number; none for what runs, also while that waits for confirmation.
        number: Option<u64>,
    },
    /// In which stage is each pool, since when, and what comes next?
    Stages {
        /// Only the pool or exemption of this name.
        #[serde(default)]
        pool: Option<String>,
        /// As of this unix second; now if not given. What came next is told of now only.
        #[serde(default)]
        at: Option<i64>,
    },
}

/// A policy to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What for.
    pub comment: Option<String>,
    /// Why guard rails are to be overridden.
    pub force: Option<String>,
    /// Seconds after which the dataplane goes back unless told to stay; 0 for never.
    #[serde(default)]
    pub confirm_seconds: u64,
    /// The policy file, then its prefix files; their bytes follow the line in this order.
    pub files: Vec<FileHeader>,
}

/// A file that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHeader {
    /// The operator's name for it, absolute.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// Who is at the other end of a UNIX socket, as the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id.
    pub pid: i32,
    /// User id with which this session was logged in, which sudo and su do not change; none for a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<u32>,
}

impl Peer {
    /// Whether the kernel said who it is.
    pub fn is_known(&self) -> bool {
        self.uid != u32::MAX && self.pid > 0
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.login.filter(|login| *login != self.uid) {
            Some(login) => write!(f, "uid {}, logged in as uid {login} (process {})", self.uid, self.pid),
            None => write!(f, "uid {} (process {})", self.uid, self.pid),
        }
    }
}

/// What `gate25-control` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To status.
    Status(Box<ControlStatus>),
    /// To origin.
    Origin(Origins),
    /// Every worker runs the policy.
    Applied(Applied),
    /// To history: newest first.
    History {
        /// The policies that are kept.
        policies: Vec<PolicyState>,
        /// What happened to them and to others after they were applied.
        #[serde(default)]
        events: Vec<Event>,
    },
    /// To policy; the bytes of the files follow the line in this order.
    Policy {
        /// About its commit.
        policy: PolicyState,
        /// The policy file, then its prefix files.
        files: Vec<FileHeader>,
    },
    /// To stages.
    Stages {
        /// A line for each pool and exemption, by name.
        pools: Vec<PoolStage>,
    },
    /// Nothing has changed.
    Refused {
        /// Which kind of cause.
        cause: Cause,
        /// The cause and what to do, a line for each thing that is wrong.
        text: String,
    },
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The request itself is wrong, too large or too slow.
    Request,
    /// Another commit is under way, or waits for confirmation.
    Busy,
    /// The policy has errors.
    Policy,
    /// A guard rail; `--force` overrides.
    Guard,
    /// The policy cannot be kept on disk.
    State,
    /// The dataplane is not there or refuses.
    Dataplane,
}

/// A policy that every worker runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its generation.
    pub generation: u64,
    /// Its digest, 32 hexadecimal digits.
    pub digest: String,
    /// Whether it ran before, so that nothing was sent.
    pub already: bool,
    /// From the image's arrival until the last worker ran it; none if nothing was sent.
    pub nanoseconds: Option<u64>,
    /// Seconds within which it has to be confirmed; 0 for not at all.
    pub confirm_seconds: u64,
    /// What is allowed but probably not meant, and guard rails that were overridden.
    pub warnings: Vec<String>,
}

/// What control knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlStatus {
    /// Which dataplane it serves.
    pub instance: String,
    /// Its release.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Unix second of its start.
    pub started_at: i64,
    /// How it stands with the dataplane.
    pub dataplane: DataplaneState,
    /// The policy it holds.
    pub policy: Option<PolicyState>,
    /// The policy that runs and waits for confirmation.
    #[serde(default)]
    pub awaiting: Option<PolicyState>,
    /// Unix second at which the policy changes next by itself.
    pub next_change: Option<i64>,
    /// The commit under way.
    pub in_flight: Option<String>,
    /// What is wrong, and what to do.
    pub problem: Option<String>,
}

/// How control stands with the dataplane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataplaneState {
    /// Whether it answers.
    pub up: bool,
    /// Why not.
    pub error: Option<String>,
    /// Generation in force.
    pub generation: u64,
    /// Digest in force, 32 hexadecimal digits.
    pub digest: String,
    /// Whether that is the digest of the policy control holds; none if it holds none.
    pub digest_match: Option<bool>,
    /// Changes with each start.
    pub incarnation: u64,
    /// Unix second of its start.
    pub started_at: u64,
    /// Milliseconds until an unconfirmed policy is rolled back; 0 if none waits.
    pub confirm_left_ms: u64,
}

/// A policy that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// Its number; 0 while it waits for confirmation.
    pub number: u64,
    /// The policy file's name.
    pub path: PathBuf,
    /// Unix second of the commit.
    pub applied_at: i64,
    /// Who asked for it.
    pub by: Peer,
    /// What for.
    pub comment: Option<String>,
    /// Why guard rails were overridden.
    pub force: Option<String>,
    /// Digest at the commit.
    pub digest: String,
    /// Generation of the commit.
    pub generation: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Prefixes of pools and exemptions; none if it was committed by an older release.
    #[serde(default)]
    pub prefixes: Option<u64>,
}

/// What happened to a policy after somebody applied it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The unix second.
    pub at: i64,
    /// What it was.
    pub what: What,
    /// Who asked for it; none for the confirm timer, for a time that came, and where control was dead.
    pub by: Option<Peer>,
    /// The policy's number; 0 if it was not kept.
    pub number: u64,
    /// Its generation.
    pub generation: u64,
    /// The policy file's name.
    pub path: PathBuf,
    /// What the policy was for, or what came of this.
    pub note: Option<String>,
    /// Of [`What::TookEffect`], the second that the policy names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Applied, to be confirmed.
    #[default]
    Tried,
    /// Confirmed in time.
    Confirmed,
    /// Somebody went back before it was confirmed.
    RolledBack,
    /// Nobody confirmed it in time: the dataplane went back.
    NotConfirmed,
    /// Control or the dataplane ended before it was in force for good.
    Lost,
    /// A time in it came: `enforce_from`, `expires`.
    TookEffect,
}

/// The stage of a pool or exemption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStage {
    /// Its name.
    pub pool: String,
    /// "off", "monitor", "enforce"; "exempt" or "expired" for an exemption; "absent" for what is no part of the policy.
    pub stage: String,
    /// Unix second since which that is so in the dataplane; none if control has not seen it.
    pub since: Option<i64>,
    /// Unix second at which it changes next by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<i64>,
    /// To what: "enforce", or "expired".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the pool, exemption or destination.
    pub name: String,
    /// The prefix.
    pub prefix: IpNet,
    /// The file, by the operator's name.
    pub file: PathBuf,
    /// Line from 1.
    pub line: u32,
    /// Column from 1.
    pub column: u32,
}

/// Where in a policy the asked-for stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// Digest of the policy as last compiled: says nothing of an image with another.
    pub digest: String,
    /// The source prefix.
    pub source: Option<Origin>,
    /// The destination prefixes that cover the address, longest last.
    pub destinations: Vec<Origin>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_manual_says() {
        let text = serde_json::to_string(&Request::Status).unwrap();
        assert_eq!(text, r#"{"request":"status"}"#);
        let apply: Request =
            serde_json::from_str(r#"{"request":"apply","files":[{"path":"/p.toml","bytes":3}]}"#).unwrap();
        let files = vec![FileHeader { path: "/p.toml".into(), bytes: 3 }];
        assert_eq!(apply, Request::Apply(Apply { files, ..Apply::default() }));
    }

    #[test]
    fn unknown_requests_and_keys_are_refused() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"request":"reboot"}"#,
            r#"{"request":"apply"}"#,
            r#"{"request":"apply","files":[{"path":"/p","bytes":-1}]}"#,
            r#"{"request":"apply","files":[],"extra":1}"#,
            r#"{"request":"origin","source":"1.2.3.4"}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
