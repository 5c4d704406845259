//! What was measured, for people and for programs: a table on the terminal, and one line of JSON per row.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

/// A figure for people: as many digits as mean something, `-` for none.
pub fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Bytes for people.
pub fn bytes(value: Option<u64>) -> String {
    match value {
        None => "-".into(),
        Some(bytes) if bytes >= 1 << 20 => format!("{} MB", figure(Some(bytes as f64 / f64::from(1 << 20)))),
        Some(bytes) => format!("{} KB", figure(Some(bytes as f64 / 1024.0))),
    }
}

/// A table: the first column is left-aligned, the others right-aligned.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heads.get(column).map(|head| head.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned() + "\n"
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    line(heads.to_vec()) + &body.collect::<String>()
}

/// Writes one line of JSON per row to `file`.
///
/// # Errors
/// The file cannot be written.
pub fn write_json<R: Serialize>(file: &Path, rows: &[R]) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([Some(123.4), Some(12.34), Some(1.234), None].map(figure), ["123", "12.3", "1.23", "-"]);
        assert_eq!([Some(1536), Some(5 << 20), None].map(bytes), ["1.50 KB", "5.00 MB", "-"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".into(), "10".into()], vec!["long".into(), "9".into()]];
        assert_eq!(table(&["name", "n"], &rows), "name   n\na     10\nlong   9\n");
    }
}
