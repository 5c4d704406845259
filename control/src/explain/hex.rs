//! A frame as a person types it: hexadecimal digits, as tshark and tcpdump print them.

use crate::replay::ReplayError;

/// The bytes of hexadecimal `text`; blanks, line ends, colons and a leading 0x do not count.
///
/// # Errors
/// A character that is no digit, or half a byte.
pub fn from_hex(text: &str) -> Result<Vec<u8>, ReplayError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let before = text.chars().count() - digits.chars().count();
    let mut bytes = Vec::new();
    let mut high = None;
    for (index, found) in digits.chars().enumerate() {
        if found.is_whitespace() || found == ':' {
            continue;
        }
        let Some(digit) = found.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            return Err(ReplayError::NotHex { found, position: before + index + 1 });
        };
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(high << 4 | digit);
                None
            }
        };
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(ReplayError::HalfByte { digits: 2 * bytes.len() + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_print_is_read() {
        assert_eq!(from_hex("0x00fF").unwrap(), [0, 255]);
        assert_eq!(from_hex("0200 0000\n00:01").unwrap(), [2, 0, 0, 0, 0, 1]);
        assert!(from_hex("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_frame_is_named() {
        let error = |text| from_hex(text).unwrap_err().to_string();
        assert_eq!(
            error("0x00 0g"),
            "'g' at position 7 of the frame is no hexadecimal digit; write pairs of 0-9 and a-f"
        );
        assert_eq!(error("123"), "the frame has 3 hexadecimal digits, half a byte too many or too few; write pairs");
    }
}
