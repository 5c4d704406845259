//! Control against a double of the dataplane: commits, restarts of either side, refusals, times.
#![forbid(unsafe_code)]

#[path = "double/control.rs"]
mod control;
mod double;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use control::Control;
use double::{Double, Manner, Scratch, wait_for};
use gate25_control::api::{Apply, Cause, Event, Handler, Peer, Reply, Request, What, ask};
use gate25_control::config::format_time;
use gate25_control::supervise::now;
use gate25_include::handover::Refusal;
use gate25_include::image::{Image, Stage};

const MONITOR: &str = "schema = 1\n[[pool]]\nname = \"east\"\nprefix_files = [\"lists/east.txt\"]\n";

fn monitor(scratch: &Scratch) -> PathBuf {
    scratch.write("lists/east.txt", "203.0.113.0/24\n");
    scratch.write("policy.toml", MONITOR)
}

fn with_pool(scratch: &Scratch, file: &str, name: &str) -> PathBuf {
    monitor(scratch);
    scratch.write(file, &format!("{MONITOR}[[pool]]\nname = \"{name}\"\nprefixes = [\"198.51.100.0/24\"]\n"))
}

fn slot(image: &Image, name: &str) -> u32 {
    image.pools().find(|pool| pool.name == name).unwrap().counter_slot
}

#[test]
fn a_policy_is_in_force_when_apply_returns() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let applied = control.apply(&monitor(&scratch));
    assert_eq!((applied.generation, applied.already), (1, false));
    assert_eq!(dataplane.adopted(), [1]);
    let pool = dataplane.image(|image| image.source4(Ipv4Addr::new(203, 0, 113, 9).to_bits())).unwrap().unwrap();
    assert_eq!((pool.pool, pool.prefix_len), (0, 24));
    wait_for("digest match", || control.status().dataplane.digest_match == Some(true));
    let policy = control.status().policy.unwrap();
    assert_eq!((policy.number, policy.path), (1, scratch.path("policy.toml")));
    assert_eq!(policy.by.uid, rustix::process::getuid().as_raw());
}

#[test]
fn the_same_policy_is_not_sent_again() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let again = control.apply(&monitor(&scratch));
    assert_eq!((again.generation, again.already), (1, true));
    control.stop();
    let control = Control::start(&scratch);
    wait_for("digest match", || control.status().dataplane.digest_match == Some(true));
    assert_eq!(dataplane.adopted(), [1]);
}

#[test]
fn a_pool_keeps_its_counter_slot_by_its_name() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let east = dataplane.image(|image| slot(image, "east")).unwrap();
    control.apply(&with_pool(&scratch, "two.toml", "a-first-by-name"));
    assert_eq!(dataplane.image(|image| slot(image, "east")), Some(east));
    let first = dataplane.image(|image| slot(image, "a-first-by-name")).unwrap();
    assert_ne!(first, east);
    let force = Some("test".to_owned());
    control.try_apply(Apply { force: force.clone(), ..Apply::default() }, &monitor(&scratch));
    control.try_apply(Apply { force, ..Apply::default() }, &with_pool(&scratch, "three.toml", "b-newcomer"));
    assert_ne!(
        dataplane.image(|image| slot(image, "b-newcomer")),
        Some(first),
        "a slot is never given to another name"
    );
}

#[test]
fn slots_are_remembered_while_the_dataplane_lives() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let force = |policy: &std::path::Path| {
        let reply = control.try_apply(Apply { force: Some("test".into()), ..Apply::default() }, policy);
        assert!(matches!(reply, Reply::Applied(_)), "{reply:?}");
    };
    force(&monitor(&scratch));
    force(&with_pool(&scratch, "two.toml", "west"));
    let west = dataplane.image(|image| slot(image, "west"));
    force(&monitor(&scratch));
    force(&with_pool(&scratch, "two.toml", "west"));
    assert_eq!(dataplane.image(|image| slot(image, "west")), west, "gone for one commit, it counts on");
    // The dataplane goes back to an image that knows nothing of a slot that has counted already.
    force(&with_pool(&scratch, "three.toml", "north"));
    let north = dataplane.image(|image| slot(image, "north"));
    dataplane.run_out();
    force(&with_pool(&scratch, "four.toml", "south"));
    assert_ne!(dataplane.image(|image| slot(image, "south")), north);
}

