//! `gate25 show policy`: the text of the policy that runs, or of one that is kept.

use serde_json::{Value, json};

use super::super::kept::Kept;
use super::super::output::{self, Exit, Failure};
use super::Context;

/// The text of the policy that runs, or of a kept one.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowPolicy {
    /// Number of the policy, as `gate25 history` lists it; the one that runs if not given
    number: Option<u64>,
    /// Print this prefix file of it instead, by its name or the end of its name
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

impl ShowPolicy {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let kept = Kept::fetch(context, self.number)?;
        if context.json {
            return output::json(&value(&kept)?);
        }
        if let Some(name) = &self.file {
            return output::data(&kept.text(find(&kept, name)?)?);
        }
        let about = &kept.about;
        output::talk(&format!("{}: generation {}, digest {}", kept.title(), about.generation, about.digest));
        about.comment.iter().for_each(|comment| output::talk(&format!("comment: {comment}")));
        about.force.iter().for_each(|reason| output::talk(&format!("forced because: {reason}")));
        for file in kept.files.iter().skip(1) {
            output::talk(&format!("--file {}: {} bytes", file.path.display(), file.bytes));
        }
        output::data(&kept.text(0)?)
    }
}

/// The one file that has this name or ends in it.
fn find(kept: &Kept, name: &str) -> Result<usize, Failure> {
    let ends = |(index, file): (usize, &crate::api::FileHeader)| file.path.ends_with(name).then_some(index);
    let found: Vec<usize> = kept.files.iter().enumerate().filter_map(ends).collect();
    match found.as_slice() {
        [index] => Ok(*index),
        [] => Err(Failure::Other(format!("the policy has no file {name}; gate25 show policy lists them"))),
        several => Err(Failure::Other(format!("{} files end in {name}; give more of the name", several.len()))),
    }
}

fn value(kept: &Kept) -> Result<Value, Failure> {
    let mut files = Vec::new();
    for (index, file) in kept.files.iter().enumerate() {
        files.push(json!({ "path": file.path, "bytes": file.bytes, "text": kept.text(index)? }));
    }
    Ok(json!({ "policy": kept.about, "files": files }))
}
