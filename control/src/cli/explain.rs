//! `gate25 explain SRC DST`: what happens to mail from one address to another, and why. (A frame's: `walk`.)
//!
//! The verdict is the packet path's own, on a frame made for the question, under the image the workers
//! read or, with `--policy`, under a file. Files and lines come from the policy control holds, if it is
//! the one that runs.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use gate25_include::image::Image;
use gate25_path::{Direction, Line, Verdict, judge};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::frame::{CLIENT, SMTP, SYN, SYN_ACK, segment};
use super::kept::image;
use super::output::{self, Exit, Failure, hex};
use super::show::{groups, pool_settings};
use super::{Context, table, trie, walk};
use crate::api::{self, Origin, Origins, Reply, Request};
use crate::config::{format_time, parse_time};
use crate::explain::Which;
use crate::policy;
use crate::publish::{Dataplane, PATIENCE};
use crate::supervise::{now, origins};

/// Say what happens to mail from one address to another, or to a frame, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The address that opens the connection
    #[arg(required_unless_present_any = ["frame", "pcap", "trie"], conflicts_with_all = ["frame", "pcap"])]
    source: Option<IpAddr>,
    /// The address of the mail server
    #[arg(required_unless_present_any = ["frame", "pcap", "trie"])]
    destination: Option<IpAddr>,
    #[command(flatten)]
    which: Which,
    /// outbound: SRC is a subscriber; inbound: DST is one
    #[arg(long, value_enum, default_value_t = Way::Outbound)]
    direction: Way,
    /// Judge by this policy file instead of what runs
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// With --policy: judge at this time, as in 2026-12-01T03:00:00+09:00; now if not given
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "policy")]
    at: Option<i64>,
    /// Show the look-up of this address in the source table that runs, word by word
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["frame", "pcap", "source", "policy"])]
    trie: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    Outbound,
    Inbound,
}

/// What happens to mail between two addresses?
#[derive(Debug)]
struct Question {
    source: IpAddr,
    destination: IpAddr,
    direction: Way,
    policy: Option<PathBuf>,
    at: Option<i64>,
}

/// The image to judge by, and where its prefixes were written.
struct Ground {
    image: Option<Image>,
    origins: Result<Origins, String>,
    /// The second it stands for.
    at: i64,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self { source, destination, which, direction, policy, at, trie } = self;
        if let Some(address) = trie {
            return trie::run(address, context);
        }
        match (source, destination, &policy) {
            (Some(source), Some(destination), _) => {
                Question { source, destination, direction, policy, at }.run(context)
            }
            (_, _, Some(file)) => walk::by_file(&which, direction.into(), file, at, context),
            _ => walk::by_workers(&which, direction.into(), context),
        }
    }
}

impl From<Way> for Direction {
    fn from(way: Way) -> Direction {
        match way {
            Way::Outbound => Direction::Outbound,
            Way::Inbound => Direction::Inbound,
        }
    }
}

