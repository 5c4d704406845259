//! Times of day: RFC 3339 with offset, to whole seconds since 1970-01-01T00:00:00Z.
//!
//! One grammar for the policy file and for `--at`: that of TOML's offset date-time. No local times, no
//! time zone names, no fractions and no second 60, as a change has to fall on one second everywhere.

use toml::value::{Datetime, Offset};

/// Why a text or TOML date-time names no second.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339, or without an offset.
    #[error("{0:?} is not a time with offset; write it as in 2026-12-01T03:00:00+09:00")]
    NotRfc3339(String),
    /// A fraction of a second, or second 60.
    #[error("{0:?} does not name a whole second from 00 to 59; write whole seconds")]
    NotASecond(String),
}

/// Reads an RFC 3339 time with offset, as `--at TIME` takes it, to unix seconds.
///
/// # Errors
/// A text that is not RFC 3339, has no offset, or names no whole second.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    let not_rfc3339 = || TimeError::NotRfc3339(text.to_owned());
    let datetime: Datetime = text.trim().parse().map_err(|_| not_rfc3339())?;
    if datetime.offset.is_none() {
        return Err(not_rfc3339());
    }
    unix_seconds(&datetime).ok_or_else(|| TimeError::NotASecond(text.to_owned()))
}

/// Unix seconds as RFC 3339 in UTC; a second outside year -9999..9999 as the bare number.
pub fn format_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// The unix second of a date-time that has date, time and offset; nothing for one that lacks any,
/// has a fraction, or names second 60.
pub(crate) fn unix_seconds(datetime: &Datetime) -> Option<i64> {
    let (date, time, offset) = (datetime.date?, datetime.time?, datetime.offset?);
    let second = time.second.unwrap_or(0);
    if second > 59 || time.nanosecond.unwrap_or(0) != 0 {
        return None;
    }
    let small = |value: u8| i8::try_from(value).ok();
    let civil = jiff::civil::DateTime::new(
        i16::try_from(date.year).ok()?,
        small(date.month)?,
        small(date.day)?,
        small(time.hour)?,
        small(time.minute)?,
        small(second)?,
        0,
    );
    let utc = civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    Some(utc - minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_subtracted() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(parse_time("1970-01-01T09:00:01+09:00"), Ok(1));
        assert_eq!(parse_time("1969-12-31T18:30:00-05:30"), Ok(0));
        assert_eq!(parse_time("2026-12-01T03:00:00+09:00"), Ok(1_796_061_600));
        assert_eq!(parse_time("2026-12-01 03:00:00+09:00"), Ok(1_796_061_600));
    }

    #[test]
    fn times_without_offset_and_parts_of_seconds_are_refused() {
        for text in ["", "tomorrow", "2026-12-01", "03:00:00", "2026-12-01T03:00:00", "2026-02-30T03:00:00Z"] {
            assert_eq!(parse_time(text), Err(TimeError::NotRfc3339(text.into())), "{text}");
        }
        for text in ["2026-12-01T03:00:00.5Z", "2026-12-31T23:59:60Z"] {
            assert_eq!(parse_time(text), Err(TimeError::NotASecond(text.into())), "{text}");
        }
    }

    #[test]
    fn printed_times_read_back() {
        for seconds in [0, 1, -1, 1_796_061_600] {
            assert_eq!(parse_time(&format_time(seconds)), Ok(seconds));
        }
    }
}