#[test]
fn a_commit_right_after_a_restart_of_the_dataplane_finds_it() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let policy = monitor(&scratch);
    control.apply(&policy);
    drop(dataplane);
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    control.apply(&policy);
    assert_eq!(dataplane.adopted(), [1]);
}

#[test]
fn a_bad_policy_leaves_the_one_in_force() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let before = control.status().policy;
    let (cause, text) = control.refused(&scratch.write("bad.toml", "schema = 1\ncolour = 2\n"));
    assert_eq!(cause, Cause::Policy);
    assert!(text.starts_with(&format!("{}:2:1: unknown key", scratch.path("bad.toml").display())), "{text}");
    let missing = scratch.write("missing.toml", "schema = 1\n[[pool]]\nname = \"a\"\nprefix_files = [\"none.txt\"]\n");
    assert_eq!(control.refused(&missing).0, Cause::Policy);
    assert_eq!((dataplane.adopted(), control.status().policy), (vec![1], before));
}

#[test]
fn a_guard_rail_refuses_and_force_overrides_and_is_recorded() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let enforce = scratch.write("enforce.toml", &format!("{MONITOR}stage = \"enforce\"\n"));
    let (cause, text) = control.refused(&enforce);
    assert_eq!(cause, Cause::Guard);
    assert!(text.contains("--force REASON"), "{text}");
    assert_eq!(dataplane.adopted(), [1]);
    let force = Some("announced on 1 October".to_owned());
    let reply = control.try_apply(Apply { force: force.clone(), ..Apply::default() }, &enforce);
    let Reply::Applied(applied) = reply else { panic!("{reply:?}") };
    assert!(!applied.warnings.is_empty());
    assert_eq!(control.status().policy.unwrap().force, force);
    assert_eq!(dataplane.adopted(), [1, 2]);
}

#[test]
fn the_last_good_policy_is_published_after_a_restart_of_the_dataplane() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    drop(dataplane);
    wait_for("loss", || !control.status().dataplane.up);
    assert!(control.status().dataplane.error.is_some());
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    wait_for("publishing", || dataplane.adopted() == [1]);
    assert!(dataplane.image(|image| image.source4(0xcb00_7101)).unwrap().is_some());
}

#[test]
fn the_last_good_policy_is_published_after_a_restart_of_both_without_its_sources() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    control.stop();
    drop(dataplane);
    std::fs::remove_file(scratch.path("policy.toml")).unwrap();
    std::fs::remove_dir_all(scratch.path("lists")).unwrap();
    let control = Control::start(&scratch);
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    wait_for("publishing", || dataplane.adopted() == [1]);
    assert!(dataplane.image(|image| image.source4(0xcb00_7101)).unwrap().is_some());
    wait_for("digest match", || control.status().dataplane.digest_match == Some(true));
}

#[test]
fn a_damaged_stored_policy_is_reported_and_nothing_is_published() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    control.stop();
    drop(dataplane);
    scratch.write("state/bng1/00000001/1", "");
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let problem = control.status().problem.unwrap();
    assert!(problem.contains("is damaged") && problem.contains("apply the policy again"), "{problem}");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(dataplane.adopted(), Vec::<u64>::new());
    control.apply(&monitor(&scratch));
    assert_eq!((dataplane.adopted(), control.status().problem), (vec![1], None));
}

#[test]
fn without_a_dataplane_apply_is_refused_and_keeps_nothing() {
    let scratch = Scratch::new();
    let control = Control::start(&scratch);
    let (cause, text) = control.refused(&monitor(&scratch));
    assert_eq!(cause, Cause::Dataplane);
    assert!(text.contains("start it"), "{text}");
    assert_eq!(std::fs::read_dir(scratch.path("state/bng1")).unwrap().count(), 0);
}

