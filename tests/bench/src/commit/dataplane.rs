//! A gate25-dataplane of net_ring ports, without traffic: what adopts the images of `bench commit`. (net_null ports never
//! run dry: workers that share a CPU would wait for each other's time slices, not for the image.)

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gate25_include::handover::{Connection, Reply, Request};

/// A running dataplane; it ends, and its folder goes, with its owner.
#[derive(Debug)]
pub(super) struct Dataplane {
    child: Child,
    folder: PathBuf,
    connection: Connection,
}

impl Dataplane {
    /// Starts `program` with this many workers; they and the main thread share one CPU.
    pub(super) fn start(program: &Path, workers: usize, cpu: usize) -> Result<Dataplane, String> {
        let instance = format!("bench-commit-{}", std::process::id());
        let folder = std::env::temp_dir().join(&instance);
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let cores = vec![cpu.to_string(); workers].join(", ");
        let text = format!(
            "instance = \"{instance}\"\ncores = [{cores}]\nmain_core = {cpu}\nidle = \"adaptive\"\nhuge_pages = false\n\
             run_dir = \"{}\"\n[[link]]\nname = \"bench\"\naccess = \"net_ring0\"\nnetwork = \"net_ring1\"\n",
            folder.display()
        );
        let file = folder.join("dataplane.toml");
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        let log = std::fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg("--config")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}; cargo build --release first", program.display()))?;
        match connect(&mut child, &folder, &instance) {
            Ok(connection) => Ok(Dataplane { child, folder, connection }),
            Err(error) => {
                let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                let _ = (child.kill(), child.wait(), std::fs::remove_dir_all(&folder));
                Err(format!("{error}: {}", said.lines().last().unwrap_or("it says nothing")))
            }
        }
    }

    /// Hands an image over; gives the time until every worker runs it, as the dataplane measured it.
    pub(super) fn adopt(&mut self, image: BorrowedFd<'_>, generation: u64) -> Result<Duration, String> {
        let request = Request::Adopt { generation, confirm_seconds: 0 };
        match self.connection.ask(request, Some(image)).map_err(|error| error.to_string())? {
            (Reply::Adopted { nanoseconds, .. }, _) => Ok(Duration::from_nanos(nanoseconds)),
            (other, _) => Err(format!("the dataplane answered {other:?} to an image")),
        }
    }

    /// Bytes of memory it holds, shared ones included.
    pub(super) fn resident(&self) -> u64 {
        super::resident(&self.child.id().to_string())
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait(), std::fs::remove_dir_all(&self.folder));
    }
}

fn connect(child: &mut Child, folder: &Path, instance: &str) -> Result<Connection, String> {
    let socket = folder.join(format!("{instance}.sock"));
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        if let Ok((connection, _)) = Connection::open(&socket, Duration::from_secs(60)) {
            return Ok(connection);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("gate25-dataplane ended ({status})"));
        }
        if Instant::now() > end {
            return Err("gate25-dataplane does not listen after 15 s".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
