//! The control socket: what `gate25` asks `gate25-control`.
//!
//! A UNIX stream socket, `<run_dir>/<instance>-control.sock`, mode 0660. One request a connection: a line
//! of JSON, at most [`LINE_MAX`] bytes; `apply` is followed by the bytes of the files it announces. The
//! answer is a line of JSON, that to `policy` followed by the bytes of the files it names. Control reads what it is sent, never a path it is told: the client opens the
//! files with its own rights, so an unprivileged control can serve a root operator.
//!
//! Everything has a limit in size and time; a client that breaks one hears so, if it still listens.

mod answer;
mod client;
mod message;
mod server;
mod wire;

pub use answer::Answer;
pub use client::{ClientError, ask, fetch_policy, send_policy};
pub use message::{
    Applied, Apply, Cause, ControlStatus, DataplaneState, Event, FileHeader, Origin, Origins, Peer, PolicyState,
    PoolStage, Reply, Request, What,
};
pub use server::{Handler, Limits, Server, serve};
pub use wire::LINE_MAX;

use std::path::{Path, PathBuf};

/// The socket of the dataplane called `instance`.
pub fn dataplane_socket(run_dir: &Path, instance: &str) -> PathBuf {
    run_dir.join(format!("{instance}.sock"))
}

/// The socket of the control of the dataplane called `instance`.
pub fn control_socket(run_dir: &Path, instance: &str) -> PathBuf {
    run_dir.join(format!("{instance}-control.sock"))
}
