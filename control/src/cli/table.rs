//! Plain tables: columns out of JSON rows, so that a table never knows more than `--json`.

use std::io::IsTerminal;

use serde_json::Value;

/// A column: its heading, and which key of a row it shows.
pub(super) type Column = (&'static str, &'static str);

/// Rows as a table; numbers to the right, the heading bold on a terminal unless NO_COLOR is set.
pub(super) fn table(columns: &[Column], rows: &[Value]) -> String {
    let bold = is_coloured();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, key)| cell(&row[*key])).collect()).collect();
    let is_number =
        |index: usize| rows.iter().all(|row| row[columns[index].1].is_number() || row[columns[index].1].is_null());
    let width = |index: usize| {
        let cells = cells.iter().map(|row| row[index].chars().count());
        cells.chain([columns[index].0.chars().count()]).max().unwrap_or(0)
    };
    let shape: Vec<(usize, bool)> = (0..columns.len()).map(|index| (width(index), is_number(index))).collect();
    let heading: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let heading = line(&heading, &shape);
    let heading = if bold { format!("\x1b[1m{}\x1b[0m\n", heading.trim_end()) } else { heading };
    cells.iter().fold(heading, |text, row| text + &line(row, &shape))
}

/// Whether stdout is a terminal and NO_COLOR (<https://no-color.org>) is not set, or empty.
pub(super) fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn line(cells: &[String], shape: &[(usize, bool)]) -> String {
    let padded = cells.iter().zip(shape).map(
        |(cell, &(width, right))| {
            if right { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        },
    );
    let line: Vec<String> = padded.collect();
    line.join("  ").trim_end().to_owned() + "\n"
}

/// A value as a person reads it.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(values) if values.is_empty() => "-".into(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_stand_to_the_right_and_nothing_trails() {
        let rows = [json!({"a": "east", "n": 7, "o": null}), json!({"a": "w", "n": 1234, "o": true})];
        let text = table(&[("POOL", "a"), ("N", "n"), ("ON", "o")], &rows);
        assert_eq!(text, "POOL     N  ON\neast     7  -\nw     1234  yes\n");
    }

    #[test]
    fn no_rows_leave_the_heading() {
        assert_eq!(table(&[("A", "a"), ("B", "b")], &[]), "A  B\n");
    }
}
