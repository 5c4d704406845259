//! A network namespace with veth pairs: one end for the dataplane, one for a host's hand.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, send, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{pcap, run, unique, wait_for};

/// A namespace of our own, deleted with its owner.
pub struct Netns {
    pub name: String,
}

impl Netns {
    pub fn new() -> Self {
        let name = unique("g25-");
        run("ip", &["netns", "add", &name]);
        let netns = Self { name };
        // Kernels do not speak on interfaces of ours: no router solicitations among the frames counted.
        netns.run("sysctl", &["-qw", "net.ipv6.conf.default.disable_ipv6=1"]);
        netns
    }

    /// A command inside, which must succeed.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        let mut all = vec!["netns", "exec", &self.name, program];
        all.extend(args);
        run("ip", &all)
    }

    /// A veth pair NAMEa (for the dataplane) and NAMEb (for the test), both up, nothing offloaded.
    pub fn veth(&self, name: &str, mtu: u16) {
        let (ours, theirs) = (format!("{name}a"), format!("{name}b"));
        let ip = |args: &str| self.run("ip", &args.split(' ').collect::<Vec<_>>());
        ip(&format!(
            "link add {ours} numrxqueues 1 numtxqueues 1 type veth peer name {theirs} numrxqueues 1 numtxqueues 1"
        ));
        for end in [&ours, &theirs] {
            ip(&format!("link set {end} mtu {mtu} arp off"));
            self.run("ethtool", &["-K", end, "tx", "off", "gso", "off", "gro", "off", "tso", "off"]);
            self.run("ethtool", &["-K", end, "txvlan", "off", "rxvlan", "off"]);
            ip(&format!("link set {end} up"));
        }
    }

    /// A raw socket on an interface inside, to send whole frames.
    pub fn sender(&self, interface: &str) -> Sender {
        Sender::open(&self.name, interface)
    }

    /// Captures what arrives on an interface inside. libpcap puts back the tags that the kernel takes off.
    pub fn capture(&self, interface: &str, file: &Path) -> Capture {
        let _ = std::fs::remove_file(file);
        let child = Command::new("ip")
            .args(["netns", "exec", &self.name, "tcpdump", "-i", interface, "-Q", "in", "-s", "0", "-B", "65536"])
            .args(["--immediate-mode", "-U", "-Z", "root", "-w", &file.display().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let capture = Capture { child, file: file.to_owned() };
        // The file's header is written once the socket listens.
        assert!(wait_for(Duration::from_secs(10), || std::fs::metadata(file).is_ok_and(|meta| meta.len() >= 24)));
        capture
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// A packet socket in a namespace.
pub struct Sender {
    fd: OwnedFd,
}

impl Sender {
    fn open(netns: &str, interface: &str) -> Self {
        let (netns, interface) = (netns.to_owned(), interface.to_owned());
        // setns() moves a thread: one of its own, which ends with the socket made.
        let open = move || {
            let file = std::fs::File::open(format!("/run/netns/{netns}")).unwrap();
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            // No protocol: it hears nothing.
            let fd = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None).unwrap();
            let index = rustix::net::netdevice::name_to_index(&fd, &interface).unwrap();
            bind(&fd, &LinkAddress { family: AF_PACKET, protocol: 0, index, rest: [0; 12] }).unwrap();
            fd
        };
        Self { fd: std::thread::spawn(open).join().unwrap() }
    }

    pub fn send(&self, frame: &[u8]) {
        loop {
            match send(&self.fd, frame, SendFlags::empty()) {
                Ok(_) => return,
                Err(Errno::NOBUFS | Errno::AGAIN) => std::thread::sleep(Duration::from_micros(100)),
                Err(error) => panic!("send of {} bytes: {error}", frame.len()),
            }
        }
    }
}

/// `struct sockaddr_ll` (packet(7)), which rustix does not have.
#[repr(C)]
struct LinkAddress {
    family: u16,
    protocol: u16,
    index: u32,
    rest: [u8; 12],
}

const AF_PACKET: u16 = 17;
const _: () = assert!(size_of::<LinkAddress>() == 20);

// SAFETY: the pointer is to an initialised structure of this length that lives through the call.
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        f(std::ptr::from_ref(self).cast(), size_of::<Self>() as SocketAddrLen)
    }
}

/// A running tcpdump.
pub struct Capture {
    child: Child,
    file: PathBuf,
}

impl Capture {
    /// Waits until `count` frames are in the file or `time` is over; gives all that are.
    pub fn frames(&self, count: usize, time: Duration) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        wait_for(time, || {
            frames = pcap::read_growing(&self.file);
            frames.len() >= count
        });
        frames
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