#[test]
fn a_dataplane_of_another_release_or_one_that_hangs_is_named() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::OtherRelease);
    let control = Control::start(&scratch);
    let error = || control.status().dataplane.error.unwrap_or_default();
    wait_for("other release", || error().contains("different releases"));
    assert_eq!(control.refused(&monitor(&scratch)).0, Cause::Dataplane);
    dataplane.behave(Manner::Good);
    wait_for("connection", || control.status().dataplane.up);
    dataplane.behave(Manner::Hangs);
    wait_for("hang", || !control.status().dataplane.up && error().contains("failed"));
    dataplane.behave(Manner::Good);
    wait_for("connection", || control.status().dataplane.up);
    assert_eq!(control.apply(&monitor(&scratch)).generation, 1);
}

#[test]
fn an_image_that_is_refused_changes_nothing() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let before = control.status().policy;
    for refusal in [Refusal::BadImage, Refusal::Busy, Refusal::WorkerStuck, Refusal::NotAllowed] {
        dataplane.behave(Manner::Refuses(refusal));
        let (cause, text) = control.refused(&with_pool(&scratch, "two.toml", "west"));
        assert_eq!(cause, Cause::Dataplane);
        assert!(text.contains(refusal.name()), "{text}");
    }
    assert_eq!((dataplane.adopted(), control.status().policy), (vec![1], before));
    assert!(!scratch.path("state/bng1/pending").exists());
}

#[test]
fn a_lost_answer_is_asked_for() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    dataplane.behave(Manner::AdoptsAndCloses);
    assert_eq!(control.apply(&monitor(&scratch)).generation, 1);
    dataplane.behave(Manner::ClosesOnAdopt);
    let (cause, _) = control.refused(&with_pool(&scratch, "two.toml", "west"));
    assert_eq!((cause, dataplane.adopted()), (Cause::Dataplane, vec![1]));
    dataplane.behave(Manner::Good);
    assert_eq!(control.status().policy.unwrap().number, 1);
}

#[test]
fn what_was_sent_when_control_died_is_kept_if_it_runs_and_forgotten_if_not() {
    let scratch = Scratch::new();
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    control.apply(&with_pool(&scratch, "two.toml", "west"));
    control.stop();
    // Died after the dataplane had adopted, before the rename.
    let state = |name: &str| scratch.path("state/bng1").join(name);
    std::fs::rename(state("00000002"), state("pending")).unwrap();
    let control = Control::start(&scratch);
    wait_for("kept", || control.status().policy.is_some_and(|policy| policy.number == 2));
    control.stop();
    // Died before the dataplane had it: what is pending is another policy than the one that runs.
    std::fs::rename(state("00000002"), state("other")).unwrap();
    std::fs::rename(state("00000001"), state("pending")).unwrap();
    std::fs::rename(state("other"), state("00000002")).unwrap();
    let control = Control::start(&scratch);
    wait_for("forgotten", || !state("pending").exists());
    assert_eq!(control.status().policy.unwrap().number, 2);
}

#[test]
fn a_time_comes_without_anybody() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let (soon, later) = (format_time(now() + 2), format_time(now() + 3));
    let text = format!(
        "{MONITOR}stage = \"enforce\"\nenforce_from = {soon}\n\
         [[exempt]]\nname = \"static\"\nprefixes = [\"203.0.113.7/32\"]\nexpires = {later}\n[guard]\nmax_flip_percent = 100\n"
    );
    monitor(&scratch);
    control.apply(&scratch.write("timed.toml", &text));
    let stage = || dataplane.image(|image| image.pool(0).unwrap().stage);
    let host = || dataplane.image(|image| image.source4(0xcb00_7107).unwrap().prefix_len);
    assert_eq!((stage(), host()), (Some(Stage::Monitor), Some(32)));
    assert!(control.status().next_change.is_some());
    wait_for("plan", || dataplane.planned().len() == 2);
    wait_for("enforce_from", || stage() == Some(Stage::Enforce));
    wait_for("expires", || host() == Some(24));
    wait_for("seen", || control.status().next_change.is_none());
    assert_eq!(dataplane.adopted(), vec![1, 2, 3], "control sends nothing besides");
    let notes = |events: &[Event]| events.iter().map(|event| event.note.clone().unwrap()).collect::<Vec<_>>();
    wait_for("history", || events(&control).len() == 2);
    let seen = events(&control);
    assert_eq!(notes(&seen), ["exempt \"static\" expired", "pool \"east\" enforces"]);
    assert!(
        seen.iter().all(|event| event.what == What::TookEffect && event.due == Some(event.at) && event.number == 1)
    );
}

