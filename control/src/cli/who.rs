//! `gate25 who ADDRESS`: what the policy says of an address, now or at a time past. For the helpdesk.
//!
//! Now: under the image the workers read, with places and times from control. At another time: under the policy
//! that control keeps of that time; one that was applied with --confirm and left again is not among them.

use std::net::IpAddr;

use gate25_include::image::{Image, Kind};
use serde_json::{Value, json};

use super::explain::{in_line, in_pool, line, matched, place, settings};
use super::kept::{self, Kept};
use super::output::{self, Exit, Failure, hex};
use super::{Context, table};
use crate::api::{self, Origin, PolicyState, PoolStage, Reply, Request};
use crate::config::{format_time, parse_time};
use crate::policy::Policy;
use crate::publish::{Dataplane, PATIENCE};
use crate::supervise::{next_changes, now, origins, stage_name};

/// Say in which pool or exemption an address is, why, and since when.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// The address of a subscriber
    address: IpAddr,
    /// At another time, as in 2026-12-01T03:00:00+09:00, by the policy that control keeps of that time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
}

/// What is known of the address.
struct Known {
    image: Image,
    at: i64,
    origin: Option<Origin>,
    stage: Option<PoolStage>,
    policy: Option<PolicyState>,
}

impl Who {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let known = match self.at {
            None => self.now(context)?,
            Some(at) => self.at(at, context)?,
        };
        let value = known.as_ref().map_or_else(|| self.nothing(), |known| self.value(known));
        if context.json {
            return output::json(&value);
        }
        output::data(&self.in_words(&value))
    }

    fn now(&self, context: &Context) -> Result<Option<Known>, Failure> {
        let Some(image) = Dataplane::connect(&context.dataplane_socket(), PATIENCE)?.image()? else {
            return Ok(None);
        };
        let socket = context.control_socket();
        let ask = |request: &Request| match api::ask(&socket, request) {
            Ok(reply) => Some(reply),
            Err(error) => {
                output::talk(&format!("note: {error}"));
                None
            }
        };
        let mut known = Known { at: now(), origin: None, stage: None, policy: None, image };
        let source = matched(&known.image, self.address);
        let Some(Reply::Status(status)) = ask(&Request::Status) else { return Ok(Some(known)) };
        known.policy = status.policy;
        if let Some(Reply::Origin(origins)) = ask(&Request::Origin { source, destination: None }) {
            if origins.digest == hex(known.image.digest()) {
                known.origin = origins.source;
            } else {
                output::talk("note: gate25-control holds another policy than the one that runs; places are not known");
            }
        }
        known.stage = name(&known.image, self.address).and_then(|pool| {
            let Some(Reply::Stages { pools }) = ask(&Request::Stages { pool: Some(pool), at: None }) else {
                return None;
            };
            pools.into_iter().next()
        });
        Ok(Some(known))
    }

    fn at(&self, at: i64, context: &Context) -> Result<Option<Known>, Failure> {
        let kept = Kept::of_time(context, at)?;
        let policy = kept.policy(at)?;
        let effective = policy.at(at);
        let image = kept::image(&effective)?;
        let origin = origins(&effective, matched(&image, self.address), None).source;
        let stage = name(&image, self.address).map(|pool| stage_at(&policy, &image, pool, at, context)).transpose()?;
        Ok(Some(Known { image, at, origin, stage, policy: Some(kept.about) }))
    }

    /// No policy is in force.
    fn nothing(&self) -> Value {
        json!({ "address": self.address, "at": format_time(now()), "kind": null, "name": null, "policy": null })
    }

    fn value(&self, known: &Known) -> Value {
        let Known { image, at, origin, stage, policy } = known;
        let settings = settings(image, self.address);
        let pool = image.source(self.address).and_then(|found| image.pool(found.pool));
        let since = stage.as_ref().and_then(|stage| stage.since).map(format_time);
        let next =
            stage.as_ref().and_then(|stage| Some(json!({ "at": format_time(stage.next_at?), "to": stage.next })));
        json!({
            "address": self.address,
            "at": format_time(*at),
            "kind": pool.as_ref().map(|pool| match pool.kind { Kind::Pool => "pool", Kind::Exempt => "exempt" }),
            "name": pool.as_ref().map(|pool| pool.name),
            "prefix": matched(image, self.address),
            "origin": origin,
            "stage": pool.as_ref().map(stage_name),
            "since": since,
            "next_change": next,
            "line": line(image, self.address),
            "settings": settings,
            "digest": hex(image.digest()),
            "policy": policy,
        })
    }

    fn in_words(&self, value: &Value) -> String {
        let cell = |key: &str| table::cell(&value[key]);
        let mut lines: Vec<(&str, String)> = Vec::new();
        let head = if value["kind"].is_null() {
            match value["policy"].is_null() && value["digest"].is_null() {
                true => format!("{}: no policy is in force, everything passes\n", self.address),
                false => format!("{}: in no pool and no exemption, its mail passes\n", self.address),
            }
        } else {
            let origin = place(&value["origin"]).map_or_else(String::new, |place| format!(", {place}"));
            format!("{}: {} \"{}\" by {}{origin}\n", self.address, cell("kind"), cell("name"), cell("prefix"))
        };
        if !value["kind"].is_null() {
            let since = if value["since"].is_null() { "a time not known".into() } else { cell("since") };
            lines.push(("stage", format!("{} since {since}", cell("stage"))));
            let next = &value["next_change"];
            let next = if next.is_null() {
                "none is planned".to_owned()
            } else {
                format!("{} from {} on", table::cell(&next["to"]), table::cell(&next["at"]))
            };
            lines.push(("next change", next));
        }
        if value["kind"] == "pool" {
            lines.push(("pool", in_pool(&value["settings"])));
            lines.push(("line", in_line(&value["line"], &value["settings"])));
        }
        if let Ok(policy) = serde_json::from_value::<PolicyState>(value["policy"].clone()) {
            let comment = policy.comment.map_or_else(String::new, |comment| format!(" ({comment})"));
            let applied = format_time(policy.applied_at);
            lines.push(("policy", format!("{} of {applied} by {}{comment}", policy.number, policy.by)));
        }
        if self.at.is_some() {
            lines.push(("as of", cell("at")));
        }
        lines.iter().fold(head, |text, (key, what)| text + &format!("  {key:<13}{what}\n"))
    }
}

/// The name of the pool or exemption of an address.
fn name(image: &Image, address: IpAddr) -> Option<String> {
    Some(image.pool(image.source(address)?.pool)?.name.to_owned())
}

/// The stage of a pool of a past policy, and since when: as control saw it, or as the policy says.
fn stage_at(policy: &Policy, image: &Image, pool: String, at: i64, context: &Context) -> Result<PoolStage, Failure> {
    let request = Request::Stages { pool: Some(pool.clone()), at: Some(at) };
    let seen = match api::ask(&context.control_socket(), &request)? {
        Reply::Stages { pools } => pools.into_iter().next(),
        other => return Err(super::apply::failure(other)),
    };
    let stage = image.pools().find(|one| one.name == pool).map_or("", |one| stage_name(&one)).to_owned();
    let timed = policy.pools.iter().find(|one| one.name == pool).and_then(|one| one.enforce_from);
    let seen = seen.filter(|seen| seen.stage == stage).and_then(|seen| seen.since);
    let next = next_changes(policy, at).get(pool.as_str()).copied();
    Ok(PoolStage {
        since: seen.or(timed.filter(|from| *from <= at)),
        stage,
        pool,
        next_at: next.map(|(at, _)| at),
        next: next.map(|(_, what)| what.to_owned()),
    })
}