impl Question {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let ground = match &self.policy {
            Some(file) => self.offline(file)?,
            None => self.online(context)?,
        };
        let value = self.explain(&ground)?;
        if context.json {
            return output::json(&value);
        }
        output::data(&self.in_words(&value))
    }

    fn direction(&self) -> Direction {
        self.direction.into()
    }

    /// The subscriber's address and the other one.
    fn ends(&self) -> (IpAddr, IpAddr) {
        match self.direction {
            Way::Outbound => (self.source, self.destination),
            Way::Inbound => (self.destination, self.source),
        }
    }

    fn offline(&self, file: &std::path::Path) -> Result<Ground, Failure> {
        let at = self.at.unwrap_or_else(now);
        let policy = policy::load_at(file, at, &policy::Limits::default())?;
        let effective = policy.at(at);
        let image = image(&effective)?;
        let (ours, other) = self.ends();
        let origins = origins(&effective, matched(&image, ours), Some(other));
        Ok(Ground { image: Some(image), origins: Ok(origins), at })
    }

    fn online(&self, context: &Context) -> Result<Ground, Failure> {
        let image = Dataplane::connect(&context.dataplane_socket(), PATIENCE)?.image()?;
        let at = image.as_ref().map_or_else(now, Image::compiled_at);
        let origins = match &image {
            None => Err("no policy is in force".to_owned()),
            Some(image) => self.origins(image, context),
        };
        Ok(Ground { image, origins, at })
    }

    /// Where the policy that control holds says so, if it is the one that runs.
    fn origins(&self, image: &Image, context: &Context) -> Result<Origins, String> {
        let (ours, other) = self.ends();
        let request = Request::Origin { source: matched(image, ours), destination: Some(other) };
        match api::ask(&context.control_socket(), &request) {
            Ok(Reply::Origin(origins)) if origins.digest == hex(image.digest()) => Ok(origins),
            Ok(Reply::Origin(_)) => Err("gate25-control holds another policy than the one that runs".into()),
            Ok(_) => Err("gate25-control gave another answer; run programs of one release".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn explain(&self, ground: &Ground) -> Result<Value, Failure> {
        let image = ground.image.as_ref();
        let mixed = || Failure::Other("one address is IPv4, the other IPv6; give two of one family".into());
        let judge = |direction, from, to, flags| {
            segment(from, to, flags).map(|frame| judge(image, direction, &frame)).ok_or_else(mixed)
        };
        let (ours, other) = self.ends();
        let mail = judge(self.direction(), (self.source, CLIENT), (self.destination, SMTP), SYN)?;
        let answer = judge(Direction::Inbound, (other, SMTP), (ours, CLIENT), SYN_ACK)?;
        let groups = image.map_or_else(Vec::new, |image| groups(image, image.destination(other)));
        let (origin, groups_at, unknown) = match &ground.origins {
            Ok(origins) => (origins.source.as_ref(), &origins.destinations[..], None),
            Err(why) => (None, &[][..], Some(why)),
        };
        let mut value = json!({
            "source": self.source,
            "destination": self.destination,
            "direction": self.direction().name(),
            "at": format_time(ground.at),
            "generation": if self.policy.is_some() { None } else { image.map(Image::generation) },
            "digest": image.map(|image| hex(image.digest())),
            "subscriber": ours,
            "prefix": image.and_then(|image| matched(image, ours)),
            "origin": origin,
            "origin_unknown": unknown,
            "settings": image.and_then(|image| settings(image, ours)),
            "line": image.and_then(|image| line(image, ours)),
            "groups": groups,
            "groups_at": groups_at,
            "answer_from_port_25": verdict(&answer),
        });
        if let (Value::Object(value), Value::Object(verdict)) = (&mut value, verdict(&mail)) {
            value.extend(verdict);
        }
        Ok(value)
    }

    fn in_words(&self, value: &Value) -> String {
        let cell = |key: &str| table::cell(&value[key]);
        let mut text = format!("{} → {} port 25, {}: ", self.source, self.destination, cell("direction"));
        text += &format!("{} ({})\n  {}\n", cell("verdict"), cell("reason"), cell("help"));
        let mut say = |key: &str, what: String| text += &format!("  {key:<13}{what}\n");
        let settings = &value["settings"];
        if settings.is_null() {
            say("subscriber", format!("{} is in no pool and no exemption", cell("subscriber")));
        } else {
            let kind = table::cell(&settings["kind"]);
            let place = place(&value["origin"]).map_or_else(String::new, |place| format!(", {place}"));
            say(
                "subscriber",
                format!("{kind} \"{}\", prefix {}{place}", table::cell(&settings["pool"]), cell("prefix")),
            );
            if kind == "pool" {
                say("pool", in_pool(settings));
                say("line", in_line(&value["line"], settings));
            }
        }
        say("other end", in_groups(&value["groups_at"], &value["groups"]));
        let answer = &value["answer_from_port_25"];
        if self.direction == Way::Outbound {
            say(
                "answers",
                format!("from port 25: {} ({})", table::cell(&answer["verdict"]), table::cell(&answer["reason"])),
            );
        } else {
            let what = format!("{} ({})", table::cell(&answer["verdict"]), table::cell(&answer["reason"]));
            say("answers", format!("if {} answers from port 25: {what}", self.source));
        }
        match value["generation"].as_u64() {
            Some(generation) => say("judged by", format!("generation {generation}, digest {}", cell("digest"))),
            None if self.policy.is_some() => say("judged by", format!("the policy file as of {}", cell("at"))),
            None => say("judged by", "no policy: everything passes".into()),
        }
        if !value["origin_unknown"].is_null() {
            say("places", format!("not known: {}", cell("origin_unknown")));
        }
        text
    }
}

/// The prefix of the source table that an address matches.
pub(super) fn matched(image: &Image, address: IpAddr) -> Option<IpNet> {
    let found = image.source(address)?;
    IpNet::new(address, found.prefix_len).ok().map(|prefix| prefix.trunc())
}

pub(super) fn settings(image: &Image, address: IpAddr) -> Option<Value> {
    let pool = image.pool(image.source(address)?.pool)?;
    Some(pool_settings(image, &pool))
}

/// The line of an address in a pool.
pub(super) fn line(image: &Image, address: IpAddr) -> Option<Value> {
    let found = image.source(address)?;
    let pool = image.pool(found.pool).filter(|pool| pool.kind == gate25_include::image::Kind::Pool)?;
    let line = Line::of(address, pool.line_prefix, found.prefix_len);
    let inside = line.is_inside(pool.share);
    Some(json!({ "line": line.to_string(), "percentile": line.percentile(), "inside_share": inside }))
}

fn verdict(verdict: &Verdict) -> Value {
    let (reason, action) = (verdict.reason, verdict.action);
    json!({ "verdict": action.name(), "reason": reason.name(), "help": reason.help() })
}

pub(super) fn in_pool(settings: &Value) -> String {
    let cell = |key: &str| table::cell(&settings[key]);
    let only = if settings["only"].is_null() { "all destinations".into() } else { format!("only {}", cell("only")) };
    format!(
        "stage {}, action {}, match {}, blocks {only}, allows {}",
        cell("stage"),
        cell("action"),
        cell("match"),
        cell("allow")
    )
}

pub(super) fn in_line(line: &Value, settings: &Value) -> String {
    let inside = if line["inside_share"] == true { "inside" } else { "outside" };
    format!(
        "{}, {inside} share {} (it is in from share {} on)",
        table::cell(&line["line"]),
        settings["share"],
        line["percentile"].as_u64().unwrap_or(0) + 1
    )
}

fn in_groups(places: &Value, groups: &Value) -> String {
    let placed = places.as_array().map_or(&[][..], Vec::as_slice);
    let groups = groups.as_array().map_or(&[][..], Vec::as_slice);
    if groups.is_empty() {
        return "in no destination group".into();
    }
    let named = |group: &Value| {
        let at = placed.iter().rfind(|one| one["name"] == *group).and_then(place);
        let at = at.map_or_else(String::new, |at| format!(" ({at})"));
        format!("\"{}\"{at}", table::cell(group))
    };
    format!("in destination {}", groups.iter().map(named).collect::<Vec<_>>().join(", "))
}

pub(super) fn place(origin: &Value) -> Option<String> {
    let origin: Origin = serde_json::from_value(origin.clone()).ok()?;
    Some(format!("{}:{}:{}", origin.file.display(), origin.line, origin.column))
}