/// What happened, newest first.
fn events(control: &Control) -> Vec<Event> {
    match ask(control.socket(), &Request::History).unwrap() {
        Reply::History { events, .. } => events,
        other => panic!("{other:?}"),
    }
}

#[test]
fn times_are_planned_ahead_and_come_while_control_is_dead() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    monitor(&scratch);
    let begun = now();
    let timed = |file: &str, soon: i64, far: i64| {
        let (soon, far) = (format_time(soon), format_time(far));
        let text = format!(
            "{MONITOR}stage = \"enforce\"\nenforce_from = {soon}\n[[exempt]]\nname = \"static\"\n\
             prefixes = [\"203.0.113.7/32\"]\nexpires = {far}\n[guard]\nmax_flip_percent = 100\n"
        );
        scratch.write(file, &text)
    };
    // Two months ahead is beyond what is planned.
    control.apply(&timed("one.toml", begun + 3600, begun + 5_184_000));
    wait_for("plan", || dataplane.planned() == [begun + 3600]);
    // The same at this second and until the next change; what comes behind that is another.
    assert!(control.apply(&timed("two.toml", begun + 3600, begun + 7200)).already);
    wait_for("plan", || dataplane.planned() == [begun + 3600, begun + 7200]);
    control.apply(&timed("three.toml", now() + 2, begun + 7200));
    wait_for("plan", || dataplane.planned().len() == 2);
    control.stop();
    let due = dataplane.planned()[0];
    let generation = dataplane.adopted().last().copied().unwrap();
    while now() <= due {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let control = Control::start(&scratch);
    wait_for("history", || !events(&control).is_empty());
    let event = events(&control)[0].clone();
    assert_eq!((event.what, event.at, event.due), (What::TookEffect, due, Some(due)));
    wait_for("plan", || dataplane.planned() == [begun + 7200]);
    assert_eq!(dataplane.adopted().last(), Some(&event.generation));
    assert!(event.generation > generation, "the planned image, not one that control sent late");
    control.stop();
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    wait_for("plan", || dataplane.planned() == [begun + 7200]);
    assert_eq!(events(&control).len(), 1, "told once");
}

#[test]
fn the_history_tells_who_confirmed_and_who_or_what_went_back_also_while_control_was_dead() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let uid = rustix::process::getuid().as_raw();
    let whats = |control: &Control| events(control).iter().map(|event| event.what).collect::<Vec<_>>();
    let try_it = |control: &Control, name: &str| {
        let comment = Some(format!("trial of {name}"));
        let apply = Apply { confirm_seconds: 300, force: Some("test".into()), comment, files: Vec::new() };
        let reply = control.try_apply(apply, &with_pool(&scratch, &format!("{name}.toml"), name));
        assert!(matches!(reply, Reply::Applied(_)), "{reply:?}");
    };
    try_it(&control, "two");
    ask(control.socket(), &Request::Confirm).unwrap();
    try_it(&control, "three");
    ask(control.socket(), &Request::Rollback { number: None }).unwrap();
    try_it(&control, "four");
    dataplane.run_out();
    wait_for("timer", || events(&control).len() == 6);
    use What::{Confirmed, Lost, NotConfirmed, RolledBack, Tried};
    assert_eq!(whats(&control), [NotConfirmed, Tried, RolledBack, Tried, Confirmed, Tried]);
    let all = events(&control);
    let by: Vec<Option<u32>> = all.iter().map(|event| event.by.map(|by| by.uid)).collect();
    assert_eq!(by, [None, Some(uid), Some(uid), Some(uid), Some(uid), Some(uid)]);
    let about: Vec<(u64, u64)> = all.iter().map(|event| (event.number, event.generation)).collect();
    assert_eq!(about, [(0, 4), (0, 4), (0, 3), (0, 3), (2, 2), (0, 2)]);
    assert_eq!(
        (all[0].path.clone(), all[0].note.as_deref()),
        (scratch.path("four.toml"), Some("back to generation 2"))
    );
    assert_eq!(all[1].note.as_deref(), Some("trial of four"));
    // Control is dead when the timer fires.
    try_it(&control, "five");
    control.stop();
    dataplane.run_out();
    let left = now();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let control = Control::start(&scratch);
    wait_for("timer", || events(&control).len() == 8);
    assert_eq!((whats(&control)[0], events(&control)[0].generation), (NotConfirmed, 5));
    assert!((left - 1..=left).contains(&events(&control)[0].at), "when it was, not when control came back");
    // The dataplane is started anew, and knows of nothing.
    try_it(&control, "six");
    drop(dataplane);
    let _dataplane = Double::start(&scratch.socket(), Manner::Good);
    wait_for("loss", || events(&control).len() == 10);
    assert_eq!(whats(&control)[0], Lost);
}

