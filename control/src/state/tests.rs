//! Policies go to disk and come back, whole or not at all.

use super::*;
use crate::api::Peer;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("gate25-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const POLICY: &str = "schema = 1\n[[pool]]\nname = \"east\"\nprefix_files = [\"../lists/east.txt\"]\n";
const LIST: &str = "203.0.113.0/24\n";

fn upload(store: &Store) -> Upload {
    let mut upload = store.upload().unwrap();
    upload.add(Path::new("/etc/g/policy.toml"), POLICY.len() as u64, &mut POLICY.as_bytes()).unwrap();
    upload.add(Path::new("/etc/g/../lists/east.txt"), LIST.len() as u64, &mut LIST.as_bytes()).unwrap();
    upload
}

fn manifest(upload: &Upload, generation: u64) -> Manifest {
    let files = upload.files().to_vec();
    let by = Peer { uid: 1, gid: 2, pid: 3, login: None };
    let (comment, force, digest, prefixes) = (None, None, "d".into(), Some(1));
    Manifest {
        format: FORMAT,
        applied_at: 5,
        by,
        comment,
        force,
        digest,
        generation,
        prefixes,
        confirm_seconds: 0,
        files,
    }
}

fn store(folder: &Folder) -> Store {
    Store::open(&folder.0, "bng1").unwrap()
}

fn keep(store: &Store, generation: u64) -> Stored {
    let upload = upload(store);
    let manifest = manifest(&upload, generation);
    store.make_pending(upload, &manifest).unwrap();
    store.promote().unwrap()
}

#[test]
fn a_policy_comes_back_under_the_names_the_operator_gave() {
    let folder = Folder::new("back");
    assert_eq!(keep(&store(&folder), 7).number, 1);
    let stored = store(&folder).current().unwrap().unwrap();
    assert_eq!(stored.manifest.generation, 7);
    let policy = stored.policy(9).unwrap();
    let (_, origin) = policy.at(9).source_origin("203.0.113.0/24".parse().unwrap()).unwrap();
    assert_eq!(origin.to_string(), "/etc/g/../lists/east.txt:1:1");
}

#[test]
fn an_upload_that_is_cut_or_dropped_leaves_nothing() {
    let folder = Folder::new("cut");
    let store = store(&folder);
    let mut upload = store.upload().unwrap();
    let cut = upload.add(Path::new("/p"), 10, &mut "12345".as_bytes());
    assert!(matches!(cut, Err(StateError::Cut { bytes: 10, got: 5, .. })), "{cut:?}");
    drop(upload);
    assert_eq!(store.names().unwrap(), Vec::<String>::new());
}

#[test]
fn what_an_earlier_process_left_half_sent_goes_and_what_is_pending_stays() {
    let folder = Folder::new("left");
    let first = store(&folder);
    keep(&first, 1);
    let pending = upload(&first);
    first.make_pending(upload(&first), &manifest(&pending, 2)).unwrap();
    std::mem::forget(pending);
    drop(first);
    let second = store(&folder);
    let mut names = second.names().unwrap();
    names.sort();
    assert_eq!(names, ["00000001", "pending"]);
    assert_eq!(second.pending().unwrap().unwrap().manifest.generation, 2);
    assert_eq!(second.current().unwrap().unwrap().manifest.generation, 1);
    second.discard_pending().unwrap();
    assert_eq!(second.pending().unwrap(), None);
}

#[test]
fn only_the_last_policies_are_kept() {
    let folder = Folder::new("last");
    let store = store(&folder);
    for generation in 1..=KEPT as u64 + 3 {
        keep(&store, generation);
    }
    let numbers = store.numbers().unwrap();
    assert_eq!((numbers.len(), numbers.first(), numbers.last()), (KEPT, Some(&4), Some(&(KEPT as u64 + 3))));
}

#[test]
fn a_damaged_policy_is_an_error_and_no_older_one_takes_its_place() {
    let folder = Folder::new("damaged");
    let store = store(&folder);
    keep(&store, 1);
    keep(&store, 2);
    let newest = folder.0.join("bng1/00000002");
    fs::write(newest.join("1"), "203.0.112.0/24\n").unwrap();
    let stored = store.current().unwrap().unwrap();
    let error = stored.policy(9).unwrap_err();
    assert!(error.to_string().contains("east.txt was changed since it was stored; apply"), "{error}");
    fs::write(newest.join("1"), "").unwrap();
    assert!(matches!(stored.policy(9), Err(StateError::Damaged { .. })));
    fs::remove_file(newest.join("1")).unwrap();
    assert!(matches!(stored.policy(9), Err(StateError::Damaged { .. })));
    fs::write(newest.join("manifest"), "").unwrap();
    assert!(matches!(store.current(), Err(StateError::Damaged { .. })));
}

#[test]
fn a_file_outside_the_copy_is_never_read() {
    let folder = Folder::new("outside");
    let store = store(&folder);
    fs::write(folder.0.join("list.txt"), LIST).unwrap();
    let text = format!("schema = 1\n[[pool]]\nname = \"a\"\nprefix_files = [\"{}/list.txt\"]\n", folder.0.display());
    let mut upload = store.upload().unwrap();
    upload.add(Path::new("/etc/p.toml"), text.len() as u64, &mut text.as_bytes()).unwrap();
    assert!(matches!(upload.policy(0), Err(StateError::Policy { .. })));
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = Folder::new("two");
    let _first = store(&folder);
    assert!(matches!(Store::open(&folder.0, "bng1"), Err(StateError::InUse { .. })));
    assert!(Store::open(&folder.0, "bng2").is_ok());
}
