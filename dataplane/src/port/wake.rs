//! What tells a sleeping worker that a receive queue has frames: the NIC's receive interrupt, or the socket of a kernel
//! interface.
//!
//! Owns finding the descriptor to wait for. DPDK hands out that of an interrupt, but not the sockets of its own
//! drivers: those are found among the process's descriptors, as what has come while the queue was made. Promise: a
//! queue has a [`Wake`] only if exactly one descriptor can be its own.

use std::os::fd::{AsFd, BorrowedFd, RawFd};

use rustix::net::AddressFamily;

/// The descriptor that becomes readable when a receive queue has frames. To be waited for by the queue's holder.
#[derive(Debug)]
pub struct Wake {
    fd: BorrowedFd<'static>,
    /// Port and queue whose interrupt it is; None for a socket, which needs no arming.
    interrupt: Option<(u16, u16)>,
}

impl Wake {
    /// The descriptor of a queue's receive interrupt; None if the driver has none for it.
    pub(super) fn interrupt(port: u16, queue: u16) -> Option<Self> {
        // SAFETY: a started port; the call only reads.
        let fd = unsafe { dpdk_sys::rte_eth_dev_rx_intr_ctl_q_get_fd(port, queue) };
        // Without a vector of its own a queue shares the device's descriptor, which EAL's own thread reads.
        if fd < 0 || !is_eventfd(fd) {
            return None;
        }
        let wake = Self { fd: borrowed(fd), interrupt: Some((port, queue)) };
        wake.arm().then(|| {
            wake.disarm();
            wake
        })
    }

    /// The socket of a queue.
    pub(crate) fn socket(fd: RawFd) -> Self {
        Self { fd: borrowed(fd), interrupt: None }
    }

    /// Whether it must be armed before each wait, and the queue looked at once more after that.
    pub fn needs_arming(&self) -> bool {
        self.interrupt.is_some()
    }

    /// Lets the next frame interrupt. False if the driver cannot.
    pub fn arm(&self) -> bool {
        // SAFETY: a started port and a queue of this thread's own.
        self.interrupt.is_none_or(|(port, queue)| unsafe { dpdk_sys::rte_eth_dev_rx_intr_enable(port, queue) } == 0)
    }

    /// No more interrupts, and those that came are forgotten.
    pub fn disarm(&self) {
        if let Some((port, queue)) = self.interrupt {
            // SAFETY: as in `arm`.
            unsafe { dpdk_sys::rte_eth_dev_rx_intr_disable(port, queue) };
            // The descriptor does not block; nothing to read is as good.
            let _ = rustix::io::read(self.fd, &mut [0; 8]);
        }
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd
    }
}

impl Wake {
    /// For a set to wait for that lives as long as the ports.
    pub fn descriptor(&self) -> BorrowedFd<'static> {
        self.fd
    }
}

/// The open sockets of this process that belong to `family`, in ascending order.
pub(super) fn sockets(family: AddressFamily) -> Vec<RawFd> {
    let of_family = |fd: &RawFd| rustix::net::sockopt::socket_domain(borrowed(*fd)).is_ok_and(|own| own == family);
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut sockets: Vec<RawFd> = numbers.filter(of_family).collect();
    sockets.sort_unstable();
    sockets
}

fn is_eventfd(fd: RawFd) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|link| link.as_os_str() == "anon_inode:[eventfd]")
}

/// A descriptor that a driver keeps open until its port is closed.
fn borrowed(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: not -1: from /proc/self/fd or a driver. Ports are closed after the workers, who hold it, have ended; a
    // descriptor that is closed meanwhile makes a call fail with EBADF and nothing else.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SocketType, socket};
    use std::os::fd::AsRawFd;

    #[test]
    fn sockets_of_a_family_are_found_in_order() {
        let before = sockets(AddressFamily::UNIX);
        let ours: Vec<_> = (0..3).map(|_| socket(AddressFamily::UNIX, SocketType::DGRAM, None).unwrap()).collect();
        let other = socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
        let found = sockets(AddressFamily::UNIX);
        assert!(ours.iter().all(|fd| found.contains(&fd.as_raw_fd()) && !before.contains(&fd.as_raw_fd())));
        assert!(!found.contains(&other.as_raw_fd()));
        assert!(found.is_sorted());
    }

    #[test]
    fn an_eventfd_is_told_from_other_descriptors() {
        let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::NONBLOCK).unwrap();
        assert!(is_eventfd(event.as_raw_fd()));
        assert!(!is_eventfd(socket(AddressFamily::UNIX, SocketType::DGRAM, None).unwrap().as_raw_fd()));
    }
}