#[test]
fn a_policy_waits_for_confirmation_and_is_kept_or_left() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    control.apply(&monitor(&scratch));
    let two = with_pool(&scratch, "two.toml", "west");
    let confirm = || Apply { confirm_seconds: 300, ..Apply::default() };
    let number = || control.status().policy.unwrap().number;
    assert!(matches!(control.try_apply(confirm(), &two), Reply::Applied(_)));
    assert_eq!((number(), control.refused(&two).0), (1, Cause::Busy));
    assert!(matches!(ask(control.socket(), &Request::Confirm).unwrap(), Reply::Applied(_)));
    assert_eq!((number(), dataplane.adopted()), (2, vec![1, 2]));
    // The timer runs out: the policy before is in force, and control does not fight it.
    let three = with_pool(&scratch, "three.toml", "north");
    let force = Some("test".to_owned());
    assert!(matches!(control.try_apply(Apply { force, ..confirm() }, &three), Reply::Applied(_)));
    dataplane.run_out();
    wait_for("left", || !scratch.path("state/bng1/pending").exists());
    assert_eq!((number(), dataplane.adopted()), (2, vec![1, 2, 3]));
    wait_for("match", || control.status().dataplane.digest_match == Some(true));
}

#[test]
fn rollback_brings_back_the_policy_before() {
    let scratch = Scratch::new();
    let dataplane = Double::start(&scratch.socket(), Manner::Good);
    let control = Control::start(&scratch);
    wait_for("connection", || control.status().dataplane.up);
    let first = control.apply(&monitor(&scratch)).digest;
    control.apply(&with_pool(&scratch, "two.toml", "west"));
    let Reply::Applied(applied) = ask(control.socket(), &Request::Rollback { number: None }).unwrap() else { panic!() };
    assert_eq!((applied.digest, applied.generation), (first, 3));
    let policy = control.status().policy.unwrap();
    assert_eq!((policy.number, policy.comment.as_deref()), (3, Some("rollback to policy 1")));
    assert_eq!(dataplane.adopted(), [1, 2, 3]);
    let Reply::History { policies, .. } = ask(control.socket(), &Request::History).unwrap() else { panic!() };
    assert_eq!(policies.iter().map(|policy| policy.number).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn whoever_the_kernel_does_not_name_changes_nothing() {
    let scratch = Scratch::new();
    let store = std::sync::Arc::new(gate25_control::state::Store::open(&scratch.path("state"), "bng1").unwrap());
    let shared = std::sync::Arc::new(gate25_control::supervise::Shared::new(now()));
    let settings = gate25_control::supervise::Settings::new("bng1", scratch.socket());
    // Nobody works: a change that got through would wait for ever.
    let (_supervisor, desk) = gate25_control::supervise::Supervisor::new(settings, store, shared);
    let nobody = Peer { uid: u32::MAX, gid: u32::MAX, pid: 0, login: None };
    for request in [Request::Confirm, Request::Rollback { number: None }, Request::Apply(Apply::default())] {
        let Reply::Refused { cause, text } = desk.handle(request, nobody, &mut std::io::empty()).reply else {
            panic!()
        };
        assert!(cause == Cause::Request && text.contains("who you are"), "{text}");
    }
    assert!(matches!(desk.handle(Request::Status, nobody, &mut std::io::empty()).reply, Reply::Status(_)));
}
