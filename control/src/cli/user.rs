//! Names of users, for people: what /etc/passwd says, else the number.

/// The name of a user id.
pub(super) fn name(uid: u32) -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find(&passwd, uid).map_or_else(|| uid.to_string(), str::to_owned)
}

/// The name is the first field of a line, the number the third.
fn find(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!((find(passwd, 0), find(passwd, 1000), find(passwd, 7)), (Some("root"), Some("alice"), None));
    }
}
